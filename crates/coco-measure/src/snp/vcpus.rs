//! What a guest's vCPUs are: how many, of which model, and with which features of SEV.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Most vCPUs of a guest that are computed.
const COUNT_MAX: u16 = 512;

/// QEMU's names of models (`builtin_x86_defs` of `target/i386/cpu.c`) and their signatures: family, model and
/// stepping as CPUID 1 has them in EAX. Versions of a model have the same.
const MODELS: [(&str, u32); 23] = [
    ("EPYC", 0x0080_0f12),
    ("EPYC-IBPB", 0x0080_0f12),
    ("EPYC-v1", 0x0080_0f12),
    ("EPYC-v2", 0x0080_0f12),
    ("EPYC-v3", 0x0080_0f12),
    ("EPYC-v4", 0x0080_0f12),
    ("EPYC-v5", 0x0080_0f12),
    ("EPYC-Rome", 0x0083_0f10),
    ("EPYC-Rome-v1", 0x0083_0f10),
    ("EPYC-Rome-v2", 0x0083_0f10),
    ("EPYC-Rome-v3", 0x0083_0f10),
    ("EPYC-Rome-v4", 0x0083_0f10),
    ("EPYC-Rome-v5", 0x0083_0f10),
    ("EPYC-Milan", 0x00a0_0f11),
    ("EPYC-Milan-v1", 0x00a0_0f11),
    ("EPYC-Milan-v2", 0x00a0_0f11),
    ("EPYC-Milan-v3", 0x00a0_0f11),
    ("EPYC-Genoa", 0x00a1_0f10),
    ("EPYC-Genoa-v1", 0x00a1_0f10),
    ("EPYC-Genoa-v2", 0x00a1_0f10),
    ("EPYC-Turin", 0x00b0_0f00),
    ("EPYC-Turin-v1", 0x00b0_0f00),
    ("EPYC-Turin-v2", 0x00b0_0f00),
];

/// The vCPUs' model: a name of QEMU's, or a signature as `0x800f12`, for models that have no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VcpuType {
    name: Option<&'static str>,
    signature: u32,
}

/// The numbers of vCPUs that digests are wanted for: 1 to 512, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VcpuCounts {
    first: u16,
    last: u16,
}

/// `SEV_FEATURES` of a vCPU, as KVM has it set (AMD64 Programmer's Manual, volume 2, table B-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestFeatures(u64);

/// A model nobody knows the signature of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got vCPU type `{got}`, expected a signature like 0x800f12 or one of {}", names())]
pub struct VcpuTypeError {
    got: String,
}

/// Numbers of vCPUs that no guest has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got vCPUs `{got}`, expected a number from 1 to {}, or two as in 1-8", COUNT_MAX)]
pub struct VcpuCountsError {
    got: String,
}

/// A text that is no set of features.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got guest features `{got}`, expected a 64-bit number like 1 or 0x21")]
pub struct NotANumber {
    got: String,
}

impl VcpuType {
    /// Family, model and stepping as CPUID 1 has them in EAX: 32 bits.
    pub fn signature(self) -> u32 {
        self.signature
    }

    /// The names that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MODELS.iter().map(|(name, _)| *name)
    }
}

impl VcpuCounts {
    /// The smallest.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The largest.
    pub fn last(self) -> u16 {
        self.last
    }
}

impl GuestFeatures {
    /// `SNPActive`, as KVM of Linux 6.8 and later has it for every guest.
    pub const SNP: Self = Self(1);

    /// The bits.
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl TryFrom<RangeInclusive<u16>> for VcpuCounts {
    type Error = VcpuCountsError;

    fn try_from(range: RangeInclusive<u16>) -> Result<Self, VcpuCountsError> {
        let (first, last) = range.into_inner();
        if 1 <= first && first <= last && last <= COUNT_MAX {
            Ok(Self { first, last })
        } else {
            Err(VcpuCountsError { got: format!("{first}-{last}") })
        }
    }
}

impl From<u64> for GuestFeatures {
    fn from(bits: u64) -> Self {
        Self(bits)
    }
}

impl FromStr for VcpuType {
    type Err = VcpuTypeError;

