//! OVMF firmware: the tables that tell the hypervisor what to measure. What it does, nobody asks here.
//!
//! The tables hang on one at the end of the file, "reset vector" GUIDs of edk2's
//! `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm` and `OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm`; those of TDX are in
//! `OvmfPkg/ResetVector/X64/IntelTdxMetadata.asm` and in Intel's TDX virtual firmware design guide, section 11.

mod footer;
mod probe;
mod sev;
mod tdvf;

use std::ops::Range;

use crate::bytes::{self, OutOfBounds};
use crate::digest::Sha256;

pub(crate) use footer::canonical;
pub use probe::{Probe, ProbeError};
pub use sev::{SevSection, SevSectionKind};
pub use tdvf::{TdvfMeasured, TdvfSection, TdvfSectionKind};

/// The largest firmware that is read, in bytes. Real ones have 2 to 16 MiB.
pub const SIZE_MAX: usize = 64 << 20;
/// Most sections that a table may have; real ones have at most 8.
const SECTIONS_MAX: u32 = 64;
/// Most memory that the sections of a table may have measured, in bytes. In real ones it is the firmware and a few pages.
const MEASURED_MAX: u64 = 256 << 20;
/// Pages of both TEEs, in bytes.
pub(crate) const PAGE: u64 = 4096;

/// A firmware file whose tables were read.
#[derive(Debug, Clone)]
pub struct Firmware<'a> {
    bytes: &'a [u8],
    footer: footer::Footer<'a>,
    sev: Result<Vec<SevSection>, FirmwareError>,
    tdvf: Result<Vec<TdvfSection>, FirmwareError>,
}

/// Why a file is no firmware, or not one with these tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareError {
    /// Empty, or far larger than any.
    #[error("got {got} bytes of firmware, expected 1 to {}", SIZE_MAX)]
    Size {
        /// Its size in bytes.
        got: usize,
    },
    /// A table points outside the file.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// A table would begin before the file does.
    #[error("{what}: got a place {from_end:#x} bytes before the end of the firmware, expected one in it")]
    BeforeTheFile {
        /// The table.
        what: &'static str,
        /// Its place, counted from the end of the file, in bytes.
        from_end: u32,
    },
    /// Not OVMF, or without its last page.
    #[error(
        "got no table of OVMF at offset {offset:#x}, expected its GUID 96b582de-1fb2-45f7-baea-a366c55a082d"
    )]
    NoTable {
        /// Where its GUID would be.
        offset: u64,
    },
    /// An entry of the last table is smaller than its own frame, or larger than what is left of the table.
    #[error("entry of OVMF's table at offset {offset:#x}: got a size of {got} bytes, expected 18 to {limit}")]
    EntrySize {
        /// Where the size is written.
        offset: u64,
        /// The size, in bytes.
        got: u16,
        /// What is left, in bytes.
        limit: u64,
    },
    /// Two entries, and nothing says which of them counts.
    #[error("{what}: got a second entry in OVMF's table, at offset {offset:#x}, expected one")]
    Twice {
        /// The entry.
        what: &'static str,
        /// Where the second one's data is.
        offset: u64,
    },
    /// A table does not begin as it must.
    #[error("{what} at offset {offset:#x}: got {got:#x}, expected {expected:#x}")]
    Constant {
        /// The field.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// Its value.
        got: u32,
        /// The only value there is.
        expected: u32,
    },
    /// A table is smaller than the sections it announces.
    #[error(
        "{what} at offset {offset:#x}: got a length of {got} bytes, expected {expected} for its sections"
    )]
    TableLength {
        /// The table.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// The length it says, in bytes.
        got: u32,
        /// That of its header and its sections, in bytes.
        expected: u32,
    },
    /// More sections than any firmware has.
    #[error("{what} at offset {offset:#x}: got {got} sections, expected at most {}", SECTIONS_MAX)]
    TooManySections {
        /// The table.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// How many it says.
        got: u32,
    },
    /// A section of a kind whose measurement is not known.
    #[error("{what} at offset {offset:#x}: got {got:#x}, expected {expected}")]
    Unknown {
        /// The field.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// Its value.
        got: u32,
        /// The values there are.
        expected: &'static str,
    },
    /// Memory is measured by pages.
    #[error("section at offset {offset:#x}: got {got:#x}, expected whole pages of {:#x} bytes", PAGE)]
    NotPages {
        /// Where the section is described.
        offset: u64,
        /// The address or size that is none of pages.
        got: u64,
    },
    /// No guest could start: a page is added once.
    #[error(
        "section at offset {offset:#x}: got memory from {start:#x}, expected none that another section has"
    )]
    Overlap {
        /// Where the section is described.
        offset: u64,
        /// Its first address.
        start: u64,
    },
    /// Memory beyond the end of the address space, or so much that hashing it would not end.
    #[error(
        "section at offset {offset:#x}: got {got:#x} bytes of memory, expected at most {:#x} in all",
        MEASURED_MAX
    )]
    TooMuchMemory {
        /// Where the section is described.
        offset: u64,
        /// Its size in bytes.
        got: u64,
    },
    /// A section whose contents are larger than its memory.
    #[error(
        "section at offset {offset:#x}: got {got:#x} bytes of contents, expected at most its memory, {limit:#x}"
    )]
    Contents {
        /// Where the section is described.
        offset: u64,
        /// Size of the contents, in bytes.
        got: u64,
        /// Size of the memory, in bytes.
        limit: u64,
    },
    /// A firmware for other guests.
    #[error("got firmware without {0}")]
    Missing(&'static str),
}

