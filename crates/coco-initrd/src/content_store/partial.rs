//! A file on its way into the store: what is there of it, what comes, and whether it is the right one.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use coco_image::digest::Sha256;
use coco_image::lock::Content;
use fs_err as fs;
use sha2::Digest as _;

/// How much is read at once of what is there already, in bytes.
const BUFFER: usize = 256 << 10;

/// A file on its way. Nobody else writes to it as long as this lives.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: fs::File,
    content: Content,
    hasher: sha2::Sha256,
    len: u64,
    /// How much was there before this was opened, in bytes.
    inherited: u64,
}

/// What has become of a file that is all there.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It has the digest.
    Whole(Partial),
    /// It has another one, and is gone. `was_resumed`: some of it came with an earlier fetch.
    Wrong {
        /// Its digest.
        got: Sha256,
        /// Whether the fault may be in what was there before.
        was_resumed: bool,
    },
}

impl Partial {
    /// Opens the file at `path`, waits until nobody else has it, and hashes what is there.
    pub(super) fn open(path: PathBuf, content: Content) -> io::Result<Self> {
        loop {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).append(true).create(true).open(&path)?;
            file.file().lock()?;
            // Whoever had it may have finished it: then this is no longer the file of that name.
            if !is_named(&file, &path)? {
                continue;
            }
            let mut partial = Self { path, file, content, hasher: sha2::Sha256::new(), len: 0, inherited: 0 };
            partial.inherit()?;
            return Ok(partial);
        }
    }

    /// Takes what is there, unless it is more than there can be.
    fn inherit(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.content.size {
            return self.restart();
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let got = self.file.read(&mut buffer)?;
            let bytes = buffer.get(..got).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            self.hasher.update(bytes);
            self.len += u64::try_from(got).unwrap_or(u64::MAX);
        }
        self.inherited = self.len;
        Ok(())
    }

    /// What it is to be.
    pub(crate) fn content(&self) -> Content {
        self.content
    }

    /// How much is there, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// How much is missing, in bytes.
    pub(crate) fn missing(&self) -> u64 {
        self.content.size - self.len
    }

    /// Takes more bytes, of those that are missing.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.len += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Begins again with nothing.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.hasher = sha2::Sha256::new();
        (self.len, self.inherited) = (0, 0);
        Ok(())
    }

    /// Removes it: it is not needed.
    pub(crate) fn abandon(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Says whether all that came is right. What is wrong is removed.
    pub(crate) fn finish(self) -> io::Result<Finished> {
        let got = Sha256::finish(self.hasher.clone());
        if got == self.content.sha256 && self.missing() == 0 {
            return Ok(Finished::Whole(self));
        }
        fs::remove_file(&self.path)?;
        Ok(Finished::Wrong { got, was_resumed: self.inherited > 0 })
    }

    /// Moves it to where whole files are. It stays readable, and is not for writing.
    pub(super) fn rename(self, goal: &Path) -> io::Result<()> {
        let mut permissions = self.file.metadata()?.permissions();
        permissions.set_readonly(true);
        self.file.set_permissions(permissions)?;
        fs::rename(&self.path, goal)
    }
}

/// Whether `file` is still the one at `path`.
fn is_named(file: &fs::File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let opened = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
