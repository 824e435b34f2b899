//! `coco-initrd cat`: the bytes of one file of an initrd, to standard output.

use anyhow::Context as _;
use coco_image::path::GuestPath;
use coco_image::tree::{FollowError, Node, Tree};

use crate::Outcome;
use crate::args::inspect::CatArgs;
use crate::initrd_file::InitrdFile;
use crate::output::Output;

/// A path that leads to no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFile {
    /// It leads nowhere.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// It is something else.
    #[error("{path} is a {kind}, expected a file")]
    Kind {
        /// Where the path leads.
        path: GuestPath,
        /// What is there.
        kind: &'static str,
    },
}

/// Prints a file.
pub(crate) fn cat(args: &CatArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (tree, store) = InitrdFile::files(&args.image.image, args.image.unpack_limit_mib)?;
    let node = file(&tree, &args.path)?;
    if let Node::File(_, body) = node {
        let mut reader = body.open(&store).with_context(|| format!("{} can't be read", args.path))?;
        out.bytes(reader.as_mut(), &args.path)?;
    }
    Ok(Outcome::Done)
}

fn file<'a>(tree: &'a Tree, path: &GuestPath) -> Result<&'a Node, NoFile> {
    let node = &tree.lookup(path)?.node;
    match node {
        Node::File(..) => Ok(node),
        other => Err(NoFile::Kind { path: tree.follow(path)?, kind: other.kind() }),
    }
}
