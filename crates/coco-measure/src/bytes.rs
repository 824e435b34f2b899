//! Checked little-endian reads of files that may hold anything. Nothing else reads at an offset of a file's.

/// A part of a file that lies outside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: got a file of {size:#x} bytes, expected {length:#x} bytes at offset {offset:#x}")]
pub struct OutOfBounds {
    what: &'static str,
    offset: u64,
    length: u64,
    size: usize,
}

/// `length` bytes of `bytes`, from `offset`. `what` is for the message.
pub(crate) fn part<'a>(
    bytes: &'a [u8],
    what: &'static str,
    offset: u64,
    length: u64,
) -> Result<&'a [u8], OutOfBounds> {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        let end = usize::try_from(offset.checked_add(length)?).ok()?;
        bytes.get(start..end)
    };
    range().ok_or(OutOfBounds { what, offset, length, size: bytes.len() })
}

/// `N` bytes of `bytes`, from `offset`.
pub(crate) fn array<const N: usize>(
    bytes: &[u8],
    what: &'static str,
    offset: u64,
) -> Result<[u8; N], OutOfBounds> {
    let short = OutOfBounds { what, offset, length: u64::try_from(N).unwrap_or(u64::MAX), size: bytes.len() };
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
    rest.and_then(|rest| rest.first_chunk()).copied().ok_or(short)
}

/// The 16-bit number at `offset`.
pub(crate) fn u16_at(bytes: &[u8], what: &'static str, offset: u64) -> Result<u16, OutOfBounds> {
    array(bytes, what, offset).map(u16::from_le_bytes)
}

/// The 32-bit number at `offset`.
pub(crate) fn u32_at(bytes: &[u8], what: &'static str, offset: u64) -> Result<u32, OutOfBounds> {
    array(bytes, what, offset).map(u32::from_le_bytes)
}

/// The 64-bit number at `offset`.
pub(crate) fn u64_at(bytes: &[u8], what: &'static str, offset: u64) -> Result<u64, OutOfBounds> {
    array(bytes, what, offset).map(u64::from_le_bytes)
}

/// How many bytes there are.
pub(crate) fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("no machine has more memory than 64 bits can count")
}
