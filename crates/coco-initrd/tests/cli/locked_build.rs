//! Builds from a lock: without any network, from a store that nothing is believed of.

use coco_image::digest::Sha256;
use expect_test::expect;
use serde_json::Value;

use crate::archive::{Archive, Package, Packing};
use crate::pinned::{BUILD, Pinned, noise};
use crate::server::Server;

fn archive() -> Archive {
    Archive::new(vec![
        Package::new("hello", "2.10-3")
            .depends("libhello")
            .file("./usr/bin/hello", "hello\n")
            .packed(Packing::Gzip),
        Package::new("libhello", "1.0").file("./usr/lib/libhello.so.1", "lib\n").packed(Packing::Zstd),
        Package::new("words", "1").file("./usr/share/words", "words\n").link("./usr/share/dict", "words"),
    ])
}

fn fetched() -> Pinned {
    let pinned = Pinned::deb(&archive(), &["hello", "words"]);
    pinned.fetched();
    pinned
}

/// The digests of all files of a build.
fn sums(pinned: &Pinned) -> String {
    let ran = pinned.place.shell("cd out && find . -type f | LC_ALL=C sort | xargs sha256sum");
    assert_eq!(ran.code, 0, "{}", ran.words);
    ran.data
}

#[test]
fn a_build_from_a_lock_needs_no_server_and_gives_the_same_bytes() {
    let pinned = fetched();
    let ran = pinned.build("");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
    let before = sums(&pinned);
    pinned.server.stop();
    let ran = pinned.build("--check");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.words.contains("built twice: the bytes are the same\n"), "{}", ran.words);
    assert_eq!(sums(&pinned), before);
    let ran = pinned.run("verify out/manifest.json");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let ran = pinned.run("verify out/manifest.json --rebuild --profile ./my.toml --builtin-guest");
    assert_eq!(ran.code, 0, "{}", ran.words);
}

#[test]
fn a_store_elsewhere_gives_the_same_bytes() {
    let pinned = fetched();
    assert_eq!(pinned.build("").code, 0);
    let before = sums(&pinned);
    pinned.place.shell("mv $STORE elsewhere && chmod -R a-w elsewhere");
    let ran = pinned.build("--store elsewhere");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(sums(&pinned), before);
    assert!(!pinned.place.store().exists(), "a build makes no store");
}

