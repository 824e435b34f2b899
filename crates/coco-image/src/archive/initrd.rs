//! Reads an existing initrd as the kernel unpacks it: any run of compressed and plain newc segments.
//!
//! The rules are those of Linux `init/initramfs.c`: zeros between segments are skipped, a plain
//! segment starts at a multiple of 4, a compressed stream ends between members, a later member
//! replaces an earlier one of the same name. Where the kernel would log an error and boot on with
//! what it has, reading fails: a base that boots with half of its files is no base.
//!
//! Segments are independent until their members are put into the tree, so they are unpacked by
//! several threads; what comes out does not depend on how many. Bodies are handed on as they
//! come by, so what is held is a record a member.

mod ahead;
mod members;
mod payload;
mod replay;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Read as _};
use std::num::NonZeroUsize;

use super::{ArchiveError, Member, Source, SourceReader};
use crate::decompress::Format;
use crate::digest::Sha256;
use crate::newc::{ALIGN, Header};
use crate::path::GuestPath;
use crate::tree::{Body, Extent, Node, Origin, Spool, Tree};
use ahead::Ahead;
use members::{Event, Parsed};
pub use payload::payload;
use replay::Replay;

/// How an initrd is read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most that all segments together may unpack to, in bytes: the stop for decompression bombs.
    pub limit: u64,
    /// How many threads unpack.
    pub threads: NonZeroUsize,
    /// Whether bodies are hashed as they come by.
    pub digests: Digests,
}

/// Whether bodies are hashed as they come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// Each regular file's.
    Wanted,
    /// None: whoever reads the bodies hashes them.
    Unwanted,
}

/// A run of members that the kernel unpacks in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts in the initrd, in bytes.
    pub offset: u64,
    /// Its size in the initrd, in bytes, without zeros behind it.
    pub size: u64,
    /// Its compression.
    pub format: Format,
    /// Its size unpacked, in bytes.
    pub unpacked: u64,
    /// How many members it has.
    pub members: usize,
    /// How many of the archives in it end here.
    pub trailers: usize,
}

/// A member as it stands in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMember {
    /// Its name, normalised.
    pub path: GuestPath,
    /// All fields of its header.
    pub header: Header,
    /// Number of its segment, from 0.
    pub segment: usize,
}

/// All that is in an initrd.
#[derive(Debug)]
pub struct Initrd {
    /// The segments in order.
    pub segments: Vec<Segment>,
    /// The members in order; later ones replace earlier ones of the same name.
    pub members: Vec<RawMember>,
    /// What the kernel has in the end.
    pub tree: Tree,
    digests: BTreeMap<Extent, Sha256>,
}

impl Initrd {
    /// The digest of the regular file of exactly this name, if digests were wanted.
    pub fn digest(&self, path: &GuestPath) -> Option<Sha256> {
        let node = match &self.tree.get(path)?.node {
            Node::HardLink(first) => &self.tree.get(first)?.node,
            node => node,
        };
        match node {
            Node::File(_, Body::Extent(extent)) => self.digests.get(extent).copied(),
            Node::File(_, Body::Bytes(bytes)) => Some(Sha256::of(bytes)),
            _ => None,
        }
    }

    /// The files as an input's members: a hard link comes after its first name. The root directory is one if the
    /// initrd has it.
    pub fn into_members(self) -> Vec<Member> {
        // Byte order does not promise it.
        let (links, files): (Vec<Member>, Vec<Member>) = self
            .tree
            .iter()
            .filter(|(_, entry)| entry.origin == Origin::Declared)
            .map(|(path, entry)| Member { path: path.clone(), node: entry.node.clone() })
            .partition(|member| matches!(member.node, Node::HardLink(_)));
        files.into_iter().chain(links).collect()
    }
}

/// Reads all segments of `source`; their bodies go to `spool`.
///
/// Owners and times are in the raw members only: an image has none.
pub fn read(source: &dyn Source, spool: &dyn Spool, options: &Options) -> Result<Initrd, ArchiveError> {
    let ahead = Ahead::new(source, spool, options);
    std::thread::scope(|scope| {
        for _ in 1..options.threads.get() {
            scope.spawn(|| ahead.work());
        }
        let result = read_segments(source, &ahead, options);
        ahead.stop();
        result
    })
}

