//! The command line of `coco-initrd override`. Nothing is done and no file is opened here.

use std::path::PathBuf;

use clap::Args;
use coco_pod::Target;

use super::initdata::AlgorithmArg;
use super::policy::OpeningArgs;

/// `coco-initrd override`.
#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    #[command(flatten)]
    pub(crate) opening: OpeningArgs,

    /// The pod: Kubernetes objects in YAML or JSON; - is standard input
    #[arg(value_name = "POD.yaml")]
    pub(crate) file: PathBuf,

    /// The pod with the override in it; all else stays as it is, byte for byte
    #[arg(short, long, value_name = "OUT.yaml")]
    pub(crate) output: PathBuf,

    /// The workload that is meant, if the file has several
    #[arg(long, value_name = "KIND/NAME", value_parser = workload)]
    pub(crate) workload: Option<Target>,

    /// Takes over the configurations in this initdata, in any form [default: the pod's own, if any]
    ///
    /// A pod's initdata replaces the cluster's as a whole. Without its key broker's configuration a guest
    /// gets no secrets.
    #[arg(long, value_name = "EXISTING")]
    pub(crate) initdata: Option<PathBuf>,

    /// Replaces the policy that the pod's initdata has already
    #[arg(long)]
    pub(crate) replace_policy: bool,

    /// How the guest is measured [default: that of the initdata taken over, else sha256]
    #[arg(long)]
    pub(crate) algorithm: Option<AlgorithmArg>,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// One workload: `all` is not one.
pub(crate) fn workload(text: &str) -> Result<Target, String> {
    match text.parse() {
        Ok(Target::All) => Err(format!("got {text}, expected Kind/name, such as Deployment/web")),
        Ok(target) => Ok(target),
        Err(error) => Err(error.to_string()),
    }
}
