//! `coco-initrd boot`: boots an image in QEMU, waits for the agent, and says what came up and how fast.
//!
//! It asks the agent nothing that a policy could refuse and somebody might miss; that is `e2e`'s.

mod subject;

use std::fmt::Write as _;
use std::time::Duration;

use coco_agent_api::agent::{GuestDetailsRequest, GuestDetailsResponse};
use coco_agent_api::health::{CheckRequest, VersionCheckResponse};
use coco_boot::{Accelerator, Ending, Initrd};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::boot::BootArgs;
use crate::machine::agent::{AGENT, Agent, CallError, HEALTH};
use crate::machine::balloon::{self, Memory};
use crate::machine::{self, Down, MachineError, Running};
use crate::output::Output;
use crate::report::one_line;

pub(crate) use subject::{Subject, SubjectError};

/// How long one question to an agent that serves may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many lines of the console a report of a failure has.
pub(crate) const TAIL: usize = 12;

/// A boot that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotUp {
    /// The guest is gone.
    #[error("the agent never answered: {0}")]
    Ended(Ending),
    /// It runs, and nobody answers.
    #[error("the agent does not answer after {} s, and the guest still runs", .0.as_secs())]
    Silent(Duration),
}

/// What came up, and how fast.
#[derive(Debug)]
struct Came {
    accelerator: Accelerator,
    version: VersionCheckResponse,
    details: Result<GuestDetailsResponse, CallError>,
    phases: Phases,
    memory: Result<Memory, String>,
    peak_kib: Option<u64>,
}

/// How long the phases of the boot took; what was not seen is `None`.
#[derive(Debug, Clone, Copy)]
struct Phases {
    firmware: Option<Duration>,
    kernel: Option<Duration>,
    initrd: Option<Initrd>,
    agent: Option<Duration>,
    total: Duration,
}

/// Boots, and says what came up.
pub(crate) fn boot(args: &BootArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let subject = Subject::read(&args.machine)?;
    let mut guest = subject.guest()?;
    if let Some(path) = &args.keep_console {
        let inputs = [Some(&args.machine.manifest), Some(&args.machine.kernel), args.initdata.as_ref()];
        subject.refuse_input(path, inputs.into_iter().flatten())?;
        fs_err::File::create(path)?;
        guest.console = Some(path.clone());
    }
    if let Some(path) = &args.initdata {
        let (_, initdata) = crate::initdata::read(path)?;
        crate::initdata::say_faults(&initdata, out);
        guest.disks.push(initdata.image());
    }
    out.note(&format!("command line: {}", guest.command_line));
    let accelerator = machine::accelerator(subject.acceleration, &guest)?;
    out.note(&format!("executed by: {}", accelerator.name()));
    let mut running = Running::start(&guest, accelerator)?;
    let (agent, total) = match running.wait_for_agent(subject.patience) {
        Ok(up) => up,
        Err(down) => return Err(not_up(&down, &running, subject.patience, out)),
    };
    let came = Came::ask(&agent, &mut running, accelerator, total)?;
    out.data(&if args.machine.json { format!("{:#}\n", came.as_json()) } else { came.as_table() })?;
    Ok(Outcome::Done)
}

/// The error for a guest that did not come up; what its console said last is told before.
fn not_up(down: &Down, running: &Running, patience: Duration, out: &mut Output) -> anyhow::Error {
    if let (Down::Ended(Ending::Unexplained), Some(words)) = (down, running.complaint()) {
        return MachineError::Qemu(words).into();
    }
    let lines = running.last_lines(TAIL);
    out.note(if lines.is_empty() { "the console is empty" } else { "the console's last lines:" });
    for line in lines {
        out.note(&format!("  {}", one_line(&line)));
    }
    match down {
        Down::Ended(ending) => NotUp::Ended(ending.clone()).into(),
        Down::Silent => NotUp::Silent(patience).into(),
    }
}

