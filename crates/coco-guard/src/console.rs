//! The guard's one way out: a line on the console. It keeps nothing and returns no error.
//!
//! There is nobody to tell that the console is gone, and a guard that cannot speak must still decide.

use std::io::{IsTerminal as _, Write as _};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

/// Writes `coco-guard: line` to standard error, which the kernel opened as `/dev/console` for PID 1.
/// `quiet` does not hide it there. Returns when the console has taken it.
///
/// Where the driver of the console is a module, the kernel could not open it: then the line goes to
/// the kernel's log instead, which is replayed to a console that comes later.
pub(crate) fn say(line: &str) {
    let line = format!("coco-guard: {}\n", line.replace(char::is_control, " "));
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(line.as_bytes());
    let _ = stderr.flush();
    // Without this, a power off takes the line with it: a serial console sends slower than we write.
    let _ = rustix::termios::tcdrain(&stderr);
    if std::process::id() == 1 && !stderr.is_terminal() {
        to_kernel_log(&line);
    }
}

/// Writes to `/dev/kmsg`, which is made if it is not there, as before `/dev` is mounted.
fn to_kernel_log(line: &str) {
    // The kernel's `Documentation/admin-guide/devices.txt`: character device 1, 11.
    let _ = mknodat(CWD, "/dev/kmsg", FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, makedev(1, 11));
    // `<3>` is KERN_ERR, which `quiet` shows too.
    let kmsg = fs_err::OpenOptions::new().write(true).open("/dev/kmsg");
    let _ = kmsg.and_then(|mut kmsg| kmsg.write_all(format!("<3>{line}").as_bytes()));
}
