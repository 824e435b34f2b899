//! SHA-256 and SHA-384 as types, and a writer that computes both on the way.
//!
//! SHA-256 is what SNP's kernel-hashes table and most tools use; SHA-384 is what TDX extends.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::de::Error as _;
use sha2::Digest as _;

macro_rules! digest {
    ($name:ident, $hasher:ty, $bytes:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self(<$hasher>::digest(bytes).into())
            }

            /// Its bytes, as formats have them.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            fn from_hex(text: &str) -> Option<Self> {
                let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if text.len() != 2 * $bytes || !text.bytes().all(is_hex) {
                    return None;
                }
                let mut bytes = [0; $bytes];
                for (byte, index) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
                    *byte = u8::from_str_radix(text.get(index..index + 2)?, 16).ok()?;
                }
                Some(Self(bytes))
            }

            /// The digest and length in bytes of everything `from` still has.
            pub fn of_reader(from: &mut dyn Read) -> io::Result<(Self, u64)> {
                let mut hasher = <$hasher>::new();
                let mut buffer = vec![0; 256 * 1024];
                let mut length = 0;
                loop {
                    let got = match from.read(&mut buffer) {
                        Ok(0) => return Ok((Self::finish(hasher), length)),
                        Ok(got) => got,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                        Err(e) => return Err(e),
                    };
                    hasher.update(buffer.get(..got).unwrap_or_default());
                    length += u64::try_from(got).unwrap_or(u64::MAX);
                }
            }

            /// Ends `hasher`.
            pub fn finish(hasher: $hasher) -> Self {
                Self(hasher.finalize().into())
            }
        }

        impl From<[u8; $bytes]> for $name {
            fn from(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::from_hex(&text).ok_or_else(|| {
                    let digits = 2 * $bytes;
                    D::Error::custom(format!("`{text}` is not a digest of {digits} lower-case hex digits"))
                })
            }
        }
    };
}

digest!(Sha256, sha2::Sha256, 32, "A SHA-256 digest; written as 64 lower-case hex digits.");
digest!(Sha384, sha2::Sha384, 48, "A SHA-384 digest; written as 96 lower-case hex digits.");

/// A text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256: 64 lower-case hex digits")]
pub struct NotSha256(String);

impl FromStr for Sha256 {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<Self, NotSha256> {
        Self::from_hex(text).ok_or_else(|| NotSha256(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_the_standards() {
        // FIPS 180-4, examples of NIST's "abc" message
        assert_eq!(
            Sha256::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            Sha384::of(b"abc").to_string(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        );
    }

    #[test]
    fn a_digest_reads_back_what_it_writes() {
        let digest = Sha256::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn upper_case_and_short_digests_are_refused() {
        for text in ["", "AB", &"A".repeat(64), &"0".repeat(63)] {
            assert_eq!(
                text.parse::<Sha256>().unwrap_err().to_string(),
                format!("`{text}` is not a SHA-256: 64 lower-case hex digits")
            );
        }
    }
}
