//! Profile and inputs to tree: where each thing goes, and why.
//!
//! The base goes in first, the components over it, the configuration over both; whatever a later one
//! brings replaces what an earlier one had. Whether the result can boot is asked by
//! [`check`](crate::check).

mod extras;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::archive::Member;
use crate::modules::{Module, Modules};
use crate::path::GuestPath;
use crate::profile::{ComponentFile, Guard, Profile, Role};
use crate::tree::{Bodies, Body, Layer, Node, Parents, Tree, TreeError};
use crate::trim::{self, TrimError, Trimmed};
use crate::units::{Init, Mode};
pub use extras::CertificatesError;

/// Where the agent is (kata `src/agent/kata-agent.service.in`).
pub const AGENT: &str = "/usr/bin/kata-agent";
/// Where systemd is (kata `tools/osbuilder/initrd-builder/initrd_builder.sh`).
pub const SYSTEMD: &str = "/lib/systemd/systemd";
/// What the kernel starts (`init/main.c`, `ramdisk_execute_command`).
pub const INIT: &str = "/init";
/// The directory of policies; nothing of a base stays in it.
pub const POLICY_DIRECTORY: &str = "/etc/kata-opa";
/// What the agent loads (kata `src/agent/policy/src/policy.rs`, `POLICY_DEFAULT_FILE`).
pub const DEFAULT_POLICY: &str = "/etc/kata-opa/default-policy.rego";
/// What the guard reads.
pub const GUARD_PLAN: &str = "/etc/coco-initrd/guard.toml";

/// An input that has been read.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A single file.
    File(Body),
    /// The files of a directory or an archive.
    Members(Vec<Member>),
}

/// Who answers the host in the guest.
#[derive(Debug, Clone)]
pub enum GuestSoftware {
    /// Agent, guest components and pause bundle, as far as they are not in the base.
    Components(BTreeMap<Role, Loaded>),
    /// The project's own stand-in for all of them.
    BuiltIn(Body),
}

/// The policy that is packed.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    /// Its file name in the image, ending in `.rego`.
    pub name: String,
    /// Its bytes, exactly as they were evaluated.
    pub body: Body,
}

/// All that an image is made of.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The base root file system.
    pub base: Option<Vec<Member>>,
    /// Agent and components.
    pub guest: GuestSoftware,
    /// The default policy.
    pub policy: PolicyFile,
    /// The guard and its plan; unused if the profile turns the guard off.
    pub guard: (Body, Body),
    /// The kernel modules the profile names, with all they need.
    pub modules: Modules,
    /// Files that the profile takes from beside itself.
    pub sources: BTreeMap<PathBuf, Body>,
}

/// The tree of an image, and what was left out of it.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// The files.
    pub tree: Tree,
    /// Policies of the base or of a component that are not in the image.
    pub removed: Vec<GuestPath>,
    /// What was left out of the base, rule by rule.
    pub trimmed: Vec<Trimmed>,
}

/// Why inputs don't make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A file doesn't fit into the tree.
    #[error("{input}: {error}")]
    Tree {
        /// The input it comes from.
        input: &'static str,
        /// The reason.
        error: TreeError,
    },
    /// A rule about the base does nothing.
    #[error(transparent)]
    Trim(#[from] TrimError),
    /// A base is a file system, not a program.
    #[error("the base is a single file, expected a root file system: a directory, a tar or an initrd")]
    BaseIsFile,
    /// A component of several files was given as one.
    #[error("{role} is a single file, expected {expected}", role = .role.name(), expected = .expected.join(", "))]
    ComponentIsFile {
        /// The component.
        role: Role,
        /// The files it should bring.
        expected: Vec<String>,
    },
    /// A component's input lacks one of its files.
    #[error("{role} has no `{missing}` (nor `{path}`)", role = .role.name())]
    ComponentFile {
        /// The component.
        role: Role,
        /// The file's name in an input that is just the component.
        missing: String,
        /// Its place in an input that is a root file system.
        path: GuestPath,
    },
    /// A file nobody knows where to put.
    #[error("{role} has `{member}`, which the profile knows no place for", role = .role.name())]
    Unexpected {
        /// The component.
        role: Role,
        /// The file.
        member: GuestPath,
    },
    /// The profile has no files for a component that was given.
    #[error("the profile has no [component.{name}]", name = .0.name())]
    NoComponent(Role),
    /// A file beside the profile was not read.
    #[error("{} was not read", .0.display())]
    Source(PathBuf),
    /// The base has no certificates where the profile says.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// A file of the profile among the policies: nothing but the evaluated one may be there.
    #[error("{0} of the profile is in {POLICY_DIRECTORY}, where only the policy may be")]
    ExtraPolicy(GuestPath),
    /// The policy's file name can't be used in the image.
    #[error(
        "the policy's file name `{0}` can't be used: it must end in .rego and not be default-policy.rego"
    )]
    PolicyName(String),
}

