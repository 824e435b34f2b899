//! Keys and messages that code makes, judged by rings of them.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails, SignedPublicKey,
    SignedPublicSubKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, Notation, PacketTrait, SecretKey, SecretSubkey, SignatureConfig, Subpacket, SubpacketData,
    UserId,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, PacketHeaderVersion, Password, SignedUser, Tag, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

/// When keys are made and sign, in seconds since 1970, and when that is judged.
const MADE: u32 = 1_700_000_000;
const NOW: u64 = 1_700_086_400;

const TEXT: &str = "Origin: Example\n- Suite: stable\n";

/// A key that signs, with a subkey that does. Their signatures are made by the tests.
struct Owner {
    primary: SecretKey,
    subkey: SecretSubkey,
}

/// What a test changes in a certificate.
#[derive(Default)]
struct Terms {
    primary: Vec<SubpacketData>,
    subkey: Vec<SubpacketData>,
    back: Back,
    revoked: bool,
    subkey_revoked: bool,
}

/// Whether a subkey says that it belongs to the primary key.
#[derive(Default, PartialEq)]
enum Back {
    #[default]
    Signed,
    Missing,
}

fn owner(seed: u64) -> Owner {
    let curve = || KeyType::ECDSA(ECCCurve::P256);
    let made = Timestamp::from_secs(MADE);
    let subkey =
        SubkeyParamsBuilder::default().key_type(curve()).can_sign(true).created_at(made).build().unwrap();
    let mut params = SecretKeyParamsBuilder::default();
    params.key_type(curve()).can_sign(true).created_at(made).primary_user_id(String::new()).subkey(subkey);
    let mut key = params.build().unwrap().generate(StdRng::seed_from_u64(seed)).unwrap();
    Owner { primary: key.primary_key, subkey: key.secret_subkeys.remove(0).key }
}

fn config(key: &impl KeyDetails, kind: SignatureType, parts: &[SubpacketData]) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
    let has_time = parts.iter().any(|part| matches!(part, SubpacketData::SignatureCreationTime(_)));
    let time = (!has_time).then(|| SubpacketData::SignatureCreationTime(Timestamp::from_secs(MADE)));
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    let all = time.into_iter().chain([issuer]).chain(parts.iter().cloned());
    config.hashed_subpackets = all.map(|data| Subpacket::critical(data).unwrap()).collect();
    config
}

fn uses(change: fn(&mut KeyFlags)) -> SubpacketData {
    let mut flags = KeyFlags::default();
    change(&mut flags);
    SubpacketData::KeyFlags(flags)
}

fn signing() -> SubpacketData {
    uses(|flags| flags.set_sign(true))
}

fn certificate(owner: &Owner, terms: &Terms) -> SignedPublicKey {
    let (secret, primary) = (&owner.primary, owner.primary.public_key());
    let none = Password::empty();
    let or_signing =
        |parts: &Vec<SubpacketData>| if parts.is_empty() { vec![signing()] } else { parts.clone() };
    let user = UserId::from_str(PacketHeaderVersion::default(), "archive@example.org").unwrap();
    let of_user = config(secret, SignatureType::CertPositive, &or_signing(&terms.primary))
        .sign_certification(secret, primary, &none, Tag::UserId, &user)
        .unwrap();
    let mut parts = or_signing(&terms.subkey);
    if terms.back == Back::Signed {
        let back = config(&owner.subkey, SignatureType::KeyBinding, &[])
            .sign_primary_key_binding(&owner.subkey, owner.subkey.public_key(), &none, primary)
            .unwrap();
        parts.push(SubpacketData::EmbeddedSignature(Box::new(back)));
    }
    let bind = |kind, parts: &[SubpacketData]| {
        let key = owner.subkey.public_key();
        config(secret, kind, parts).sign_subkey_binding(secret, primary, &none, key).unwrap()
    };
    let mut of_subkey = vec![bind(SignatureType::SubkeyBinding, &parts)];
    if terms.subkey_revoked {
        of_subkey.push(bind(SignatureType::SubkeyRevocation, &[]));
    }
    let revocation =
        || config(secret, SignatureType::KeyRevocation, &[]).sign_key(secret, &none, primary).unwrap();
    let revocations = if terms.revoked { vec![revocation()] } else { vec![] };
    let users = vec![SignedUser::new(user, vec![of_user])];
    let details = SignedKeyDetails::new(revocations, vec![], users, vec![]);
    let subkey = SignedPublicSubKey::new(owner.subkey.public_key().clone(), of_subkey);
    SignedPublicKey::new(primary.clone(), details, vec![subkey])
}

