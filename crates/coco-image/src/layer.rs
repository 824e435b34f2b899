//! Tree to layers: which members an archive has, in which order, with which headers.
//!
//! A layer is a run of newc members. Its bytes depend on its own files and the epoch only, so a later
//! build with the same base has the same first bytes. Layers are told apart by their device number,
//! and only the last one ends with a trailer: to the kernel and to every tool the image is one
//! archive. Members are gathered in groups, each compressed on its own; the kernel takes a new
//! compressed stream only between members, and the groups' limits depend on nothing but sizes.

use std::collections::BTreeMap;

use crate::newc::{self, Header, file_type};
use crate::path::GuestPath;
use crate::tree::{Body, DeviceKind, Layer, Node, Tree};
use crate::units::Epoch;

/// A group is full when its members have this many bytes. Larger groups hardly compress better;
/// smaller ones do so worse. Changing it changes every image.
pub const GROUP_BYTES: u64 = 4 << 20;

/// One member of the archive: its header and name, and the body that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub path: GuestPath,
    /// All fields of its header.
    pub header: Header,
    /// Its body: contents, or a link's target.
    pub body: Body,
    /// Whether the body is a file's contents, whose digest goes into the manifest.
    pub contents: Contents,
}

/// What the body of a member is to the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// A regular file's.
    File,
    /// A link's target, or nothing.
    Other,
}

/// Members that are compressed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The layer they belong to.
    pub layer: Layer,
    /// The members, in order.
    pub members: Vec<Member>,
    /// Whether the archive's trailer follows them.
    pub end: End,
    /// Bytes of the group before compression.
    pub len: u64,
}

/// What follows a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// More members.
    Open,
    /// The trailer.
    Trailer,
}

/// The groups of all layers of `tree`, in the order of the image. Layers without files have none.
pub fn groups(tree: &Tree, epoch: Epoch) -> Vec<Group> {
    let places = places(tree);
    let mut groups = Vec::new();
    for layer in Layer::ALL {
        gather(layer, members(tree, &places, layer, epoch), &mut groups);
    }
    if let Some(last) = groups.last_mut() {
        last.end = End::Trailer;
        last.len += newc::member_len(crate::path::TRAILER, 0);
    }
    groups
}

/// The appendix of `tree`, for one stream: an archive of its own, however large, behind a finished image.
pub fn appendix(tree: &Tree, epoch: Epoch) -> Group {
    let members = members(tree, &places(tree), Layer::Appendix, epoch);
    let len = |member: &Member| newc::member_len(member.path.member(), member.body.len());
    let len = members.iter().map(len).sum::<u64>() + newc::member_len(crate::path::TRAILER, 0);
    Group { layer: Layer::Appendix, members, end: End::Trailer, len }
}

/// The name of the layer each member is in.
pub fn layer_names(groups: &[Group]) -> BTreeMap<GuestPath, &'static str> {
    let of_group = |group: &Group| {
        let name = group.layer.name();
        group.members.iter().map(move |member| (member.path.clone(), name)).collect::<Vec<_>>()
    };
    groups.iter().flat_map(of_group).collect()
}

/// The layer of each file. A directory goes into the first layer that has something in it: the
/// kernel drops files whose directory comes later.
fn places(tree: &Tree) -> BTreeMap<&GuestPath, Layer> {
    let mut places: BTreeMap<&GuestPath, Layer> = BTreeMap::new();
    let mut needed: BTreeMap<GuestPath, Layer> = BTreeMap::new();
    let entries: Vec<_> = tree.iter().collect();
    for (path, entry) in entries.into_iter().rev() {
        let below = needed.get(path).copied();
        let layer = match below {
            Some(below) if path.is_root() => below,
            Some(below) => below.min(entry.layer),
            None => entry.layer,
        };
        places.insert(path, layer);
        if let Some(parent) = path.parent() {
            let first = needed.entry(parent).or_insert(layer);
            *first = layer.min(*first);
        }
    }
    places
}

