//! The layer cache: what is reused, what damage does, who may write at once, and how it is made smaller.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use expect_test::expect;

use crate::errors::without_random_name;
use crate::fixture::{FULL, Place, Ran};

/// Builds with a base of several groups; the output is `out`.
const BUILD: &str = "build --profile coco-dev --builtin-guest --base base --output-dir out";

/// A place with a base of some 17 MB: five groups with what is built in.
fn place() -> Place {
    let place = Place::new();
    place.shell("mkdir base && for i in 1 2 3 4 5 6; do seq $i 400000 > base/$i; done");
    place
}

/// Builds, and gives the image with what was said of the cache.
fn build(place: &Place, words: &str) -> (Vec<u8>, String) {
    let Ran { code, words: said, .. } = place.run(words);
    assert_eq!(code, 0, "{said}");
    let of_cache = said.split_inclusive('\n').filter(|line| line.contains("cache"));
    (place.read("out/coco-initrd-coco-dev.img"), of_cache.collect())
}

/// The entries of the cache, by size, the largest first.
fn entries(place: &Place) -> Vec<PathBuf> {
    let mut entries: Vec<(u64, PathBuf)> = Vec::new();
    for shard in fs_err::read_dir(place.cache().join("v1")).unwrap() {
        let shard = shard.unwrap().path();
        for entry in fs_err::read_dir(&shard).into_iter().flatten() {
            let entry = entry.unwrap();
            entries.push((entry.metadata().unwrap().len(), entry.path()));
        }
    }
    entries.sort();
    entries.into_iter().rev().map(|(_, path)| path).collect()
}

#[test]
fn the_second_build_reuses_all_and_gives_the_same_bytes() {
    let place = place();
    let (first, said) = build(&place, BUILD);
    assert_eq!(said, "");
    let manifest = place.read("out/manifest.json");
    for method in ["1", "4"] {
        let (second, said) = build(&place, &format!("{BUILD} --threads {method}"));
        assert_eq!(said, "cache: 5 of 5 groups reused\n");
        assert!(second == first);
        assert!(place.read("out/manifest.json") == manifest);
    }
}

#[test]
fn another_policy_costs_one_group() {
    let place = place();
    let policy = include_str!("../../../../policies/default-restrictive.rego");
    place.file("other.rego", format!("{policy}# another policy\n"));
    build(&place, BUILD);
    let words = format!("{BUILD} --policy other.rego");
    let (cached, said) = build(&place, &words);
    assert_eq!(said, "cache: 4 of 5 groups reused\n");
    assert!(build(&place, &format!("{words} --no-cache")).0 == cached);
}

#[test]
fn compressions_do_not_get_in_each_others_way() {
    let place = place();
    for method in ["gzip", "none"] {
        let words = format!("{BUILD} --compression {method}");
        let (first, said) = build(&place, &words);
        assert_eq!(said, "", "{method}");
        let (second, said) = build(&place, &words);
        assert_eq!(said, "cache: 5 of 5 groups reused\n", "{method}");
        assert!(second == first, "{method}");
    }
}

#[test]
fn no_cache_keeps_nothing_and_takes_nothing() {
    let place = place();
    let words = format!("{BUILD} --no-cache");
    let first = build(&place, &words);
    assert!(!place.cache().exists());
    build(&place, BUILD);
    assert!(build(&place, &words) == first);
}

