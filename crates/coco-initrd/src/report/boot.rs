//! Advice for boots that came to nothing.

use coco_boot::{CommandLineError, Ending, Machine};

use super::cause;
use crate::commands::boot::{NotUp, SubjectError};
use crate::commands::e2e::E2eUse;
use crate::machine::MachineError;

/// The document on boots.
const DOCUMENT: &str = "docs/boot.md has what the console's lines mean";

/// What to do, if the error is of a boot.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    cause(error)
        .and_then(machine)
        .or_else(|| cause(error).map(not_up))
        .or_else(|| cause(error).map(subject))
        .or_else(|| cause(error).map(|CommandLineError::PerHost(_)| OTHER_RUNTIME.to_owned()))
        .or_else(|| cause(error).map(scenario))
}

const OTHER_RUNTIME: &str = "boot with the command line of another --runtime";

fn machine(error: &MachineError) -> Option<String> {
    match error {
        MachineError::Start { program, .. } if *program == Machine::PROGRAM => {
            Some("apt install qemu-system-x86, or dnf install qemu-system-x86".to_owned())
        }
        MachineError::Start { program, .. } => Some(format!(
            "cargo install --locked {program}; on a host with /dev/vhost-vsock it is not needed"
        )),
        MachineError::Silent { .. } => Some("look whether another one runs, or the disk is full".to_owned()),
        MachineError::Qemu(words) if words.contains("memory") => {
            Some("give the guest another --memory".to_owned())
        }
        MachineError::Qemu(_) => {
            Some("try --accel tcg; the kernel must be an x86-64 bzImage that QEMU can boot".to_owned())
        }
        MachineError::File(_) => None,
    }
}

fn not_up(error: &NotUp) -> String {
    match error {
        NotUp::Ended(Ending::PoweredOff | Ending::Unexplained) => {
            format!(
                "a guest without vsock ends so: a kernel with modules needs them in the profile; {DOCUMENT}"
            )
        }
        NotUp::Ended(Ending::Refused(_)) => "docs/guard.md has what the guard's lines mean".to_owned(),
        NotUp::Ended(_) => DOCUMENT.to_owned(),
        NotUp::Silent(_) => format!("give it more time with --timeout; {DOCUMENT}"),
    }
}

fn subject(error: &SubjectError) -> String {
    match error {
        SubjectError::Image { .. } => "build again, or take image and manifest of the same build",
        SubjectError::Arch(_) => "boot it on hardware of its own",
        SubjectError::Runtime { .. } => "name one that it has, or build with both in host.runtimes",
        SubjectError::Console(_) => "give it a file of its own",
        SubjectError::Word(_) => OTHER_RUNTIME,
    }
    .to_owned()
}

fn scenario(error: &E2eUse) -> String {
    let E2eUse::Scenario { all, .. } = error;
    format!("the scenarios are {}", all.join(", "))
}
