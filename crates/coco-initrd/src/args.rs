//! The command line, as clap sees it: help, completions and man pages all come from here.
//!
//! Nothing is done and no file is opened here.

pub(crate) mod boot;
pub(crate) mod cache;
pub(crate) mod customize;
pub(crate) mod diff;
pub(crate) mod initdata;
pub(crate) mod inspect;
pub(crate) mod pod_override;
pub(crate) mod policy;
pub(crate) mod verify;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use coco_image::units::Method;

use initdata::InitdataArgs;

/// Builds reproducible, secure-by-default guest initrds for Confidential Containers.
#[derive(Debug, Parser)]
#[command(name = "coco-initrd", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 checked and found wanting, 2 could not do it.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Builds the image or overlay a profile describes, with its manifest and what goes with it
    Build(BuildArgs),
    /// Compares an image, and what is beside it, with its manifest
    Verify(verify::VerifyArgs),
    /// Changes policy, files or certificates of an existing initrd, and packs it anew
    Customize(customize::CustomizeArgs),
    /// Boots an image in QEMU, and says what came up and how fast
    Boot(boot::BootArgs),
    /// Boots an image again and again, drives its agent, and says whether it lets in whom it should
    E2e(boot::E2eArgs),
    /// Compares two initrds: their files, what their policies decide, and what is measured
    Diff(diff::DiffArgs),
    /// Says what is in an initrd: segments, policy, init, agent, faults, needs
    Inspect(inspect::InspectArgs),
    /// Lists the files of an initrd
    Ls(inspect::LsArgs),
    /// Prints a file of an initrd
    Cat(inspect::CatArgs),
    /// Unpacks an initrd into a new directory
    Extract(inspect::ExtractArgs),
    /// Compares the default policies of two guests, and whether a pod can replace them
    Parity(ParityArgs),
    /// Lists the built-in profiles, or shows one with everything it extends
    Profile(ProfileArgs),
    /// Makes, reads and measures initdata, which replaces a guest's policy and configurations
    Initdata(InitdataArgs),
    /// Opens logs, exec or more for one pod, by the policy in its initdata
    Override(pod_override::OverrideArgs),
    /// Checks, tests, explains, compares and derives policies
    Policy(policy::PolicyArgs),
    /// Says what is in the cache of packed layers, or makes it smaller
    Cache(cache::CacheArgs),
    /// Writes shell completions, man pages or the command reference
    Generate(GenerateArgs),
}

/// `coco-initrd build`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line; none of them goes further"
)]
pub(crate) struct BuildArgs {
    /// Built-in profile, or path to a profile's .toml
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) profile: String,

    /// Where the image and its files go, all or nothing [default: dist/PROFILE]
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

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

    /// Takes the project's stand-in for agent and components; not for production
    #[arg(long)]
    pub(crate) builtin_guest: bool,

    /// The default policy, instead of the profile's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Packs a policy that is too open or too closed for a default; the manifest says so
    #[arg(long)]
    pub(crate) allow_permissive_policy: bool,

    /// The manifest.json of another build that must have the same policy; for a podvm overlay the policy
    /// of the built-in profiles, unless this says otherwise
    #[arg(long, value_name = "MANIFEST")]
    pub(crate) same_policy_as: Option<PathBuf>,

    /// For a podvm overlay: initdata, in any form, for every peer pod that brings none
    #[arg(long, value_name = "FILE")]
    pub(crate) initdata: Option<PathBuf>,

    /// Compression of the layers, instead of the profile's
    #[arg(long, value_name = "METHOD")]
    pub(crate) compression: Option<CompressionArg>,

    /// The guest's kernel: asked which compression it reads
    #[arg(long, value_name = "PATH")]
    pub(crate) kernel: Option<PathBuf>,

    /// Time of all files in seconds since 1970, instead of the profile's; the environment variable of
    /// that name is not read
    #[arg(long, value_name = "N")]
    pub(crate) source_date_epoch: Option<u64>,

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

/// `coco-initrd parity`.
#[derive(Debug, Args)]
pub(crate) struct ParityArgs {
    /// An initrd, an overlay, a root file system as directory or tarball, or a build's directory
    pub(crate) a: PathBuf,

    /// What to compare it with
    pub(crate) b: PathBuf,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// What to do with profiles.
    #[command(subcommand)]
    pub(crate) command: ProfileCommand,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Lists the built-in profiles
    List {
        /// Prints them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows a profile with everything it extends
    Show {
        /// Built-in profile, or path to a profile's .toml
        #[arg(value_name = "NAME|PATH")]
        profile: String,
        /// Prints it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// `coco-initrd generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What to generate.
    #[command(subcommand)]
    pub(crate) command: GenerateCommand,
}

/// What to generate.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Prints the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Writes the man pages into a directory
    Man {
        /// The directory; it must exist
        directory: PathBuf,
    },
    /// Prints the command reference as Markdown
    Reference,
}
