//! The service as a client has it, over a socket, with real processes. Not what policies decide.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use coco_agent_api::agent::{self, Empty, ReadStreamRequest, SignalProcessRequest, WaitProcessRequest};
use coco_agent_api::agent_ttrpc::AgentServiceClient;
use coco_agent_api::health::CheckRequest;
use coco_agent_api::health_ttrpc::HealthClient;
use coco_agent_api::ttrpc::{self, Client, Server, context};
use coco_agent_api::{MessageField, oci};
use coco_initdata::{Algorithm, Initdata};
use coco_policy::{Enforcer, Outcome, Request};
use expect_test::expect;
use protobuf::reflect::{MessageDescriptor, RuntimeFieldType, RuntimeType};
use serde_json::{Value, json};

use crate::children::CHILDREN;
use crate::guest::Guest;
use crate::{copy_file, initdata, server};

/// A container that waits to be told.
const NAME: &str = "0b6c2f1d";

/// A guest that serves, and a client of it.
struct Serving {
    folder: tempfile::TempDir,
    client: AgentServiceClient,
    connection: Client,
    destroyed: Receiver<()>,
    _server: Server,
}

/// A policy with these lines, and every request it says nothing about set to `usual`.
fn policy(usual: bool, lines: &str) -> String {
    let others = Request::all()
        .filter(|request| *request != Request::AllowRequestsFailingPolicy)
        .filter(|request| !lines.contains(&format!("{request} := ")))
        .map(|request| format!("{request} := {usual}\n"));
    format!("package agent_policy\n\n{lines}\n{}", others.collect::<String>())
}

fn serve(policy: &str) -> Serving {
    static REAPER: Once = Once::new();
    REAPER.call_once(|| {
        std::thread::spawn(|| CHILDREN.reap().unwrap());
    });
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix://{}", folder.path().join("agent.sock").display());
    let enforcer = Enforcer::load("test.rego", policy.as_bytes()).unwrap();
    let (sender, destroyed) = mpsc::channel();
    let guest = Guest::new(enforcer, &folder.path().join("base"), sender);
    let server = server::start(Arc::new(guest), &address).unwrap();
    let connection = Client::connect(&address).unwrap();
    let client = AgentServiceClient::new(connection.clone());
    Serving { folder, client, connection, destroyed, _server: server }
}

fn open() -> Serving {
    serve(&policy(true, ""))
}

fn soon() -> context::Context {
    context::with_duration(Duration::from_mins(1))
}

/// What an answer comes to: `OK`, or the code and the text.
fn said<T>(answer: ttrpc::Result<T>) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(ttrpc::Error::RpcStatus(status)) => {
            format!("{:?} {}", status.code(), status.message())
        }
        Err(other) => format!("no answer: {other}"),
    }
}

fn process(words: &[&str]) -> oci::Process {
    oci::Process {
        Args: words.iter().map(|&word| word.to_owned()).collect(),
        Env: vec!["PATH=/usr/bin:/bin".to_owned(), "GREETING=hello".to_owned()],
        Cwd: "/".to_owned(),
        Capabilities: MessageField::some(oci::LinuxCapabilities::new()),
        ..oci::Process::default()
    }
}

fn container(words: &[&str]) -> agent::CreateContainerRequest {
    let root = oci::Root { Path: "/".to_owned(), ..oci::Root::default() };
    let spec = oci::Spec {
        Process: MessageField::some(process(words)),
        Root: MessageField::some(root),
        ..oci::Spec::default()
    };
    agent::CreateContainerRequest {
        container_id: NAME.to_owned(),
        OCI: MessageField::some(spec),
        ..agent::CreateContainerRequest::default()
    }
}

impl Serving {
    /// Creates and starts a container with this first process.
    fn run(&self, words: &[&str]) {
        assert_eq!(said(self.client.create_container(soon(), &container(words))), "OK");
        assert_eq!(said(self.start()), "OK");
    }

    fn start(&self) -> ttrpc::Result<Empty> {
        let request = agent::StartContainerRequest { container_id: NAME.to_owned(), ..Default::default() };
        self.client.start_container(soon(), &request)
    }

