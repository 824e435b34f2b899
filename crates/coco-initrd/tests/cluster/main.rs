//! `ci/cluster/check` against a cluster that is acted out by a stub of kubectl. No real cluster.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};

/// All the programs that the scripts and the stub may use, beside kubectl and coco-initrd.
const TOOLS: &[&str] =
    &["base64", "bash", "cat", "cp", "date", "dirname", "mktemp", "rm", "sed", "sleep", "timeout", "touch"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A cluster, and a `PATH` with nothing but what the check may use.
struct Cluster(tempfile::TempDir);

/// What the check did.
struct Ran {
    code: i32,
    data: String,
    words: String,
}

impl Cluster {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for directory in ["bin", "state", "tmp"] {
            fs_err::create_dir(place.path().join(directory)).unwrap();
        }
        let cluster = Self(place);
        cluster.links("kubectl", &root().join("crates/coco-initrd/tests/cluster/kubectl"));
        cluster.links("coco-initrd", Path::new(env!("CARGO_BIN_EXE_coco-initrd")));
        for tool in TOOLS {
            let found =
                ["/usr/bin", "/bin"].iter().map(|bin| Path::new(bin).join(tool)).find(|path| path.exists());
            cluster.links(tool, &found.unwrap());
        }
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn links(&self, name: &str, program: &Path) {
        symlink(program, self.path("bin").join(name)).unwrap();
    }

    /// The check, impatient; `words` are its arguments, `settings` are `NAME=value`.
    fn check(&self, words: &str, settings: &str) -> Command {
        let mut command = Command::new("/bin/bash");
        command.arg(root().join("ci/cluster/check")).args(words.split_whitespace());
        command.env_clear().env("PATH", self.path("bin")).env("TMPDIR", self.path("tmp"));
        command.env("STUB_CLUSTER", self.path("state")).stdin(Stdio::null());
        let always = ["TIMEOUT=1", "SETTLE=0", "INTERVAL=0.05"];
        for (name, value) in
            always.into_iter().chain(settings.split_whitespace()).filter_map(|s| s.split_once('='))
        {
            command.env(name, value);
        }
        command
    }

    fn run(&self, words: &str, settings: &str) -> Ran {
        let output = self.check(words, settings).output().unwrap();
        self.is_clean();
        assert!(!self.path("state/not-understood").exists(), "{}", self.state("not-understood"));
        Ran {
            code: output.status.code().unwrap(),
            data: String::from_utf8(output.stdout).unwrap(),
            words: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn state(&self, name: &str) -> String {
        fs_err::read_to_string(self.path("state").join(name)).unwrap()
    }

    fn pods(&self) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(self.path("state")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
    }

    /// Neither a pod nor a temporary file is left.
    fn is_clean(&self) {
        assert_eq!(self.pods(), Vec::<PathBuf>::new());
        assert_eq!(fs_err::read_dir(self.path("tmp")).unwrap().count(), 0);
    }
}

/// The failures of a run, without what was got: `exit N` and a line for each.
fn failures(ran: &Ran) -> String {
    let named = ran.data.lines().filter_map(|line| line.strip_prefix("FAIL ")?.split_once(": got "));
    let lines = named.map(|(check, _)| format!("\n  {check}"));
    format!("exit {}{}", ran.code, lines.collect::<String>())
}

/// What evidence shows of an override: it depends on the initdata alone, so any pod will do.
fn host_data(allow: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let pod = place.path().join("pod.yaml");
    fs_err::write(&pod, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers: []\n")
        .unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_coco-initrd"));
    let output =
        program.args(["override", "--allow", allow, "-o"]).arg(place.path().join("open.yaml")).arg(&pod);
    let said = String::from_utf8(output.output().unwrap().stdout).unwrap();
    let line = said.lines().find_map(|line| line.strip_prefix("HOSTDATA")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_cluster_that_does_what_it_should_passes() {
    let ran = Cluster::new().run("kata-qemu-tdx", "");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""), "{}", ran.data);
    let is_check = |line: &&str| !line.starts_with("note ");
    let checks: String = ran.data.split_inclusive('\n').filter(is_check).collect();
    expect![[r#"
        ok   default: pod: ready
        ok   default: exec: ExecProcessRequest is blocked by policy
        ok   default: logs: empty
        ok   default: initdata the cluster has added: none
        ok   default: exit code of what reads the ConfigMap: 0
        ok   default: termination message: empty
        ok   default: pod is gone when deleted: yes
        ok   old annotation: pod: SetPolicyRequest is blocked by policy
        ok   old annotation: pod is gone when deleted: yes
        ok   output: container that prints 1 MiB: ready
        ok   output: pod is gone when deleted: yes
        ok   override logs: pod: ready
        ok   override logs: exec: ExecProcessRequest is blocked by policy
        ok   override logs: logs: there
        ok   override logs: initdata of the pod: as applied
        ok   override logs: pod is gone when deleted: yes
        ok   override exec: pod: ready
        ok   override exec: exec: runs
        ok   override exec: logs: empty
        ok   override exec: initdata of the pod: as applied
        ok   override exec: pod is gone when deleted: yes
        ok   override logs,exec: pod: ready
        ok   override logs,exec: exec: runs
        ok   override logs,exec: logs: there
        ok   override logs,exec: initdata of the pod: as applied
        ok   override logs,exec: pod is gone when deleted: yes
        ok   without override again: pod: ready
        ok   without override again: exec: ExecProcessRequest is blocked by policy
        ok   without override again: logs: empty
        ok   without override again: pod is gone when deleted: yes

        all 30 checks hold for RuntimeClass kata-qemu-tdx
    "#]]
    .assert_eq(&checks);
    for allow in ["logs", "exec", "logs,exec"] {
        let note = format!("note override {allow}: evidence shows HOSTDATA {}\n", host_data(allow));
        assert!(ran.data.contains(&note), "{note}{}", ran.data);
    }
}

/// A part of the scripts, and what the stand-in does wrong in it.
const MISTAKES: [(&str, &str); 16] = [
    ("default", "exec_open"),
    ("default", "exec_undefined"),
    ("default", "logs_open"),
    ("default", "logs_refused"),
    ("default", "not_ready"),
    ("default", "config_map_lost"),
    ("default", "last_words_shown"),
    ("default", "old_annotation_obeyed"),
    ("default", "old_annotation_ignored"),
    ("default", "webhook"),
    ("output", "output_blocks"),
    ("output", "never_goes"),
    ("override", "override_ignored"),
    ("override", "override_opens_more"),
    ("override", "override_sticks"),
    ("override", "webhook"),
];

#[test]
fn each_mistake_of_a_cluster_is_named() {
    let mut seen = String::new();
    for (part, mistake) in MISTAKES {
        let ran = Cluster::new().run("kata-qemu-tdx", &format!("PARTS={part} STUB_FAULT={mistake}"));
        assert_eq!(ran.words, "", "{mistake}");
        writeln!(seen, "{part} {mistake}: {}", failures(&ran)).unwrap();
    }
    expect![[r#"
        default exec_open: exit 1
          default: exec
        default exec_undefined: exit 1
          default: exec
        default logs_open: exit 1
          default: logs
        default logs_refused: exit 1
          default: logs
        default not_ready: exit 1
          default: pod
        default config_map_lost: exit 1
          default: pod
        default last_words_shown: exit 1
          default: termination message
        default old_annotation_obeyed: exit 1
          old annotation: pod
        default old_annotation_ignored: exit 1
          old annotation: pod
        default webhook: exit 1
          default: initdata the cluster has added
        output output_blocks: exit 1
          output: container that prints 1 MiB
        output never_goes: exit 1
          output: pod is gone when deleted
        override override_ignored: exit 1
          override logs: logs
          override exec: exec
          override logs,exec: exec
          override logs,exec: logs
        override override_opens_more: exit 1
          override logs: exec
          override exec: logs
        override override_sticks: exit 1
          override logs: exec
          override exec: logs
          without override again: exec
          without override again: logs
        override webhook: exit 1
          override logs: initdata of the pod
          override exec: initdata of the pod
          override logs,exec: initdata of the pod
    "#]]
    .assert_eq(&seen);
}

#[test]
fn a_failure_says_what_was_got_and_expected() {
    let mistakes =
        [("default", "exec_undefined"), ("default", "config_map_lost"), ("output", "output_blocks")];
    let mut seen = String::new();
    for (part, mistake) in mistakes {
        let ran = Cluster::new().run("kata-qemu-tdx", &format!("PARTS={part} STUB_FAULT={mistake}"));
        seen.extend(ran.data.lines().filter(|line| !line.starts_with("ok ")).map(|line| format!("{line}\n")));
    }
    expect![[r#"
        FAIL default: exec: got exit code 1, `error: Internal error occurred: error executing command in container: rpc error: code = Internal desc = "ExecProcessRequest: internal error: policy check: unexpected eval_query result len 0": unknown`, expected ExecProcessRequest is blocked by policy

        1 of 9 checks failed; docs/cluster.md says what to do
        FAIL default: pod: got phase, readiness and first exit code `Failed False 1`, events `Successfully assigned the pod to a node`, expected ready

        1 of 4 checks failed; docs/cluster.md says what to do
        FAIL output: container that prints 1 MiB: got a container that runs and never gets ready; if `default: pod` is ready, it stands still at a full pipe, expected ready

        1 of 2 checks failed; docs/cluster.md says what to do
    "#]].assert_eq(&seen);
}

#[test]
fn what_could_not_be_tried_is_no_failure() {
    let tries = [
        ("kata-nowhere", ""),
        ("kata-qemu-tdx", "KUBECTL=nowhere"),
        ("kata-qemu-tdx", "COCO_INITRD=nowhere"),
        ("kata-qemu-tdx", "PARTS=all"),
        ("kata-qemu-tdx", "STUB_FAULT=quota"),
    ];
    let mut seen = String::new();
    for (class, settings) in tries {
        let ran = Cluster::new().run(class, settings);
        write!(seen, "exit {}: {}{}", ran.code, ran.data, ran.words).unwrap();
    }
    expect![[r#"
        exit 2: check: RuntimeClass kata-nowhere: Error from server (NotFound): runtimeclasses.node.k8s.io "kata-nowhere" not found
        exit 2: check: no nowhere on PATH; set KUBECTL
        exit 2: check: no nowhere on PATH; set COCO_INITRD
        exit 2: check: no part `all`: default, output, override
        exit 2: check: the cluster takes no pod: Error from server (Forbidden): exceeded quota
    "#]].assert_eq(&seen);
}

#[test]
fn without_kubectl_and_oc_nothing_is_tried() {
    let cluster = Cluster::new();
    fs_err::remove_file(cluster.path("bin/kubectl")).unwrap();
    let ran = cluster.run("kata-qemu-tdx", "");
    assert_eq!((ran.code, ran.words.as_str()), (2, "check: no kubectl or oc on PATH; set KUBECTL\n"));
}

#[test]
fn without_a_runtime_class_the_usage_is_shown() {
    let ran = Cluster::new().run("", "");
    assert_eq!(ran.code, 2);
    assert!(ran.words.contains("ci/cluster/check RUNTIME_CLASS [NAMESPACE]"), "{}", ran.words);
}

#[test]
fn oc_serves_for_peer_pods_in_a_namespace() {
    let cluster = Cluster::new();
    fs_err::rename(cluster.path("bin/kubectl"), cluster.path("bin/oc")).unwrap();
    let ran = cluster.run("kata-remote here", "PARTS=default");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""), "{}", ran.data);
    let elsewhere: Vec<String> = cluster
        .state("calls")
        .lines()
        .filter(|call| !call.starts_with("--namespace here "))
        .map(str::to_owned)
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn the_pod_has_nothing_the_default_stops() {
    let cluster = Cluster::new();
    cluster.run("kata-remote", "PARTS=output");
    let lint = Command::new(env!("CARGO_BIN_EXE_coco-initrd"))
        .args(["policy", "lint-pod"])
        .arg(cluster.path("state/applied"))
        .output()
        .unwrap();
    let said = String::from_utf8(lint.stdout).unwrap() + &String::from_utf8(lint.stderr).unwrap();
    assert_eq!(said, "1 workload: 0 errors, 0 warnings, 0 notes\n");
}

/// Waits for the end of a check that was told to stop.
fn end_of(mut child: Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the check goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_check_that_is_stopped_removes_its_pod() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let cluster = Cluster::new();
        let mut check = cluster.check("kata-qemu-tdx", "STUB_FAULT=not_ready TIMEOUT=60");
        let child = check.stdout(Stdio::null()).spawn().unwrap();
        while cluster.pods().is_empty() {
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(end_of(child), Some(code));
        cluster.is_clean();
    }
}
