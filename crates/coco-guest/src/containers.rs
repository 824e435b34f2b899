//! The containers of the sandbox, by name, and the processes in each. Asks no policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use coco_agent_api::agent::{CreateContainerRequest, ExecProcessRequest};
use coco_agent_api::oci;
use rustix::process::{Pid, Signal};

use crate::children::lock;
use crate::faults::Fault;
use crate::processes::Process;
use crate::rootfs::Rootfs;

/// The annotation that names a container's termination log, by its place in the container.
const TERMINATION_PATH: &str = "io.kubernetes.container.terminationMessagePath";

/// The number of SIGTERM, which the first process of a PID namespace never gets unless it asked for it.
const TERM: i32 = 15;
/// The number of SIGKILL.
const KILL: i32 = 9;

/// The containers of a sandbox.
#[derive(Debug, Default)]
pub(crate) struct Containers(Mutex<BTreeMap<String, Container>>);

#[derive(Debug)]
struct Container {
    root: Rootfs,
    /// By the names they are executed under; the first has the container's.
    processes: BTreeMap<String, Process>,
    termination_log: Result<PathBuf, String>,
}

/// Which process of a container a request means: none named is the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The container.
    pub(crate) container: &'a str,
    /// The process.
    pub(crate) exec: &'a str,
}

impl Containers {
    /// Prepares a container and its first process.
    pub(crate) fn create(&self, request: &CreateContainerRequest) -> Result<(), Fault> {
        let name = &request.container_id;
        if !is_id(name) {
            return Err(Fault::BadId(name.clone()));
        }
        let invalid = || Fault::Failed("EINVAL: Invalid argument".to_owned());
        let spec = request.OCI.as_ref().ok_or_else(invalid)?;
        for (what, count) in [("storages", request.storages.len()), ("devices", request.devices.len())] {
            if count > 0 {
                return Err(Fault::Unsupported(format!("{what} of a container are")));
            }
        }
        // No namespace is made, but a specification the agent would refuse is refused.
        if spec.Linux.as_ref().is_some_and(|linux| linux.Namespaces.is_empty()) {
            return Err(Fault::Failed("cannot find the pid ns".to_owned()));
        }
        let folder = &spec.Root.as_ref().ok_or_else(invalid)?.Path;
        let root = Rootfs::open(Path::new(folder))
            .map_err(|error| Fault::Failed(format!("root file system {folder}: {error}")))?;
        let process = spec.Process.as_ref().ok_or_else(invalid)?;
        if process.Capabilities.is_none() {
            return Err(Fault::Failed("missing process capabilities".to_owned()));
        }
        let first = Process::prepare(&root, process)?;
        let mut containers = lock(&self.0);
        if containers.contains_key(name) {
            return Err(Fault::Taken("exec fifo exists".to_owned()));
        }
        let processes = BTreeMap::from([(name.clone(), first)]);
        containers
            .insert(name.clone(), Container { root, processes, termination_log: termination_log(spec) });
        Ok(())
    }

    /// Starts the first process.
    pub(crate) fn start(&self, name: &str) -> Result<(), Fault> {
        let mut containers = lock(&self.0);
        let container = containers.get_mut(name).ok_or(Fault::NoContainer)?;
        container.processes.get_mut(name).ok_or(Fault::NoInit)?.start()
    }

    /// Starts another process.
    pub(crate) fn exec(&self, request: &ExecProcessRequest) -> Result<(), Fault> {
        let spec = request
            .process
            .as_ref()
            .ok_or_else(|| Fault::Failed("Unable to parse process from ExecProcessRequest".to_owned()))?;
        let mut containers = lock(&self.0);
        let container = containers.get_mut(&request.container_id).ok_or(Fault::NoContainer)?;
        let name = &request.exec_id;
        if container.processes.contains_key(name) {
            return Err(Fault::Taken(format!("exec_id '{name}' already exists")));
        }
        if container.processes.get(&request.container_id).is_none_or(|first| first.exit().code().is_some()) {
            return Err(Fault::Failed("the container's first process has ended".to_owned()));
        }
        let mut process = Process::prepare(&container.root, spec)?;
        process.start()?;
        container.processes.insert(name.clone(), process);
        Ok(())
    }

    /// Does something with a process, quickly: nobody else gets at any container meanwhile.
    pub(crate) fn with<T>(
        &self,
        target: Target<'_>,
        act: impl FnOnce(&mut Process) -> T,
    ) -> Result<T, Fault> {
        let mut containers = lock(&self.0);
        let container = containers.get_mut(target.container).ok_or(Fault::NoContainerOfProcess)?;
        let process = container.processes.get_mut(target.key()).ok_or(target.absent())?;
        Ok(act(process))
    }

