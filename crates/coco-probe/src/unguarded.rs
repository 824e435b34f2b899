//! `/init` of an image without its guard: modules, then the agent with everything the command line brought.
//!
//! A link `/init -> kata-agent` would do the same, but loads no modules, and without those for vsock
//! nobody could see from outside that the guest is open.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use coco_guard::{AbsolutePath, PLAN_PATH, Plan, PlanError};

/// Why the agent does not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A file; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The plan of the guard that was here.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A module that the kernel does not take.
    #[error("module {0}: {1}")]
    Module(AbsolutePath, io::Error),
}

/// Becomes the program of the plan, with the kernel's arguments and environment.
pub(crate) fn become_agent() -> Result<Infallible, Failed> {
    let plan = Plan::parse(&fs_err::read_to_string(PLAN_PATH)?)?;
    for module in &plan.modules {
        let file = fs_err::File::open(module.as_str())?;
        match rustix::system::finit_module(&file, c"", 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(Failed::Module(module.clone(), error.into())),
        }
    }
    let arguments = std::env::args_os().skip(1);
    Err(Command::new(plan.exec.as_str()).args(plan.args).args(arguments).exec().into())
}
