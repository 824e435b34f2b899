//! Which pods a file has, and which files are refused.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_pod::{BYTES_MAX, INITDATA, PodFile, Target, VALUES_MAX};

fn parse(text: &str) -> PodFile {
    PodFile::parse("pod.yaml", text.as_bytes()).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    PodFile::parse("pod.yaml", bytes).unwrap_err().to_string()
}

#[test]
fn every_kind_gets_the_annotation_on_its_pod() {
    let template = "spec:\n  template:\n    metadata: {labels: {}}\n    spec: {}\n";
    let table = [
        ("v1", "Pod", "spec: {}\n", "metadata"),
        ("apps/v1", "Deployment", template, "template"),
        ("apps/v1", "ReplicaSet", template, "template"),
        ("apps/v1", "StatefulSet", template, "template"),
        ("apps/v1", "DaemonSet", template, "template"),
        ("v1", "ReplicationController", template, "template"),
        ("batch/v1", "Job", template, "template"),
        ("apps.openshift.io/v1", "DeploymentConfig", template, "template"),
        (
            "batch/v1",
            "CronJob",
            "spec:\n  jobTemplate:\n    spec:\n      template:\n        metadata: {labels: {}}\n        spec: {}\n",
            "template",
        ),
    ];
    for (version, kind, spec, parent) in table {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{spec}");
        let file = parse(&text);
        assert_eq!(file.workloads()[0].to_string(), format!("{kind}/a"));
        let edited = file.set_annotation(&file.workloads()[0], INITDATA, "v").unwrap();
        let line = edited.lines().position(|line| line.contains(INITDATA)).unwrap();
        let before: Vec<&str> = edited.lines().take(line + 1).collect();
        let is_on_template = before.iter().any(|line| line.trim() == "template:");
        assert_eq!(is_on_template, parent == "template", "{edited}");
    }
}

const SEVERAL: &str = "# first
apiVersion: v1
kind: Service
metadata: {name: s}
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {generateName: a-, namespace: test}
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: c}
---
---
apiVersion: batch/v1
kind: Job
metadata: {name: b}
spec: {template: {}}
";

#[test]
fn workloads_are_found_among_other_objects() {
    let file = parse(SEVERAL);
    let found: Vec<_> =
        file.workloads().iter().map(|w| (w.to_string(), w.namespace.as_deref(), w.line)).collect();
    assert_eq!(found, [("Pod/a-".to_owned(), Some("test"), 9), ("Job/b".to_owned(), None, 17)]);
}

#[test]
fn a_workload_still_finds_its_object_in_the_edited_text() {
    let file = parse(SEVERAL);
    let mut text = SEVERAL.to_owned();
    for workload in file.workloads() {
        text = parse(&text).set_annotation(workload, INITDATA, &workload.name).unwrap();
    }
    let edited = parse(&text);
    for workload in file.workloads() {
        assert_eq!(edited.annotation(workload, INITDATA), Ok(Some(workload.name.clone())));
    }
}

#[test]
fn a_workload_is_selected_by_kind_and_name() {
    let file = parse(SEVERAL);
    let one: Target = "Job/b".parse().unwrap();
    assert_eq!(file.select(&one).unwrap(), [&file.workloads()[1]]);
    assert_eq!(file.select(&"all".parse().unwrap()).unwrap().len(), 2);
    assert_eq!(
        file.select(&"Job/c".parse().unwrap()).unwrap_err().to_string(),
        "pod.yaml: 0 workloads are called Job/c, expected one; there are: Pod/a-, Job/b"
    );
    for text in ["", "b", "/b", "Job/"] {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert_eq!(error, format!("got `{text}` for a workload, expected Kind/name or all"));
    }
}

#[test]
fn what_is_no_file_of_pods_is_refused_with_its_place() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    let kinds = "Pod of v1, Deployment of apps, ReplicaSet of apps, StatefulSet of apps, DaemonSet of apps, ReplicationController of v1, Job of batch, CronJob of batch, DeploymentConfig of apps.openshift.io";
    let table: &[(&str, &str)] = &[
        ("", &format!("pod.yaml has no workload: got no object at all, expected one of {kinds}")),
        (
            "apiVersion: v1\nkind: Service\n---\napiVersion: batch.volcano.sh/v1\nkind: Job\n",
            &format!(
                "pod.yaml has no workload: got Service of v1, Job of batch.volcano.sh/v1, expected one of {kinds}"
            ),
        ),
        (
            "apiVersion: v1\nkind: Deployment\n",
            &format!("pod.yaml has no workload: got Deployment of v1, expected one of {kinds}"),
        ),
        ("- a\n", "pod.yaml:1:1: the document: got a list, expected a mapping"),
        ("kind: Pod\n", "pod.yaml:1: apiVersion is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "pod.yaml:3: metadata.name is missing"),
        ("apiVersion: v1\nkind: 1\n", "pod.yaml:2:7: kind: got a number, expected a string"),
        (
            &format!("{pod}kind: Job\n"),
            "pod.yaml:4:1: the key `kind` is here a second time, expected once in a mapping",
        ),
        (&format!("{pod}? [a]\n: b\n"), "pod.yaml:4:3: a key: got a list, expected a string"),
        (
            &format!("{pod}spec:\n\tcontainers: []\n"),
            "pod.yaml:5:2: tabs disallowed within this context (block indentation)",
        ),
        (&format!("{pod}spec: *a\n"), "pod.yaml:4:7: while parsing node, found unknown anchor"),
        (&format!("\u{feff}{pod}"), "pod.yaml begins with a byte order mark, expected plain UTF-8"),
        ("a: b\rc: d\n", "pod.yaml:1:5: got U+000D outside a line break, expected LF or CRLF line breaks"),
        ("é: \u{2028}\n", "pod.yaml:1:4: got U+2028 outside a line break, expected LF or CRLF line breaks"),
    ];
    for (text, expected) in table {
        assert_eq!(refused(text.as_bytes()), *expected, "{text:?}");
    }
    assert_eq!(refused(b"a: \xff\n"), "pod.yaml is not UTF-8: got an invalid byte at offset 3");
}

#[test]
fn what_would_need_much_memory_is_refused() {
    let large = vec![b' '; BYTES_MAX + 1];
    assert_eq!(refused(&large), "pod.yaml is too large: got 4194305 bytes, expected at most 4194304");
    let deep = "- ".repeat(101);
    assert_eq!(refused(deep.as_bytes()), "pod.yaml is too large: got 101 levels, expected at most 100");
    let wide = format!("[{}]", "1,".repeat(VALUES_MAX + 1));
    assert_eq!(refused(wide.as_bytes()), "pod.yaml is too large: got 400001 values, expected at most 400000");
    for deepest in ["[", "{", "- ", "? ", "{a: "] {
        refused(deepest.repeat(100_000).as_bytes());
    }
}

#[test]
fn aliases_do_not_multiply() {
    let mut text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\na0: &a0 [x]\n".to_owned();
    let level = |level: i32| {
        format!("a{level}: &a{level} [{}]\n", [format!("*a{}", level - 1).as_str(); 9].join(", "))
    };
    text.extend((1..60).map(level));
    let file = parse(&text);
    assert!(file.set_annotation(&file.workloads()[0], INITDATA, "v").is_ok());
}
