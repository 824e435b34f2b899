//! `coco-guest`, the built-in guest: a stand-in for kata-agent. Serves no request, runs no container.
//!
//! It lets an image be booted and tried on a machine that has no agent. As PID 1 it mounts what an
//! init mounts, loads the default policy as the agent does and with the agent's engine, writes what it
//! found to the console, one fact a line, and stays up. Without a valid policy it powers off, as the
//! agent does. It reads no kernel parameter and has no way in.

mod console;
mod facts;
mod mounts;
mod pid1;
mod policy;

use std::process::ExitCode;

/// Name, version, and the agent's word for the one feature that an image asks of its agent.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), ", extra-features: [agent-policy]");

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == "--version") {
        console::say(VERSION);
        return ExitCode::SUCCESS;
    }
    if std::process::id() != 1 {
        console::say("stands in for kata-agent in a guest; it does nothing unless it is PID 1");
        return ExitCode::from(2);
    }
    let Err(error) = pid1::run();
    console::say(&format!("failed: {error}"));
    pid1::power_off()
}
