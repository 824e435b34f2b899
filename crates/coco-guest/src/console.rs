//! The guest's one way out: lines on the console. It keeps nothing and returns no error.

use std::io::Write as _;

/// Writes `coco-guest: line` to standard output, which the kernel opened as `/dev/console` for PID 1.
/// Returns when the console has taken it: a power off would take the line with it.
///
/// Nobody can be told that the console is gone, and the policy is in force all the same.
pub(crate) fn say(line: &str) {
    let line = format!("coco-guest: {}\n", line.replace(char::is_control, " "));
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(line.as_bytes());
    let _ = stdout.flush();
    let _ = rustix::termios::tcdrain(&stdout);
}
