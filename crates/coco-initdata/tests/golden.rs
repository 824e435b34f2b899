//! What is made, pinned byte for byte: pods carry it, and verifiers are told its digest.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::collections::BTreeMap;

use coco_initdata::{Algorithm, Form, Initdata, PEER_PODS_STAND_IN, read};
use expect_test::{Expect, expect};

const POLICY: &str = "package agent_policy\n\ndefault ExecProcessRequest := false\n";

fn of(data: &[(&str, &str)]) -> Initdata {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Initdata::new(Algorithm::Sha256, data.collect()).unwrap()
}

fn written(data: &[(&str, &str)], expected: &Expect) {
    expected.assert_eq(of(data).text());
}

#[test]
fn a_document_reads_like_the_files_it_was_made_of() {
    let aa = "[token_configs.kbs]\nurl = 'http://kbs:8080'\n";
    written(
        &[("policy.rego", POLICY), ("aa.toml", aa)],
        &expect![[r#"
        algorithm = "sha256"
        version = "0.1.0"

        [data]
        "aa.toml" = '''
        [token_configs.kbs]
        url = 'http://kbs:8080'
        '''
        "policy.rego" = '''
        package agent_policy

        default ExecProcessRequest := false
        '''
    "#]],
    );
}

#[test]
fn a_text_a_literal_can_not_hold_is_escaped() {
    written(
        &[
            ("carriage return", "one\r\ntwo"),
            ("control", "\u{0}\u{1b}\u{7f}\u{85}"),
            ("last quote", "it's '"),
            ("three quotes", "'''\t\"\"\"\\"),
        ],
        &expect![[r#"
            algorithm = "sha256"
            version = "0.1.0"

            [data]
            "carriage return" = """
            one\r
            two"""
            "control" = """
            \u0000\u001B\u007F\u0085"""
            "last quote" = """
            it's '"""
            "three quotes" = """
            '''	\"\"\"\\"""
        "#]],
    );
}

#[test]
fn a_key_may_be_any_text() {
    written(
        &[("", "empty"), ("a.b \"c\"\n", "")],
        &expect![[r#"
        algorithm = "sha256"
        version = "0.1.0"

        [data]
        "" = '''
        empty'''
        "a.b \"c\"\n" = '''
        '''
    "#]],
    );
}

#[test]
fn a_document_may_be_empty() {
    written(
        &[],
        &expect![[r#"
        algorithm = "sha256"
        version = "0.1.0"

        [data]
    "#]],
    );
}

#[test]
fn the_stand_in_of_peer_pods_has_our_layout_but_for_its_end() {
    assert_eq!(of(&[("aa.toml", "")]).text(), format!("{PEER_PODS_STAND_IN}\n"));
}

#[test]
fn an_annotation_is_always_the_same() {
    expect!["H4sIAAAAAAAC/yWKsQrCMBBA9/uKI8ttoQo6CB3dxVVEjvSaBmNTc1fRv7elw1vee5xjqcmGF7bodOD94ejgI1VTGVfV+J1vHMCtY+M7uKnkFH6+Sixu6UQEE4cnR8GF0R7bANBJz3M2PH8lXGoJonqV9yxqeGqx56wCRAR/CmkHxYEAAAA="].assert_eq(&of(&[("policy.rego", POLICY)]).annotation().unwrap());
}

#[test]
fn an_image_is_always_the_same() {
    let image = of(&[("policy.rego", POLICY)]).image();
    let digest = Algorithm::Sha256.digest(&image);
    expect!["512 bytes, SHA-256 014b2cdbc9d36c4ae00d73b3394231b45e0463d5df884802c8b1d517dbe790d7"]
        .assert_eq(&format!("{} bytes, SHA-256 {digest}", image.len()));
}

#[test]
fn an_image_has_whole_sectors_and_the_length_of_what_is_in_them() {
    for len in [0, 300, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 2000] {
        // A text that hardly compresses, so that every length of the gzip data comes up.
        let byte = |n: u32| u8::try_from((n * n * 31 + n * 7) % 89).unwrap();
        let text: String = (0..len).map(|n| char::from(b'!' + byte(n))).collect();
        let image = of(&[("x", &text)]).image();
        let length = usize::try_from(u64::from_le_bytes(image[8..16].try_into().unwrap())).unwrap();
        assert_eq!((&image[..8], image.len()), (&b"initdata"[..], (16 + length).div_ceil(512) * 512));
    }
}

#[test]
fn a_document_that_was_read_keeps_its_bytes() {
    let text = "# by hand\nversion='0.1.0'\r\nalgorithm = \"sha512\"\ndata = { \"policy.rego\" = \"p\" }";
    let (form, initdata) = read("x", text.as_bytes()).unwrap();
    assert_eq!((form, initdata.text()), (Form::Toml, text));
    assert_eq!(initdata.digest(), Algorithm::Sha512.digest(text.as_bytes()));
    assert_eq!(initdata.data(), &BTreeMap::from([("policy.rego".to_owned(), "p".to_owned())]));
    let (form, again) = read("x", initdata.annotation().unwrap().as_bytes()).unwrap();
    assert_eq!((form, &again), (Form::Annotation, &initdata));
    let (form, again) = read("x", &initdata.image()).unwrap();
    assert_eq!((form, &again), (Form::Image, &initdata));
}

#[test]
fn keys_no_guest_knows_are_told() {
    let initdata = of(&[("policy.rego", POLICY), ("cdh.toml", ""), ("aa.toml", ""), ("policy", "")]);
    assert_eq!(initdata.foreign_keys().collect::<Vec<_>>(), ["policy"]);
}
