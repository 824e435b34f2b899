//! Puts a finished build in its place: all of it, or nothing.
//!
//! A build is made in a directory beside its goal, which then changes places with what was there
//! before. Whenever the program is stopped, the goal is the old build or the new one, whole. A
//! directory that holds anything but a build is never replaced.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::overlay::FILE_NAME;
use fs_err as fs;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::interrupt::Scratch;

/// The build's directory in the scratch directory.
const BUILD: &str = "build";

/// What a build has beside its image.
const OWN: &[&str] = &[
    "SHA256SUMS",
    "host",
    "manifest.json",
    "provenance.json",
    "reference-values.json",
    "sbom.cdx.json",
    "sbom.spdx.json",
];

/// Why a build can't be put in its place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// Something that no build has made is there.
    #[error("{} is not of an earlier build: the directory would be replaced whole", .0.display())]
    Foreign(PathBuf),
    /// The goal is no directory.
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// The file system can't exchange directories.
    #[error("{} can't be replaced at once: {error}", path.display())]
    Exchange {
        /// The goal.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// A directory in which a build is made.
#[derive(Debug)]
pub(crate) struct Staging {
    // Fields are dropped in this order: the directory first, then what it was made in.
    scratch: Scratch,
    parents: Parents,
    goal: PathBuf,
}

/// Directories made on the way to the goal; those that are still empty in the end are removed.
#[derive(Debug)]
struct Parents(Vec<PathBuf>);

impl Parents {
    fn make(path: &Path) -> io::Result<Self> {
        let missing = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
        let made = Self(missing.map(Path::to_owned).collect());
        fs::create_dir_all(path)?;
        Ok(made)
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        for directory in &self.0 {
            // Fails for those that a build is in by now, as it should.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Staging {
    /// Makes one beside `goal`, once it is clear that `goal` may be replaced.
    pub(crate) fn new(goal: &Path) -> anyhow::Result<Self> {
        may_replace(goal)?;
        let (parents, goal) = if goal.exists() {
            (Parents(Vec::new()), fs::canonicalize(goal)?)
        } else {
            let goal = std::path::absolute(goal)?;
            (Parents::make(goal.parent().unwrap_or(&goal))?, goal)
        };
        let parent = goal.parent().unwrap_or(&goal);
        let scratch = Scratch::new(parent)
            .with_context(|| format!("a directory for the build can't be made in {}", parent.display()))?;
        // The scratch directory is its owner's only; the build is as the umask says.
        fs::create_dir(scratch.path().join(BUILD))?;
        Ok(Self { scratch, parents, goal })
    }

    /// The directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().join(BUILD)
    }

    /// Changes places with what is at the goal, and removes that.
    pub(crate) fn publish(self) -> anyhow::Result<()> {
        let Self { scratch, parents, goal } = self;
        may_replace(&goal)?;
        let built = scratch.path().join(BUILD);
        if goal.exists() {
            renameat_with(CWD, &built, CWD, &goal, RenameFlags::EXCHANGE)
                .map_err(|error| PublishError::Exchange { path: goal, error: error.into() })?;
        } else {
            fs::rename(built, &goal)?;
        }
        // With it goes the old build, if there was one.
        drop(scratch);
        drop(parents);
        Ok(())
    }
}

/// Fails unless `goal` is missing, empty, or an earlier build.
fn may_replace(goal: &Path) -> anyhow::Result<()> {
    let metadata = match fs::symlink_metadata(goal) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(anyhow::Error::new(error).context("the output directory can't be used")),
    };
    if !metadata.is_dir() {
        return Err(PublishError::NotDirectory(goal.to_owned()).into());
    }
    // Only an overlay has the names of the second list, which are anybody's.
    let overlays: &[&str] = if goal.join(FILE_NAME).exists() { &[FILE_NAME, "k8s", "policy"] } else { &[] };
    for entry in fs::read_dir(goal)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_image = name.starts_with("coco-initrd-") && name.ends_with(".img");
        let known = OWN.iter().chain(overlays);
        if !is_image && !known.into_iter().any(|known| *known == name) {
            return Err(PublishError::Foreign(entry.path()).into());
        }
    }
    Ok(())
}
