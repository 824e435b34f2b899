//! `coco-guest`, the built-in guest: a stand-in for kata-agent 4.1. Isolates nothing, pulls no image.
//!
//! It lets an image be booted and tried on a machine that has no agent. As PID 1 it mounts what an
//! init mounts; as a service it finds that done. It puts the default policy in force as the agent does
//! and with the agent's engine, then the policy of initdata, and serves the agent's protocol, each
//! request asked of the policy first. A container's processes are processes of the guest. It writes what it found to the console, one fact
//! a line. `docs/builtin-guest.md` says where it differs from the agent.

mod children;
mod console;
mod containers;
mod copy_file;
mod debug_console;
mod details;
mod facts;
mod faults;
mod guest;
mod initdata;
mod life;
mod mounts;
mod policy;
mod processes;
mod requests;
mod role;
mod rootfs;
mod server;
mod settings;
mod streams;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use role::Role;

/// Name, version, and the agent's word for the one feature that an image asks of its agent.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), ", extra-features: [agent-policy]");

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == "--version") {
        console::say(VERSION);
        return ExitCode::SUCCESS;
    }
    let Some(role) = Role::of_this_process() else {
        console::say(
            "stands in for kata-agent in a guest; it does nothing unless it is PID 1 or is started by it",
        );
        return ExitCode::from(2);
    };
    let ended = life::run(role);
    match &ended {
        Ok(()) => console::say("sandbox destroyed"),
        Err(error) => console::say(&format!("failed: {error}")),
    }
    match (role, ended) {
        (Role::Init, _) => life::power_off(),
        (Role::Service, Ok(())) => ExitCode::SUCCESS,
        (Role::Service, Err(_)) => ExitCode::FAILURE,
    }
}
