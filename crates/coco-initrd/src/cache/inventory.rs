//! What is in a cache, and making it smaller. Builds may run at the same time.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::directory::{self, Directory, TAG, TEMPORARY, VERSION};
use super::{CacheError, Size};

/// What is in a cache.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Packed groups, the one that was not used for longest first.
    entries: Vec<Item>,
    /// What builds left that were killed, or are still writing.
    leftovers: Vec<Item>,
    /// What is not of the cache: it is left alone.
    pub(crate) foreign: Vec<PathBuf>,
}

/// A file in a cache.
#[derive(Debug)]
struct Item {
    /// When it was used last: seconds since 1970 and nanoseconds.
    used: (i64, i64),
    /// Its directory in the cache, empty for the cache itself.
    parent: PathBuf,
    name: String,
    bytes: u64,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Number and bytes of the entries that were removed.
    pub(crate) removed: Total,
    /// Of the entries that stay.
    pub(crate) kept: Total,
    /// Of the leftovers that were removed.
    pub(crate) leftovers: Total,
    /// What is not of the cache.
    pub(crate) foreign: Vec<PathBuf>,
}

/// Files, counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Total {
    /// How many.
    pub(crate) files: usize,
    /// Bytes of all.
    pub(crate) bytes: u64,
}

impl Total {
    fn add(&mut self, item: &Item) {
        self.files += 1;
        self.bytes += item.bytes;
    }
}

impl Inventory {
    /// The entries, counted.
    pub(crate) fn entries(&self) -> Total {
        total(&self.entries)
    }

    /// The leftovers, counted.
    pub(crate) fn leftovers(&self) -> Total {
        total(&self.leftovers)
    }
}

/// Looks what is in the cache at `path`; where nothing is, nothing is in it.
pub(crate) fn take(path: &Path) -> Result<Inventory, CacheError> {
    match Directory::look(path)? {
        None => Ok(Inventory::default()),
        Some(directory) => list(&directory),
    }
}

/// Removes what was not used for longest, until at most `max` is left, and what killed builds left.
pub(crate) fn sweep(path: &Path, max: Size) -> Result<Sweep, CacheError> {
    let mut done = Sweep::default();
    let Some(directory) = Directory::look(path)? else {
        return Ok(done);
    };
    let Inventory { entries, leftovers, foreign } = list(&directory)?;
    done.foreign = foreign;
    for item in &leftovers {
        let parent = open(&directory, &item.parent)?;
        // The lock is held until the name is gone: who writes such a file locks it first.
        if let Some(_lock) = directory::lock_leftover(parent.as_fd(), &item.name) {
            remove(&directory, &parent, item)?;
            done.leftovers.add(item);
        }
    }
    let mut left = total(&entries).bytes;
    for item in &entries {
        if left > max.0 {
            remove(&directory, &open(&directory, &item.parent)?, item)?;
            left -= item.bytes;
            done.removed.add(item);
        } else {
            done.kept.add(item);
        }
    }
    Ok(done)
}

fn total(items: &[Item]) -> Total {
    let mut total = Total::default();
    for item in items {
        total.add(item);
    }
    total
}

fn list(directory: &Directory) -> Result<Inventory, CacheError> {
    let mut found = Inventory::default();
    let root = Path::new("");
    for (name, path, item) in children(directory, root)? {
        match item {
            Some(item) if name.starts_with(TEMPORARY) => found.leftovers.push(item),
            Some(_) if name == TAG => {}
            None if name == VERSION => list_version(directory, &mut found)?,
            _ => found.foreign.push(path),
        }
    }
    found.entries.sort_by(|a, b| (a.used, &a.parent, &a.name).cmp(&(b.used, &b.parent, &b.name)));
    found.foreign.sort();
    Ok(found)
}

fn list_version(directory: &Directory, found: &mut Inventory) -> Result<(), CacheError> {
    let version = Path::new(VERSION);
    for (shard, path, item) in children(directory, version)? {
        if item.is_some() || !is_hex(&shard, 2) {
            found.foreign.push(path);
            continue;
        }
        for (name, path, item) in children(directory, &path)? {
            match item {
                Some(item) if name.starts_with(TEMPORARY) => found.leftovers.push(item),
                Some(item) if is_hex(&name, 62) => found.entries.push(item),
                _ => found.foreign.push(path),
            }
        }
    }
    Ok(())
}

fn is_hex(name: &str, len: usize) -> bool {
    name.len() == len && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is in a directory: name, path in the cache, and what it is if it is a file. Directories are `None`;
/// links and the like have names that are none of ours.
fn children(
    directory: &Directory,
    parent: &Path,
) -> Result<Vec<(String, PathBuf, Option<Item>)>, CacheError> {
    let failed = |error: Errno| io_error(directory, parent, error);
    let handle = open(directory, parent)?;
    let mut children = Vec::new();
    for entry in Dir::read_from(&handle).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") {
            continue;
        }
        let path = parent.join(OsStr::from_bytes(bytes));
        let stat = match statat(&handle, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue, // somebody was quicker
            stat => stat.map_err(failed)?,
        };
        let name = String::from_utf8_lossy(bytes).into_owned();
        children.push(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => (name, path, None),
            FileType::RegularFile => (name.clone(), path, Some(item(parent, name, &stat))),
            _ => (String::new(), path, None),
        });
    }
    Ok(children)
}

fn item(parent: &Path, name: String, stat: &Stat) -> Item {
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Item { used: (stat.st_mtime, nanoseconds), parent: parent.to_owned(), name, bytes }
}

/// Opens a directory of the cache, by its path in it, without following a link.
fn open(directory: &Directory, path: &Path) -> Result<OwnedFd, CacheError> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut at = openat(directory.root(), ".", flags, Mode::empty());
    for name in path.components() {
        at = at.and_then(|at| openat(at, name.as_os_str(), flags, Mode::empty()));
    }
    at.map_err(|error| io_error(directory, path, error))
}

fn remove(directory: &Directory, parent: &OwnedFd, item: &Item) -> Result<(), CacheError> {
    match unlinkat(parent, &item.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(io_error(directory, &item.parent.join(&item.name), error)),
    }
}

fn io_error(directory: &Directory, path: &Path, error: Errno) -> CacheError {
    let path = directory.path().join(path);
    CacheError::Io { path, error: error.into() }
}
