//! The guest's life: mounts, tells its facts, loads the policy, serves. Answers no request.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use coco_agent_api::ttrpc;

use crate::children::CHILDREN;
use crate::console::say;
use crate::guest::{BASE, Guest};
use crate::role::Role;
use crate::settings::{ADDRESS, Settings, SettingsError};
use crate::{debug_console, facts, initdata, mounts, policy, server};

/// How long the answer to the last request has to leave the machine, before it is off.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Why the guest does not stay up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A file system is missing.
    #[error(transparent)]
    Mount(#[from] mounts::MountError),
    /// A file of `/proc`; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It was told what it can't do.
    #[error("settings: {0}")]
    Settings(#[from] SettingsError),
    /// There is no policy to put in force.
    #[error("no policy: {0}")]
    Policy(#[from] policy::LoadError),
    /// There is initdata, and it can't be followed.
    #[error("initdata: {0}")]
    Initdata(#[from] initdata::Unusable),
    /// Nobody can reach it.
    #[error("serving at {address}: {error}")]
    Serve { address: String, error: ttrpc::Error },
}

/// Comes up, says so, and stays until the sandbox is destroyed.
pub(crate) fn run(role: Role) -> Result<(), Failed> {
    if role == Role::Init {
        mounts::mount_all()?;
    }
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    say(&format!("kernel {}", rustix::system::uname().release().to_string_lossy()));
    say(&format!("pid {}", std::process::id()));
    say(&facts::environment(&environment.keys().cloned().collect()));
    say(&facts::memory(&fs_err::read_to_string("/proc/meminfo")?));
    let settings = Settings::read(&fs_err::read_to_string("/proc/cmdline")?, &environment)?;
    if let Some(port) = settings.debug_console {
        debug_console::serve(port);
    }
    let policy::Loaded { name, mut enforcer } = policy::load(&settings.policy)?;
    say(&format!("policy {name}"));
    match initdata::find(Path::new(initdata::DEVICES))? {
        None => say("initdata none"),
        Some(found) => {
            say(&found.line());
            found.apply(Path::new(initdata::FOLDER), &mut enforcer)?;
        }
    }
    let (destroyed, end) = mpsc::channel();
    thread::spawn(|| {
        let Err(error) = CHILDREN.reap();
        say(&format!("wait: {error}"));
    });
    let guest = Arc::new(Guest::new(enforcer, Path::new(BASE), destroyed));
    let _server = server::start(guest, &settings.address)
        .map_err(|error| Failed::Serve { address: settings.address.clone(), error })?;
    say(&match settings.address.as_str() {
        ADDRESS => "serving on vsock port 1024".to_owned(),
        other => format!("serving at {other}"),
    });
    say("up, policy in force");
    // An error would mean that the server is gone, and then there is as little left to do.
    let _ = end.recv();
    thread::sleep(LAST_ANSWER);
    Ok(())
}

/// Powers the machine off. If the kernel does not, PID 1 ends, which the kernel panics over.
pub(crate) fn power_off() -> ExitCode {
    rustix::fs::sync();
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    ExitCode::FAILURE
}
