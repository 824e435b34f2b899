//! The command line of `coco-initrd policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use coco_policy::check::Role;
use coco_policy::{AgentVersion, Command, Opening, Toggle};

/// `coco-initrd policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// What to do about policies.
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do about policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Reads a policy as every agent's engine does, and says what is wrong with it
    ///
    /// Exit code 1 if there is a finding of level error.
    Check(CheckArgs),
    /// Asks a policy about all cases of a directory, under every engine
    ///
    /// Exit code 1 if a case gets another answer than it expects.
    Test(TestArgs),
    /// Says what a denial means: which request, which rule, what would open it, at which risk
    ///
    /// Exit code 1 if the text has no denial in it.
    Explain(ExplainArgs),
    /// Shows the requests that two policies decide differently, and the cases that show it
    ///
    /// Exit code 1 if they differ.
    Diff(DiffArgs),
    /// Writes a whole policy that opens something and decides all else as the default does
    Derive(DeriveArgs),
    /// Says what of a pod does not work under the default policy, and what to do about it
    LintPod(LintPodArgs),
}

/// `coco-initrd policy check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Path to a .rego file, name of a built-in policy, or - for standard input
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,

    /// What it is for: in an override, logs and the like may be open
    #[arg(long, default_value = "default")]
    pub(crate) role: RoleArg,

    /// Only this release of kata-agent, 3.13 to 4.1: its engine, its requests, its input [default: every
    /// engine, the newest requests]
    #[arg(long, value_name = "VERSION")]
    pub(crate) agent_version: Option<AgentVersion>,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The word of `--role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// The default policy of an image
    Default,
    /// One pod's own policy, in its initdata
    Override,
}

impl From<RoleArg> for Role {
    fn from(word: RoleArg) -> Self {
        match word {
            RoleArg::Default => Self::Default,
            RoleArg::Override => Self::Override,
        }
    }
}

/// `coco-initrd policy test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// A directory of case files, each with the extension .toml
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// The policy: path to a .rego file, or name of a built-in one
    #[arg(long, value_name = "POLICY", default_value = "default-restrictive")]
    pub(crate) policy: String,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd policy explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// An error, or lines of a journal; - is standard input
    #[arg(value_name = "TEXT", required = true)]
    pub(crate) text: Vec<String>,

    /// The policy that was in force: path to a .rego file, or name of a built-in one
    #[arg(long, value_name = "POLICY", default_value = "default-restrictive")]
    pub(crate) policy: String,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd policy diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Path to a .rego file, or name of a built-in policy
    #[arg(value_name = "A")]
    pub(crate) from: String,

    /// Path to a .rego file, or name of a built-in policy
    #[arg(value_name = "B")]
    pub(crate) to: String,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `coco-initrd policy derive`.
#[derive(Debug, Args)]
pub(crate) struct DeriveArgs {
    #[command(flatten)]
    pub(crate) opening: OpeningArgs,

    /// Writes this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What is to be opened, and in which policy.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("opening").required(true).multiple(true))]
pub(crate) struct OpeningArgs {
    /// What to open: logs, exec, exec-output, stdin, termination-log; several with commas
    ///
    /// logs: what containers print. exec: any command, with what it prints. exec-output: what commands
    /// print that are allowed one by one. stdin: typing. termination-log: the containers' last words.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', group = "opening")]
    pub(crate) allow: Vec<Toggle>,

    /// A command that may be run: a JSON array of its words, compared one by one
    #[arg(long, value_name = "ARRAY", group = "opening")]
    pub(crate) allow_exec_command: Vec<Command>,

    /// The policy of the image: path to a .rego file, or name of a built-in one
    #[arg(long, value_name = "POLICY", default_value = "default-restrictive")]
    pub(crate) base: String,
}

impl OpeningArgs {
    /// What is to be opened.
    pub(crate) fn opening(&self) -> Opening {
        Opening {
            toggles: self.allow.iter().copied().collect(),
            commands: self.allow_exec_command.iter().cloned().collect(),
        }
    }
}

/// `coco-initrd policy lint-pod`.
#[derive(Debug, Args)]
pub(crate) struct LintPodArgs {
    /// Kubernetes objects in YAML or JSON; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Prints the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