    fn from_str(text: &str) -> Result<Self, VcpuTypeError> {
        if let Some((name, signature)) = MODELS.into_iter().find(|(name, _)| *name == text) {
            return Ok(Self { name: Some(name), signature });
        }
        let signature = text.strip_prefix("0x").and_then(|digits| hexadecimal(digits)?.try_into().ok());
        match signature {
            Some(signature) => Ok(Self { name: None, signature }),
            None => Err(VcpuTypeError { got: text.to_owned() }),
        }
    }
}

impl FromStr for VcpuCounts {
    type Err = VcpuCountsError;

    fn from_str(text: &str) -> Result<Self, VcpuCountsError> {
        let wrong = || VcpuCountsError { got: text.to_owned() };
        let number = |text: &str| decimal(text).and_then(|number| number.try_into().ok());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Some(first), Some(last)) = (number(first), number(last)) else { return Err(wrong()) };
        Self::try_from(first..=last).map_err(|_| wrong())
    }
}

impl FromStr for GuestFeatures {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let number = text.strip_prefix("0x").map_or_else(|| decimal(text), hexadecimal);
        number.map(Self).ok_or_else(|| NotANumber { got: text.to_owned() })
    }
}

impl fmt::Display for VcpuType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => out.pad(name),
            None => out.pad(&format!("{:#x}", self.signature)),
        }
    }
}

impl fmt::Display for VcpuCounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(out, "{}", self.first)
        } else {
            write!(out, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for GuestFeatures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}", self.0)
    }
}

fn names() -> String {
    VcpuType::names().collect::<Vec<_>>().join(", ")
}

/// A number without a sign, which `parse` would take.
fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Likewise, in base 16.
fn hexadecimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_model_is_read_as_it_is_written() {
        for name in VcpuType::names().chain(["0x800f12"]) {
            assert_eq!(name.parse::<VcpuType>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_signature_may_be_given_instead_of_a_name() {
        let [name, number] = ["EPYC-v4", "0x800f12"].map(|text| text.parse::<VcpuType>().unwrap());
        assert_eq!(name.signature(), number.signature());
    }

    #[test]
    fn an_unknown_model_is_an_error_that_names_the_known_ones() {
        expect!["got vCPU type `epyc-v4`, expected a signature like 0x800f12 or one of EPYC, EPYC-IBPB, EPYC-v1, EPYC-v2, EPYC-v3, EPYC-v4, EPYC-v5, EPYC-Rome, EPYC-Rome-v1, EPYC-Rome-v2, EPYC-Rome-v3, EPYC-Rome-v4, EPYC-Rome-v5, EPYC-Milan, EPYC-Milan-v1, EPYC-Milan-v2, EPYC-Milan-v3, EPYC-Genoa, EPYC-Genoa-v1, EPYC-Genoa-v2, EPYC-Turin, EPYC-Turin-v1, EPYC-Turin-v2"].assert_eq(&"epyc-v4".parse::<VcpuType>().unwrap_err().to_string());
        assert!("0x1ffffffff".parse::<VcpuType>().is_err());
        assert!("0x+1".parse::<VcpuType>().is_err());
    }

    #[test]
    fn counts_are_one_number_or_two() {
        for text in ["1", "512", "1-64", "7-8"] {
            assert_eq!(text.parse::<VcpuCounts>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn counts_that_no_guest_has_are_errors() {
        expect!["got vCPUs `0`, expected a number from 1 to 512, or two as in 1-8"]
            .assert_eq(&"0".parse::<VcpuCounts>().unwrap_err().to_string());
        for text in ["", "-", "1-", "-8", "8-1", "513", "1-513", "+1", "1-2-3", "70000"] {
            assert!(text.parse::<VcpuCounts>().is_err(), "{text}");
        }
    }

    #[test]
    fn features_are_one_number() {
        let bits = |text: &str| text.parse::<GuestFeatures>().map(GuestFeatures::bits);
        assert_eq!((bits("1"), bits("33"), bits("0x21")), (Ok(1), Ok(33), Ok(33)));
        assert_eq!(bits("0xffffffffffffffff"), Ok(u64::MAX));
        expect!["got guest features `SNPActive`, expected a 64-bit number like 1 or 0x21"]
            .assert_eq(&bits("SNPActive").unwrap_err().to_string());
        for text in ["", "0x", "-1", "0x+1", "0x1ffffffffffffffff"] {
            assert!(bits(text).is_err(), "{text}");
        }
    }
}
