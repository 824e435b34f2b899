//! What is done to a pod in a scenario, step by step. How its guest is booted is in `table`.

use coco_agent_api::agent::{
    CloseStdinRequest, CreateSandboxRequest, DestroySandboxRequest, GetDiagnosticDataRequest,
    GetMetricsRequest, GuestDetailsRequest, RemoveContainerRequest, SetPolicyRequest, SignalProcessRequest,
    StatsContainerRequest, WaitProcessRequest,
};
use coco_agent_api::health::CheckRequest;

use crate::container::{self, MAIN, id};
use crate::{Action, Answer, Call, Opened, Step};

/// Where the attack with the debug console listens (`DEBUG_CONSOLE_VPORT` of kata's tests).
const PORT_OF_DEBUG_CONSOLE: u32 = 1026;

/// What the probe says when it is started as a shell.
const SHELL: &str = "coco-probe: a shell answers";

/// What the main container prints.
const OUT: &str = "what the container prints";
const ERR: &str = "what the container complains";
/// What a command prints.
const COMMAND: &str = "what the command prints";

/// The signal that can't be ignored, and the status of whoever got it.
const SIGKILL: u32 = 9;
const KILLED: i32 = 137;

/// More than any pipe holds, in bytes.
const FLOOD: &str = "1048576";

/// The whole life of a pod under the default policy.
pub(crate) fn default(probe: &[u8]) -> Vec<Step> {
    let mut steps = vec![
        step("Check answers", Call::health("Check", &CheckRequest::new()), Answer::Serving),
        fine("Version answers", Call::health("Version", &CheckRequest::new())),
        fine(
            "the runtimes' question for details is answered",
            Call::agent("GetGuestDetails", &GuestDetailsRequest::new()),
        ),
    ];
    steps.extend(arrival(probe));
    steps.extend(config_map());
    steps.push(blocked(
        "a file outside the share is refused",
        Call::file("/etc/coco-initrd/intruder", 0o644, b"x"),
        "CopyFileRequest",
    ));
    steps.push(fine(
        "the kubelet reads its statistics",
        Call::agent(
            "StatsContainer",
            &StatsContainerRequest { container_id: id(MAIN), ..Default::default() },
        ),
    ));
    steps.extend(looks());
    steps.extend(intrusions());
    steps.extend(floods());
    steps.extend(departure());
    steps
}

/// The short form of the same: what must be closed, is.
pub(crate) fn closed(probe: &[u8]) -> Vec<Step> {
    [arrival(probe), looks(), departure()].concat()
}

/// A guest whose initdata opens something: just that is open.
pub(crate) fn opened_by(opened: Opened, probe: &[u8]) -> Vec<Step> {
    let (logs, exec) = match opened {
        Opened::Logs => (true, false),
        Opened::Exec => (false, true),
        Opened::LogsAndExec => (true, true),
    };
    let mut steps = arrival(probe);
    steps.extend(if logs { logs_open() } else { logs_closed() });
    steps.extend(if exec { exec_open() } else { exec_closed() });
    steps.extend(intrusions());
    steps.extend(departure());
    steps
}

/// A guest that an attack has opened: the host reads, runs and replaces what it wants.
pub(crate) fn wide_open(probe: &[u8]) -> Vec<Step> {
    let policy = SetPolicyRequest { policy: "package agent_policy\n".to_owned(), ..Default::default() };
    let mut steps = arrival(probe);
    steps.extend(logs_open());
    steps.extend(exec_open());
    steps.push(fine("the host replaces the policy", Call::agent("SetPolicy", &policy)));
    steps
}

/// The debug console, which an attack has opened.
pub(crate) fn console() -> Step {
    Step {
        says: "a shell answers at the debug console".to_owned(),
        action: Action::Listen(PORT_OF_DEBUG_CONSOLE),
        expect: Answer::Text(SHELL),
    }
}

/// A sandbox, and in it a container that runs.
fn arrival(probe: &[u8]) -> Vec<Step> {
    let sandbox =
        CreateSandboxRequest { sandbox_id: id('5'), hostname: "pod".to_owned(), ..Default::default() };
    vec![
        fine("a sandbox is made", Call::agent("CreateSandbox", &sandbox)),
        steps_of("a program is copied in", container::upload(probe), Answer::Fine),
        fine("a container is made", container::create(MAIN, &["say", OUT, ERR])),
        fine("it starts", container::start(MAIN)),
    ]
}

/// The kubelet's way with a configuration map: files in a directory, reached through links.
fn config_map() -> Vec<Step> {
    let top = container::mount("config");
    let mut calls = vec![Call::directory(&top), Call::directory(&format!("{top}/..2026_11_23"))];
    calls.extend(Call::file(&format!("{top}/..2026_11_23/key"), 0o644, b"value\n"));
    calls.push(Call::link(&format!("{top}/..data"), "..2026_11_23"));
    calls.push(Call::link(&format!("{top}/key"), "..data/key"));
    vec![steps_of("a configuration map is copied in", calls, Answer::Fine)]
}

/// Logs and exec, both closed.
fn looks() -> Vec<Step> {
    [logs_closed(), exec_closed()].concat()
}

/// The two names of a container's own process: none, and the container's id. A policy must know both.
fn own_process() -> [String; 2] {
    [String::new(), id(MAIN)]
}

fn logs_closed() -> Vec<Step> {
    let streams = own_process().map(|process| {
        [
            step(
                "standard output is empty, without an error",
                Call::read("ReadStdout", &id(MAIN), &process),
                Answer::Nothing,
            ),
            step(
                "standard error is empty, without an error",
                Call::read("ReadStderr", &id(MAIN), &process),
                Answer::Nothing,
            ),
        ]
    });
    streams.concat()
}

