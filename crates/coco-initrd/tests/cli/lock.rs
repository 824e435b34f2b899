//! `coco-initrd lock`: what it writes, what it asks for, and whose word it takes.

use expect_test::{Expect, expect};

use crate::archive::{Archive, INDEX, Key, Package, RELEASE};
use crate::fixture::Ran;
use crate::pinned::{Pinned, date};
use crate::server::{Fault, Server};

/// `hello` that needs `libhello`, and something nobody wants.
fn archive() -> Archive {
    Archive::new(vec![
        Package::new("hello", "2.10-3").depends("libhello (>= 1)").file("./usr/bin/hello", "hello\n"),
        Package::new("libhello", "1.0").file("./usr/lib/libhello.so.1", "lib\n"),
        Package::new("unwanted", "1"),
    ])
}

fn pinned() -> Pinned {
    Pinned::deb(&archive(), &["hello"])
}

/// The text with the digests of profiles left out: what they extend may change.
fn without_profile(text: &str) -> String {
    let after = ["profile-sha256 = \"", "SHA-256 got ", ", expected "];
    after.iter().fold(text.to_owned(), |text, start| match text.split_once(start) {
        Some((before, after)) => format!("{before}{start}PROFILE{}", &after[64..]),
        None => text,
    })
}

/// Locking fails with these words, writes no lock, and leaves a lock that is there as it is.
fn refused(pinned: &Pinned, words: &str, expected: &Expect) {
    let before = (pinned.place.names(), fs_err::read(pinned.place.join("my.lock")).ok());
    let ran = pinned.lock(words);
    expected.assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    assert_eq!((pinned.place.names(), fs_err::read(pinned.place.join("my.lock")).ok()), before);
    pinned.store();
}

