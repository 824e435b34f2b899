//! `coco-initrd ls`: the files of an initrd as a guest has them, sorted by path.
//!
//! Owners and times are not told: a guest's agent runs as root, and `inspect` says where they are not uniform.

use coco_image::path::GuestPath;
use coco_image::tree::{DeviceKind, Node, Tree};
use coco_image::units::Mode;
use serde_json::{Value, json};

use super::cat::NoFile;
use crate::Outcome;
use crate::args::inspect::LsArgs;
use crate::initrd_file::InitrdFile;
use crate::output::Output;
use crate::report::one_line;

/// Lists what is at a path and below it.
pub(crate) fn ls(args: &LsArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (tree, _) = InitrdFile::files(&args.image.image, args.image.unpack_limit_mib)?;
    let real = tree.follow(&args.path).map_err(NoFile::from)?;
    let files = tree.iter().filter(|(path, _)| path.is_below(&real) && !path.is_root());
    let files = files.map(|(path, entry)| Listed::new(&tree, path, &entry.node));
    let text = if args.json {
        let mut value = Value::Array(files.map(|file| file.as_json()).collect());
        value.sort_all_objects();
        format!("{value:#}\n")
    } else {
        files.map(|file| file.as_line()).collect()
    };
    out.data(&text)?;
    Ok(Outcome::Done)
}

/// One file, a hard link with what it shares with its first name.
struct Listed<'a> {
    path: &'a GuestPath,
    node: &'a Node,
    mode: Mode,
    /// In bytes; of regular files.
    size: Option<u64>,
}

impl<'a> Listed<'a> {
    fn new(tree: &'a Tree, path: &'a GuestPath, node: &'a Node) -> Self {
        let shared = match node {
            Node::HardLink(first) => tree.get(first).map_or(node, |entry| &entry.node),
            node => node,
        };
        let (mode, size) = match shared {
            Node::Directory(mode) | Node::Device(_, mode, ..) | Node::Fifo(mode) => (*mode, None),
            Node::File(mode, body) => (*mode, Some(body.len())),
            Node::Symlink(_) | Node::HardLink(_) => (Mode::of_stat(0o777), None),
        };
        Self { path, node, mode, size }
    }

    fn as_line(&self) -> String {
        let size = match (self.node, self.size) {
            (Node::Device(_, _, major, minor), _) => format!("{major}, {minor}"),
            (_, Some(size)) => size.to_string(),
            (_, None) => "-".to_owned(),
        };
        let target = match self.node {
            Node::Symlink(target) => format!(" -> {}", one_line(target)),
            Node::HardLink(first) => format!(" link to {first}"),
            _ => String::new(),
        };
        format!("{}{} {size:>10} {}{target}\n", self.letter(), permissions(self.mode), self.path)
    }

    fn as_json(&self) -> Value {
        let mut value = json!({
            "path": self.path.as_str(),
            "kind": self.node.kind(),
            "mode": self.mode.to_string(),
        });
        let (key, more) = match (self.node, self.size) {
            (Node::Symlink(target), _) => ("target", json!(target)),
            (Node::HardLink(first), _) => ("target", json!(first.as_str())),
            (Node::Device(_, _, major, minor), _) => ("device", json!([major, minor])),
            (_, Some(size)) => ("size", json!(size)),
            (_, None) => return value,
        };
        if let Some(object) = value.as_object_mut() {
            object.insert(key.to_owned(), more);
        }
        value
    }

    fn letter(&self) -> char {
        match self.node {
            Node::Directory(_) => 'd',
            Node::File(..) | Node::HardLink(_) => '-',
            Node::Symlink(_) => 'l',
            Node::Device(DeviceKind::Character, ..) => 'c',
            Node::Device(DeviceKind::Block, ..) => 'b',
            Node::Fifo(_) => 'p',
        }
    }
}

/// Permissions as nine letters, with the set-id and sticky bits in them (POSIX `ls`).
fn permissions(mode: Mode) -> String {
    let bits = mode.bits();
    let has = |bit: u32| bits & bit != 0;
    [(0o4000, 0o400, 's', 'S'), (0o2000, 0o040, 's', 'S'), (0o1000, 0o004, 't', 'T')]
        .into_iter()
        .flat_map(|(special, read, with, without)| {
            let execute = match (has(special), has(read >> 2)) {
                (true, true) => with,
                (true, false) => without,
                (false, true) => 'x',
                (false, false) => '-',
            };
            [if has(read) { 'r' } else { '-' }, if has(read >> 1) { 'w' } else { '-' }, execute]
        })
        .collect()
}
