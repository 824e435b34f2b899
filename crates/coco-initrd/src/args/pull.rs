//! `coco-initrd pull`, as clap sees it.

use std::path::PathBuf;

use clap::Args;

/// `coco-initrd pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// What was pushed: REGISTRY/REPOSITORY:TAG, or REGISTRY/REPOSITORY@sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,

    /// Where it goes; a build that is there is replaced, anything else is not
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output_dir: PathBuf,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
