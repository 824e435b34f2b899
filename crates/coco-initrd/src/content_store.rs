//! The content store: what was fetched, by its digest. A build reads it, `lock` and `fetch` fill it.
//!
//! A file has its name once all of it is there and has the digest, never before; what is on its way is in `partial`, and
//! goes on there the next time. So nothing that stops a fetch, `kill -9` included, leaves anything wrong behind. What is
//! in the store is not trusted: whoever reads it hashes it. Where contents come from is not known here.

mod location;
mod partial;

use std::io;
use std::path::{Path, PathBuf};

use coco_image::digest::Sha256;
use coco_image::lock::Content;
use fs_err as fs;

pub(crate) use location::{NoPlace, place};
pub(crate) use partial::{Finished, Partial};

/// The first line of the file that tells a store from somebody's directory.
const FORMAT: &str = "coco-initrd content store, format 1\n";
const FORMAT_FILE: &str = "FORMAT";
/// What that file is called before it has its name; the number of the process follows.
const UNFINISHED: &str = "FORMAT-";
/// Where whole files are, in directories of the digest's first two digits.
const WHOLE: &str = "sha256";
/// Where files on their way are.
const PARTIAL: &str = "partial";

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Something else is in the directory.
    #[error("{} is not empty, and not a content store", .0.display())]
    Foreign(PathBuf),
    /// Of another version of the program.
    #[error("{} is a content store of another format, expected {}", .0.display(), FORMAT.trim_end())]
    Format(PathBuf),
    /// Nobody says where it is.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// Not what its name says.
    #[error("{name} in the content store is damaged: SHA-256 got {got}, expected {expected}")]
    Damaged {
        /// What it is, for people.
        name: String,
        /// The digest of what is there.
        got: Sha256,
        /// Its name's.
        expected: Sha256,
        /// The profile that it is read for, as the person calls it.
        profile: Option<String>,
    },
    /// Not there.
    #[error("{name} is not in the content store {}", store.display())]
    Absent {
        /// What it is, for people.
        name: String,
        /// The store.
        store: PathBuf,
        /// The profile that it is read for, as the person calls it.
        profile: Option<String>,
    },
    /// The disk is full, or will be.
    #[error("{} has {free} bytes free, and {needed} are needed", path.display())]
    NoSpace {
        /// The store.
        path: PathBuf,
        /// What there is.
        free: u64,
        /// What it takes.
        needed: u64,
    },
    /// The disk.
    #[error("the content store {} can't be used", path.display())]
    Disk {
        /// The store.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A content store.
#[derive(Debug, Clone)]
pub(crate) struct ContentStore {
    root: PathBuf,
    /// The profile that it is read for, as the person calls it; none if it is being filled.
    profile: Option<String>,
}

impl ContentStore {
    /// The store at `root`; it is made if there is nothing.
    pub(crate) fn create(root: PathBuf) -> Result<Self, StoreError> {
        let store = Self { root, profile: None };
        fs::create_dir_all(&store.root).map_err(|source| store.disk(source))?;
        while !store.is_claimed()? {
            store.claim().map_err(|source| store.disk(source))?;
        }
        for directory in [WHOLE, PARTIAL] {
            fs::create_dir_all(store.root.join(directory)).map_err(|source| store.disk(source))?;
        }
        Ok(store)
    }

    /// Whether the directory says that it is a store. Fails if it is something else; others may be making it one.
    fn is_claimed(&self) -> Result<bool, StoreError> {
        let format = self.root.join(FORMAT_FILE);
        match fs::read_to_string(&format) {
            Ok(text) if text == FORMAT => return Ok(true),
            Ok(_) => return Err(StoreError::Format(self.root.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.disk(error)),
        }
        for entry in fs::read_dir(&self.root).map_err(|source| self.disk(source))? {
            let name = entry.map_err(|source| self.disk(source))?.file_name();
            if !name.to_string_lossy().starts_with(UNFINISHED) {
                return if format.exists() { Ok(false) } else { Err(StoreError::Foreign(self.root.clone())) };
            }
        }
        Ok(false)
    }

    /// Says that the directory is a store, all of it at once: whoever is killed here leaves nothing that is in the way.
    fn claim(&self) -> io::Result<()> {
        let unfinished = self.root.join(format!("{UNFINISHED}{}", std::process::id()));
        fs::write(&unfinished, FORMAT)?;
        fs::rename(&unfinished, self.root.join(FORMAT_FILE))
    }

    /// The store at `root`, to read from for a profile. There may be nothing yet: then everything is absent.
    pub(crate) fn existing(root: PathBuf, profile: &str) -> Self {
        Self { root, profile: Some(profile.to_owned()) }
    }

    /// Where `content` is; an error names it as `name`. Whether its bytes are right is told by hashing them.
    pub(crate) fn find(&self, content: Content, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.path(content.sha256);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == content.size => Ok(path),
            _ => {
                let (name, store, profile) = (name.to_owned(), self.root.clone(), self.profile.clone());
                Err(StoreError::Absent { name, store, profile })
            }
        }
    }

    /// Where `content` is, once every byte of it has been looked at; an error names it as `name`.
    pub(crate) fn whole(&self, content: Content, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.find(content, name)?;
        let got = self.digest(&path)?;
        if got != content.sha256 {
            let (name, profile) = (name.to_owned(), self.profile.clone());
            return Err(StoreError::Damaged { name, got, expected: content.sha256, profile });
        }
        Ok(path)
    }

    /// Whether `content` is there, every byte of it looked at.
    pub(crate) fn has(&self, content: Content) -> Result<bool, StoreError> {
        let Ok(path) = self.find(content, "") else { return Ok(false) };
        Ok(self.digest(&path)? == content.sha256)
    }

    fn digest(&self, path: &Path) -> Result<Sha256, StoreError> {
        let mut file = fs::File::open(path).map_err(|source| self.disk(source))?;
        Ok(Sha256::of_reader(&mut file).map_err(|source| self.disk(source))?.0)
    }

    /// A place for `content`, with what an earlier fetch has left of it.
    pub(crate) fn partial(&self, content: Content) -> Result<Partial, StoreError> {
        let path = self.root.join(PARTIAL).join(content.sha256.to_string());
        Partial::open(path, content).map_err(|source| self.disk(source))
    }

    /// Gives a whole file its name.
    pub(crate) fn keep(&self, whole: Partial) -> Result<(), StoreError> {
        let goal = self.path(whole.content().sha256);
        let make = || -> io::Result<()> {
            fs::create_dir_all(goal.parent().unwrap_or(&goal))?;
            whole.rename(&goal)
        };
        make().map_err(|source| self.disk(source))
    }

    /// Fails if the disk has no room for `needed` bytes.
    pub(crate) fn has_room(&self, needed: u64) -> Result<(), StoreError> {
        let stat = rustix::fs::statvfs(&self.root).map_err(|error| self.disk(error.into()))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < needed {
            return Err(StoreError::NoSpace { path: self.root.clone(), free, needed });
        }
        Ok(())
    }

    /// Its directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, sha256: Sha256) -> PathBuf {
        let name = sha256.to_string();
        let (directory, _) = name.split_at(2);
        self.root.join(WHOLE).join(directory).join(name)
    }

    /// What the disk says, about this store.
    pub(crate) fn disk(&self, source: io::Error) -> StoreError {
        StoreError::Disk { path: self.root.clone(), source }
    }
}

#[cfg(test)]
mod tests;
