//! A base of RPM packages: locked, fetched and built from. The packages are made by code, their payloads by
//! GNU cpio.

use std::io::Write as _;
use std::process::{Command, Stdio};

use coco_image::digest::Sha256;
use coco_packages::synthetic::{self, fields, header, text};
use expect_test::expect;

use crate::archive::Key;
use crate::fixture::Place;
use crate::pinned::Pinned;
use crate::server::Server;

/// Files as an RPM holds them: newc, compressed.
fn payload(files: &[(&str, &str)]) -> Vec<u8> {
    let place = Place::new();
    for (name, body) in files {
        place.file(name, body);
    }
    let mut cpio = Command::new("cpio")
        .args(["--quiet", "-H", "newc", "-o"])
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let names: Vec<String> = files.iter().map(|(name, _)| format!("./{name}\n")).collect();
    cpio.stdin.take().unwrap().write_all(names.concat().as_bytes()).unwrap();
    zstd::encode_all(&cpio.wait_with_output().unwrap().stdout[..], 3).unwrap()
}

/// A package of this name that nobody has signed.
fn rpm(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let payload = payload(files);
    let mut fields = fields(&payload);
    fields[0] = (1000, text(name));
    let header = header(&fields);
    let sha256 = (273, text(&Sha256::of(&header).to_string()));
    synthetic::rpm(&[sha256], &header, &payload)
}

/// A profile whose base are these packages, and the server that has them.
fn pinned(packages: &[Vec<u8>], keys: &str) -> Pinned {
    let pinned = Pinned { place: Place::new(), server: Server::http() };
    pinned.place.file("key.asc", Key::new(1).public());
    let files = packages.iter().enumerate().map(|(number, bytes)| {
        pinned.server.file(&format!("/{number}.rpm"), bytes.clone());
        let sha256 = Sha256::of(bytes);
        format!("{{ url = \"https://files.example.org/{number}.rpm\", sha256 = \"{sha256}\" }}, ")
    });
    let files = files.collect::<Vec<_>>().concat();
    let profile = format!("extends = \"coco-dev\"\n[inputs.base.rpm]\n{keys}files = [{files}]\n");
    pinned.place.file("my.toml", profile);
    pinned
}

#[test]
fn packages_are_one_base_and_are_named_in_the_bill_of_materials() {
    let packages =
        [rpm("words", &[("usr/share/words", "words\n")]), rpm("hello", &[("usr/bin/hello", "hello\n")])];
    let pinned = pinned(&packages, "");
    let ran = pinned.lock("");
    expect![[r#"
        + base hello 1:2.10-3
        + base words 1:2.10-3
    "#]]
    .assert_eq(&ran.data);
    assert_eq!(pinned.fetch("").code, 0);
    pinned.server.stop();
    let ran = pinned.build("--check");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(pinned.run("cat out/coco-initrd-my.img /usr/bin/hello").data, "hello\n");
    let bill = pinned.place.text("out/sbom.spdx.json");
    for said in ["pkg:rpm/linux/hello@2.10-3?arch=x86_64", "\"licenseDeclared\": \"MIT AND Apache-2.0\""] {
        assert!(bill.contains(said), "{said} in {bill}");
    }
}

#[test]
fn a_name_is_locked_once() {
    let packages = [rpm("hello", &[("a", "a")]), rpm("hello", &[("b", "b")])];
    let ran = pinned(&packages, "").lock("");
    expect![[r#"
        looking at base
        error: package hello is at https://files.example.org/0.rpm and at https://files.example.org/1.rpm
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_package_that_nobody_has_signed_is_not_taken_where_a_key_is_asked_for() {
    let pinned = pinned(&[rpm("hello", &[("a", "a")])], "signed-by = \"./key.asc\"\n");
    let ran = pinned.lock("");
    expect![[r#"
        looking at base
        error: https://files.example.org/0.rpm
          caused by: the package is not signed
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    assert!(!pinned.place.join("my.lock").exists());
}

#[test]
fn what_is_no_package_is_told() {
    let ran = pinned(&[b"not an rpm".to_vec()], "").lock("");
    assert_eq!(ran.code, 2);
    assert!(ran.words.contains("error: https://files.example.org/0.rpm\n  caused by: "), "{}", ran.words);
}
