//! The command line of `coco-initrd initdata`. Nothing is done and no file is opened here.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use coco_initdata::Algorithm;
use coco_pod::Target;

/// `coco-initrd initdata`.
#[derive(Debug, Args)]
pub(crate) struct InitdataArgs {
    /// What to do with initdata.
    #[command(subcommand)]
    pub(crate) command: InitdataCommand,
}

/// What to do with initdata.
#[derive(Debug, Subcommand)]
pub(crate) enum InitdataCommand {
    /// Makes initdata of a policy and configurations, always the same bytes of the same files
    Create(CreateArgs),
    /// Says what is in initdata, and what a guest makes of it
    ///
    /// Exit code 1 if the policy or a configuration in it can't be loaded.
    Inspect(InspectArgs),
    /// Gives a workload initdata, or takes it away; the rest of its file stays, byte for byte
    Annotate(AnnotateArgs),
    /// Writes the disk image that a runtime gives to the guest
    Image {
        /// Initdata in any form, the YAML of a pod that has it, or - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The image
        #[arg(short, long, value_name = "IMG")]
        output: PathBuf,
    },
    /// Prints the digest, and what TDX, SEV-SNP and a peer pod's vTPM show for it
    Digest(DigestArgs),
}

/// `coco-initrd initdata create`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").required(true).multiple(true))]
pub(crate) struct CreateArgs {
    /// The agent's policy; it is loaded and evaluated, and goes in byte for byte
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) policy: Option<PathBuf>,

    /// The attestation agent's configuration
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) aa_toml: Option<PathBuf>,

    /// The confidential data hub's configuration
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) cdh_toml: Option<PathBuf>,

    /// Takes over what is in this initdata, in any form, unless it is given anew
    ///
    /// A pod's initdata replaces the cluster's as a whole. Who changes the policy alone merges the rest,
    /// or the guest no longer knows its key broker.
    #[arg(long, value_name = "EXISTING", group = "source")]
    pub(crate) merge: Option<PathBuf>,

    /// How the guest is measured [default: that of --merge, else sha256]
    ///
    /// sha256 is right everywhere: SEV-SNP and a vTPM keep only 32 bytes of a digest, and Trustee's
    /// verifier for Azure takes no other length. TDX pads it with zeros.
    #[arg(long)]
    pub(crate) algorithm: Option<AlgorithmArg>,

    /// Writes this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Writes a policy all the same that is not fit for a pod, for a lab
    #[arg(long)]
    pub(crate) allow_permissive_policy: bool,

    /// Writes the value of a pod's annotation (base64 of gzip) instead of TOML
    #[arg(long)]
    pub(crate) annotation: bool,
}

/// `coco-initrd initdata annotate`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct AnnotateArgs {
    /// Kubernetes objects in YAML or JSON; - is standard input
    #[arg(value_name = "POD.yaml")]
    pub(crate) file: PathBuf,

    /// The initdata, in any form
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) initdata: Option<PathBuf>,

    /// Takes the initdata out
    #[arg(long, group = "what")]
    pub(crate) remove: bool,

    /// The workload that is meant, if the file has several
    #[arg(long, value_name = "KIND/NAME", value_parser = super::pod_override::workload)]
    pub(crate) workload: Option<Target>,

    /// Writes this file instead of standard output
    #[arg(short, long, value_name = "OUT.yaml")]
    pub(crate) output: Option<PathBuf>,
}

/// `coco-initrd initdata inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Initdata in any form, the YAML of a pod that has it, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Prints one key's content as it is, and nothing else
    #[arg(long, value_name = "KEY", conflicts_with = "json")]
    pub(crate) show: Option<String>,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd initdata digest`.
#[derive(Debug, Args)]
pub(crate) struct DigestArgs {
    /// Initdata in any form, the YAML of a pod that has it, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "none", conflicts_with = "none")]
    pub(crate) file: Option<PathBuf>,

    /// Prints what a guest without initdata shows
    #[arg(long)]
    pub(crate) none: bool,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The word of `--algorithm`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AlgorithmArg {
    /// 32 bytes, right for every platform
    Sha256,
    /// 48 bytes, as long as TDX's register
    Sha384,
    /// 64 bytes, cut off by every register
    Sha512,
}

impl From<AlgorithmArg> for Algorithm {
    fn from(word: AlgorithmArg) -> Self {
        match word {
            AlgorithmArg::Sha256 => Self::Sha256,
            AlgorithmArg::Sha384 => Self::Sha384,
            AlgorithmArg::Sha512 => Self::Sha512,
        }
    }
}