fn read_segments(source: &dyn Source, ahead: &Ahead<'_>, options: &Options) -> Result<Initrd, ArchiveError> {
    let mut replay = Replay::default();
    let mut segments = Vec::new();
    let mut left = options.limit;
    // Whether all members so far are followed by a trailer.
    let mut is_ended = true;
    let mut at = 0;
    while let Some(start) = skip_zeros(source, at)? {
        let format = format_at(source, start)?;
        let parsed = ahead.parsed(start, format)?;
        left = left.checked_sub(parsed.unpacked).ok_or_else(|| too_large(start, options.limit))?;
        is_ended = parsed.is_ended.unwrap_or(is_ended);
        segments.push(segment(&parsed));
        at = parsed.end;
        replay.segment(parsed.events, segments.len() - 1)?;
    }
    if !is_ended {
        // The kernel would not mind, but a file that was cut between two streams looks just so.
        let problem = "the initrd ends without a trailer, it is cut short".to_owned();
        return Err(ArchiveError::Kernel { offset: at, problem });
    }
    Ok(replay.finish(segments))
}

fn segment(parsed: &Parsed) -> Segment {
    let trailers = parsed.events.iter().filter(|event| matches!(event, Event::Trailer)).count();
    Segment {
        offset: parsed.start,
        size: parsed.end - parsed.start,
        format: parsed.format,
        unpacked: parsed.unpacked,
        members: parsed.events.len() - trailers,
        trailers,
    }
}

fn read_error(offset: u64, error: io::Error) -> ArchiveError {
    ArchiveError::Read { what: "initrd", offset, error }
}

fn too_large(segment: u64, limit: u64) -> ArchiveError {
    let error =
        io::Error::new(io::ErrorKind::FileTooLarge, format!("unpacks to more than {limit} bytes, the limit"));
    ArchiveError::Unpack { segment, offset: 0, error }
}

/// The first byte from `at` on that is not zero; `None` at the end.
fn skip_zeros(source: &dyn Source, at: u64) -> Result<Option<u64>, ArchiveError> {
    let mut reader = SourceReader::new(source, at);
    loop {
        let at = reader.at();
        let buffer = reader.fill_buf().map_err(|error| read_error(at, error))?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let found = zeros < buffer.len();
        reader.consume(zeros);
        if found {
            return Ok(Some(reader.at()));
        }
    }
}

/// What starts at `start`, if the kernel takes it for a segment.
fn format_at(source: &dyn Source, start: u64) -> Result<Format, ArchiveError> {
    let mut head = Vec::new();
    SourceReader::new(source, start)
        .take(8)
        .read_to_end(&mut head)
        .map_err(|error| read_error(start, error))?;
    let refused = |problem: String| Err(ArchiveError::Kernel { offset: start, problem });
    if head.starts_with(b"0707") {
        if !start.is_multiple_of(ALIGN) {
            return refused("a plain segment must start at a multiple of 4".to_owned());
        }
        return Ok(Format::Plain);
    }
    match (Format::of(&head), head.as_slice()) {
        (Format::Plain, _) => {
            let start = head.get(..6).unwrap_or(&head).escape_ascii();
            refused(format!("neither a cpio archive nor a compressed one: `{start}`"))
        }
        // lib/decompress_inflate.c skips the file name (8) and knows of no other field; 1 has none.
        (Format::Gzip, [_, _, _, flags, ..]) if flags & !0x09 != 0 => refused(format!(
            "a gzip header with flags {flags:#04x}, of which the kernel knows none but a file name"
        )),
        // lib/xz/xz_dec_stream.c
        (Format::Xz, [_, _, _, _, _, _, _, check]) if *check > 1 => refused(format!(
            "an xz stream with check {check:#04x}, the kernel reads none but CRC32 (xz --check=crc32)"
        )),
        (format, _) => Ok(format),
    }
}

#[cfg(test)]
mod tests;