fn ring(keys: &[SignedPublicKey]) -> Keyring {
    let bytes: Vec<_> = keys.iter().flat_map(|key| key.to_bytes().unwrap()).collect();
    Keyring::parse(&bytes).unwrap()
}

fn plain(owner: &Owner) -> SignedPublicKey {
    certificate(owner, &Terms::default())
}

/// A signature of [`TEXT`] by a primary key.
fn by(owner: &Owner, parts: &[SubpacketData]) -> Signature {
    sign(config(&owner.primary, SignatureType::Text, parts), &owner.primary)
}

fn by_subkey(owner: &Owner) -> Signature {
    sign(config(&owner.subkey, SignatureType::Text, &[]), &owner.subkey)
}

fn sign(config: SignatureConfig, key: &impl pgp::types::SigningKey) -> Signature {
    config.sign(key, &Password::empty(), TEXT.replace('\n', "\r\n").as_bytes()).unwrap()
}

fn message(signatures: Vec<Signature>) -> String {
    let message = CleartextSignedMessage::new_many(TEXT, |_| Ok(signatures)).unwrap();
    message.to_armored_string(ArmorOptions::default()).unwrap()
}

fn print(key: &impl KeyDetails) -> Fingerprint {
    Fingerprint(format!("{:X}", key.fingerprint()))
}

#[test]
fn what_a_key_of_the_ring_signed_is_returned_with_the_key() {
    let owner = owner(1);
    let ring = ring(&[plain(&owner)]);
    for signature in [by(&owner, &[]), by_subkey(&owner)] {
        let verified = ring.verify_cleartext(message(vec![signature]).as_bytes(), NOW).unwrap();
        assert_eq!(verified, Verified { text: TEXT.to_owned(), signers: vec![print(&owner.primary)] });
    }
}

#[test]
fn one_known_signer_of_several_is_enough() {
    let (known, other) = (owner(1), owner(2));
    let message = message(vec![by(&other, &[]), by(&known, &[]), by_subkey(&known)]);
    let verified = ring(&[plain(&known)]).verify_cleartext(message.as_bytes(), NOW).unwrap();
    assert_eq!(verified.signers, [print(&known.primary)]);
    let verified = ring(&[plain(&known), plain(&other)]).verify_cleartext(message.as_bytes(), NOW).unwrap();
    assert_eq!(verified.signers, [print(&other.primary), print(&known.primary)]);
}

#[test]
fn signers_that_are_not_in_the_ring_are_named() {
    let (known, other) = (owner(1), owner(2));
    let error = ring(&[plain(&known)]).verify_cleartext(message(vec![by(&other, &[])]).as_bytes(), NOW);
    assert_eq!(error.unwrap_err(), SignatureError::Unknown(vec![print(&other.primary).to_string()]));
}

#[test]
fn a_message_without_signatures_is_signed_by_nobody() {
    let error = ring(&[plain(&owner(1))]).verify_cleartext(message(vec![]).as_bytes(), NOW);
    assert_eq!(error.unwrap_err().to_string(), "there is no signature");
}

#[test]
fn a_bad_signature_by_a_known_key_is_an_error_whoever_else_signed() {
    let (known, other) = (owner(1), owner(2));
    let ring = ring(&[plain(&known), plain(&other)]);
    let config = config(&other.primary, SignatureType::Text, &[]);
    let bad = config.sign(&other.primary, &Password::empty(), &b"another text"[..]).unwrap();
    let error = ring.verify_cleartext(message(vec![by(&known, &[]), bad]).as_bytes(), NOW).unwrap_err();
    assert_eq!(error, SignatureError::Bad { key: print(&other.primary) });
}

#[test]
fn a_signature_counts_only_in_its_time() {
    let known = owner(1);
    let ring = ring(&[plain(&known)]);
    let time = |seconds| SubpacketData::SignatureCreationTime(Timestamp::from_secs(seconds));
    let lifetime = |seconds| SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds));
    let cases = [
        (lifetime(86_401), Ok(())),
        (lifetime(0), Ok(())),
        (time(MADE + 86_400), Ok(())),
        (lifetime(86_400), Err("expired at 2023-11-15T22:13:20Z, expected after 2023-11-15T22:13:20Z")),
        (
            time(MADE + 86_401),
            Err("was made at 2023-11-15T22:13:21Z, expected 2023-11-14T22:13:20Z to 2023-11-15T22:13:20Z"),
        ),
        (
            time(MADE - 1),
            Err("was made at 2023-11-14T22:13:19Z, expected 2023-11-14T22:13:20Z to 2023-11-15T22:13:20Z"),
        ),
    ];
    for (part, expected) in cases {
        let result = ring.verify_cleartext(message(vec![by(&known, &[part])]).as_bytes(), NOW);
        let signer = print(&known.primary);
        let expected =
            expected.map_err(|why| format!("no signature counts: the signature by {signer} {why}"));
        assert_eq!(result.map(drop).map_err(|error| error.to_string()), expected);
    }
}

