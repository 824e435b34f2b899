//! The TDX metadata: which parts of the firmware are put where, and which of them MRTD covers.

use super::{FirmwareError, Memory, constant, count};
use crate::bytes;

const WHAT: &str = "TDX metadata";
/// Signature, length, version, number of sections.
const HEADER: u32 = 16;
/// Offset and size in the file, address and size in memory, kind, attributes.
const SECTION: u32 = 32;
/// `MR.EXTEND`: the contents are measured.
const EXTEND: u32 = 1;
/// `PAGE.AUG`: the guest gets the pages after it has started.
const AUGMENT: u32 = 2;

/// A section of the TDX metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TdvfSection {
    /// Where its contents are in the file.
    pub data_offset: u32,
    /// How many bytes of the file; what memory remains is zeros.
    pub data_size: u32,
    /// Its guest physical address; whole pages.
    pub gpa: u64,
    /// Its size in the guest, in bytes; whole pages.
    pub memory_size: u64,
    /// What it is.
    pub kind: TdvfSectionKind,
    /// What of it MRTD covers.
    pub measured: TdvfMeasured,
}

/// What a section is (`TDVF_SECTION_TYPE_*`; a payload in the firmware is not started by QEMU).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TdvfSectionKind {
    /// The code.
    BootFirmware,
    /// The variables.
    Configuration,
    /// Where the hypervisor describes the memory.
    HandOff,
    /// Memory the firmware needs at once.
    Temporary,
    /// Memory that remains.
    Permanent,
}

/// What MRTD covers of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TdvfMeasured {
    /// That the pages are there, and their contents.
    Contents,
    /// That the pages are there.
    Pages,
    /// Nothing: they come later.
    Nothing,
}

/// Reads the descriptor at `at`.
pub(super) fn read(bytes: &[u8], at: u64) -> Result<Vec<TdvfSection>, FirmwareError> {
    bytes::part(bytes, WHAT, at, HEADER.into())?;
    constant(bytes, "signature of the TDX metadata", at, u32::from_le_bytes(*b"TDVF"))?;
    constant(bytes, "version of the TDX metadata", at + 8, 1)?;
    let said = [bytes::u32_at(bytes, WHAT, at + 4)?, bytes::u32_at(bytes, WHAT, at + 12)?];
    let sections = count(WHAT, at, said, [HEADER, SECTION])?;
    let mut memory = Memory::none();
    (0..sections)
        .map(|number| section(bytes, at + u64::from(HEADER + SECTION * number), &mut memory))
        .collect()
}

fn section(bytes: &[u8], offset: u64, memory: &mut Memory) -> Result<TdvfSection, FirmwareError> {
    let half = |index| bytes::u32_at(bytes, WHAT, offset + index);
    let whole = |index| bytes::u64_at(bytes, WHAT, offset + index);
    let kind = kind(offset + 24, half(24)?)?;
    let section = TdvfSection {
        data_offset: half(0)?,
        data_size: half(4)?,
        gpa: whole(8)?,
        memory_size: whole(16)?,
        kind,
        measured: measured(offset + 28, half(28)?, kind)?,
    };
    let (got, limit) = (u64::from(section.data_size), section.memory_size);
    if got > limit {
        return Err(FirmwareError::Contents { offset, got, limit });
    }
    bytes::part(bytes, "contents of a TDX section", section.data_offset.into(), got)?;
    let added = if section.measured == TdvfMeasured::Nothing { 0 } else { limit };
    memory.take(offset, section.gpa, limit, added)?;
    Ok(section)
}

fn kind(offset: u64, got: u32) -> Result<TdvfSectionKind, FirmwareError> {
    match got {
        0 => Ok(TdvfSectionKind::BootFirmware),
        1 => Ok(TdvfSectionKind::Configuration),
        2 => Ok(TdvfSectionKind::HandOff),
        3 => Ok(TdvfSectionKind::Temporary),
        4 => Ok(TdvfSectionKind::Permanent),
        _ => Err(FirmwareError::Unknown { what: "kind of TDX section", offset, got, expected: "0 to 4" }),
    }
}

/// What the attributes mean. Contents are only known in advance if they are in the file.
fn measured(offset: u64, got: u32, kind: TdvfSectionKind) -> Result<TdvfMeasured, FirmwareError> {
    let in_file = matches!(kind, TdvfSectionKind::BootFirmware | TdvfSectionKind::Configuration);
    match got {
        0 => Ok(TdvfMeasured::Pages),
        AUGMENT => Ok(TdvfMeasured::Nothing),
        EXTEND if in_file => Ok(TdvfMeasured::Contents),
        _ => {
            let expected = "0, 1 for a section with contents, or 2";
            Err(FirmwareError::Unknown { what: "attributes of a TDX section", offset, got, expected })
        }
    }
}
