//! What an RPM package says of itself, and whether a key vouches for that. Unpacks nothing, runs no script.
//!
//! A package (format 4 of rpm, `docs/manual/format_v4.md` of its sources) is a lead, a header of signatures, a header,
//! and a payload. The signatures that count are of the header alone; the header has the digest of the payload. So
//! [`Package::verify`] tells that the header is right, and whoever unpacks the payload compares its digest.
//!
//! Signatures over header and payload at once, which older packages have beside them, are not looked at.

mod header;

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use crate::openpgp::{Fingerprint, Keyring, SignatureError};

pub use header::{HeaderError, Part};

use header::{Header, Tag};

/// Bytes of the lead.
const LEAD_LEN: usize = 96;

/// A package, by its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// `epoch:version-release`, without epoch if there is none; as `rpm --queryformat '%{EVR}'` has it.
    pub version: String,
    /// What it runs on: `x86_64`, or `noarch`.
    pub arch: String,
    /// Its licence, as the packager wrote it.
    pub license: String,
    /// Who made it, as they wrote it.
    pub vendor: Option<String>,
    /// How many bytes its files have.
    pub size: u64,
    /// The scripts and triggers that rpm would run, by their names in a spec file: `%post`.
    pub scripts: Vec<&'static str>,
    /// Its files.
    pub payload: Payload,
    /// The header, which signatures are of.
    header: Vec<u8>,
    /// Packets of signatures; none if there are none.
    signatures: Vec<u8>,
    /// The digest of the header that is beside the signatures, in hexadecimal.
    digest: Option<String>,
}

/// The files of a package: a cpio archive in the format newc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Where it begins in the package, in bytes. It ends with the package.
    pub offset: usize,
    /// How it is compressed.
    pub compressor: Compressor,
    /// The SHA-256 of its bytes, compressed as they are. Those made before rpm 4.14 have none.
    pub sha256: Option<[u8; 32]>,
}

/// How a payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of a format")]
pub enum Compressor {
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
}

/// Why bytes are no package that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpmError {
    /// It ends within its lead.
    #[error("the lead has {got} bytes, expected {LEAD_LEN}")]
    Cut {
        /// How many bytes there are.
        got: usize,
    },
    /// The lead is not that of a package in this format.
    #[error("the lead has {got} as its {field}, expected {expected}")]
    Lead {
        /// Which field.
        field: &'static str,
        /// What it has, in hexadecimal.
        got: String,
        /// What it should have.
        expected: &'static str,
    },
    /// A header is malformed, or lacks something.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A field has something that it cannot have.
    #[error("the header has `{got}` as {tag}, expected {expected}")]
    Field {
        /// Which field.
        tag: Tag,
        /// What it has.
        got: String,
        /// What it should have.
        expected: &'static str,
    },
}

/// Why nobody vouches for a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Its header is not signed.
    #[error("the package is not signed")]
    Unsigned,
    /// Its signatures do not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The digest beside the signatures is that of another header.
    #[error("the header has the SHA-256 {got}, expected {expected}")]
    Digest {
        /// Of the header that is there.
        got: String,
        /// What is said of it.
        expected: String,
    },
    /// The header has no digest of the payload, so that nobody vouches for what is in it.
    #[error("the header has no SHA-256 of the payload")]
    NoPayloadDigest,
}

impl Package {
    /// Reads the headers of a package. The payload is not looked at, and may be missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, RpmError> {
        let (lead, rest) = bytes.split_at_checked(LEAD_LEN).ok_or(RpmError::Cut { got: bytes.len() })?;
        check_lead(lead)?;
        let (beside, rest) = Header::parse(Part::Signatures, rest)?;
        let rest = header::skip_padding(&beside, rest)?;
        let (header, payload) = Header::parse(Part::Main, rest)?;
        let payload = Payload {
            offset: bytes.len() - payload.len(),
            compressor: compressor(&header)?,
            sha256: payload_digest(&header)?,
        };
        Ok(Self {
            name: word(&header, Tag::NAME)?,
            version: version(&header)?,
            arch: word(&header, Tag::ARCH)?,
            license: line(&header, Tag::LICENSE)?,
            vendor: header.string(Tag::VENDOR)?.is_some().then(|| line(&header, Tag::VENDOR)).transpose()?,
            size: size(&header)?,
            scripts: scripts(&header),
            payload,
            header: header.bytes().to_vec(),
            signatures: signatures(&beside)?,
            digest: beside.string(Tag::SIGNATURES_SHA256)?.map(str::to_owned),
        })
    }

    /// Who of `keyring` signed the header, which has the digest of the payload. `now` is in seconds since 1970, UTC.
    ///
    /// Nothing is known of the payload before its SHA-256 was compared with [`Payload::sha256`].
    pub fn verify(&self, keyring: &Keyring, now: u64) -> Result<Vec<Fingerprint>, VerifyError> {
        if self.signatures.is_empty() {
            return Err(VerifyError::Unsigned);
        }
        let got = HEXLOWER.encode(&Sha256::digest(&self.header));
        if let Some(expected) = self.digest.as_ref().filter(|expected| **expected != got) {
            return Err(VerifyError::Digest { got, expected: expected.clone() });
        }
        let signers = keyring.verify_detached(&self.header, &self.signatures, now)?;
        if self.payload.sha256.is_none() {
            return Err(VerifyError::NoPayloadDigest);
        }
        Ok(signers)
    }
}

impl fmt::Display for Compressor {
    /// As a header has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
        })
    }
}