#[test]
fn a_weak_digest_does_not_count() {
    let known = owner(1);
    for (hash, got) in [(HashAlgorithm::Sha1, "SHA1"), (HashAlgorithm::Sha224, "SHA224")] {
        // The crate makes no such signature with this key; one that says it is needs no more to be refused.
        let strong = by(&known, &[]);
        let mut weak = config(&known.primary, SignatureType::Text, &[]);
        weak.hash_alg = hash;
        let made = (strong.signed_hash_value().unwrap(), strong.signature().unwrap().clone());
        let message = message(vec![Signature::from_config(weak, made.0, made.1).unwrap()]);
        let error = ring(&[plain(&known)]).verify_cleartext(message.as_bytes(), NOW).unwrap_err();
        let refusal = Refusal::WeakDigest { got: got.to_owned() };
        assert_eq!(error, SignatureError::Refused(vec![Objection { key: print(&known.primary), refusal }]));
    }
}

#[test]
fn a_critical_part_that_is_not_known_is_refused() {
    let known = owner(1);
    let notation =
        Notation { readable: true, name: b"a@example.org".to_vec().into(), value: b"b".to_vec().into() };
    let message = message(vec![by(&known, &[SubpacketData::Notation(notation)])]);
    let error = ring(&[plain(&known)]).verify_cleartext(message.as_bytes(), NOW).unwrap_err();
    let refusal = Refusal::Critical { got: 20 };
    assert_eq!(error, SignatureError::Refused(vec![Objection { key: print(&known.primary), refusal }]));
}

#[test]
fn a_key_signs_only_on_its_terms() {
    let ends = |seconds| SubpacketData::KeyExpirationTime(Duration::from_secs(seconds));
    let certifies = || uses(|flags| flags.set_certify(true));
    let expired = "is by a key that expired at 2023-11-15T22:13:20Z, expected after 2023-11-15T22:13:20Z";
    let revoked = "is by a key that is revoked";
    let not = "is by a key that its certificate does not let sign";
    let later = || SubpacketData::SignatureCreationTime(Timestamp::from_secs(MADE + 90_000));
    // What holds for signatures by the primary key, and by the subkey.
    let cases = [
        (Terms { primary: vec![signing(), ends(86_400)], ..Terms::default() }, Some(expired), Some(expired)),
        (Terms { primary: vec![signing(), ends(86_401)], ..Terms::default() }, None, None),
        (Terms { primary: vec![certifies()], ..Terms::default() }, Some(not), None),
        (Terms { primary: vec![ends(0)], ..Terms::default() }, None, None),
        (Terms { primary: vec![signing(), later()], ..Terms::default() }, Some(not), Some(not)),
        (Terms { revoked: true, ..Terms::default() }, Some(revoked), Some(revoked)),
        (Terms { subkey: vec![signing(), ends(86_400)], ..Terms::default() }, None, Some(expired)),
        (Terms { subkey: vec![certifies()], ..Terms::default() }, None, Some(not)),
        (Terms { subkey: vec![ends(0)], ..Terms::default() }, None, Some(not)),
        (Terms { back: Back::Missing, ..Terms::default() }, None, Some(not)),
        (Terms { subkey_revoked: true, ..Terms::default() }, None, Some(revoked)),
    ];
    let known = owner(1);
    for (number, (terms, of_primary, of_subkey)) in cases.into_iter().enumerate() {
        let ring = ring(&[certificate(&known, &terms)]);
        for (signature, expected) in [(by(&known, &[]), of_primary), (by_subkey(&known), of_subkey)] {
            let result = ring.verify_cleartext(message(vec![signature]).as_bytes(), NOW);
            let got = match result {
                Ok(_) => None,
                Err(SignatureError::Refused(objections)) => Some(objections[0].refusal.to_string()),
                Err(other) => Some(other.to_string()),
            };
            assert_eq!(got.as_deref(), expected, "case {number}");
        }
    }
}

