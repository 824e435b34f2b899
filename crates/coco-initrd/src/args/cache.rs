//! The command line of `coco-initrd cache`, and the options of commands that use the cache.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cache::Size;

/// Where a build keeps what it has packed.
#[derive(Debug, Args)]
pub(crate) struct CacheOptions {
    /// Where packed layers are kept for the next build [default: coco-initrd in the user's cache directory]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Packs everything anew, and keeps nothing
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// `coco-initrd cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// What to do with the cache.
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Says where the cache is and how much is in it
    Stat {
        /// The cache [default: coco-initrd in the user's cache directory]
        #[arg(long, value_name = "DIR")]
        cache_dir: Option<PathBuf>,
        /// Prints it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Removes what was not used for longest, and what killed builds left
    Gc {
        /// Most that may stay, in bytes or with a unit, such as 10GiB
        #[arg(long, value_name = "SIZE")]
        max_size: Size,
        /// The cache [default: coco-initrd in the user's cache directory]
        #[arg(long, value_name = "DIR")]
        cache_dir: Option<PathBuf>,
        /// Prints the result as JSON
        #[arg(long)]
        json: bool,
    },
}