    fn exec(&self, exec: &str, words: &[&str]) -> ttrpc::Result<Empty> {
        let request = agent::ExecProcessRequest {
            container_id: NAME.to_owned(),
            exec_id: exec.to_owned(),
            // Unlike a container's first process, it needs no capabilities.
            process: MessageField::some(oci::Process {
                Capabilities: MessageField::none(),
                ..process(words)
            }),
            ..Default::default()
        };
        self.client.exec_process(soon(), &request)
    }

    fn read(&self, exec: &str, len: u32) -> ttrpc::Result<Vec<u8>> {
        let (container_id, exec_id) = (NAME.to_owned(), exec.to_owned());
        let request = ReadStreamRequest { container_id, exec_id, len, ..Default::default() };
        self.client.read_stdout(soon(), &request).map(|answer| answer.data)
    }

    /// Reads until there is no more.
    fn read_all(&self, exec: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            match self.read(exec, 32 * 1024).unwrap() {
                end if end.is_empty() => return bytes,
                more => bytes.extend(more),
            }
        }
    }

    fn write(&self, data: &[u8]) -> ttrpc::Result<agent::WriteStreamResponse> {
        let (container_id, data) = (NAME.to_owned(), data.to_owned());
        self.client
            .write_stdin(soon(), &agent::WriteStreamRequest { container_id, data, ..Default::default() })
    }

    fn wait(&self, exec: &str) -> ttrpc::Result<i32> {
        let (container_id, exec_id) = (NAME.to_owned(), exec.to_owned());
        let request = WaitProcessRequest { container_id, exec_id, ..Default::default() };
        self.client.wait_process(soon(), &request).map(|answer| answer.status)
    }

    fn signal(&self, exec: &str, signal: u32) -> ttrpc::Result<Empty> {
        let (container_id, exec_id) = (NAME.to_owned(), exec.to_owned());
        let request = SignalProcessRequest { container_id, exec_id, signal, ..Default::default() };
        self.client.signal_process(soon(), &request)
    }

    fn remove(&self) -> ttrpc::Result<Empty> {
        let request = agent::RemoveContainerRequest { container_id: NAME.to_owned(), ..Default::default() };
        self.client.remove_container(soon(), &request)
    }

    fn set_policy(&self, policy: &str) -> ttrpc::Result<Empty> {
        let request = agent::SetPolicyRequest { policy: policy.to_owned(), ..Default::default() };
        self.client.set_policy(soon(), &request)
    }

    fn share(&self) -> PathBuf {
        self.folder.path().join("base/shared/containers")
    }
}

/// Calls methods with empty messages: name and answer of each.
macro_rules! call {
    ($client:expr, $($method:ident)+) => {
        vec![$((stringify!($method), said($client.$method(soon(), &Default::default())))),+]
    };
}

/// Calls every method that asks before it does anything.
fn call_all(client: &AgentServiceClient) -> Vec<(&'static str, String)> {
    call!(client,
        add_arp_neighbors add_swap add_swap_path close_stdin copy_file create_container create_sandbox
        destroy_sandbox exec_process get_diagnostic_data get_guest_details get_ip_tables get_metrics get_oom_event
        get_volume_stats list_interfaces list_routes mem_agent_compact_set mem_agent_memcg_set
        mem_hotplug_by_probe online_cpu_mem pause_container remove_container remove_stale_virtiofs_share_mounts
        reseed_random_dev resize_volume resume_container set_guest_date_time set_ip_tables set_policy
        signal_process start_container stats_container tty_win_resize update_container update_ephemeral_mounts
        update_interface update_routes wait_process write_stdin
    )
}

/// The methods of the protocol, from its description, as Rust spells them but without underscores.
fn methods() -> BTreeSet<String> {
    let text = include_str!("../../coco-agent-api/proto/agent.proto");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split_once('('));
    names.map(|(name, _)| name.to_lowercase()).collect()
}

