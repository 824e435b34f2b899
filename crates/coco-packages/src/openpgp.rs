//! Who signed a text or a file: OpenPGP signatures, by keys that were chosen before. Makes none.
//!
//! A [`Keyring`] is a list of certificates (RFC 9580, section 10.1). There is no web of trust: whoever chooses the
//! ring trusts all of it. One valid signature by a key of the ring is enough, as archives sign by the keys of two
//! releases at once. What else is on a text is judged so:
//!
//! * A signature by a key of the ring that is not of this text is an error, whoever else signed.
//! * One by a key that is revoked or expired, or that is expired or weak itself, does not count.
//! * One by a key that is not in the ring does not count.
//!
//! If none counts, the error says why for each. The cryptography is that of the crate `pgp`; packets are read more
//! strictly than it would, and armour and clear-signed texts are read here, as what lies around them matters.

mod armor;
mod built_in;
mod certificate;
mod cleartext;
mod error;
mod packets;

use std::fmt;

use pgp::packet::{Signature, SignatureType};

pub use built_in::{BUILT_IN, built_in};
pub use error::{KeyringError, Moment, Objection, Refusal, SignatureError};

use certificate::{Certificate, SigningKey};

/// Largest keyring, in bytes. Debian's, with the keys of four releases, has 56 KiB.
pub const KEYRING_MAX: usize = 4 << 20;

/// Largest signed text or file that is read whole, in bytes. A `Release` of Debian has 200 KiB.
pub const SIGNED_MAX: usize = 64 << 20;

/// Most signatures of one text. Debian makes three.
pub const SIGNATURES_MAX: usize = 16;

/// Certificates of which each is trusted; at least one.
#[derive(Debug, Clone)]
pub struct Keyring {
    certificates: Vec<Certificate>,
}

/// A text as it was signed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed: without dash-escapes, blanks at the ends of lines, and the end of the last line, which
    /// no signature covers. Lines end in a line feed.
    pub text: String,
    /// The certificates with a valid signature, by their primary keys; at least one, in the order of signatures.
    pub signers: Vec<Fingerprint>,
}

/// The fingerprint of a certificate's primary key, or the id of a key: upper-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Keyring {
    /// Reads certificates, armoured or not, of up to [`KEYRING_MAX`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > KEYRING_MAX {
            return Err(KeyringError::TooLarge { got: bytes.len(), max: KEYRING_MAX });
        }
        let binary = match std::str::from_utf8(bytes) {
            Ok(text) if armor::is_armored(text) => armor::blocks(text, "PUBLIC KEY BLOCK")?.concat(),
            _ => bytes.to_vec(),
        };
        let certificates = packets::certificates(&binary)?;
        if certificates.is_empty() {
            return Err(KeyringError::Empty);
        }
        Ok(Self { certificates: certificates.into_iter().map(Certificate::new).collect() })
    }

    /// The fingerprints of the primary keys, in the order of the ring.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certificates.iter().map(Certificate::fingerprint).collect()
    }

    /// What was signed of a clear-signed message (RFC 9580, section 7) such as Debian's `InRelease`, and by whom.
    ///
    /// `now` is in seconds since 1970, UTC: the moment at which keys and signatures must be valid.
    pub fn verify_cleartext(&self, message: &[u8], now: u64) -> Result<Verified, SignatureError> {
        bounded(message.len())?;
        let message = cleartext::parse(message)?;
        let hashed = message.text.replace('\n', "\r\n");
        let signatures = packets::signatures(&message.signatures)?;
        let signers = self.verify(hashed.as_bytes(), &signatures, SignatureType::Text, now)?;
        Ok(Verified { text: message.text, signers })
    }

    /// Who signed `data`, by `signature` (armoured or not) that lies beside it, such as `Release.gpg`.
    ///
    /// `now` is in seconds since 1970, UTC. Only signatures of binary documents are taken: one of a text would hold
    /// for other bytes as well.
    pub fn verify_detached(
        &self,
        data: &[u8],
        signature: &[u8],
        now: u64,
    ) -> Result<Vec<Fingerprint>, SignatureError> {
        bounded(data.len())?;
        bounded(signature.len())?;
        let binary = match std::str::from_utf8(signature) {
            Ok(text) if armor::is_armored(text) => armor::block(text, "SIGNATURE")?,
            _ => signature.to_vec(),
        };
        self.verify(data, &packets::signatures(&binary)?, SignatureType::Binary, now)
    }

    fn verify(
        &self,
        data: &[u8],
        signatures: &[Signature],
        kind: SignatureType,
        now: u64,
    ) -> Result<Vec<Fingerprint>, SignatureError> {
        if signatures.is_empty() {
            return Err(SignatureError::None);
        }
        let (mut signers, mut refused, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for signature in signatures {
            let keys = self.keys(signature);
            let Some(first) = keys.first() else {
                unknown.push(issuer(signature));
                continue;
            };
            check_kind(first, signature, kind)?;
            match judge(first, &keys, signature, data, now)? {
                Ok(signer) if signers.contains(&signer) => {}
                Ok(signer) => signers.push(signer),
                Err(objection) => refused.push(objection),
            }
        }
        if !signers.is_empty() {
            return Ok(signers);
        }
        Err(if refused.is_empty() {
            SignatureError::Unknown(unknown)
        } else {
            SignatureError::Refused(refused)
        })
    }

    /// The keys that `signature` says it is of; two if they share an id.
    fn keys(&self, signature: &Signature) -> Vec<SigningKey<'_>> {
        let claimed = |key: &SigningKey<'_>| key.is_issuer_of(signature);
        self.certificates.iter().flat_map(Certificate::keys).filter(claimed).collect()
    }
}

/// Else a signature of something else could pass for one of such a text.
fn check_kind(
    key: &SigningKey<'_>,
    signature: &Signature,
    expected: SignatureType,
) -> Result<(), SignatureError> {
    if signature.typ() == Some(expected) {
        return Ok(());
    }
    let got = signature.typ().map_or_else(|| "unknown".to_owned(), |kind| format!("{kind:?}"));
    Err(SignatureError::Kind { key: key.fingerprint(), got, expected: format!("{expected:?}") })
}

/// Who of `keys`, of which `first` is one, made `signature` of `data`; or why it does not count.
fn judge(
    first: &SigningKey<'_>,
    keys: &[SigningKey<'_>],
    signature: &Signature,
    data: &[u8],
    now: u64,
) -> Result<Result<Fingerprint, Objection>, SignatureError> {
    let objection = |key: &SigningKey<'_>, refusal| Objection { key: key.fingerprint(), refusal };
    // A digest that can be forged says nothing, not even that the text was changed.
    if let Err(refusal) = certificate::accept(signature) {
        return Ok(Err(objection(first, refusal)));
    }
    let Some(key) = keys.iter().find(|key| key.made(signature, data)) else {
        return Err(SignatureError::Bad { key: first.fingerprint() });
    };
    let accepted = key.accept(signature, now);
    Ok(accepted.map(|()| key.certificate()).map_err(|refusal| objection(key, refusal)))
}

/// Whom a signature says it is of, for an error.
fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint().into_iter().map(|print| format!("{print:X}"));
    let ids = signature.issuer_key_id().into_iter().map(|id| id.to_string().to_uppercase());
    fingerprints.chain(ids).next().unwrap_or_else(|| "a key that is not named".to_owned())
}

fn bounded(got: usize) -> Result<(), SignatureError> {
    if got > SIGNED_MAX { Err(SignatureError::TooLarge { got, max: SIGNED_MAX }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
