//! The command lines of `inspect`, `ls`, `cat` and `extract`, which read an existing initrd.

use std::path::PathBuf;

use clap::Args;
use coco_image::path::GuestPath;

use crate::initrd_file::UNPACK_LIMIT_MIB;

/// The initrd that is read.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// The initrd: of a build, of kata, of anybody
    pub(crate) image: PathBuf,

    /// Most it may unpack to, in MiB
    #[arg(long, value_name = "N", default_value_t = UNPACK_LIMIT_MIB)]
    pub(crate) unpack_limit_mib: u64,
}

/// `coco-initrd inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) image: ImageArgs,

    /// Also tells what the bytes are spent on, by directory and by package
    #[arg(long)]
    pub(crate) sizes: bool,

    /// How many levels of directories --sizes shows; --json has them all
    #[arg(long, value_name = "N", default_value_t = 3, requires = "sizes")]
    pub(crate) sizes_depth: usize,

    /// Draws the sizes as a treemap, an SVG picture
    #[arg(long, value_name = "FILE", requires = "sizes")]
    pub(crate) sizes_svg: Option<PathBuf>,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) image: ImageArgs,

    /// A file or directory of the image; links are followed
    #[arg(default_value = "/")]
    pub(crate) path: GuestPath,

    /// Prints the files as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd cat`.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) image: ImageArgs,

    /// A file of the image; links are followed
    pub(crate) path: GuestPath,
}

/// `coco-initrd extract`.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) image: ImageArgs,

    /// Where the files go, all or nothing: new or empty
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Leaves out device nodes, which only root can make
    #[arg(long)]
    pub(crate) without_devices: bool,
}
