//! One scenario: boots, does the steps, and keeps what came of each. Reports nothing.

use std::thread;
use std::time::{Duration, Instant};

use coco_acceptance::{Action, Answer, Call, End, Expect, Reply, Scenario, Step, Verdict};
use coco_agent_api::Message as _;
use coco_agent_api::agent::ReadStreamResponse;
use coco_boot::{Accelerator, Ending};

use super::changes::Contents;
use super::disks;
use crate::commands::boot::{Subject, TAIL};
use crate::machine::agent::{Agent, CallError};
use crate::machine::{Down, Guest, MachineError, Running};

/// How long an agent may take to answer one call.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it is watched whether something happens that need not.
const OBSERVING: Duration = Duration::from_secs(5);

/// How often a stream is read for a text; each time something came, or the stream is at its end.
const READS: usize = 64;

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Played {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) shows: &'static str,
    /// What came of its steps; those behind one that got no reply are missing.
    pub(crate) steps: Vec<Done>,
    /// The console's last lines, if something failed or the guest was to end.
    pub(crate) console: Vec<String>,
    /// How long all of it took.
    pub(crate) took: Duration,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct Done {
    /// What must be so.
    pub(crate) says: String,
    /// What was expected.
    pub(crate) expected: String,
    /// Whether it came.
    pub(crate) verdict: Verdict,
    /// How the guest ended, if it did.
    pub(crate) came: Option<String>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Played {
    /// Whether all that was expected came.
    pub(crate) fn holds(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.verdict, Verdict::Failed(_)))
    }
}

/// Plays a scenario in a guest of its own, made of `guest`. A machine that can't be had is a failure of the
/// scenario like another: those before it keep their results.
pub(crate) fn run(
    scenario: &Scenario,
    guest: Guest,
    (subject, contents): (&Subject, &Contents),
    accelerator: Accelerator,
) -> Played {
    let start = Instant::now();
    let mut played = Played {
        name: scenario.name,
        shows: scenario.shows,
        steps: Vec::new(),
        console: Vec::new(),
        took: Duration::ZERO,
    };
    let started = attacked(guest, scenario, contents)
        .and_then(|guest| Running::start(&guest, accelerator).map_err(|error| words(&error)));
    match started {
        Ok(mut running) => {
            played.steps = play(&scenario.expect, &mut running, subject.patience);
            if !played.holds() || matches!(scenario.expect, Expect::Ends(_)) {
                played.console = running.last_lines(TAIL);
            }
        }
        Err(error) => played.steps.push(Done {
            says: "the machine starts".to_owned(),
            expected: "a machine".to_owned(),
            verdict: Verdict::Failed(error),
            came: None,
            took: start.elapsed(),
        }),
    }
    played.took = start.elapsed();
    played
}

/// The guest with what the scenario does to it.
fn attacked(mut guest: Guest, scenario: &Scenario, contents: &Contents) -> Result<Guest, String> {
    guest.appended = contents.archive(&scenario.changes);
    for word in &scenario.words {
        guest.command_line = guest.command_line.with(word);
    }
    for disk in &scenario.disks {
        guest.disks.push(disks::bytes(*disk, &contents.policy).map_err(|error| error.to_string())?);
    }
    Ok(guest)
}

