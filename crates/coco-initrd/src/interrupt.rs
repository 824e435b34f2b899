//! Temporary directories go away when the person presses Ctrl-C, or a service manager says stop.
//!
//! After `kill -9` they stay, and nothing depends on them. What a boot leaves is the keeper's, who cleans up then as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Directories to remove when the program is interrupted.
static DIRECTORIES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Exit code after an interrupt: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// A temporary directory that is removed when this is dropped, or the program interrupted.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// Makes one in `parent`.
    pub(crate) fn new(parent: &Path) -> std::io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(".coco-initrd-").tempdir_in(parent)?;
        known().insert(directory.path().to_owned());
        Ok(Self { directory })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        known().remove(self.directory.path());
    }
}

/// From now on, an interrupt removes what is temporary before the program ends.
pub(crate) fn clean_up_on_interrupt() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        for directory in known().iter() {
            // The program ends here, and has nobody to tell.
            let _ = fs_err::remove_dir_all(directory);
        }
        leave();
    })
}

#[expect(clippy::exit, reason = "an interrupt ends the program wherever it is")]
fn leave() {
    std::process::exit(INTERRUPTED);
}

fn known() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner)
}
