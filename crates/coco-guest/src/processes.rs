//! One process of a container: prepared, started, signalled. Runs in the guest itself, not isolated.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use coco_agent_api::oci;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::children::{CHILDREN, Exit};
use crate::faults::Fault;
use crate::rootfs::Rootfs;
use crate::streams::{Input, Output};

/// What a process that never began counts as: killed.
const KILLED: i32 = 137;

/// Which of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// A process of a container.
#[derive(Debug)]
pub(crate) struct Process {
    state: State,
    exit: Arc<Exit>,
    stdin: Option<Arc<Input>>,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

#[derive(Debug)]
enum State {
    /// With the pipes' other ends in it.
    Prepared(Box<Command>),
    /// Or ended: a PID stays what it was.
    Started(Pid),
    /// Its program could not be executed.
    Failed,
}

impl Process {
    /// Prepares a process: looks its program up and makes its pipes.
    pub(crate) fn prepare(root: &Rootfs, spec: &oci::Process) -> Result<Process, Fault> {
        if spec.Terminal {
            return Err(Fault::Unsupported("a process with a terminal is".to_owned()));
        }
        let mut command = command(root, spec)?;
        let exit = Arc::new(Exit::default());
        let (stdin, input) = io::pipe()?;
        let (output, stdout) = io::pipe()?;
        let (errors, stderr) = io::pipe()?;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        Ok(Process {
            state: State::Prepared(Box::new(command)),
            stdin: Some(Arc::new(Input::new(input))),
            stdout: Arc::new(Output::new(output, exit.clone())),
            stderr: Arc::new(Output::new(errors, exit.clone())),
            exit,
        })
    }

    /// Executes the program.
    pub(crate) fn start(&mut self) -> Result<(), Fault> {
        let State::Prepared(mut command) = std::mem::replace(&mut self.state, State::Failed) else {
            return Err(Fault::Failed("the process was started before".to_owned()));
        };
        match CHILDREN.start(&mut command, self.exit.clone()) {
            Ok(pid) => {
                self.state = State::Started(pid);
                Ok(())
            }
            Err(error) => {
                self.exit.set(KILLED);
                Err(Fault::Failed(format!("{}: {error}", command.get_program().display())))
            }
        }
    }

    /// The PID, if it was started.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Started(pid) => Some(pid),
            State::Prepared(_) | State::Failed => None,
        }
    }

    /// Its end.
    pub(crate) fn exit(&self) -> Arc<Exit> {
        self.exit.clone()
    }

    /// Where it reads from, unless that was closed.
    pub(crate) fn stdin(&self) -> Option<Arc<Input>> {
        self.stdin.clone()
    }

    /// Ends its input, once what is being written is written.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What it writes.
    pub(crate) fn output(&self, channel: Channel) -> Arc<Output> {
        match channel {
            Channel::Stdout => self.stdout.clone(),
            Channel::Stderr => self.stderr.clone(),
        }
    }

    /// Sends a signal; 0 sends none. That there is nobody any more is no error, as for the agent.
    pub(crate) fn signal(&self, number: i32) -> Result<(), Fault> {
        let Some(pid) = self.alive() else { return Ok(()) };
        let sent = match Signal::from_named_raw(number) {
            Some(signal) => kill_process(pid, signal),
            None if number == 0 => test_kill_process(pid),
            None => return Err(Fault::Failed("EINVAL: Invalid argument".to_owned())),
        };
        match sent {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal to the process and to those it started, as far as they stayed in its group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        if let State::Started(pid) = self.state {
            // There may be nobody left, and then there is nobody to tell.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Ends it, wherever it is in its life.
    pub(crate) fn kill(&mut self) {
        match std::mem::replace(&mut self.state, State::Failed) {
            // Dropping the command closes the pipes.
            State::Prepared(_) => self.exit.set(KILLED),
            State::Started(pid) => {
                self.state = State::Started(pid);
                self.signal_group(Signal::KILL);
            }
            State::Failed => {}
        }
    }

    /// The PID of a process that was not collected yet: until then the kernel gives it to nobody else.
    fn alive(&self) -> Option<Pid> {
        self.pid().filter(|_| self.exit.code().is_none())
    }
}

/// The command for a process: its program and folder looked up in the container's root, its own
/// environment, with `HOME` as the agent adds it, and nothing else.
fn command(root: &Rootfs, spec: &oci::Process) -> Result<Command, Fault> {
    // Without arguments it is a shell, for the agent too.
    let (name, words) =
        spec.Args.split_first().map_or(("sh", &[][..]), |(name, words)| (name.as_str(), words));
    let variables: Vec<(&str, &str)> = spec.Env.iter().filter_map(|entry| entry.split_once('=')).collect();
    let path = variables.iter().find_map(|(name, value)| (*name == "PATH").then_some(*value));
    let cwd = if spec.Cwd.is_empty() { "/" } else { &spec.Cwd };
    let program =
        root.program(name, path, cwd).map_err(|_| Fault::Failed(format!("the file {name} was not found")))?;
    let folder = root.folder(cwd).map_err(|error| Fault::Failed(format!("cwd {cwd}: {error}")))?;
    let mut command = Command::new(program);
    command
        .arg0(name)
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("HOME", "/")
        .envs(variables)
        .process_group(0);
    if let Some(user) = spec.User.as_ref().filter(|user| user.UID != 0 || user.GID != 0) {
        command.uid(user.UID).gid(user.GID);
    }
    Ok(command)
}
