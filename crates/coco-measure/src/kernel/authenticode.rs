//! The digest that UEFI takes of a program: all of the file but its checksum and its signatures.
//!
//! "Windows Authenticode Portable Executable Signature Format", as edk2 computes it (`MeasurePeImageAndExtend` of
//! `SecurityPkg`). Not what else a PE file may have in it.

use std::ops::Range;

use super::{KernelError, constant};
use crate::bytes;

const WHAT: &str = "PE header";
/// Most sections a program has; edk2 counts no limit, kernels have five.
const SECTIONS_MAX: u16 = 96;
/// Machine types: x86-64.
const MACHINE: u32 = 0x8664;
/// Magic of PE32+.
const PE32_PLUS: u32 = 0x20b;
/// Of the optional header, in bytes: sizes of headers, checksum, number of directories, first directory.
const SIZE_OF_HEADERS: u64 = 60;
const CHECKSUM: u64 = 64;
const DIRECTORY_COUNT: u64 = 108;
const DIRECTORIES: u64 = 112;
/// The directory of signatures, by its number.
const SECURITY: u64 = 4;
/// A directory, in bytes, and a section's header.
const DIRECTORY: u64 = 8;
const SECTION: u64 = 40;

/// The parts of a file that are hashed, in order.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    parts: Vec<Range<u64>>,
}

/// The directory of signatures: where its entry is in the header, and how many bytes of signatures there are.
struct Signatures {
    entry: Range<u64>,
    size: u64,
}

impl Layout {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, KernelError> {
        constant(bytes, "DOS header", 0, 2, u32::from(u16::from_le_bytes(*b"MZ")))?;
        let pe = u64::from(bytes::u32_at(bytes, WHAT, 0x3c)?);
        constant(bytes, WHAT, pe, 4, u32::from_le_bytes(*b"PE\0\0"))?;
        constant(bytes, "machine of the PE header", pe + 4, 2, MACHINE)?;
        let optional = pe + 24;
        constant(bytes, "magic of the PE header", optional, 2, PE32_PLUS)?;
        let headers = u64::from(bytes::u32_at(bytes, WHAT, optional + SIZE_OF_HEADERS)?);
        let table = optional + u64::from(bytes::u16_at(bytes, WHAT, pe + 20)?);
        let count = bytes::u16_at(bytes, WHAT, pe + 6)?;
        let described = table + SECTION * u64::from(count);
        if count > SECTIONS_MAX {
            let (offset, got) = (pe + 6, count.into());
            return Err(KernelError::Field {
                what: "number of PE sections",
                offset,
                got,
                expected: "at most 96",
            });
        }
        let checksum = optional + CHECKSUM..optional + CHECKSUM + 4;
        let signatures = signatures(bytes, optional, checksum.end)?;
        let last = signatures.entry.end.max(described);
        if headers < last || headers > bytes::size(bytes) {
            let offset = optional + SIZE_OF_HEADERS;
            let expected = "all of the headers, and no more than the file";
            return Err(KernelError::Field {
                what: "size of the PE headers",
                offset,
                got: headers,
                expected,
            });
        }
        let mut parts = vec![0..checksum.start, checksum.end..signatures.entry.start];
        parts.push(signatures.entry.end..headers);
        let sections = sections(bytes, table, count, headers)?;
        let end = sections.last().map_or(headers, |section| section.end);
        parts.extend(sections);
        parts.push(rest(bytes, end, signatures.size)?);
        Ok(Self { parts })
    }

    /// What is hashed of `bytes`, of which the first ones are `head`.
    pub(super) fn parts<'a>(&self, head: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let changed = bytes::size(head);
        self.parts.iter().flat_map(move |part| {
            let split = changed.clamp(part.start, part.end);
            [slice(head, part.start..split), slice(bytes, split..part.end)]
        })
    }
}

/// Nothing, if nothing is there: where a part ends before the head does, or begins behind it.
fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

/// What is behind the sections, up to the signatures.
fn rest(bytes: &[u8], end: u64, signatures: u64) -> Result<Range<u64>, KernelError> {
    match bytes::size(bytes).checked_sub(signatures) {
        Some(signed) if signed >= end => Ok(end..signed),
        _ => {
            let expected = "what is left behind the sections";
            let (what, offset) = ("bytes of signatures behind the end of the sections", end);
            Err(KernelError::Field { what, offset, got: signatures, expected })
        }
    }
}

/// The directory of signatures; if the header has none, nothing is left out behind the checksum.
fn signatures(bytes: &[u8], optional: u64, checksum: u64) -> Result<Signatures, KernelError> {
    let count = bytes::u32_at(bytes, WHAT, optional + DIRECTORY_COUNT)?;
    if u64::from(count) <= SECURITY {
        return Ok(Signatures { entry: checksum..checksum, size: 0 });
    }
    let entry = optional + DIRECTORIES + SECURITY * DIRECTORY;
    let place = u64::from(bytes::u32_at(bytes, WHAT, entry)?);
    let size = u64::from(bytes::u32_at(bytes, WHAT, entry + 4)?);
    if size != 0 && place.checked_add(size) != Some(bytes::size(bytes)) {
        let expected = "signatures at the end of the file";
        return Err(KernelError::Field {
            what: "place of the signatures",
            offset: entry,
            got: place,
            expected,
        });
    }
    Ok(Signatures { entry: entry..entry + DIRECTORY, size })
}

/// The contents of the sections, by their place: one behind the other, or what lies between would not be measured
/// and what is in two would be measured twice.
fn sections(bytes: &[u8], table: u64, count: u16, headers: u64) -> Result<Vec<Range<u64>>, KernelError> {
    let mut sections = Vec::new();
    for number in 0..u64::from(count) {
        let header = table + SECTION * number;
        let size = u64::from(bytes::u32_at(bytes, "PE section", header + 16)?);
        let start = u64::from(bytes::u32_at(bytes, "PE section", header + 20)?);
        bytes::part(bytes, "contents of a PE section", start, size)?;
        if size > 0 {
            sections.push(start..start + size);
        }
    }
    sections.sort_by_key(|section| section.start);
    let mut end = headers;
    for section in &sections {
        if section.start != end {
            let expected = "the end of the headers or of the section before";
            let (what, offset) = ("place of a PE section", section.start);
            return Err(KernelError::Field { what, offset, got: section.start, expected });
        }
        end = section.end;
    }
    Ok(sections)
}