impl<'a> Firmware<'a> {
    /// Reads the tables. What is wrong with those of a TEE is the answer to whoever asks for them, and no other's.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FirmwareError> {
        if bytes.is_empty() || bytes.len() > SIZE_MAX {
            return Err(FirmwareError::Size { got: bytes.len() });
        }
        let footer = footer::Footer::read(bytes)?;
        let sev = footer.table("SEV metadata", footer.sev).and_then(|at| sev::read(bytes, at));
        let tdvf = footer.table("TDX metadata", footer.tdx).and_then(|at| tdvf::read(bytes, at));
        Ok(Self { bytes, footer, sev, tdvf })
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// SHA-256 of the file. Reads all of it.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.bytes)
    }

    /// What SEV-SNP measures beside the file, in order.
    pub fn sev_sections(&self) -> Result<&[SevSection], FirmwareError> {
        self.sev.as_deref().map_err(Clone::clone)
    }

    /// What TDX measures, in order.
    pub fn tdvf_sections(&self) -> Result<&[TdvfSection], FirmwareError> {
        self.tdvf.as_deref().map_err(Clone::clone)
    }

    /// The guest physical address at which the table of kernel hashes is put. 0 in the file says that there is none.
    pub fn hash_table(&self) -> Result<u32, FirmwareError> {
        let what = "a place for kernel hashes";
        let place = self.footer.number(what, self.footer.hash_table)?;
        if place == 0 { Err(FirmwareError::Missing(what)) } else { Ok(place) }
    }

    /// The address of the first instruction of all vCPUs but the first.
    pub fn reset_eip(&self) -> Result<u32, FirmwareError> {
        self.footer.number("a SEV-ES reset block", self.footer.reset_block)
    }

    /// Unpacks what is compressed and looks for texts that tell what the firmware will do. This takes a
    /// hundred times as long as all else here, so the answers are to be kept.
    pub fn probe(&self) -> Result<Probe, ProbeError> {
        Probe::of(self.bytes)
    }
}

/// Refuses memory that is not whole pages, that another section has, or that has no end.
struct Memory {
    taken: Vec<Range<u64>>,
    measured: u64,
}

impl Memory {
    fn none() -> Self {
        Self { taken: Vec::new(), measured: 0 }
    }

    /// `offset` is where the section is described.
    fn take(&mut self, offset: u64, start: u64, size: u64, measured: u64) -> Result<(), FirmwareError> {
        for got in [start, size] {
            if !got.is_multiple_of(PAGE) {
                return Err(FirmwareError::NotPages { offset, got });
            }
        }
        let too_much = FirmwareError::TooMuchMemory { offset, got: size };
        let end = start.checked_add(size).ok_or_else(|| too_much.clone())?;
        self.measured = self.measured.checked_add(measured).ok_or_else(|| too_much.clone())?;
        if self.measured > MEASURED_MAX {
            return Err(too_much);
        }
        if self.taken.iter().any(|other| start < other.end && other.start < end) {
            return Err(FirmwareError::Overlap { offset, start });
        }
        self.taken.push(start..end);
        Ok(())
    }
}

/// The number of sections of a table, whose length must be right: `header` bytes and `each` for a section.
fn count(
    what: &'static str,
    at: u64,
    [got, count]: [u32; 2],
    [header, each]: [u32; 2],
) -> Result<u32, FirmwareError> {
    if count > SECTIONS_MAX {
        return Err(FirmwareError::TooManySections { what, offset: at, got: count });
    }
    let expected = header + each * count;
    if got != expected {
        return Err(FirmwareError::TableLength { what, offset: at, got, expected });
    }
    Ok(count)
}

