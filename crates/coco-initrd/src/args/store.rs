//! The options of commands that fill the content store.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::fetch::JOBS;
use crate::mirrors::Mirror;

/// How files are fetched.
#[derive(Debug, Args)]
pub(crate) struct FetchOptions {
    /// Where fetched files are kept [default: coco-initrd-store in the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// Another place with the same files: what is below FROM is asked for below TO; may be repeated
    #[arg(long, value_name = "FROM=TO")]
    pub(crate) mirror: Vec<Mirror>,

    /// How many files are fetched at once
    #[arg(long, value_name = "N", default_value_t = JOBS)]
    pub(crate) jobs: NonZeroUsize,
}