fn members(tree: &Tree, places: &BTreeMap<&GuestPath, Layer>, layer: Layer, epoch: Epoch) -> Vec<Member> {
    let entries: Vec<(&GuestPath, &Node)> = tree
        .iter()
        .filter(|(path, _)| places.get(path) == Some(&layer))
        .map(|(path, entry)| (path, &entry.node))
        .collect();
    let mut inodes: BTreeMap<&GuestPath, u32> = BTreeMap::new();
    let mut names: BTreeMap<&GuestPath, Vec<&GuestPath>> = BTreeMap::new();
    for (number, (path, node)) in (1_u32..).zip(&entries) {
        let first = if let Node::HardLink(first) = node { first } else { path };
        names.entry(first).or_default().push(path);
        inodes.entry(first).or_insert(number);
    }
    entries
        .iter()
        .map(|(path, node)| {
            let first = if let Node::HardLink(first) = node { first } else { path };
            let names = names.get(first).map_or(&[][..], Vec::as_slice);
            let shape = Shape::of(tree, first, node, names.last() == Some(path));
            let links = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let header = Header {
                ino: inodes.get(first).copied().unwrap_or(0),
                mode: shape.mode,
                nlink: if shape.mode & file_type::MASK == file_type::DIRECTORY { 2 } else { links },
                mtime: epoch.seconds(),
                filesize: u32::try_from(shape.body.len()).unwrap_or(u32::MAX),
                dev_minor: layer.device(),
                rdev_major: shape.rdev.0,
                rdev_minor: shape.rdev.1,
                ..Header::default()
            };
            Member { path: (*path).clone(), header, body: shape.body, contents: shape.contents }
        })
        .collect()
}

/// What a node says about its member.
struct Shape {
    mode: u32,
    rdev: (u32, u32),
    body: Body,
    contents: Contents,
}

impl Shape {
    /// Of several names of a file, the last carries the body: so GNU cpio writes and reads it.
    fn of(tree: &Tree, first: &GuestPath, node: &Node, is_last_name: bool) -> Self {
        let plain = |mode: u32, rdev| Self { mode, rdev, body: Body::bytes(&[]), contents: Contents::Other };
        match node {
            Node::Directory(mode) => plain(file_type::DIRECTORY | mode.bits(), (0, 0)),
            Node::Fifo(mode) => plain(file_type::FIFO | mode.bits(), (0, 0)),
            Node::Device(DeviceKind::Character, mode, major, minor) => {
                plain(file_type::CHARACTER | mode.bits(), (*major, *minor))
            }
            Node::Device(DeviceKind::Block, mode, major, minor) => {
                plain(file_type::BLOCK | mode.bits(), (*major, *minor))
            }
            Node::Symlink(target) => {
                Self { body: Body::bytes(target.as_bytes()), ..plain(file_type::SYMLINK | 0o777, (0, 0)) }
            }
            Node::File(..) | Node::HardLink(_) => match tree.get(first).map(|entry| &entry.node) {
                Some(Node::File(mode, body)) => {
                    let shape = plain(file_type::REGULAR | mode.bits(), (0, 0));
                    if is_last_name {
                        Self { body: body.clone(), contents: Contents::File, ..shape }
                    } else {
                        shape
                    }
                }
                _ => plain(file_type::REGULAR, (0, 0)),
            },
        }
    }
}

