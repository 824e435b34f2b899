//! Contents of files, which stay where they are until they are packed.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::path::GuestPath;

/// The contents of a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Held in memory: small, made by the program.
    Bytes(Arc<[u8]>),
    /// Kept elsewhere, read when it is packed.
    Extent(Extent),
}

/// A run of bytes in something the program can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// Which store; numbered by whoever implements [`Bodies`].
    pub store: u32,
    /// First byte in it.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

impl Body {
    /// A body held in memory.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Extent(extent) => extent.len,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Opens the body for reading from its start.
    pub fn open<'a>(&'a self, bodies: &'a dyn Bodies) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(bytes.as_ref())),
            Self::Extent(extent) => bodies.open(*extent),
        }
    }

    /// Opens the body for reading here and there.
    pub fn cursor<'a>(&'a self, bodies: &'a dyn Bodies) -> Cursor<'a> {
        Cursor { body: self, bodies, at: 0, open: None }
    }

    /// Opens the body for reading from byte `at`.
    fn open_at<'a>(&'a self, bodies: &'a dyn Bodies, at: u64) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                Ok(Box::new(bytes.get(start..).unwrap_or_default()))
            }
            Self::Extent(extent) => {
                let skip = at.min(extent.len);
                bodies.open(Extent { offset: extent.offset + skip, len: extent.len - skip, ..*extent })
            }
        }
    }
}

/// A place in a body. Reading on is cheap, jumping opens the body anew.
pub struct Cursor<'a> {
    body: &'a Body,
    bodies: &'a dyn Bodies,
    at: u64,
    open: Option<Box<dyn Read + 'a>>,
}

impl std::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("body", self.body).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reader = match self.open.take() {
            Some(reader) => reader,
            None => self.body.open_at(self.bodies, self.at)?,
        };
        let got = reader.read(buffer)?;
        self.at += u64::try_from(got).unwrap_or(u64::MAX);
        self.open = Some(reader);
        Ok(got)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let goal = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.body.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let goal = goal.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        if goal != self.at {
            self.at = goal;
            self.open = None;
        }
        Ok(goal)
    }
}

/// Where bodies are kept: files on a disk for the program, a vector for a test.
pub trait Bodies: Sync {
    /// Opens `extent`; the reader ends after `extent.len` bytes, or fails if they are not there.
    fn open(&self, extent: Extent) -> io::Result<Box<dyn Read + '_>>;
}

/// Where a body was found in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this byte of the archive, unless the archive is compressed as a whole.
    Archive(u64),
    /// In what a compressed segment of an initrd unpacks to.
    Packed {
        /// Where the segment starts in the initrd, in bytes.
        segment: u64,
        /// Offset in what is unpacked, in bytes.
        at: u64,
    },
}

/// A place for bodies that an archive reader comes upon. Several threads may bring some at once.
pub trait Spool: Sync {
    /// Takes the `len` bytes of `body`, the contents of `path`, and says where they are from now on. A
    /// body that is kept where it was found need not be read.
    fn keep(&self, path: &GuestPath, place: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent>;
}
