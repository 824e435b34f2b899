//! What the guest does as PID 1: mounts, tells its facts, loads the policy, and stays. Decides nothing.

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};

use crate::console::say;
use crate::{facts, mounts, policy};

/// How long to sleep when there is no child to wait for.
const NO_CHILD: Duration = Duration::from_secs(1);

/// Why the guest does not stay up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A file system is missing.
    #[error(transparent)]
    Mount(#[from] mounts::MountError),
    /// A file of `/proc`; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// There is no policy to put in force.
    #[error("no policy: {0}")]
    Policy(#[from] policy::LoadError),
    /// Children cannot be waited for.
    #[error("wait: {0}")]
    Wait(Errno),
}

/// Comes up, says so, and stays.
pub(crate) fn run() -> Result<Infallible, Failed> {
    mounts::mount_all()?;
    say(&format!("kernel {}", rustix::system::uname().release().to_string_lossy()));
    say(&format!("pid {}", std::process::id()));
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    say(&facts::environment(&names.collect()));
    say(&facts::memory(&fs_err::read_to_string("/proc/meminfo")?));
    policy::load()?.lines().for_each(|line| say(&line));
    say("up, policy in force");
    reap()
}

/// Powers the machine off. If the kernel does not, PID 1 ends, which the kernel panics over.
pub(crate) fn power_off() -> ExitCode {
    rustix::fs::sync();
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    ExitCode::FAILURE
}

/// Takes the exit codes of orphans, as only PID 1 can.
fn reap() -> Result<Infallible, Failed> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => std::thread::sleep(NO_CHILD),
            Err(error) => return Err(Failed::Wait(error)),
        }
    }
}
