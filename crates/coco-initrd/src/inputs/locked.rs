//! What a lock names, from the content store. Nothing is believed of what is there: every file is hashed
//! before anything of it is unpacked.

use anyhow::Context as _;
use coco_image::archive::Member;
use coco_image::assemble::Loaded;
use coco_image::lock::{Content, Locked, LockedLayer, LockedOci, Shape};
use coco_image::path::GuestPath;
use coco_image::tree::Node;
use coco_image::units::Mode;
use coco_registry::whiteout;

use super::{Identity, Input, InputError, Reader};
use crate::content_store::ContentStore;

impl Reader<'_> {
    /// Reads what `locked` names.
    pub(crate) fn locked(&mut self, locked: &Locked, contents: &ContentStore) -> anyhow::Result<Input> {
        match locked {
            Locked::Url(file) => {
                let content = Content { size: file.size, sha256: file.sha256 };
                self.content(contents, content, file.url.as_str())
            }
            Locked::Oci(oci) => self.oci(oci, contents),
            Locked::Deb(deb) => self.deb(deb, contents),
            Locked::Rpm(packages) => self.rpm(packages, contents),
        }
    }

    /// Reads one file, as if it had been given by its path.
    fn content(&mut self, contents: &ContentStore, content: Content, name: &str) -> anyhow::Result<Input> {
        let path = contents.whole(content, name)?;
        self.read(&path).with_context(|| name.to_owned())
    }

    /// Reads an image, or an artefact of one or more files.
    fn oci(&mut self, oci: &LockedOci, contents: &ContentStore) -> anyhow::Result<Input> {
        // The manifest says which layers there are, and the lock repeats it: it is looked at as evidence.
        contents.whole(oci.manifest, &oci.reference)?;
        let name = |layer: &LockedLayer| format!("{} of {}", layer.content.sha256, oci.reference);
        if let (Shape::Artefact, [only]) = (oci.shape, oci.layers.as_slice()) {
            return self.content(contents, only.content, &name(only));
        }
        let mut members = Vec::new();
        for layer in &oci.layers {
            let read = self.content(contents, layer.content, &name(layer))?;
            members = match (oci.shape, read.loaded) {
                (Shape::Image, Loaded::Members(layer)) => over(members, layer)?,
                (Shape::Image, Loaded::File(_)) => {
                    return Err(InputError::Layer(name(layer)).into());
                }
                (Shape::Artefact, Loaded::File(body)) => {
                    let title = layer.title.as_deref().unwrap_or_default();
                    let path = GuestPath::from_member(title.as_bytes())?;
                    members.push(Member { path, node: Node::File(Mode::FILE, body) });
                    members
                }
                (Shape::Artefact, Loaded::Members(_)) => {
                    return Err(InputError::Several(oci.reference.clone()).into());
                }
            };
        }
        self.check_unpacked(&members, &oci.reference)?;
        let size = oci.layers.iter().map(|layer| layer.content.size).sum();
        let identity = Identity::Image(oci.manifest.sha256, size);
        Ok(Input { loaded: Loaded::Members(members), identity })
    }

    /// Fails if several archives together unpack to more than one may.
    fn check_unpacked(&self, members: &[Member], name: &str) -> Result<(), InputError> {
        let size = |member: &Member| if let Node::File(_, body) = &member.node { body.len() } else { 0 };
        let total = members.iter().map(size).fold(0, u64::saturating_add);
        if total > self.unpack_limit {
            return Err(InputError::TooMuch { name: name.to_owned(), got: total, limit: self.unpack_limit });
        }
        Ok(())
    }
}

/// A layer of an image over those below it (OCI image specification, `layer.md`).
fn over(below: Vec<Member>, layer: Vec<Member>) -> anyhow::Result<Vec<Member>> {
    fn entries(members: &[Member]) -> Vec<whiteout::Entry<'_>> {
        let is_directory = |member: &Member| matches!(member.node, Node::Directory(_));
        let members = members.iter();
        members.map(|it| whiteout::Entry { path: it.path.as_str(), is_directory: is_directory(it) }).collect()
    }
    let effect = whiteout::effect(&entries(&below), &entries(&layer))?;
    let without = |members: Vec<Member>, gone: &[usize]| {
        let left = members.into_iter().enumerate().filter(|(at, _)| gone.binary_search(at).is_err());
        left.map(|(_, member)| member).collect::<Vec<_>>()
    };
    let mut members = without(below, &effect.gone);
    members.extend(without(layer, &effect.whiteouts));
    Ok(members)
}
