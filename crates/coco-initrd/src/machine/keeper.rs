//! What a machine leaves on the host: processes and a folder, all gone when this program is.
//!
//! A handler can't clean up after `kill -9`. So a shell keeps the folder and leads the process group of
//! everything a machine needs, and waits at a pipe of ours. When the pipe closes, for whatever reason,
//! it ends the group and removes the folder.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The shell's whole life. It survives what the terminal sends to groups; what it starts to end with does
/// not come from outside.
const SCRIPT: &str = r#"trap '' HUP INT TERM PIPE
umask 077
folder=$(mktemp -d "${TMPDIR:-/tmp}/coco-initrd-XXXXXXXX") || exit 1
echo "$folder" 2>/dev/null
while read -r _; do :; done
kill -TERM 0
rm -rf "$folder"
kill -KILL 0
"#;

/// The longest folder with room for a socket's name in it: `sun_path` has 108 bytes (`unix(7)`).
const LONGEST: usize = 90;

/// A folder and a process group that end with this program.
#[derive(Debug)]
pub(crate) struct Keeper {
    shell: Child,
    /// Open as long as all is to stay.
    pipe: Option<ChildStdin>,
    group: i32,
    folder: PathBuf,
    children: Vec<Child>,
}

/// A process of the group, for [`Keeper::child`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept(usize);

impl Keeper {
    /// Makes an empty folder that only this user can open, and an empty group.
    pub(crate) fn new() -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "coco-initrd-keeper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        let group = i32::try_from(shell.id()).map_err(io::Error::other)?;
        let mut folder = Vec::new();
        if let Some(out) = shell.stdout.take() {
            BufReader::new(out).read_until(b'\n', &mut folder)?;
        }
        folder.pop_if(|last| *last == b'\n');
        // Programs that are given its sockets take a list with commas.
        let has_comma = folder.contains(&b',');
        let folder = PathBuf::from(OsString::from_vec(folder));
        let keeper = Self { shell, pipe, group, folder, children: Vec::new() };
        match keeper.folder.as_os_str().len() {
            _ if has_comma => Err(io::Error::other(format!("{} has a comma in it", keeper.folder.display()))),
            0 => Err(io::Error::other("mktemp made no folder for the machine")),
            1..=LONGEST => Ok(keeper),
            _ => Err(io::Error::other(format!("{} is too long for sockets", keeper.folder.display()))),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process in the group. Its standard output is left to who asked for it.
    pub(crate) fn start(&mut self, command: &mut Command) -> io::Result<Kept> {
        let child = command.stdin(Stdio::null()).process_group(self.group).spawn()?;
        self.children.push(child);
        Ok(Kept(self.children.len() - 1))
    }

    /// A process of the group.
    pub(crate) fn child(&mut self, kept: Kept) -> Option<&mut Child> {
        self.children.get_mut(kept.0)
    }
}

impl Drop for Keeper {
    /// Returns when all is gone.
    fn drop(&mut self) {
        self.pipe = None;
        // Nobody is left to be told, and whatever can still end does.
        let _ = self.shell.wait();
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, test_kill_process};

    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("1000");
        command
    }

    fn lives(pid: u32) -> bool {
        test_kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap()).is_ok()
    }

    #[test]
    fn processes_and_folder_end_with_it() {
        let mut keeper = Keeper::new().unwrap();
        let folder = keeper.folder().to_owned();
        fs_err::write(folder.join("file"), "x").unwrap();
        let kept = keeper.start(&mut sleeper()).unwrap();
        let pid = keeper.child(kept).unwrap().id();
        assert!(lives(pid) && folder.is_dir());
        drop(keeper);
        assert!(!lives(pid) && !folder.exists());
    }

    #[test]
    fn a_process_that_takes_no_hint_ends_too() {
        let mut keeper = Keeper::new().unwrap();
        let mut deaf = Command::new("sh");
        deaf.args(["-c", "trap '' TERM; echo; sleep 1000 & wait; sleep 1000"]).stdout(Stdio::piped());
        let kept = keeper.start(&mut deaf).unwrap();
        let child = keeper.child(kept).unwrap();
        let (pid, mut said) = (child.id(), String::new());
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        drop(keeper);
        assert!(!lives(pid));
    }
}
