//! What differs between two initrds: in the files a guest has in the end, and in how they are packed.
//!
//! Contents are compared by digest; what is in them, a policy or a program, is the caller's business. Files that
//! are equal in bytes that are not are explained by how they were packed.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::initrd::{Initrd, RawMember};
use crate::digest::Sha256;
use crate::newc::Header;
use crate::path::GuestPath;
use crate::tree::{DeviceKind, Node};

/// All differences, each list in the order of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Files that only the first has.
    pub removed: Vec<GuestPath>,
    /// Files that only the second has.
    pub added: Vec<GuestPath>,
    /// Files that both have, and not alike.
    pub changed: Vec<Change>,
    /// How the packing differs.
    pub packing: Vec<Packing>,
}

/// A file that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub path: GuestPath,
    /// What differs, at least one.
    pub facts: Vec<Fact>,
}

/// One thing about a file, in the first and in the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// What it is.
    Kind(&'static str, &'static str),
    /// Its permissions.
    Mode(String, String),
    /// Size in bytes and digest of a regular file.
    Content((u64, Sha256), (u64, Sha256)),
    /// Target of a symbolic link.
    Target(String, String),
    /// First name of a hard-linked file.
    FirstName(String, String),
    /// Kind and number of a device.
    Device(String, String),
}

/// One way in which equal files are packed differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packing {
    /// The segments: compression and unpacked size of each, in words.
    Segments(String, String),
    /// The members come in another order.
    Order(GuestPath),
    /// Members that a later one replaces are in one only.
    Replaced(GuestPath),
    /// A field of the header differs in so many members; the first of them, with both values.
    Field {
        /// What the field says.
        name: &'static str,
        /// In how many members.
        members: usize,
        /// The first.
        path: GuestPath,
        /// Its value in each.
        values: (u32, u32),
    },
}

/// Reads one field.
type Field = fn(&Header) -> u32;

/// Fields that are no part of a file's own: what each says, and where it is.
const FIELDS: [(&str, Field); 9] = [
    ("time", |header| header.mtime),
    ("owner", |header| header.uid),
    ("group", |header| header.gid),
    ("inode number", |header| header.ino),
    ("number of names", |header| header.nlink),
    ("device", |header| header.dev_major),
    ("device", |header| header.dev_minor),
    ("checksum", |header| header.checksum),
    ("length of the name", |header| header.namesize),
];

/// Compares two initrds that were read with digests.
pub fn compare(a: &Initrd, b: &Initrd) -> Comparison {
    let mut found = Comparison::default();
    for (path, entry) in a.tree.iter() {
        match b.tree.get(path) {
            None => found.removed.push(path.clone()),
            Some(other) => {
                let facts = facts((a, b), path, (&entry.node, &other.node));
                if !facts.is_empty() {
                    found.changed.push(Change { path: path.clone(), facts });
                }
            }
        }
    }
    found.added =
        b.tree.iter().map(|(path, _)| path).filter(|path| a.tree.get(path).is_none()).cloned().collect();
    found.packing = packing(a, b);
    found
}

fn facts((a, b): (&Initrd, &Initrd), path: &GuestPath, nodes: (&Node, &Node)) -> Vec<Fact> {
    let mut facts = Vec::new();
    match nodes {
        (Node::Symlink(from), Node::Symlink(to)) if from != to => {
            facts.push(Fact::Target(from.clone(), to.clone()));
        }
        (Node::HardLink(from), Node::HardLink(to)) if from != to => {
            facts.push(Fact::FirstName(from.to_string(), to.to_string()));
        }
        (Node::Device(..), Node::Device(..)) if device(nodes.0) != device(nodes.1) => {
            facts.push(Fact::Device(device(nodes.0), device(nodes.1)));
        }
        (from, to) if from.kind() != to.kind() => facts.push(Fact::Kind(from.kind(), to.kind())),
        _ => {}
    }
    if let (Some(from), Some(to)) = (content(a, path), content(b, path))
        && from != to
    {
        facts.push(Fact::Content(from, to));
    }
    if let (Some(from), Some(to)) = (mode(a, nodes.0), mode(b, nodes.1))
        && from != to
    {
        facts.push(Fact::Mode(from, to));
    }
    facts
}

