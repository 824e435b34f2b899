//! SHA-256 and SHA-384 as types. They are read and written as lower-case hex digits.

use std::fmt;
use std::str::FromStr;

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

            /// The digest of `parts`, one after the other.
            pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
                let mut hasher = <$hasher>::new();
                parts.into_iter().for_each(|part| hasher.update(part));
                Self(hasher.finalize().into())
            }

            /// Its bytes, as formats have them.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl From<[u8; $bytes]> for $name {
            fn from(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;

            fn from_str(text: &str) -> Result<Self, NotADigest> {
                let wrong = || NotADigest { digits: 2 * $bytes, got: text.to_owned() };
                let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if text.len() != 2 * $bytes || !text.bytes().all(is_hex) {
                    return Err(wrong());
                }
                let mut bytes = [0; $bytes];
                for (byte, index) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
                    let digits = text.get(index..index + 2).ok_or_else(wrong)?;
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
                }
                Ok(Self(bytes))
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
    };
}

digest!(Sha256, sha2::Sha256, 32, "A SHA-256 digest; written as 64 lower-case hex digits.");
digest!(Sha384, sha2::Sha384, 48, "A SHA-384 digest; written as 96 lower-case hex digits.");

impl Sha384 {
    /// What registers begin with.
    pub(crate) const fn zeros() -> Self {
        Self([0; 48])
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got `{got}`, expected {digits} lower-case hex digits")]
pub struct NotADigest {
    digits: usize,
    got: String,
}
