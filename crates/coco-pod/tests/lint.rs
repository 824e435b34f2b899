//! What the lint finds, one line a finding, and that the documentation has a section for each.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_pod::PodFile;
use coco_pod::lint::{CODES, lint};

/// The findings of a pod with these lines in its spec (`runtimeClassName` is there).
fn found(spec: &str) -> Vec<String> {
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  runtimeClassName: kata-cc\n";
    all(&format!("{head}{spec}"))
}

fn all(text: &str) -> Vec<String> {
    let file = PodFile::parse("pod.yaml", text.as_bytes()).unwrap();
    let workload = file.workloads().first().unwrap();
    lint(&file, workload)
        .unwrap()
        .iter()
        .map(|f| format!("{}:{} {} {:?} {}", f.line, f.column, f.level.word(), f.code, f.place))
        .collect()
}

/// Containers are at line 6, on one line.
fn container(fields: &str) -> String {
    format!("  containers: [{{name: a, {fields}}}]\n")
}

#[test]
fn commands_of_the_host_are_found() {
    let exec = "exec: {command: [a]}";
    let table = [
        (format!("readinessProbe: {{{exec}}}"), "6:26 error L001 spec.containers[0].readinessProbe"),
        (format!("startupProbe: {{{exec}}}"), "6:26 error L001 spec.containers[0].startupProbe"),
        (format!("livenessProbe: {{{exec}}}"), "6:26 warning L001 spec.containers[0].livenessProbe"),
        (
            format!("lifecycle: {{preStop: {{{exec}}}}}"),
            "6:38 error L002 spec.containers[0].lifecycle.preStop",
        ),
        (
            format!("lifecycle: {{postStart: {{{exec}}}}}"),
            "6:38 error L002 spec.containers[0].lifecycle.postStart",
        ),
    ];
    for (fields, expected) in table {
        assert_eq!(found(&container(&fields)), [expected]);
        let sidecar = container(&fields).replace("containers", "initContainers");
        assert_eq!(found(&sidecar).len(), 1, "{sidecar}");
    }
}

#[test]
fn what_the_kubelet_does_by_itself_is_no_finding() {
    let handlers = ["tcpSocket: {port: 1}", "httpGet: {port: 1}", "grpc: {port: 1}", "sleep: {seconds: 1}"];
    for handler in handlers {
        for field in ["readinessProbe: {H}", "lifecycle: {preStop: {H}, postStart: {H}}"] {
            assert_eq!(found(&container(&field.replace('H', handler))), [""; 0], "{handler}");
        }
    }
    assert_eq!(found("  shareProcessNamespace: true\n  hostPID: true\n"), [""; 0]);
    assert_eq!(found(&container("stdin: false, tty: false, stdinOnce: false")), [""; 0]);
    assert_eq!(found(&container("readinessProbe: ~, lifecycle: , terminationMessagePath: null")), [""; 0]);
}

#[test]
fn a_command_kubernetes_refuses_is_found_at_its_word() {
    let table = [
        ("[a, 1]", "6:63 error L011 spec.containers[0].readinessProbe.exec.command[1]"),
        ("[a, on]", "6:63 error L011 spec.containers[0].readinessProbe.exec.command[1]"),
        ("[a, ~]", "6:63 error L011 spec.containers[0].readinessProbe.exec.command[1]"),
        ("[a, [b]]", "6:63 error L011 spec.containers[0].readinessProbe.exec.command[1]"),
        ("[]", "6:50 error L011 spec.containers[0].readinessProbe.exec.command"),
        ("a b", "6:50 error L011 spec.containers[0].readinessProbe.exec.command"),
        ("", "6:43 error L011 spec.containers[0].readinessProbe.exec"),
    ];
    for (command, expected) in table {
        let probe = container(&format!("readinessProbe: {{exec: {{command: {command}}}}}"));
        let findings = found(&probe);
        assert_eq!(findings.get(1).map(String::as_str), Some(expected), "{command}");
        assert_eq!(findings.len(), 2, "{command}");
    }
}

