//! The header of a newc archive member, both ways.
//!
//! Format: `Documentation/driver-api/early-userspace/buffer-format.rst` of Linux. A member is a
//! 110-byte header of ASCII hex fields, the name with its NUL padded to 4 bytes, and the body padded
//! to 4 bytes. Which members there are is decided by [`layer`](crate::layer) and read by
//! [`archive`](crate::archive).

use crate::path::TRAILER;

/// The magic of a member.
pub const MAGIC: &[u8; 6] = b"070701";
/// The magic of a member whose `c_chksum` is the sum of its body's bytes.
pub const MAGIC_CRC: &[u8; 6] = b"070702";
/// Length of a header, in bytes.
pub const HEADER_LEN: usize = 110;
/// Members and bodies start at multiples of this many bytes.
pub const ALIGN: u64 = 4;

/// File type bits of `c_mode` (POSIX `sys/stat.h`).
pub mod file_type {
    /// The mask over them.
    pub const MASK: u32 = 0o170_000;
    /// A named pipe.
    pub const FIFO: u32 = 0o010_000;
    /// A character device.
    pub const CHARACTER: u32 = 0o020_000;
    /// A directory.
    pub const DIRECTORY: u32 = 0o040_000;
    /// A block device.
    pub const BLOCK: u32 = 0o060_000;
    /// A regular file.
    pub const REGULAR: u32 = 0o100_000;
    /// A symbolic link.
    pub const SYMLINK: u32 = 0o120_000;
}

/// The fields of a member's header, in the order in which they are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Inode number.
    pub ino: u32,
    /// File type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names the file has in the archive.
    pub nlink: u32,
    /// Seconds since 1970, UTC.
    pub mtime: u32,
    /// Length of the body, in bytes.
    pub filesize: u32,
    /// Device the inode number belongs to.
    pub dev_major: u32,
    /// Device the inode number belongs to.
    pub dev_minor: u32,
    /// Device number of a device node.
    pub rdev_major: u32,
    /// Device number of a device node.
    pub rdev_minor: u32,
    /// Length of the name with its NUL, in bytes.
    pub namesize: u32,
    /// Sum of the body's bytes, for [`MAGIC_CRC`]; otherwise 0.
    pub checksum: u32,
}

/// Why bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first six bytes are something else.
    #[error("no cpio member: got `{got}`, expected `070701` or `070702`")]
    Magic {
        /// What is there, escaped.
        got: String,
    },
    /// A field is not eight hex digits.
    #[error("field {field} of a cpio member is not a number: got `{got}`, expected 8 hex digits")]
    Field {
        /// The field's name in the format's description.
        field: &'static str,
        /// What is there, escaped.
        got: String,
    },
}

/// Names of the fields in order, as the format's description has them.
const FIELDS: [&str; 13] = [
    "c_ino",
    "c_mode",
    "c_uid",
    "c_gid",
    "c_nlink",
    "c_mtime",
    "c_filesize",
    "c_maj",
    "c_min",
    "c_rmaj",
    "c_rmin",
    "c_namesize",
    "c_chksum",
];

impl Header {
    /// Appends the header and `name` with its padding to `out`, which starts at a multiple of 4.
    pub fn write(&self, name: &str, out: &mut Vec<u8>) {
        let namesize = u32::try_from(name.len()).unwrap_or(u32::MAX).saturating_add(1);
        out.extend_from_slice(MAGIC);
        for field in [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.filesize,
            self.dev_major,
            self.dev_minor,
            self.rdev_major,
            self.rdev_minor,
            namesize,
            self.checksum,
        ] {
            hex(field, out);
        }
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        pad(out);
    }

    /// Reads a header; the flag says whether it carries a checksum.
    pub fn read(bytes: &[u8; HEADER_LEN]) -> Result<(Self, bool), HeaderError> {
        let (magic, digits) = bytes.split_at(MAGIC.len());
        if magic != MAGIC && magic != MAGIC_CRC {
            return Err(HeaderError::Magic { got: magic.escape_ascii().to_string() });
        }
        let mut fields = [0; 13];
        for ((value, name), digits) in fields.iter_mut().zip(FIELDS).zip(digits.chunks(8)) {
            *value = number(digits)
                .ok_or_else(|| HeaderError::Field { field: name, got: digits.escape_ascii().to_string() })?;
        }
        let [
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            filesize,
            dev_major,
            dev_minor,
            rdev_major,
            rdev_minor,
            namesize,
            checksum,
        ] = fields;
        let header = Self {
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            filesize,
            dev_major,
            dev_minor,
            rdev_major,
            rdev_minor,
            namesize,
            checksum,
        };
        Ok((header, magic == MAGIC_CRC))
    }
}

/// The member that ends an archive.
pub fn trailer(out: &mut Vec<u8>) {
    Header { nlink: 1, ..Header::default() }.write(TRAILER, out);
}

/// Bytes a member takes in the archive, with all padding.
pub fn member_len(name: &str, body: u64) -> u64 {
    let head = u64::try_from(HEADER_LEN + name.len() + 1).unwrap_or(u64::MAX);
    head.next_multiple_of(ALIGN) + body.next_multiple_of(ALIGN)
}

/// Pads `out` with zeros to a multiple of 4.
pub fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn hex(value: u32, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for shift in (0..8).rev() {
        let nibble = usize::try_from((value >> (shift * 4)) & 0xf).unwrap_or(0);
        out.push(DIGITS.get(nibble).copied().unwrap_or(b'0'));
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((value << 4) | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_written_as_the_format_says() {
        let header =
            Header { ino: 42, mode: 0o100_644, nlink: 1, mtime: 1, filesize: 3, ..Header::default() };
        let mut out = Vec::new();
        header.write("etc/x", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                "070701", "0000002A", "000081A4", "00000000", "00000000", "00000001", "00000001", "00000003",
                "00000000", "00000000", "00000000", "00000000", "00000006", "00000000", "etc/x\0"
            )
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let header = Header { ino: 7, mode: 0o060_660, rdev_major: 8, rdev_minor: 1, ..Header::default() };
        let mut out = Vec::new();
        header.write("dev/sda1", &mut out);
        let bytes: [u8; HEADER_LEN] = out[..HEADER_LEN].try_into().unwrap();
        assert_eq!(Header::read(&bytes), Ok((Header { namesize: 9, ..header }, false)));
    }

    #[test]
    fn junk_in_a_field_is_named() {
        let mut out = Vec::new();
        Header::default().write("x", &mut out);
        let mut bytes: [u8; HEADER_LEN] = out[..HEADER_LEN].try_into().unwrap();
        bytes[14..22].copy_from_slice(b"-0000001");
        assert_eq!(
            Header::read(&bytes).unwrap_err().to_string(),
            "field c_mode of a cpio member is not a number: got `-0000001`, expected 8 hex digits"
        );
    }

    #[test]
    fn the_length_of_a_member_counts_its_padding() {
        for (name, body) in [("a", 0), ("ab", 1), ("abc", 4), ("abcd", 5)] {
            let mut out = Vec::new();
            Header::default().write(name, &mut out);
            out.resize(out.len() + usize::try_from(body).unwrap(), 1);
            pad(&mut out);
            assert_eq!(member_len(name, body), u64::try_from(out.len()).unwrap(), "{name}");
        }
    }
}