/// The error with its cause.
fn words(error: &MachineError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Does what is expected of a guest that was just started.
fn play(expect: &Expect, running: &mut Running, patience: Duration) -> Vec<Done> {
    let start = Instant::now();
    let up = running.wait_for_agent(patience);
    let took = start.elapsed();
    let down = up.as_ref().err().map(|down| word(down, running));
    let done = |says: &str, expected: &str, failure: Option<String>| Done {
        says: says.to_owned(),
        expected: expected.to_owned(),
        verdict: failure.map_or(Verdict::Held, Verdict::Failed),
        came: down.clone(),
        took,
    };
    match (expect, up) {
        (Expect::Serves(steps), Ok((agent, _))) => {
            let mut all = vec![done("the agent answers", "an answer", None)];
            all.extend(act_all(steps, &agent, running));
            all
        }
        (Expect::Serves(_), Err(_)) => vec![done("the agent answers", "an answer", down.clone())],
        (Expect::Ends(end), up) => {
            let failure = match &up {
                Ok(_) => Some("the agent answers: the guest is open to whoever did this".to_owned()),
                Err(Down::Ended(ending)) if is(*end, ending, running) => None,
                Err(_) => down.clone(),
            };
            vec![done("the guest ends and serves nobody", &wanted(*end), failure)]
        }
    }
}

/// Does the steps, up to the first that brings no reply where one was due: nothing behind it would tell
/// more.
fn act_all(steps: &[Step], agent: &Agent, running: &mut Running) -> Vec<Done> {
    let mut all = Vec::new();
    for step in steps {
        let start = Instant::now();
        let reply = act(step, agent, running);
        let verdict = step.judge(&reply);
        let lost = matches!((&verdict, &reply), (Verdict::Failed(_), Reply::None(_)));
        let (says, expected) = (step.says.clone(), step.expect.to_string());
        all.push(Done { says, expected, verdict, came: None, took: start.elapsed() });
        if lost {
            break;
        }
    }
    all
}

/// Does the step and returns what came of it.
fn act(step: &Step, agent: &Agent, running: &mut Running) -> Reply {
    let patience = if matches!(step.expect, Answer::Observed { .. }) { OBSERVING } else { PATIENCE };
    match &step.action {
        Action::Calls(calls) => {
            let mut reply = Reply::Answer(Vec::new());
            for call in calls {
                reply = ask(agent, call, patience);
                if !matches!(reply, Reply::Answer(_)) {
                    break;
                }
            }
            reply
        }
        Action::ReadUntil(call, text) => read_until(agent, call, text),
        Action::Drain { read, wait } => drain(agent, read, wait),
        Action::Listen(port) => match running.listen(*port, OBSERVING) {
            Ok(data) => answer(&ReadStreamResponse { data, ..ReadStreamResponse::default() }),
            Err(error) => Reply::None(format!("port {port}: {error}")),
        },
        Action::WaitForEnd => match running.wait_for_end(PATIENCE) {
            Some(Ending::PoweredOff) => Reply::Answer(Vec::new()),
            Some(other) => Reply::None(other.to_string()),
            None => Reply::None(format!("the guest still runs after {} s", PATIENCE.as_secs())),
        },
    }
}

fn ask(agent: &Agent, call: &Call, patience: Duration) -> Reply {
    match agent.call(call.service, call.method, call.request.clone(), patience) {
        Ok(answer) => Reply::Answer(answer),
        Err(CallError::Refused { code, message }) => Reply::Refusal { code, message },
        Err(CallError::NoAnswer(reason)) => Reply::None(reason),
    }
}

/// Reads as the runtimes do, until the text came, or nothing does.
fn read_until(agent: &Agent, call: &Call, text: &str) -> Reply {
    let mut all = ReadStreamResponse::new();
    for _ in 0..READS {
        let bytes = match ask(agent, call, PATIENCE) {
            Reply::Answer(bytes) => bytes,
            other => return other,
        };
        let Ok(answer) = ReadStreamResponse::parse_from_bytes(&bytes) else {
            return Reply::Answer(bytes);
        };
        all.data.extend_from_slice(&answer.data);
        if answer.data.is_empty() || String::from_utf8_lossy(&all.data).contains(text) {
            break;
        }
    }
    answer(&all)
}

fn answer(message: &ReadStreamResponse) -> Reply {
    message.write_to_bytes().map_or_else(|error| Reply::None(error.to_string()), Reply::Answer)
}

/// Reads a stream for as long as its process lives, and returns how that ended.
fn drain(agent: &Agent, read: &Call, wait: &Call) -> Reply {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(agent, wait, PATIENCE));
        while !waiting.is_finished() {
            // What is read, and whether it may be, is not the question.
            let _ = ask(agent, read, Duration::from_secs(2));
        }
        waiting.join().unwrap_or_else(|_| Reply::None("the waiting thread ended".to_owned()))
    })
}

fn is(end: End, ending: &Ending, running: &Running) -> bool {
    // Before that it is not the agent that ended.
    let agent = running.timeline().init().is_some();
    match (end, ending) {
        (End::Refusal(word), Ending::Refused(reason)) => reason.contains(word),
        (End::NoPolicy, Ending::Policy(_)) => true,
        (End::ByAgent, Ending::Policy(_) | Ending::Initdata(_) | Ending::Panic(_) | Ending::PoweredOff) => {
            agent
        }
        (End::Refusal(_) | End::NoPolicy | End::ByAgent, _) => false,
    }
}

fn wanted(end: End) -> String {
    match end {
        End::Refusal(word) => format!("a refusal of the guard that names `{word}`"),
        End::NoPolicy => "an end for want of a policy".to_owned(),
        End::ByAgent => "an end by the agent".to_owned(),
    }
}

fn word(down: &Down, running: &Running) -> String {
    match (down, running.complaint()) {
        (Down::Ended(Ending::Unexplained), Some(complaint)) => format!("QEMU ended: {complaint}"),
        (Down::Ended(ending), _) => ending.to_string(),
        (Down::Silent, _) => "the guest runs, and nobody answers".to_owned(),
    }
}
