//! The SEV metadata: pages that the hypervisor puts into an SEV-SNP guest beside the firmware.

use super::{FirmwareError, Memory, PAGE, constant, count};
use crate::bytes;

const WHAT: &str = "SEV metadata";
/// Magic, length, version, number of sections.
const HEADER: u32 = 16;
/// Address, size, kind.
const SECTION: u32 = 12;

/// A section of the SEV metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SevSection {
    /// Its guest physical address; whole pages.
    pub gpa: u32,
    /// Its size in bytes: whole pages, and often none.
    pub size: u32,
    /// What is put there.
    pub kind: SevSectionKind,
}

/// What the hypervisor puts into a section (`OVMF_SECTION_TYPE_*` of `OvmfSevMetadata.asm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SevSectionKind {
    /// Memory the firmware needs at once: zeros.
    Memory,
    /// The page of secrets, which is not measured itself.
    Secrets,
    /// The CPUID page, likewise.
    Cpuid,
    /// Calling area of a service module: zeros.
    ServiceCallingArea,
    /// The hashes of kernel, initrd and command line.
    KernelHashes,
}

/// Reads the table at `at`.
pub(super) fn read(bytes: &[u8], at: u64) -> Result<Vec<SevSection>, FirmwareError> {
    bytes::part(bytes, WHAT, at, HEADER.into())?;
    constant(bytes, "signature of the SEV metadata", at, u32::from_le_bytes(*b"ASEV"))?;
    constant(bytes, "version of the SEV metadata", at + 8, 1)?;
    let said = [bytes::u32_at(bytes, WHAT, at + 4)?, bytes::u32_at(bytes, WHAT, at + 12)?];
    let sections = count(WHAT, at, said, [HEADER, SECTION])?;
    let mut memory = Memory::none();
    (0..sections)
        .map(|number| {
            let offset = at + u64::from(HEADER + SECTION * number);
            let field = |index| bytes::u32_at(bytes, WHAT, offset + index);
            let (gpa, size) = (field(0)?, field(4)?);
            let kind = kind(offset + 8, field(8)?)?;
            memory.take(offset, gpa.into(), size.into(), size.into())?;
            Ok(SevSection { gpa, size, kind })
        })
        .collect()
}

impl SevSection {
    /// The addresses of its pages.
    pub(crate) fn pages(&self) -> impl Iterator<Item = u64> {
        let start = u64::from(self.gpa);
        (0..u64::from(self.size) / PAGE).map(move |page| start + page * PAGE)
    }
}

fn kind(offset: u64, got: u32) -> Result<SevSectionKind, FirmwareError> {
    match got {
        1 => Ok(SevSectionKind::Memory),
        2 => Ok(SevSectionKind::Secrets),
        3 => Ok(SevSectionKind::Cpuid),
        4 => Ok(SevSectionKind::ServiceCallingArea),
        0x10 => Ok(SevSectionKind::KernelHashes),
        _ => Err(FirmwareError::Unknown {
            what: "kind of SEV section",
            offset,
            got,
            expected: "1 to 4 or 0x10",
        }),
    }
}
