//! One segment to what is in it, in order; no member knows of another yet.

use std::io::{self, BufReader, Read};

use sha2::Digest as _;

use super::{ArchiveError, Digests, Options, Source, SourceReader, read_error};
use crate::archive::special_node;
use crate::decompress::{self, Budget, Format, Streams};
use crate::digest::Sha256;
use crate::newc::{ALIGN, HEADER_LEN, Header, file_type};
use crate::path::{GuestPath, NAME_MAX, PathError, TRAILER};
use crate::tree::{Extent, Node, Place, Spool};

/// Longest symbolic link target the kernel takes, in bytes (`PATH_MAX`).
const TARGET_MAX: u32 = 4096;

/// More members than any guest has files: a record is held of each.
const MEMBERS_MAX: usize = 1 << 20;

/// How much is unpacked at once, in bytes.
const BUFFER: usize = 64 << 10;

/// A segment that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) format: Format,
    pub(super) unpacked: u64,
    pub(super) events: Vec<Event>,
    /// Whether all its members are followed by a trailer; `None` if it has neither.
    pub(super) is_ended: Option<bool>,
}

/// What comes by in a segment.
#[derive(Debug)]
pub(super) enum Event {
    /// A file.
    Member(Found),
    /// The end of an archive: hard links are forgotten.
    Trailer,
}

/// A member and what is kept of its body.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: GuestPath,
    pub(super) header: Header,
    pub(super) content: Content,
}

/// What a member is.
#[derive(Debug)]
pub(super) enum Content {
    /// A regular file, or a further name of one.
    File(Extent, Option<Sha256>),
    /// Anything else; the root directory, which is there anyway, for its mode.
    Node(Node),
}

/// A segment to be read.
pub(super) struct Task<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) start: u64,
    pub(super) format: Format,
    pub(super) spool: &'a dyn Spool,
    pub(super) options: &'a Options,
    /// Asked now and then.
    pub(super) is_unwanted: &'a dyn Fn() -> bool,
}

impl Task<'_> {
    /// Reads it.
    pub(super) fn parse(&self) -> Result<Parsed, ArchiveError> {
        let Self { source, start, format, .. } = *self;
        let mut input = SourceReader::new(source, start);
        let budget = Budget::new(self.options.limit);
        let (events, unpacked) = if format == Format::Plain {
            let mut members = Members { bytes: budget.bound(&mut input), at: 0, task: self };
            (members.archive()?, members.at)
        } else {
            let stream = decompress::reader(format, Streams::One, &mut input)
                .map_err(|error| read_error(start, error))?;
            let bytes = BufReader::with_capacity(BUFFER, budget.bound(stream));
            let mut members = Members { bytes, at: 0, task: self };
            (members.stream()?, members.at)
        };
        let is_ended = events.last().map(|last| matches!(last, Event::Trailer));
        Ok(Parsed { start, end: input.at(), format, unpacked, events, is_ended })
    }
}

/// The unpacked bytes of a segment.
struct Members<'a, R> {
    bytes: R,
    at: u64,
    task: &'a Task<'a>,
}

/// What comes before a member's body.
struct Head {
    header: Header,
    /// Whether the header carries a checksum.
    is_summed: bool,
    name: String,
}

/// What the next header and name were.
enum Next {
    Member(Head),
    Trailer,
    End,
}