#[test]
fn a_key_that_somebody_else_binds_does_not_sign_for_them() {
    let (victim, thief) = (owner(1), owner(2));
    // The thief's certificate with the victim's subkey: only the victim could have signed back.
    let stolen = Owner { primary: thief.primary, subkey: owner(1).subkey };
    let terms = Terms { back: Back::Missing, ..Terms::default() };
    let error = ring(&[certificate(&stolen, &terms)])
        .verify_cleartext(message(vec![by_subkey(&victim)]).as_bytes(), NOW)
        .unwrap_err();
    assert!(matches!(error, SignatureError::Refused(_)), "{error}");
}

#[test]
fn a_signature_beside_a_file_is_of_its_bytes() {
    let known = owner(1);
    let ring = ring(&[plain(&known)]);
    let data = b"any \xFF\r\n bytes\n";
    let detached = |kind| {
        let config = config(&known.primary, kind, &[]);
        let signature = config.sign(&known.primary, &Password::empty(), &data[..]).unwrap();
        let mut bytes = Vec::new();
        signature.to_writer_with_header(&mut bytes).unwrap();
        bytes
    };
    let signature = detached(SignatureType::Binary);
    assert_eq!(ring.verify_detached(data, &signature, NOW), Ok(vec![print(&known.primary)]));
    let error = ring.verify_detached(b"other bytes", &signature, NOW).unwrap_err().to_string();
    assert_eq!(error, format!("the signature by {} is not of this text", print(&known.primary)));
    let error = ring.verify_detached(data, &detached(SignatureType::Text), NOW).unwrap_err().to_string();
    let expected = format!("the signature by {} is of kind Text, expected Binary", print(&known.primary));
    assert_eq!(error, expected);
}

#[test]
fn a_ring_is_read_from_armour_and_without() {
    let keys = [plain(&owner(1)), plain(&owner(2))];
    let armored: String =
        keys.iter().map(|key| key.to_armored_string(ArmorOptions::default()).unwrap() + "\n").collect();
    let expected = [print(&keys[0]), print(&keys[1])];
    assert_eq!(Keyring::parse(armored.as_bytes()).unwrap().fingerprints(), expected);
    assert_eq!(ring(&keys).fingerprints(), expected);
}

#[test]
fn a_ring_holds_public_keys_and_nothing_else() {
    let known = owner(1);
    let public = plain(&known).to_bytes().unwrap();
    let mut secret = Vec::new();
    known.primary.to_writer_with_header(&mut secret).unwrap();
    let mut signature = Vec::new();
    by(&known, &[]).to_writer_with_header(&mut signature).unwrap();
    let expected = "expected public keys and what belongs to them";
    let cases = [
        (vec![], "the keyring has no key".to_owned()),
        (secret.clone(), format!("the keyring: packet 1 is a SecretKey, {expected}")),
        ([&public[..], &secret].concat(), format!("the keyring: packet 6 is a SecretKey, {expected}")),
        (signature, format!("the keyring: packet 1 is a Signature, {expected}")),
        ([&public[..], &[0x99]].concat(), "the keyring: packet 6 cannot be read: it is cut off".to_owned()),
        (
            b"-----BEGIN PGP MESSAGE-----\n".to_vec(),
            "the keyring's armour: line 1 begins a `MESSAGE`, expected a `PUBLIC KEY BLOCK`".to_owned(),
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Keyring::parse(&bytes).unwrap_err().to_string(), expected);
    }
    for end in 0..public.len() {
        let whole = Keyring::parse(&public[..end]).map(|ring| ring.fingerprints());
        // What is cut off between two packets is a certificate with fewer of them.
        assert!(whole.is_err() || whole == Ok(vec![print(&known.primary)]));
    }
}

#[test]
fn the_built_in_keys_are_rings() {
    for name in BUILT_IN {
        let ring = Keyring::parse(built_in(name).unwrap()).unwrap();
        assert!(ring.fingerprints().len() > 1, "{name}");
    }
    assert!(built_in("other").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_message_is_never_another_text(index in any::<prop::sample::Index>(), byte: u8) {
        let known = owner(1);
        let mut bytes = message(vec![by_subkey(&known)]).into_bytes();
        *index.get_mut(&mut bytes) = byte;
        if let Ok(verified) = ring(&[plain(&known)]).verify_cleartext(&bytes, NOW) {
            prop_assert_eq!(verified.text, TEXT);
        }
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let ring = Keyring::parse(built_in("debian").unwrap()).unwrap();
        prop_assert!(ring.verify_detached(b"", &bytes, NOW).is_err());
        prop_assert!(ring.verify_cleartext(&bytes, NOW).is_err());
        let _ = Keyring::parse(&bytes);
    }
}
