//! Inputs that are archives: tars, and existing initrds in all the shapes the kernel takes.
//!
//! Reading an archive gives [`Member`]s; bodies go to a [`Spool`](crate::tree::Spool) as they come by, so
//! nothing large is held. What becomes of the members is decided by [`assemble`](crate::assemble).

pub mod initrd;
mod source;
pub mod tarball;

pub use source::{Source, SourceReader};

use std::io;

use crate::newc::{HeaderError, file_type};
use crate::path::{GuestPath, PathError};
use crate::tree::{DeviceKind, Node, TreeError};
use crate::units::Mode;

/// One file found in an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name from the root of the input.
    pub path: GuestPath,
    /// What it is.
    pub node: Node,
}

/// Why an archive can't be read. The program adds the archive's own path.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes end too early, are corrupt, or can't be read or kept.
    #[error("at byte {offset} of the {what}: {error}")]
    Read {
        /// What was being read.
        what: &'static str,
        /// Offset in bytes; of what is unpacked, unless it is the initrd itself.
        offset: u64,
        /// The reason.
        error: io::Error,
    },
    /// The kernel would stop here and boot with what it has.
    #[error("at byte {offset} of the initrd: {problem}")]
    Kernel {
        /// Offset in bytes, in the packed file.
        offset: u64,
        /// What the kernel stumbles over.
        problem: String,
    },
    /// A member is cut short or says impossible things.
    #[error("at byte {offset} of the segment at byte {segment}: {problem}")]
    Segment {
        /// Where the segment starts in the initrd, in bytes.
        segment: u64,
        /// Offset in bytes, in the unpacked segment.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A segment's stream is damaged, or unpacks to more than it may.
    #[error("at byte {offset} of the segment at byte {segment}: {error}")]
    Unpack {
        /// Where the segment starts in the initrd, in bytes.
        segment: u64,
        /// Offset in bytes, in the unpacked segment.
        offset: u64,
        /// The reason.
        error: io::Error,
    },
    /// More members than any guest has files.
    #[error("the archive has more than {0} members")]
    Members(usize),
    /// A member's header is damaged.
    #[error("at byte {offset} of the segment at byte {segment}: {error}")]
    Header {
        /// Where the segment starts in the initrd, in bytes.
        segment: u64,
        /// Offset in bytes, in the unpacked segment.
        offset: u64,
        /// The reason.
        error: HeaderError,
    },
    /// A name that can't be in an image.
    #[error(transparent)]
    Name(#[from] PathError),
    /// A member that fits nowhere.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A type of file that an initrd can't hold, or not so that it means the same.
    #[error("{path} is {what}, which an initrd can't hold")]
    Kind {
        /// The member.
        path: GuestPath,
        /// What it is.
        what: String,
    },
    /// A checksum in the archive says that a body is damaged.
    #[error("{path} is damaged: checksum got {got:08x}, expected {expected:08x}")]
    Checksum {
        /// The member.
        path: GuestPath,
        /// Computed.
        got: u32,
        /// In the header.
        expected: u32,
    },
}

/// The node of a member that has no body: everything but regular files and symbolic links.
fn special_node(path: &GuestPath, mode: u32, rdev: (u32, u32)) -> Result<Node, ArchiveError> {
    let permissions = Mode::of_stat(mode);
    Ok(match mode & file_type::MASK {
        file_type::DIRECTORY => Node::Directory(permissions),
        file_type::CHARACTER => Node::Device(DeviceKind::Character, permissions, rdev.0, rdev.1),
        file_type::BLOCK => Node::Device(DeviceKind::Block, permissions, rdev.0, rdev.1),
        file_type::FIFO => Node::Fifo(permissions),
        other => {
            let what = format!("of type {other:06o}");
            return Err(ArchiveError::Kind { path: path.clone(), what });
        }
    })
}
