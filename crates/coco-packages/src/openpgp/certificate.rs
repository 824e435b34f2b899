//! What the keys of a certificate may do, by what its primary key says. Verifies no text by itself.
//!
//! The rules are those of RFC 9580, sections 5.2.3.10 and 10.1. Everything is judged for one moment, and for the
//! worse: a revocation counts whatever its reason, its time and its digest, and a key whose certificate lets it do
//! nothing does nothing. Revocations by other keys (section 5.2.3.23) are not looked at.

use std::cmp::Reverse;

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{Duration, KeyDetails, Tag};

use super::Fingerprint;
use super::error::{Moment, Refusal};

/// A primary key with what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Certificate(SignedPublicKey);

/// A key of a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct SigningKey<'a> {
    certificate: &'a SignedPublicKey,
    /// The primary key if there is none.
    subkey: Option<&'a SignedPublicSubKey>,
}

impl Certificate {
    pub(super) fn new(key: SignedPublicKey) -> Self {
        Self(key)
    }

    /// Of the primary key.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.0.primary_key)
    }

    /// The primary key and its subkeys, whether they may sign or not.
    pub(super) fn keys(&self) -> impl Iterator<Item = SigningKey<'_>> {
        let subkeys = self.0.public_subkeys.iter().map(Some);
        std::iter::once(None).chain(subkeys).map(|subkey| SigningKey { certificate: &self.0, subkey })
    }
}

impl SigningKey<'_> {
    /// Of this key.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        match self.subkey {
            None => self.certificate(),
            Some(subkey) => fingerprint(&subkey.key),
        }
    }

    /// Of its certificate's primary key.
    pub(super) fn certificate(&self) -> Fingerprint {
        fingerprint(&self.certificate.primary_key)
    }

    /// Whether `signature` says that it is of this key.
    pub(super) fn is_issuer_of(&self, signature: &Signature) -> bool {
        let key = self.details();
        let (fingerprint, id) = (key.fingerprint(), key.legacy_key_id());
        signature.issuer_fingerprint().contains(&&fingerprint) || signature.issuer_key_id().contains(&&id)
    }

    /// Whether this key made `signature` of `data`, be it allowed to or not.
    pub(super) fn made(&self, signature: &Signature, data: &[u8]) -> bool {
        match self.subkey {
            None => signature.verify(&self.certificate.primary_key, data),
            Some(subkey) => signature.verify(&subkey.key, data),
        }
        .is_ok()
    }

    /// Whether a signature that this key made counts at `now`, in seconds since 1970.
    pub(super) fn accept(&self, signature: &Signature, now: u64) -> Result<(), Refusal> {
        let key = self.details();
        strong(key.algorithm())?;
        let (made, from) = (created(signature)?, u64::from(key.created_at().as_secs()));
        if made < from || made > now {
            return Err(Refusal::Time { got: Moment(made), from: Moment(from), to: Moment(now) });
        }
        if let Some(end) = expiry(signature)?
            && end <= now
        {
            return Err(Refusal::Expired { got: Moment(end), now: Moment(now) });
        }
        self.may_sign(now)
    }

    fn may_sign(&self, now: u64) -> Result<(), Refusal> {
        let primary = self.certificate.primary_key.clone();
        strong(primary.algorithm())?;
        if self.is_revoked() {
            return Err(Refusal::KeyRevoked);
        }
        let terms = newest(self_signatures(self.certificate, now)).ok_or(Refusal::KeyNotForSigning)?;
        valid(&primary, terms, now)?;
        let Some(subkey) = self.subkey else {
            return if states_uses(terms) { signs(terms) } else { Ok(()) };
        };
        let bindings = subkey.signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::SubkeyBinding)
                && holds(signature, now)
                && signature.verify_subkey_binding(&primary, &subkey.key).is_ok()
        });
        let terms = newest(bindings).ok_or(Refusal::KeyNotForSigning)?;
        valid(&subkey.key, terms, now)?;
        signs(terms)?;
        // Else anybody could bind another's key to a certificate, and pass for who signed (section 5.2.1.9).
        let back = terms.embedded_signature().ok_or(Refusal::KeyNotForSigning)?;
        accept(back)?;
        back.verify_primary_key_binding(&subkey.key, &primary).map_err(|_| Refusal::KeyNotForSigning)
    }

    /// Whether there is a revocation of this key or its certificate. It is not verified: who can add one to a ring
    /// could as well take the key out.
    fn is_revoked(&self) -> bool {
        let of_subkey = |subkey: &SignedPublicSubKey| {
            subkey.signatures.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation))
        };
        !self.certificate.details.revocation_signatures.is_empty() || self.subkey.is_some_and(of_subkey)
    }

    fn details(&self) -> &dyn KeyDetails {
        match self.subkey {
            None => &self.certificate.primary_key,
            Some(subkey) => &subkey.key,
        }
    }
}

