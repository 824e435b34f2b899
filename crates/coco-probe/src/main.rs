//! `coco-probe`: what the end-to-end scenarios run in a guest. Is in no image that `build` makes.
//!
//! It is one program in three roles, told apart by the name it is started by:
//!
//! - `/init` of an image whose guard was taken away: it does what such an image would, loads the modules
//!   and becomes the agent with all that the command line brought;
//! - `sh`, `bash` or no name at all, for the agent's debug console to find: it says that it is there;
//! - the process of a container, by any other name: it does what its first argument says.

mod container;
mod unguarded;

use std::io::Write as _;
use std::process::ExitCode;

/// What `sh` says, once.
const SHELL: &str = "coco-probe: a shell answers\n";

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let name = words.next().unwrap_or_default();
    match name.rsplit('/').next() {
        Some("init") => {
            let Err(error) = unguarded::become_agent();
            say(&format!("coco-probe: {error}\n"))
        }
        // kata-agent starts a shell without even its own name (`src/agent/src/console.rs`).
        Some("sh" | "bash" | "") => say(SHELL),
        _ => container::run(&words.collect::<Vec<_>>()).unwrap_or_else(|error| {
            let _ = say(&format!("coco-probe: {error}\n"));
            ExitCode::from(2)
        }),
    }
}

fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
