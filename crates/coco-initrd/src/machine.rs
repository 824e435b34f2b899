//! A guest in QEMU, from its start to its end. What is asked of its agent is the caller's.

pub(crate) mod agent;
pub(crate) mod balloon;
mod console;
pub(crate) mod keeper;
mod transport;

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use coco_agent_api::health::{CheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use coco_boot::{Accelerator, CommandLine, Disk, Ending, Machine, Sockets, Timeline};

use agent::{Agent, CallError, HEALTH};
use console::{Console, Stream};
use keeper::{Keeper, Kept};
use transport::Transport;

/// How often a machine is looked at.
const TICK: Duration = Duration::from_millis(10);

/// How long a kernel may take to say its first word under KVM. Where KVM runs no guests, it never does.
const FIRST_WORD: Duration = Duration::from_secs(15);

/// After this time a kernel that says nothing is taken to be one that was told to be quiet.
const QUIET: Duration = Duration::from_secs(20);

/// How long one attempt to reach the agent may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How often the agent is tried.
const INTERVAL: Duration = Duration::from_millis(30);

/// What to boot.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    /// The kernel.
    pub(crate) kernel: PathBuf,
    /// The image.
    pub(crate) image: PathBuf,
    /// What is unpacked over the image: more of the same archive. Often nothing.
    pub(crate) appended: Vec<u8>,
    /// The words the kernel gets.
    pub(crate) command_line: CommandLine,
    /// Its memory, in MiB.
    pub(crate) memory_mib: u64,
    /// The contents of its disks.
    pub(crate) disks: Vec<Vec<u8>>,
    /// Where the console's bytes are to be kept.
    pub(crate) console: Option<PathBuf>,
}

/// What may execute a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceleration {
    /// KVM where it runs guests, else TCG.
    Auto,
    /// This one.
    Only(Accelerator),
}

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    /// A file of the host; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// A program that is not there, or can't be executed.
    #[error("{program} can't be started")]
    Start {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A program that does not do what it was started for.
    #[error("{program} does not listen after {} s", patience.as_secs())]
    Silent {
        /// The program.
        program: &'static str,
        /// How long it was given.
        patience: Duration,
    },
    /// QEMU does not take what it was given; its words.
    #[error("QEMU ended: {0}")]
    Qemu(String),
}

/// Why no agent answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Down {
    /// The guest is gone.
    Ended(Ending),
    /// It runs, and nobody answers.
    Silent,
}

/// A machine that was started. It ends when this is dropped, or the program is gone.
#[derive(Debug)]
pub(crate) struct Running {
    start: Instant,
    console: Console,
    transport: Transport,
    sockets: Sockets,
    qemu: Kept,
    keeper: Keeper,
}

impl Running {
    /// Starts the guest.
    pub(crate) fn start(guest: &Guest, accelerator: Accelerator) -> Result<Self, MachineError> {
        let copy = guest.console.as_deref().map(fs_err::File::create).transpose()?;
        let mut keeper = Keeper::new()?;
        let (transport, vsock) = Transport::new(&mut keeper)?;
        let sockets = Sockets { qmp: keeper.folder().join("qmp") };
        let machine = Machine {
            accelerator,
            memory_mib: guest.memory_mib,
            processors: 1,
            kernel: guest.kernel.clone(),
            initrd: initrd(guest, keeper.folder())?,
            command_line: guest.command_line.clone(),
            vsock,
            disks: disks(guest, keeper.folder())?,
            sockets: sockets.clone(),
        };
        let log = fs_err::File::create(keeper.folder().join(LOG))?.into_file();
        let mut command = Command::new(Machine::PROGRAM);
        command.args(machine.arguments()).stdout(Stdio::piped()).stderr(log);
        let start = Instant::now();
        let qemu = keeper
            .start(&mut command)
            .map_err(|error| MachineError::Start { program: Machine::PROGRAM, error })?;
        let out = keeper.child(qemu).and_then(|child| child.stdout.take());
        let out = out.ok_or_else(|| io::Error::other("QEMU has no standard output"))?;
        Ok(Self { start, console: Console::read(out, start, copy), transport, sockets, qemu, keeper })
    }

    /// Waits until the agent answers that it serves. Returns how long that took from the start.
    pub(crate) fn wait_for_agent(&mut self, patience: Duration) -> Result<(Agent, Duration), Down> {
        loop {
            if self.console.pump(INTERVAL) == Stream::Ended {
                return Err(Down::Ended(Ending::of(self.console.last())));
            }
            let elapsed = self.start.elapsed();
            if elapsed > patience {
                return Err(Down::Silent);
            }
            if self.may_be_asked(elapsed)
                && let Some(agent) = self.attempt()
            {
                return Ok((agent, self.start.elapsed()));
            }
        }
    }

