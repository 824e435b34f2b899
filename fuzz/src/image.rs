//! Where a guest has its default policy: a tree out of any text. Not the archives trees come in.

use std::io;

use coco_image::archive::Member;
use coco_image::assemble::as_found;
use coco_image::policy_location::locate;
use coco_image::tree::{Bodies, Body, Extent, Node};
use coco_image::units::Mode;

/// A tree with no body outside itself.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The policy of a tree. Every file of it begins with a line `== PATH`, or is a link and all of
/// `== PATH -> TARGET`.
pub fn location(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let members: Vec<Member> = text.split("== ").filter_map(member).collect();
    if let Ok(tree) = as_found(&members) {
        let _ = locate(&tree, &NoBodies);
    }
}

fn member(text: &str) -> Option<Member> {
    let (head, body) = text.split_once('\n')?;
    let (path, node) = match head.split_once(" -> ") {
        Some((path, target)) => (path, Node::Symlink(target.to_owned())),
        None => (head, Node::File(Mode::FILE, Body::bytes(body.as_bytes()))),
    };
    Some(Member { path: path.parse().ok()?, node })
}
