//! Bytes by their digest: `sha256:HEX` as a type, and a digest with a size.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// Largest blob, in bytes: 16 GiB, above any layer or file that goes into an initrd.
pub const BLOB_MAX: u64 = 16 << 30;

/// A SHA-256 digest; written as `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Bytes that a manifest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// Size in bytes, at most [`BLOB_MAX`].
    pub size: u64,
    /// Digest.
    pub digest: Digest,
}

/// A text that is no digest of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// A registered algorithm, or one that is not (image specification, `descriptor.md`, "Registered Algorithms").
    #[error("digest `{0}` is not a SHA-256, the only algorithm that is taken here")]
    Algorithm(String),
    /// Not 64 lower-case hex digits.
    #[error("digest `{0}` is not sha256: and 64 lower-case hex digits")]
    Syntax(String),
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl Content {
    /// What `bytes` are.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: u64::try_from(bytes.len()).unwrap_or(u64::MAX), digest: Digest::of(bytes) }
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // What is shown of a text that nobody has checked is bounded.
        let shown = || text.chars().take(200).collect();
        let Some((algorithm, hex)) = text.split_once(':') else {
            return Err(DigestError::Syntax(shown()));
        };
        if algorithm != "sha256" {
            return Err(DigestError::Algorithm(shown()));
        }
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| DigestError::Syntax(shown()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_the_empty_object_is_the_specifications() {
        // image specification, manifest.md, "Guidance for an Empty Descriptor"
        let text = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(Content::of(b"{}"), Content { size: 2, digest: text.parse().unwrap() });
        assert_eq!(Digest::of(b"{}").to_string(), text);
    }

    #[test]
    fn other_algorithms_and_other_digits_are_refused() {
        let of_sha512 = format!("sha512:{}", "0".repeat(128));
        let syntax = "is not sha256: and 64 lower-case hex digits";
        for (text, problem) in [
            (of_sha512.as_str(), "is not a SHA-256, the only algorithm that is taken here"),
            ("", syntax),
            ("sha256:", syntax),
            (&format!("sha256:{}", "A".repeat(64)), syntax),
            (&format!("sha256:{}", "0".repeat(63)), syntax),
            (&"0".repeat(64), syntax),
        ] {
            let error = text.parse::<Digest>().unwrap_err().to_string();
            assert_eq!(error, format!("digest `{text}` {problem}"));
        }
    }
}
