//! The kinds of events, by number and by name.

use std::fmt;
use std::str::FromStr;

/// What kind of event it is (TCG PC Client Platform Firmware Profile 1.06, section 10.4.1, table 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventType(u32);

/// A number or a name that TCG gives no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got event type {number:#x}, expected one that TCG has named")]
pub struct UnknownEventType {
    /// The number; of a name that is unknown, `u32::MAX`.
    pub number: u32,
}

impl EventType {
    /// `EV_SEPARATOR`.
    pub const SEPARATOR: Self = Self(0x4);
    /// `EV_EVENT_TAG`.
    pub const TAG: Self = Self(0x6);
    /// `EV_PLATFORM_CONFIG_FLAGS`.
    pub const PLATFORM_CONFIG_FLAGS: Self = Self(0xa);
    /// `EV_IPL`.
    pub const IPL: Self = Self(0xd);
    /// `EV_EFI_VARIABLE_DRIVER_CONFIG`.
    pub const VARIABLE_DRIVER_CONFIG: Self = Self(0x8000_0001);
    /// `EV_EFI_VARIABLE_BOOT`.
    pub const VARIABLE_BOOT: Self = Self(0x8000_0002);
    /// `EV_EFI_BOOT_SERVICES_APPLICATION`.
    pub const BOOT_SERVICES_APPLICATION: Self = Self(0x8000_0003);
    /// `EV_EFI_ACTION`.
    pub const ACTION_OF_EFI: Self = Self(0x8000_0007);
    /// `EV_EFI_PLATFORM_FIRMWARE_BLOB2`.
    pub const FIRMWARE_BLOB2: Self = Self(0x8000_000a);
    /// `EV_EFI_HANDOFF_TABLES2`.
    pub const HANDOFF_TABLES2: Self = Self(0x8000_000b);
    /// `EV_EFI_VARIABLE_BOOT2`.
    pub const VARIABLE_BOOT2: Self = Self(0x8000_000c);
    /// `EV_EFI_VARIABLE_AUTHORITY`.
    pub const VARIABLE_AUTHORITY: Self = Self(0x8000_00e0);

    /// Its number in logs.
    pub fn number(self) -> u32 {
        self.0
    }

    /// All kinds, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(number, _)| Self(*number))
    }
}

impl TryFrom<u32> for EventType {
    type Error = UnknownEventType;

    fn try_from(number: u32) -> Result<Self, UnknownEventType> {
        let is_known = NAMES.iter().any(|(known, _)| *known == number);
        if is_known { Ok(Self(number)) } else { Err(UnknownEventType { number }) }
    }
}

/// Reads TCG's name, as Trustee's claims have it.
impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        let is_it = |(_, known): &&(u32, &str)| *known == name;
        let unknown = UnknownEventType { number: u32::MAX };
        NAMES.iter().find(is_it).map(|(number, _)| Self(*number)).ok_or(unknown)
    }
}

/// TCG's name.
impl fmt::Display for EventType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name);
        out.pad(name.expect("no value is made but of a number that has a name"))
    }
}

/// TCG's table.
const NAMES: [(u32, &str); 36] = [
    (0x0, "EV_PREBOOT_CERT"),
    (0x1, "EV_POST_CODE"),
    (0x2, "EV_UNUSED"),
    (0x3, "EV_NO_ACTION"),
    (0x4, "EV_SEPARATOR"),
    (0x5, "EV_ACTION"),
    (0x6, "EV_EVENT_TAG"),
    (0x7, "EV_S_CRTM_CONTENTS"),
    (0x8, "EV_S_CRTM_VERSION"),
    (0x9, "EV_CPU_MICROCODE"),
    (0xa, "EV_PLATFORM_CONFIG_FLAGS"),
    (0xb, "EV_TABLE_OF_DEVICES"),
    (0xc, "EV_COMPACT_HASH"),
    (0xd, "EV_IPL"),
    (0xe, "EV_IPL_PARTITION_DATA"),
    (0xf, "EV_NONHOST_CODE"),
    (0x10, "EV_NONHOST_CONFIG"),
    (0x11, "EV_NONHOST_INFO"),
    (0x12, "EV_OMIT_BOOT_DEVICE_EVENTS"),
    (0x8000_0000, "EV_EFI_EVENT_BASE"),
    (0x8000_0001, "EV_EFI_VARIABLE_DRIVER_CONFIG"),
    (0x8000_0002, "EV_EFI_VARIABLE_BOOT"),
    (0x8000_0003, "EV_EFI_BOOT_SERVICES_APPLICATION"),
    (0x8000_0004, "EV_EFI_BOOT_SERVICES_DRIVER"),
    (0x8000_0005, "EV_EFI_RUNTIME_SERVICES_DRIVER"),
    (0x8000_0006, "EV_EFI_GPT_EVENT"),
    (0x8000_0007, "EV_EFI_ACTION"),
    (0x8000_0008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"),
    (0x8000_0009, "EV_EFI_HANDOFF_TABLES"),
    (0x8000_000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"),
    (0x8000_000b, "EV_EFI_HANDOFF_TABLES2"),
    (0x8000_000c, "EV_EFI_VARIABLE_BOOT2"),
    (0x8000_0010, "EV_EFI_HCRTM_EVENT"),
    (0x8000_00e0, "EV_EFI_VARIABLE_AUTHORITY"),
    (0x8000_00e1, "EV_EFI_SPDM_FIRMWARE_BLOB"),
    (0x8000_00e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_back() {
        for kind in EventType::all() {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(EventType::try_from(kind.number()), Ok(kind));
        }
    }

    #[test]
    fn a_number_without_a_name_is_no_kind() {
        let error = EventType::try_from(0x13).unwrap_err();
        assert_eq!(error.to_string(), "got event type 0x13, expected one that TCG has named");
    }
}
