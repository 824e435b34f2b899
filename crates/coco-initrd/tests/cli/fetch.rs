//! `coco-initrd fetch`: what is asked for and kept, and what a store looks like whatever has happened.

use std::process::{Child, Stdio};
use std::time::Duration;

use coco_image::digest::Sha256;
use expect_test::{Expect, expect};

use crate::archive::{Archive, Package};
use crate::pinned::{BUILD, Pinned, noise};
use crate::server::{Fault, Server};

/// A file of 300 KiB, locked and not fetched.
fn locked(server: Server) -> Pinned {
    let pinned = Pinned::url(server, &noise(300 << 10, 1));
    pinned.locked();
    emptied(&pinned);
    pinned
}

/// Takes the store away, and forgets what the server was asked.
fn emptied(pinned: &Pinned) {
    fs_err::remove_dir_all(pinned.place.store()).unwrap();
    pinned.server.requests();
}

/// Everything that the lock names is in the store, nothing else, and nothing on its way.
fn is_whole(pinned: &Pinned) {
    let sha256 = Sha256::of(&pinned.server.bytes("/base.tar"));
    assert_eq!(pinned.store(), (vec![sha256.to_string()], vec![]));
}

/// Fetching fails with these words, and once the server is itself again it goes well.
fn refused(pinned: &Pinned, expected: &Expect) {
    let ran = pinned.fetch("");
    expected.assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    let (whole, _) = pinned.store();
    assert_eq!(whole, Vec::<String>::new());
    pinned.server.always("/base.tar", Fault::Whole);
    let ran = pinned.fetch("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    is_whole(pinned);
}

#[test]
fn what_is_there_is_not_asked_for_again() {
    let pinned = locked(Server::http());
    let first = pinned.fetch("");
    assert_eq!(pinned.server.requests(), ["GET /base.tar"]);
    let second = pinned.fetch("--json");
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
    expect![[r#"
        1 file fetched (307200 bytes), 0 files present, in STORE
        {
          "bytes": 0,
          "fetched": 0,
          "present": 1
        }
        0 files fetched (0 bytes), 1 file present, in STORE
    "#]]
    .assert_eq(&format!("{}{}{}", first.words, second.data, second.words));
    assert_eq!((first.code, second.code), (0, 0));
    is_whole(&pinned);
}

#[test]
fn packages_are_fetched_each_once() {
    let packages = ["one", "two", "three"].map(|name| Package::new(name, "1").file("./x", noise(5000, 7)));
    let pinned = Pinned::deb(&Archive::new(packages.to_vec()), &["one", "two", "three"]);
    pinned.locked();
    pinned.server.requests();
    for jobs in ["1", "3"] {
        emptied(&pinned);
        let ran = pinned.fetch(&format!("--jobs {jobs}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
        let mut asked = pinned.server.requests();
        asked.sort();
        assert_eq!(
            asked,
            ["one", "three", "two"].map(|name| format!("GET /debian/pool/main/{name}_1_amd64.deb"))
        );
    }
}

#[test]
fn a_damaged_file_is_fetched_again() {
    let pinned = locked(Server::http());
    pinned.fetch("");
    let (whole, _) = pinned.store();
    let path = pinned.place.store().join("sha256").join(&whole[0][..2]).join(&whole[0]);
    for damage in ["printf x | dd of=FILE conv=notrunc status=none", "truncate -s 100 FILE", "rm FILE"] {
        let ran = pinned.shell(&damage.replace("FILE", path.to_str().unwrap()));
        assert_eq!(ran.code, 0, "{}", ran.words);
        pinned.server.requests();
        let ran = pinned.fetch("");
        assert_eq!(ran.code, 0, "{damage}: {}", ran.words);
        assert_eq!(pinned.server.requests(), ["GET /base.tar"], "{damage}");
        is_whole(&pinned);
    }
}

#[test]
fn a_fetch_goes_on_where_the_connection_broke() {
    let pinned = locked(Server::http());
    pinned.server.once("/base.tar", Fault::Cut(100_000));
    pinned.server.once("/base.tar", Fault::Cut(50_000));
    let before = pinned.server.served();
    let ran = pinned.fetch("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(
        pinned.server.requests(),
        ["GET /base.tar", "GET /base.tar from 100000", "GET /base.tar from 150000"]
    );
    assert_eq!(pinned.server.served() - before, 300 << 10);
    is_whole(&pinned);
}

/// What a server may do and still be of use: each is answered with the whole file in the store.
#[test]
fn a_server_may_be_slow_busy_or_simple() {
    let pinned = locked(Server::http());
    let busy = |status| Fault::Status(status, "retry-after: 0\r\n".to_owned());
    let redirect =
        |status| Fault::Status(status, format!("location: {}\r\n", pinned.server.url("/other.tar")));
    pinned.server.file("/other.tar", pinned.server.bytes("/base.tar"));
    let cases = [
        ("asks to wait", vec![busy(429)], 2),
        ("is busy", vec![busy(503), busy(502), busy(504)], 4),
        ("is busy as long as there is patience", vec![busy(500); 5], 6),
        ("says no length", vec![Fault::NoLength], 1),
        ("sends chunks", vec![Fault::Chunked], 1),
        ("pauses", vec![Fault::Pause(Duration::from_millis(300))], 1),
        ("sends elsewhere", vec![redirect(302)], 2),
        ("sends elsewhere for good", vec![redirect(308)], 2),
        ("breaks, and then has no parts", vec![Fault::Cut(1000), Fault::Whole], 2),
        ("breaks, and then has no such part", vec![Fault::Cut(1000), Fault::Status(416, String::new())], 3),
        ("goes on behind the end", vec![Fault::Surplus], 1),
        ("hangs up at once", vec![Fault::Cut(0)], 2),
    ];
    for (name, faults, requests) in cases {
        for fault in faults {
            pinned.server.once("/base.tar", fault);
        }
        let ran = pinned.fetch("");
        assert_eq!(ran.code, 0, "{name}: {}", ran.words);
        assert_eq!(pinned.server.requests().len(), requests, "{name}");
        is_whole(&pinned);
        emptied(&pinned);
    }
}

/// What no patience helps against: one clear error, nothing wrong in the store, and no harm for the next fetch.
#[test]
fn a_server_that_is_wrong_is_told_and_nothing_of_it_is_kept() {
    let busy = |status| Fault::Status(status, "retry-after: 0\r\n".to_owned());
    let cases = [
        ("is busy for ever", busy(503)),
        ("asks to wait for an hour", Fault::Status(429, "retry-after: 3600\r\n".to_owned())),
        ("has no such file", Fault::Status(404, String::new())),
        ("wants to know who asks", Fault::Status(401, String::new())),
        ("says more than there should be", Fault::Length(400_000)),
        ("says less than there should be", Fault::Length(10)),
        ("has other bytes", Fault::Body(noise(300 << 10, 2))),
        ("has a page about an error", Fault::Body(b"<html>".to_vec())),
        ("has no end", Fault::Endless),
        ("sends another part", Fault::Part("bytes 5-9/10")),
        ("sends a part of what it does not know", Fault::Part("words 0-9/10")),
        ("sends to itself", Fault::Status(302, "location: /base.tar\r\n".to_owned())),
        ("sends nowhere", Fault::Status(302, String::new())),
    ];
    let pinned = locked(Server::http());
    let mut said = String::new();
    for (name, fault) in cases {
        pinned.server.always("/base.tar", fault);
        let ran = pinned.fetch("");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{name}: {}", ran.words);
        said.extend([name, ": ", &ran.words]);
        let (whole, _) = pinned.store();
        assert_eq!(whole, Vec::<String>::new(), "{name}");
        pinned.server.always("/base.tar", Fault::Whole);
        let ran = pinned.fetch("");
        assert_eq!(ran.code, 0, "{name}: {}", ran.words);
        is_whole(&pinned);
        emptied(&pinned);
    }
    expect![[r#"
        is busy for ever: error: http://SERVER/base.tar: the server answers 503: no luck
        asks to wait for an hour: error: http://SERVER/base.tar: the server answers 429: no luck
        has no such file: error: http://SERVER/base.tar: the server answers 404: no luck
        wants to know who asks: error: http://SERVER/base.tar: the server answers 401: no luck
        says more than there should be: error: http://SERVER/base.tar: size got 400000, expected 307200 bytes
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        says less than there should be: error: http://SERVER/base.tar: size got 10, expected 307200 bytes
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        has other bytes: error: http://SERVER/base.tar: SHA-256 got ab3456a6527dbe0673382081861b7ad4673b4a692de782f1e4f94882bbabef11, expected 80d3b9b2e941058841294515cfec478b66a5dabf246d58aaa618a29f41294f00
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        has a page about an error: error: http://SERVER/base.tar: size got 6, expected 307200 bytes
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        has no end: error: http://SERVER/base.tar: size got 307201, expected 307200 bytes
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        sends another part: error: http://SERVER/base.tar: the server sends another part than was asked for: got `bytes 5-9/10`, expected from byte 0
        sends a part of what it does not know: error: http://SERVER/base.tar: the server sends another part than was asked for: got `words 0-9/10`, expected from byte 0
        sends to itself: error: http://SERVER/base.tar: too many redirects
        sends nowhere: error: http://SERVER/base.tar: protocol: missing a location header
    "#]].assert_eq(&said);
}

#[test]
fn a_part_of_another_file_is_told_apart_and_asked_for_anew() {
    let pinned = locked(Server::http());
    // Some of it came from a server that had another file at this place.
    pinned.server.once("/base.tar", Fault::Cut(100_000));
    pinned.server.once("/base.tar", Fault::Status(404, String::new()));
    assert_eq!(pinned.fetch("").code, 2);
    let (whole, partial) = pinned.store();
    assert_eq!((whole, partial), (vec![], vec![100_000]));
    pinned.shell("for it in $STORE/partial/*; do printf xyz | dd of=$it conv=notrunc status=none; done");
    pinned.server.requests();
    let ran = pinned.fetch("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(pinned.server.requests(), ["GET /base.tar from 100000", "GET /base.tar"]);
    is_whole(&pinned);
}

#[test]
fn the_next_fetch_goes_on_where_this_one_ended() {
    let pinned = locked(Server::http());
    pinned.server.once("/base.tar", Fault::Cut(200_000));
    pinned.server.once("/base.tar", Fault::Status(403, String::new()));
    refused(
        &pinned,
        &expect![[r#"
        error: http://SERVER/base.tar: the server answers 403: no luck
    "#]],
    );
    let mut asked = pinned.server.requests();
    assert_eq!(asked.pop().as_deref(), Some("GET /base.tar from 200000"));
}

fn spawn(pinned: &Pinned) -> Child {
    let words = format!("fetch --profile ./my.toml{}", pinned.mirrors());
    let mut command = pinned.place.command();
    command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_fetch_that_is_killed_leaves_nothing_wrong_and_the_next_one_goes_on() {
    let pinned = locked(Server::http());
    pinned.server.always("/base.tar", Fault::Slow);
    let mut left = 0;
    for milliseconds in [1, 10, 20, 30, 45, 60, 75] {
        let mut child = spawn(&pinned);
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        if !pinned.place.store().join("partial").exists() {
            continue; // It did not come that far.
        }
        let (_, partial) = pinned.store();
        let asked = pinned.server.requests();
        assert!(asked.len() <= 1 && partial.len() <= 1, "after {milliseconds} ms: {asked:?}");
        left = partial.first().copied().unwrap_or(0);
    }
    let ran = pinned.fetch("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    is_whole(&pinned);
    if left > 0 {
        assert_eq!(pinned.server.requests(), [format!("GET /base.tar from {left}")]);
    }
}

#[test]
fn two_fetches_at_once_ask_once_and_both_end_well() {
    let pinned = locked(Server::http());
    pinned.server.always("/base.tar", Fault::Slow);
    let mut children = [spawn(&pinned), spawn(&pinned), spawn(&pinned)];
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    is_whole(&pinned);
    assert_eq!(pinned.server.requests(), ["GET /base.tar"]);
}

#[test]
fn a_full_disk_is_told_before_anything_is_asked_for() {
    let pinned = locked(Server::http());
    fs_err::create_dir(pinned.place.join("disk")).unwrap();
    let ran = pinned.shell(
        "unshare --user --map-root-user --mount sh -euc 'mount -t tmpfs -o size=64k none disk; \
         $COCO fetch --profile ./my.toml$MIRROR --store disk'",
    );
    let words: Vec<&str> = ran.words.split(' ').collect();
    let words = ran.words.replace(words[3], "N");
    expect![[r#"
        error: disk has N bytes free, and 307200 are needed
        hint: make room, or give another --store
    "#]]
    .assert_eq(&words);
    assert_eq!(ran.code, 2);
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
}

#[test]
fn a_file_that_may_not_grow_is_told_and_what_is_there_stays_of_use() {
    let pinned = locked(Server::http());
    // SIGXFSZ ignored, as a full disk has no signal; the limit is 100 KiB.
    let ran = pinned.shell("trap '' XFSZ; ulimit -f 200; exec $COCO fetch --profile ./my.toml$MIRROR");
    expect![[r#"
        error: the content store STORE can't be used
          caused by: failed to write to file `STORE/partial/80d3b9b2e941058841294515cfec478b66a5dabf246d58aaa618a29f41294f00`: File too large (os error 27)
        hint: make room, or give another --store
    "#]].assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    assert_eq!(pinned.store().0, Vec::<String>::new());
    let ran = pinned.fetch("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    is_whole(&pinned);
}

#[test]
fn a_store_that_is_somebodys_directory_is_left_alone() {
    let pinned = locked(Server::http());
    pinned.place.file("mine/thesis.txt", "words");
    pinned.place.file("other/FORMAT", "coco-initrd content store, format 2\n");
    let mut said = String::new();
    for store in ["mine", "other", "mine/thesis.txt"] {
        let ran = pinned.fetch(&format!("--store {store}"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        said.push_str(&ran.words);
    }
    let ran = pinned
        .place
        .shell(&format!("env -u XDG_CACHE_HOME -u HOME $COCO fetch --profile ./my.toml{}", pinned.mirrors()));
    said.push_str(&ran.words);
    expect![[r#"
        error: mine is not empty, and not a content store
        hint: give --store a directory that is new, empty, or a content store already
        error: other is a content store of another format, expected coco-initrd content store, format 1
        hint: give --store a directory that is new, empty, or a content store already
        error: the content store mine/thesis.txt can't be used
          caused by: failed to create directory `mine/thesis.txt`: File exists (os error 17)
        error: neither XDG_CACHE_HOME nor HOME is an absolute path: there is no place for a content store
        hint: give --store DIR
    "#]]
    .assert_eq(&said);
    assert_eq!(pinned.place.shell("ls -A mine other").data, "mine:\nthesis.txt\n\nother:\nFORMAT\n");
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
}

/// Root may write anywhere: the file system itself is made read-only.
#[test]
fn a_store_that_can_not_be_written_is_told_and_can_be_built_from() {
    let pinned = Pinned::deb(&Archive::new(vec![Package::new("hello", "1")]), &["hello"]);
    pinned.locked();
    fs_err::create_dir(pinned.place.join("store")).unwrap();
    let read_only = |words: &str| {
        pinned.shell(&format!(
            "unshare --user --map-root-user --mount sh -euc \
             'mount --bind store store; mount -o remount,bind,ro store; $COCO {words} --store store'"
        ))
    };
    let ran = read_only("fetch --profile ./my.toml$MIRROR");
    let (before, after) = ran.words.split_once("FORMAT-").unwrap();
    let words = format!("{before}FORMAT-PID{}", after.trim_start_matches(char::is_numeric));
    expect![[r#"
        error: the content store store can't be used
          caused by: failed to create file `store/FORMAT-PID`: Read-only file system (os error 30)
        hint: give --store a directory that may be written to
    "#]]
    .assert_eq(&words);
    assert_eq!(ran.code, 2);
    assert_eq!(pinned.fetch("--store store").code, 0);
    for words in ["fetch --profile ./my.toml$MIRROR", BUILD] {
        let ran = read_only(words);
        assert_eq!(ran.code, 0, "{words}: {}", ran.words);
    }
}

#[test]
fn a_package_that_is_not_the_one_of_the_index_is_refused() {
    let archive = Archive::new(vec![Package::new("hello", "1"), Package::new("other", "1")]);
    let pinned = Pinned::deb(&archive, &["hello", "other"]);
    pinned.locked();
    let (path, mut deb) = ("/debian/pool/main/hello_1_amd64.deb", archive.packages[0].deb());
    *deb.last_mut().unwrap() ^= 1;
    pinned.server.file(path, deb.clone());
    let ran = pinned.fetch("--jobs 1");
    expect![[r#"
        error: http://SERVER/debian/pool/main/hello_1_amd64.deb: SHA-256 got 2bd90a1c6ed697abbb23359f5e5407d60e800a3fe57af3995087c195b643c9ce, expected feab5f93d87ec74de799299392e27f345dc934e4ba1d04ad02cc39a52dc28b48
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
    "#]].assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    // The other one may have come before it.
    assert!(!pinned.store().0.contains(&Sha256::of(&deb).to_string()));
    archive.publish(&pinned.server);
    assert_eq!(pinned.fetch("").code, 0);
}

#[test]
fn a_mirror_is_for_something_or_an_error() {
    let pinned = locked(Server::http());
    let mut said = String::new();
    for words in [
        "--mirror https://elsewhere.example.org=http://127.0.0.1:1",
        "--mirror https://files.example.org",
        "--jobs 0",
    ] {
        let ran = pinned.fetch(words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        said.push_str(&ran.words);
    }
    expect![[r#"
        error: --mirror https://elsewhere.example.org: nothing of the profile is there
        error: invalid value 'https://files.example.org' for '--mirror <FROM=TO>': expected FROM=TO, two URLs

        For more information, try '--help'.
        error: invalid value '0' for '--jobs <N>': number would be zero for non-zero type

        For more information, try '--help'.
    "#]]
    .assert_eq(&said);
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
}
