//! Where the default policy of a guest is, and how a pod's own policy takes its place: from the tree
//! of an image or an overlay. What the policy decides is the caller's business.
//!
//! On bare metal the agent opens [`DEFAULT_POLICY`], and replaces it with the one of the initdata
//! device it finds (kata `src/agent/src/initdata.rs`). In a podvm that path leads to [`RUN_POLICY`],
//! which systemd-tmpfiles makes at boot and process-user-data may write over.

mod reach;
mod settings;
mod tmpfiles;

use std::io::{self, Read as _};

use self::reach::Guarded;
use crate::assemble::{AGENT, DEFAULT_POLICY, POLICY_DIRECTORY};
use crate::overlay::RUN_POLICY;
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, FollowError, Node, Tree, target_of};

/// Largest file that is read here, in bytes; the agent's limit for a policy (kata
/// `src/agent/policy/src/policy.rs`).
pub const BODY_MAX: u64 = 16 << 20;

/// The default policy of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file that has it.
    pub file: GuestPath,
    /// Its bytes.
    pub policy: Vec<u8>,
    /// How a pod's own policy takes its place.
    pub replacement: Replacement,
}

/// How a pod's own policy takes the place of the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// The agent, which is here, reads the initdata device.
    InitdataDevice(GuestPath),
    /// Not at all: the default is in the image, and no agent that could replace it.
    NoAgent,
    /// process-user-data writes over what this file of tmpfiles.d put there.
    ProcessUserData(GuestPath),
}

impl Replacement {
    /// The word for the kind of guest.
    pub fn form(&self) -> &'static str {
        match self {
            Self::InitdataDevice(_) | Self::NoAgent => "initrd",
            Self::ProcessUserData(_) => "podvm",
        }
    }

    /// Whether a pod's own policy gets through.
    pub fn works(&self) -> bool {
        *self != Self::NoAgent
    }
}

/// Why a guest has no default policy that it is sure to load.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// A link that leads nowhere, goes round, or nothing at all.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A directory or a device.
    #[error("{path} is a {kind}, expected a file")]
    NotFile {
        /// What should be the policy.
        path: GuestPath,
        /// What it is.
        kind: &'static str,
    },
    /// The agent stops on it.
    #[error("{0} is empty")]
    Empty(GuestPath),
    /// More than the agent takes.
    #[error("{0} has {1} bytes, over the {BODY_MAX} the agent reads")]
    TooLarge(GuestPath, u64),
    /// The link of a podvm, and nothing that fills it.
    #[error("{DEFAULT_POLICY} leads to {RUN_POLICY}, but no line of tmpfiles.d puts a policy there")]
    NoLine,
    /// systemd-tmpfiles takes one and complains about the other.
    #[error("{RUN_POLICY} has more than one line in tmpfiles.d: {0} and {1}")]
    TwoLines(GuestPath, GuestPath),
    /// A line that puts something else there, or nothing.
    #[error("{place}: line {line}: {problem}")]
    Line {
        /// The file of tmpfiles.d.
        place: GuestPath,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A file that says which policy the agent loads, or may.
    #[error("{place}: {problem}")]
    Setting {
        /// The file.
        place: GuestPath,
        /// What it says.
        problem: String,
    },
    /// What the image has there is not what the agent finds.
    #[error("{0} is below /run, and something is mounted over that")]
    MountedOver(GuestPath),
    /// A body can't be read.
    #[error("{path} can't be read: {error}")]
    Read {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: io::Error,
    },
}

/// Finds the default policy of the guest that `tree` is, or is laid over. A guest that may put
/// something else in its place, or have the agent look elsewhere, has none that is sure.
pub fn locate(tree: &Tree, bodies: &dyn Bodies) -> Result<Located, LocateError> {
    let default = GuestPath::fixed(DEFAULT_POLICY);
    let lines = tmpfiles::lines(tree, bodies)?;
    let mut places = vec![GuestPath::fixed(POLICY_DIRECTORY)];
    let located = if leads_to_run(tree, &default)? {
        places.extend(GuestPath::fixed(RUN_POLICY).parent());
        let source = tmpfiles::source(&lines)?;
        let (file, policy) = read(tree, bodies, &source.policy)?;
        Located { file, policy, replacement: Replacement::ProcessUserData(source.place) }
    } else {
        let (file, policy) = read(tree, bodies, &default)?;
        let replacement = match tree.lookup(&GuestPath::fixed(AGENT)).map(|entry| &entry.node) {
            Ok(Node::File(..)) => Replacement::InitdataDevice(GuestPath::fixed(AGENT)),
            _ => Replacement::NoAgent,
        };
        Located { file, policy, replacement }
    };
    places.push(located.file.clone());
    tmpfiles::nothing_else(&lines, &Guarded::new(tree, places))?;
    settings::name_no_policy(tree, bodies)?;
    Ok(located)
}

/// Whether the link at `default` is that of a podvm. What an image has below `/run` does not count:
/// something is mounted over it.
fn leads_to_run(tree: &Tree, default: &GuestPath) -> Result<bool, FollowError> {
    let Some(parent) = default.parent() else { return Ok(false) };
    let directory = tree.follow(&parent)?;
    let link = directory.join(default.file_name()).ok();
    Ok(match link.and_then(|link| tree.get(&link)).map(|entry| &entry.node) {
        Some(Node::Symlink(target)) => {
            target_of(&directory, target).is_some_and(|target| target.as_str() == RUN_POLICY)
        }
        _ => false,
    })
}

/// The file that `path` leads to, with its bytes.
fn read(tree: &Tree, bodies: &dyn Bodies, path: &GuestPath) -> Result<(GuestPath, Vec<u8>), LocateError> {
    let real = tree.follow(path)?;
    if real.is_below(&GuestPath::fixed("/run")) {
        return Err(LocateError::MountedOver(real));
    }
    let bytes = match &tree.lookup(&real)?.node {
        Node::File(_, body) => contents(&real, body, bodies)?,
        other => return Err(LocateError::NotFile { path: real, kind: other.kind() }),
    };
    if bytes.is_empty() { Err(LocateError::Empty(real)) } else { Ok((real, bytes)) }
}

fn contents(path: &GuestPath, body: &Body, bodies: &dyn Bodies) -> Result<Vec<u8>, LocateError> {
    if body.len() > BODY_MAX {
        return Err(LocateError::TooLarge(path.clone(), body.len()));
    }
    let mut bytes = Vec::new();
    let read = body.open(bodies).and_then(|mut reader| reader.read_to_end(&mut bytes));
    read.map_err(|error| LocateError::Read { path: path.clone(), error })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