/// What rpm looks at in the lead; the rest of it, such as a name, nobody does.
fn check_lead(lead: &[u8]) -> Result<(), RpmError> {
    let field = |field, at: std::ops::Range<usize>, expected_bytes: &[&[u8]], expected| {
        let got = lead.get(at).unwrap_or_default();
        let is_it = expected_bytes.contains(&got);
        if is_it { Ok(()) } else { Err(RpmError::Lead { field, got: HEXLOWER.encode(got), expected }) }
    };
    field("magic", 0..4, &[b"\xED\xAB\xEE\xDB"], "edabeedb")?;
    field("format", 4..5, &[b"\x03", b"\x04"], "03 or 04")?;
    field("type", 6..8, &[b"\x00\x00"], "0000, a package that is not of sources")?;
    field("type of signatures", 78..80, &[b"\x00\x05"], "0005")
}

fn version(header: &Header<'_>) -> Result<String, RpmError> {
    let (version, release) = (word(header, Tag::VERSION)?, word(header, Tag::RELEASE)?);
    Ok(match header.number(Tag::EPOCH)? {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    })
}

fn scripts(header: &Header<'_>) -> Vec<&'static str> {
    Tag::SCRIPTS.into_iter().filter(|(tags, _)| header.has_any(*tags)).map(|(_, name)| name).collect()
}

/// Packages of 4 GiB and more have it in another field.
fn size(header: &Header<'_>) -> Result<u64, RpmError> {
    match header.number(Tag::LONG_SIZE)? {
        Some(size) => Ok(size),
        None => header.number(Tag::SIZE)?.ok_or_else(|| missing(Tag::SIZE)),
    }
}

fn compressor(header: &Header<'_>) -> Result<Compressor, RpmError> {
    expect(header, Tag::PAYLOAD_FORMAT, "cpio")?;
    match required(header, Tag::PAYLOAD_COMPRESSOR)? {
        "gzip" => Ok(Compressor::Gzip),
        "bzip2" => Ok(Compressor::Bzip2),
        "xz" => Ok(Compressor::Xz),
        "lzma" => Ok(Compressor::Lzma),
        "zstd" => Ok(Compressor::Zstd),
        other => Err(wrong(Tag::PAYLOAD_COMPRESSOR, other, "gzip, bzip2, xz, lzma or zstd")),
    }
}

fn payload_digest(header: &Header<'_>) -> Result<Option<[u8; 32]>, RpmError> {
    /// SHA-256 (RFC 9580, section 9.5).
    const SHA256: u64 = 8;
    let Some(digests) = header.strings(Tag::PAYLOAD_SHA256)? else { return Ok(None) };
    if let Some(got) = header.number(Tag::PAYLOAD_SHA256_ALGO)?.filter(|algorithm| *algorithm != SHA256) {
        return Err(wrong(Tag::PAYLOAD_SHA256_ALGO, got, "8, which is SHA-256"));
    }
    let malformed = || wrong(Tag::PAYLOAD_SHA256, digests.join(" "), "one SHA-256 in hexadecimal");
    let [digest] = digests.as_slice() else { return Err(malformed()) };
    let bytes = HEXLOWER.decode(digest.as_bytes()).map_err(|_| malformed())?;
    bytes.try_into().map(Some).map_err(|_| malformed())
}

/// The packets of all signatures of the header: of one key by its algorithm, and since rpm 6 of many in base64.
fn signatures(beside: &Header<'_>) -> Result<Vec<u8>, RpmError> {
    let mut packets = Vec::new();
    for tag in [Tag::SIGNATURES_RSA, Tag::SIGNATURES_DSA] {
        packets.extend(beside.binary(tag)?.unwrap_or_default());
    }
    for text in beside.strings(Tag::SIGNATURES_OPENPGP)?.unwrap_or_default() {
        let malformed = |_| wrong(Tag::SIGNATURES_OPENPGP, text, "base64");
        packets.extend(BASE64.decode(text.as_bytes()).map_err(malformed)?);
    }
    Ok(packets)
}

/// A field that must be there, of printable ASCII without blanks or slashes.
fn word(header: &Header<'_>, tag: Tag) -> Result<String, RpmError> {
    let text = required(header, tag)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
        return Err(wrong(tag, text.escape_debug(), "a word of ASCII without `/`"));
    }
    Ok(text.to_owned())
}

/// A field that must be there, of one line.
fn line(header: &Header<'_>, tag: Tag) -> Result<String, RpmError> {
    let text = required(header, tag)?;
    if text.chars().any(char::is_control) {
        return Err(wrong(tag, text.escape_debug(), "one line of text"));
    }
    Ok(text.to_owned())
}

fn expect(header: &Header<'_>, tag: Tag, expected: &'static str) -> Result<(), RpmError> {
    let got = required(header, tag)?;
    if got == expected { Ok(()) } else { Err(wrong(tag, got.escape_debug(), expected)) }
}

fn required<'a>(header: &Header<'a>, tag: Tag) -> Result<&'a str, RpmError> {
    header.string(tag)?.ok_or_else(|| missing(tag))
}

fn missing(tag: Tag) -> RpmError {
    HeaderError::Missing { part: Part::Main, tag }.into()
}

fn wrong(tag: Tag, got: impl fmt::Display, expected: &'static str) -> RpmError {
    let got = got.to_string().chars().take(200).collect();
    RpmError::Field { tag, got, expected }
}

#[cfg(test)]
mod tests;
