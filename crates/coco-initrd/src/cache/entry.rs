//! One entry of the cache: a header that says what must follow, and the packed bytes of a group.
//!
//! Where entries are is not known here. The header, 84 bytes, numbers little-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic, `cocogrp` and a line feed |
//! | 8 | 4 | version of this format, 1 |
//! | 12 | 32 | the group's key |
//! | 44 | 8 | length of the packed bytes |
//! | 52 | 32 | SHA-256 of the packed bytes |

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use coco_image::digest::Sha256;
use coco_image::pack::{GroupKey, Kept};
use sha2::Digest as _;

const MAGIC: &[u8; 8] = b"cocogrp\n";
const VERSION: u32 = 1;

/// Length of the header, in bytes.
const HEADER_LEN: u64 = 8 + 4 + 32 + 8 + 32;

/// Entries with more packed bytes are not held in memory. Most are under 4 MiB.
const HELD_MAX: u64 = 16 << 20;

/// Why an entry is no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// A link, a directory or a device is in its place.
    #[error("got a {0}, expected a file")]
    NotFile(&'static str),
    /// Too short to have a header.
    #[error("got {0} bytes, expected at least {HEADER_LEN}")]
    NoHeader(u64),
    /// Not the first bytes of an entry.
    #[error("it does not begin as an entry does")]
    Magic,
    /// Of another program's version, which has directories of its own.
    #[error("got version {0}, expected {VERSION}")]
    Version(u32),
    /// The entry of another group.
    #[error("it is of group {0}")]
    Misplaced(GroupKey),
    /// Cut off, or grown.
    #[error("got {got} bytes, expected {expected}")]
    Length {
        /// Bytes of the file.
        got: u64,
        /// Bytes by its header.
        expected: u64,
    },
    /// The bytes are others.
    #[error("SHA-256 got {got}, expected {expected}")]
    Digest {
        /// Of the bytes that are there.
        got: Sha256,
        /// Of those that were written.
        expected: Sha256,
    },
    /// The disk says no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The packed bytes in `file`, compared with what the header says, if they are of `key`; in the memory of
/// `buffer`.
pub(super) fn read(file: &File, key: GroupKey, mut buffer: Vec<u8>) -> Result<Kept<'static>, Unusable> {
    let len = file.metadata()?.len();
    let mut header = [0; 84];
    if len < HEADER_LEN {
        return Err(Unusable::NoHeader(len));
    }
    let mut file = file;
    file.read_exact(&mut header)?;
    let Header { packed, sha256: expected } = Header::parse(&header, key)?;
    if Some(len) != packed.checked_add(HEADER_LEN) {
        return Err(Unusable::Length { got: len, expected: packed.saturating_add(HEADER_LEN) });
    }
    if packed > HELD_MAX {
        let (got, _) = Sha256::of_reader(&mut file.take(packed))?;
        check(got, expected)?;
        let again = file.try_clone()?;
        file.seek(SeekFrom::Start(HEADER_LEN))?;
        let hasher = sha2::Sha256::new();
        return Ok(Kept::Stream(Box::new(Compared { from: again.take(packed), hasher, expected })));
    }
    buffer.clear();
    buffer.reserve_exact(usize::try_from(packed).unwrap_or(0));
    file.take(packed).read_to_end(&mut buffer)?;
    check(Sha256::of(&buffer), expected)?;
    Ok(Kept::Bytes(buffer))
}

fn check(got: Sha256, expected: Sha256) -> Result<(), Unusable> {
    if got == expected { Ok(()) } else { Err(Unusable::Digest { got, expected }) }
}

/// What a header says of the bytes behind it.
struct Header {
    packed: u64,
    sha256: Sha256,
}

impl Header {
    fn parse(bytes: &[u8; 84], key: GroupKey) -> Result<Self, Unusable> {
        let mut rest = bytes.as_slice();
        if take(&mut rest)? != *MAGIC {
            return Err(Unusable::Magic);
        }
        let version = u32::from_le_bytes(take(&mut rest)?);
        if version != VERSION {
            return Err(Unusable::Version(version));
        }
        let found = GroupKey::from(Sha256::from(take(&mut rest)?));
        if found != key {
            return Err(Unusable::Misplaced(found));
        }
        let packed = u64::from_le_bytes(take(&mut rest)?);
        Ok(Self { packed, sha256: Sha256::from(take(&mut rest)?) })
    }

    fn to_bytes(&self, key: GroupKey) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(key.digest().as_bytes());
        bytes.extend_from_slice(&self.packed.to_le_bytes());
        bytes.extend_from_slice(self.sha256.as_bytes());
        bytes
    }
}

/// The next field of a header.
fn take<const N: usize>(rest: &mut &[u8]) -> io::Result<[u8; N]> {
    let mut field = [0; N];
    rest.read_exact(&mut field)?;
    Ok(field)
}

/// Packed bytes that are hashed once more on their way: a change since they were compared ends the build.
struct Compared {
    from: io::Take<File>,
    hasher: sha2::Sha256,
    expected: Sha256,
}

impl Read for Compared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..got).unwrap_or_default());
        if got == 0 && !buffer.is_empty() {
            let got = Sha256::finish(self.hasher.clone());
            check(got, self.expected).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("changed while it was read: {error}"))
            })?;
        }
        Ok(got)
    }
}

/// Writes an entry: first the packed bytes, in the end the header before them.
pub(super) struct Writer {
    key: GroupKey,
    packed: u64,
    hasher: sha2::Sha256,
}

impl Writer {
    /// For the group with this key.
    pub(super) fn new(key: GroupKey) -> Self {
        Self { key, packed: 0, hasher: sha2::Sha256::new() }
    }

    /// Writes the next packed bytes.
    pub(super) fn add(&mut self, file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, HEADER_LEN + self.packed)?;
        self.hasher.update(bytes);
        self.packed += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Writes the header: the entry is whole.
    pub(super) fn finish(&self, file: &File) -> io::Result<()> {
        let sha256 = Sha256::finish(self.hasher.clone());
        file.write_all_at(&Header { packed: self.packed, sha256 }.to_bytes(self.key), 0)
    }
}
