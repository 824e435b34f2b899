//! Sizes on the command line: bytes, or a number with its unit.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// The units, with their bytes as powers of two.
const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// A text that is no size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected bytes, or a whole number with KiB, MiB, GiB or TiB, such as 10GiB, under 16 EiB")]
pub(crate) struct NotSize;

impl FromStr for Size {
    type Err = NotSize;

    fn from_str(text: &str) -> Result<Self, NotSize> {
        let unit = UNITS.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)));
        let (digits, power) = unit.unwrap_or((text, 0));
        // A sign would pass for a number otherwise.
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotSize);
        }
        let number: u64 = digits.parse().map_err(|_| NotSize)?;
        number.checked_mul(1 << power).map(Self).ok_or(NotSize)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("1KiB", 1024),
            ("512MiB", 512 << 20),
            ("10GiB", 10 << 30),
            ("16777215TiB", 16_777_215 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_size() {
        for text in [
            "",
            "MiB",
            "10GB",
            "10G",
            "10 GiB",
            "1.5GiB",
            "-1",
            "+1",
            "0x10",
            "10gib",
            "1KiBKiB",
            "16777216TiB",
            "18446744073709551616",
        ] {
            assert_eq!(text.parse::<Size>(), Err(NotSize), "{text}");
        }
    }
}
