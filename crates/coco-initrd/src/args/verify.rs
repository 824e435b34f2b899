//! `coco-initrd verify`, as clap sees it.

use std::path::PathBuf;

use clap::Args;

use super::build::RecipeArgs;
use super::measure::PlatformArgs;

/// `coco-initrd verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The manifest.json of a build or a customized image
    pub(crate) manifest: PathBuf,

    /// The image [default: the file the manifest names, beside it]
    pub(crate) image: Option<PathBuf>,

    /// Builds the image again, from the profile and inputs that are given as to build, and compares the bytes
    #[arg(long, requires = "profile")]
    pub(crate) rebuild: bool,

    /// The profile to build again: built-in, or path to a profile's .toml
    #[arg(long, value_name = "NAME|PATH", requires = "rebuild")]
    pub(crate) profile: Option<String>,

    /// What to build again.
    #[command(flatten)]
    pub(crate) recipe: Option<RecipeArgs>,

    /// What is taken for granted of the host.
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