#[test]
fn every_request_is_asked_about_by_its_own_name_before_anything_is_done() {
    let serving = serve(&policy(false, ""));
    let answers = call_all(&serving.client);
    let mut asked = BTreeSet::new();
    for (method, answer) in &answers {
        let name = answer
            .strip_prefix("PERMISSION_DENIED \"")
            .and_then(|words| words.strip_suffix(" is blocked by policy: \""));
        let name = name.unwrap_or_else(|| panic!("{method}: {answer}"));
        let plain = |name: &str| name.to_lowercase().replace('_', "");
        // The words that name a method and its message differently.
        let method =
            plain(method).replace("getguestdetails", "guestdetails").replace("writestdin", "writestream");
        let method = method.replace("getvolumestats", "volumestats").replace("set", "");
        let message = plain(name).replace("request", "").replace("config", "").replace("set", "");
        assert_eq!(method, message);
        asked.insert(name.to_owned());
    }
    let others = [Request::AllowRequestsFailingPolicy, Request::ReadStream];
    let expected: BTreeSet<_> = Request::all()
        .filter(|request| !others.contains(request))
        .map(|request| request.name().to_owned())
        .collect();
    assert_eq!(asked, expected);
    let called = answers.iter().map(|(method, _)| method.replace('_', ""));
    let called: BTreeSet<_> = called.chain(["readstdout", "readstderr"].map(str::to_owned)).collect();
    assert_eq!(called, methods());
}

#[test]
fn nothing_is_done_that_was_not_asked_about() {
    let serving = serve(&policy(false, ""));
    call_all(&serving.client);
    assert!(serving.destroyed.try_recv().is_err());
    assert!(!serving.folder.path().join("base").exists());
}

#[test]
fn no_rule_is_an_internal_error_with_the_agents_words() {
    let serving = serve("package agent_policy\n\nReadStreamRequest := true");
    for (method, answer) in call_all(&serving.client) {
        let expected =
            ": internal error policy check: unexpected eval_query result len QueryResults { result: [] }\"";
        assert!(answer.starts_with("INTERNAL \"") && answer.ends_with(expected), "{method}: {answer}");
    }
}

#[test]
fn what_a_policy_prints_goes_to_the_caller() {
    let lines = "default ExecProcessRequest := false\n\nExecProcessRequest if {\n print(\"not \\\"here\\\"\")\n false\n}\n";
    let serving = serve(&policy(true, lines).replace("ExecProcessRequest := true\n", ""));
    let expected =
        r#"PERMISSION_DENIED "ExecProcessRequest is blocked by policy: test.rego:6: not \"here\"""#;
    assert_eq!(said(serving.exec("e", &["true"])), expected);
}

#[test]
fn health_is_answered_whatever_the_policy_says() {
    let serving = serve(&policy(false, ""));
    let health = HealthClient::new(serving.connection.clone());
    let status = health.check(soon(), &CheckRequest::new()).unwrap().status;
    assert_eq!(status.value(), 1);
    let version = health.version(soon(), &CheckRequest::new()).unwrap();
    assert!(version.agent_version.starts_with("4.1.0+coco-guest."), "{version}");
}

#[test]
fn a_process_runs_from_create_to_remove() {
    let serving = open();
    serving.run(&["/bin/sh", "-c", "echo $GREETING; read word; echo got $word; exit 7"]);
    assert_eq!(serving.read("", 4096).unwrap(), b"hello\n");
    assert_eq!(serving.write(b"a word\n").unwrap().len, 7);
    assert_eq!(serving.read("", 4096).unwrap(), b"got a word\n");
    assert_eq!(serving.read("", 4096).unwrap(), b"");
    assert_eq!(serving.wait("").unwrap(), 7);
    assert_eq!(said(serving.wait("")), "NOT_FOUND InitProcessNotFound");
    assert_eq!(said(serving.remove()), "OK");
    assert_eq!(said(serving.remove()), "INTERNAL Invalid container id");
}

