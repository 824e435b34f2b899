//! The table at the end of the firmware: entries with a GUID each, read from the last to the first.

use super::FirmwareError;
use crate::bytes;

/// From the end of the table to the end of the file, in bytes: the reset vector.
const BEHIND: u64 = 32;
/// Size and GUID of an entry, in bytes; they are behind its data.
const FRAME: u64 = 18;

/// The table itself (`OVMF_TABLE_FOOTER_GUID`), 96b582de-1fb2-45f7-baea-a366c55a082d as it is in files.
const FOOTER: [u8; 16] = 0x96b5_82de_1fb2_45f7_baea_a366_c55a_082d_u128.to_be_bytes();
/// `SEV_HASH_TABLE_RV_GUID`: address and size of the table of kernel hashes.
const HASH_TABLE: [u8; 16] = 0x7255_371f_3a3b_4b04_927b_1da6_efa8_d454_u128.to_be_bytes();
/// `SEV_ES_RESET_BLOCK_GUID`: where all vCPUs but the first begin.
const RESET_BLOCK: [u8; 16] = 0x00f7_71de_1a7e_4fcb_890e_68c7_7e2f_b44e_u128.to_be_bytes();
/// `OVMF_SEV_META_DATA_GUID`: offset of the SEV metadata from the end of the file.
const SEV: [u8; 16] = 0xdc88_6566_984a_4798_a75e_5585_a7bf_67cc_u128.to_be_bytes();
/// `TDX_METADATA_OFFSET_GUID`: offset of the TDVF descriptor from the end of the file.
const TDX: [u8; 16] = 0xe47a_6535_984a_4798_865e_4685_a7bf_8ec2_u128.to_be_bytes();

/// The entries that are asked for: where each one's data is, and how many bytes.
#[derive(Debug, Clone)]
pub(super) struct Footer<'a> {
    bytes: &'a [u8],
    pub(super) hash_table: Option<Entry>,
    pub(super) reset_block: Option<Entry>,
    pub(super) sev: Option<Entry>,
    pub(super) tdx: Option<Entry>,
}

/// The data of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    offset: u64,
    length: u64,
}

impl<'a> Footer<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, FirmwareError> {
        let what = "OVMF's table";
        let size = bytes::size(bytes);
        let missing = FirmwareError::NoTable { offset: size.saturating_sub(BEHIND + 16) };
        let frame = size.checked_sub(BEHIND + FRAME).ok_or_else(|| missing.clone())?;
        if canonical(bytes::array(bytes, what, frame + 2)?) != FOOTER {
            return Err(missing);
        }
        let length = entry_size(bytes, frame, frame + FRAME)?;
        let (first, mut end) = (frame + FRAME - length, frame);
        let mut footer = Self { bytes, hash_table: None, reset_block: None, sev: None, tdx: None };
        while end > first {
            let room = end - first;
            let Some(frame) = end.checked_sub(FRAME).filter(|frame| *frame >= first) else {
                let got = u16::try_from(room).unwrap_or(u16::MAX);
                return Err(FirmwareError::EntrySize { offset: first, got, limit: room });
            };
            let length = entry_size(bytes, frame, room)?;
            let entry = Entry { offset: end - length, length: length - FRAME };
            footer.put(canonical(bytes::array(bytes, what, frame + 2)?), entry)?;
            end -= length;
        }
        Ok(footer)
    }

    /// The number that an entry begins with.
    pub(super) fn number(&self, what: &'static str, entry: Option<Entry>) -> Result<u32, FirmwareError> {
        let Entry { offset, length } = entry.ok_or(FirmwareError::Missing(what))?;
        let data = bytes::part(self.bytes, what, offset, length)?;
        Ok(bytes::u32_at(data, what, 0)?)
    }

    /// Where a table is whose offset from the end of the file is in an entry.
    pub(super) fn table(&self, what: &'static str, entry: Option<Entry>) -> Result<u64, FirmwareError> {
        let from_end = self.number(what, entry)?;
        let place = bytes::size(self.bytes).checked_sub(from_end.into());
        place.ok_or(FirmwareError::BeforeTheFile { what, from_end })
    }

    fn put(&mut self, guid: [u8; 16], entry: Entry) -> Result<(), FirmwareError> {
        let (what, slot) = match guid {
            HASH_TABLE => ("place of the kernel hashes", &mut self.hash_table),
            RESET_BLOCK => ("SEV-ES reset block", &mut self.reset_block),
            SEV => ("SEV metadata", &mut self.sev),
            TDX => ("TDX metadata", &mut self.tdx),
            // Most entries are none of a measurement.
            _ => return Ok(()),
        };
        match slot.replace(entry) {
            None => Ok(()),
            Some(_) => Err(FirmwareError::Twice { what, offset: entry.offset }),
        }
    }
}

/// The size of the entry whose frame is at `frame`; at most `limit`, and at least the frame's.
fn entry_size(bytes: &[u8], frame: u64, limit: u64) -> Result<u64, FirmwareError> {
    let got = bytes::u16_at(bytes, "OVMF's table", frame)?;
    match u64::from(got) {
        size if (FRAME..=limit).contains(&size) => Ok(size),
        _ => Err(FirmwareError::EntrySize { offset: frame, got, limit }),
    }
}

/// A GUID as it is written: in files its first three fields are little-endian.
pub(crate) fn canonical(guid: [u8; 16]) -> [u8; 16] {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = guid;
    let [d0, d1, d2, d3, d4, d5, d6, d7] = rest;
    [a3, a2, a1, a0, b1, b0, c1, c0, d0, d1, d2, d3, d4, d5, d6, d7]
}
