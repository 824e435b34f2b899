//! The SHA-256 a plan records of the policy. Other digests have no place in a plan.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A SHA-256. Read and shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

/// A text that is not a SHA-256 of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 of 64 lower-case hexadecimal digits: `{0}`")]
pub struct NotASha256(pub String);

impl Sha256 {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(digest: [u8; 32]) -> Sha256 {
        Sha256(digest)
    }
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Sha256, NotASha256> {
        let mut digest = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(NotASha256(text.to_owned()));
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(NotASha256(text.to_owned())),
            }
        }
        Ok(Sha256(digest))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sha256({self})")
    }
}

fn hex_digit(char: u8) -> Option<u8> {
    match char {
        b'0'..=b'9' => Some(char - b'0'),
        b'a'..=b'f' => Some(char - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the empty input, FIPS 180-4's algorithm; the value is in every implementation's tests.
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_read_as_it_is_shown() {
        assert_eq!(Sha256::of(b"").to_string(), OF_NOTHING);
        assert_eq!(OF_NOTHING.parse(), Ok(Sha256::of(b"")));
    }

    #[test]
    fn another_length_or_case_or_digit_is_refused() {
        let wrong = [String::new(), OF_NOTHING.to_uppercase(), format!("{OF_NOTHING}00"), "g".repeat(64)];
        for text in wrong {
            let expected = format!("not a SHA-256 of 64 lower-case hexadecimal digits: `{text}`");
            assert_eq!(text.parse::<Sha256>().unwrap_err().to_string(), expected);
        }
    }
}
