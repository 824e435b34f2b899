//! Members in order to the tree that the kernel has in the end.

use std::collections::BTreeMap;

use super::members::{Content, Event, Found};
use super::{ArchiveError, Initrd, RawMember, Segment};
use crate::digest::Sha256;
use crate::newc::Header;
use crate::path::GuestPath;
use crate::tree::{Body, Extent, Layer, Node, Tree, TreeError};
use crate::units::Mode;

/// First names of files with several, by device and inode number. A trailer forgets them; the end of
/// a compressed stream does not.
type Links = BTreeMap<(u32, u32, u32), GuestPath>;

/// What was unpacked so far.
#[derive(Debug, Default)]
pub(super) struct Replay {
    tree: Tree,
    links: Links,
    members: Vec<RawMember>,
    digests: BTreeMap<Extent, Sha256>,
}

impl Replay {
    /// Unpacks what is in segment number `segment`.
    pub(super) fn segment(&mut self, events: Vec<Event>, segment: usize) -> Result<(), ArchiveError> {
        for event in events {
            match event {
                Event::Trailer => self.links.clear(),
                Event::Member(Found { path, header, content }) => {
                    self.put(&path, &header, content)?;
                    self.members.push(RawMember { path, header, segment });
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, segments: Vec<Segment>) -> Initrd {
        let Self { tree, members, digests, .. } = self;
        Initrd { segments, members, tree, digests }
    }

    fn put(&mut self, path: &GuestPath, header: &Header, content: Content) -> Result<(), TreeError> {
        match content {
            Content::Node(node) => self.tree.overwrite(path, node, Layer::Base),
            Content::File(extent, digest) => {
                self.digests.extend(digest.map(|digest| (extent, digest)));
                self.file(path, header, Body::Extent(extent))
            }
        }
    }

    fn file(&mut self, path: &GuestPath, header: &Header, body: Body) -> Result<(), TreeError> {
        let mode = Mode::of_stat(header.mode);
        let key = (header.dev_major, header.dev_minor, header.ino);
        if let Some(first) = self.links.get(&key).filter(|_| header.nlink > 1) {
            // The body may come with any of the names, by custom with the last.
            if !body.is_empty() {
                self.tree.overwrite_body(first, mode, body)?;
            }
            return self.tree.overwrite(path, Node::HardLink(first.clone()), Layer::Base);
        }
        self.tree.overwrite(path, Node::File(mode, body), Layer::Base)?;
        if header.nlink > 1 {
            self.links.insert(key, path.clone());
        }
        Ok(())
    }
}
