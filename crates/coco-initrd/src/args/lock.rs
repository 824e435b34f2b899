//! The command lines of `coco-initrd lock` and `coco-initrd fetch`.

use std::path::PathBuf;

use clap::Args;

use super::store::FetchOptions;

/// `coco-initrd lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Built-in profile, or path to a profile's .toml
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) profile: String,

    /// Looks anew at this input, or takes the newest version of this package; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) update: Vec<String>,

    /// The lock [default: beside the profile; of a built-in profile image-profiles/NAME.lock]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,

    /// How indices, and files whose size nobody says, are fetched.
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,

    /// Prints what changed as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// Built-in profile, or path to a profile's .toml
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) profile: String,

    /// The lock [default: beside the profile; of a built-in profile the one in this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,

    /// How files are fetched.
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,

    /// Prints what was fetched as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