impl Came {
    fn ask(
        agent: &Agent,
        running: &mut Running,
        accelerator: Accelerator,
        total: Duration,
    ) -> anyhow::Result<Self> {
        let version = agent.ask((HEALTH, "Version"), &CheckRequest::new(), PATIENCE)?;
        let details = agent.ask((AGENT, "GetGuestDetails"), &GuestDetailsRequest::new(), PATIENCE);
        let memory = match balloon::memory(&running.sockets().qmp) {
            Ok(Some(memory)) => Ok(memory),
            Ok(None) => Err("the guest drives no balloon".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let timeline = running.timeline();
        let init = timeline.init();
        let phases = Phases {
            firmware: timeline.kernel(),
            kernel: timeline.kernel().and_then(|kernel| init?.checked_sub(kernel)),
            initrd: timeline.initrd(),
            agent: init.and_then(|init| total.checked_sub(init)),
            total,
        };
        Ok(Self { accelerator, version, details, phases, memory, peak_kib: running.peak_memory() })
    }

    fn as_table(&self) -> String {
        let Phases { firmware, kernel, initrd, agent, total } = self.phases;
        let mut text = String::new();
        let mut row = |name: &str, value: String, note: String| {
            // A String takes any write.
            let _ = writeln!(text, "{}", format!("{name:<10} {value:>9}  {note}").trim_end());
        };
        row("firmware", seconds(firmware), "QEMU and firmware, until the kernel starts".to_owned());
        let unpacking = initrd.map_or("unpacking not seen".to_owned(), |initrd| {
            format!("of that {} unpacking the image", seconds(Some(initrd.unpacking)))
        });
        row("kernel", seconds(kernel), format!("until /init starts; {unpacking}"));
        row("agent", seconds(agent), "until the agent answers".to_owned());
        row("total", seconds(Some(total)), String::new());
        match &self.memory {
            Ok(memory) => {
                row(
                    "memory",
                    mib(memory.available),
                    format!("available to programs, of {}", mib(memory.total)),
                );
            }
            Err(reason) => row("memory", "not known".to_owned(), one_line(reason)),
        }
        row(
            "on host",
            self.peak_kib.map_or("not known".to_owned(), |kib| mib(kib << 10)),
            "QEMU's peak".to_owned(),
        );
        format!("agent {}\n{text}", self.agent())
    }

    /// The agent's version and features, in words.
    fn agent(&self) -> String {
        let version = one_line(&self.version.agent_version);
        match &self.details {
            Ok(details) => {
                let features = one_line(&details.agent_details.extra_features.join(" "));
                let role = if details.agent_details.init_daemon { ", PID 1" } else { "" };
                format!("{version}{role}, features: {features}")
            }
            Err(error) => format!("{version}, details refused: {}", one_line(&error.to_string())),
        }
    }

    fn as_json(&self) -> Value {
        let Phases { firmware, kernel, initrd, agent, total } = self.phases;
        let details = self.details.as_ref().ok().map(|details| {
            json!({
                "extra_features": details.agent_details.extra_features,
                "init_daemon": details.agent_details.init_daemon,
            })
        });
        let mut value = json!({
            "accelerator": self.accelerator.name(),
            "agent": {"version": self.version.agent_version, "details": details},
            "milliseconds": {
                "firmware": millis(firmware),
                "kernel": millis(kernel),
                "unpacking": millis(initrd.map(|initrd| initrd.unpacking)),
                "agent": millis(agent),
                "total": millis(Some(total)),
            },
            "memory": self.memory.as_ref().ok().map(|memory| json!({
                "total_bytes": memory.total,
                "available_bytes": memory.available,
            })),
            "packed_image_freed_kib": initrd.map(|initrd| initrd.freed_kib),
            "qemu_peak_kib": self.peak_kib,
        });
        value.sort_all_objects();
        value
    }
}

fn seconds(duration: Option<Duration>) -> String {
    duration.map_or("not seen".to_owned(), |duration| format!("{:.2} s", duration.as_secs_f64()))
}

fn millis(duration: Option<Duration>) -> Option<u64> {
    duration.and_then(|duration| u64::try_from(duration.as_millis()).ok())
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