#[test]
fn fields_that_do_nothing_are_found() {
    let table = [
        ("stdin: true", "6:26 warning L003 spec.containers[0].stdin"),
        ("stdinOnce: yes", "6:26 warning L003 spec.containers[0].stdinOnce"),
        ("tty: true", "6:26 warning L004 spec.containers[0].tty"),
        ("terminationMessagePath: /x", "6:26 warning L005 spec.containers[0].terminationMessagePath"),
        (
            "terminationMessagePath: /dev/termination-log",
            "6:26 note L005 spec.containers[0].terminationMessagePath",
        ),
        (
            "terminationMessagePolicy: FallbackToLogsOnError",
            "6:26 warning L005 spec.containers[0].terminationMessagePolicy",
        ),
        ("terminationMessagePolicy: File", "6:26 note L005 spec.containers[0].terminationMessagePolicy"),
        ("resizePolicy: []", "6:26 warning L008 spec.containers[0].resizePolicy"),
    ];
    for (field, expected) in table {
        assert_eq!(found(&container(field)), [expected]);
    }
    assert_eq!(
        found("  ephemeralContainers: [{name: d}]\n"),
        ["6:25 warning L007 spec.ephemeralContainers[0]"]
    );
}

#[test]
fn a_runtime_class_is_one_of_katas() {
    for class in ["kata", "kata-qemu-tdx", "kata-remote"] {
        assert_eq!(
            all(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{runtimeClassName: {class}}}\n"
            )),
            [""; 0]
        );
    }
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    assert_eq!(all(&format!("{head}spec: {{}}\n")), ["4:1 note L010 spec"]);
    assert_eq!(
        all(&format!("{head}spec: {{runtimeClassName: katana}}\n")),
        ["4:8 note L010 spec.runtimeClassName"]
    );
}

#[test]
fn annotations_are_found_where_they_work_and_where_they_do_not() {
    let initdata = "io.katacontainers.config.hypervisor.cc_init_data: x";
    let old = "io.katacontainers.config.agent.policy: x";
    let text = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: a, annotations: {{{old}}}}}\nspec:\n  jobTemplate:\n    metadata: {{annotations: {{{initdata}}}}}\n    spec:\n      template:\n        metadata:\n          annotations:\n            {initdata}\n            {old}\n        spec: {{runtimeClassName: kata}}\n"
    );
    assert_eq!(
        all(&text),
        [
            "3:35 warning L012 metadata.annotations[\"io.katacontainers.config.agent.policy\"]",
            "6:30 warning L012 spec.jobTemplate.metadata.annotations[\"io.katacontainers.config.hypervisor.cc_init_data\"]",
            "11:13 note L009 spec.jobTemplate.spec.template.metadata.annotations[\"io.katacontainers.config.hypervisor.cc_init_data\"]",
            "12:13 error L006 spec.jobTemplate.spec.template.metadata.annotations[\"io.katacontainers.config.agent.policy\"]",
        ]
    );
}

#[test]
fn advice_names_the_port_and_the_option() {
    let advice = |fields: &str| {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n{}", container(fields));
        let file = PodFile::parse("pod.yaml", text.as_bytes()).unwrap();
        let findings = lint(&file, file.workloads().first().unwrap()).unwrap();
        findings
            .iter()
            .find(|f| f.allow.is_some())
            .map(|f| (f.advice.clone(), f.allow.clone().unwrap()))
            .unwrap()
    };
    let exec = r#"exec: {command: ["it's", "é\n"]}"#;
    assert_eq!(
        advice(&format!("ports: [{{name: grpc, containerPort: 9}}], readinessProbe: {{{exec}}}")),
        (
            "in place of exec write grpc: {port: 9}".to_owned(),
            r#"--allow-exec-command '["it'\''s","é\n"]'"#.to_owned()
        )
    );
    assert_eq!(
        advice(&format!("readinessProbe: {{{exec}}}")).0,
        "in place of exec write httpGet: {path: /healthz, port: PORT} or tcpSocket: {port: PORT}, with a port the program listens on"
    );
    assert_eq!(
        advice("lifecycle: {preStop: {exec: {command: [/bin/sh, -c, sleep 15]}}}").0,
        "in place of exec write sleep: {seconds: 15}"
    );
    assert_eq!(
        advice("lifecycle: {preStop: {exec: {command: [/bin/sh, -c, sleep 15; x]}}}").0,
        "have the program do it when it gets SIGTERM"
    );
}

#[test]
fn every_code_is_documented() {
    let document = include_str!("../../../docs/lint.md");
    let shown: Vec<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|code| format!("docs/lint.md#{}", code.to_lowercase()))
        .collect();
    assert_eq!(shown, CODES.iter().map(|code| code.anchor()).collect::<Vec<_>>());
    for code in CODES {
        assert!(document.contains(&format!("## {code:?}\n\n**{}.**", code.name())), "{code:?}");
    }
}
