//! An image with an appendix: the bytes of another one, zeros, and one segment with what is new.
//!
//! What is written here is read back by whoever asked for it, before anybody else sees it.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::check;
use coco_image::customize;
use coco_image::decompress::Format;
use coco_image::digest::{Sha256, Sha384};
use coco_image::layer::Group;
use coco_image::pack::{self, Packed, PackedLayer};
use coco_image::path::GuestPath;
use coco_image::tree::{Layer, Node};
use coco_image::units::Method;
use fs_err as fs;
use sha2::Digest as _;

use super::customized::{CustomizedPlan, KeptImage};
use crate::store::Store;

/// The image is not the one that was read a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("{} changed while it was read: SHA-256 got {got}, expected {expected}", path.display())]
pub(crate) struct BaseChanged {
    path: PathBuf,
    got: Sha256,
    expected: Sha256,
}

/// All that an appended image is written from.
#[derive(Clone, Copy)]
pub(super) struct Appending<'a> {
    pub(super) plan: &'a CustomizedPlan,
    pub(super) kept: &'a KeptImage,
    pub(super) store: &'a Store,
    pub(super) options: pack::Options,
}

impl Appending<'_> {
    /// Writes the image to `path`, with `appendix` behind the one that is kept.
    pub(super) fn write(self, appendix: Group, path: &Path) -> anyhow::Result<Packed> {
        let Self { plan, kept, store, options } = self;
        let segments = &kept.initrd.segments;
        for segment in segments {
            check::compression(method(segment.format), &plan.profile.kernel_reads)?;
        }
        let mut file = Hashed::new(BufWriter::with_capacity(1 << 20, fs::File::create(path)?));
        let unwritten = "the image can't be written";
        io::copy(&mut fs::File::open(&kept.path)?, &mut file).context(unwritten)?;
        let (expected, size) = plan.base;
        let got = Sha256::finish(file.sha256.clone());
        if got != expected {
            return Err(BaseChanged { path: kept.path.clone(), got, expected }.into());
        }
        let last = segments.last().map_or(Format::Plain, |segment| segment.format);
        let offset = customize::appendix_offset(size, last);
        io::copy(&mut io::Read::take(io::repeat(0), offset - size), &mut file).context(unwritten)?;
        let appended = pack::pack(&[appendix], options, store, &mut file, &|_| {})?;
        file.flush().context(unwritten)?;
        let base = PackedLayer {
            layer: Layer::Base,
            offset: 0,
            unpacked: segments.iter().map(|segment| segment.unpacked).sum(),
            packed: size,
            sha256: expected,
            members: kept.initrd.members.len(),
        };
        let appendix = appended.layers.into_iter().map(|layer| PackedLayer { offset, ..layer });
        Ok(Packed {
            size: file.size,
            sha256: Sha256::finish(file.sha256),
            sha384: Sha384::finish(file.sha384),
            layers: std::iter::once(base).chain(appendix).collect(),
            files: self.kept_files().chain(appended.files).collect(),
        })
    }

    /// The digests of files that are as they were.
    fn kept_files(self) -> impl Iterator<Item = (GuestPath, Sha256)> {
        let files = self.plan.customized.tree.iter();
        let kept =
            files.filter(|(_, entry)| entry.layer == Layer::Base && matches!(entry.node, Node::File(..)));
        let digests: BTreeMap<GuestPath, Sha256> =
            kept.filter_map(|(path, _)| Some((path.clone(), self.kept.initrd.digest(path)?))).collect();
        digests.into_iter()
    }
}

/// What the kernel must read for a segment. Other formats no profile speaks of.
fn method(format: Format) -> Method {
    match format {
        Format::Gzip => Method::Gzip,
        Format::Zstd => Method::Zstd,
        _ => Method::None,
    }
}

/// A file that is hashed while it is written.
struct Hashed<W> {
    inner: W,
    size: u64,
    sha256: sha2::Sha256,
    sha384: sha2::Sha384,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, size: 0, sha256: sha2::Sha256::new(), sha384: sha2::Sha384::new() }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let bytes = bytes.get(..written).unwrap_or_default();
        self.sha256.update(bytes);
        self.sha384.update(bytes);
        self.size = self.size.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
