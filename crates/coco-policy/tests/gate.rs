//! The gate of a build, on policies that should not pass it. The texts are the findings a user reads.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::{DEFAULT_RESTRICTIVE, Policy, Request, cases};
use expect_test::{Expect, expect};

/// The findings on the default policy after one edit, which must change something.
fn check_edit(from: &str, to: &str, findings: &Expect) {
    let edited = DEFAULT_RESTRICTIVE.replacen(from, to, 1);
    assert_ne!(edited, DEFAULT_RESTRICTIVE, "nothing to edit: {from}");
    check(&edited, findings);
}

fn check(policy: &str, findings: &Expect) {
    let policy = Policy::parse("policy.rego", policy.as_bytes()).unwrap();
    let lines: Vec<String> = policy.gate().iter().map(|finding| format!("{finding}\n")).collect();
    findings.assert_eq(&lines.concat());
}

#[test]
fn exec_allowed_is_found() {
    check_edit(
        "default ExecProcessRequest := false",
        "default ExecProcessRequest := true",
        &expect![[r#"
            ExecProcessRequest: a shell is opened in a container: got allow, expected deny: whoever runs commands in a container reads its secrets
            ExecProcessRequest: a probe runs a command: got allow, expected deny: the guest cannot tell a probe from any other command
            ExecProcessRequest: a command without arguments is run: got allow, expected deny: no command is harmless
        "#]],
    );
}

#[test]
fn logs_allowed_are_found() {
    check_edit(
        "default ReadStreamRequest := false",
        "default ReadStreamRequest := true",
        &expect![[r#"
            ReadStreamRequest: the logs are read under the Go runtime: got allow, expected deny: it names a container's own process with the container's id
            ReadStreamRequest: the logs are read under the Rust runtime: got allow, expected deny: it names a container's own process with an empty exec_id
            ReadStreamRequest: the output of a command is read: got allow, expected deny: attach and exec print by this request
        "#]],
    );
}

#[test]
fn stdin_allowed_is_found() {
    check_edit(
        "default WriteStreamRequest := false",
        "default WriteStreamRequest := true",
        &expect![[r#"
            WriteStreamRequest: something is typed into a container: got allow, expected deny: a shell can be typed to without an answer
            WriteStreamRequest: the Rust runtime ends the input of a container: got allow, expected deny: it writes nothing to say so
        "#]],
    );
}

#[test]
fn set_policy_allowed_is_found() {
    check_edit(
        "default SetPolicyRequest := false",
        "default SetPolicyRequest := true",
        &expect![[r#"
            SetPolicyRequest: the host replaces the policy: got allow, expected deny: all of it would be for nothing
            SetPolicyRequest: the host replaces the policy with nothing: got allow, expected deny: all of it would be for nothing
        "#]],
    );
}

#[test]
fn copy_file_open_by_default_is_found_whatever_its_rules_say() {
    let policy =
        DEFAULT_RESTRICTIVE.replace("default CopyFileRequest := false", "default CopyFileRequest := true");
    let policy = Policy::parse("policy.rego", policy.as_bytes()).unwrap();
    let findings = policy.gate();
    assert!(findings.iter().all(|finding| finding.request == Request::CopyFile));
    let first = findings.first().unwrap().to_string();
    expect!["CopyFileRequest: a file is written to /etc/passwd: got allow, expected deny: a file outside of the share"]
        .assert_eq(&first);
    let attacks = cases::embedded().iter().filter(|case| case.name.starts_with("a link")).count();
    assert!(findings.len() > attacks, "{} findings, {attacks} attacks with links", findings.len());
}

#[test]
fn a_request_of_the_start_path_that_is_denied_is_found() {
    check_edit(
        "default CreateContainerRequest := true",
        "default CreateContainerRequest := false",
        &expect![[r#"
            CreateContainerRequest: the pause container is created: got deny, expected allow: every pod begins with it
            CreateContainerRequest: a container is created whose image the guest pulls: got deny, expected allow: the pull is part of this request
        "#]],
    );
}

#[test]
fn failing_requests_let_through_are_found() {
    check_edit(
        "default AllowRequestsFailingPolicy := false",
        "default AllowRequestsFailingPolicy := true",
        &expect![[r#"
            AllowRequestsFailingPolicy: the agent asks whether to let failing requests pass: got allow, expected deny: true would turn every denial into a warning
        "#]],
    );
}

#[test]
fn failing_requests_not_mentioned_are_no_finding() {
    check_edit("default AllowRequestsFailingPolicy := false", "", &expect![[""]]);
}

#[test]
fn a_request_without_a_rule_is_found_once() {
    check_edit(
        "default ExecProcessRequest := false",
        "",
        &expect![[r#"
        ExecProcessRequest: a shell is opened in a container: got no answer (the policy has no rule for it), expected deny: whoever runs commands in a container reads its secrets
    "#]],
    );
}

#[test]
fn a_request_without_a_rule_is_found_also_where_a_policy_is_free_to_decide() {
    check_edit(
        "default GetMetricsRequest := false",
        "",
        &expect![[r#"
        GetMetricsRequest: the metrics of the guest are read: got no answer (the policy has no rule for it), expected deny: a pod runs without, and they tell of every process
    "#]],
    );
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_found() {
    check_edit(
        "default SetPolicyRequest := false",
        "SetPolicyRequest := crypto.sha256(input.policy) == \"\"",
        &expect![[r#"
            SetPolicyRequest: the host replaces the policy: got no answer (could not find function crypto.sha256), expected deny: all of it would be for nothing
            SetPolicyRequest: the host replaces the policy with nothing: got no answer (could not find function crypto.sha256), expected deny: all of it would be for nothing
        "#]],
    );
}

#[test]
fn a_request_another_policy_may_allow_is_no_finding() {
    check_edit("default GetMetricsRequest := false", "default GetMetricsRequest := true", &expect![[""]]);
}

#[test]
fn the_first_of_two_defaults_counts_as_it_does_for_the_agent() {
    check_edit(
        "default SetPolicyRequest := false",
        "default SetPolicyRequest := false\n\ndefault SetPolicyRequest := true",
        &expect![[""]],
    );
}

#[test]
fn an_answer_as_an_object_is_an_answer() {
    check_edit(
        "default ExecProcessRequest := false",
        "ExecProcessRequest := {\"allowed\": true, \"ops\": []}",
        &expect![[r#"
            ExecProcessRequest: a shell is opened in a container: got allow, expected deny: whoever runs commands in a container reads its secrets
            ExecProcessRequest: a probe runs a command: got allow, expected deny: the guest cannot tell a probe from any other command
            ExecProcessRequest: a command without arguments is run: got allow, expected deny: no command is harmless
        "#]],
    );
}

#[test]
fn a_policy_that_allows_everything_is_found_out() {
    let rules: Vec<String> = Request::all()
        .filter(|request| *request != Request::AllowRequestsFailingPolicy)
        .map(|request| format!("default {request} := true\n"))
        .collect();
    let policy = format!("package agent_policy\n{}", rules.concat());
    let policy = Policy::parse("allow-all.rego", policy.as_bytes()).unwrap();
    let mut found: Vec<&str> = policy.gate().iter().map(|finding| finding.request.name()).collect();
    found.dedup();
    expect![[r#"
        ExecProcessRequest
        ReadStreamRequest
        WriteStreamRequest
        SetPolicyRequest
        GetDiagnosticDataRequest
        CopyFileRequest"#]]
    .assert_eq(&found.join("\n"));
}
