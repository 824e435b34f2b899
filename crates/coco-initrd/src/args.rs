//! The command line, as clap sees it: help, completions and man pages all come from here.
//!
//! Nothing is done and no file is opened here.

pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod customize;
pub(crate) mod diff;
pub(crate) mod host;
pub(crate) mod initdata;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod measure;
pub(crate) mod pod_override;
pub(crate) mod policy;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod store;
pub(crate) mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    Build(build::BuildArgs),
    /// Writes down what a profile takes from elsewhere: every file with its digest and size
    Lock(lock::LockArgs),
    /// Gets what a profile's lock names, and checks it
    Fetch(lock::FetchArgs),
    /// Compares an image, and what is beside it, with its manifest
    Verify(verify::VerifyArgs),
    /// Changes policy, files or certificates of an existing initrd, and packs it anew
    Customize(customize::CustomizeArgs),
    /// Predicts what evidence will show of a guest, for Trustee, and compares evidence with it
    Measure(Box<measure::MeasureArgs>),
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
    /// Says what a host boots, and what in its configuration weakens the policy
    Host(host::HostArgs),
    /// Checks, tests, explains, compares and derives policies
    Policy(policy::PolicyArgs),
    /// Says what is in the cache of packed layers, or makes it smaller
    Cache(cache::CacheArgs),
    /// Pushes a build into an OCI registry, and prints its digest
    Push(push::PushArgs),
    /// Pulls a build out of an OCI registry, and compares all of it
    Pull(pull::PullArgs),
    /// Writes shell completions, man pages or the command reference
    Generate(GenerateArgs),
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
