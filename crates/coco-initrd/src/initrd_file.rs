//! An existing initrd, ours or anybody's, read from the disk to be looked at.
//!
//! What it means is in `coco-image`; here it is opened, unpacked by all threads, and hashed. Inputs of a build
//! are read by [`inputs`](crate::inputs) instead: they are packed, so all their bodies are kept.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use coco_image::archive::ArchiveError;
use coco_image::archive::initrd::{self, Digests, Initrd};
use coco_image::digest::Sha256;
use coco_image::tree::Tree;
use fs_err::File;

use crate::store::{DiskSpool, Opened, Plain, SmallSpool, Store};

/// What an initrd may unpack to if nothing else is said, in MiB: the `unpack-limit-mib` of the built-in profiles.
pub(crate) const UNPACK_LIMIT_MIB: u64 = 4096;

/// An initrd that was read, with what its bodies are read from.
#[derive(Debug)]
pub(crate) struct InitrdFile {
    /// All that is in it.
    pub(crate) initrd: Initrd,
    /// Its bodies.
    pub(crate) store: Store,
    /// Its digest.
    pub(crate) sha256: Sha256,
    /// Its size, in bytes.
    pub(crate) size: u64,
}

/// An initrd that the kernel would not unpack as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{} is no initrd that a kernel unpacks whole: {error}", path.display())]
pub(crate) struct NotUnpacked {
    /// The file.
    pub(crate) path: PathBuf,
    /// What the kernel would stumble over.
    pub(crate) error: ArchiveError,
}

/// A file with nothing to unpack.
#[derive(Debug, thiserror::Error)]
#[error("{} is empty, or has nothing but zeros", .0.display())]
pub(crate) struct NoSegment(PathBuf);

impl InitrdFile {
    /// Reads the initrd at `path`, which may unpack to `limit_mib` MiB.
    pub(crate) fn read(path: &Path, limit_mib: u64) -> anyhow::Result<Self> {
        let hash = |mut file: File| Sha256::of_reader(&mut file);
        let Unpacked { initrd, store, hashed: (sha256, size) } =
            Unpacked::read(path, limit_mib, Digests::Wanted, hash)?;
        Ok(Self { initrd: not_empty(path, initrd?)?, store, sha256, size })
    }

    /// The files of the initrd at `path`, and what their bodies are read from; nothing is hashed.
    pub(crate) fn files(path: &Path, limit_mib: u64) -> anyhow::Result<(Tree, Store)> {
        let Unpacked { initrd, store, hashed: () } =
            Unpacked::read(path, limit_mib, Digests::Unwanted, |_| Ok(()))?;
        Ok((not_empty(path, initrd?)?.tree, store))
    }
}

/// An initrd that was unpacked, as far as that went, while its bytes were hashed.
#[derive(Debug)]
pub(crate) struct Unpacked<H> {
    /// All that is in it.
    pub(crate) initrd: Result<Initrd, NotUnpacked>,
    /// Its bodies.
    pub(crate) store: Store,
    /// What `hash` found.
    pub(crate) hashed: H,
}

impl<H: Send> Unpacked<H> {
    /// Unpacks the initrd at `path`, which may be `limit_mib` MiB then; a thread of its own does `hash` meanwhile.
    pub(crate) fn read(
        path: &Path,
        limit_mib: u64,
        digests: Digests,
        hash: impl FnOnce(File) -> io::Result<H> + Send,
    ) -> anyhow::Result<Self> {
        let source = Arc::new(Opened::new(open(path)?)?);
        let spool = SmallSpool::new(Arc::clone(&source)).context("a temporary file can't be made")?;
        let options = options(limit_mib, digests);
        let (initrd, hashed) = std::thread::scope(|scope| {
            let hashed = scope.spawn(|| hash(File::open(path)?));
            (initrd::read(source.as_ref(), &spool, &options), hashed.join())
        });
        let hashed = hashed.map_err(|_| anyhow::anyhow!("hashing {} stopped", path.display()))??;
        let initrd = initrd.map_err(|error| NotUnpacked { path: path.to_owned(), error });
        Ok(Self { initrd, store: spool.into_store(), hashed })
    }
}

/// Reads all files of the initrd at `path`, which may unpack to `limit_mib` MiB, with bodies that are each read
/// once: what is compressed goes to a file without a name in `directory`.
pub(crate) fn unpack(path: &Path, limit_mib: u64, directory: &Path) -> anyhow::Result<(Tree, Store)> {
    let file = open(path)?;
    let mut store = Store::default();
    let spool = DiskSpool::new(&mut store, file.try_clone()?, Plain::Partly, directory)
        .with_context(|| format!("a temporary file can't be made in {}", directory.display()))?;
    let initrd = initrd::read(&Opened::new(file)?, &spool, &options(limit_mib, Digests::Unwanted));
    let initrd = initrd.map_err(|error| NotUnpacked { path: path.to_owned(), error })?;
    Ok((not_empty(path, initrd)?.tree, store))
}

/// What was read, if it is anything: the kernel does not mind a file of zeros, or none.
fn not_empty(path: &Path, initrd: Initrd) -> Result<Initrd, NoSegment> {
    if initrd.segments.is_empty() { Err(NoSegment(path.to_owned())) } else { Ok(initrd) }
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = fs_err::File::open(path)?;
    if !file.metadata()?.is_file() {
        anyhow::bail!("{} is not a file", path.display());
    }
    Ok(file.into_file())
}

fn options(limit_mib: u64, digests: Digests) -> initrd::Options {
    initrd::Options {
        limit: limit_mib.saturating_mul(1 << 20),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        digests,
    }
}
