//! What is no initdata, in every form, and what is said about it.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::collections::BTreeMap;
use std::io::Write as _;

use coco_initdata::{ANNOTATION, ANNOTATIONS_MAX, Algorithm, INPUT_MAX, Initdata, TEXT_MAX, read};
use expect_test::{Expect, expect};

const GOOD: &str = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"policy.rego\" = \"\"\n";

fn refused(bytes: impl AsRef<[u8]>, error: &Expect) {
    error.assert_eq(&read("it", bytes.as_ref()).unwrap_err().to_string());
}

/// Why the good document is none after one edit.
fn edited(from: &str, to: &str, error: &Expect) {
    assert!(GOOD.contains(from));
    refused(GOOD.replace(from, to), error);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn good() -> Initdata {
    Initdata::parse("good", GOOD.as_bytes()).unwrap()
}

#[test]
fn an_algorithm_with_a_hyphen_is_told_from_an_unknown_one() {
    edited("sha256", "sha-384", &expect!["it: algorithm: got `sha-384` with a hyphen, expected sha384"]);
    edited("sha256", "md5", &expect!["it: algorithm: got `md5`, expected sha256, sha384 or sha512"]);
    edited("sha256", "SHA256", &expect!["it: algorithm: got `SHA256`, expected sha256, sha384 or sha512"]);
    edited("sha256", "", &expect!["it: algorithm: got ``, expected sha256, sha384 or sha512"]);
}

#[test]
fn there_is_one_version() {
    edited("0.1.0", "0.2.0", &expect!["it: version: got `0.2.0`, expected 0.1.0"]);
    edited("\"0.1.0\"", "1", &expect!["it: version: got an integer, expected a string"]);
}

#[test]
fn every_key_must_be_there() {
    edited(
        "version = \"0.1.0\"\n",
        "",
        &expect!["it has no version, expected keys algorithm, version and data"],
    );
    edited(
        "algorithm = \"sha256\"\n",
        "",
        &expect!["it has no algorithm, expected keys algorithm, version and data"],
    );
    edited(
        "[data]\n\"policy.rego\" = \"\"\n",
        "",
        &expect!["it has no data, expected keys algorithm, version and data"],
    );
    refused("", &expect!["it has no version, expected keys algorithm, version and data"]);
}

#[test]
fn no_other_key_may_be_there() {
    edited(
        "[data]",
        "extra = 1\n[data]",
        &expect!["it: got key `extra`, expected only algorithm, version and data"],
    );
    edited(
        "[data]",
        "[more]\n[data]",
        &expect!["it: got key `more`, expected only algorithm, version and data"],
    );
}

#[test]
fn values_are_strings() {
    edited("\"\"\n", "1\n", &expect!["it: data.policy.rego: got an integer, expected a string"]);
    edited("\"policy.rego\"", "policy.rego", &expect!["it: data.policy: got a table, expected a string"]);
    edited("[data]", "[[data]]", &expect!["it: data: got an array, expected a table"]);
}

#[test]
fn what_is_not_toml_is_shown_with_its_place() {
    edited("[data]", "[data", &expect!["it:4:6: unclosed table, expected `]`"]);
    edited("[data]", "version = \"0.1.0\"\n[data]", &expect!["it:4:1: duplicate key"]);
    edited("\"\"\n", "\"\n", &expect![[r#"it:5:18: invalid basic string, expected `"`"#]]);
}

#[test]
fn no_nesting_is_too_deep_to_be_refused() {
    let deep = 80_000;
    refused(
        format!("a={}", "[".repeat(deep)),
        &expect!["it:1:83: cannot recurse further; max recursion depth met"],
    );
    refused(
        format!("a={}", "{a=".repeat(deep)),
        &expect!["it:1:243: cannot recurse further; max recursion depth met"],
    );
    refused(format!("{}=1", ["a"].repeat(deep).join(".")), &expect!["it:1:1: recursion limit"]);
}

#[test]
fn a_document_is_utf8_without_a_byte_order_mark() {
    refused(format!("\u{feff}{GOOD}"), &expect!["it begins with a byte order mark, expected plain UTF-8"]);
    refused(
        [GOOD.as_bytes(), b"# \xFF"].concat(),
        &expect!["it is not UTF-8: got an invalid byte at offset 68"],
    );
}

#[test]
fn binary_junk_is_no_form_at_all() {
    refused(
        b"\x7fELF\x02\x01\x01\x00",
        &expect!["it is not initdata: expected TOML, an annotation's base64, gzip or a device image"],
    );
}

#[test]
fn base64_is_strict() {
    let value = good().annotation().unwrap();
    refused(
        format!("{}\n{}", &value[..76], &value[76..]),
        &expect!["it has white space in its base64, at offset 76"],
    );
    refused(format!("{value}\r\n"), &expect!["it has white space in its base64, at offset 108"]);
    refused(format!(" {value}"), &expect!["it has white space in its base64, at offset 0"]);
    refused(
        &value[..value.len() - 1],
        &expect!["it is not base64: got an incomplete group of 4 at offset 104"],
    );
    refused(
        format!("{}_{}", &value[..40], &value[41..]),
        &expect!["it is not base64: got a character of no meaning at offset 40"],
    );
    refused("AAB=", &expect!["it is not base64: got bits that are left over at offset 2"]);
    assert!(read("it", format!("{value}\n").as_bytes()).is_ok());
}

#[test]
fn an_annotations_own_value_has_no_line_end() {
    let value = format!("{}\n", good().annotation().unwrap());
    let error = Initdata::from_annotation("it", value.as_bytes()).unwrap_err();
    expect!["it has white space in its base64, at offset 108"].assert_eq(&error.to_string());
}

#[test]
fn there_is_one_gzip_member_and_nothing_behind_it() {
    let member = gzip(GOOD.as_bytes());
    refused(
        base64(&[member.as_slice(), &member].concat()),
        &expect!["it has a second gzip member at offset 81 of its gzip data, expected one"],
    );
    refused(
        base64(&[member.as_slice(), b"x"].concat()),
        &expect!["it: bytes after the gzip data: got 1, expected none"],
    );
    refused(
        [member.as_slice(), &[0; 7]].concat(),
        &expect!["it: bytes after the gzip data: got 7, expected none"],
    );
}

#[test]
fn damaged_gzip_is_refused() {
    let member = gzip(GOOD.as_bytes());
    refused(&member[..member.len() - 1], &expect!["it can't be unpacked: the gzip data ends too early"]);
    refused(&member[..2], &expect!["it can't be unpacked: the gzip data ends too early"]);
    let mut crc = member.clone();
    crc[member.len() - 8] ^= 1;
    refused(&crc, &expect!["it can't be unpacked: corrupt gzip stream does not have a matching checksum"]);
    refused(base64(b"no gzip"), &expect!["it can't be unpacked: the gzip data ends too early"]);
}

#[test]
fn a_bomb_is_unpacked_no_further_than_a_document_can_reach() {
    refused(
        base64(&gzip(&vec![b'#'; TEXT_MAX + 1])),
        &expect!["it unpacks to more than 17825792 bytes, the most that initdata can have"],
    );
}

#[test]
fn the_longest_document_is_read() {
    let text = format!("{GOOD}{}", "#".repeat(TEXT_MAX - GOOD.len()));
    assert!(read("it", text.as_bytes()).is_ok());
    assert!(read("it", base64(&gzip(text.as_bytes())).as_bytes()).is_ok());
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    refused(
        format!("{GOOD}{}", "#".repeat(TEXT_MAX)),
        &expect!["it is too long: got 17825858 bytes of TOML, expected at most 17825792"],
    );
    refused(
        vec![b'#'; INPUT_MAX + 1],
        &expect!["it is too long: got over 25165824 bytes, which no initdata has"],
    );
    let data = BTreeMap::from([("policy.rego".to_owned(), "#".repeat(TEXT_MAX))]);
    let error = Initdata::new(Algorithm::Sha256, data).unwrap_err();
    expect!["initdata is too long: got 17825863 bytes of TOML, expected at most 17825792"]
        .assert_eq(&error.to_string());
}

#[test]
fn an_image_that_is_cut_off_is_refused() {
    let image = good().image();
    refused(&image[..8], &expect!["it is cut off: got 8 bytes of a device image, expected at least 16"]);
    refused(&image[..15], &expect!["it is cut off: got 15 bytes of a device image, expected at least 16"]);
    refused(&image[..40], &expect!["it is cut off: its header announces 81 bytes of gzip data, got 24"]);
    refused(
        b"initdata\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        &expect!["it is cut off: its header announces 18446744073709551615 bytes of gzip data, got 0"],
    );
}

#[test]
fn an_image_hides_nothing_behind_the_document() {
    let mut image = good().image();
    *image.last_mut().unwrap() = 1;
    refused(&image, &expect!["it has data behind its gzip data, at offset 511, expected zeros"]);
}

#[test]
fn a_configuration_that_is_not_toml_is_no_reason_not_to_read() {
    let (_, initdata) =
        read("it", GOOD.replace("policy.rego", "aa.toml").replace("\"\"", "\"x\"").as_bytes()).unwrap();
    let faults: Vec<String> = initdata.faults().iter().map(ToString::to_string).collect();
    expect!["aa.toml:1:2: key with no value, expected `=`"].assert_eq(&faults.join("\n"));
}

#[test]
fn a_configuration_that_is_not_toml_is_a_reason_not_to_write() {
    let data = BTreeMap::from([("cdh.toml".to_owned(), "a = 1\nb = \n".to_owned())]);
    let error = Initdata::new(Algorithm::Sha256, data).unwrap_err();
    expect!["cdh.toml:2:5: string values must be quoted, expected literal string"]
        .assert_eq(&error.to_string());
}

#[test]
fn an_annotation_that_kubernetes_would_refuse_is_an_error() {
    // Text without any pattern, from a linear congruential generator: 6 bits a character, as base64.
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'0' + u8::try_from(state >> 26).unwrap())
    };
    let text: String = (0..ANNOTATIONS_MAX).map(|_| next()).collect();
    let data = BTreeMap::from([("policy.rego".to_owned(), text)]);
    let initdata = Initdata::new(Algorithm::Sha256, data).unwrap();
    expect!["the annotation is too large: got 263000 bytes with its name, expected at most 262144"]
        .assert_eq(&initdata.annotation().unwrap_err().to_string());
    assert!(initdata.annotation_len() > ANNOTATIONS_MAX + ANNOTATION.len());
}

#[test]
fn a_text_of_too_many_tokens_is_not_made_a_tree() {
    let head = GOOD.replace("\"policy.rego\" = \"\"\n", "");
    let tables = format!("{head}{}", "[[a]]\n".repeat(60_000));
    refused(tables, &expect!["it:43692:6: got over 262144 tokens, expected fewer"]);
    let numbers = format!("{head}x = [{}]\n", "1,".repeat(8 << 20));
    refused(
        base64(&gzip(numbers.as_bytes())),
        &expect!["it:5:262128: got over 262144 tokens, expected fewer"],
    );
    let text = format!("{head}x = \"{}\"\n", "1,".repeat(4 << 20));
    assert!(read("it", text.as_bytes()).is_ok());
}
