//! The layer cache: packed groups of earlier builds on the disk. No build fails because of it.
//!
//! `DIRECTORY/v1/ab/cdef...` is one packed group, named by its key. A group is compared with its digest before
//! it is used. What goes wrong with the cache is said once, and the build goes on without it.

mod directory;
mod entry;
mod inventory;
mod location;
mod size;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coco_image::pack::{GroupCache, GroupKey, Keeping, Kept};

use crate::output::Output;
use crate::report::plural;
use directory::{Directory, NewFile, Way};
use entry::Unusable;
pub(crate) use inventory::{Sweep, Total, sweep, take};
pub(crate) use location::{NoPlace, open, place, users_caches};
pub(crate) use size::Size;

/// Why a directory can't be used as cache.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// Something else is in it.
    #[error("{} is no cache: it has no CACHEDIR.TAG of coco-initrd, and is not empty", .0.display())]
    Foreign(PathBuf),
    /// It is a file, or anything else.
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// The disk says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The directory, or what is in it.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// The cache, open for one build.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: Directory,
    /// Groups that were found.
    reused: AtomicUsize,
    /// Bytes that must stay free for the image itself.
    reserve: AtomicU64,
    /// Whether groups are still kept: not after the first that could not be.
    keeps: AtomicBool,
    notes: Mutex<Vec<String>>,
}

impl Cache {
    /// Opens the cache at `path`, and makes it if nothing is there.
    pub(crate) fn open(path: PathBuf) -> Result<Self, CacheError> {
        Ok(Self {
            directory: Directory::open(path, Way::here())?,
            reused: AtomicUsize::new(0),
            reserve: AtomicU64::new(0),
            keeps: AtomicBool::new(true),
            notes: Mutex::default(),
        })
    }

    /// An image of at most `bytes` bytes comes: what is kept leaves room for it.
    pub(crate) fn reserve(&self, bytes: u64) {
        self.reserve.store(bytes, Ordering::Relaxed);
    }

    /// Says what was reused of `groups` groups, and what was wrong with the cache.
    pub(crate) fn report(&self, groups: usize, out: &mut Output) {
        let mut notes = std::mem::take(&mut *self.notes());
        notes.sort();
        // A large group is looked for twice.
        notes.dedup();
        for note in &notes {
            out.note(&format!("note: {note}"));
        }
        let reused = self.reused.load(Ordering::Relaxed);
        if reused > 0 {
            out.note(&format!("cache: {reused} of {} reused", plural(groups, "group")));
        }
    }

    fn notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on nothing is kept; the first reason is told.
    fn stop_keeping(&self, reason: &io::Error) {
        if self.keeps.swap(false, Ordering::Relaxed) {
            let place = self.directory.path().display();
            self.notes().push(format!("the cache {place} takes no more: {reason}"));
        }
    }

    /// Finds and reads an entry; takes one away that is no use, and says so.
    fn look_up(&self, key: GroupKey, buffer: Vec<u8>) -> io::Result<Option<Kept<'_>>> {
        let Some(shard) = self.directory.shard(key)? else {
            return Ok(None);
        };
        let read = |file: File| entry::read(&file, key, buffer).inspect(|_| directory::touch(&file));
        let found = match Directory::find(&shard, key) {
            // What can't be opened may be whole: too many files are open, or it is another user's.
            Err(Unusable::Io(error)) => return Err(error),
            found => found,
        };
        let unusable = match found.and_then(|file| file.map(read).transpose()) {
            Ok(kept) => return Ok(kept),
            Err(unusable) => unusable,
        };
        let end = match Directory::remove(&shard, key) {
            Ok(()) => "made again".to_owned(),
            Err(error) => format!("and can't be removed: {error}"),
        };
        let place = self.directory.place(key);
        self.notes().push(format!("cache entry {} is damaged ({unusable}), {end}", place.display()));
        Ok(None)
    }

    fn new_file(&self, key: GroupKey) -> io::Result<NewFile> {
        let (free, reserve) = (self.directory.free()?, self.reserve.load(Ordering::Relaxed));
        if free < reserve {
            let message = format!("got {free} bytes free, expected {reserve} for the image alone");
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        self.directory.new_file(key)
    }
}

impl GroupCache for Cache {
    fn get(&self, key: GroupKey, buffer: Vec<u8>) -> Option<Kept<'_>> {
        let kept = self.look_up(key, buffer).unwrap_or_else(|error| {
            self.stop_keeping(&error);
            None
        })?;
        self.reused.fetch_add(1, Ordering::Relaxed);
        Some(kept)
    }

    fn keep(&self, key: GroupKey) -> Option<Box<dyn Keeping + '_>> {
        if !self.keeps.load(Ordering::Relaxed) {
            return None;
        }
        match self.new_file(key) {
            Ok(file) => {
                let writer = entry::Writer::new(key);
                Some(Box::new(NewEntry { cache: self, key, file, writer, failed: None }))
            }
            Err(error) => {
                self.stop_keeping(&error);
                None
            }
        }
    }
}

/// An entry that is written.
struct NewEntry<'c> {
    cache: &'c Cache,
    key: GroupKey,
    file: NewFile,
    writer: entry::Writer,
    failed: Option<io::Error>,
}

impl Keeping for NewEntry<'_> {
    fn add(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.writer.add(self.file.file(), bytes).err();
        }
    }

    fn finish(self: Box<Self>) {
        let finished = match &self.failed {
            Some(_) => Ok(()),
            None => self.writer.finish(self.file.file()),
        };
        let Self { cache, key, file, failed, .. } = *self;
        let failed = failed.or(finished.err());
        let result = failed.map_or_else(|| file.publish(key), Err);
        if let Err(error) = result {
            cache.stop_keeping(&error);
        }
    }
}

#[cfg(test)]
mod tests;