impl<R: Read> Members<'_, R> {
    /// Reads the members of one plain archive, to its trailer.
    fn archive(&mut self) -> Result<Vec<Event>, ArchiveError> {
        let mut events = Vec::new();
        loop {
            match self.next()? {
                Next::Member(head) => self.add(&head, &mut events)?,
                Next::Trailer => {
                    events.push(Event::Trailer);
                    return Ok(events);
                }
                Next::End => return Err(self.cut("the archive has no trailer")),
            }
        }
    }

    /// Reads all members of a compressed stream, which may hold several archives or part of one.
    fn stream(&mut self) -> Result<Vec<Event>, ArchiveError> {
        let mut events = Vec::new();
        loop {
            match self.next()? {
                Next::Member(head) => self.add(&head, &mut events)?,
                Next::Trailer => events.push(Event::Trailer),
                Next::End => return Ok(events),
            }
        }
    }

    fn add(&mut self, head: &Head, events: &mut Vec<Event>) -> Result<(), ArchiveError> {
        if events.len() >= MEMBERS_MAX {
            return Err(ArchiveError::Members(MEMBERS_MAX));
        }
        if (self.task.is_unwanted)() {
            return Err(self.cut("nobody wants it any more"));
        }
        events.push(Event::Member(self.member(head)?));
        Ok(())
    }

    fn next(&mut self) -> Result<Next, ArchiveError> {
        let mut bytes = [0; HEADER_LEN];
        loop {
            // Between members there may be zeros; their number is a multiple of 4 or the end comes.
            let (first, rest) = bytes.split_at_mut(4);
            first.fill(0);
            let got = self.take_or_end(first)?;
            if first.iter().any(|byte| *byte != 0) {
                self.take(rest)?;
                break;
            }
            if got < first.len() {
                return Ok(Next::End);
            }
        }
        let (segment, offset) = (self.task.start, self.at);
        let (header, is_summed) =
            Header::read(&bytes).map_err(|error| ArchiveError::Header { segment, offset, error })?;
        let size = usize::try_from(header.namesize).unwrap_or(usize::MAX);
        if size == 0 || size > NAME_MAX + 1 {
            return Err(
                self.cut(&format!("a member's name has {size} bytes, expected 1 to {}", NAME_MAX + 1))
            );
        }
        let mut name = vec![0; size];
        self.take(&mut name)?;
        self.take_padding()?;
        if name.pop() != Some(0) {
            return Err(self.cut("a member's name does not end with NUL"));
        }
        // To the kernel a name ends at its first NUL; dracut-cpio moves bodies with more of them.
        while name.last() == Some(&0) {
            name.pop();
        }
        let name = text(name)?;
        Ok(if name == TRAILER { Next::Trailer } else { Next::Member(Head { header, is_summed, name }) })
    }

    fn member(&mut self, head: &Head) -> Result<Found, ArchiveError> {
        let Head { header, is_summed, name } = head;
        let path = GuestPath::from_member(name.as_bytes())?;
        if path.is_root() && header.mode & file_type::MASK != file_type::DIRECTORY {
            let what = "there in place of the root directory".to_owned();
            return Err(ArchiveError::Kind { path, what });
        }
        let len = u64::from(header.filesize);
        let content = match header.mode & file_type::MASK {
            file_type::REGULAR => {
                let sum = if *is_summed { Some(header.checksum) } else { None };
                self.file(&path, len, sum)?
            }
            file_type::SYMLINK => Content::Node(Node::Symlink(self.target(&path, header.filesize)?)),
            _ if len > 0 => {
                return Err(self.cut(&format!("{path} has a body of {len} bytes and is no regular file")));
            }
            _ => {
                let device = (header.rdev_major, header.rdev_minor);
                Content::Node(special_node(&path, header.mode, device)?)
            }
        };
        self.take_padding()?;
        Ok(Found { path, header: *header, content })
    }

    fn target(&mut self, path: &GuestPath, len: u32) -> Result<String, ArchiveError> {
        if len == 0 || len > TARGET_MAX {
            return Err(
                self.cut(&format!("the target of {path} has {len} bytes, expected 1 to {TARGET_MAX}"))
            );
        }
        let mut target = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.take(&mut target)?;
        Ok(text(target)?)
    }

    /// Reads a regular file or a further name of one, whose bytes should have this `sum`.
    fn file(&mut self, path: &GuestPath, len: u64, sum: Option<u32>) -> Result<Content, ArchiveError> {
        let (segment, offset) = (self.task.start, self.at);
        let place = match self.task.format {
            Format::Plain => Place::Archive(segment.saturating_add(offset)),
            _ => Place::Packed { segment, at: offset },
        };
        let failed = |error| ArchiveError::Unpack { segment, offset, error };
        let hasher = (self.task.options.digests == Digests::Wanted).then(sha2::Sha256::new);
        let mut body = Watched {
            inner: (&mut self.bytes).take(len),
            sum: sum.map(|_| 0),
            hasher,
            taken: 0,
            is_unwanted: self.task.is_unwanted,
        };
        let extent = self.task.spool.keep(path, place, &mut body, len).map_err(failed)?;
        drain(&mut body).map_err(failed)?;
        let (got, digest, taken) = (body.sum, body.hasher.map(Sha256::finish), body.taken);
        self.at += taken;
        if taken != len {
            return Err(self.cut(&format!("the body of {path} ends after {taken} of {len} bytes")));
        }
        match (got, sum) {
            (Some(got), Some(expected)) if got != expected => {
                Err(ArchiveError::Checksum { path: path.clone(), got, expected })
            }
            _ => Ok(Content::File(extent, digest)),
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        if self.take_or_end(buffer)? < buffer.len() {
            return Err(self.cut("the archive ends in the middle of a member"));
        }
        Ok(())
    }

    /// Fills `buffer`, or as much of it as the segment still has.
    fn take_or_end(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.bytes.read(rest) {
                Ok(0) => break,
                Ok(got) => filled += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ArchiveError::Unpack { segment: self.task.start, offset: self.at, error });
                }
            }
        }
        self.at += u64::try_from(filled).unwrap_or(u64::MAX);
        Ok(filled)
    }

    fn take_padding(&mut self) -> Result<(), ArchiveError> {
        let mut padding = [0; 4];
        let len = usize::try_from(self.at.next_multiple_of(ALIGN) - self.at).unwrap_or(0);
        self.take(padding.get_mut(..len).unwrap_or_default())
    }

    fn cut(&self, problem: &str) -> ArchiveError {
        ArchiveError::Segment { segment: self.task.start, offset: self.at, problem: problem.to_owned() }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, PathError> {
    String::from_utf8(bytes).map_err(|e| PathError::NotUtf8(e.as_bytes().escape_ascii().to_string()))
}

/// Reads what nobody has kept.
fn drain(body: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Counts the bytes of a body, hashes them, and sums them up as `c_chksum` wants it.
struct Watched<'a, R> {
    inner: R,
    sum: Option<u32>,
    hasher: Option<sha2::Sha256>,
    taken: u64,
    is_unwanted: &'a dyn Fn() -> bool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.is_unwanted)() {
            return Err(io::Error::other("nobody wants it any more"));
        }
        let got = self.inner.read(buffer)?;
        let bytes = buffer.get(..got).unwrap_or_default();
        if let Some(sum) = &mut self.sum {
            *sum = bytes.iter().fold(*sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.taken += u64::try_from(got).unwrap_or(u64::MAX);
        Ok(got)
    }
}
