//! Packages that code makes, whole and wrong in one way each.

use pgp::composed::{DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::PacketTrait;
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, Password, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::synthetic::{Field, Value, fields, header, rpm, text};

const PAYLOAD: &[u8] = b"payload";

/// Far enough in the future for signatures that are made now.
const NOW: u64 = 4_000_000_000;

fn key(seed: u64) -> SignedSecretKey {
    let mut params = SecretKeyParamsBuilder::default();
    params
        .key_type(KeyType::ECDSA(ECCCurve::P256))
        .can_sign(true)
        .primary_user_id("a@example.org".to_owned());
    params.created_at(Timestamp::from_secs(1_000_000_000));
    params.build().unwrap().generate(StdRng::seed_from_u64(seed)).unwrap()
}

fn ring(key: &SignedSecretKey) -> Keyring {
    Keyring::parse(&key.to_public_key().to_bytes().unwrap()).unwrap()
}

fn signature(key: &SignedSecretKey, data: &[u8]) -> Vec<u8> {
    let random = StdRng::seed_from_u64(3);
    let none = Password::empty();
    let signature =
        DetachedSignature::sign_binary_data(random, &key.primary_key, &none, HashAlgorithm::Sha256, data);
    let mut bytes = Vec::new();
    signature.unwrap().signature.to_writer_with_header(&mut bytes).unwrap();
    bytes
}

/// The usual fields, but for one.
fn with(tag: u32, value: Value) -> Vec<Field> {
    let mut fields = without(tag);
    let at = fields.partition_point(|(other, _)| *other < tag);
    fields.insert(at, (tag, value));
    fields
}

fn without(tag: u32) -> Vec<Field> {
    fields(PAYLOAD).into_iter().filter(|(other, _)| *other != tag).collect()
}

fn parse(fields: &[Field]) -> Result<Package, String> {
    Package::parse(&rpm(&[], &header(fields), PAYLOAD)).map_err(|error| error.to_string())
}

#[test]
fn a_package_is_what_its_header_says() {
    let bytes = rpm(&[], &header(&fields(PAYLOAD)), PAYLOAD);
    let package = Package::parse(&bytes).unwrap();
    assert_eq!(package.name, "hello");
    assert_eq!(package.version, "1:2.10-3");
    assert_eq!(package.arch, "x86_64");
    assert_eq!(package.license, "MIT AND Apache-2.0");
    assert_eq!(package.vendor.as_deref(), Some("Example"));
    assert_eq!(package.size, 5);
    assert_eq!(package.scripts, ["%post"]);
    assert_eq!(&bytes[package.payload.offset..], PAYLOAD);
    assert_eq!(package.payload.compressor, Compressor::Zstd);
    assert_eq!(package.payload.sha256, Some(Sha256::digest(PAYLOAD).into()));
}

#[test]
fn what_a_package_need_not_have_may_be_missing() {
    assert_eq!(parse(&without(1003)).unwrap().version, "2.10-3");
    assert_eq!(parse(&without(1011)).unwrap().vendor, None);
    assert_eq!(parse(&without(1024)).unwrap().scripts, [""; 0]);
    assert_eq!(parse(&without(5092)).unwrap().payload.sha256, None);
    assert_eq!(parse(&with(5009, Value::Int64(1 << 40))).unwrap().size, 1 << 40);
    assert_eq!(parse(&with(1153, text("<lua>"))).unwrap().scripts, ["%pretrans", "%post"]);
}

#[test]
fn a_wrong_field_is_an_error() {
    let cases = [
        (without(1000), "the header has no NAME (1000)"),
        (without(1009), "the header has no SIZE (1009)"),
        (without(1014), "the header has no LICENSE (1014)"),
        (
            with(1000, text("a/b")),
            "the header has `a/b` as NAME (1000), expected a word of ASCII without `/`",
        ),
        (with(1001, text("")), "the header has `` as VERSION (1001), expected a word of ASCII without `/`"),
        (with(1014, text("MIT\n")), "the header has `MIT\\n` as LICENSE (1014), expected one line of text"),
        (with(1000, Value::Int32(1)), "the header has NAME (1000), which is not one text"),
        (with(1003, text("1")), "the header has EPOCH (1003), which is not one number"),
        (with(1124, text("drpm")), "the header has `drpm` as PAYLOADFORMAT (1124), expected cpio"),
        (
            with(1125, text("pigz")),
            "the header has `pigz` as PAYLOADCOMPRESSOR (1125), expected gzip, bzip2, xz, lzma or zstd",
        ),
        (
            with(5092, Value::Strings(vec!["00".to_owned()])),
            "the header has `00` as PAYLOADSHA256 (5092), expected one SHA-256 in hexadecimal",
        ),
        (
            with(5093, Value::Int32(1)),
            "the header has `1` as PAYLOADSHA256ALGO (5093), expected 8, which is SHA-256",
        ),
        (with(2000, Value::Bin(vec![])), "the header has tag (2000), which has no value"),
        ([fields(PAYLOAD), fields(PAYLOAD)].concat(), "the header has NAME (1000), which is there twice"),
    ];
    for (fields, expected) in cases {
        assert_eq!(parse(&fields).unwrap_err(), expected);
    }
}

#[test]
fn a_malformed_header_is_an_error() {
    let good = header(&fields(PAYLOAD));
    let change = |at: usize, bytes: &[u8]| {
        let mut header = good.clone();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        Package::parse(&rpm(&[], &header, PAYLOAD)).unwrap_err().to_string()
    };
    let cases: [(usize, &[u8], &str); 10] = [
        (0, b"\0", "the header does not begin with the magic of a header"),
        (7, b"\x01", "the header does not begin with the magic of a header"),
        (8, b"\0\x01\0\0", "the header has 65536 entries, expected at most 65535"),
        (12, b"\x04\0\0\x01", "the header has 67108865 bytes of data, expected at most 67108864"),
        (12, b"\x04\0\0\0", "the header is cut off: got 407 bytes, expected 67109104"),
        (16, b"\0\0\0\x3E", "the header is not covered whole by its region HEADERIMMUTABLE (63)"),
        (11, b"\x02", "the header is not covered whole by its region HEADERIMMUTABLE (63)"),
        (32 + 4, b"\0\0\0\x0A", "the header has NAME (1000), which is of a type that is not known"),
        (32 + 12, b"\0\0\0\x02", "the header has NAME (1000), which is one text and has several"),
        (48 + 8, b"\0\0\0\0", "the header has VERSION (1001), which begins before the end of another"),
    ];
    for (at, bytes, expected) in cases {
        assert_eq!(change(at, bytes), expected, "at {at}");
    }
}

#[test]
fn a_package_that_is_cut_off_is_an_error() {
    let bytes = rpm(&[], &header(&fields(PAYLOAD)), PAYLOAD);
    let payload = Package::parse(&bytes).unwrap().payload.offset;
    assert!((0..payload).all(|end| Package::parse(&bytes[..end]).is_err()));
}

#[test]
fn a_lead_is_that_of_a_package_with_files() {
    let good = rpm(&[], &header(&fields(PAYLOAD)), PAYLOAD);
    let cases = [
        (0, "the lead has 01abeedb as its magic, expected edabeedb"),
        (4, "the lead has 01 as its format, expected 03 or 04"),
        (7, "the lead has 0001 as its type, expected 0000, a package that is not of sources"),
        (79, "the lead has 0001 as its type of signatures, expected 0005"),
    ];
    for (at, expected) in cases {
        let mut bytes = good.clone();
        bytes[at] = 1;
        assert_eq!(Package::parse(&bytes).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_key_of_the_ring_vouches_for_the_header() {
    let (known, other) = (key(1), key(2));
    let main = header(&fields(PAYLOAD));
    let by = |key: &SignedSecretKey| signature(key, &main);
    let verify = |beside: &[Field], main: &[u8]| {
        let package = Package::parse(&rpm(beside, main, PAYLOAD)).unwrap();
        let signers = package.verify(&ring(&known), NOW).map_err(|error| error.to_string());
        signers.map(|signers| signers.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let digest = |of: &[u8]| (273, text(&HEXLOWER.encode(&Sha256::digest(of))));
    let id = |key: &SignedSecretKey| format!("{:X}", key.fingerprint());
    let ours = Ok(vec![id(&known)]);
    assert_eq!(verify(&[(267, Value::Bin(by(&known)))], &main), ours);
    assert_eq!(verify(&[(268, Value::Bin(by(&known))), digest(&main)], &main), ours);
    let both = [&other, &known].map(|key| BASE64.encode(&by(key))).to_vec();
    assert_eq!(verify(&[(278, Value::Strings(both))], &main), ours);

    assert_eq!(verify(&[digest(&main)], &main), Err("the package is not signed".to_owned()));
    let unknown = format!("no key of the ring signed this; signed by {}", id(&other));
    assert_eq!(verify(&[(268, Value::Bin(by(&other)))], &main), Err(unknown));
    let changed = header(&with(1000, text("other")));
    let bad = format!("the signature by {} is not of this text", id(&known));
    assert_eq!(verify(&[(268, Value::Bin(by(&known)))], &changed), Err(bad));
    let [got, expected] = [&main, &changed].map(|bytes| HEXLOWER.encode(&Sha256::digest(bytes)));
    let differs = format!("the header has the SHA-256 {got}, expected {expected}");
    assert_eq!(verify(&[(268, Value::Bin(by(&known))), digest(&changed)], &main), Err(differs));
    let bare = header(&without(5092));
    let beside = [(268, Value::Bin(signature(&known, &bare)))];
    assert_eq!(verify(&beside, &bare), Err("the header has no SHA-256 of the payload".to_owned()));
}

proptest! {
    #[test]
    fn a_changed_package_has_an_answer(index in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = rpm(&[(1000, Value::Int32(7))], &header(&fields(PAYLOAD)), b"");
        *index.get_mut(&mut bytes) = byte;
        let _ = Package::parse(&bytes);
    }
}