#[test]
fn a_lock_says_which_packages_and_who_signed_for_them() {
    let pinned = pinned();
    let ran = pinned.lock("");
    expect![[r#"
        + base hello 2.10-3
        + base libhello 1.0
        looking at base
        ./my.lock: 2 files, 1380 bytes; `coco-initrd fetch` gets them
        # What the sources of a profile were, made by `coco-initrd lock`. A build takes only this.
        # Review a change of it, and make another with `lock`; it is not for editing.
        schema = 1
        profile-sha256 = "PROFILE"

        [inputs.base]
        source-sha256 = "66838ade085ce9aef2e56270b8d609e8674e75b59a3a9ec3a8a58f41ee4b337c"

        [inputs.base.deb]
        releases = [
          { suite = "stable", date = "Mon, 01 Jan 2024 00:00:00 UTC", sha256 = "9b00bfd04327a0bee2d7162e0db66da07485f4372827b1a37205b6370a31d134", key = "C1990642C401CFB71B3854C2ACDFC456732E47EC", url = "https://archive.example.org/debian" },
        ]
        packages = [
          { name = "hello", version = "2.10-3", arch = "amd64", size = 696, sha256 = "82d8c1aa7ff7950551d2dd74cd916fa67f955f0f617761080320fc78ce7e5c22", url = "https://archive.example.org/debian/pool/main/hello_2.10-3_amd64.deb" },
          { name = "libhello", version = "1.0", arch = "amd64", size = 684, sha256 = "ec40ec11e31545cc3685676782f25cce9bbb98ca5fbc31f45b79a3d447395827", url = "https://archive.example.org/debian/pool/main/libhello_1.0_amd64.deb" },
        ]
    "#]].assert_eq(&format!("{}{}{}", ran.data, ran.words, without_profile(&pinned.place.text("my.lock"))));
    assert_eq!(ran.code, 0);
    assert_eq!(
        pinned.server.requests(),
        [format!("GET {RELEASE}"), format!("GET {INDEX}")],
        "packages are for `fetch`"
    );
}

#[test]
fn a_lock_of_a_file_says_its_size() {
    let pinned = Pinned::url(Server::http(), b"some bytes");
    let ran = pinned.lock("");
    expect![[r#"
        + base https://files.example.org/base.tar 10 bytes
        looking at base
        ./my.lock: 1 file, 10 bytes; `coco-initrd fetch` gets them
        # What the sources of a profile were, made by `coco-initrd lock`. A build takes only this.
        # Review a change of it, and make another with `lock`; it is not for editing.
        schema = 1
        profile-sha256 = "PROFILE"

        [inputs.base]
        source-sha256 = "8bb5dc14d7752937d0e6dd85b9a077e7d3fa5a722c897470ff20e461ca1f2123"
        url = { size = 10, sha256 = "0d22cdcc10e6d049dbe1af5123d50873fdfc1a4f58306e58cb6241be9472014d", url = "https://files.example.org/base.tar" }
    "#]].assert_eq(&format!("{}{}{}", ran.data, ran.words, without_profile(&pinned.place.text("my.lock"))));
    assert_eq!(ran.code, 0);
}

#[test]
fn what_changed_is_said_as_json() {
    let pinned = pinned();
    expect![[r#"
        [
          {
            "input": "base",
            "name": "hello",
            "new": "2.10-3",
            "old": null
          },
          {
            "input": "base",
            "name": "libhello",
            "new": "1.0",
            "old": null
          }
        ]
    "#]]
    .assert_eq(&pinned.lock("--json").data);
}

#[test]
fn locking_again_asks_nothing_and_changes_nothing() {
    let pinned = pinned();
    pinned.locked();
    let (before, stamp) = (pinned.place.text("my.lock"), pinned.place.shell("stat -c %y-%i my.lock").data);
    pinned.server.requests();
    pinned.server.stop();
    let ran = pinned.lock("");
    expect![[r#"
        nothing has changed
        ./my.lock: 2 files, 1380 bytes; `coco-initrd fetch` gets them
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (0, ""));
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
    assert_eq!(pinned.place.text("my.lock"), before);
    assert_eq!(pinned.place.shell("stat -c %y-%i my.lock").data, stamp, "not even written again");
}

/// The archive with newer versions of both packages.
fn newer() -> Archive {
    let mut archive = archive();
    archive.packages.push(Package::new("hello", "2.12-1").depends("libhello (>= 1)"));
    archive.packages.push(Package::new("libhello", "1.1"));
    archive
}

#[test]
fn what_is_updated_and_what_stays_is_for_the_person_to_say() {
    let pinned = pinned();
    pinned.locked();
    let first = pinned.place.read("my.lock");
    newer().publish(&pinned.server);
    let mut said = String::new();
    for words in ["", "--update libhello", "--update hello --update libhello", "--update base"] {
        pinned.place.file("my.lock", &first);
        let ran = pinned.lock(words);
        assert_eq!(ran.code, 0, "{}", ran.words);
        said.extend([words, ":\n", &ran.data]);
    }
    expect![[r#"
        :
        --update libhello:
        ~ base libhello 1.0 -> 1.1
        --update hello --update libhello:
        ~ base hello 2.10-3 -> 2.12-1
        ~ base libhello 1.0 -> 1.1
        --update base:
        ~ base hello 2.10-3 -> 2.12-1
        ~ base libhello 1.0 -> 1.1
    "#]]
    .assert_eq(&said);
}

#[test]
fn an_update_or_a_mirror_of_something_that_is_not_there_is_refused() {
    let pinned = pinned();
    pinned.locked();
    refused(
        &pinned,
        "--mirror https://elsewhere.example.org=http://127.0.0.1:1",
        &expect![[r#"
        error: --mirror https://elsewhere.example.org: nothing of the profile is there
    "#]],
    );
    refused(
        &pinned,
        "--update libhello2",
        &expect![[r#"
        error: --update libhello2: the lock has neither an input nor a package of this name
    "#]],
    );
}

#[test]
fn a_version_that_an_archive_has_no_more_is_replaced() {
    let pinned = pinned();
    pinned.locked();
    let mut archive = newer();
    archive.packages.retain(|package| package.version != "1.0");
    archive.publish(&pinned.server);
    let ran = pinned.lock("--update hello");
    expect![[r#"
        ~ base hello 2.10-3 -> 2.12-1
        ~ base libhello 1.0 -> 1.1
        looking at base
        ./my.lock: 2 files, 1312 bytes; `coco-initrd fetch` gets them
    "#]]
    .assert_eq(&format!("{}{}", ran.data, ran.words));
}

#[test]
fn a_profile_that_changed_is_locked_anew_with_what_still_fits() {
    let pinned = pinned();
    pinned.locked();
    newer().publish(&pinned.server);
    pinned.wants(&["hello", "unwanted"], "");
    let ran = pinned.lock("");
    expect![[r#"
        + base unwanted 1
        looking at base
        ./my.lock: 3 files, 2028 bytes; `coco-initrd fetch` gets them
    "#]]
    .assert_eq(&format!("{}{}", ran.data, ran.words));
}

/// What is changed in an archive that was in order, and what is said of it.
#[test]
fn what_nobody_signed_for_is_refused() {
    type Change = fn(&Archive, &Server);
    let cases: [(&str, Change); 7] = [
        ("a byte of the release is another", |_, server| {
            let text = String::from_utf8(server.bytes(RELEASE)).unwrap();
            server.file(RELEASE, text.replace("Suite: stable", "Suite: stabl3"));
        }),
        ("another key signed", |archive, server| server.file(RELEASE, Key::new(2).sign(&archive.release()))),
        ("nobody signed", |archive, server| server.file(RELEASE, archive.release())),
        ("something follows what is signed", |_, server| {
            server.file(RELEASE, [server.bytes(RELEASE), b"Suite: other\n".to_vec()].concat());
        }),
        ("the index is another, of the same size", |_, server| {
            let mut index = server.bytes(INDEX);
            *index.last_mut().unwrap() ^= 1;
            server.file(INDEX, index);
        }),
        ("the index is another", |_, server| server.file(INDEX, b"Package: evil\n".to_vec())),
        ("the release is no text", |_, server| server.file(RELEASE, [0xFF; 100])),
    ];
    let mut said = String::new();
    for (name, change) in cases {
        let (archive, pinned) = (archive(), pinned());
        change(&archive, &pinned.server);
        let ran = pinned.lock("");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{name}");
        assert!(!pinned.place.join("my.lock").exists(), "{name}");
        assert_eq!(pinned.store(), (vec![], vec![]), "{name}");
        said.extend([name, ": ", &ran.words]);
    }
    expect![[r#"
        a byte of the release is another: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: the signature by C1990642C401CFB71B3854C2ACDFC456732E47EC is not of this text
        another key signed: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: no key of the ring signed this; signed by CD3BD743EA051F8C28EB5FC6922E0973069DFEA1
        nobody signed: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: line 1 does not begin a signed message
        something follows what is signed: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: the signature's armour: line 8 is outside of a block
        the index is another, of the same size: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: http://SERVER/debian/dists/stable/main/binary-amd64/Packages.xz: SHA-256 got 43f1fe202017c012032d6573f252094a5526816a19b7e28646f9e2bf42314266, expected b09b20bfeff36370cd63d963587d57545ef20b6faa303a03b5c03fd5247f95a7
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        the index is another: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: http://SERVER/debian/dists/stable/main/binary-amd64/Packages.xz: size got 14, expected 424 bytes
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
        the release is no text: looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: line 1 is not UTF-8
    "#]].assert_eq(&said);
}

/// A release's dates, and what is said with the dates of this machine's clock left out.
#[test]
fn a_release_of_another_time_is_refused_and_the_clock_named() {
    let mut said = String::new();
    for (name, field, seconds) in [
        ("from the future", "Date", 3600),
        ("out of date", "Valid-Until", -60),
        ("within what clocks differ", "Date", 5),
        ("still valid", "Valid-Until", 60),
    ] {
        let (mut archive, date) = (archive(), date(seconds));
        archive.fields.insert(field, date.clone());
        let pinned = Pinned::deb(&archive, &["hello"]);
        let Ran { code, words, .. } = pinned.lock("");
        let words = words.replace(&date, "DATE");
        let words = match words.split_once("the clock says ") {
            Some((before, after)) => format!("{before}the clock says NOW{}", &after[29..]),
            None => words,
        };
        said.extend([name, ": ", &code.to_string(), " ", &words]);
    }
    expect![[r#"
        from the future: 2 looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: its date is DATE, and the clock says NOW: one of them is wrong
        hint: set this machine's clock
        out of date: 2 looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: it was valid until DATE, and the clock says NOW: it is out of date, or the clock is wrong
        hint: set this machine's clock, or take an archive that is kept up to date
        within what clocks differ: 0 looking at base
        ./my.lock: 2 files, 1380 bytes; `coco-initrd fetch` gets them
        still valid: 0 looking at base
        ./my.lock: 2 files, 1380 bytes; `coco-initrd fetch` gets them
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_snapshot_has_nothing_newer_than_its_moment_and_may_be_old() {
    let mut archive = archive();
    archive.fields.insert("Valid-Until", "Mon, 08 Jan 2024 00:00:00 UTC".to_owned());
    let pinned = Pinned::deb(&archive, &["hello"]);
    for path in [RELEASE, INDEX] {
        let bytes = pinned.server.bytes(path);
        for moment in ["20231231T235959Z", "20240101T000000Z", "20250101T000000Z"] {
            pinned.server.file(&path.replace("/debian/", &format!("/debian/{moment}/")), bytes.clone());
        }
    }
    pinned.wants(&["hello"], ", snapshot = \"20231231T235959Z\"");
    refused(
        &pinned,
        "",
        &expect![[r#"
        looking at base
        error: suite stable of https://archive.example.org/debian/20231231T235959Z
          caused by: its date is Mon, 01 Jan 2024 00:00:00 UTC, after the snapshot's moment Sun, 31 Dec 2023 23:59:59 UTC
        hint: give a snapshot of a later moment
    "#]],
    );
    for moment in ["20240101T000000Z", "20250101T000000Z"] {
        pinned.wants(&["hello"], &format!(", snapshot = \"{moment}\""));
        let ran = pinned.lock("");
        assert_eq!(ran.code, 0, "{}", ran.words);
        assert!(pinned.place.text("my.lock").contains(&format!("/debian/{moment}/pool/main/")));
    }
}

#[test]
fn what_can_not_be_resolved_is_told() {
    let pinned = pinned();
    let mut said = String::new();
    for (packages, keys) in [
        (&["hell"][..], ""),
        (&["hello"], ", snapshot = \"20240231T000000Z\""),
        (&["hello"], ", suit = \"x\""),
    ] {
        pinned.wants(packages, keys);
        let ran = pinned.lock("");
        assert_eq!(ran.code, 2);
        said.push_str(&ran.words);
    }
    pinned.wants(&["hello"], "");
    pinned.place.file("my.toml", pinned.place.text("my.toml").replace("stable", "testing"));
    pinned.server.file(&RELEASE.replace("stable", "testing"), pinned.server.bytes(RELEASE));
    said.push_str(&pinned.lock("").words);
    pinned.place.file("my.toml", pinned.place.text("my.toml").replace("testing", "absent"));
    said.push_str(&pinned.lock("").words);
    expect![[r#"
        looking at base
        error: package hell for amd64 is not in stable
        error: profile my: inputs.base.deb.archives: `20240231T000000Z` is not a moment such as 20261101T000000Z
        error: DIR/my.toml:6:113: unknown field `suit`, expected one of `url`, `snapshot`, `suite`, `components`, `signed-by`
        looking at base
        error: suite testing of https://archive.example.org/debian
          caused by: got suite stable, expected testing
        looking at base
        error: suite absent of https://archive.example.org/debian
          caused by: http://SERVER/debian/dists/absent/InRelease: the server answers 404: no luck
    "#]].assert_eq(&said);
}

#[test]
fn keys_that_are_none_are_told() {
    let pinned = pinned();
    let mut said = String::new();
    for keys in ["", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "hello\n"] {
        pinned.place.file("key.asc", keys);
        said.push_str(&pinned.lock("").words);
    }
    fs_err::remove_file(pinned.place.join("key.asc")).unwrap();
    said.push_str(&pinned.lock("").words);
    pinned.place.file("my.toml", pinned.place.text("my.toml").replace("key.asc", "debain"));
    said.push_str(&pinned.lock("").words);
    expect![[r#"
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: ./key.asc
          caused by: the keyring has no key
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: ./key.asc
          caused by: the keyring's armour: the text ends within a block
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: ./key.asc
          caused by: the keyring: packet 1 cannot be read: IO error: unknown packet header version 1101000
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: the keys can't be read
          caused by: failed to open file `./key.asc`: No such file or directory (os error 2)
        hint: check the path
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: there are no built-in keys `debain`, expected debian or a file
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let pinned = pinned();
    for path in [RELEASE, INDEX] {
        pinned.server.once(path, Fault::Status(503, "retry-after: 0\r\n".to_owned()));
        pinned.server.once(path, Fault::Cut(5));
    }
    pinned.locked();
    assert_eq!(pinned.server.requests().len(), 6);
}

#[test]
fn a_release_without_end_is_not_read_to_it() {
    let pinned = pinned();
    pinned.server.file(RELEASE, vec![b'x'; 1 << 20]);
    pinned.server.always(RELEASE, Fault::Endless);
    refused(
        &pinned,
        "",
        &expect![[r#"
        looking at base
        error: suite stable of https://archive.example.org/debian
          caused by: http://SERVER/debian/dists/stable/InRelease is longer than 16777216 bytes, which it should not be
    "#]],
    );
}

#[test]
fn a_file_of_absurd_size_is_refused_before_it_comes() {
    let pinned = Pinned::url(Server::http(), b"some bytes");
    pinned.server.always("/base.tar", Fault::Length((16 << 30) + 1));
    refused(
        &pinned,
        "",
        &expect![[r#"
        looking at base
        error: http://SERVER/base.tar is longer than 17179869184 bytes, which it should not be
    "#]],
    );
}

#[test]
fn a_file_with_another_digest_than_the_profiles_is_refused() {
    let pinned = Pinned::url(Server::http(), b"some bytes");
    pinned.server.file("/base.tar", b"other bytes".to_vec());
    refused(
        &pinned,
        "",
        &expect![[r#"
        looking at base
        error: http://SERVER/base.tar: SHA-256 got a3ead5eedad5df82318c51685dbc1c147a36d1ff8584fc82de6b08d0bf63a795, expected 0d22cdcc10e6d049dbe1af5123d50873fdfc1a4f58306e58cb6241be9472014d
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
    "#]],
    );
    pinned.server.file("/base.tar", b"more bytes".to_vec());
    refused(
        &pinned,
        "",
        &expect![[r#"
        looking at base
        error: http://SERVER/base.tar: SHA-256 got 3220583378938103e012865e74932b04cb1fa5e6d22760e2a27ab4689dc66f56, expected 0d22cdcc10e6d049dbe1af5123d50873fdfc1a4f58306e58cb6241be9472014d
        hint: it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now
    "#]],
    );
}

#[test]
fn a_profile_with_nothing_to_lock_is_told() {
    let pinned = pinned();
    let mut said = String::new();
    for words in
        ["lock --profile tdx", "lock --profile peer-pods", "lock --profile debian", "lock --profile none"]
    {
        let ran = pinned.run(words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}");
        said.push_str(&ran.words);
    }
    expect![[r#"
        error: profile tdx takes nothing from elsewhere: there is nothing to lock or fetch
        error: profile peer-pods makes an overlay for a podvm image, which has no inputs to lock
        error: profile debian is built in, and there is no directory image-profiles here to write its lock to
        hint: give --lock FILE
        error: there is no built-in profile `none`
        hint: built-in profiles: base, tdx, snp, coco-dev, debian, tdx-debian, snp-debian, coco-dev-debian, peer-pods; a profile of your own is a path such as ./my.toml
    "#]].assert_eq(&said);
}

/// A lock that somebody has written into, and what is said: to lock, to fetch and to build all the same.
#[test]
fn a_lock_that_was_edited_is_refused_by_all() {
    let pinned = pinned();
    pinned.locked();
    let lock = pinned.place.text("my.lock");
    let packages: Vec<&str> = lock.lines().filter(|line| line.contains("arch = ")).collect();
    let swapped = format!("{}\n{}", packages[1], packages[0]);
    let mut said = String::new();
    for (name, edited) in [
        ("an unknown key", lock.replace("schema = 1\n", "schema = 1\ncolour = \"red\"\n")),
        ("another schema", lock.replace("schema = 1\n", "schema = 2\n")),
        ("a digest that is none", lock.replacen("sha256 = \"", "sha256 = \"x", 1)),
        ("an order that is not ours", lock.replace(&packages.join("\n"), &swapped)),
        ("an unknown input", lock.replace("inputs.base", "inputs.bass")),
        ("a URL that is none", lock.replace("https://archive", "ftp://archive")),
        ("a package without size", lock.replacen("size = ", "sise = ", 1)),
        ("half of it", lock[..lock.len() / 2].to_owned()),
        ("nothing", String::new()),
    ] {
        assert_ne!(edited, lock, "{name}");
        pinned.place.file("my.lock", &edited);
        let ran = pinned.lock("");
        for other in [pinned.fetch(""), pinned.build("")] {
            assert_eq!(other, ran, "{name}");
        }
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{name}");
        said.extend([name, ": ", &ran.words]);
    }
    expect![[r#"
        an unknown key: error: ./my.lock: line 4, column 1: unknown field `colour`, expected one of `schema`, `profile-sha256`, `inputs`
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        another schema: error: ./my.lock: schema got 2, expected 1
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        a digest that is none: error: ./my.lock: line 4, column 18: `x44c3527bbc3dbc88a9af356dacc2335e22c2a5738320f663d1ffc0a088db24dd` is not a digest of 64 lower-case hex digits
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        an order that is not ours: error: ./my.lock: base: hello: is not in its place: packages are sorted, each once
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        an unknown input: error: ./my.lock: bass: `bass` is none of: base, agent, guest-components, pause-image, guard, kernel-modules
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        a URL that is none: error: ./my.lock: base: `ftp://archive.example.org/debian` has a scheme that is not taken here: https is
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        a package without size: error: ./my.lock: line 14, column 57: unknown field `sise`, expected one of `name`, `version`, `arch`, `size`, `sha256`, `url`
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        half of it: error: ./my.lock: line 11, column 154: unclosed inline table, expected `}`
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
        nothing: error: ./my.lock: line 1, column 1: missing field `schema`
        hint: take the lock from version control again, or remove it and run `coco-initrd lock`
    "#]].assert_eq(&said);
    assert!(!pinned.place.join("out").exists());
}

#[test]
fn a_profile_that_changed_is_neither_fetched_nor_built() {
    let pinned = pinned();
    pinned.fetched();
    pinned.wants(&["hello", "unwanted"], "");
    let ran = pinned.build("");
    expect![[r#"
        error: ./my.lock is of another profile: SHA-256 got PROFILE, expected PROFILE
        hint: run `coco-initrd lock --profile ./my.toml`: it keeps every pin that still fits; then review the change of the lock
    "#]].assert_eq(&without_profile(&ran.words));
    assert_eq!(pinned.fetch(""), ran);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
}

#[test]
fn without_a_lock_nothing_is_fetched_or_built() {
    let pinned = pinned();
    let ran = pinned.build("");
    expect![[r#"
        error: profile ./my.toml takes inputs from elsewhere, and has no lock: ./my.lock is not there
        hint: run `coco-initrd lock --profile ./my.toml`
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(pinned.fetch(""), ran);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
}

#[test]
fn a_lock_can_be_anywhere() {
    let pinned = pinned();
    assert_eq!(pinned.lock("--lock other.lock").code, 0);
    assert_eq!(pinned.fetch("--lock other.lock").code, 0);
    let ran = pinned.build("--lock other.lock");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(!pinned.place.join("my.lock").exists());
    let ran = pinned.run("build --profile coco-dev --builtin-guest --lock other.lock");
    expect![[r#"
        error: lock other.lock is given, and profile coco-dev takes nothing from elsewhere
        hint: leave --lock out, or give the input's source in the profile
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}
