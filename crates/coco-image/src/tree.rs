//! The files of an image, in memory: what [`assemble`](crate::assemble) makes and
//! [`layer`](crate::layer) writes. Bodies stay where they are until they are packed.
//!
//! A [`Tree`] holds only what the guest can see and we can promise: names, modes, contents. Owner,
//! inode number and time are absent on purpose; the writer derives them, so two equal trees are two
//! equal archives.
//!
//! Invariants, kept by [`Tree::insert`] and relied on by every reader:
//!
//! * a node's parent is in the tree and is a real directory, never a symbolic link;
//! * each path is there once: a later layer's node has replaced the earlier one;
//! * a hard link names a regular file that is in the tree, not another hard link;
//! * iteration is in byte order of paths, which puts a parent before its children.

mod body;
mod error;
mod node;

use std::collections::{BTreeMap, BTreeSet};

pub use body::{Bodies, Body, Cursor, Extent, Place, Spool};
pub use error::{FollowError, TreeError};
pub use node::{DeviceKind, Layer, Node};

use crate::path::GuestPath;
use crate::units::Mode;

/// Largest body a newc member can hold, in bytes: its size field has eight hex digits.
pub const BODY_MAX: u64 = 0xffff_ffff;

/// Longest target of a symbolic link that the kernel unpacks, in bytes (`PATH_MAX`).
pub const TARGET_MAX: usize = 4096;

/// How many symbolic links one look-up follows (Linux `MAXSYMLINKS`).
pub(crate) const LINKS_MAX: usize = 40;

/// A node with the layer it is packed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub node: Node,
    /// Where it is packed.
    pub layer: Layer,
    /// Who wanted it.
    pub origin: Origin,
}

/// Whether an input has a file, or only files below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An input or the profile has it.
    Declared,
    /// A directory that was made for a file below it; a declaration may still give it its mode.
    Implied,
}

/// What to do about a directory that no one has declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    /// It is an error, as the kernel would drop the file.
    Required,
    /// It is made, root's, with mode 0755, as `tar` does.
    Implied,
}

/// The files of an image by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<GuestPath, Entry>);

impl Default for Tree {
    fn default() -> Self {
        let node = Node::Directory(Mode::DIRECTORY);
        let root = Entry { node, layer: Layer::Base, origin: Origin::Implied };
        Self(BTreeMap::from([(GuestPath::root(), root)]))
    }
}

