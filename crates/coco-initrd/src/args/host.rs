//! `coco-initrd host`, as clap sees it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::boot::RuntimeArg;

/// `coco-initrd host`.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// What to do with a host.
    #[command(subcommand)]
    pub(crate) command: HostCommand,
}

/// What to do with a host.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Says what the configuration of kata boots, whether that is the image of a manifest, and what weakens it
    Check(CheckArgs),
}

/// `coco-initrd host check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration.toml [default: what each runtime reads if nobody names one]
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    /// The runtime that reads it [default: by the directory of --config, else both]
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) runtime: Option<RuntimeArg>,

    /// The manifest.json of the image that is to be booted
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest: Option<PathBuf>,

    /// Where the host's / is
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
