//! `coco-initrd diff`: what differs between two initrds, what that decides, and what attestation sees of it.
//!
//! Like diff(1): exit 0 if they are the same bytes, 1 if they differ.

mod contents;
mod words;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use coco_image::comparison::{Change, Comparison, Fact, Packing, compare};
use coco_image::digest::Sha384;
use coco_image::manifest::{Manifest, Moved, moved};
use fs_err as fs;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::diff::DiffArgs;
use crate::initrd_file::InitrdFile;
use crate::named_file;
use crate::output::Output;
use contents::{Contents, Policies, contents, policies};

/// All there is to say of two initrds.
struct Found {
    comparison: Comparison,
    /// What is in the changed files, in their order.
    contents: Vec<Option<Contents>>,
    /// The effective policies, if they differ.
    policies: Option<Policies>,
    images: [Image; 2],
    /// What moved from one manifest's predictions to the other's; `None` if not both have some.
    moved: Option<Vec<Moved>>,
}

/// What is compared: an initrd, and its manifest if that was given.
struct Side {
    image: PathBuf,
    manifest: Option<Manifest>,
}

/// The bytes of an initrd, as a TEE measures them.
#[derive(PartialEq, Eq)]
struct Image {
    size: u64,
    sha256: String,
    sha384: String,
}

/// Compares the two initrds.
pub(crate) fn diff(args: &DiffArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let sides = [Side::open(&args.a)?, Side::open(&args.b)?];
    let [a, b] = sides.each_ref().map(|side| InitrdFile::read(&side.image, args.unpack_limit_mib));
    let (a, b) = (a?, b?);
    let comparison = compare(&a.initrd, &b.initrd);
    let contents = comparison.changed.iter().map(|change| contents(change, [&a, &b]));
    let contents = contents.collect::<anyhow::Result<_>>()?;
    let policies = policies([&a, &b]);
    let [of_a, of_b] = &sides;
    let images = [image(&of_a.image, &a)?, image(&of_b.image, &b)?];
    for (side, image) in sides.iter().zip(&images) {
        side.is_of(image)?;
    }
    let found = Found { comparison, contents, policies, images, moved: moved_between(of_a, of_b) };
    let text = if args.json { found.as_json() } else { words::words(&found) };
    out.data(&text)?;
    Ok(if found.is_same() { Outcome::Done } else { Outcome::Wanting })
}

fn moved_between(a: &Side, b: &Side) -> Option<Vec<Moved>> {
    let measured = |side: &'_ Side| side.manifest.as_ref().and_then(|manifest| manifest.measurements.clone());
    Some(moved(&measured(a)?, &measured(b)?))
}

fn image(path: &Path, file: &InitrdFile) -> anyhow::Result<Image> {
    let (sha384, _) = Sha384::of_reader(&mut fs::File::open(path)?)?;
    Ok(Image { size: file.size, sha256: file.sha256.to_string(), sha384: sha384.to_string() })
}

impl Side {
    /// No initrd starts like JSON. What can't be read is told by the reader of initrds.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut first = [0];
        let got = fs::File::open(path)?.read(&mut first).unwrap_or_default();
        if first.get(..got) != Some(b"{") {
            return Ok(Self { image: path.to_owned(), manifest: None });
        }
        let manifest = named_file::manifest(path)?;
        Ok(Self { image: path.with_file_name(&manifest.image.file), manifest: Some(manifest) })
    }

    /// Refuses another image than the manifest's.
    fn is_of(&self, image: &Image) -> Result<(), NotItsImage> {
        let recorded = self.manifest.as_ref().map(|manifest| manifest.image.sha256.to_string());
        match recorded {
            Some(expected) if expected != image.sha256 => {
                let (path, got) = (self.image.clone(), image.sha256.clone());
                Err(NotItsImage { path, got, expected })
            }
            _ => Ok(()),
        }
    }
}

/// An image beside a manifest that is not the manifest's.
#[derive(Debug, thiserror::Error)]
#[error("{}: SHA-256 got {got}, expected {expected} as in the manifest", path.display())]
pub(crate) struct NotItsImage {
    path: PathBuf,
    got: String,
    expected: String,
}

impl Found {
    /// Whether the bytes are the same, and what is predicted of them.
    fn is_same(&self) -> bool {
        let [a, b] = &self.images;
        a == b && self.moved.as_ref().is_none_or(Vec::is_empty)
    }

    /// Whether the bytes of the images are the same.
    fn is_same_image(&self) -> bool {
        let [a, b] = &self.images;
        a == b
    }

    fn as_json(&self) -> String {
        let [a, b] = &self.images;
        let image =
            |image: &Image| json!({"size": image.size, "sha256": image.sha256, "sha384": image.sha384});
        let changed = self.comparison.changed.iter().zip(&self.contents).map(|(change, contents)| {
            let mut value = change_json(change);
            if let (Some(value), Some(contents)) = (value.as_object_mut(), contents) {
                value.insert("contents".to_owned(), contents.as_json());
            }
            value
        });
        let paths = |paths: &[coco_image::path::GuestPath]| {
            paths.iter().map(ToString::to_string).collect::<Vec<String>>()
        };
        let measurements: Vec<Value> = words::measurements(&self.images)
            .into_iter()
            .map(|(what, changes, why)| json!({"value": what, "changes": changes, "why": why}))
            .collect();
        let mut value = json!({
            "a": image(a),
            "b": image(b),
            "added": paths(&self.comparison.added),
            "removed": paths(&self.comparison.removed),
            "changed": changed.collect::<Vec<Value>>(),
            "policy": self.policies.as_ref().map(Policies::as_json),
            "packing": self.comparison.packing.iter().map(packing_json).collect::<Vec<Value>>(),
            "measurements": measurements,
            "moved": self.moved.as_ref().map(|moved| moved.iter().map(moved_json).collect::<Vec<Value>>()),
            "same_files": self.comparison.is_same_tree(),
            "same_bytes": self.is_same_image(),
        });
        value.sort_all_objects();
        format!("{value:#}\n")
    }
}

fn change_json(change: &Change) -> Value {
    let fact = |fact: &Fact| match fact {
        Fact::Kind(from, to) => json!({"fact": "type", "from": from, "to": to}),
        Fact::Mode(from, to) => json!({"fact": "mode", "from": from, "to": to}),
        Fact::Target(from, to) => json!({"fact": "target", "from": from, "to": to}),
        Fact::FirstName(from, to) => json!({"fact": "first name", "from": from, "to": to}),
        Fact::Device(from, to) => json!({"fact": "device", "from": from, "to": to}),
        Fact::Content(from, to) => json!({
            "fact": "content",
            "from": {"size": from.0, "sha256": from.1},
            "to": {"size": to.0, "sha256": to.1},
        }),
    };
    json!({"path": change.path.as_str(), "facts": change.facts.iter().map(fact).collect::<Vec<Value>>()})
}

fn moved_json(moved: &Moved) -> Value {
    let Moved { launch, name, vcpus, from, to, because } = moved;
    json!({"launch": launch, "name": name, "vcpus": vcpus, "from": from, "to": to, "because": because})
}

fn packing_json(packing: &Packing) -> Value {
    match packing {
        Packing::Segments(from, to) => json!({"what": "segments", "from": from, "to": to}),
        Packing::Order(path) => json!({"what": "order", "first": path.as_str()}),
        Packing::Replaced(path) => json!({"what": "replaced members", "first": path.as_str()}),
        Packing::Field { name, members, path, values } => json!({
            "what": name, "members": members, "first": path.as_str(), "from": values.0, "to": values.1,
        }),
    }
}
