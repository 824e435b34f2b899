//! Why a node can't be in the tree, and why a path leads nowhere.

use super::{BODY_MAX, LINKS_MAX, Layer, TARGET_MAX};
use crate::path::GuestPath;

/// Why a node cannot be in the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Two inputs of one layer claim one path.
    #[error("{0} is there twice in the {name} layer", name = .1.name())]
    Duplicate(GuestPath, Layer),
    /// newc sizes are 32-bit: a larger file would wrap and corrupt all that follows.
    #[error("{0} is {1} bytes, over the {BODY_MAX} a cpio member can hold")]
    TooLarge(GuestPath, u64),
    /// The kernel would drop the link without a word.
    #[error("the target of symbolic link {0} has {1} bytes, expected 1 to {TARGET_MAX} and no NUL")]
    Target(GuestPath, usize),
    /// The kernel would drop the file without a word.
    #[error("{path} needs directory {parent}, which is not in the archive")]
    NoParent {
        /// The node that was to be inserted.
        path: GuestPath,
        /// The directory that must come first.
        parent: GuestPath,
    },
    /// Something on the way is a file.
    #[error("{path} can't be below {parent}, which is a {kind}")]
    NotDirectory {
        /// The node that was to be inserted.
        path: GuestPath,
        /// What is in the way.
        parent: GuestPath,
        /// What it is.
        kind: &'static str,
    },
    /// A directory with files in it would be replaced.
    #[error("{path} is a directory with files in it, a {kind} can't replace it")]
    NotEmpty {
        /// The directory.
        path: GuestPath,
        /// What was to replace it.
        kind: &'static str,
    },
    /// A hard link to nothing, or to something that is no regular file.
    #[error("{link} is a hard link to {target}, which is not a regular file of the same layer")]
    HardLink {
        /// The link.
        link: GuestPath,
        /// The name it should share a file with.
        target: GuestPath,
    },
    /// The kernel would take the name away before it links it.
    #[error("{0} is a hard link to itself")]
    SelfLink(GuestPath),
    /// A symbolic link on the way to a node leads nowhere.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// Why a path leads to no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Nothing is there.
    #[error("{path} is not in the image")]
    Missing {
        /// What was looked for.
        path: GuestPath,
    },
    /// A symbolic link points to nothing.
    #[error("{path} leads to {missing}, which is not in the image")]
    Dangling {
        /// What was looked for.
        path: GuestPath,
        /// Where the way ended.
        missing: GuestPath,
    },
    /// Symbolic links go round.
    #[error("{0} goes through more than {LINKS_MAX} symbolic links")]
    Loop(GuestPath),
    /// A target that is no file name.
    #[error("symbolic link {path} -> {target} can't be followed")]
    Target {
        /// The link.
        path: GuestPath,
        /// Its target as written.
        target: String,
    },
}