/// Makes the tree of `profile` out of `inputs`, whose contents are in `bodies`.
pub fn assemble(profile: &Profile, inputs: &Inputs, bodies: &dyn Bodies) -> Result<Assembled, AssembleError> {
    let mut tree = Tree::default();
    if let Some(members) = &inputs.base {
        add_members(&mut tree, members, Layer::Base, "base")?;
    }
    // Certificates are gathered of the whole base: the files they are in need not stay.
    let extras = extras::nodes(profile, inputs, &tree, bodies)?;
    let trimmed = trim::trim(&mut tree, &profile.trim)?;
    match &inputs.guest {
        GuestSoftware::BuiltIn(guest) => {
            let node = Node::File(Mode::PROGRAM, guest.clone());
            add(&mut tree, &GuestPath::fixed(AGENT), node, Layer::Components, "built-in guest")?;
        }
        GuestSoftware::Components(components) => {
            for (role, loaded) in components {
                add_component(&mut tree, profile, *role, loaded)?;
            }
        }
    }
    for Module { path, body } in &inputs.modules.load {
        if let Some(body) = body {
            let node = Node::File(Mode::FILE, body.clone());
            add(&mut tree, path, node, Layer::Components, Role::KernelModules.name())?;
        }
    }
    let removed = replace_policy(&mut tree, &inputs.policy)?;
    add_init(&mut tree, profile, inputs)?;
    for (path, node) in extras {
        add(&mut tree, &path, node, Layer::Configuration, "profile")?;
    }
    Ok(Assembled { tree, removed, trimmed })
}

/// The files of one input as they are, nothing added and nothing left out.
pub fn as_found(members: &[Member]) -> Result<Tree, AssembleError> {
    let mut tree = Tree::default();
    if let Some(root) = members.iter().find(|member| member.path.is_root()) {
        add(&mut tree, &root.path, root.node.clone(), Layer::Base, "archive")?;
    }
    add_members(&mut tree, members, Layer::Base, "archive")?;
    Ok(tree)
}

/// Makes `policy` the only one of `tree`; gives those that were left out.
pub(crate) fn replace_policy(tree: &mut Tree, policy: &PolicyFile) -> Result<Vec<GuestPath>, AssembleError> {
    let removed = remove_policies(tree);
    add_policy(tree, policy, Layer::Configuration)?;
    Ok(removed)
}

/// The program that runs as PID 1 in the end.
pub fn init_program(init: Init) -> &'static str {
    match init {
        Init::Agent => AGENT,
        Init::Systemd => SYSTEMD,
    }
}

fn add(
    tree: &mut Tree,
    path: &GuestPath,
    node: Node,
    layer: Layer,
    input: &'static str,
) -> Result<(), AssembleError> {
    tree.insert(path, node, layer, Parents::Implied).map_err(|error| AssembleError::Tree { input, error })
}

/// Inserts the members of an input, in an order that does not depend on theirs: links first, since
/// directories may lie behind them, hard links last, since they need their file. The root directory is the
/// image's own, whatever an input has there.
fn add_members(
    tree: &mut Tree,
    members: &[Member],
    layer: Layer,
    input: &'static str,
) -> Result<(), AssembleError> {
    let rank = |node: &Node| match node {
        Node::Symlink(_) => 0,
        Node::Directory(_) => 1,
        Node::HardLink(_) => 3,
        _ => 2,
    };
    let mut waiting: Vec<&Member> = members.iter().filter(|member| !member.path.is_root()).collect();
    waiting.sort_by_key(|member| (rank(&member.node), &member.path));
    // What lies behind a link, or is a further name of one, can only go in once that is there.
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut postponed = Vec::new();
        let mut first_error = None;
        for member in waiting {
            match add(tree, &member.path, member.node.clone(), layer, input) {
                Ok(()) => {}
                Err(AssembleError::Tree {
                    error: error @ (TreeError::Follow(_) | TreeError::HardLink { .. }),
                    ..
                }) => {
                    postponed.push(member);
                    first_error.get_or_insert(AssembleError::Tree { input, error });
                }
                Err(error) => return Err(error),
            }
        }
        if postponed.len() == before
            && let Some(error) = first_error
        {
            return Err(error);
        }
        waiting = postponed;
    }
    Ok(())
}