#[test]
fn another_process_runs_beside_the_first() {
    let serving = open();
    serving.run(&["sleep", "1000"]);
    assert_eq!(said(serving.exec("e1", &["sh", "-c", "echo out; exit 3"])), "OK");
    assert_eq!(serving.read_all("e1"), b"out\n");
    assert_eq!(said(serving.exec("e1", &["true"])), "INTERNAL exec_id 'e1' already exists");
    assert_eq!(serving.wait("e1").unwrap(), 3);
    assert_eq!(said(serving.wait("e1")), "NOT_FOUND InvalidExecId");
    assert_eq!(serving.read("", 0).unwrap(), b"");
    assert_eq!(said(serving.signal("", 0)), "OK");
    assert_eq!(said(serving.signal("", 99)), "INTERNAL EINVAL: Invalid argument");
    assert_eq!(said(serving.signal("", 9)), "OK");
    assert_eq!(serving.wait("").unwrap(), 137);
    assert_eq!(said(serving.exec("e2", &["true"])), "INTERNAL the container's first process has ended");
}

#[test]
fn a_process_that_was_never_started_can_be_killed() {
    let serving = open();
    assert_eq!(said(serving.client.create_container(soon(), &container(&["true"]))), "OK");
    assert_eq!(said(serving.signal("", 9)), "OK");
    assert_eq!(serving.wait("").unwrap(), 137);
}

#[test]
fn a_first_process_that_does_not_catch_a_sigterm_gets_a_sigkill() {
    for (words, expected) in [
        (&["sleep", "1000"][..], 137),
        (&["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"], 5),
    ] {
        let serving = open();
        serving.run(words);
        if expected == 5 {
            assert_eq!(serving.read("", 3).unwrap(), b"up\n");
        }
        assert_eq!(said(serving.signal("", 15)), "OK");
        assert_eq!(serving.wait(NAME).unwrap(), expected, "{words:?}");
    }
}

#[test]
fn a_flood_is_read_to_its_end() {
    let serving = open();
    serving.run(&["sh", "-c", "head -c 1048576 /dev/zero; exit 4"]);
    assert_eq!(serving.read_all("").len(), 1 << 20);
    assert_eq!(serving.wait("").unwrap(), 4);
}

#[test]
fn output_nobody_may_see_is_read_and_thrown_away() {
    for rule in ["ReadStreamRequest := false", "# ReadStreamRequest := is not there"] {
        let serving = serve(&policy(true, rule));
        serving.run(&["sh", "-c", "head -c 1048576 /dev/zero; exit 6"]);
        // Sixteen times what a pipe holds: the process ends because it was read, and is then forgotten.
        let waiter = {
            let client = serving.client.clone();
            std::thread::spawn(move || wait_for(&client))
        };
        let mut reads = 0;
        while let Ok(data) = serving.read("", u32::MAX) {
            assert_eq!(data, b"", "{rule}");
            reads += 1;
        }
        assert!(reads >= 15, "{rule}: {reads}");
        assert_eq!(waiter.join().unwrap().unwrap(), 6, "{rule}");
    }
}

#[test]
fn a_read_does_not_wait_for_those_who_inherited_the_pipe() {
    let serving = open();
    serving.run(&["sh", "-c", "sleep 30 & echo out"]);
    assert_eq!(serving.read("", 4096).unwrap(), b"out\n");
    let started = Instant::now();
    assert_eq!(serving.read("", 4096).unwrap(), b"");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    serving.remove().unwrap();
}

#[test]
fn requests_that_wait_keep_no_others_from_being_answered() {
    let serving = open();
    serving.run(&["sleep", "1000"]);
    let waiters = [(); 16].map(|()| {
        let client = serving.client.clone();
        std::thread::spawn(move || wait_for(&client))
    });
    assert_eq!(said(serving.client.get_guest_details(soon(), &agent::GuestDetailsRequest::new())), "OK");
    assert_eq!(said(serving.signal("", 9)), "OK");
    let answers = waiters.map(|waiter| said(waiter.join().unwrap()));
    // Who asked only after the end was told that it was told already.
    assert!(
        answers.iter().all(|answer| answer == "OK" || answer == "NOT_FOUND InitProcessNotFound"),
        "{answers:?}"
    );
}

