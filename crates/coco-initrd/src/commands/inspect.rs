//! `coco-initrd inspect`: what is in an initrd, told as text or JSON. What it all means is not judged.

mod json;
mod sizes;
mod text;

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use coco_image::decompress::Format;
use coco_image::inspect::sizes::{Sizes, Subject, sizes as measure, svg};
use coco_image::inspect::{Inspection, SegmentRole, inspect as look, zstd_window};

use crate::Outcome;
use crate::args::inspect::InspectArgs;
use crate::initrd_file::InitrdFile;
use crate::output::Output;
use crate::replace::{self, ReplaceError};

/// All that is told.
struct Told<'a> {
    path: &'a Path,
    image: &'a InitrdFile,
    found: &'a Inspection,
    decisions: Decisions,
    /// Largest window of a zstd segment, in bytes.
    zstd_window: Option<u64>,
    /// What the bytes are spent on, if that was asked for.
    sizes: Option<Sizes>,
    /// How many levels of directories are told to people.
    depth: usize,
}

/// A picture that can't be put where it should go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// What it is of would be lost.
    #[error("{} is the initrd itself, expected another file for the picture", .0.display())]
    OverImage(PathBuf),
    /// No file can be there.
    #[error(transparent)]
    Place(ReplaceError),
}

/// What the effective policy decides, or why an agent would not load it; none without a policy.
type Decisions = Option<Result<BTreeMap<&'static str, String>, String>>;

/// Looks into an initrd.
pub(crate) fn inspect(args: &InspectArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let path = &args.image.image;
    if let Some(picture) = &args.sizes_svg {
        may_be_drawn(picture, path)?;
    }
    let image = InitrdFile::read(path, args.image.unpack_limit_mib)?;
    let found = look(&image.initrd, &image.store)?;
    let told = Told {
        path,
        decisions: decisions(&found),
        zstd_window: largest_window(path, &found)?,
        image: &image,
        found: &found,
        sizes: args.sizes.then(|| measure(&image.initrd, &image.store)).transpose()?,
        depth: args.sizes_depth,
    };
    if let (Some(picture), Some(sizes)) = (&args.sizes_svg, &told.sizes) {
        let subject = Subject { sha256: image.sha256, size: image.size };
        replace::file(picture, svg(sizes, subject).as_bytes())?;
    }
    let printed = if args.json { json::print(&told) } else { text::print(&told) };
    out.data(&printed)?;
    Ok(Outcome::Done)
}

/// Says early what would keep the picture of `image` from being written; by whatever name, not over the image.
fn may_be_drawn(picture: &Path, image: &Path) -> anyhow::Result<()> {
    replace::may_be_written(picture).map_err(|error| match error.downcast() {
        Ok(error) => PictureError::Place(error).into(),
        Err(error) => error,
    })?;
    let (old, image) = (fs_err::metadata(picture), fs_err::metadata(image)?);
    let is_same = old.is_ok_and(|old| (old.dev(), old.ino()) == (image.dev(), image.ino()));
    if is_same { Err(PictureError::OverImage(picture.to_owned()).into()) } else { Ok(()) }
}

fn decisions(found: &Inspection) -> Decisions {
    let located = &found.policy.effective.as_ref().ok()?.located;
    let decided = coco_policy::Policy::parse(located.file.file_name(), &located.policy).map(|policy| {
        let decisions = policy.decisions();
        decisions.iter().map(|(request, verdict)| (request.name(), verdict.to_string())).collect()
    });
    Some(decided.map_err(|error| error.to_string()))
}

fn largest_window(path: &Path, found: &Inspection) -> anyhow::Result<Option<u64>> {
    let file = fs_err::File::open(path)?;
    let mut largest = None;
    for (segment, _) in found.segments.iter().filter(|(segment, _)| segment.format == Format::Zstd) {
        let mut head = [0; 18];
        let got = file.file().read_at(&mut head, segment.offset)?;
        largest = largest.max(zstd_window(head.get(..got).unwrap_or_default()));
    }
    Ok(largest)
}

/// The word for what a segment is for, where it is not for files.
fn role(role: SegmentRole) -> &'static str {
    match role {
        SegmentRole::Files => "",
        SegmentRole::EarlyMicrocode => "early microcode",
    }
}
