//! What is read of an image's files: where its policy is, what a kernel module wants. Not the archives.

use std::io;

use coco_image::archive::Member;
use coco_image::assemble::as_found;
use coco_image::modules::{self, WantedModule};
use coco_image::policy_location::locate;
use coco_image::tree::{Bodies, Body, Extent, Node};
use coco_image::units::{Arch, Mode};

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

/// A kernel module, with another beside it that it may want.
pub fn modules(bytes: &[u8]) {
    let file = |name: &str, body: &[u8]| {
        let path = format!("/lib/modules/6.1/kernel/{name}").parse().expect("a path of the image");
        Member { path, node: Node::File(Mode::FILE, Body::bytes(body)) }
    };
    let builtin = Member {
        path: "/lib/modules/6.1/modules.builtin".parse().expect("a path of the image"),
        node: Node::File(Mode::FILE, Body::bytes(b"kernel/c.ko\n".as_slice())),
    };
    let members = [file("a.ko", bytes), file("b.ko", bytes), builtin];
    let Ok(wanted) = "a".parse::<modules::ModuleName>() else { return };
    let _ = modules::resolve(&[WantedModule::Named(wanted)], Arch::X86_64, Some(&members), &NoBodies);
}

fn member(text: &str) -> Option<Member> {
    let (head, body) = text.split_once('\n')?;
    let (path, node) = match head.split_once(" -> ") {
        Some((path, target)) => (path, Node::Symlink(target.to_owned())),
        None => (head, Node::File(Mode::FILE, Body::bytes(body.as_bytes()))),
    };
    Some(Member { path: path.parse().ok()?, node })
}