#[test]
fn a_stopped_container_goes_on_when_it_is_resumed() {
    let serving = open();
    serving.run(&["sh", "-c", "read word; echo $word"]);
    let container_id = NAME.to_owned();
    let pause = agent::PauseContainerRequest { container_id: container_id.clone(), ..Default::default() };
    assert_eq!(said(serving.client.pause_container(soon(), &pause)), "OK");
    serving.write(b"on\n").unwrap();
    let resume = agent::ResumeContainerRequest { container_id, ..Default::default() };
    assert_eq!(said(serving.client.resume_container(soon(), &resume)), "OK");
    assert_eq!(serving.read("", 4096).unwrap(), b"on\n");
    assert_eq!(serving.wait("").unwrap(), 0);
}

#[test]
fn an_input_is_ended_by_closing_it_and_by_writing_nothing() {
    for close in [true, false] {
        let serving = open();
        serving.run(&["cat"]);
        serving.write(b"text").unwrap();
        if close {
            let container_id = NAME.to_owned();
            let request = agent::CloseStdinRequest { container_id, ..Default::default() };
            assert_eq!(said(serving.client.close_stdin(soon(), &request)), "OK");
        } else {
            assert_eq!(serving.write(b"").unwrap().len, 0);
        }
        assert_eq!(said(serving.write(b"more")), "INTERNAL Cannot get writer");
        assert_eq!(serving.read_all(""), b"text");
    }
}

#[test]
fn a_container_tells_what_it_uses() {
    let serving = open();
    serving.run(&["sleep", "1000"]);
    let container_id = NAME.to_owned();
    let request = agent::StatsContainerRequest { container_id, ..Default::default() };
    let stats = serving.client.stats_container(soon(), &request).unwrap().cgroup_stats;
    assert_eq!(stats.pids_stats.current, 1);
    assert!(stats.memory_stats.usage.usage > 4096, "{stats:?}");
    serving.remove().unwrap();
    assert_eq!(
        said(serving.client.stats_container(soon(), &request)),
        "INVALID_ARGUMENT \"invalid container id\""
    );
}

/// Spoils a request.
type Change<'a> = &'a dyn Fn(&mut agent::CreateContainerRequest);