fn device(node: &Node) -> String {
    match node {
        Node::Device(DeviceKind::Character, _, major, minor) => format!("character {major}:{minor}"),
        Node::Device(DeviceKind::Block, _, major, minor) => format!("block {major}:{minor}"),
        _ => String::new(),
    }
}

/// Size and digest of a regular file, by whichever of its names.
fn content(initrd: &Initrd, path: &GuestPath) -> Option<(u64, Sha256)> {
    let node = match &initrd.tree.get(path)?.node {
        Node::HardLink(first) => &initrd.tree.get(first)?.node,
        node => node,
    };
    match node {
        Node::File(_, body) => Some((body.len(), initrd.digest(path)?)),
        _ => None,
    }
}

fn mode(initrd: &Initrd, node: &Node) -> Option<String> {
    match node {
        Node::Directory(mode) | Node::File(mode, _) | Node::Device(_, mode, ..) | Node::Fifo(mode) => {
            Some(mode.to_string())
        }
        Node::HardLink(first) => mode_of_first(initrd, first),
        Node::Symlink(_) => None,
    }
}

fn mode_of_first(initrd: &Initrd, first: &GuestPath) -> Option<String> {
    match &initrd.tree.get(first)?.node {
        Node::File(mode, _) => Some(mode.to_string()),
        _ => None,
    }
}

/// How the members that both have are packed.
fn packing(a: &Initrd, b: &Initrd) -> Vec<Packing> {
    let mut found = Vec::new();
    let segments = |initrd: &Initrd| {
        let mut runs: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for segment in &initrd.segments {
            let run = runs.entry(segment.format.to_string()).or_default();
            *run = (run.0 + 1, run.1 + segment.unpacked);
        }
        let words = runs.iter().map(|(format, (count, bytes))| format!("{count} {format} of {bytes} bytes"));
        words.collect::<Vec<_>>().join(", ")
    };
    if segments(a) != segments(b) {
        found.push(Packing::Segments(segments(a), segments(b)));
    }
    let (last_a, last_b) = (last(a), last(b));
    let both: Vec<&RawMember> = a.members.iter().filter(|member| last_b.contains_key(&member.path)).collect();
    let order = |initrd: &Initrd, other: &BTreeMap<&GuestPath, &RawMember>| -> Vec<GuestPath> {
        let mut seen = BTreeSet::new();
        let members = initrd.members.iter().map(|member| &member.path);
        members.filter(|path| other.contains_key(path) && seen.insert((*path).clone())).cloned().collect()
    };
    let (order_a, order_b) = (order(a, &last_b), order(b, &last_a));
    found.extend(order_a.iter().zip(&order_b).find(|(a, b)| a != b).map(|(a, _)| Packing::Order(a.clone())));
    if a.members.len() - last_a.len() != b.members.len() - last_b.len() {
        found.extend(replaced(a).or_else(|| replaced(b)).map(Packing::Replaced));
    }
    for (name, field) in FIELDS {
        let differ = both.iter().filter_map(|member| {
            let values = (field(&last_a.get(&member.path)?.header), field(&last_b.get(&member.path)?.header));
            (values.0 != values.1).then_some((&member.path, values))
        });
        let differ: BTreeMap<&GuestPath, (u32, u32)> = differ.collect();
        if let Some((path, values)) = differ.first_key_value() {
            found.push(Packing::Field {
                name,
                members: differ.len(),
                path: (*path).clone(),
                values: *values,
            });
        }
    }
    found
}

/// The last member of each name: the one that counts.
fn last(initrd: &Initrd) -> BTreeMap<&GuestPath, &RawMember> {
    initrd.members.iter().map(|member| (&member.path, member)).collect()
}

/// A name that comes more than once.
fn replaced(initrd: &Initrd) -> Option<GuestPath> {
    let mut seen = BTreeSet::new();
    initrd.members.iter().map(|member| &member.path).find(|path| !seen.insert(*path)).cloned()
}

