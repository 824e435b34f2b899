//! What an initrd needs: decompressors of the kernel, and memory.

use std::collections::BTreeSet;

use crate::archive::initrd::Initrd;
use crate::check::unpacked_memory;
use crate::decompress::Format;

/// What an initrd needs of the kernel and of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Options of the kernel, sorted.
    pub options: BTreeSet<&'static str>,
    /// Memory the unpacked files take, in bytes: whole pages.
    pub unpacked: u64,
    /// Least memory of the guest, in MiB: the kernel gives at most half of it to the files
    /// (`Documentation/filesystems/tmpfs.rst`, option `size`).
    pub memory_mib: u64,
}

impl Needs {
    /// Of `initrd`.
    pub(super) fn of(initrd: &Initrd) -> Self {
        let unpacked = unpacked_memory(&initrd.tree);
        let option = |format| match format {
            Format::Plain | Format::Unsupported(_) => None,
            Format::Gzip => Some("CONFIG_RD_GZIP"),
            Format::Xz => Some("CONFIG_RD_XZ"),
            Format::Zstd => Some("CONFIG_RD_ZSTD"),
            Format::Bzip2 => Some("CONFIG_RD_BZIP2"),
            Format::Lzma => Some("CONFIG_RD_LZMA"),
            Format::Lz4 => Some("CONFIG_RD_LZ4"),
        };
        Self {
            options: initrd.segments.iter().filter_map(|segment| option(segment.format)).collect(),
            unpacked,
            memory_mib: unpacked.saturating_mul(2).div_ceil(1 << 20),
        }
    }
}

/// The window that a zstd frame asks the kernel for, in bytes, from the frame's first 18 bytes (RFC 8878,
/// section 3.1.1.1); `None` if they are no frame, or end too early.
pub fn zstd_window(frame: &[u8]) -> Option<u64> {
    let rest = frame.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?;
    let (descriptor, rest) = rest.split_first()?;
    let is_single = descriptor & 0x20 != 0;
    if !is_single {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // The whole content is the window; its size stands behind the dictionary's number.
    let dictionary = match descriptor & 3 {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 4,
    };
    let size = rest.get(dictionary..)?;
    match descriptor >> 6 {
        0 => size.first().map(|byte| u64::from(*byte)),
        1 => Some(u64::from(u16::from_le_bytes(*size.first_chunk()?)) + 256),
        2 => Some(u64::from(u32::from_le_bytes(*size.first_chunk()?))),
        _ => Some(u64::from_le_bytes(*size.first_chunk()?)),
    }
}
