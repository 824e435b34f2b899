//! Reads a tar: ustar, GNU and pax, through the `tar` crate.
//!
//! What a newc archive can't hold in the same meaning is an error, not a loss: sparse files and
//! file capabilities. Owners and times are not kept, since an image has none.

use std::io::{self, Read};

use super::{ArchiveError, Member, special_node};
use crate::newc::file_type;
use crate::path::{GuestPath, PathError};
use crate::tree::{Body, Node, Place, Spool};
use crate::units::Mode;

/// Length of a tar block, in bytes; an archive ends with two of zeros.
const BLOCK: u64 = 512;

/// Reads all members of an unpacked tar.
pub fn read(input: impl Read, spool: &dyn Spool) -> Result<Vec<Member>, ArchiveError> {
    let mut input = Counted { inner: input, at: 0 };
    let mut members = Vec::new();
    let mut archive = tar::Archive::new(&mut input);
    let entries = archive.entries().map_err(|error| read_error(0, error))?;
    let mut offset = 0;
    let mut end = 0;
    for entry in entries {
        let mut entry = entry.map_err(|error| read_error(offset, error))?;
        offset = entry.raw_file_position();
        end = offset.saturating_add(entry.size().next_multiple_of(BLOCK));
        if let Some(member) = member(&mut entry, spool)? {
            members.push(member);
        }
    }
    // The crate stops at a block of zeros, or where there is nothing more: that would be too early.
    if input.at < end.saturating_add(BLOCK) {
        let error =
            io::Error::new(io::ErrorKind::UnexpectedEof, "the archive has no end mark, it is cut short");
        return Err(read_error(input.at, error));
    }
    refuse_rest(&mut input)?;
    Ok(members)
}

/// Behind the end mark there may be zeros, to fill a block of the tape; anything else would be lost.
fn refuse_rest(input: &mut Counted<impl Read>) -> Result<(), ArchiveError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let offset = input.at;
        let got = input.read(&mut buffer).map_err(|error| read_error(offset, error))?;
        let bytes = buffer.get(..got).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            let offset = offset + u64::try_from(at).unwrap_or(0);
            let error =
                io::Error::new(io::ErrorKind::InvalidData, "something follows the archive's end mark");
            return Err(read_error(offset, error));
        }
    }
}

fn member(entry: &mut tar::Entry<impl Read>, spool: &dyn Spool) -> Result<Option<Member>, ArchiveError> {
    let offset = entry.raw_file_position();
    let damaged = |error| read_error(offset, error);
    let path = GuestPath::from_member(&entry.path_bytes())?;
    refuse_capabilities(entry, &path)?;
    let mode = entry.header().mode().map_err(damaged)?;
    let device = |number: io::Result<Option<u32>>| number.map(Option::unwrap_or_default).map_err(damaged);
    let kind = entry.header().entry_type();
    let node = match kind {
        tar::EntryType::Regular | tar::EntryType::Continuous => {
            let len = entry.size();
            let extent = spool.keep(&path, Place::Archive(offset), entry, len).map_err(damaged)?;
            Node::File(Mode::of_stat(mode), Body::Extent(extent))
        }
        tar::EntryType::Symlink => Node::Symlink(target(entry, &path)?),
        tar::EntryType::Link => Node::HardLink(GuestPath::from_member(target(entry, &path)?.as_bytes())?),
        // Made where the tar was made, often by mktemp; directories and initrds as inputs have none.
        tar::EntryType::Directory if path.is_root() => return Ok(None),
        tar::EntryType::Directory => special_node(&path, file_type::DIRECTORY | mode, (0, 0))?,
        tar::EntryType::Fifo => special_node(&path, file_type::FIFO | mode, (0, 0))?,
        tar::EntryType::Char | tar::EntryType::Block => {
            let bits = if kind == tar::EntryType::Char { file_type::CHARACTER } else { file_type::BLOCK };
            let numbers = (device(entry.header().device_major())?, device(entry.header().device_minor())?);
            special_node(&path, bits | mode, numbers)?
        }
        tar::EntryType::XGlobalHeader => return Ok(None), // a comment, as `git archive` writes
        tar::EntryType::GNUSparse => {
            let what = "a sparse file (tar it without --sparse)".to_owned();
            return Err(ArchiveError::Kind { path, what });
        }
        other => {
            let what = format!("a tar member of type `{}`", char::from(other.as_byte()).escape_default());
            return Err(ArchiveError::Kind { path, what });
        }
    };
    Ok(Some(Member { path, node }))
}

fn target(entry: &tar::Entry<impl Read>, path: &GuestPath) -> Result<String, ArchiveError> {
    let target = entry.link_name_bytes().ok_or_else(|| ArchiveError::Kind {
        path: path.clone(),
        what: "a link without a target".to_owned(),
    })?;
    String::from_utf8(target.into_owned())
        .map_err(|e| PathError::NotUtf8(e.as_bytes().escape_ascii().to_string()).into())
}

/// newc has no extended attributes: a program with file capabilities would silently lose them.
fn refuse_capabilities(entry: &mut tar::Entry<impl Read>, path: &GuestPath) -> Result<(), ArchiveError> {
    let offset = entry.raw_file_position();
    let Some(extensions) = entry.pax_extensions().map_err(|error| read_error(offset, error))? else {
        return Ok(());
    };
    for extension in extensions {
        let extension = extension.map_err(|error| read_error(offset, error))?;
        let key = extension.key_bytes();
        if key.ends_with(b"security.capability") {
            let what = "a program with file capabilities (setcap)".to_owned();
            return Err(ArchiveError::Kind { path: path.clone(), what });
        }
        if key.starts_with(b"GNU.sparse.") {
            let what = "a sparse file (tar it without --sparse)".to_owned();
            return Err(ArchiveError::Kind { path: path.clone(), what });
        }
    }
    Ok(())
}

fn read_error(offset: u64, error: io::Error) -> ArchiveError {
    ArchiveError::Read { what: "tar", offset, error }
}

/// Counts the bytes taken from a reader.
struct Counted<R> {
    inner: R,
    at: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.at += u64::try_from(got).unwrap_or(u64::MAX);
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