/// A lie in the cache, with a digest that fits: only building anew finds it.
#[test]
fn the_second_build_of_check_is_without_cache() {
    let place = place();
    build(&place, BUILD);
    let entry = entries(&place).remove(0);
    let mut bytes = fs_err::read(&entry).unwrap();
    // The time in the gzip member's header: it unpacks to the same.
    bytes[88] ^= 1;
    fs_err::write(place.join("packed"), &bytes[84..]).unwrap();
    let digest = place.shell("sha256sum packed").data;
    for (byte, pair) in bytes[52..84].iter_mut().zip(digest.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    fs_err::write(&entry, &bytes).unwrap();
    let ran = place.run(&format!("{BUILD} --check"));
    assert_eq!(ran.code, 1, "{}", ran.words);
    assert!(ran.words.contains("error: two builds differ in "), "{}", ran.words);
}

/// Flips a bit of the byte at `at`.
fn flip(path: &PathBuf, at: usize) {
    let mut bytes = fs_err::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs_err::write(path, bytes).unwrap();
}

/// Everything that can be wrong with an entry: what is done to it, and what is said of it.
#[test]
fn a_damaged_entry_is_found_made_again_and_told() {
    type Damage = fn(&PathBuf);
    let place = place();
    let (image, _) = build(&place, BUILD);
    let cases: [(&str, Damage); 12] = [
        ("flip the magic", |path| flip(path, 3)),
        ("flip the version", |path| flip(path, 8)),
        ("flip the key", |path| flip(path, 20)),
        ("flip the length", |path| flip(path, 44)),
        ("flip the digest", |path| flip(path, 60)),
        ("flip the first packed byte", |path| flip(path, 84)),
        ("flip the last byte", |path| flip(path, fs_err::read(path).unwrap().len() - 1)),
        ("empty it", |path| fs_err::write(path, "").unwrap()),
        ("leave the header only", |path| fs_err::write(path, &fs_err::read(path).unwrap()[..84]).unwrap()),
        ("cut it in the header", |path| fs_err::write(path, &fs_err::read(path).unwrap()[..83]).unwrap()),
        ("let it grow", |path| {
            fs_err::write(path, [fs_err::read(path).unwrap(), b"x".to_vec()].concat()).unwrap();
        }),
        ("put a link there", |path| {
            let elsewhere = path.with_extension("elsewhere");
            fs_err::rename(path, &elsewhere).unwrap();
            symlink(elsewhere, path).unwrap();
        }),
    ];
    let mut told = String::new();
    for (name, damage) in cases {
        let entry = entries(&place).into_iter().find(|path| path.extension().is_none()).unwrap();
        damage(&entry);
        let (again, said) = build(&place, BUILD);
        assert!(again == image, "{name}");
        let key = entry.strip_prefix(place.cache()).unwrap().to_str().unwrap();
        told.extend([name, ": ", &without_digests(&said.replace(key, "ENTRY"))]);
        assert_eq!(build(&place, BUILD), (image.clone(), "cache: 5 of 5 groups reused\n".to_owned()));
    }
    expect![[r#"
        flip the magic: note: cache entry CACHE/ENTRY is damaged (it does not begin as an entry does), made again
        cache: 4 of 5 groups reused
        flip the version: note: cache entry CACHE/ENTRY is damaged (got version 17, expected 1), made again
        cache: 4 of 5 groups reused
        flip the key: note: cache entry CACHE/ENTRY is damaged (it is of group SHA256), made again
        cache: 4 of 5 groups reused
        flip the length: note: cache entry CACHE/ENTRY is damaged (got N bytes, expected N), made again
        cache: 4 of 5 groups reused
        flip the digest: note: cache entry CACHE/ENTRY is damaged (SHA-256 got SHA256, expected SHA256), made again
        cache: 4 of 5 groups reused
        flip the first packed byte: note: cache entry CACHE/ENTRY is damaged (SHA-256 got SHA256, expected SHA256), made again
        cache: 4 of 5 groups reused
        flip the last byte: note: cache entry CACHE/ENTRY is damaged (SHA-256 got SHA256, expected SHA256), made again
        cache: 4 of 5 groups reused
        empty it: note: cache entry CACHE/ENTRY is damaged (got 0 bytes, expected at least 84), made again
        cache: 4 of 5 groups reused
        leave the header only: note: cache entry CACHE/ENTRY is damaged (got 84 bytes, expected N), made again
        cache: 4 of 5 groups reused
        cut it in the header: note: cache entry CACHE/ENTRY is damaged (got 83 bytes, expected at least 84), made again
        cache: 4 of 5 groups reused
        let it grow: note: cache entry CACHE/ENTRY is damaged (got N bytes, expected N), made again
        cache: 4 of 5 groups reused
        put a link there: note: cache entry CACHE/ENTRY is damaged (got a symbolic link, expected a file), made again
        cache: 4 of 5 groups reused
    "#]].assert_eq(&told);
}

/// The text with what depends on the compiler of the built-in guest made the same: digests and sizes.
fn without_digests(text: &str) -> String {
    let masked = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|piece| {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        match word.len() {
            64 => piece.replace(word, "SHA256"),
            6.. if word.bytes().all(|byte| byte.is_ascii_digit()) => piece.replace(word, "N"),
            _ => piece.to_owned(),
        }
    });
    masked.collect()
}

#[test]
fn two_entries_that_changed_places_are_found() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    let entries = entries(&place);
    let (a, b) = (fs_err::read(&entries[0]).unwrap(), fs_err::read(&entries[1]).unwrap());
    fs_err::write(&entries[0], b).unwrap();
    fs_err::write(&entries[1], a).unwrap();
    let (again, said) = build(&place, BUILD);
    assert!(again == image);
    assert_eq!(said.matches("is damaged (it is of group ").count(), 2, "{said}");
    assert!(said.ends_with("cache: 3 of 5 groups reused\n"), "{said}");
}

/// Our program makes no directory there; whoever did may want it.
#[test]
fn a_directory_in_the_place_of_an_entry_stays_and_is_told() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    let entry = entries(&place).remove(0);
    fs_err::remove_file(&entry).unwrap();
    fs_err::create_dir(&entry).unwrap();
    let (again, said) = build(&place, BUILD);
    assert!(again == image);
    let name = entry.strip_prefix(place.cache()).unwrap().display().to_string();
    expect![[r#"
        note: cache entry CACHE/ENTRY is damaged (got a directory, expected a file), and can't be removed: Is a directory (os error 21)
        cache: 4 of 5 groups reused
    "#]].assert_eq(&said.replace(&name, "ENTRY"));
}

#[test]
fn a_pipe_in_the_place_of_an_entry_does_not_make_a_build_wait() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    let entry = entries(&place).remove(0);
    fs_err::remove_file(&entry).unwrap();
    place.shell(&format!("mkfifo {}", entry.display()));
    let (again, said) = build(&place, BUILD);
    assert!(again == image);
    assert!(said.contains(" is damaged (got a pipe, expected a file), made again\n"), "{said}");
}

#[test]
fn a_link_in_the_place_of_a_directory_is_not_followed() {
    let place = place();
    fs_err::create_dir_all(place.join("elsewhere")).unwrap();
    build(&place, BUILD);
    place.shell("mv $CACHE/v1 kept && ln -s $PWD/elsewhere $CACHE/v1");
    let (_, said) = build(&place, BUILD);
    expect![[r#"
        note: the cache CACHE takes no more: Not a directory (os error 20)
    "#]]
    .assert_eq(&said);
    assert_eq!(fs_err::read_dir(place.join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_directory_of_something_else_is_never_made_a_cache() {
    let place = place();
    place.file("mine/thesis.txt", "words");
    place.file("tagged/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# of a browser\n");
    let mut told = String::new();
    for words in [
        &format!("{BUILD} --cache-dir mine"),
        &format!("{BUILD} --cache-dir tagged"),
        &format!("{BUILD} --cache-dir mine/thesis.txt"),
        "cache stat --cache-dir mine",
        "cache gc --cache-dir mine --max-size 0",
    ] {
        let ran = place.run(words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}");
        told.push_str(&ran.words);
    }
    expect![[r#"
        error: mine is no cache: it has no CACHEDIR.TAG of coco-initrd, and is not empty
        hint: give --cache-dir a directory that is new, empty, or a cache already
        error: tagged is no cache: it has no CACHEDIR.TAG of coco-initrd, and is not empty
        hint: give --cache-dir a directory that is new, empty, or a cache already
        error: mine/thesis.txt is not a directory
        hint: give --cache-dir a directory that is new, empty, or a cache already
        error: mine is no cache: it has no CACHEDIR.TAG of coco-initrd, and is not empty
        hint: give --cache-dir a directory that is new, empty, or a cache already
        error: mine is no cache: it has no CACHEDIR.TAG of coco-initrd, and is not empty
        hint: give --cache-dir a directory that is new, empty, or a cache already
    "#]]
    .assert_eq(&told);
    assert_eq!(place.shell("ls mine").data, "thesis.txt\n");
    assert_eq!(place.names(), ["base", "mine", "tagged"]);
}

#[test]
fn without_a_place_for_a_cache_a_build_does_without() {
    let place = place();
    let ran = place.shell(&format!("env -u XDG_CACHE_HOME -u HOME $COCO {BUILD}"));
    assert_eq!(ran.code, 0);
    let relative = place.shell(&format!("XDG_CACHE_HOME=caches HOME=home $COCO {BUILD}"));
    assert_eq!(relative, ran);
    let note = ran.words.lines().next().unwrap();
    expect!["note: building without a cache: neither XDG_CACHE_HOME nor HOME is an absolute path: there is no place for a cache"].assert_eq(note);
    assert_eq!(place.names(), ["base", "out"]);
}

#[test]
fn the_cache_is_where_the_user_keeps_caches() {
    let place = place();
    for (setup, directory) in [
        ("env -u XDG_CACHE_HOME HOME=$PWD/home", "home/.cache/coco-initrd"),
        ("env XDG_CACHE_HOME=$PWD/caches HOME=$PWD/none", "caches/coco-initrd"),
        ("env XDG_CACHE_HOME=relative HOME=$PWD/other", "other/.cache/coco-initrd"),
    ] {
        assert_eq!(place.shell(&format!("{setup} $COCO {BUILD}")).code, 0);
        assert_eq!(place.shell(&format!("stat -c %a {directory}")).data, "700\n", "{setup}");
        assert!(place.join(directory).join("CACHEDIR.TAG").exists());
    }
}

/// Runs a line of shell as root of namespaces of its own, where it may mount.
fn in_namespace(place: &Place, line: &str) -> Ran {
    place.shell(&format!("unshare --user --map-root-user --mount sh -euc '{line}'"))
}

/// The cache's disk has room for the image, and after some groups no more.
#[test]
fn a_cache_on_a_full_disk_is_told_and_the_build_goes_on() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    fs_err::create_dir(place.join("disk")).unwrap();
    let ran = in_namespace(
        &place,
        &format!("mount -t tmpfs -o size=22m none disk; $COCO {BUILD} --cache-dir disk; ls disk"),
    );
    assert_eq!((ran.code, ran.data.ends_with("\nCACHEDIR.TAG\nv1\n")), (0, true), "{}", ran.words);
    assert!(place.read("out/coco-initrd-coco-dev.img") == image);
    let told = ran.words.lines().next().unwrap();
    let (before, after) = told.split_once(": got ").unwrap();
    assert_eq!(before, "note: the cache disk takes no more");
    assert!(after.contains(" bytes free, expected ") && after.ends_with(" for the image alone"), "{after}");
}

/// With room for all bytes: it is the kernel that says no.
#[test]
fn an_entry_that_can_not_be_written_is_told_and_the_build_goes_on() {
    let place = place();
    let (image, _) = build(&place, &format!("{BUILD} --no-cache"));
    fs_err::create_dir(place.join("disk")).unwrap();
    // Enough bytes, but only six files and directories: the second entry has no place.
    let ran = in_namespace(
        &place,
        &format!("mount -t tmpfs -o size=64m,nr_inodes=6 none disk; $COCO {BUILD} --cache-dir disk"),
    );
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(place.read("out/coco-initrd-coco-dev.img") == image);
    expect!["note: the cache disk takes no more: No space left on device (os error 28)"]
        .assert_eq(ran.words.lines().next().unwrap());
}

/// A write error in the middle of an entry: a limit on the size of files stops the writer as a full disk would.
#[test]
fn an_entry_that_is_written_in_part_is_not_kept() {
    let place = place();
    let ran = place.shell(&format!("trap '' XFSZ; ulimit -f 64; exec $COCO {BUILD} --compression none"));
    assert_eq!(ran.code, 2);
    let told = ran.words.lines().next();
    assert_eq!(told, Some("note: the cache CACHE takes no more: File too large (os error 27)"));
    let stat = place.run("cache stat").data;
    assert!(stat.contains("entries    0\n") && stat.contains("leftovers  0\n"), "{stat}");
}

/// Kept groups must not take the room that the image needs.
#[test]
fn a_build_on_a_disk_with_room_for_the_image_alone_is_done() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    let ran = in_namespace(
        &place,
        &format!(
            "mkdir disk; mount -t tmpfs -o size=8m none disk; \
             $COCO {} --cache-dir disk/cache; cp disk/out/*.img copy",
            BUILD.replace("--output-dir out", "--output-dir disk/out")
        ),
    );
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(place.read("copy") == image);
}

#[test]
fn a_build_whose_own_disk_is_full_fails_and_what_it_kept_is_whole() {
    let place = place();
    let ran = in_namespace(
        &place,
        &format!(
            "mkdir disk; mount -t tmpfs -o size=3m none disk; $COCO {}",
            BUILD.replace("--output-dir out", "--output-dir disk/out")
        ),
    );
    assert_eq!(ran.code, 2, "{}", ran.words);
    expect![[r#"
        error: writing the image: failed to write to file `DIR/disk/.coco-initrd-RANDOM/build/coco-initrd-coco-dev.img`: No space left on device (os error 28)
        hint: make room, or build into another --output-dir
    "#]].assert_eq(&without_random_name(&ran.words));
    let kept = entries(&place).len();
    let (image, said) = build(&place, BUILD);
    assert!(kept > 0 && said == format!("cache: {kept} of 5 groups reused\n"), "{kept}: {said}");
    assert!(build(&place, &format!("{BUILD} --no-cache")).0 == image);
}

#[test]
fn a_cache_that_can_only_be_read_is_used_and_told() {
    let place = place();
    let (image, _) = build(&place, BUILD);
    let policy = include_str!("../../../../policies/default-restrictive.rego");
    place.file("other.rego", format!("{policy}# another policy\n"));
    let mount = "mount --bind $CACHE $CACHE; mount -o remount,bind,ro $CACHE;";
    let ran = in_namespace(&place, &format!("{mount} $COCO {BUILD}"));
    assert_eq!(ran.words.lines().next(), Some("cache: 5 of 5 groups reused"), "{}", ran.words);
    assert!(place.read("out/coco-initrd-coco-dev.img") == image);
    flip(&entries(&place)[0], 1000);
    let ran = in_namespace(&place, &format!("{mount} $COCO {BUILD} --policy other.rego"));
    let told: Vec<String> = ran.words.lines().take(3).map(without_digests).collect();
    let entry = entries(&place).remove(0);
    let entry = entry.strip_prefix(place.cache()).unwrap().to_str().unwrap();
    expect![[r#"
        note: cache entry CACHE/ENTRY is damaged (SHA-256 got SHA256, expected SHA256), and can't be removed: Read-only file system (os error 30)
        note: the cache CACHE takes no more: Read-only file system (os error 30)
        cache: 3 of 5 groups reused"#]].assert_eq(&told.join("\n").replace(entry, "ENTRY"));
}

#[test]
fn a_cache_that_can_not_be_made_is_told() {
    let place = place();
    let ran = place.run(&format!("{BUILD} --cache-dir /proc/nothing"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    expect!["note: building without a cache: /proc/nothing: No such file or directory (os error 2)"]
        .assert_eq(ran.words.lines().next().unwrap());
}

/// Begins a build of `out-NAME` in the background.
fn begin(place: &Place, name: usize) -> Child {
    let words = BUILD.replace("--output-dir out", &format!("--output-dir out-{name}"));
    let mut command = place.command();
    command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn eight_builds_at_once_share_one_cache() {
    let place = place();
    let (image, _) = build(&place, &format!("{BUILD} --no-cache"));
    for _round in ["cold", "warm"] {
        let builds: Vec<Child> = (0..8).map(|name| begin(&place, name)).collect();
        for (name, mut build) in builds.into_iter().enumerate() {
            assert!(build.wait().unwrap().success());
            assert!(place.read(&format!("out-{name}/coco-initrd-coco-dev.img")) == image);
        }
        assert_eq!(entries(&place).len(), 5);
    }
    assert_eq!(build(&place, BUILD).1, "cache: 5 of 5 groups reused\n");
}

#[test]
fn a_sweep_beside_builds_harms_none() {
    let place = place();
    let (image, _) = build(&place, &format!("{BUILD} --no-cache"));
    let builds: Vec<Child> = (0..4).map(|name| begin(&place, name)).collect();
    for _ in 0..20 {
        assert_eq!(place.run("cache gc --max-size 1MiB").code, 0);
        std::thread::sleep(Duration::from_millis(20));
    }
    for (name, mut build) in builds.into_iter().enumerate() {
        assert!(build.wait().unwrap().success());
        assert!(place.read(&format!("out-{name}/coco-initrd-coco-dev.img")) == image);
    }
}

#[test]
fn a_build_that_is_killed_leaves_a_cache_without_damage() {
    let place = place();
    let (image, _) = build(&place, &format!("{BUILD} --no-cache"));
    for milliseconds in [5, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600] {
        if place.cache().exists() {
            fs_err::remove_dir_all(place.cache()).unwrap();
        }
        let mut child = begin(&place, 0);
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let kept = if place.cache().join("v1").exists() { entries(&place).len() } else { 0 };
        let (again, said) = build(&place, BUILD);
        assert!(again == image, "after {milliseconds} ms");
        let expected = if kept == 0 { String::new() } else { format!("cache: {kept} of 5 groups reused\n") };
        assert_eq!(said, expected, "after {milliseconds} ms");
        let stat = place.run("cache stat").data;
        assert!(stat.contains("entries    5\n") && stat.contains("leftovers  0\n"), "{stat}");
    }
}

#[test]
fn stat_says_what_is_in_the_cache() {
    let place = place();
    let nothing = place.run("cache stat");
    expect![[r#"
        directory  CACHE
        entries    0
        bytes      0
        leftovers  0
    "#]]
    .assert_eq(&nothing.data);
    assert!(!place.cache().exists());
    build(&place, BUILD);
    place.file("x", "");
    place.shell("cp x $CACHE/v1/readme && mkdir $CACHE/v1/zz $CACHE/v0 && ln -s x $CACHE/link");
    let ran = place.run("cache stat");
    let bytes: u64 = entries(&place).iter().map(|path| fs_err::metadata(path).unwrap().len()).sum();
    expect![[r#"
        directory  CACHE
        entries    5
        bytes      BYTES
        leftovers  0
    "#]]
    .assert_eq(&ran.data.replace(&bytes.to_string(), "BYTES"));
    expect![[r#"
        note: CACHE/link is not of the cache, and is left alone
        note: CACHE/v0 is not of the cache, and is left alone
        note: CACHE/v1/readme is not of the cache, and is left alone
        note: CACHE/v1/zz is not of the cache, and is left alone
    "#]]
    .assert_eq(&ran.words);
    let json = place.run("cache stat --json");
    expect![[r#"
        {
          "bytes": BYTES,
          "directory": "CACHE",
          "entries": 5,
          "foreign": [
            "link",
            "v0",
            "v1/readme",
            "v1/zz"
          ],
          "leftover_bytes": 0,
          "leftovers": 0
        }
    "#]]
    .assert_eq(&json.data.replace(&bytes.to_string(), "BYTES"));
    assert_eq!((json.code, json.words.as_str()), (0, ""));
}

#[test]
fn gc_removes_what_was_not_used_for_longest() {
    let place = place();
    build(&place, BUILD);
    let policy = include_str!("../../../../policies/default-restrictive.rego");
    place.file("other.rego", format!("{policy}# another policy\n"));
    // All of the first build is of long ago; what the second reuses is of now.
    place.shell("find $CACHE -type f -exec touch -d @1000000000 {} +");
    let (image, _) = build(&place, &format!("{BUILD} --policy other.rego"));
    assert_eq!(entries(&place).len(), 6);
    let bytes: u64 = entries(&place).iter().map(|path| fs_err::metadata(path).unwrap().len()).sum();
    let ran = place.run(&format!("cache gc --max-size {}", bytes - 1));
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.data.starts_with("removed    1 ("), "{}", ran.data);
    let (again, said) = build(&place, &format!("{BUILD} --policy other.rego"));
    assert_eq!(said, "cache: 5 of 5 groups reused\n");
    assert!(again == image);
    assert_eq!(build(&place, BUILD).1, "cache: 4 of 5 groups reused\n");
}

#[test]
fn gc_says_what_it_did() {
    let place = place();
    let empty = place.run("cache gc --max-size 10GiB");
    expect![[r#"
        removed    0 (0 bytes)
        leftovers  0 (0 bytes)
        stay       0 (0 bytes)
    "#]]
    .assert_eq(&empty.data);
    build(&place, BUILD);
    let bytes: u64 = entries(&place).iter().map(|path| fs_err::metadata(path).unwrap().len()).sum();
    place.shell("echo half > $CACHE/v1/.new-7-0; mkdir $CACHE/v1/00; echo half > $CACHE/v1/00/.new-7-0");
    let ran = place.run("cache gc --max-size 0");
    expect![[r#"
        removed    5 (BYTES bytes)
        leftovers  1 (5 bytes)
        stay       0 (0 bytes)
    "#]]
    .assert_eq(&ran.data.replace(&bytes.to_string(), "BYTES"));
    expect![[r#"
        note: CACHE/v1/.new-7-0 is not of the cache, and is left alone
    "#]]
    .assert_eq(&ran.words);
    let json = place.run("cache gc --max-size 0 --json");
    expect![[r#"
        {
          "bytes": 0,
          "directory": "CACHE",
          "entries": 0,
          "foreign": [
            "v1/.new-7-0"
          ],
          "removed": 0,
          "removed_bytes": 0,
          "removed_leftovers": 0
        }
    "#]]
    .assert_eq(&json.data);
}

#[test]
fn gc_leaves_what_somebody_is_writing() {
    let place = place();
    build(&place, BUILD);
    place.shell("mkdir -p $CACHE/v1/00");
    let ran = place.shell(
        "flock $CACHE/v1/00/.new-7-0 $COCO cache gc --max-size 10GiB; ls -A $CACHE/v1/00; \
         $COCO cache gc --max-size 10GiB; ls -A $CACHE/v1/00",
    );
    let of_leftovers: Vec<&str> =
        ran.data.lines().filter(|line| !line.starts_with("removed") && !line.starts_with("stay")).collect();
    assert_eq!(of_leftovers, ["leftovers  0 (0 bytes)", ".new-7-0", "leftovers  1 (0 bytes)"]);
}

#[test]
fn a_size_is_never_guessed() {
    let place = place();
    let ran = place.run("cache gc --max-size 10GB");
    assert_eq!(ran.code, 2);
    expect![[r#"
        error: invalid value '10GB' for '--max-size <SIZE>': expected bytes, or a whole number with KiB, MiB, GiB or TiB, such as 10GiB, under 16 EiB

        For more information, try '--help'.
    "#]].assert_eq(&ran.words);
}

#[test]
fn a_command_without_a_cache_says_so() {
    let place = place();
    let ran = place.shell("env -u XDG_CACHE_HOME -u HOME $COCO cache stat");
    assert_eq!(ran.code, 2);
    expect![[r#"
        error: neither XDG_CACHE_HOME nor HOME is an absolute path: there is no place for a cache
        hint: give --cache-dir DIR
    "#]]
    .assert_eq(&ran.words);
}

#[test]
fn options_about_the_cache_are_not_for_overlays() {
    let place = place();
    let mut told = String::new();
    for words in ["--no-cache", "--cache-dir x"] {
        let ran = place.run(&format!("build --profile peer-pods {words}"));
        assert_eq!(ran.code, 2);
        told.push_str(&ran.words);
    }
    told.push_str(&place.run(&format!("{FULL} --profile tdx --no-cache --cache-dir x")).words);
    expect![[r#"
        error: --no-cache is about images, and profile peer-pods makes an overlay for a podvm image
        hint: leave it out: a podvm image brings all but the policy
        error: --cache-dir is about images, and profile peer-pods makes an overlay for a podvm image
        hint: leave it out: a podvm image brings all but the policy
        error: the argument '--no-cache' cannot be used with '--cache-dir <DIR>'

        Usage: coco-initrd build --profile <NAME|PATH> --agent <PATH> --guest-components <PATH> --pause-image <PATH> --guard <PATH> --no-cache

        For more information, try '--help'.
    "#]].assert_eq(&told);
}
