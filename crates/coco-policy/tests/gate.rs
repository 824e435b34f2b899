//! What stops a build: the errors of a check in the role of a default, on policies that should not pass.

use coco_policy::check::{self, Agents, Diagnostic, Level, Role};
use coco_policy::{DEFAULT_RESTRICTIVE, Request};
use expect_test::{Expect, expect};

/// The findings on the default policy after one edit, which must change something.
fn check_edit(from: &str, to: &str, findings: &Expect) {
    let edited = DEFAULT_RESTRICTIVE.replacen(from, to, 1);
    assert_ne!(edited, DEFAULT_RESTRICTIVE, "nothing to edit: {from}");
    check(&edited, findings);
}

fn check(policy: &str, findings: &Expect) {
    let lines: Vec<String> = errors(policy).iter().map(|error| format!("{}\n", error.message)).collect();
    findings.assert_eq(&lines.concat());
}

fn errors(policy: &str) -> Vec<Diagnostic> {
    let report = check::check("policy.rego", policy.as_bytes(), Role::Default, Agents::All);
    report.diagnostics.into_iter().filter(|found| found.level == Level::Error).collect()
}

#[test]
fn exec_allowed_is_found() {
    check_edit(
        "default ExecProcessRequest := false",
        "default ExecProcessRequest := true",
        &expect![[r#"
            ExecProcessRequest is open, and must not be: a shell is opened in a container: whoever runs commands in a container reads its secrets (and 2 more cases)
        "#]],
    );
}

#[test]
fn logs_allowed_are_found() {
    check_edit(
        "default ReadStreamRequest := false",
        "default ReadStreamRequest := true",
        &expect![[r#"
            ReadStreamRequest is open, and must not be: the logs are read under the Go runtime: it names a container's own process with the container's id (and 2 more cases)
        "#]],
    );
}

#[test]
fn stdin_allowed_is_found() {
    check_edit(
        "default WriteStreamRequest := false",
        "default WriteStreamRequest := true",
        &expect![[r#"
            WriteStreamRequest is open, and must not be: something is typed into a container: a shell can be typed to without an answer (and 1 more case)
        "#]],
    );
}

#[test]
fn set_policy_allowed_is_found() {
    check_edit(
        "default SetPolicyRequest := false",
        "default SetPolicyRequest := true",
        &expect![[r#"
            SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case)
        "#]],
    );
}

#[test]
fn copy_file_open_by_default_is_found_whatever_its_rules_say() {
    check_edit(
        "default CopyFileRequest := false",
        "default CopyFileRequest := true",
        &expect![[r#"
        CopyFileRequest is open, and must not be: a file is written to /etc/passwd: a file outside of the share (and 30 more cases)
        CopyFileRequest is true by its default in line 109: a rule that makes it true changes nothing, and what it does not match passes as well
        CopyFileRequest is true by its default in line 109: a rule that makes it true changes nothing, and what it does not match passes as well
    "#]],
    );
}

#[test]
fn a_request_of_the_start_path_that_is_denied_is_found() {
    check_edit(
        "default CreateContainerRequest := true",
        "default CreateContainerRequest := false",
        &expect![[r#"
            CreateContainerRequest is denied: the pause container is created: every pod begins with it (and 1 more case)
        "#]],
    );
}

#[test]
fn failing_requests_let_through_are_found() {
    check_edit(
        "default AllowRequestsFailingPolicy := false",
        "default AllowRequestsFailingPolicy := true",
        &expect![[r#"
            AllowRequestsFailingPolicy is true: every denial becomes a warning, and no later policy ends it
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
            no rule answers ExecProcessRequest: the agent denies with an internal error
        "#]],
    );
}

#[test]
fn a_request_without_a_rule_is_found_also_where_a_policy_is_free_to_decide() {
    check_edit(
        "default GetMetricsRequest := false",
        "",
        &expect![[r#"
            no rule answers GetMetricsRequest: the agent denies with an internal error
        "#]],
    );
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_found() {
    check_edit(
        "default SetPolicyRequest := false",
        "SetPolicyRequest := crypto.sha256(input.policy) == \"\"",
        &expect![[r#"
            SetPolicyRequest can't be evaluated, so the agent denies it: could not find function crypto.sha256 (and 1 more case)
            a rule may let SetPolicyRequest pass, and no sample shows when: read it; the host could replace the whole policy at any time
            no function crypto.sha256 in regorus 0.2.8, regorus 0.9: the rule fails, and its request with it
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
        &expect![[r#"
            SetPolicyRequest has a default in line 49 already: the first counts, this one never
        "#]],
    );
}

#[test]
fn an_answer_as_an_object_is_an_answer() {
    check_edit(
        "default ExecProcessRequest := false",
        "ExecProcessRequest := {\"allowed\": true, \"ops\": []}",
        &expect![[r#"
            ExecProcessRequest is open, and must not be: a shell is opened in a container: whoever runs commands in a container reads its secrets (and 2 more cases)
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
    check(
        &policy,
        &expect![[r#"
        CopyFileRequest is open, and must not be: a file is written to /etc/passwd: a file outside of the share (and 30 more cases)
        ExecProcessRequest is open, and must not be: a shell is opened in a container: whoever runs commands in a container reads its secrets (and 2 more cases)
        GetDiagnosticDataRequest is open, and must not be: the termination message is read: text the pod writes: a log under another name
        GetDiagnosticDataRequest is open, and must not be: other diagnostic data is read: what later agents may add is no less private
        ReadStreamRequest is open, and must not be: the logs are read under the Go runtime: it names a container's own process with the container's id (and 2 more cases)
        SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case)
        WriteStreamRequest is open, and must not be: something is typed into a container: a shell can be typed to without an answer (and 1 more case)
    "#]],
    );
}
