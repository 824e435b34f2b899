//! Puts one file in its place: all of it, or nothing. Directories of a build are not its business.

use std::fs::{Metadata, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use crate::interrupt::Scratch;

/// A file that can't be replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaceError {
    /// A device, pipe or directory would be lost.
    #[error("{} is not a regular file", .0.display())]
    NotFile(PathBuf),
    /// Other programs take it for standard output; here a file of this name would be made.
    #[error("got - for the file to write, expected a file's name")]
    StandardOutput,
    /// The link would be lost; and a file made where it leads to may not be where anybody looks.
    #[error("{} is a symbolic link to nothing", .0.display())]
    Dangling(PathBuf),
}

/// Only for the owner, until the file is what it should be.
const PRIVATE: u32 = 0o600;

/// Writes `bytes` to `goal`; whenever the program is stopped, the file is the old one or the new one.
///
/// Behind a symbolic link, the file it leads to is replaced, and the link stays; a link to nothing is
/// refused. The permissions of the old file stay, for its content may be a secret. Owner and group are
/// those of a new file.
pub(crate) fn file(goal: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let Place { goal, name, old, scratch } = Place::new(goal)?;
    let temporary = scratch.path().join(name);
    match old {
        Some(metadata) => write_with(&temporary, bytes, metadata.permissions())?,
        None => fs::write(&temporary, bytes)?,
    }
    fs::rename(&temporary, &goal)?;
    Ok(())
}

/// Says what [`file()`] would say, and writes nothing: for results that take long to come.
pub(crate) fn may_be_written(goal: &Path) -> anyhow::Result<()> {
    Place::new(goal).map(drop)
}

/// Where a file goes, and a place beside it to make it in.
struct Place {
    goal: PathBuf,
    name: std::ffi::OsString,
    old: Option<Metadata>,
    scratch: Scratch,
}

impl Place {
    fn new(goal: &Path) -> anyhow::Result<Self> {
        if goal == Path::new("-") {
            return Err(ReplaceError::StandardOutput.into());
        }
        let old = existing(goal)?;
        let goal = if old.is_some() { fs::canonicalize(goal)? } else { goal.to_owned() };
        let directory =
            goal.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = goal.file_name().ok_or_else(|| ReplaceError::NotFile(goal.clone()))?;
        let context = || format!("{} can't be written", goal.display());
        fs::metadata(directory).with_context(context)?;
        let scratch = Scratch::new(directory).with_context(context)?;
        let name = name.to_owned();
        Ok(Self { goal, name, old, scratch })
    }
}

/// What is known of the file that is there already, if one is.
fn existing(goal: &Path) -> anyhow::Result<Option<Metadata>> {
    match fs::metadata(goal) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(ReplaceError::NotFile(goal.to_owned()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The link itself is there, where what it leads to is not.
            if fs::symlink_metadata(goal).is_ok() {
                return Err(ReplaceError::Dangling(goal.to_owned()).into());
            }
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes a new file that at no time more people can read than in the end.
fn write_with(path: &Path, bytes: &[u8], permissions: Permissions) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(permissions)
}