#[test]
fn a_container_that_cannot_be_made_is_an_error_and_leaves_nothing() {
    let serving = open();
    let tty = |request: &mut agent::CreateContainerRequest| {
        request.OCI.mut_or_insert_default().Process.mut_or_insert_default().Terminal = true;
    };
    let incapable = |request: &mut agent::CreateContainerRequest| {
        request.OCI.mut_or_insert_default().Process.mut_or_insert_default().Capabilities =
            MessageField::none();
    };
    let unrooted = |request: &mut agent::CreateContainerRequest| {
        request.OCI.mut_or_insert_default().Root.mut_or_insert_default().Path = "/no\0where".to_owned();
    };

    let changes: [(Change<'_>, &str); 7] = [
        (&|request| request.container_id = "../x".to_owned(), "INTERNAL invalid container ID ../x"),
        (&|request| request.OCI = MessageField::none(), "INTERNAL EINVAL: Invalid argument"),
        (&tty, "UNIMPLEMENTED a process with a terminal is not supported by the built-in guest"),
        (
            &|request| request.storages = vec![agent::Storage::new()],
            "UNIMPLEMENTED storages of a container are not supported by the built-in guest",
        ),
        (&unrooted, "INTERNAL root file system /no\0where: Invalid argument (os error 22)"),
        (
            &|request| *request = container(&["/no/such/program"]),
            "INTERNAL the file /no/such/program was not found",
        ),
        (&incapable, "INTERNAL missing process capabilities"),
    ];
    for (change, expected) in changes {
        let mut request = container(&["true"]);
        change(&mut request);
        assert_eq!(said(serving.client.create_container(soon(), &request)), expected);
    }
    assert_eq!(said(serving.start()), "INTERNAL Invalid container id");
    serving.run(&["true"]);
    assert_eq!(said(serving.start()), "INTERNAL the process was started before");
}

#[test]
fn who_names_no_container_is_told_so_in_the_agents_words() {
    let serving = open();
    for (got, expected) in [
        (said(serving.start()), "INTERNAL Invalid container id"),
        (said(serving.exec("e", &["true"])), "INTERNAL Invalid container id"),
        (said(serving.wait("")), "INVALID_ARGUMENT InvalidContainerId"),
        (said(serving.read("", 1)), "INVALID_ARGUMENT InvalidContainerId"),
        (said(serving.signal("", 15)), "INVALID_ARGUMENT InvalidContainerId"),
        (said(serving.signal("", 9)), "INTERNAL Invalid container id 0b6c2f1d"),
        (said(serving.write(b"x")), "INTERNAL Invalid container id"),
    ] {
        assert_eq!(got, expected);
    }
}

#[test]
fn a_policy_can_be_replaced_where_it_lets_itself() {
    let serving = open();
    assert_eq!(said(serving.exec("e", &["true"])), "INTERNAL Invalid container id");
    assert_eq!(said(serving.set_policy(&policy(false, ""))), "OK");
    assert_eq!(
        said(serving.exec("e", &["true"])),
        "PERMISSION_DENIED \"ExecProcessRequest is blocked by policy: \""
    );
    assert_eq!(
        said(serving.set_policy(&policy(true, ""))),
        "PERMISSION_DENIED \"SetPolicyRequest is blocked by policy: \""
    );
}

#[test]
fn a_policy_that_does_not_load_leaves_none() {
    let serving = open();
    let answer = said(serving.set_policy("package agent_policy\nX {"));
    assert!(answer.starts_with("INVALID_ARGUMENT agent_policy:2:"), "{answer}");
    let answer = said(serving.exec("e", &["true"]));
    assert!(answer.starts_with("INTERNAL \"ExecProcessRequest: internal error policy check"), "{answer}");
}

#[test]
fn the_sandbox_is_wiped_when_it_is_made_and_ends_the_guest() {
    let serving = open();
    fs_err::create_dir_all(serving.share().join("old")).unwrap();
    assert_eq!(said(serving.client.create_sandbox(soon(), &agent::CreateSandboxRequest::new())), "OK");
    assert!(serving.folder.path().join("base").exists() && !serving.share().exists());
    assert_eq!(said(serving.client.destroy_sandbox(soon(), &agent::DestroySandboxRequest::new())), "OK");
    assert!(serving.destroyed.recv_timeout(Duration::from_secs(20)).is_ok());
}

#[test]
fn what_the_stand_in_cannot_do_it_says() {
    // Three requests that would not answer so: one waits, one leaves no policy, one asks the machine.
    let serving = serve(&policy(
        true,
        "GetOOMEventRequest := false\nSetPolicyRequest := false\nOnlineCPUMemRequest := false",
    ));
    let answers = call_all(&serving.client).into_iter();
    let cannot = answers.filter_map(|(method, answer)| {
        Some(format!("{method}: {}\n", answer.strip_prefix("UNIMPLEMENTED ")?))
    });
    expect![[r#"
        add_swap: swap is not supported by the built-in guest
        add_swap_path: swap is not supported by the built-in guest
        get_ip_tables: a network is not supported by the built-in guest
        get_metrics: metrics are not supported by the built-in guest
        get_volume_stats: a volume is not supported by the built-in guest
        list_interfaces: a network is not supported by the built-in guest
        list_routes: a network is not supported by the built-in guest
        reseed_random_dev: seeding the random number generator is not supported by the built-in guest
        resize_volume: a volume is not supported by the built-in guest
        set_guest_date_time: setting the clock is not supported by the built-in guest
        set_ip_tables: a network is not supported by the built-in guest
    "#]]
    .assert_eq(&cannot.collect::<String>());
}

fn copy(serving: &Serving, path: &Path, change: impl Fn(&mut agent::CopyFileRequest)) -> String {
    let mut request = agent::CopyFileRequest {
        path: path.display().to_string(),
        file_mode: 0o10_0644,
        dir_mode: 0o750,
        uid: -1,
        gid: -1,
        ..agent::CopyFileRequest::default()
    };
    change(&mut request);
    said(serving.client.copy_file(soon(), &request))
}

#[test]
fn a_file_comes_in_parts_and_gets_its_name_with_the_last() {
    let serving = open();
    let file = serving.share().join("pod/file.txt");
    let part = |offset, data: &[u8]| {
        copy(&serving, &file, |request| {
            (request.offset, request.data, request.file_size) = (offset, data.to_owned(), 6);
        })
    };
    assert_eq!(part(0, b"one"), "OK");
    assert!(!file.exists());
    assert_eq!(part(3, b"two"), "OK");
    assert_eq!(fs_err::read(&file).unwrap(), b"onetwo");
    assert_eq!(mode(&file), 0o644);
    assert_eq!(mode(&serving.share().join("pod")), 0o750);
    assert_eq!(part(-1, b""), "INTERNAL got offset -1, expected none below 0");
}

#[test]
fn folders_and_links_are_copied_and_replace_what_was_there() {
    let serving = open();
    let [folder, link] = ["pod/folder", "pod/link"].map(|name| serving.share().join(name));
    let directory = |request: &mut agent::CopyFileRequest| request.file_mode = 0o4_1777;
    let symlink = |request: &mut agent::CopyFileRequest| {
        (request.file_mode, request.data) = (0o12_0777, b"..data/key".to_vec());
    };
    assert_eq!(copy(&serving, &folder, directory), "OK");
    assert_eq!(mode(&folder), 0o1777);
    fs_err::write(folder.join("kept"), "").unwrap();
    assert_eq!(copy(&serving, &folder, directory), "OK");
    assert!(folder.join("kept").exists());
    assert_eq!(copy(&serving, &link, symlink), "OK");
    assert_eq!(fs_err::read_link(&link).unwrap(), Path::new("..data/key"));
    assert_eq!(copy(&serving, &folder, symlink), "OK");
    assert_eq!(fs_err::read_link(&folder).unwrap(), Path::new("..data/key"));
}

#[test]
fn nothing_is_copied_out_of_the_share() {
    let serving = open();
    let share = serving.share();
    fs_err::create_dir_all(&share).unwrap();
    let outside = serving.folder.path().join("outside");
    fs_err::create_dir(&outside).unwrap();
    fs_err::os::unix::fs::symlink(&outside, share.join("link")).unwrap();
    fs_err::os::unix::fs::symlink(outside.join("file"), share.join("leaf.tmp")).unwrap();
    for path in [outside.join("file"), share.join("../../../outside/file"), share.clone(), share.join("a\0b")]
    {
        let answer = copy(&serving, &path, |_| ());
        assert!(answer.starts_with("INTERNAL "), "{}: {answer}", path.display());
    }
    // Links are followed as if the share were the root, and not at all where the file itself is.
    for path in [share.join("link/file"), share.join("leaf.txt")] {
        let answer = copy(&serving, &path, |request| request.data = b"x".to_vec());
        assert!(answer == "OK" || answer.starts_with("INTERNAL "), "{}: {answer}", path.display());
    }
    assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_link_to_what_is_no_text_is_refused_before_the_policy_is_asked() {
    let serving = serve(&policy(false, ""));
    let answer = copy(&serving, &serving.share().join("link"), |request| {
        (request.file_mode, request.data) = (0o12_0777, vec![0, 255]);
    });
    assert!(answer.starts_with("INTERNAL parsing CopyFileRequest for policy"), "{answer}");
}

#[test]
fn a_termination_log_is_read_where_the_container_has_it() {
    let serving = open();
    let log = serving.folder.path().join("log");
    fs_err::write(&log, "x".repeat(5000)).unwrap();
    let mut request = container(&["true"]);
    let spec = request.OCI.mut_or_insert_default();
    let place = "/dev/termination-log".to_owned();
    spec.Annotations.insert("io.kubernetes.container.terminationMessagePath".to_owned(), place.clone());
    spec.Mounts =
        vec![oci::Mount { destination: place, source: log.display().to_string(), ..oci::Mount::default() }];
    serving.client.create_container(soon(), &request).unwrap();
    let get = |log_type: &str| {
        let (log_type, container_id) = (log_type.to_owned(), NAME.to_owned());
        let request = agent::GetDiagnosticDataRequest { log_type, container_id, ..Default::default() };
        serving.client.get_diagnostic_data(soon(), &request)
    };
    assert_eq!(get("termination_log").unwrap().data.len(), 4096);
    assert_eq!(said(get("other")), "INVALID_ARGUMENT \"unsupported diagnostic log_type: other\"");
}

#[test]
fn initdata_leaves_its_files_and_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let data = [("aa.toml", "[token]\n"), ("policy.rego", &policy(true, ""))];
    let data: BTreeMap<_, _> = data.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
    let given = Initdata::new(Algorithm::Sha256, data).unwrap();
    let found = initdata::read(given.image().as_slice(), Path::new("/dev/vda")).unwrap().unwrap();
    let mut enforcer = Enforcer::load("closed.rego", policy(false, "").as_bytes()).unwrap();
    found.apply(&folder.path().join("out"), &mut enforcer).unwrap();
    assert_eq!(fs_err::read_to_string(folder.path().join("out/initdata.toml")).unwrap(), given.text());
    assert_eq!(fs_err::read_to_string(folder.path().join("out/aa.toml")).unwrap(), "[token]\n");
    assert!(!folder.path().join("out/cdh.toml").exists());
    assert_eq!(enforcer.ask(Request::ExecProcess, "{}"), Outcome::Allowed);
    let line = found.line();
    assert_eq!(line, format!("initdata /dev/vda digest sha256 {} with aa.toml policy.rego", given.digest()));
}

#[test]
fn a_disk_without_initdata_is_passed_over_and_one_that_lies_is_an_error() {
    let read = |bytes: &[u8]| {
        let read = initdata::read(bytes, Path::new("/dev/vda"));
        read.map(|found| found.map(|_| ())).map_err(|error| error.to_string())
    };
    assert_eq!(read(b""), Ok(None));
    assert_eq!(read(&[0; 512]), Ok(None));
    let lie = [&b"initdata"[..], &(1_u64 << 62).to_le_bytes()].concat();
    let expected = "/dev/vda: got 4611686018427387904 bytes announced, expected at most 25165824";
    assert_eq!(read(&lie), Err(expected.to_owned()));
    let short = [&b"initdata"[..], &100_u64.to_le_bytes(), b"short"].concat();
    assert!(read(&short).unwrap_err().contains("/dev/vda"));
}

/// The sample requests of the policies are the messages of the protocol: no name in them is another.
#[test]
fn the_fields_of_all_sample_requests_are_those_of_the_messages() {
    let copied = copy_file::input(&agent::CopyFileRequest::new()).unwrap();
    let mut seen = 0;
    for case in coco_policy::cases::embedded() {
        let place = format!("{}: {}", case.request, case.name);
        // No message: asked with an empty object.
        if case.request == Request::AllowRequestsFailingPolicy {
            assert_eq!(case.input, json!({}));
            continue;
        }
        if case.request == Request::CopyFile {
            for (key, _) in case.input.as_object().unwrap() {
                assert!(copied.get(key).is_some(), "{place}: {key}");
                seen += 1;
            }
        } else {
            let message = agent::file_descriptor().message_by_package_relative_name(case.request.name());
            seen += fields(&message.unwrap(), &case.input, &place);
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Checks the names in `value` against a message and those in it; counts them.
fn fields(message: &MessageDescriptor, value: &Value, place: &str) -> usize {
    let mut seen = 0;
    for (key, value) in value.as_object().unwrap_or(&serde_json::Map::new()) {
        let name = if key == "type_" { "type" } else { key };
        let field =
            message.field_by_name(name).unwrap_or_else(|| panic!("{place}: {}.{key}", message.name()));
        seen += 1;
        seen += match (field.runtime_field_type(), value) {
            (RuntimeFieldType::Singular(RuntimeType::Message(inner)), value) => fields(&inner, value, place),
            (RuntimeFieldType::Repeated(RuntimeType::Message(inner)), Value::Array(values)) => {
                values.iter().map(|value| fields(&inner, value, place)).sum()
            }
            _ => 0,
        };
    }
    seen
}

fn wait_for(client: &AgentServiceClient) -> ttrpc::Result<i32> {
    let request = WaitProcessRequest { container_id: NAME.to_owned(), ..Default::default() };
    client.wait_process(soon(), &request).map(|answer| answer.status)
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
}