    /// Waits for the end of a process and forgets it. All who wait for it get its code.
    pub(crate) fn wait(&self, target: Target<'_>) -> Result<i32, Fault> {
        let exit = self.with(target, |process| process.exit())?;
        let code = exit.wait();
        let mut containers = lock(&self.0);
        let container = containers.get_mut(target.container).ok_or(Fault::NoContainer)?;
        container.processes.remove(target.key());
        Ok(code)
    }

    /// Sends a signal to a process; or to all of them, where none is named and the signal is SIGKILL.
    pub(crate) fn signal(&self, target: Target<'_>, signal: u32) -> Result<(), Fault> {
        let number = i32::try_from(signal).unwrap_or(i32::MAX);
        if target.exec.is_empty() && number == KILL {
            let mut containers = lock(&self.0);
            let unknown = || Fault::Failed(format!("Invalid container id {}", target.container));
            let container = containers.get_mut(target.container).ok_or_else(unknown)?;
            container.processes.values_mut().for_each(Process::kill);
            return Ok(());
        }
        let is_first = target.key() == target.container;
        self.with(target, |process| match process.pid() {
            Some(pid) if is_first && number == TERM && !handles(pid, TERM) => process.signal(KILL),
            _ => process.signal(number),
        })?
    }

    /// Sends a signal to all processes of a container.
    pub(crate) fn signal_all(&self, name: &str, signal: Signal) -> Result<(), Fault> {
        let containers = lock(&self.0);
        let container = containers.get(name).ok_or(Fault::NoSuchContainer)?;
        container.processes.values().for_each(|process| process.signal_group(signal));
        Ok(())
    }

    /// The PIDs of a container's processes, without those they started.
    pub(crate) fn pids(&self, name: &str) -> Result<Vec<Pid>, Fault> {
        let containers = lock(&self.0);
        let container = containers.get(name).ok_or(Fault::NoSuchContainer)?;
        let alive = |process: &&Process| process.exit().code().is_none();
        Ok(container.processes.values().filter(alive).filter_map(Process::pid).collect())
    }

    /// Where a container's termination log is, in the guest.
    pub(crate) fn termination_log(&self, name: &str) -> Result<PathBuf, Fault> {
        let containers = lock(&self.0);
        let container =
            containers.get(name).ok_or_else(|| Fault::Failed(format!("Invalid container id: {name}")))?;
        container.termination_log.clone().map_err(Fault::Failed)
    }

    /// Ends all processes of a container and forgets it.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Fault> {
        let mut container = lock(&self.0).remove(name).ok_or(Fault::NoContainer)?;
        container.processes.values_mut().for_each(Process::kill);
        Ok(())
    }

    /// Ends all processes of all containers and forgets them.
    pub(crate) fn remove_all(&self) {
        for container in lock(&self.0).values_mut() {
            container.processes.values_mut().for_each(Process::kill);
        }
        lock(&self.0).clear();
    }
}

impl<'a> Target<'a> {
    fn key(self) -> &'a str {
        if self.exec.is_empty() { self.container } else { self.exec }
    }

    fn absent(self) -> Fault {
        if self.exec.is_empty() { Fault::NoInit } else { Fault::NoExec }
    }
}

/// Whether this can be the name of a container (`verify_id`, kata's `src/libs/kata-sys-util/src/validate.rs`).
fn is_id(name: &str) -> bool {
    let mut letters = name.chars();
    name.len() > 1
        && letters.next().is_some_and(char::is_alphanumeric)
        && letters.all(|letter| letter.is_alphanumeric() || ".-_".contains(letter))
}

/// The guest's file that the container sees as its termination log, or what is missing for it.
fn termination_log(spec: &oci::Spec) -> Result<PathBuf, String> {
    let place = spec.Annotations.get(TERMINATION_PATH).ok_or("No terminationMessagePath annotation")?;
    let mount = spec.Mounts.iter().find(|mount| mount.destination == *place);
    let source = mount.map(|mount| PathBuf::from(&mount.source));
    source.ok_or_else(|| format!("termination message mount not found for {place}"))
}

/// Whether a process catches, blocks or ignores a signal (`proc_pid_status(5)`).
fn handles(pid: Pid, signal: i32) -> bool {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = |line: &str| {
        let sets = ["SigBlk:", "SigIgn:", "SigCgt:"].iter();
        sets.filter_map(|name| line.strip_prefix(name))
            .find_map(|hex| u64::from_str_radix(hex.trim(), 16).ok())
    };
    status.lines().filter_map(mask).any(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_a_name_for_a_folder() {
        for name in ["ab", "0b6c-x_y.z"] {
            assert!(is_id(name), "{name}");
        }
        for name in ["", "a", "../x", "a/b", "-ab", "a\0b"] {
            assert!(!is_id(name), "{name:?}");
        }
    }
}
