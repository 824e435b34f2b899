//! The files of an image as its manifest has them. What is in them, only their digests say.

use std::collections::BTreeMap;

use super::FileRecord;
use crate::digest::Sha256;
use crate::pack::Packed;
use crate::path::GuestPath;
use crate::tree::{DeviceKind, Node, Tree};

/// Every file of `tree`, with the digests that packing computed and the layers they were put in.
pub fn files(tree: &Tree, packed: &Packed, places: &BTreeMap<GuestPath, &'static str>) -> Vec<FileRecord> {
    let digests = file_digests(tree, packed);
    file_records(tree, &|first| digests.get(first).copied(), &|path| {
        places.get(path).copied().unwrap_or_default()
    })
}

/// Every file of `tree`, with the digest of each file's first name, and the layer of each.
///
/// Of several names of a file, the lowest is told as the file: the image has it first, whatever its inputs had.
pub fn file_records(
    tree: &Tree,
    digest: &dyn Fn(&GuestPath) -> Option<Sha256>,
    layer: &dyn Fn(&GuestPath) -> &'static str,
) -> Vec<FileRecord> {
    let mut lowest: BTreeMap<&GuestPath, &GuestPath> = BTreeMap::new();
    tree.iter()
        .map(|(path, entry)| {
            let blank = FileRecord {
                path: path.to_string(),
                kind: entry.node.kind().to_owned(),
                mode: "0777".to_owned(),
                layer: layer(path).to_owned(),
                size: None,
                sha256: None,
                target: None,
                device: None,
            };
            match &entry.node {
                Node::Directory(mode) | Node::Fifo(mode) => FileRecord { mode: mode.to_string(), ..blank },
                Node::File(..) => {
                    regular(tree, path, lowest.entry(path).or_insert(path), digest(path), blank)
                }
                Node::HardLink(first) => {
                    regular(tree, first, lowest.entry(first).or_insert(path), digest(first), blank)
                }
                Node::Symlink(target) => FileRecord { target: Some(target.clone()), ..blank },
                Node::Device(DeviceKind::Character | DeviceKind::Block, mode, major, minor) => {
                    FileRecord { mode: mode.to_string(), device: Some((*major, *minor)), ..blank }
                }
            }
        })
        .collect()
}

/// The record of one name of the regular file that `tree` has at `first`, and whose lowest name is `lowest`.
fn regular(
    tree: &Tree,
    first: &GuestPath,
    lowest: &GuestPath,
    sha256: Option<Sha256>,
    blank: FileRecord,
) -> FileRecord {
    let (mode, size) = match tree.get(first).map(|entry| &entry.node) {
        Some(Node::File(mode, body)) => (mode.to_string(), Some(body.len())),
        _ => (String::new(), None),
    };
    if blank.path == lowest.as_str() {
        FileRecord { kind: "file".to_owned(), mode, size, sha256, ..blank }
    } else {
        let target = Some(lowest.to_string());
        FileRecord { kind: "hard-link".to_owned(), mode, sha256, target, ..blank }
    }
}

/// Digests by first name; the archive has the body, and so the digest, at the last name.
pub(super) fn file_digests<'t>(tree: &'t Tree, packed: &Packed) -> BTreeMap<&'t GuestPath, Sha256> {
    let mut digests = BTreeMap::new();
    for (path, entry) in tree.iter() {
        let first = if let Node::HardLink(first) = &entry.node { first } else { path };
        if let Some(digest) = packed.files.get(path) {
            digests.insert(first, *digest);
        }
    }
    digests
}