impl Comparison {
    /// Whether a guest has the same files from both.
    pub fn is_same_tree(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::num::NonZeroUsize;

    use super::*;
    use crate::archive::initrd::{self, Digests, Options};
    use crate::newc;
    use crate::tree::{Extent, Place, Spool};

    struct Nowhere;

    impl Spool for Nowhere {
        fn keep(&self, _: &GuestPath, place: Place, _: &mut dyn Read, len: u64) -> io::Result<Extent> {
            let Place::Archive(offset) = place else { panic!("the archives of these tests are plain") };
            Ok(Extent { store: 0, offset, len })
        }
    }

    /// A member as `NAME MODE TIME BODY`, the mode with its type bits in octal.
    fn initrd(lines: &[&str]) -> Initrd {
        let mut image = Vec::new();
        for (ino, line) in (1..).zip(lines) {
            let [name, mode, time, body] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let mode = u32::from_str_radix(mode, 8).unwrap();
            let filesize = u32::try_from(body.len()).unwrap();
            let mtime = time.parse().unwrap();
            Header { ino, mode, mtime, filesize, nlink: 1, ..Header::default() }.write(name, &mut image);
            image.extend(body.bytes());
            newc::pad(&mut image);
        }
        newc::trailer(&mut image);
        let options = Options { limit: 1 << 20, threads: NonZeroUsize::MIN, digests: Digests::Wanted };
        initrd::read(&image, &Nowhere, &options).unwrap()
    }

    #[test]
    fn an_initrd_is_the_same_as_itself() {
        let lines = ["d 40755 0 ", "d/f 100644 0 x", "l 120777 0 d"];
        assert_eq!(compare(&initrd(&lines), &initrd(&lines)), Comparison::default());
    }

    #[test]
    fn what_one_lacks_is_removed_or_added() {
        let found =
            compare(&initrd(&["a 100644 0 x", "b 100644 0 x"]), &initrd(&["b 100644 0 x", "c 100644 0 x"]));
        let names = |paths: &[GuestPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (names(&found.removed), names(&found.added)),
            (vec!["/a".to_owned()], vec!["/c".to_owned()])
        );
    }

    #[test]
    fn each_fact_of_a_file_is_told_apart() {
        let content = |text: &str| (u64::try_from(text.len()).unwrap(), Sha256::of(text.as_bytes()));
        for (from, to, fact) in [
            ("f 100644 0 x", "f 100644 0 yz", Fact::Content(content("x"), content("yz"))),
            ("f 100644 0 x", "f 100600 0 x", Fact::Mode("0644".to_owned(), "0600".to_owned())),
            (". 40755 0 ", ". 40700 0 ", Fact::Mode("0755".to_owned(), "0700".to_owned())),
            ("l 120777 0 a", "l 120777 0 b", Fact::Target("a".to_owned(), "b".to_owned())),
            ("f 120777 0 a", "f 10644 0 ", Fact::Kind("symlink", "fifo")),
        ] {
            let found = compare(&initrd(&[from]), &initrd(&[to]));
            assert_eq!(
                found.changed.iter().map(|change| &change.facts[..]).collect::<Vec<_>>(),
                [&[fact][..]]
            );
        }
    }

    #[test]
    fn equal_files_are_told_by_how_they_are_packed() {
        let plain = || initrd(&["a 100644 0 x", "b 100644 0 x"]);
        let path = |name: &str| name.parse::<GuestPath>().unwrap();
        let time = |members, values| Packing::Field { name: "time", members, path: path("/a"), values };
        let ino = Packing::Field { name: "inode number", members: 2, path: path("/a"), values: (1, 2) };
        for (lines, packing) in [
            (vec!["a 100644 5 x", "b 100644 7 x"], vec![time(2, (0, 5))]),
            (vec!["b 100644 0 x", "a 100644 0 x"], vec![Packing::Order(path("/a")), ino]),
        ] {
            let found = compare(&plain(), &initrd(&lines));
            assert!(found.is_same_tree());
            assert_eq!(found.packing, packing);
        }
        let found = compare(&plain(), &initrd(&["a 100644 0 x", "b 100644 0 x", "a 100644 0 x"]));
        assert!(found.packing.contains(&Packing::Replaced(path("/a"))), "{:?}", found.packing);
    }
}
