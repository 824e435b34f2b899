//! Reads the inputs of a build from the disk: programs, directories, tars and initrds.
//!
//! What a file is, is told by its first bytes, never by its name. Its digest is of the file as it
//! is; a directory's is of a listing with the digests of its files.

mod deb;
mod directory;
mod locked;
pub(crate) mod package;
mod rpm;

use std::fmt;
use std::io::{BufReader, Read, Seek as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::archive::initrd::{self, Digests};
use coco_image::archive::{ArchiveError, tarball};
use coco_image::assemble::Loaded;
use coco_image::decompress::{self, Budget, Format, Streams};
use coco_image::digest::Sha256;
use coco_image::lock::Locked;
use coco_image::tree::Body;

use crate::content_store::ContentStore;
use crate::store::{DiskSpool, Opened, Plain, Store};
pub(crate) use directory::Listing;
pub(crate) use package::Package;

/// Buffer for reading archives, in bytes.
const BUFFER: usize = 1 << 20;

/// Where an input of a build is read from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A file or directory.
    Path(PathBuf),
    /// What a lock names, from a content store.
    Locked(Locked, ContentStore),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Locked(locked, _) => write!(f, "locked ({})", locked.kind()),
        }
    }
}

/// An input that has been read.
#[derive(Debug)]
pub(crate) struct Input {
    /// What is in it.
    pub(crate) loaded: Loaded,
    /// What it is.
    pub(crate) identity: Identity,
}

/// What an input is, for its record.
#[derive(Debug)]
pub(crate) enum Identity {
    /// A file of this kind, with its digest and size.
    File(Kind, Sha256, u64),
    /// A directory: its digest is known once its files have been read.
    Directory(Listing),
    /// An image or artefact of several layers: the digest of its manifest, and the size of the layers.
    Image(Sha256, u64),
    /// Packages, sorted by name.
    Packages(Vec<Package>),
}

/// The kinds of input files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A single file.
    File,
    /// A tar, compressed or not.
    Tar,
    /// Newc segments, compressed or not.
    Initrd,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Tar => "tar",
            Self::Initrd => "initrd",
        })
    }
}

/// In which order the entries of directories are taken: nothing may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the file system gives them.
    Found,
    /// Shuffled, for `--check`.
    Shuffled,
}

/// Why an input can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// An archive is damaged or holds what an image can't.
    #[error("{}: {error}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The reason.
        error: ArchiveError,
    },
    /// Compressed, but nothing we know is inside.
    #[error("{} is compressed ({format}), but holds neither a tar nor an initrd", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its compression.
        format: Format,
    },
    /// A layer of an image that is no archive.
    #[error("{0} is a single file, expected a layer of an image: a tar")]
    Layer(String),
    /// Archives that go nowhere together.
    #[error(
        "{0} is an artefact of several files, of which one is an archive: expected one file, or an image"
    )]
    Several(String),
    /// A package that is another one than the lock says.
    #[error("its {what} got {got}, expected {expected}")]
    OtherPackage {
        /// What of it.
        what: &'static str,
        /// What the package says.
        got: String,
        /// What the lock says.
        expected: String,
    },
    /// Several archives that unpack to more than one may.
    #[error("{name} unpacks to {got} bytes, the limit is {limit}")]
    TooMuch {
        /// What it is.
        name: String,
        /// Its size, unpacked.
        got: u64,
        /// What the profile allows.
        limit: u64,
    },
    /// An empty file.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// A directory holds something that can't be in an image.
    #[error("{}: {problem}", path.display())]
    Entry {
        /// The entry.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Reads inputs into a store.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    /// Where bodies can be found later.
    pub(crate) store: &'a mut Store,
    /// Where spool files can be.
    pub(crate) scratch: &'a Path,
    /// Most that one input may unpack to, in bytes.
    pub(crate) unpack_limit: u64,
    /// Order of directories.
    pub(crate) order: Order,
}

impl Reader<'_> {
    /// Reads what is at `path`.
    pub(crate) fn read(&mut self, path: &Path) -> anyhow::Result<Input> {
        if fs_err::metadata(path)?.is_dir() {
            let (members, listing) = directory::read(path, self.order, self.store)?;
            return Ok(Input { loaded: Loaded::Members(members), identity: Identity::Directory(listing) });
        }
        let mut file = fs_err::File::open(path)?;
        let mut head = Vec::new();
        (&mut file).take(512).read_to_end(&mut head)?;
        file.rewind()?;
        if head.is_empty() {
            return Err(InputError::Empty(path.to_owned()).into());
        }
        let format = Format::of(&head);
        let inside = if format == Format::Plain { head } else { inside(path, format)? };
        let kind = match (format, kind(&inside)) {
            (Format::Plain, kind) => kind,
            (_, Kind::File) => {
                return Err(InputError::Unknown { path: path.to_owned(), format }.into());
            }
            (_, kind) => kind,
        };
        // Hashing needs the whole file once more; let another processor do it.
        let (loaded, digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| hash(path));
            let loaded = self.load(path, file.into_file(), kind, format);
            (loaded, digest.join())
        });
        let (sha256, size) = digest.map_err(|_| anyhow::anyhow!("hashing {} stopped", path.display()))??;
        Ok(Input { loaded: loaded?, identity: Identity::File(kind, sha256, size) })
    }

    fn load(
        &mut self,
        path: &Path,
        file: std::fs::File,
        kind: Kind,
        format: Format,
    ) -> anyhow::Result<Loaded> {
        let damaged = |error| InputError::Archive { path: path.to_owned(), error };
        let members = match kind {
            Kind::File => {
                let len = file.metadata()?.len();
                return Ok(Loaded::File(Body::Extent(self.store.add_path(path.to_owned(), len))));
            }
            Kind::Tar => {
                let plain = if format == Format::Plain { Plain::Whole } else { Plain::Not };
                let input = BufReader::with_capacity(BUFFER, file.try_clone()?);
                let spool = DiskSpool::new(self.store, file, plain, self.scratch)?;
                let stream = decompress::reader(format, Streams::All, input)?;
                let budget = Budget::new(self.unpack_limit);
                tarball::read(budget.bound(stream), &spool).map_err(damaged)?
            }
            Kind::Initrd => {
                let source = Opened::new(file.try_clone()?)?;
                let spool = DiskSpool::new(self.store, file, Plain::Partly, self.scratch)?;
                let options = initrd::Options {
                    limit: self.unpack_limit,
                    threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
                    digests: Digests::Unwanted,
                };
                initrd::read(&source, &spool, &options).map_err(damaged)?.into_members()
            }
        };
        Ok(Loaded::Members(members))
    }
}

/// What starts with these bytes, unpacked.
fn kind(head: &[u8]) -> Kind {
    // The magic of POSIX and GNU tar headers; older ones have none and are not read.
    if head.get(257..262) == Some(b"ustar") {
        Kind::Tar
    } else if head.starts_with(b"07070") {
        Kind::Initrd
    } else {
        Kind::File
    }
}

/// The first bytes of what is compressed in a file.
fn inside(path: &Path, format: Format) -> anyhow::Result<Vec<u8>> {
    let file = BufReader::new(fs_err::File::open(path)?);
    let in_file = || format!("{} can't be unpacked", path.display());
    let reader = decompress::reader(format, Streams::One, file).with_context(in_file)?;
    let mut inside = Vec::new();
    reader.take(512).read_to_end(&mut inside).with_context(in_file)?;
    Ok(inside)
}

fn hash(path: &Path) -> std::io::Result<(Sha256, u64)> {
    Sha256::of_reader(&mut fs_err::File::open(path)?)
}