/// Whether anything can follow from a signature: its digest is strong, and all that it calls critical is known.
pub(super) fn accept(signature: &Signature) -> Result<(), Refusal> {
    let Some(config) = signature.config() else {
        return Err(Refusal::WeakDigest { got: "unknown".to_owned() });
    };
    let strong = matches!(
        config.hash_alg,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    );
    if !strong {
        return Err(Refusal::WeakDigest { got: config.hash_alg.to_string() });
    }
    let unknown = |data: &SubpacketData| {
        matches!(
            data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        )
    };
    match config.hashed_subpackets().find(|part| part.is_critical && unknown(&part.data)) {
        Some(part) => Err(Refusal::Critical { got: part.typ().as_u8(false) }),
        None => Ok(()),
    }
}

/// What the primary key says of itself: on the key, and on its names that are not revoked.
fn self_signatures(certificate: &SignedPublicKey, now: u64) -> impl Iterator<Item = &Signature> {
    let key = &certificate.primary_key;
    let direct =
        certificate.details.direct_signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::Key) && signature.verify_key(key).is_ok()
        });
    let names = certificate.details.users.iter().filter(|user| {
        let revokes = |signature: &Signature| signature.typ() == Some(SignatureType::CertRevocation);
        let own = |signature: &&Signature| signature.verify_certification(key, Tag::UserId, &user.id).is_ok();
        !user.signatures.iter().filter(own).any(revokes)
    });
    let on_names = names.flat_map(move |user| {
        let own =
            move |signature: &&Signature| signature.verify_certification(key, Tag::UserId, &user.id).is_ok();
        user.signatures.iter().filter(own)
    });
    direct.chain(on_names).filter(move |signature| holds(signature, now))
}

/// The signature whose word counts; of several that were made at once, the one with the shortest.
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    let lifetime = |signature: &Signature| match signature.key_expiration_time().map(Duration::as_secs) {
        None | Some(0) => u32::MAX,
        Some(seconds) => seconds,
    };
    signatures.max_by_key(|signature| (created(signature).unwrap_or(0), Reverse(lifetime(signature))))
}

/// Whether a signature on a key counts at `now`, by what it says itself.
fn holds(signature: &Signature, now: u64) -> bool {
    let in_time = |end: Option<u64>| end.is_none_or(|end| end > now);
    accept(signature).is_ok()
        && created(signature).is_ok_and(|made| made <= now)
        && expiry(signature).is_ok_and(in_time)
}

/// Whether a key is in use at `now`, by the signature whose word counts.
fn valid(key: &impl KeyDetails, terms: &Signature, now: u64) -> Result<(), Refusal> {
    let lifetime = terms.key_expiration_time().map_or(0, Duration::as_secs);
    let end = u64::from(key.created_at().as_secs()) + u64::from(lifetime);
    if lifetime != 0 && end <= now {
        return Err(Refusal::KeyExpired { got: Moment(end), now: Moment(now) });
    }
    Ok(())
}

fn signs(terms: &Signature) -> Result<(), Refusal> {
    if terms.key_flags().sign() { Ok(()) } else { Err(Refusal::KeyNotForSigning) }
}

/// Whether the primary key's uses are stated. Old keys have none stated, and may then do what their algorithm can.
fn states_uses(terms: &Signature) -> bool {
    let is_uses = |data: &SubpacketData| matches!(data, SubpacketData::KeyFlags(_));
    terms.config().is_some_and(|config| config.hashed_subpackets().any(|part| is_uses(&part.data)))
}

fn strong(algorithm: PublicKeyAlgorithm) -> Result<(), Refusal> {
    match algorithm {
        PublicKeyAlgorithm::RSA
        | PublicKeyAlgorithm::RSASign
        | PublicKeyAlgorithm::ECDSA
        | PublicKeyAlgorithm::EdDSALegacy
        | PublicKeyAlgorithm::Ed25519
        | PublicKeyAlgorithm::Ed448 => Ok(()),
        other => Err(Refusal::WeakKey { got: format!("{other:?}") }),
    }
}

fn created(signature: &Signature) -> Result<u64, Refusal> {
    signature.created().map(|time| u64::from(time.as_secs())).ok_or(Refusal::NoTime)
}

/// When a signature ends, in seconds since 1970, if it does.
fn expiry(signature: &Signature) -> Result<Option<u64>, Refusal> {
    let made = created(signature)?;
    let seconds = signature.signature_expiration_time().map_or(0, |time| u64::from(time.as_secs()));
    Ok((seconds != 0).then(|| made + seconds))
}

fn fingerprint(key: &impl KeyDetails) -> Fingerprint {
    Fingerprint(format!("{:X}", key.fingerprint()))
}
