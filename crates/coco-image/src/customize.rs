//! An existing image with something changed: policy, files, certificates. Tree in, tree out.
//!
//! What was there stays in the layer `base`, what is new is in `configuration`. Whether the policy is fit for a
//! default, and what the guard is told, is the program's business.

mod appendix;
mod certificates;

use std::collections::BTreeMap;

pub use appendix::{append, appendix_offset};
pub use certificates::{CERTIFICATES, Certificates, NotCertificates, bundle_place};

use crate::assemble::{
    self, AGENT, AssembleError, DEFAULT_POLICY, GUARD_PLAN, INIT, POLICY_DIRECTORY, PolicyFile,
};
use crate::path::GuestPath;
use crate::tree::{Body, FollowError, Layer, Node, Origin, Parents, Tree, TreeError};
use crate::units::{Init, Mode};

/// What the guard's plan is called when it is missed.
const PLAN_ROLE: &str = "the guard's plan";

/// What is to be changed.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// Paths that go, directories with everything below them.
    pub remove: Vec<GuestPath>,
    /// Files that come, or replace what is there.
    pub add: Vec<Addition>,
    /// The policy that takes the place of all others below [`POLICY_DIRECTORY`]; `None` keeps them.
    pub policy: Option<PolicyFile>,
    /// The guard's plan, renewed; `None` if there is no guard.
    pub plan: Option<Body>,
    /// A bundle of certificates: its real place, and what is in it now.
    pub bundle: Option<(GuestPath, Body)>,
}

/// A file that is to be added.
#[derive(Debug, Clone)]
pub struct Addition {
    /// Its place.
    pub path: GuestPath,
    /// Its permissions.
    pub mode: Mode,
    /// Its contents.
    pub body: Body,
}

/// The image as it was changed.
#[derive(Debug, Clone)]
pub struct Customized {
    /// Its files.
    pub tree: Tree,
    /// Policies that were left out.
    pub removed_policies: Vec<GuestPath>,
    /// Policies that lie about without effect: an appendix can't remove them.
    pub kept_policies: Vec<GuestPath>,
    /// Whether each added file has replaced one.
    pub replaced: BTreeMap<GuestPath, bool>,
    /// Directories that were made for added files.
    pub made: Vec<GuestPath>,
}

/// Why an image can't be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomizeError {
    /// A path that is to be removed is not there.
    #[error("--remove {0}: it is not in the image")]
    NotThere(GuestPath),
    /// A path that the guest can't do without.
    #[error("--remove {path}: {needed} is needed, as {role}")]
    Needed {
        /// What was to be removed.
        path: GuestPath,
        /// What would have gone with it.
        needed: GuestPath,
        /// What that is.
        role: &'static str,
    },
    /// The certificates that are there would come back with the new ones.
    #[error("--remove {path}: certificates are to be added to {bundle}")]
    Bundle {
        /// What was to be removed.
        path: GuestPath,
        /// The bundle.
        bundle: GuestPath,
    },
    /// A path is given twice.
    #[error("{0} is given more than once with --add and --remove")]
    Twice(GuestPath),
    /// A place that only this program writes.
    #[error("--add {0}: this file is not added by hand")]
    Reserved(GuestPath),
    /// A directory is in the way.
    #[error("--add {0}: a directory is there")]
    Directory(GuestPath),
    /// A file does not fit into the tree.
    #[error("--add {path}: {error}")]
    Add {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: TreeError,
    },
    /// What is written for the policy does not fit into the tree.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The kernel only ever adds.
    #[error("--remove {0}: an appendix can't remove a file")]
    Appended(GuestPath),
    /// The kernel writes into a file that is there, whatever its names.
    #[error("{path} and {other} are one file of the image: an appendix would change both")]
    Shared {
        /// The file that is to be replaced.
        path: GuestPath,
        /// Its first name, or a further one.
        other: GuestPath,
    },
    /// The changed image would not start.
    #[error("the changed image has no {role}: {error}")]
    Broken {
        /// What is gone.
        role: &'static str,
        /// The reason.
        error: FollowError,
    },
}

/// Makes `edits` to `base`.
pub fn apply(base: &Tree, edits: &Edits) -> Result<Customized, CustomizeError> {
    change(base, edits, Layer::Configuration)
}

/// Makes `edits` to `base`; what is new goes into `layer`.
fn change(base: &Tree, edits: &Edits, layer: Layer) -> Result<Customized, CustomizeError> {
    let mut tree = base.clone();
    refuse_conflicts(&tree, edits)?;
    for path in &edits.remove {
        tree.remove_all(&real_name(base, path));
    }
    let mut removed_policies = Vec::new();
    match &edits.policy {
        Some(policy) if layer == Layer::Appendix => assemble::add_policy(&mut tree, policy, layer)?,
        Some(policy) => removed_policies = assemble::replace_policy(&mut tree, policy)?,
        None => {}
    }
    let mut put = |path: &GuestPath, node| put(&mut tree, path, node, layer);
    let mut replaced = BTreeMap::new();
    for Addition { path, mode, body } in &edits.add {
        let is_there = put(path, Node::File(*mode, body.clone()))?;
        replaced.insert(path.clone(), is_there);
    }
    if let Some(plan) = &edits.plan {
        put(&GuestPath::fixed(GUARD_PLAN), Node::File(Mode::FILE, plan.clone()))?;
    }
    if let Some((path, body)) = &edits.bundle {
        let mode = match base.get(path).map(|entry| &entry.node) {
            Some(Node::File(mode, _)) => *mode,
            _ => Mode::FILE,
        };
        put(path, Node::File(mode, body.clone()))?;
    }
    still_starts(base, &tree)?;
    let made = tree.iter().filter(|(path, entry)| {
        entry.origin == Origin::Implied && entry.layer == layer && base.get(path).is_none()
    });
    let made = made.map(|(path, _)| path.clone()).collect();
    Ok(Customized { tree, removed_policies, kept_policies: Vec::new(), replaced, made })
}

