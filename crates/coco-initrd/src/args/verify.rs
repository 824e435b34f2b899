//! `coco-initrd verify`, as clap sees it.

use std::path::PathBuf;

use clap::Args;

/// `coco-initrd verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The manifest.json of a build or a customized image
    pub(crate) manifest: PathBuf,

    /// The image [default: the file the manifest names, beside it]
    pub(crate) image: Option<PathBuf>,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
