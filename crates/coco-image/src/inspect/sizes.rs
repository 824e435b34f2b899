//! What the bytes of an initrd are spent on, unpacked: directories, files, packages. No packed sizes.
//!
//! A segment is compressed as one stream, and what a file costs in it depends on the files around it. So packed sizes are
//! told of segments ([`Segment`](crate::archive::initrd::Segment)) and of nothing smaller, not even as an estimate.
//!
//! Sums are of what a guest has in the end: a member that was replaced by a later one is packed, and not counted here.

mod error;
mod packages;
mod stanza;
mod svg;
mod treemap;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use error::DATABASE_MAX;
pub use error::DpkgError;
pub use packages::{Dpkg, Oddity, Package, Packages};
pub use svg::{Subject, svg};
pub use treemap::{Rect, Tile, TileKind, layout, tiles};

use super::InspectError;
use crate::archive::initrd::Initrd;
use crate::check::PAGE;
use crate::path::GuestPath;
use crate::tree::{Bodies, Node, Tree};

/// What the bytes of an initrd are spent on.
#[derive(Debug)]
pub struct Sizes {
    /// The root directory, with all there is below it.
    pub root: Item,
    /// The same files by the package that has them.
    pub packages: Packages,
}

/// A file, or a directory with what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub path: GuestPath,
    /// What it takes.
    pub weight: Weight,
    /// What it is.
    pub held: Held,
}

/// What an [`Item`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A regular file, at the first of its names.
    File,
    /// A directory, with its files and directories: largest first, then by name.
    Directory(Vec<Item>),
}

/// What files take. Each file is counted once; links, devices and directories themselves are nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// How many regular files.
    pub files: u64,
    /// Their sizes, in bytes.
    pub bytes: u64,
    /// The memory they take in the guest, in bytes: whole pages, as in
    /// [`unpacked_memory`](crate::check::unpacked_memory).
    pub memory: u64,
}

/// A part of a whole, in tenths of a percent, rounded to the nearest; of nothing it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u64);

/// What the bytes of `initrd` are spent on; its bodies are in `bodies`.
pub fn sizes(initrd: &Initrd, bodies: &dyn Bodies) -> Result<Sizes, InspectError> {
    Ok(Sizes { root: root(&initrd.tree), packages: Packages::read(&initrd.tree, bodies)? })
}

impl Sizes {
    /// All files and directories: a directory before what is in it, else largest first, then by name.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let mut stack = vec![&self.root];
        std::iter::from_fn(move || {
            let item = stack.pop()?;
            stack.extend(item.children().iter().rev());
            Some(item)
        })
    }
}

impl Item {
    /// What is in the directory: nothing in a file.
    pub fn children(&self) -> &[Item] {
        match &self.held {
            Held::File => &[],
            Held::Directory(children) => children,
        }
    }
}

impl Weight {
    /// Of one file of `bytes` bytes.
    fn of_file(bytes: u64) -> Self {
        Self { files: 1, bytes, memory: bytes.next_multiple_of(PAGE) }
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.memory += other.memory;
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        let mut sum = Self::default();
        weights.for_each(|weight| sum += weight);
        sum
    }
}

impl Share {
    /// `part` of `whole`; it is at most `whole`.
    pub fn new(part: u64, whole: u64) -> Self {
        let (part, whole) = (u128::from(part), u128::from(whole));
        let tenths = (part * 2000 + whole).checked_div(whole * 2).unwrap_or(0);
        Self(u64::try_from(tenths).unwrap_or(u64::MAX))
    }

    /// The tenths of a percent.
    pub fn tenths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}%", self.0 / 10, self.0 % 10))
    }
}

/// The root directory of `tree` with all that is in it.
fn root(tree: &Tree) -> Item {
    // A directory is before what is below it, so from the end on its parts are there when it is.
    let nodes: Vec<_> = tree.iter().collect();
    let mut parts: BTreeMap<GuestPath, Vec<Item>> = BTreeMap::new();
    for (path, entry) in nodes.into_iter().rev() {
        let Some(parent) = path.parent() else { continue };
        let item = match &entry.node {
            Node::File(_, body) => {
                Item { path: path.clone(), weight: Weight::of_file(body.len()), held: Held::File }
            }
            Node::Directory(_) => directory(path, parts.remove(path).unwrap_or_default()),
            Node::HardLink(_) | Node::Symlink(_) | Node::Device(..) | Node::Fifo(_) => continue,
        };
        parts.entry(parent).or_default().push(item);
    }
    let root = GuestPath::root();
    directory(&root, parts.remove(&root).unwrap_or_default())
}

fn directory(path: &GuestPath, mut children: Vec<Item>) -> Item {
    children.sort_by(|a, b| (Reverse(a.weight.bytes), &a.path).cmp(&(Reverse(b.weight.bytes), &b.path)));
    let weight = children.iter().map(|child| child.weight).sum();
    Item { path: path.clone(), weight, held: Held::Directory(children) }
}

#[cfg(test)]
mod tests;
