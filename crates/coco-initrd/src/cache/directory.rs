//! The directory of the cache: which files are in it under which names, and how a new one gets there.
//!
//! What is in an entry is not known here. A new entry has no name until it is whole, so that nothing is left
//! of a build that is killed. Where the file system has no nameless files, it has a temporary name, and is
//! locked: what is not locked any more, nobody writes any more. No symbolic link below the directory is followed.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use coco_image::pack::GroupKey;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, fstatvfs, futimens, linkat,
    mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;

use super::CacheError;
use super::entry::Unusable;

/// The directory of this version's entries.
pub(super) const VERSION: &str = "v1";

/// Says to us that the directory is ours, and to backup programs that it need not be kept
/// (<https://bford.info/cachedir/>).
pub(super) const TAG: &str = "CACHEDIR.TAG";

/// The first line is the convention's, the rest is ours.
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # The layer cache of coco-initrd. It may be removed at any time; `coco-initrd cache gc` makes it smaller.\n";

/// What temporary names begin with, where files can't be without a name.
pub(super) const TEMPORARY: &str = ".new-";

/// Only the owner sees what is in the cache.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// As long as the first level's name, in characters of the key.
const SHARD: usize = 2;

/// Of directories that are opened to name something in them.
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// How a file is before it has its name: without one, where that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Without a name, if the file system can do that.
    Nameless,
    /// With a temporary one.
    Named,
}

/// An open cache directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    root: OwnedFd,
    way: Way,
}

/// Whose a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Ours.
    Cache,
    /// Nobody's: it is empty.
    Nobody,
}

/// A file of the cache that has not got its name yet.
#[derive(Debug)]
pub(super) struct NewFile {
    file: File,
    parent: OwnedFd,
    /// Its temporary name, if it has one.
    temporary: Option<String>,
}

impl NewFile {
    /// The file, to be written.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name. If there is such an entry already, somebody else was quicker.
    pub(super) fn publish(self, key: GroupKey) -> io::Result<()> {
        put(self, &names(key).1)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(name) = &self.temporary {
            // What stays is found by the next sweep.
            let _ = unlinkat(&self.parent, name, AtFlags::empty());
        }
    }
}

impl Way {
    /// What works here. A nameless file gets its name by way of `/proc`.
    pub(super) fn here() -> Self {
        if Path::new("/proc/self/fd").is_dir() { Self::Nameless } else { Self::Named }
    }
}

