//! Reads an existing initrd as the kernel unpacks it: any run of compressed and plain newc segments.
//!
//! The rules are those of Linux `init/initramfs.c`: zeros between segments are skipped, a plain
//! segment starts at a multiple of 4, a compressed stream ends between members, a later member
//! replaces an earlier one of the same name. Where the kernel would log an error and boot on with
//! what it has, reading fails: a base that boots with half of its files is no base.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use super::{ArchiveError, Member, special_node};
use crate::decompress::{self, Budget, Format, Streams};
use crate::newc::{ALIGN, HEADER_LEN, Header, file_type};
use crate::path::{GuestPath, NAME_MAX, PathError, TRAILER};
use crate::tree::{Body, Extent, Layer, Node, Spool, Tree};
use crate::units::Mode;

/// Longest symbolic link target the kernel takes, in bytes (`PATH_MAX`).
const TARGET_MAX: u32 = 4096;

/// Reads all segments of `input`; what they unpack to is taken from `budget`.
///
/// Owners and times are not kept: an image has none.
pub fn read(
    input: impl BufRead,
    spool: &mut dyn Spool,
    budget: &mut Budget,
) -> Result<Vec<Member>, ArchiveError> {
    let mut input = Counted { inner: input, at: 0 };
    let mut tree = Tree::default();
    let mut links = Links::new();
    // Whether all members so far are followed by a trailer.
    let mut is_ended = true;
    while skip_zeros(&mut input).map_err(|error| read_error(input.at, error))? {
        let start = input.at;
        let head = input.fill_buf().map_err(|error| read_error(start, error))?;
        if head.starts_with(b"0707") {
            if !start.is_multiple_of(ALIGN) {
                let problem = "a plain segment must start at a multiple of 4".to_owned();
                return Err(ArchiveError::Kernel { offset: start, problem });
            }
            let mut segment = Segment::new(budget.bound(&mut input), start, &mut links);
            segment.read_archive(&mut tree, spool)?;
            is_ended = true;
        } else {
            let format = Format::of(head);
            if format == Format::Plain {
                let problem = format!("neither a cpio archive nor a compressed one: `{}`", start_of(head));
                return Err(ArchiveError::Kernel { offset: start, problem });
            }
            let stream = decompress::reader(format, Streams::One, &mut input)
                .map_err(|error| read_error(start, error))?;
            let mut segment = Segment::new(budget.bound(stream), 0, &mut links);
            is_ended = segment.read_stream(&mut tree, &mut Unpacked(spool), is_ended)?;
        }
    }
    if !is_ended {
        // The kernel would not mind, but a file that was cut between two streams looks just so.
        let problem = "the initrd ends without a trailer, it is cut short".to_owned();
        return Err(ArchiveError::Kernel { offset: input.at, problem });
    }
    Ok(members_of(&tree))
}

fn members_of(tree: &Tree) -> Vec<Member> {
    // A hard link must come after its first name, which byte order does not promise.
    let (links, files): (Vec<Member>, Vec<Member>) = tree
        .iter()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, entry)| Member { path: path.clone(), node: entry.node.clone() })
        .partition(|member| matches!(member.node, Node::HardLink(_)));
    files.into_iter().chain(links).collect()
}

fn read_error(offset: u64, error: io::Error) -> ArchiveError {
    ArchiveError::Read { what: "initrd", offset, error }
}

fn segment_error(offset: u64, error: io::Error) -> ArchiveError {
    ArchiveError::Read { what: "segment", offset, error }
}

fn start_of(bytes: &[u8]) -> String {
    bytes.iter().take(6).copied().collect::<Vec<u8>>().escape_ascii().to_string()
}

/// Goes over zeros; false at the end of the input.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let found = zeros < buffer.len();
        input.consume(zeros);
        if found {
            return Ok(true);
        }
    }
}

/// Counts the bytes taken from a reader.
struct Counted<R> {
    inner: R,
    at: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.at += u64::try_from(got).unwrap_or(u64::MAX);
        Ok(got)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.at += u64::try_from(amount).unwrap_or(u64::MAX);
        self.inner.consume(amount);
    }
}

/// A spool for bodies that are not in the file as such: their offset there means nothing.
struct Unpacked<'a>(&'a mut dyn Spool);

impl Spool for Unpacked<'_> {
    fn keep(&mut self, body: &mut dyn Read, _offset: Option<u64>, len: u64) -> io::Result<Extent> {
        self.0.keep(body, None, len)
    }
}

/// First names of files with several, by device and inode number. A trailer forgets them; the end of
/// a compressed stream does not.
type Links = BTreeMap<(u32, u32, u32), GuestPath>;

/// The unpacked bytes of one segment.
struct Segment<'l, R> {
    bytes: R,
    at: u64,
    links: &'l mut Links,
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

impl<'l, R: Read> Segment<'l, R> {
    fn new(bytes: R, at: u64, links: &'l mut Links) -> Self {
        Self { bytes, at, links }
    }

