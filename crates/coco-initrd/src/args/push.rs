//! `coco-initrd push`, as clap sees it.

use std::path::PathBuf;

use clap::Args;

/// `coco-initrd push`.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The output directory of a build
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Where it goes: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REF")]
    pub(crate) reference: String,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