/// Refuses a field that has another value than the only one there is.
fn constant(bytes: &[u8], what: &'static str, offset: u64, expected: u32) -> Result<(), FirmwareError> {
    let got = bytes::u32_at(bytes, what, offset)?;
    if got == expected { Ok(()) } else { Err(FirmwareError::Constant { what, offset, got, expected }) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::command_line::InitrdArgument;
    use crate::synthetic::{self, Parts};

    /// What somebody is told who asks a firmware for the tables of SEV-SNP or TDX.
    fn refused(parts: &Parts, error: &Expect) {
        let bytes = parts.build();
        let firmware = Firmware::parse(&bytes).unwrap();
        let errors = [firmware.sev_sections().map(drop), firmware.tdvf_sections().map(drop)];
        let first = if parts.tdvf.is_some() { &errors[1] } else { &errors[0] };
        error.assert_eq(&first.clone().unwrap_err().to_string());
    }

    fn with_sections(sections: &[[u32; 3]]) -> Parts {
        Parts { sev: Some(sections.to_vec()), ..synthetic::snp_firmware() }
    }

    /// The TDX firmware with one field of its first section changed.
    fn with_section(change: impl Fn(&mut synthetic::TdvfPart)) -> Parts {
        let mut parts = synthetic::tdx_firmware();
        change(&mut parts.tdvf.as_mut().unwrap()[0]);
        parts
    }

    /// What is said of the SNP firmware after `bytes` were written at `at`.
    fn damaged(at: usize, bytes: &[u8], error: &Expect) {
        let mut file = synthetic::snp_firmware().build();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let said = Firmware::parse(&file).and_then(|firmware| firmware.sev_sections().map(drop));
        error.assert_eq(&said.unwrap_err().to_string());
    }

    #[test]
    fn a_firmware_of_one_tee_has_no_tables_of_the_other() {
        let (snp, tdx) = (synthetic::snp_firmware().build(), synthetic::tdx_firmware().build());
        let (snp, tdx) = (Firmware::parse(&snp).unwrap(), Firmware::parse(&tdx).unwrap());
        expect!["got firmware without TDX metadata"].assert_eq(&snp.tdvf_sections().unwrap_err().to_string());
        expect!["got firmware without SEV metadata"].assert_eq(&tdx.sev_sections().unwrap_err().to_string());
        expect!["got firmware without a place for kernel hashes"]
            .assert_eq(&tdx.hash_table().unwrap_err().to_string());
        expect!["got firmware without a SEV-ES reset block"]
            .assert_eq(&tdx.reset_eip().unwrap_err().to_string());
    }

    #[test]
    fn a_place_of_zero_is_none() {
        let bytes = Parts { hash_table: Some([0, 0x400]), ..synthetic::snp_firmware() }.build();
        let error = Firmware::parse(&bytes).unwrap().hash_table().unwrap_err();
        expect!["got firmware without a place for kernel hashes"].assert_eq(&error.to_string());
    }

    #[test]
    fn a_file_without_the_table_is_no_firmware() {
        let error = Firmware::parse(&synthetic::kernel()).unwrap_err();
        expect![
            "got no table of OVMF at offset 0x2fd0, expected its GUID 96b582de-1fb2-45f7-baea-a366c55a082d"
        ]
        .assert_eq(&error.to_string());
        expect!["got 0 bytes of firmware, expected 1 to 67108864"]
            .assert_eq(&Firmware::parse(b"").unwrap_err().to_string());
    }

    #[test]
    fn tables_that_lie_about_themselves_are_errors() {
        damaged(
            0x1000,
            b"ASEW",
            &expect!["signature of the SEV metadata at offset 0x1000: got 0x57455341, expected 0x56455341"],
        );
        damaged(
            0x1004,
            &[87],
            &expect!["SEV metadata at offset 0x1000: got a length of 87 bytes, expected 88 for its sections"],
        );
        damaged(
            0x1008,
            &[2],
            &expect!["version of the SEV metadata at offset 0x1008: got 0x2, expected 0x1"],
        );
        damaged(
            0x100c,
            &[7],
            &expect![
                "SEV metadata at offset 0x1000: got a length of 88 bytes, expected 100 for its sections"
            ],
        );
        damaged(
            0x100c,
            &[65],
            &expect!["SEV metadata at offset 0x1000: got 65 sections, expected at most 64"],
        );
        // The last table: its size, and that of its last entry but one.
        damaged(
            0x1fce,
            &[17, 0],
            &expect!["entry of OVMF's table at offset 0x1fce: got a size of 17 bytes, expected 18 to 8160"],
        );
        damaged(
            0x1fce,
            &[0xff, 0xff],
            &expect![
                "entry of OVMF's table at offset 0x1fce: got a size of 65535 bytes, expected 18 to 8160"
            ],
        );
        damaged(
            0x1fbc,
            &[0xff, 0],
            &expect!["entry of OVMF's table at offset 0x1fbc: got a size of 255 bytes, expected 18 to 70"],
        );
        damaged(
            0x1fce,
            &[19, 0],
            &expect!["entry of OVMF's table at offset 0x1fcd: got a size of 1 bytes, expected 18 to 1"],
        );
    }

    #[test]
    fn a_second_table_of_a_kind_is_an_error() {
        let mut file = synthetic::snp_firmware().build();
        let guid = file.windows(16).rposition(|bytes| bytes[..4] == [0x1f, 0x37, 0x55, 0x72]).unwrap();
        let metadata = file.windows(16).rposition(|bytes| bytes[..4] == [0x66, 0x65, 0x88, 0xdc]).unwrap();
        file.copy_within(metadata..metadata + 16, guid);
        expect!["SEV metadata: got a second entry in OVMF's table, at offset 0x1f88, expected one"]
            .assert_eq(&Firmware::parse(&file).unwrap_err().to_string());
    }

    #[test]
    fn sections_of_sev_that_no_guest_could_have_are_errors() {
        refused(
            &with_sections(&[[0x80_0000, 0x1000, 5]]),
            &expect!["kind of SEV section at offset 0x1018: got 0x5, expected 1 to 4 or 0x10"],
        );
        refused(
            &with_sections(&[[0x80_0800, 0x1000, 1]]),
            &expect!["section at offset 0x1010: got 0x800800, expected whole pages of 0x1000 bytes"],
        );
        refused(
            &with_sections(&[[0x80_0000, 0x1001, 1]]),
            &expect!["section at offset 0x1010: got 0x1001, expected whole pages of 0x1000 bytes"],
        );
        refused(
            &with_sections(&[[0x80_0000, 0x2000, 1], [0x80_1000, 0x1000, 2]]),
            &expect![
                "section at offset 0x101c: got memory from 0x801000, expected none that another section has"
            ],
        );
        refused(
            &with_sections(&[[0, 0x8000_0000, 1]]),
            &expect![
                "section at offset 0x1010: got 0x80000000 bytes of memory, expected at most 0x10000000 in all"
            ],
        );
    }

    #[test]
    fn sections_of_tdx_that_no_guest_could_have_are_errors() {
        refused(
            &with_section(|part| part.kind[0] = 5),
            &expect!["kind of TDX section at offset 0x2038: got 0x5, expected 0 to 4"],
        );
        refused(
            &with_section(|part| part.kind[1] = 3),
            &expect![
                "attributes of a TDX section at offset 0x203c: got 0x3, expected 0, 1 for a section with contents, or 2"
            ],
        );
        refused(
            &with_section(|part| part.kind = [3, 1]),
            &expect![
                "attributes of a TDX section at offset 0x203c: got 0x1, expected 0, 1 for a section with contents, or 2"
            ],
        );
        refused(
            &with_section(|part| part.data[1] = 0x3001),
            &expect![
                "section at offset 0x2020: got 0x3001 bytes of contents, expected at most its memory, 0x3000"
            ],
        );
        refused(
            &with_section(|part| part.data[0] = 0x2000),
            &expect![
                "contents of a TDX section: got a file of 0x4000 bytes, expected 0x3000 bytes at offset 0x2000"
            ],
        );
        refused(
            &with_section(|part| part.memory[0] = 0xffff_b000),
            &expect![
                "section at offset 0x2040: got memory from 0xffffc000, expected none that another section has"
            ],
        );
        refused(
            &with_section(|part| part.memory[0] = u64::MAX - 0xfff),
            &expect![
                "section at offset 0x2020: got 0x3000 bytes of memory, expected at most 0x10000000 in all"
            ],
        );
    }

    #[test]
    fn a_table_before_the_file_is_an_error() {
        let file = synthetic::snp_firmware().build();
        let firmware = Firmware::parse(&file[0x1100..]).unwrap();
        expect!["SEV metadata: got a place 0x1000 bytes before the end of the firmware, expected one in it"]
            .assert_eq(&firmware.sev_sections().unwrap_err().to_string());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn no_change_of_a_byte_makes_it_panic(at in 0x1000_usize..0x4000, byte: u8) {
            let mut file = synthetic::tdx_firmware().build();
            file[at] = byte;
            if let Ok(firmware) = Firmware::parse(&file) {
                let _ = crate::tdx::mrtd(&firmware, crate::tdx::PageOrder::SinglePass);
            }
        }

        #[test]
        fn no_part_of_a_firmware_makes_it_panic(start in 0_usize..0x1_0000, end in 0_usize..0x1_0000) {
            static FILE: LazyLock<Vec<u8>> =
                LazyLock::new(|| synthetic::firmware(0x1_0000, InitrdArgument::Prefix).build());
            let part = FILE.get(start..end).unwrap_or_default();
            if let Ok(firmware) = Firmware::parse(part) {
                let _ = (firmware.sev_sections(), firmware.tdvf_sections(), firmware.probe());
            }
        }
    }
}
