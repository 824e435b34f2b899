//! `SHA256SUMS`, as sha256sum(1) reads it: what it says, and whether a whole build is as it says.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use coco_image::digest::Sha256;
use fs_err as fs;

/// The file of digests in a build's output directory.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Largest file of digests, in bytes: a build's has some lines.
const SUMS_MAX: u64 = 1 << 20;

/// A directory that is not as its `SHA256SUMS` says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SumsError {
    /// No directory of a build.
    #[error("{} is no build's output directory: it has no {SUMS}", .0.display())]
    Missing(PathBuf),
    /// A file that nothing is said of.
    #[error("{} is not in {SUMS}", .0.display())]
    Unlisted(PathBuf),
    /// A file that is said to be there.
    #[error("{} is in {SUMS}, and is not there", .0.display())]
    Absent(PathBuf),
    /// Other bytes.
    #[error("{}: SHA-256 got {got}, expected {expected}", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// Its digest.
        got: Sha256,
        /// The digest in `SHA256SUMS`.
        expected: Sha256,
    },
    /// A link, device or the like.
    #[error("{} is neither a file nor a directory", .0.display())]
    Kind(PathBuf),
    /// A name that is no text.
    #[error("{}: the name is not UTF-8", .0.display())]
    Name(PathBuf),
}

/// A file of a whole build.
#[derive(Debug)]
pub(crate) struct BuiltFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its digest.
    pub(crate) sha256: Sha256,
}

/// What the file of digests `path` says, by name; `None` if it is not there.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<BTreeMap<String, Sha256>>> {
    let mut text = String::new();
    match fs::File::open(path) {
        Ok(file) => file.take(SUMS_MAX + 1).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if text.len() > usize::try_from(SUMS_MAX).unwrap_or(usize::MAX) {
        anyhow::bail!("{} has more than the {SUMS_MAX} bytes that such a file may have", path.display());
    }
    let mut sums = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed = line.split_once("  ").and_then(|(sha256, name)| Some((sha256.parse().ok()?, name)));
        let climbs = |name: &str| name.split('/').any(|part| matches!(part, "" | "." | ".."));
        match parsed {
            Some((sha256, name)) if !climbs(name) => sums.insert(name.to_owned(), sha256),
            _ => {
                anyhow::bail!("{}: line {number}: expected a SHA-256, two blanks and a name", path.display())
            }
        };
    }
    Ok(Some(sums))
}

/// The files of a build's output directory by their names in it, `SHA256SUMS` included, once all are as that says and
/// there are no others.
pub(crate) fn whole(directory: &Path) -> anyhow::Result<BTreeMap<String, BuiltFile>> {
    let said = directory.join(SUMS);
    let sums = read(&said)?.ok_or_else(|| SumsError::Missing(directory.to_owned()))?;
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(directory).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.into_path();
        let name =
            path.strip_prefix(directory)?.to_str().ok_or_else(|| SumsError::Name(path.clone()))?.to_owned();
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(SumsError::Kind(path).into());
        }
        let (got, size) = Sha256::of_reader(&mut fs::File::open(&path)?)?;
        match sums.get(&name) {
            None if name != SUMS => return Err(SumsError::Unlisted(path).into()),
            Some(expected) if *expected != got => {
                return Err(SumsError::Differs { path, got, expected: *expected }.into());
            }
            _ => {}
        }
        files.insert(name, BuiltFile { path, size, sha256: got });
    }
    match sums.keys().find(|name| !files.contains_key(*name)) {
        Some(absent) => Err(SumsError::Absent(directory.join(absent)).into()),
        None => Ok(files),
    }
}
