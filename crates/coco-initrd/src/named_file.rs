//! Files that the person names: read no further than such a file can be long. What is in them, others say.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use coco_image::manifest::Manifest;
use fs_err as fs;

/// Largest manifest or policy, in bytes. One of a whole distribution has some 10 MB.
const TEXT_MAX: u64 = 256 << 20;

/// A file that is none of what is asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// A directory, a device, or a pipe, which could be read only once and without end.
    #[error("not a regular file")]
    NotRegular,
    /// No file of this kind is as large.
    #[error("got over {limit} bytes, expected less")]
    TooLarge {
        /// The most, in bytes.
        limit: u64,
    },
    /// Firmware starts the kernel without an initrd then, and measures none.
    #[error("got an empty file, expected an initrd")]
    Empty,
}

/// Opens a file that is read more than once. Opening a pipe would wait for its writer.
pub(crate) fn regular(path: &Path) -> anyhow::Result<fs::File> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(anyhow::Error::new(FileError::NotRegular).context(path.display().to_string()));
    }
    Ok(fs::File::open(path)?)
}

/// All of `file`, which was opened at `path`.
pub(crate) fn bytes(file: fs::File, path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let size = file.metadata()?.len().min(limit);
    // One byte more than there is, so that its end is found without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default().saturating_add(1));
    let got = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(got).is_ok_and(|got| got <= limit) {
        return Ok(bytes);
    }
    Err(anyhow::Error::new(FileError::TooLarge { limit }).context(path.display().to_string()))
}

/// A text; it may come from a pipe.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = bytes(fs::File::open(path)?, path, TEXT_MAX)?;
    String::from_utf8(bytes).with_context(|| path.display().to_string())
}

/// The manifest of an image.
pub(crate) fn manifest(path: &Path) -> anyhow::Result<Manifest> {
    Manifest::read(&text(path)?).with_context(|| path.display().to_string())
}