fn gather(layer: Layer, members: Vec<Member>, groups: &mut Vec<Group>) {
    let mut open: Option<Group> = None;
    for member in members {
        let len = newc::member_len(member.path.member(), member.body.len());
        // A large file gets a group of its own, so that its neighbours don't wait for it.
        if len >= GROUP_BYTES {
            groups.extend(open.take());
        }
        let group = open.get_or_insert_with(|| Group { layer, members: Vec::new(), end: End::Open, len: 0 });
        group.members.push(member);
        group.len += len;
        if group.len >= GROUP_BYTES {
            groups.extend(open.take());
        }
    }
    groups.extend(open);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Extent, Parents};
    use crate::units::Mode;

    fn path(text: &str) -> GuestPath {
        text.parse().unwrap()
    }

    /// One line a member: layer, type and mode, inode, links, size, name.
    fn listing(entries: &[(&str, Node, Layer)]) -> Vec<String> {
        let mut tree = Tree::default();
        for (name, node, layer) in entries {
            tree.insert(&path(name), node.clone(), *layer, Parents::Implied).unwrap();
        }
        let line = |group: &Group, member: &Member| {
            let Header { ino, mode, nlink, filesize, .. } = member.header;
            format!("{} {mode:06o} {ino} {nlink} {filesize} {}", group.layer.name(), member.path)
        };
        groups(&tree, Epoch::default())
            .iter()
            .flat_map(|group| group.members.iter().map(|member| line(group, member)).collect::<Vec<_>>())
            .collect()
    }

    fn file(len: u64) -> Node {
        Node::File(Mode::FILE, Body::Extent(Extent { store: 0, offset: 0, len }))
    }

    #[test]
    fn a_directory_goes_into_the_first_layer_that_needs_it() {
        assert_eq!(
            listing(&[
                ("/usr/bin/agent", file(5), Layer::Components),
                ("/usr/x", file(1), Layer::Configuration)
            ]),
            [
                "components 040755 1 2 0 /",
                "components 040755 2 2 0 /usr",
                "components 040755 3 2 0 /usr/bin",
                "components 100644 4 1 5 /usr/bin/agent",
                "configuration 100644 1 1 1 /usr/x",
            ]
        );
    }

    #[test]
    fn the_last_of_several_names_carries_the_body() {
        let link = || Node::HardLink(path("/a"));
        assert_eq!(
            listing(&[
                ("/a", file(9), Layer::Base),
                ("/b", link(), Layer::Base),
                ("/c", link(), Layer::Base)
            ]),
            ["base 040755 1 2 0 /", "base 100644 2 3 0 /a", "base 100644 2 3 0 /b", "base 100644 2 3 9 /c",]
        );
    }

    #[test]
    fn a_large_file_has_a_group_of_its_own() {
        let mut tree = Tree::default();
        for (name, len) in [("/a", 10), ("/b", GROUP_BYTES), ("/c", 10), ("/d", 10)] {
            tree.insert(&path(name), file(len), Layer::Base, Parents::Implied).unwrap();
        }
        let members: Vec<usize> =
            groups(&tree, Epoch::default()).iter().map(|group| group.members.len()).collect();
        assert_eq!(members, [2, 1, 2]);
    }

    #[test]
    fn an_appendix_has_what_is_new_and_no_directory_that_is_there() {
        let mut tree = Tree::default();
        for (name, node, layer) in [
            ("/etc/a", file(1), Layer::Base),
            ("/etc/b", file(GROUP_BYTES), Layer::Appendix),
            ("/opt/c", file(3), Layer::Appendix),
        ] {
            tree.insert(&path(name), node, layer, Parents::Implied).unwrap();
        }
        let group = appendix(&tree, Epoch::default());
        let names: Vec<&str> = group.members.iter().map(|member| member.path.as_str()).collect();
        assert_eq!((names.as_slice(), group.end), (&["/etc/b", "/opt", "/opt/c"][..], End::Trailer));
        let heads = [("etc/b", GROUP_BYTES), ("opt", 0), ("opt/c", 3), ("TRAILER!!!", 0)];
        assert_eq!(group.len, heads.map(|(name, body)| newc::member_len(name, body)).iter().sum::<u64>());
    }

    #[test]
    fn only_the_last_group_has_the_trailer() {
        let mut tree = Tree::default();
        for (name, layer) in [("/a", Layer::Base), ("/b", Layer::Components), ("/c", Layer::Configuration)] {
            tree.insert(&path(name), file(1), layer, Parents::Implied).unwrap();
        }
        let ends: Vec<End> = groups(&tree, Epoch::default()).iter().map(|group| group.end).collect();
        assert_eq!(ends, [End::Open, End::Open, End::Trailer]);
    }
}