#[test]
fn the_image_holds_what_the_packages_do_and_the_manifest_says_so() {
    let pinned = fetched();
    assert_eq!(pinned.build("").code, 0);
    let ran = pinned.run("ls out/coco-initrd-my.img /usr/share");
    expect![[r#"
        drwxr-xr-x          - /usr/share
        lrwxrwxrwx          - /usr/share/dict -> words
        drwxr-xr-x          - /usr/share/doc
        drwxr-xr-x          - /usr/share/doc/hello
        -rw-r--r--        123 /usr/share/doc/hello/copyright
        drwxr-xr-x          - /usr/share/doc/libhello
        -rw-r--r--        123 /usr/share/doc/libhello/copyright
        drwxr-xr-x          - /usr/share/doc/words
        -rw-r--r--        123 /usr/share/doc/words/copyright
        -rw-r--r--          6 /usr/share/words
    "#]]
    .assert_eq(&ran.data);
    let manifest: Value = serde_json::from_str(&pinned.place.text("out/manifest.json")).unwrap();
    let base = manifest["inputs"].as_array().unwrap().iter().find(|input| input["role"] == "base").unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &manifest));
    let text = serde_json::to_string_pretty(base).unwrap();
    expect![[r#"
        {
          "kind": "packages",
          "locked": [
            {
              "arch": "amd64",
              "name": "hello",
              "sha256": "8287358d8c8cf23dffb8e7ed33433a16139b552fbd815cd571f043f649532ea1",
              "size": 606,
              "version": "2.10-3"
            },
            {
              "arch": "amd64",
              "name": "libhello",
              "sha256": "9806907fb85e32794943f4fcb829c2c931b2e29665af51d1c0d49d4eb5457b46",
              "size": 576,
              "version": "1.0"
            },
            {
              "arch": "amd64",
              "name": "words",
              "sha256": "ce0881f628c21a55334a90b29af9d2af5be0b6c9c383fcbdd44463f61a2f6b7d",
              "size": 688,
              "version": "1"
            }
          ],
          "pinned": true,
          "role": "base",
          "sha256": "3cda457dca9812b65009efd536d795307e9a07ff865b2acc9c47e9a89c0fc5f8",
          "size": 1870
        }"#]]
    .assert_eq(&text);
}

#[test]
fn what_was_not_fetched_is_named_the_first_by_its_name() {
    let pinned = fetched();
    let mut said = String::new();
    for gone in ["sed -n '/\"libhello\"\\|\"words\"/p' my.lock", "cat my.lock"] {
        let line = format!(
            "for it in $({gone} | sed -n 's/.*arch = .*sha256 = \"\\([0-9a-f]*\\)\".*/\\1/p'); do rm -f $STORE/sha256/*/$it; done"
        );
        assert_eq!(pinned.place.shell(&line).code, 0);
        let ran = pinned.build("");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        said.push_str(&ran.words);
    }
    let ran = pinned.build("--store none");
    said.push_str(&ran.words);
    expect![[r#"
        error: input base can't be used
          caused by: libhello 1.0 is not in the content store STORE
        hint: run `coco-initrd fetch --profile ./my.toml`
        error: input base can't be used
          caused by: hello 2.10-3 is not in the content store STORE
        hint: run `coco-initrd fetch --profile ./my.toml`
        error: input base can't be used
          caused by: hello 2.10-3 is not in the content store none
        hint: run `coco-initrd fetch --profile ./my.toml`
    "#]]
    .assert_eq(&said);
    assert_eq!(pinned.place.names(), ["key.asc", "my.lock", "my.toml"]);
}

#[test]
fn what_is_damaged_is_named_and_leaves_the_earlier_build_whole() {
    let pinned = fetched();
    assert_eq!(pinned.build("").code, 0);
    let (before, names) = (sums(&pinned), pinned.place.names());
    let deb = archive().packages[1].deb();
    let sha256 = Sha256::of(&deb).to_string();
    let path = pinned.place.store().join("sha256").join(&sha256[..2]).join(&sha256);
    let mut other = deb.clone();
    *other.last_mut().unwrap() ^= 1;
    let got = Sha256::of(&other).to_string();
    let mut said = String::new();
    for bytes in [&other[..], &deb[1..], b""] {
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, bytes).unwrap();
        let ran = pinned.build("");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        said.push_str(&ran.words.replace(&got, "GOT").replace(&sha256, "EXPECTED"));
    }
    expect![[r#"
        error: input base can't be used
          caused by: package libhello 1.0 in the content store is damaged: SHA-256 got GOT, expected EXPECTED
        hint: run `coco-initrd fetch --profile ./my.toml`
        error: input base can't be used
          caused by: libhello 1.0 is not in the content store STORE
        hint: run `coco-initrd fetch --profile ./my.toml`
        error: input base can't be used
          caused by: libhello 1.0 is not in the content store STORE
        hint: run `coco-initrd fetch --profile ./my.toml`
    "#]]
    .assert_eq(&said);
    assert_eq!((sums(&pinned), pinned.place.names()), (before.clone(), names));
    assert_eq!(pinned.fetch("").code, 0);
    assert_eq!(pinned.build("").code, 0);
    assert_eq!(sums(&pinned), before);
}

#[test]
fn a_damaged_file_of_a_url_is_named() {
    let pinned = Pinned::url(Server::http(), &noise(100, 1));
    pinned.fetched();
    let (whole, _) = pinned.store();
    let path = pinned.place.store().join("sha256").join(&whole[0][..2]).join(&whole[0]);
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, noise(100, 2)).unwrap();
    let ran = pinned.build("");
    let got = Sha256::of(&noise(100, 2)).to_string();
    expect![[r#"
        error: input base can't be used
          caused by: https://files.example.org/base.tar in the content store is damaged: SHA-256 got GOT, expected EXPECTED
        hint: run `coco-initrd fetch --profile ./my.toml`
    "#]].assert_eq(&ran.words.replace(&got, "GOT").replace(&whole[0], "EXPECTED"));
    assert_eq!(ran.code, 2);
}

/// What a package may hold that no image can: named with the package, and nothing is left of the build.
#[test]
fn a_package_with_something_impossible_in_it_is_refused() {
    let hello = || Package::new("hello", "1");
    let cases = [
        ("a path that climbs", vec![hello().file("./../../etc/x", "x")]),
        ("a path that climbs behind a directory", vec![hello().file("usr/../../etc/x", "x")]),
        (
            "a file of another package",
            vec![hello().file("./etc/x", "x"), Package::new("other", "1").file("./etc/x", "x")],
        ),
        ("a file twice", vec![hello().file("./etc/x", "x").file("./etc/x", "y")]),
        (
            "a file where a link is",
            vec![hello().link("./etc", "usr").file("./etc/x", "x").file("./usr", "x")],
        ),
        ("a control file of another version", vec![hello().claiming("2")]),
        ("a bomb", vec![hello().file("./bomb", vec![0; 3 << 20])]),
    ];
    let mut said = String::new();
    for (name, packages) in cases {
        let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
        let pinned = Pinned::deb(&Archive::new(packages.clone()), &names);
        let profile = pinned.place.text("my.toml");
        pinned.place.file("my.toml", profile.replacen('\n', "\nunpack-limit-mib = 2\n", 1));
        pinned.fetched();
        let ran = pinned.build("");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{name}: {}", ran.words);
        assert_eq!(pinned.place.names(), ["key.asc", "my.lock", "my.toml"], "{name}");
        said.extend([name, ": ", &ran.words]);
    }
    expect![[r#"
        a path that climbs: error: input base can't be used
          caused by: package hello 1
          caused by: data.tar.xz
          caused by: `./../../etc/x` climbs out with `..`
        hint: no such name can be in an image: rename the file, or get the archive from somewhere else
        a path that climbs behind a directory: error: input base can't be used
          caused by: package hello 1
          caused by: data.tar.xz
          caused by: `usr/../../etc/x` climbs out with `..`
        hint: no such name can be in an image: rename the file, or get the archive from somewhere else
        a file of another package: error: input base can't be used
          caused by: /etc/x is in package hello and in package other
        a file twice: error: input base can't be used
          caused by: /etc/x is in package hello and in package hello
        a file where a link is: error: input base can't be used
          caused by: archive: /usr/share can't be below /usr, which is a file
        hint: a path may be there once: leave it out of one input, or of the archive
        a control file of another version: error: input base can't be used
          caused by: package hello 1
          caused by: field Version: got 2, expected 1
        a bomb: error: input base can't be used
          caused by: package hello 1
          caused by: data.tar.xz
          caused by: at byte 1536 of the tar: unpacks to more than 2097152 bytes, the limit
        hint: if the input is meant to be that large, raise unpack-limit-mib in the profile
    "#]]
    .assert_eq(&said);
}

/// A link may point anywhere: it is followed in the guest, and while building never out of the image.
#[test]
fn a_link_that_points_out_of_the_image_stays_in_it() {
    let packages = vec![
        Package::new("linked", "1").link("./outside", "/../../../../etc"),
        Package::new("other", "1").file("./outside/written-by-a-package", "x"),
    ];
    let pinned = Pinned::deb(&Archive::new(packages), &["linked", "other"]);
    pinned.fetched();
    let ran = pinned.build("");
    expect![[r#"
        2 error: input base can't be used
          caused by: archive: /outside leads to /etc, which is not in the image
        hint: a path may be there once: leave it out of one input, or of the archive
    "#]]
    .assert_eq(&format!("{} {}", ran.code, ran.words));
    assert!(!std::path::Path::new("/etc/written-by-a-package").exists());
}

#[test]
fn a_file_that_is_no_package_is_refused() {
    let archive = Archive::new(vec![Package::new("hello", "1")]);
    let pinned = Pinned::deb(&archive, &["hello"]);
    pinned.fetched();
    // The lock is made to name the index in the package's place.
    let index = pinned.server.bytes(crate::archive::INDEX);
    let deb = archive.packages[0].deb();
    let lock = pinned.place.text("my.lock");
    let lock = lock.replace(&Sha256::of(&deb).to_string(), &Sha256::of(&index).to_string());
    pinned
        .place
        .file("my.lock", lock.replace(&format!("size = {}", deb.len()), &format!("size = {}", index.len())));
    let ran = pinned.build("");
    expect![[r#"
        error: input base can't be used
          caused by: package hello 1
          caused by: it does not begin with `!<arch>`
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn an_input_that_is_given_needs_no_store() {
    let pinned = fetched();
    fs_err::remove_dir_all(pinned.place.store()).unwrap();
    pinned.place.file("base/etc/x", "x");
    let ran = pinned.run(&format!("{BUILD} --base base"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let ran = pinned.run(&format!("{BUILD} --base base --lock my.lock"));
    expect![[r#"
        error: lock my.lock is given, and profile my takes nothing from elsewhere
        hint: leave --lock out, or give the input's source in the profile
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}
