//! The command line of `coco-initrd build`: what is built, and where it goes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use coco_image::units::Method;

use super::cache;
use super::measure::PlatformArgs;

/// `coco-initrd build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Built-in profile, or path to a profile's .toml
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) profile: String,

    /// What is built.
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,

    /// What is taken for granted of the host.
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,

    /// Where the image and its files go, all or nothing [default: dist/PROFILE]
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// The manifest.json of another build that must have the same policy; for a podvm overlay the policy
    /// of the built-in profiles, unless this says otherwise
    #[arg(long, value_name = "MANIFEST")]
    pub(crate) same_policy_as: Option<PathBuf>,

    /// For a podvm overlay: initdata, in any form, for every peer pod that brings none
    #[arg(long, value_name = "FILE")]
    pub(crate) initdata: Option<PathBuf>,

    /// Builds twice, with other directories, thread counts and orders, and compares
    #[arg(long)]
    pub(crate) check: bool,

    /// Number of threads [default: all processors]; the bytes do not depend on it
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// What earlier builds have packed.
    #[command(flatten)]
    pub(crate) cache: cache::CacheOptions,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an image or overlay is made of, beside its profile: all that decides over its bytes.
#[derive(Debug, Default, Args)]
pub(crate) struct RecipeArgs {
    /// The kata-agent: an ELF program, or a tarball, directory or initrd that has it
    #[arg(long, value_name = "PATH", conflicts_with = "builtin_guest")]
    pub(crate) agent: Option<PathBuf>,

    /// The guest components: a tarball, directory or initrd
    #[arg(long, value_name = "PATH", conflicts_with = "builtin_guest")]
    pub(crate) guest_components: Option<PathBuf>,

    /// The pause bundle: a tarball, directory or initrd
    #[arg(long, value_name = "PATH", conflicts_with = "builtin_guest")]
    pub(crate) pause_image: Option<PathBuf>,

    /// The base root file system: a tarball, directory or initrd
    #[arg(long, value_name = "PATH")]
    pub(crate) base: Option<PathBuf>,

    /// Another build of the guard than the one in this program
    #[arg(long, value_name = "PATH")]
    pub(crate) guard: Option<PathBuf>,

    /// What the guest's kernel package unpacks to: a directory, tarball or initrd with lib/modules/VERSION,
    /// where the modules are that init.modules of the profile names
    #[arg(long, value_name = "PATH")]
    pub(crate) kernel_modules: Option<PathBuf>,

    /// The profile's lock [default: beside the profile; of a built-in profile the one in this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,

    // Not by flattening `StoreOptions`: whoever has these options or none (`verify`) could not tell.
    /// Where the files are that the lock names [default: coco-initrd-store in the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// Takes the project's stand-in for agent and components; not for production
    #[arg(long)]
    pub(crate) builtin_guest: bool,

    /// The default policy, instead of the profile's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Packs a policy that is too open or too closed for a default; the manifest says so
    #[arg(long)]
    pub(crate) allow_permissive_policy: bool,

    /// Compression of the layers, instead of the profile's
    #[arg(long, value_name = "METHOD")]
    pub(crate) compression: Option<CompressionArg>,

    /// The guest's kernel: asked which compression it reads
    #[arg(long, value_name = "PATH")]
    pub(crate) kernel: Option<PathBuf>,

    /// The guest's firmware: with it and --kernel, the manifest says what evidence will show
    #[arg(long, value_name = "PATH", requires = "kernel")]
    pub(crate) firmware: Option<PathBuf>,

    /// Time of all files in seconds since 1970, instead of the profile's; the environment variable of
    /// that name is not read
    #[arg(long, value_name = "N")]
    pub(crate) source_date_epoch: Option<u64>,
}

/// The word of `--compression`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CompressionArg {
    /// Every kernel that boots kata reads it
    Gzip,
    /// Needs `CONFIG_RD_ZSTD`
    Zstd,
    /// Plain newc
    None,
}

impl From<CompressionArg> for Method {
    fn from(word: CompressionArg) -> Self {
        match word {
            CompressionArg::Gzip => Self::Gzip,
            CompressionArg::Zstd => Self::Zstd,
            CompressionArg::None => Self::None,
        }
    }
}
