//! Writes the corpora of signatures and packages again: `cargo run -p fuzz --example packages`, in the top
//! folder.
//!
//! Keys are made from seeds; the moments of their signatures are of now, so these bytes are others each time.
#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::path::Path;

use coco_packages::synthetic::{Value, fields, header, rpm, text};
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::ser::Serialize;
use pgp::types::Password;
use rand::SeedableRng;
use rand::rngs::StdRng;

fn main() {
    let (key, other) = (key(1), key(2));
    let public =
        |key: &SignedSecretKey| key.to_public_key().to_armored_string(ArmorOptions::default()).unwrap();
    let message = message(&key, "Origin: Example\n- Suite: stable\n");
    openpgp("ring_and_message", (public(&key) + "\n" + &message).as_bytes());
    openpgp("ring_of_another", (public(&other) + "\n" + &message).as_bytes());
    openpgp("two_blocks", (public(&key) + "\n" + &public(&other) + "\n" + &message).as_bytes());
    openpgp("text_behind", (public(&key) + "\n" + &message + "behind\n").as_bytes());
    openpgp("message", message.as_bytes());
    openpgp("binary_ring", &key.to_public_key().to_bytes().unwrap());
    openpgp("signature", &signature(&key, b"data"));

    let main = header(&fields(b"payload"));
    let beside = [(268, Value::Bin(signature(&key, &main))), (273, text("00"))];
    rpm_header("signed", &rpm(&beside, &main, b"payload"));
    rpm_header("unsigned", &rpm(&[], &main, b""));
    rpm_header("few_fields", &rpm(&[], &header(&[(1000, text("a"))]), b""));
    let more =
        [fields(b""), vec![(5103, text("true")), (6000, Value::Strings(vec![String::new(); 3]))]].concat();
    rpm_header("more_fields", &rpm(&[], &header(&more), b""));
    rpm_header("cut_off", rpm(&beside, &main, b"").get(..500).unwrap());
}

fn key(seed: u64) -> SignedSecretKey {
    let mut params = SecretKeyParamsBuilder::default();
    params.key_type(KeyType::Ed25519Legacy).can_sign(true).primary_user_id("a@example.org".to_owned());
    params.build().unwrap().generate(StdRng::seed_from_u64(seed)).unwrap()
}

fn message(key: &SignedSecretKey, text: &str) -> String {
    let random = StdRng::seed_from_u64(3);
    let message = CleartextSignedMessage::sign(random, text, &key.primary_key, &Password::empty()).unwrap();
    message.to_armored_string(ArmorOptions::default()).unwrap()
}

fn signature(key: &SignedSecretKey, data: &[u8]) -> Vec<u8> {
    let (random, none) = (StdRng::seed_from_u64(3), Password::empty());
    DetachedSignature::sign_binary_data(random, &key.primary_key, &none, HashAlgorithm::Sha256, data)
        .unwrap()
        .to_bytes()
        .unwrap()
}

fn openpgp(name: &str, bytes: &[u8]) {
    fs_err::write(Path::new("fuzz/corpus/openpgp").join(name), bytes).unwrap();
}

fn rpm_header(name: &str, bytes: &[u8]) {
    fs_err::write(Path::new("fuzz/corpus/rpm_header").join(name), bytes).unwrap();
}