/// What runs as PID 1 in the end, by its usual name if it has one: `exec` of the guard's plan, or [`INIT`].
pub fn started(tree: &Tree, exec: Option<&GuestPath>) -> Result<(Option<Init>, String), FollowError> {
    let init = GuestPath::fixed(INIT);
    let real = tree.follow(exec.unwrap_or(&init))?;
    for init in Init::ALL {
        let program = assemble::init_program(*init);
        if tree.follow(&GuestPath::fixed(program)).is_ok_and(|known| known == real) {
            return Ok((Some(*init), program.to_owned()));
        }
    }
    Ok((None, real.to_string()))
}

/// Puts `node` at `path`; says whether a file was there.
fn put(tree: &mut Tree, path: &GuestPath, node: Node, layer: Layer) -> Result<bool, CustomizeError> {
    let old = tree.get(&real_name(tree, path)).map(|entry| &entry.node);
    if matches!(old, Some(Node::Directory(_))) {
        return Err(CustomizeError::Directory(path.clone()));
    }
    let is_there = old.is_some();
    tree.insert(path, node, layer, Parents::Implied)
        .map_err(|error| CustomizeError::Add { path: path.clone(), error })?;
    Ok(is_there)
}

/// The name a path has when the links to its directory are followed, but not the last one.
fn real_name(tree: &Tree, path: &GuestPath) -> GuestPath {
    let parent = path.parent().and_then(|parent| tree.follow(&parent).ok());
    parent.and_then(|parent| parent.join(path.file_name()).ok()).unwrap_or_else(|| path.clone())
}

fn refuse_conflicts(tree: &Tree, edits: &Edits) -> Result<(), CustomizeError> {
    let mut given: BTreeMap<GuestPath, &GuestPath> = BTreeMap::new();
    for path in edits.remove.iter().chain(edits.add.iter().map(|addition| &addition.path)) {
        if given.insert(real_name(tree, path), path).is_some() {
            return Err(CustomizeError::Twice(path.clone()));
        }
    }
    let policies = GuestPath::fixed(POLICY_DIRECTORY);
    let real_policies = tree.follow(&policies).unwrap_or_else(|_| policies.clone());
    for Addition { path, .. } in &edits.add {
        let real = real_name(tree, path);
        let is_ours = [INIT, GUARD_PLAN].iter().any(|ours| real.as_str() == *ours);
        if is_ours || real.is_below(&policies) || real.is_below(&real_policies) {
            return Err(CustomizeError::Reserved(path.clone()));
        }
    }
    let mut needed = needed(tree);
    if edits.plan.is_none() {
        // Without the guard nobody reads it.
        needed.retain(|(_, role)| *role != PLAN_ROLE);
    }
    for path in &edits.remove {
        let real = real_name(tree, path);
        if tree.get(&real).is_none() {
            return Err(CustomizeError::NotThere(path.clone()));
        }
        if let Some((bundle, _)) = edits.bundle.as_ref().filter(|(bundle, _)| bundle.is_below(&real)) {
            return Err(CustomizeError::Bundle { path: path.clone(), bundle: bundle.clone() });
        }
        if let Some((needed, role)) = needed.iter().find(|(needed, _)| needed.is_below(&real)) {
            let (path, needed) = (path.clone(), needed.clone());
            return Err(CustomizeError::Needed { path, needed, role });
        }
    }
    Ok(())
}

/// What may not be removed: by the name it is asked for, and by its real one.
fn needed(tree: &Tree) -> Vec<(GuestPath, &'static str)> {
    let roles = [(INIT, "init"), (AGENT, "agent"), (DEFAULT_POLICY, "policy"), (GUARD_PLAN, PLAN_ROLE)];
    let mut needed = Vec::new();
    for (name, role) in roles {
        let name = GuestPath::fixed(name);
        if let Ok(real) = tree.follow(&name) {
            needed.extend([(real_name(tree, &name), role), (real, role)]);
        }
    }
    needed
}

/// Links may have been removed that lead to what is needed.
fn still_starts(base: &Tree, tree: &Tree) -> Result<(), CustomizeError> {
    let broken = |role| move |error| CustomizeError::Broken { role, error };
    tree.lookup(&GuestPath::fixed(INIT)).map_err(broken("/init"))?;
    if base.lookup(&GuestPath::fixed(AGENT)).is_ok() {
        tree.lookup(&GuestPath::fixed(AGENT)).map_err(broken("kata-agent"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
