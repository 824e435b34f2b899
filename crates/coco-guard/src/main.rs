//! `coco-guard`, the `/init` of an image: reviews, checks, loads modules, starts the agent or powers off.
//!
//! Here are the effects only; what is allowed is decided by the library.

mod console;
mod pid1;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        console::say(
            "starts the agent of a confidential guest, as its /init; it does nothing unless it is PID 1",
        );
        return ExitCode::from(2);
    }
    let Err(error) = pid1::start();
    console::say(&format!("refused: {error}"));
    pid1::power_off()
}
