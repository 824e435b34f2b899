//! Which policy an initrd has in effect, and which others lie about. What it decides is the program's to say.

use std::collections::BTreeMap;

use crate::archive::initrd::{Initrd, RawMember};
use crate::assemble::{DEFAULT_POLICY, POLICY_DIRECTORY};
use crate::digest::{Sha256, Sha384};
use crate::newc::file_type;
use crate::path::GuestPath;
use crate::policy_location::{LocateError, Located, locate};
use crate::tree::{Bodies, LINKS_MAX, Node, Tree, target_of};

/// The policies of an initrd.
#[derive(Debug)]
pub struct PolicyFound {
    /// The symbolic links on the way from [`DEFAULT_POLICY`], in order.
    pub links: Vec<Link>,
    /// The one the agent loads, or why none is sure.
    pub effective: Result<Effective, LocateError>,
    /// Other files in the directory of policies, in order of paths: they have no effect.
    pub others: Vec<GuestPath>,
    /// Policies that a later member replaces.
    pub overridden: Vec<Overridden>,
}

/// A symbolic link on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link.
    pub path: GuestPath,
    /// Its target as written.
    pub target: String,
}

/// The policy the agent loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Its file and bytes.
    pub located: Located,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// Digest of its bytes.
    pub sha384: Sha384,
}

/// A member that was unpacked and then replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    /// The file.
    pub path: GuestPath,
    /// The segment that had it first, from 0.
    pub segment: usize,
    /// The segment that replaces it, from 0.
    pub by: usize,
}

/// Looks for the policies of `initrd`.
pub(super) fn find(initrd: &Initrd, bodies: &dyn Bodies) -> PolicyFound {
    let tree = &initrd.tree;
    let effective = locate(tree, bodies).map(|located| Effective {
        sha256: Sha256::of(&located.policy),
        sha384: Sha384::of(&located.policy),
        located,
    });
    let file = match &effective {
        Ok(effective) => Some(effective.located.file.clone()),
        // What is there is no policy, but neither is it another one.
        Err(_) => tree.follow(&GuestPath::fixed(DEFAULT_POLICY)).ok(),
    };
    let links = links(tree);
    let directory = GuestPath::fixed(POLICY_DIRECTORY);
    let has_effect =
        |path: &GuestPath| file.as_ref() == Some(path) || links.iter().any(|link| link.path == *path);
    let is_other = |path: &GuestPath, node: &Node| {
        path.is_below(&directory) && !matches!(node, Node::Directory(_)) && !has_effect(path)
    };
    let others = tree.iter().filter(|(path, entry)| is_other(path, &entry.node));
    let is_policy = |path: &GuestPath| path.is_below(&directory) || file.as_ref() == Some(path);
    PolicyFound {
        others: others.map(|(path, _)| path.clone()).collect(),
        overridden: overridden(tree, &initrd.members, is_policy),
        links,
        effective,
    }
}

/// The links from [`DEFAULT_POLICY`] on, as far as they lead.
fn links(tree: &Tree) -> Vec<Link> {
    let mut links = Vec::new();
    let mut path = GuestPath::fixed(DEFAULT_POLICY);
    while links.len() < LINKS_MAX {
        let Some(real) = real_name(tree, &path) else { break };
        let Some(Node::Symlink(target)) = tree.get(&real).map(|entry| &entry.node) else { break };
        let directory = real.parent().unwrap_or_else(GuestPath::root);
        if links.iter().any(|link: &Link| link.path == real) {
            break; // round and round
        }
        links.push(Link { path: real, target: target.clone() });
        let Some(next) = target_of(&directory, target) else { break };
        path = next;
    }
    links
}

/// Where a member of this name is, all links on the way to it followed, but not itself.
fn real_name(tree: &Tree, path: &GuestPath) -> Option<GuestPath> {
    tree.follow(&path.parent()?).ok()?.join(path.file_name()).ok()
}

/// Members that are there again later. Directories only get another mode.
fn overridden(tree: &Tree, members: &[RawMember], is_wanted: impl Fn(&GuestPath) -> bool) -> Vec<Overridden> {
    let mut seen: BTreeMap<GuestPath, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for member in members.iter().filter(|member| member.header.mode & file_type::MASK != file_type::DIRECTORY)
    {
        let Some(path) = real_name(tree, &member.path).filter(&is_wanted) else { continue };
        if let Some(segment) = seen.insert(path.clone(), member.segment) {
            found.push(Overridden { path, segment, by: member.segment });
        }
    }
    found
}
