//! The options of `coco-initrd boot` and `coco-initrd e2e`. Nothing is done here.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use coco_boot::Accelerator;
use coco_image::units::Runtime;

use crate::machine::Acceleration;

/// What both commands boot, and how.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// The manifest.json of the build; the image is beside it
    #[arg(long, value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,

    /// The guest's kernel
    #[arg(long, value_name = "VMLINUZ")]
    pub(crate) kernel: PathBuf,

    /// Whose command line of the manifest to boot with [default: go, if the manifest has it]
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) runtime: Option<RuntimeArg>,

    /// Memory of the guest in MiB [default: the profile's]
    #[arg(long, value_name = "MIB")]
    pub(crate) memory: Option<NonZeroU64>,

    /// What executes the guest
    #[arg(long, value_name = "ACCEL", default_value = "auto")]
    pub(crate) accel: AccelArg,

    /// How long a guest may take to come up
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub(crate) timeout: NonZeroU64,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd boot`.
#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// What to boot, and how.
    #[command(flatten)]
    pub(crate) machine: MachineArgs,

    /// Initdata, in any form, for a disk of the guest
    #[arg(long, value_name = "FILE")]
    pub(crate) initdata: Option<PathBuf>,

    /// Writes the guest's console to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) keep_console: Option<PathBuf>,
}

/// `coco-initrd e2e`.
#[derive(Debug, Args)]
pub(crate) struct E2eArgs {
    /// What to boot, and how.
    #[command(flatten)]
    pub(crate) machine: MachineArgs,

    /// Runs only this scenario; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// Writes the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Writes the console of each scenario to a file in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_consoles: Option<PathBuf>,
}

/// The word of `--accel`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AccelArg {
    /// KVM if it runs guests here, else TCG
    Auto,
    /// The host's processor
    Kvm,
    /// QEMU itself: slow, and works everywhere
    Tcg,
}

impl From<AccelArg> for Acceleration {
    fn from(word: AccelArg) -> Self {
        match word {
            AccelArg::Auto => Self::Auto,
            AccelArg::Kvm => Self::Only(Accelerator::Kvm),
            AccelArg::Tcg => Self::Only(Accelerator::Tcg),
        }
    }
}

/// The word of `--runtime`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RuntimeArg {
    /// kata's Go runtime
    Go,
    /// kata's Rust runtime
    #[value(alias = "rs")]
    RuntimeRs,
}

impl From<RuntimeArg> for Runtime {
    fn from(word: RuntimeArg) -> Self {
        match word {
            RuntimeArg::Go => Self::Go,
            RuntimeArg::RuntimeRs => Self::Rs,
        }
    }
}
