//! Why a keyring cannot be read, or a signature does not hold.

use std::fmt;

use super::Fingerprint;
use super::armor::ArmorError;
use super::packets::PacketError;

/// Why a file is no keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It has more bytes than a keyring may have.
    #[error("the keyring has {got} bytes, expected at most {max}")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
        /// [`KEYRING_MAX`](super::KEYRING_MAX).
        max: usize,
    },
    /// There is nothing in it.
    #[error("the keyring has no key")]
    Empty,
    /// Its armour is not whole, or of something else.
    #[error("the keyring's armour: {0}")]
    Armor(#[from] ArmorError),
    /// It holds something else than public keys.
    #[error("the keyring: {0}")]
    Packets(#[from] PacketError),
}

/// Why a text is not taken for signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has more bytes than are read.
    #[error("there are {got} bytes, expected at most {max}")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
        /// [`SIGNED_MAX`](super::SIGNED_MAX).
        max: usize,
    },
    /// It is no clear-signed message, or not from beginning to end.
    #[error("line {line} {problem}")]
    Framing {
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// The signature's armour is not whole, or of something else.
    #[error("the signature's armour: {0}")]
    Armor(#[from] ArmorError),
    /// There is something else than signatures.
    #[error("the signature: {0}")]
    Packets(#[from] PacketError),
    /// There is no signature.
    #[error("there is no signature")]
    None,
    /// The key signed something else than such a text or file.
    #[error("the signature by {key} is of kind {got}, expected {expected}")]
    Kind {
        /// A key of the ring.
        key: Fingerprint,
        /// The kind of the signature (RFC 9580, section 5.2.1).
        got: String,
        /// The kind that such a text has.
        expected: String,
    },
    /// What is there is not what the key signed.
    #[error("the signature by {key} is not of this text")]
    Bad {
        /// A key of the ring.
        key: Fingerprint,
    },
    /// No key of the ring signed. These did.
    #[error("no key of the ring signed this; signed by {}", list(.0))]
    Unknown(Vec<String>),
    /// Keys of the ring signed, but no such signature counts.
    #[error("no signature counts: {}", list(.0))]
    Refused(Vec<Objection>),
}

/// Why a signature by a key of the ring does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signature by {key} {refusal}")]
pub struct Objection {
    /// The key.
    pub key: Fingerprint,
    /// The reason.
    pub refusal: Refusal,
}

/// A reason for which a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Digests of this kind can be forged.
    #[error("has the weak digest {got}, expected SHA-2 or SHA-3 of 256 bits or more")]
    WeakDigest {
        /// The digest's name.
        got: String,
    },
    /// Keys of this kind are not taken.
    #[error("is by a key of the algorithm {got}, expected RSA, ECDSA or EdDSA")]
    WeakKey {
        /// The algorithm's name.
        got: String,
    },
    /// It says something that must be understood, and is not.
    #[error("has a critical part of type {got}, which is unknown")]
    Critical {
        /// The type of the subpacket (RFC 9580, section 5.2.3.7).
        got: u8,
    },
    /// It says not when it was made.
    #[error("has no time")]
    NoTime,
    /// It was made after now, or before its key.
    #[error("was made at {got}, expected {from} to {to}")]
    Time {
        /// When it was made.
        got: Moment,
        /// When its key was made.
        from: Moment,
        /// The moment for which it is judged.
        to: Moment,
    },
    /// It held until a moment that is past.
    #[error("expired at {got}, expected after {now}")]
    Expired {
        /// When it expired.
        got: Moment,
        /// The moment for which it is judged.
        now: Moment,
    },
    /// The key held until a moment that is past.
    #[error("is by a key that expired at {got}, expected after {now}")]
    KeyExpired {
        /// When the key expired.
        got: Moment,
        /// The moment for which it is judged.
        now: Moment,
    },
    /// The key, or its certificate, is revoked.
    #[error("is by a key that is revoked")]
    KeyRevoked,
    /// The key may not sign, or nothing valid binds it to its certificate.
    #[error("is by a key that its certificate does not let sign")]
    KeyNotForSigning,
}

/// A moment in seconds since 1970, UTC, which shows as `2026-11-29T18:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl fmt::Display for Moment {
    /// The date is by the proleptic Gregorian calendar. Days are counted from 0000-03-01, so that the leap day is a
    /// year's last one, and the months before it have 153 days in five.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// From 0000-03-01 to 1970-01-01.
        const EPOCH: u64 = 719_468;
        /// Four hundred years.
        const ERA: u64 = 146_097;
        let days = self.0 / 86_400 + EPOCH;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let (month, turn) = if march < 10 { (march + 3, 0) } else { (march - 9, 1) };
        let (year, day) = (era * 400 + year + turn, day - (153 * march + 2) / 5 + 1);
        let second = self.0 % 86_400;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn a_moment_shows_as_a_date() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_294_967_295, "2106-02-07T06:28:15Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(Moment(seconds).to_string(), text);
        }
    }
}
