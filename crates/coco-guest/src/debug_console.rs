//! The debug console: a shell for whoever connects, asked for on the command line. Asks no policy.
//!
//! The agent has one, and starts it before it loads its policy (`debug_console_handler` of
//! `src/agent/src/console.rs`). This one has no terminal: the shell reads commands and writes output.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

use crate::children::{CHILDREN, Exit};
use crate::console::say;

/// The shells, the first that is there is taken.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Serves shells on a vsock port. If it can't, it says so, and the guest comes up without.
pub(crate) fn serve(port: u32) {
    let Some(shell) = SHELLS.into_iter().find(|shell| Path::new(shell).exists()) else {
        return say("debug console: no shell found");
    };
    let listener = match VsockListener::bind_with_cid_port(VMADDR_CID_ANY, port) {
        Ok(listener) => listener,
        Err(error) => return say(&format!("debug console: vsock port {port}: {error}")),
    };
    say(&format!("debug console: {shell} on vsock port {port}"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if let Err(error) = stream.and_then(|stream| start(shell, stream)) {
                say(&format!("debug console: {error}"));
            }
        }
    });
}

fn start(shell: &str, stream: VsockStream) -> io::Result<()> {
    let [output, errors] = [stream.as_fd().try_clone_to_owned()?, stream.as_fd().try_clone_to_owned()?];
    let mut command = Command::new(shell);
    command.stdin(OwnedFd::from(stream)).stdout(output).stderr(errors);
    CHILDREN.start(&mut command, Arc::new(Exit::default())).map(|_| ())
}
