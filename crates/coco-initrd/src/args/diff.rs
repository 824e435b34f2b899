//! The command line of `coco-initrd diff`.

use std::path::PathBuf;

use clap::Args;

use crate::initrd_file::UNPACK_LIMIT_MIB;

/// `coco-initrd diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// An initrd of anybody's, or the manifest.json of a build with its image beside it
    pub(crate) a: PathBuf,

    /// What to compare it with
    pub(crate) b: PathBuf,

    /// Most that an initrd may unpack to, in MiB
    #[arg(long, value_name = "N", default_value_t = UNPACK_LIMIT_MIB)]
    pub(crate) unpack_limit_mib: u64,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