fn add_component(
    tree: &mut Tree,
    profile: &Profile,
    role: Role,
    loaded: &Loaded,
) -> Result<(), AssembleError> {
    let files = profile.components.get(&role).ok_or(AssembleError::NoComponent(role))?;
    match (loaded, files.as_slice()) {
        (Loaded::File(body), [only]) => {
            let node = Node::File(only.mode, body.clone());
            add(tree, &only.path, node, Layer::Components, role.name())
        }
        (Loaded::File(_), _) => {
            let expected = files.iter().map(|file| file.name.clone()).collect();
            Err(AssembleError::ComponentIsFile { role, expected })
        }
        (Loaded::Members(members), _) => {
            let is_rooted = members.iter().any(|member| files.iter().any(|file| file.path == member.path));
            let members = if is_rooted { rooted(members, files) } else { renamed(role, members, files)? };
            add_members(tree, &members, Layer::Components, role.name())
        }
    }
}

/// The members of a component that comes as a root file system: all of them, where they are.
fn rooted(members: &[Member], files: &[ComponentFile]) -> Vec<Member> {
    let with_mode = |member: &Member| {
        let file = files.iter().find(|file| file.path == member.path);
        match (&member.node, file) {
            (Node::File(_, body), Some(file)) => {
                Member { path: member.path.clone(), node: Node::File(file.mode, body.clone()) }
            }
            _ => member.clone(),
        }
    };
    members.iter().map(with_mode).collect()
}

/// The members of a component that comes by itself: each to its place.
fn renamed(role: Role, members: &[Member], files: &[ComponentFile]) -> Result<Vec<Member>, AssembleError> {
    let mut placed = Vec::new();
    for file in files {
        let found = members.iter().find(|member| member.path.member() == file.name);
        let Some(Member { node: Node::File(_, body), .. }) = found else {
            let (missing, path) = (file.name.clone(), file.path.clone());
            return Err(AssembleError::ComponentFile { role, missing, path });
        };
        placed.push(Member { path: file.path.clone(), node: Node::File(file.mode, body.clone()) });
    }
    let unknown = members.iter().find(|member| {
        !matches!(member.node, Node::Directory(_))
            && !files.iter().any(|file| member.path.member() == file.name)
    });
    match unknown {
        Some(member) => Err(AssembleError::Unexpected { role, member: member.path.clone() }),
        None => Ok(placed),
    }
}

/// A permissive policy that ships with the image waits for somebody to point the agent to it.
fn remove_policies(tree: &mut Tree) -> Vec<GuestPath> {
    let removed = policies(tree);
    for path in &removed {
        tree.remove_all(path);
    }
    tree.remove_all(&GuestPath::fixed(POLICY_DIRECTORY));
    removed
}

/// All files where policies are, links among them.
pub(crate) fn policies(tree: &Tree) -> Vec<GuestPath> {
    let directory = GuestPath::fixed(POLICY_DIRECTORY);
    // The directory of a base may be a link to where its policies really are.
    let real = tree.follow(&directory).unwrap_or_else(|_| directory.clone());
    let is_policy = |path: &GuestPath, node: &Node| {
        let is_rego = Path::new(path.as_str()).extension().is_some_and(|extension| extension == "rego");
        let is_here = path.is_below(&directory) || path.is_below(&real) && is_rego;
        is_here && !matches!(node, Node::Directory(_))
    };
    tree.iter().filter(|(path, entry)| is_policy(path, &entry.node)).map(|(path, _)| path.clone()).collect()
}

/// Makes `policy` the one that the agent loads.
pub(crate) fn add_policy(tree: &mut Tree, policy: &PolicyFile, layer: Layer) -> Result<(), AssembleError> {
    let directory = GuestPath::fixed(POLICY_DIRECTORY);
    let path = directory.join(&policy.name).map_err(|_| AssembleError::PolicyName(policy.name.clone()))?;
    let is_rego = Path::new(&policy.name).extension().is_some_and(|extension| extension == "rego");
    if !is_rego || policy.name.contains('/') || path == GuestPath::fixed(DEFAULT_POLICY) {
        return Err(AssembleError::PolicyName(policy.name.clone()));
    }
    let mut put = |path: &GuestPath, node| add(tree, path, node, layer, "policy");
    put(&directory, Node::Directory(Mode::DIRECTORY))?;
    put(&path, Node::File(Mode::FILE, policy.body.clone()))?;
    put(&GuestPath::fixed(DEFAULT_POLICY), Node::Symlink(policy.name.clone()))
}

fn add_init(tree: &mut Tree, profile: &Profile, inputs: &Inputs) -> Result<(), AssembleError> {
    let mut put =
        |path: &'static str, node| add(tree, &GuestPath::fixed(path), node, Layer::Configuration, "init");
    match profile.guard {
        Guard::On => {
            let (guard, plan) = &inputs.guard;
            put(INIT, Node::File(Mode::PROGRAM, guard.clone()))?;
            put(GUARD_PLAN, Node::File(Mode::FILE, plan.clone()))
        }
        Guard::Off => put(INIT, Node::Symlink(init_program(profile.init).to_owned())),
    }
}

#[cfg(test)]
mod tests;