    /// Whether somebody may listen by now: there is a PID 1, and a driver for vsock.
    fn may_be_asked(&self, elapsed: Duration) -> bool {
        match (self.timeline().init(), self.timeline().vsock()) {
            (Some(_), Some(vsock)) => elapsed > vsock + self.transport.settling(),
            _ => elapsed > QUIET,
        }
    }

    /// Waits until the guest is gone, and says why it is; `None` if it still runs.
    pub(crate) fn wait_for_end(&mut self, patience: Duration) -> Option<Ending> {
        let start = Instant::now();
        while self.console.pump(TICK) == Stream::Open {
            if start.elapsed() > patience {
                return None;
            }
        }
        Some(Ending::of(self.console.last()))
    }

    /// What is said first at a port of the guest, to whoever says nothing.
    pub(crate) fn listen(&self, port: u32, patience: Duration) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::from(self.transport.connect(port)?);
        stream.set_read_timeout(Some(patience))?;
        let mut said = vec![0; 4096];
        let len = stream.read(&mut said)?;
        said.truncate(len);
        Ok(said)
    }

    /// The phases of the boot, as far as they were seen.
    pub(crate) fn timeline(&self) -> &Timeline {
        self.console.timeline()
    }

    /// The last lines of the console.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let lines = self.console.last();
        lines.iter().skip(lines.len().saturating_sub(count)).map(|line| line.text.clone()).collect()
    }

    /// Where QEMU listens.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// What QEMU said of itself, if it did: then it was not the guest that ended.
    pub(crate) fn complaint(&self) -> Option<String> {
        let log = fs_err::read_to_string(self.keeper.folder().join(LOG)).ok()?;
        let words = |line: &str| {
            let line = line.strip_prefix(Machine::PROGRAM).unwrap_or(line).trim_start_matches(": ");
            (!line.is_empty() && !line.starts_with("warning: ")).then(|| line.to_owned())
        };
        log.lines().filter_map(words).reduce(|all, line| format!("{all}; {line}"))
    }

    /// Memory of the host that the machine has taken so far at most, in KiB (`VmHWM` of `proc(5)`).
    pub(crate) fn peak_memory(&mut self) -> Option<u64> {
        let pid = self.keeper.child(self.qemu)?.id();
        let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    /// One attempt to reach the agent. Why it failed does not matter: most do, while a guest comes up.
    fn attempt(&self) -> Option<Agent> {
        let agent = Agent::new(self.transport.connect(agent::PORT).ok()?).ok()?;
        let answer: Result<HealthCheckResponse, CallError> =
            agent.ask((HEALTH, "Check"), &CheckRequest::new(), ATTEMPT);
        (answer.ok()?.status == ServingStatus::SERVING.into()).then_some(agent)
    }
}

/// QEMU's words about itself, in the keeper's folder.
const LOG: &str = "qemu.log";

/// What executes guests here. Asks by booting one: a `/dev/kvm` that opens may still run none.
pub(crate) fn accelerator(choice: Acceleration, guest: &Guest) -> Result<Accelerator, MachineError> {
    let may_be_kvm = || fs_err::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    match choice {
        Acceleration::Only(accelerator) => Ok(accelerator),
        Acceleration::Auto if !may_be_kvm() => Ok(Accelerator::Tcg),
        Acceleration::Auto => {
            let guest = Guest { console: None, ..guest.clone() };
            let mut machine = Running::start(&guest, Accelerator::Kvm)?;
            while machine.console.pump(TICK) == Stream::Open && machine.start.elapsed() < FIRST_WORD {
                if machine.timeline().kernel().is_some() {
                    return Ok(Accelerator::Kvm);
                }
            }
            Ok(Accelerator::Tcg)
        }
    }
}

/// The image, or a copy of it with what is appended: a plain archive begins at a multiple of four bytes.
fn initrd(guest: &Guest, folder: &Path) -> io::Result<PathBuf> {
    if guest.appended.is_empty() {
        return Ok(guest.image.clone());
    }
    let path = folder.join("initrd");
    let mut bytes = fs_err::read(&guest.image)?;
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend_from_slice(&guest.appended);
    fs_err::write(&path, &bytes)?;
    Ok(path)
}

fn disks(guest: &Guest, folder: &Path) -> io::Result<Vec<Disk>> {
    let mut disks = Vec::new();
    for (number, contents) in guest.disks.iter().enumerate() {
        let path = folder.join(format!("disk{number}"));
        fs_err::write(&path, contents)?;
        disks.push(Disk(path));
    }
    Ok(disks)
}