impl Directory {
    /// Opens the cache at `path`, and makes it if nothing is there.
    pub(super) fn open(path: PathBuf, way: Way) -> Result<Self, CacheError> {
        match DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(CacheError::NotDirectory(path));
            }
            result => result.map_err(|error| CacheError::Io { path: path.clone(), error })?,
        }
        let directory = Self::open_existing(path, way)?;
        if directory.owner()? == Owner::Nobody {
            directory.put_tag().map_err(|error| directory.failed(error))?;
        }
        Ok(directory)
    }

    /// Opens the cache at `path`, and changes nothing there; `None` if nothing is.
    pub(super) fn look(path: &Path) -> Result<Option<Self>, CacheError> {
        match Self::open_existing(path.to_owned(), Way::Nameless) {
            Err(CacheError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(directory) => Ok((directory.owner()? == Owner::Cache).then_some(directory)),
        }
    }

    fn open_existing(path: PathBuf, way: Way) -> Result<Self, CacheError> {
        match openat(CWD, &path, DIRECTORY, Mode::empty()) {
            Ok(root) => Ok(Self { path, root, way }),
            Err(Errno::NOTDIR) => Err(CacheError::NotDirectory(path)),
            Err(error) => Err(CacheError::Io { path, error: error.into() }),
        }
    }

    /// Whose it is; what is somebody else's is an error.
    fn owner(&self) -> Result<Owner, CacheError> {
        let failed = |error| self.failed(error);
        if self.is_tagged().map_err(failed)? {
            return Ok(Owner::Cache);
        }
        if self.is_empty().map_err(failed)? {
            return Ok(Owner::Nobody);
        }
        // Another build may have begun to use it between the two looks.
        if self.is_tagged().map_err(failed)? {
            return Ok(Owner::Cache);
        }
        Err(CacheError::Foreign(self.path.clone()))
    }

    fn failed(&self, error: io::Error) -> CacheError {
        CacheError::Io { path: self.path.clone(), error }
    }

    /// The directory itself.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the entry of `key`, for people.
    pub(super) fn place(&self, key: GroupKey) -> PathBuf {
        let (shard, name) = names(key);
        self.path.join(VERSION).join(shard).join(name)
    }

    /// The directory that has the entry of `key`, if there is one.
    pub(super) fn shard(&self, key: GroupKey) -> io::Result<Option<OwnedFd>> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        let version = openat(&self.root, VERSION, flags, Mode::empty());
        match version.and_then(|version| openat(version, names(key).0, flags, Mode::empty())) {
            Ok(shard) => Ok(Some(shard)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The entry of `key` in its directory, if there is one.
    pub(super) fn find(shard: &OwnedFd, key: GroupKey) -> Result<Option<File>, Unusable> {
        let (_, name) = names(key);
        // A pipe in its place does not make the build wait.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match openat(shard, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(Unusable::NotFile("symbolic link")),
            file => File::from(file.map_err(io::Error::from)?),
        };
        let kind = file.metadata()?.file_type();
        match () {
            () if kind.is_file() => Ok(Some(file)),
            () if kind.is_dir() => Err(Unusable::NotFile("directory")),
            () if kind.is_fifo() => Err(Unusable::NotFile("pipe")),
            () => Err(Unusable::NotFile("device")),
        }
    }

    /// Takes the entry of `key` away. What is a directory stays: nothing of ours makes one there.
    pub(super) fn remove(shard: &OwnedFd, key: GroupKey) -> io::Result<()> {
        let (_, name) = names(key);
        match unlinkat(shard, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes that are free on its file system, for people who are not root.
    pub(super) fn free(&self) -> io::Result<u64> {
        let system = fstatvfs(&self.root)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// A file that will be the entry of `key`.
    pub(super) fn new_file(&self, key: GroupKey) -> io::Result<NewFile> {
        let (shard, _) = names(key);
        make(&self.root, VERSION)?;
        let version = openat(&self.root, VERSION, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        make(&version, &shard)?;
        Ok(self.begin(openat(&version, shard, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)?)
    }

    fn begin(&self, parent: OwnedFd) -> rustix::io::Result<NewFile> {
        if self.way == Way::Nameless {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            match openat(&parent, ".", flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return Ok(NewFile { file: file.into(), parent, temporary: None }),
                // What file systems and old kernels say that know no such files (open(2)).
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
                Err(error) => return Err(error),
            }
        }
        begin_named(parent)
    }

    fn is_tagged(&self) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match openat(&self.root, TAG, flags, Mode::empty()) {
            Ok(file) => {
                let mut text = Vec::new();
                let limit = u64::try_from(TAG_TEXT.len()).unwrap_or(0) + 1;
                io::Read::read_to_end(&mut io::Read::take(File::from(file), limit), &mut text)?;
                Ok(text == TAG_TEXT.as_bytes())
            }
            Err(Errno::NOENT | Errno::LOOP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether nothing is in it, a tag on its way apart.
    fn is_empty(&self) -> io::Result<bool> {
        for entry in rustix::fs::Dir::read_from(&self.root)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." && !name.starts_with(TEMPORARY.as_bytes()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put_tag(&self) -> io::Result<()> {
        let mut tag = self.begin(self.root.try_clone()?)?;
        tag.file.write_all(TAG_TEXT.as_bytes())?;
        put(tag, TAG)
    }
}

/// Marks an entry as used just now. Where that is not allowed, as on a disk that is only read, it goes earlier
/// in the next sweep, and nothing else is lost.
pub(super) fn touch(file: &File) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = futimens(file, &Timestamps { last_access: now, last_modification: now });
}

/// Locks a file with a temporary name; `None` if somebody writes it.
pub(super) fn lock_leftover(parent: BorrowedFd<'_>, name: &str) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = openat(parent, name, flags, Mode::empty()).ok()?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// The names of the entry of `key`: its directory's, and its own.
fn names(key: GroupKey) -> (String, String) {
    let mut shard = key.to_string();
    let name = shard.split_off(SHARD);
    (shard, name)
}

fn make(parent: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    match mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A new file with a name nobody else has: of the process, and counted.
fn begin_named(parent: OwnedFd) -> rustix::io::Result<NewFile> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEMPORARY}{}-{count}", std::process::id());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        match openat(&parent, &name, flags, Mode::RUSR | Mode::WUSR) {
            // Left by a process that had our number, perhaps in another container.
            Err(Errno::EXIST) => {}
            file => {
                let file = File::from(file?);
                rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
                // A sweep may have been quicker than the lock.
                if rustix::fs::fstat(&file)?.st_nlink > 0 {
                    return Ok(NewFile { file, parent, temporary: Some(name) });
                }
            }
        }
    }
}

fn put(mut new: NewFile, name: &str) -> io::Result<()> {
    let result = match new.temporary.take() {
        None => {
            let nameless = format!("/proc/self/fd/{}", new.file.as_raw_fd());
            linkat(CWD, nameless, new.parent.as_fd(), name, AtFlags::SYMLINK_FOLLOW)
        }
        Some(temporary) => {
            let result = renameat(&new.parent, &temporary, &new.parent, name);
            if result.is_err() {
                new.temporary = Some(temporary);
            }
            result
        }
    };
    match result {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