    /// Reads the members of one plain archive, to its trailer.
    fn read_archive(&mut self, tree: &mut Tree, spool: &mut dyn Spool) -> Result<(), ArchiveError> {
        loop {
            match self.next()? {
                Next::Member(head) => self.member(tree, spool, &head)?,
                Next::Trailer => {
                    self.links.clear();
                    return Ok(());
                }
                Next::End => return Err(self.cut("the archive has no trailer")),
            }
        }
    }

    /// Reads all members of a compressed stream, which may hold several archives or part of one.
    /// Whether all members up to here are followed by a trailer goes in, and comes out.
    fn read_stream(
        &mut self,
        tree: &mut Tree,
        spool: &mut dyn Spool,
        mut is_ended: bool,
    ) -> Result<bool, ArchiveError> {
        loop {
            match self.next()? {
                Next::Member(head) => {
                    self.member(tree, spool, &head)?;
                    is_ended = false;
                }
                Next::Trailer => {
                    self.links.clear();
                    is_ended = true;
                }
                Next::End => return Ok(is_ended),
            }
        }
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
        let offset = self.at;
        let (header, is_summed) =
            Header::read(&bytes).map_err(|error| ArchiveError::Header { offset, error })?;
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
        let name = String::from_utf8(name)
            .map_err(|e| PathError::NotUtf8(e.as_bytes().escape_ascii().to_string()))?;
        Ok(if name == TRAILER { Next::Trailer } else { Next::Member(Head { header, is_summed, name }) })
    }

    fn member(&mut self, tree: &mut Tree, spool: &mut dyn Spool, head: &Head) -> Result<(), ArchiveError> {
        let Head { header, is_summed, name } = head;
        let path = GuestPath::from_member(name.as_bytes())?;
        if path.is_root() && header.mode & file_type::MASK != file_type::DIRECTORY {
            let what = "there in place of the root directory".to_owned();
            return Err(ArchiveError::Kind { path, what });
        }
        let len = u64::from(header.filesize);
        match header.mode & file_type::MASK {
            file_type::REGULAR => {
                let sum = self.file(tree, spool, header, &path)?;
                if *is_summed && sum != header.checksum {
                    return Err(ArchiveError::Checksum { path, got: sum, expected: header.checksum });
                }
            }
            file_type::SYMLINK => {
                if header.filesize == 0 || header.filesize > TARGET_MAX {
                    return Err(self
                        .cut(&format!("the target of {path} has {len} bytes, expected 1 to {TARGET_MAX}")));
                }
                let mut target = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
                self.take(&mut target)?;
                let target = String::from_utf8(target)
                    .map_err(|e| PathError::NotUtf8(e.as_bytes().escape_ascii().to_string()))?;
                tree.overwrite(&path, Node::Symlink(target), Layer::Base)?;
            }
            _ if len > 0 => {
                return Err(self.cut(&format!("{path} has a body of {len} bytes and is no regular file")));
            }
            _ if path.is_root() => {}
            _ => {
                let node = special_node(&path, header.mode, (header.rdev_major, header.rdev_minor))?;
                tree.overwrite(&path, node, Layer::Base)?;
            }
        }
        self.take_padding()
    }

    /// Reads a regular file or a further name of one; returns the sum of the body's bytes.
    fn file(
        &mut self,
        tree: &mut Tree,
        spool: &mut dyn Spool,
        header: &Header,
        path: &GuestPath,
    ) -> Result<u32, ArchiveError> {
        let offset = self.at;
        let len = u64::from(header.filesize);
        let mut body = Summed { inner: (&mut self.bytes).take(len), sum: 0, taken: 0 };
        let extent =
            spool.keep(&mut body, Some(offset), len).map_err(|error| segment_error(offset, error))?;
        let rest = io::copy(&mut body, &mut io::sink()).map_err(|error| segment_error(offset, error));
        let (sum, taken) = (body.sum, body.taken);
        rest?;
        self.at += taken;
        if taken != len {
            return Err(self.cut(&format!("the body of {path} ends after {taken} of {len} bytes")));
        }
        let body = Body::Extent(extent);
        let mode = Mode::of_stat(header.mode);
        let key = (header.dev_major, header.dev_minor, header.ino);
        if let Some(first) = self.links.get(&key).filter(|_| header.nlink > 1) {
            // The body may come with any of the names, by custom with the last.
            if !body.is_empty() {
                tree.overwrite_body(first, mode, body)?;
            }
            tree.overwrite(path, Node::HardLink(first.clone()), Layer::Base)?;
        } else {
            tree.overwrite(path, Node::File(mode, body), Layer::Base)?;
            if header.nlink > 1 {
                self.links.insert(key, path.clone());
            }
        }
        Ok(sum)
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
                Err(error) => return Err(segment_error(self.at, error)),
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
        ArchiveError::Segment { offset: self.at, problem: problem.to_owned() }
    }
}

/// Sums the bytes of a body, as `c_chksum` wants it, and counts them.
struct Summed<R> {
    inner: R,
    sum: u32,
    taken: u64,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        for byte in buffer.iter().take(got) {
            self.sum = self.sum.wrapping_add(u32::from(*byte));
        }
        self.taken += u64::try_from(got).unwrap_or(u64::MAX);
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