impl Tree {
    /// All files, a directory before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&GuestPath, &Entry)> {
        self.0.iter()
    }

    /// The file of exactly this name; links are not followed.
    pub fn get(&self, path: &GuestPath) -> Option<&Entry> {
        self.0.get(path)
    }

    /// Puts `node` at `path`, replacing what an earlier layer has there.
    ///
    /// Symbolic links on the way to `path` are followed, as the kernel does when it unpacks. A
    /// directory that is already there stays as it is, unless the configuration layer says otherwise;
    /// a directory that meets a symbolic link to a directory goes into that one.
    pub fn insert(
        &mut self,
        path: &GuestPath,
        node: Node,
        layer: Layer,
        parents: Parents,
    ) -> Result<(), TreeError> {
        keepable(path, &node)?;
        let path = self.open_parent(path, layer, parents)?;
        let node = self.checked_link(&path, node, layer)?;
        match self.0.get(&path) {
            None => {}
            Some(old) if matches!((&old.node, &node), (Node::Directory(_), Node::Directory(_))) => {
                return self.meet_directories(path, node, layer);
            }
            Some(old) if old.layer == layer => return Err(TreeError::Duplicate(path, layer)),
            Some(old) => match (&old.node, &node) {
                (Node::Symlink(_), Node::Directory(_)) if self.is_directory(&path) => return Ok(()),
                _ => self.remove(&path, node.kind())?,
            },
        }
        self.0.insert(path, Entry { node, layer, origin: Origin::Declared });
        Ok(())
    }

    /// Puts `node` at `path` whatever is there, as the kernel does with the members of an archive:
    /// a member of another type replaces, a directory keeps its files and takes the new mode, a file
    /// is written into, so that all its names change.
    pub fn overwrite(&mut self, path: &GuestPath, node: Node, layer: Layer) -> Result<(), TreeError> {
        keepable(path, &node)?;
        let real = self.open_parent(path, layer, Parents::Required)?;
        let node = self.checked_link(&real, node, layer)?;
        let real = match (self.0.get(&real).map(|entry| &entry.node), &node) {
            (None, _)
            | (Some(Node::Directory(_)), Node::Directory(_))
            | (Some(Node::File(..)), Node::File(..)) => real,
            (Some(Node::HardLink(first)), Node::File(..)) => first.clone(),
            (Some(_), _) => {
                self.remove(&real, node.kind())?;
                real
            }
        };
        self.0.insert(real, Entry { node, layer, origin: Origin::Declared });
        Ok(())
    }

    /// Gives the regular file at `path` another body: newc may send it with a later name of the file.
    pub fn overwrite_body(&mut self, path: &GuestPath, mode: Mode, body: Body) -> Result<(), TreeError> {
        let real = self.follow(path)?;
        match self.0.get_mut(&real).map(|entry| &mut entry.node) {
            Some(node @ Node::File(..)) => {
                *node = Node::File(mode, body);
                Ok(())
            }
            _ => Err(TreeError::HardLink { link: path.clone(), target: real }),
        }
    }

    /// Takes `path` and everything below it out. What is not there stays away.
    pub fn remove_all(&mut self, path: &GuestPath) {
        let below = self.0.keys().filter(|key| key.is_below(path) && !key.is_root()).cloned().collect();
        self.remove_each(&below);
    }

    /// Takes each of `paths` out. A directory must go with everything that is in it.
    pub(crate) fn remove_each(&mut self, paths: &BTreeSet<GuestPath>) {
        let first_name = |entry: &Entry| match &entry.node {
            Node::HardLink(first) => Some(first.clone()),
            _ => None,
        };
        let mut first_names: BTreeSet<GuestPath> = self.0.values().filter_map(first_name).collect();
        for path in paths {
            if first_names.contains(path) {
                first_names.extend(self.promote_links_of(path));
            }
            self.0.remove(path);
        }
    }

    /// The real name of what `path` leads to, all symbolic links followed.
    pub fn follow(&self, path: &GuestPath) -> Result<GuestPath, FollowError> {
        let mut budget = LINKS_MAX;
        self.walk(GuestPath::root(), path.as_str(), path, &mut budget)
    }

    /// The file `path` leads to, all symbolic links followed.
    pub fn lookup(&self, path: &GuestPath) -> Result<&Entry, FollowError> {
        let real = self.follow(path)?;
        match self.0.get(&real) {
            Some(Entry { node: Node::HardLink(first), .. }) => self.0.get(first),
            entry => entry,
        }
        .ok_or(FollowError::Missing { path: path.clone() })
    }

    fn is_directory(&self, path: &GuestPath) -> bool {
        self.lookup(path).is_ok_and(|entry| matches!(entry.node, Node::Directory(_)))
    }

    fn meet_directories(&mut self, path: GuestPath, node: Node, layer: Layer) -> Result<(), TreeError> {
        let Some(old) = self.0.get_mut(&path) else {
            return Ok(());
        };
        match old.origin {
            Origin::Implied => {
                old.node = node;
                old.origin = Origin::Declared;
            }
            Origin::Declared if old.layer == layer && old.node != node => {
                return Err(TreeError::Duplicate(path, layer));
            }
            // The directory keeps its layer: its files of an earlier one need it there.
            Origin::Declared if layer == Layer::Configuration => old.node = node,
            Origin::Declared => {}
        }
        Ok(())
    }

    /// The real name for a new node at `path`, once its parents are there.
    fn open_parent(
        &mut self,
        path: &GuestPath,
        layer: Layer,
        parents: Parents,
    ) -> Result<GuestPath, TreeError> {
        let Some(parent) = path.parent() else {
            return Ok(path.clone());
        };
        let real = match self.follow(&parent) {
            Ok(real) => real,
            Err(FollowError::Missing { .. }) if parents == Parents::Implied => {
                let real = self.open_parent(&parent, layer, parents)?;
                let node = Node::Directory(Mode::DIRECTORY);
                self.0.insert(real.clone(), Entry { node, layer, origin: Origin::Implied });
                real
            }
            Err(FollowError::Missing { .. }) => {
                return Err(TreeError::NoParent { path: path.clone(), parent });
            }
            Err(other) => return Err(other.into()),
        };
        match self.0.get(&real).map(|entry| &entry.node) {
            Some(Node::Directory(_)) => {}
            Some(other) => {
                return Err(TreeError::NotDirectory { path: path.clone(), parent, kind: other.kind() });
            }
            None => {
                return Err(TreeError::NoParent { path: path.clone(), parent });
            }
        }
        real.join(path.file_name()).map_err(|_| TreeError::NoParent { path: path.clone(), parent })
    }

    /// A hard link must share the layer and the file of its first name.
    fn checked_link(&self, link: &GuestPath, node: Node, layer: Layer) -> Result<Node, TreeError> {
        let Node::HardLink(target) = &node else {
            return Ok(node);
        };
        let wrong = || TreeError::HardLink { link: link.clone(), target: target.clone() };
        let parent = target.parent().ok_or_else(wrong)?;
        let real = self.follow(&parent)?.join(target.file_name()).map_err(|_| wrong())?;
        let first = match self.0.get(&real) {
            Some(entry) if entry.layer != layer => return Err(wrong()),
            Some(Entry { node: Node::File(..), .. }) => real,
            Some(Entry { node: Node::HardLink(first), .. }) => first.clone(),
            _ => return Err(wrong()),
        };
        if first == *link {
            return Err(TreeError::SelfLink(first));
        }
        Ok(Node::HardLink(first))
    }

    fn remove(&mut self, path: &GuestPath, by: &'static str) -> Result<(), TreeError> {
        // `/a-b` sorts between `/a` and `/a/b`: look from `/a/` on.
        let first_below = path.join("\u{20}").unwrap_or_else(|_| path.clone());
        let below = self.0.range(first_below..).map(|(key, _)| key).find(|key| *key != path);
        if below.is_some_and(|key| key.is_below(path)) {
            return Err(TreeError::NotEmpty { path: path.clone(), kind: by });
        }
        self.promote_links_of(path);
        self.0.remove(path);
        Ok(())
    }

    /// If `path` is the first name of a hard-linked file, hands the file to its next name, and gives that.
    fn promote_links_of(&mut self, path: &GuestPath) -> Option<GuestPath> {
        let mut links: Vec<GuestPath> = Vec::new();
        for (name, entry) in &self.0 {
            if matches!(&entry.node, Node::HardLink(first) if first == path) {
                links.push(name.clone());
            }
        }
        let mut links = links.into_iter();
        let heir = links.next()?;
        let file = self.0.get(path).map(|entry| entry.node.clone())?;
        for name in links {
            if let Some(entry) = self.0.get_mut(&name) {
                entry.node = Node::HardLink(heir.clone());
            }
        }
        self.0.get_mut(&heir)?.node = file;
        Some(heir)
    }

    /// Goes `way` from the directory `here`, part by part: `..` is the parent of where the links
    /// before it have led to, not of what is written.
    fn walk(
        &self,
        mut here: GuestPath,
        way: &str,
        asked: &GuestPath,
        budget: &mut usize,
    ) -> Result<GuestPath, FollowError> {
        for part in way.split('/') {
            let next = match part {
                "" | "." => continue,
                ".." => {
                    here = here.parent().unwrap_or(here);
                    continue;
                }
                part => here.join(part).map_err(|_| FollowError::Missing { path: asked.clone() })?,
            };
            here = match self.0.get(&next).map(|entry| &entry.node) {
                Some(Node::Symlink(target)) => {
                    *budget = budget.checked_sub(1).ok_or_else(|| FollowError::Loop(asked.clone()))?;
                    // Only for the error: the way is gone with the links in it.
                    target_of(&here, target)
                        .ok_or_else(|| FollowError::Target { path: next.clone(), target: target.clone() })?;
                    let start = if target.starts_with('/') { GuestPath::root() } else { here };
                    self.walk(start, target, asked, budget)?
                }
                Some(_) => next,
                None if way == asked.as_str() => {
                    return Err(FollowError::Missing { path: asked.clone() });
                }
                None => {
                    return Err(FollowError::Dangling { path: asked.clone(), missing: next });
                }
            };
        }
        Ok(here)
    }
}

/// What the kernel would drop or cut is an error here.
fn keepable(path: &GuestPath, node: &Node) -> Result<(), TreeError> {
    match node {
        Node::File(_, body) if body.len() > BODY_MAX => Err(TreeError::TooLarge(path.clone(), body.len())),
        Node::Symlink(target) if target.is_empty() || target.len() > TARGET_MAX || target.contains('\0') => {
            Err(TreeError::Target(path.clone(), target.len()))
        }
        _ => Ok(()),
    }
}

/// Where a symbolic link with this target leads from `directory`; `..` at the root stays there.
pub fn target_of(directory: &GuestPath, target: &str) -> Option<GuestPath> {
    let mut parts: Vec<&str> =
        if target.starts_with('/') { Vec::new() } else { directory.components().collect() };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/")).parse().ok()
}

#[cfg(test)]
mod tests;