fn logs_open() -> Vec<Step> {
    let streams = own_process().map(|process| {
        [
            until("standard output is read", Call::read("ReadStdout", &id(MAIN), &process), OUT),
            until("standard error is read", Call::read("ReadStderr", &id(MAIN), &process), ERR),
        ]
    });
    streams.concat()
}

fn exec_closed() -> Vec<Step> {
    let call = container::exec("command", &["tell", COMMAND]);
    vec![blocked("a command is refused", vec![call], "ExecProcessRequest")]
}

fn exec_open() -> Vec<Step> {
    vec![
        fine("a command runs", container::exec("command", &["tell", COMMAND])),
        until("what it prints is read", Call::read("ReadStdout", &id(MAIN), "command"), COMMAND),
        step("it ends with its own status", wait(MAIN, "command"), Answer::Status(0)),
    ]
}

/// What no scenario opens.
fn intrusions() -> Vec<Step> {
    let policy = SetPolicyRequest { policy: "package agent_policy\n".to_owned(), ..Default::default() };
    let last_words = GetDiagnosticDataRequest {
        container_id: id(MAIN),
        log_type: "termination_log".to_owned(),
        ..Default::default()
    };
    let mut steps = Vec::new();
    for process in own_process() {
        let stdin = CloseStdinRequest {
            container_id: id(MAIN),
            exec_id: process.clone(),
            ..CloseStdinRequest::default()
        };
        steps.push(blocked(
            "typing is refused",
            vec![Call::write(&id(MAIN), &process, "x\n")],
            "WriteStreamRequest",
        ));
        steps.push(blocked(
            "closing standard input is refused",
            vec![Call::agent("CloseStdin", &stdin)],
            "CloseStdinRequest",
        ));
    }
    let others = [
        ("a policy of the host is refused", Call::agent("SetPolicy", &policy), "SetPolicyRequest"),
        (
            "the termination message is refused",
            Call::agent("GetDiagnosticData", &last_words),
            "GetDiagnosticDataRequest",
        ),
        ("metrics are refused", Call::agent("GetMetrics", &GetMetricsRequest::new()), "GetMetricsRequest"),
    ];
    steps.extend(others.map(|(says, call, name)| blocked(says, vec![call], name)));
    steps
}

/// Containers that print more than a pipe holds, to a host that reads on and to one that stops.
fn floods() -> Vec<Step> {
    let mut steps = Vec::new();
    let flooding = |digit: char| vec![container::create(digit, &["flood", FLOOD]), container::start(digit)];
    steps.push(steps_of("a container that prints 1 MiB starts", flooding('b'), Answer::Fine));
    steps.push(Step {
        says: "it ends, if the host reads on although nothing comes".to_owned(),
        action: Action::Drain { read: Call::read("ReadStdout", &id('b'), ""), wait: wait('b', "") },
        expect: Answer::Status(0),
    });
    steps.push(fine("it is removed", remove('b')));
    steps.push(steps_of("another one starts", flooding('c'), Answer::Fine));
    steps.push(step(
        "the host reads once, and gets nothing",
        Call::read("ReadStdout", &id('c'), ""),
        Answer::Nothing,
    ));
    steps.push(step(
        "whether it ends, if the host stops at the first empty answer",
        wait('c', ""),
        Answer::Observed {
            answered: "it ends",
            silent: "it is blocked: whoever prints more than a pipe holds waits for ever",
        },
    ));
    steps.push(fine("it can be killed all the same", signal('c')));
    steps.push(fine("and removed", remove('c')));
    steps
}

/// The end of the pod, and of the guest with it.
fn departure() -> Vec<Step> {
    vec![
        fine("the container is killed", signal(MAIN)),
        step("its status says so", wait(MAIN, ""), Answer::Status(KILLED)),
        fine("it is removed", remove(MAIN)),
        fine("the sandbox is destroyed", Call::agent("DestroySandbox", &DestroySandboxRequest::new())),
        Step { says: "the guest ends".to_owned(), action: Action::WaitForEnd, expect: Answer::Fine },
    ]
}

fn wait(digit: char, process: &str) -> Call {
    let request =
        WaitProcessRequest { container_id: id(digit), exec_id: process.to_owned(), ..Default::default() };
    Call::agent("WaitProcess", &request)
}

fn signal(digit: char) -> Call {
    let request = SignalProcessRequest { container_id: id(digit), signal: SIGKILL, ..Default::default() };
    Call::agent("SignalProcess", &request)
}

fn remove(digit: char) -> Call {
    Call::agent("RemoveContainer", &RemoveContainerRequest { container_id: id(digit), ..Default::default() })
}

fn step(says: &str, call: Call, expect: Answer) -> Step {
    steps_of(says, vec![call], expect)
}

fn fine(says: &str, call: Call) -> Step {
    step(says, call, Answer::Fine)
}

fn blocked(says: &str, calls: Vec<Call>, name: &'static str) -> Step {
    steps_of(says, calls, Answer::Blocked(name))
}

fn until(says: &str, call: Call, text: &'static str) -> Step {
    Step { says: says.to_owned(), action: Action::ReadUntil(call, text), expect: Answer::Text(text) }
}

fn steps_of(says: &str, calls: Vec<Call>, expect: Answer) -> Step {
    Step { says: says.to_owned(), action: Action::Calls(calls), expect }
}
