//! `check` over policies with one mistake each, and over the hardening attempts that went wrong in the field.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::check::{Agents, Code, Diagnostic, Level, Report, Role, check};
use coco_policy::{DEFAULT_RESTRICTIVE, Opening, Request, Toggle, Verdict, derive};
use expect_test::{Expect, expect};

const HEAD: &str = "package agent_policy\n\nimport rego.v1\n\n";

fn report(text: &str, role: Role) -> Report {
    check("policy.rego", text.as_bytes(), role, Agents::All)
}

/// The diagnostics of these codes, a line each; its place is told by the words it points at.
fn lines(text: &str, report: &Report, keep: impl Fn(Code) -> bool) -> String {
    let kept = report.diagnostics.iter().filter(|diagnostic| keep(diagnostic.code));
    let line = |d: &Diagnostic| {
        let line = text.lines().nth(usize::try_from(d.place.line).unwrap() - 1).unwrap_or_default();
        let from = line.chars().skip(usize::try_from(d.place.column).unwrap() - 1);
        let words: String = from.take(30).collect();
        format!("`{words}` {} {}: {}\n", d.level, d.code, without_line(&d.message))
    };
    kept.map(line).collect::<Vec<_>>().concat()
}

/// Numbers of lines in messages change with every edit of the default.
fn without_line(message: &str) -> String {
    match message.split_once(" in line ") {
        Some((before, after)) => {
            format!("{before} in line #{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => message.to_owned(),
    }
}

/// What the default with one edit is told, besides what is told of the default itself.
fn edited(from: &str, to: &str, expected: &Expect) {
    assert!(DEFAULT_RESTRICTIVE.contains(from), "{from}");
    let text = DEFAULT_RESTRICTIVE.replacen(from, to, 1);
    expected.assert_eq(&lines(&text, &report(&text, Role::Default), |code| code != Code::NeedsFileType));
}

/// What the default with more rules behind it is told.
fn added(rules: &str, expected: &Expect) {
    let text = format!("{DEFAULT_RESTRICTIVE}\n{rules}\n");
    expected.assert_eq(&lines(&text, &report(&text, Role::Override), |code| code != Code::NeedsFileType));
}

#[test]
fn the_default_has_no_fault_and_one_note() {
    let report = report(DEFAULT_RESTRICTIVE, Role::Default);
    assert!(!report.has_errors());
    expect![[r#"
        `CopyFileRequest if {` note needs-file-type: CopyFileRequest needs the type of the file, which agents before 3.29 do not tell: no pod starts on them
    "#]].assert_eq(&lines(DEFAULT_RESTRICTIVE, &report, |_| true));
}

#[test]
fn the_table_has_every_request_and_both_engines() {
    let table = report(DEFAULT_RESTRICTIVE, Role::Default).table;
    assert_eq!(table.keys().copied().collect::<Vec<_>>(), Request::all().collect::<Vec<_>>());
    assert!(table.values().all(|row| row.len() == 2));
}

#[test]
fn every_derived_policy_is_free_of_errors_as_an_override() {
    for toggle in Toggle::ALL {
        let opening = Opening { toggles: [toggle].into(), ..Opening::default() };
        let derived = derive("default-restrictive.rego", DEFAULT_RESTRICTIVE, &opening).unwrap();
        assert!(!report(&derived.text, Role::Override).has_errors(), "{toggle}");
    }
}

#[test]
fn what_is_opened_is_an_error_in_a_default_and_a_note_in_an_override() {
    let text = format!("{DEFAULT_RESTRICTIVE}\nWriteStreamRequest := true\n");
    let levels = [Role::Default, Role::Override].map(|role| {
        let report = report(&text, role);
        report.diagnostics.iter().filter(|d| d.code == Code::Open).map(|d| d.level).collect::<Vec<_>>()
    });
    assert_eq!(levels, [vec![Level::Error], vec![Level::Note]]);
}

#[test]
fn an_empty_policy() {
    let text = "# nothing\n";
    let told = lines(text, &report(text, Role::Default), |_| true);
    expect![[r#"
        `# nothing` error empty: regorus 0.2.8, regorus 0.9: no statement in it; the agent stops at its start
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_byte_order_mark() {
    let text = "\u{feff}package agent_policy\n";
    let told = lines(text, &report(text, Role::Default), |_| true);
    expect![[r#"
        `﻿package agent_policy` error byte-order-mark: regorus 0.2.8, regorus 0.9: begins with a byte order mark; the agent stops
    "#]]
    .assert_eq(&told);
}

#[test]
fn bytes_that_are_no_text() {
    let report = check("policy.rego", b"package \xff", Role::Default, Agents::All);
    expect![[r#"
        `package` error not-utf8: regorus 0.2.8, regorus 0.9: not UTF-8: an invalid byte at offset 8
    "#]]
    .assert_eq(&lines("package", &report, |_| true));
}

#[test]
fn another_package() {
    let text = "package policy\n\nx := 1\n";
    let told = lines(text, &report(text, Role::Default), |_| true);
    expect![[r#"
        `package policy` error wrong-package: regorus 0.2.8, regorus 0.9: got package policy, expected agent_policy; the agent finds no rule and denies everything
        `x := 1` warning never-used: x is no request and no rule uses it: it is never reached
    "#]].assert_eq(&told);
}

#[test]
fn a_line_no_engine_takes() {
    let text = format!("package agent_policy\n# {}\n", "x".repeat(70_000));
    let told = lines(&text, &report(&text, Role::Default), |code| code != Code::UndefinedRequest);
    expect![[r#"
        `package agent_policy` error too-long: regorus 0.2.8, regorus 0.9: got 70002 columns in a line, expected at most 65536
    "#]]
    .assert_eq(&told);
}

#[test]
fn nesting_that_would_hang_an_engine() {
    let text = format!("package agent_policy\nx := {}{}\n", "[".repeat(30), "]".repeat(30));
    let told = lines(&text, &report(&text, Role::Default), |_| true);
    expect![[r#"
        `[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]` error too-complex: regorus 0.2.8, regorus 0.9: got over 4200960 readings of its tokens; an engine could hang on it
    "#]].assert_eq(&told);
}

#[test]
fn text_that_is_no_rego() {
    let text = "package agent_policy\n\nx := ]\n";
    let told = lines(text, &report(text, Role::Default), |_| true);
    expect![[r#"
        `]` error syntax: regorus 0.2.8, regorus 0.9: expecting expression; the agent stops at its start
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_body_without_if() {
    edited(
        "OnlineCPUMemRequest := true",
        "OnlineCPUMemRequest := true\nPullImageRequest { true }",
        &expect![[r#"
            `{ true }` error missing-if: regorus 0.2.8, regorus 0.9: `if` keyword is required before rule body; the agent stops at its start
        "#]],
    );
}

#[test]
fn a_missing_import() {
    edited(
        "import rego.v1",
        "",
        &expect![[r#"
            `if {` error missing-import: regorus 0.2.8: `if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; add `import rego.v1`
        "#]],
    );
}

#[test]
fn an_import_that_lacks_one_keyword() {
    edited(
        "import rego.v1",
        "import future.keywords.if\nimport future.keywords.in",
        &expect![[r#"
            `ry part in split(trim_prefix(p` error missing-import: regorus 0.2.8: `every` is not imported, so it is a name; add `import rego.v1`
        "#]],
    );
}

#[test]
fn an_unsafe_variable() {
    added(
        "ExecProcessRequest if { command == 1 }",
        &expect![[r#"
            `command == 1 }` error unsafe-variable: regorus 0.2.8, regorus 0.9: use of undefined variable `command` is unsafe; every request is denied
        "#]],
    );
}

#[test]
fn a_function_no_agent_has() {
    added(
        "ExecProcessRequest if { glob.match(\"*\", [], input.exec_id) }",
        &expect![[r#"
            `ExecProcessRequest if { glob.m` error evaluation-fails: ExecProcessRequest can't be evaluated, so the agent denies it: could not find function glob.match (and 2 more cases)
            `ExecProcessRequest if { glob.m` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
            `ExecProcessRequest if { glob.m` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
            `glob.match("*", [], input.exec` error unknown-function: no function glob.match in regorus 0.2.8, regorus 0.9: the rule fails, and its request with it
        "#]],
    );
}

#[test]
fn a_function_that_older_agents_were_built_without() {
    added(
        "ExecProcessRequest if { base64.decode(\"YQ==\") == input.x }",
        &expect![[r#"
        `ExecProcessRequest if { base64` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
        `ExecProcessRequest if { base64` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
        `base64.decode("YQ==") == input` error unknown-function: no function base64.decode in regorus 0.2.8: the rule fails, and its request with it
    "#]],
    );
}

#[test]
fn an_opening_that_no_sample_shows() {
    added(
        "ExecProcessRequest if { input.process.Args[0] == \"/bin/bash\" }",
        &expect![[r#"
        `ExecProcessRequest if { input.` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
        `ExecProcessRequest if { input.` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
    "#]],
    );
    added(
        "ReadStreamRequest if { helper }\n\nhelper if { input.exec_id == \"abc\" }",
        &expect![[r#"
        `ReadStreamRequest if { helper ` note may-open: a rule may let ReadStreamRequest pass, and no sample shows when: read it; the host reads everything the containers print
    "#]],
    );
}

#[test]
fn an_opening_that_no_sample_shows_is_an_error_in_a_default_and_shows_in_the_table() {
    let text = format!("{DEFAULT_RESTRICTIVE}\nSetPolicyRequest if {{ input.policy == \"x\" }}\n");
    let report = report(&text, Role::Default);
    assert!(report.has_errors());
    assert!(report.table[&Request::SetPolicy].values().all(|verdict| *verdict == Verdict::Conditional));
}

#[test]
fn an_answer_that_is_not_always_the_same() {
    added(
        "ExecProcessRequest if { rand.intn(\"a\", 5) == 9 }",
        &expect![[r#"
        `ExecProcessRequest if { rand.i` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
        `ExecProcessRequest if { rand.i` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
        `rand.intn("a", 5) == 9 }` error random: rand.intn answers otherwise every time: what is checked here is not what decides
    "#]],
    );
}

#[test]
fn an_answer_with_state() {
    let ops = r#"[{"op": "add", "path": "/pstate/x", "value": 1}]"#;
    edited(
        "default PauseContainerRequest := false",
        &format!("PauseContainerRequest := {{\"allowed\": false, \"ops\": {ops}}}"),
        &expect![[r#"
            `{"allowed": false, "ops": [{"o` note stateful: an answer with ops changes the agent's state: what comes after it is not asked here
        "#]],
    );
}

#[test]
fn a_second_default() {
    added(
        "default ExecProcessRequest := true",
        &expect![[r#"
            `default ExecProcessRequest := ` error duplicate-default: ExecProcessRequest has a default in line # already: the first counts, this one never
        "#]],
    );
}

#[test]
fn a_rule_behind_a_default_of_true() {
    edited(
        "default CreateSandboxRequest := false",
        "default CreateSandboxRequest := true",
        &expect![[r#"
            `default CreateSandboxRequest :` warning wider: CreateSandboxRequest passes where the built-in default denies: a sandbox is set up with hooks in the guest; hooks and modules are code the host chooses (and 3 more cases)
            `CreateSandboxRequest if {` error no-effect: CreateSandboxRequest is true by its default in line #: a rule that makes it true changes nothing, and what it does not match passes as well
        "#]],
    );
}

#[test]
fn a_misspelt_request() {
    edited(
        "default ExecProcessRequest := false",
        "default ExecProcesRequest := false",
        &expect![[r#"
            `# The default policy of a gues` error undefined-request: no rule answers ExecProcessRequest: the agent denies with an internal error
            `default ExecProcesRequest := f` error unknown-request: no agent asks about ExecProcesRequest; did you mean ExecProcessRequest?
        "#]],
    );
}

#[test]
fn a_rule_nobody_uses() {
    added(
        "helper(x) if { x == 1 }",
        &expect![[r#"
            `helper(x) if { x == 1 }` warning never-used: helper is no request and no rule uses it: it is never reached
        "#]],
    );
}

#[test]
fn a_condition_that_is_never_true() {
    added(
        "ExecProcessRequest if { false }",
        &expect![[r#"
            `ExecProcessRequest if { false ` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
            `ExecProcessRequest if { false ` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
            `false }` warning never-true: this condition is never true, so the rule is never reached
        "#]],
    );
}

#[test]
fn a_rule_that_is_both_true_and_false() {
    added(
        "StatsContainerRequest := true\n\nStatsContainerRequest := false if { true }",
        &expect![[r#"
            `default StatsContainerRequest ` error evaluation-fails: StatsContainerRequest can't be evaluated, so the agent denies it: rule conflicts with the following rule
            `StatsContainerRequest := true` error no-effect: StatsContainerRequest is true by its default in line #: a rule that makes it true changes nothing, and what it does not match passes as well
        "#]],
    );
}

#[test]
fn engines_that_count_differently() {
    added(
        "UpdateContainerRequest if { 0.1 + 0.2 == 0.3 }",
        &expect![[r#"
            `UpdateContainerRequest if { 0.` note wider: UpdateContainerRequest passes where the built-in default denies: a container is resized in place; the host changes limits of running containers, not what they do
            `UpdateContainerRequest if { 0.` error engines-disagree: UpdateContainerRequest: a container is resized in place: regorus 0.2.8 says allow, regorus 0.9 says deny
        "#]],
    );
}

#[test]
fn failing_requests_let_through() {
    edited(
        "AllowRequestsFailingPolicy := false",
        "AllowRequestsFailingPolicy := true",
        &expect![[r#"
            `default AllowRequestsFailingPo` error failing-requests-pass: AllowRequestsFailingPolicy is true: every denial becomes a warning, and no later policy ends it
        "#]],
    );
}

#[test]
fn a_start_path_that_is_denied() {
    edited(
        "default StartContainerRequest := true",
        "default StartContainerRequest := false",
        &expect![[r#"
            `default StartContainerRequest ` error start-path-denied: StartContainerRequest is denied: a container is started: created is not running
        "#]],
    );
}

#[test]
fn set_policy_allowed() {
    added(
        "SetPolicyRequest := true",
        &expect![[r#"
            `SetPolicyRequest := true` error hole: SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case)
        "#]],
    );
}

#[test]
fn exec_allowed_without_its_output() {
    added(
        "ExecProcessRequest := true",
        &expect![[r#"
            `ExecProcessRequest := true` note open: ExecProcessRequest is open: a shell is opened in a container: whoever runs commands in a container reads its secrets (and 2 more cases)
            `ExecProcessRequest := true` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
        "#]],
    );
}

#[test]
fn arguments_joined_before_they_are_compared() {
    added(
        "ExecProcessRequest if { concat(\" \", input.process.Args) == \"/bin/ready --probe\" }",
        &expect![[r#"
            `ExecProcessRequest if { concat` note open: ExecProcessRequest is open: a probe runs a command: the guest cannot tell a probe from any other command
            `ExecProcessRequest if { concat` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
            `(" ", input.process.Args) == "` error joined-arguments: arguments are joined before they are compared: ["a b"] passes for ["a", "b"]; compare the array itself
        "#]],
    );
}

#[test]
fn text_printed_to_the_host() {
    added(
        "ExecProcessRequest if {\n\tprint(input)\n\tinput.yes\n}",
        &expect![[r#"
            `ExecProcessRequest if {` note may-open: a rule may let ExecProcessRequest pass, and no sample shows when: read it; the host runs any command next to the pod's secrets, and reads what it prints
            `ExecProcessRequest if {` warning exec-without-output: ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; probes do not mind, people do
            `put)` warning prints: the agent sends printed text to the host, behind its refusal
        "#]],
    );
}

#[test]
fn policy_data_with_something_behind_it() {
    added(
        "policy_data := {\"a\": 1}\n\nPullImageRequest := true",
        &expect![[r#"
            `policy_data := {"a": 1}` warning policy-data: Trustee reads policy_data as JSON up to the end of the file: it must be the last statement, plain JSON, with nothing behind it
            `PullImageRequest := true` error no-effect: PullImageRequest is true by its default in line #: a rule that makes it true changes nothing, and what it does not match passes as well
        "#]],
    );
}

#[test]
fn policy_data_at_the_end() {
    added("policy_data := {\"a\": 1}", &expect![[r#""#]]);
}

#[test]
fn a_line_longer_than_other_programs_take() {
    added(
        &format!("# {}", "x".repeat(1100)),
        &expect![[r#"
            `# xxxxxxxxxxxxxxxxxxxxxxxxxxxx` note long-line: 1102 columns: agents take 65536, but other programs with regorus stop at 1024
        "#]],
    );
}

#[test]
fn one_agent_has_its_own_engine_requests_and_input() {
    let agents = Agents::Only("3.21".parse().unwrap());
    let report = check("policy.rego", DEFAULT_RESTRICTIVE.as_bytes(), Role::Default, agents);
    assert_eq!(report.table.len(), 38);
    assert!(report.table.values().all(|row| row.len() == 1));
    let first = lines(DEFAULT_RESTRICTIVE, &report, |_| true).lines().next().unwrap_or_default().to_owned();
    expect!["`CopyFileRequest if {` error start-path-denied: CopyFileRequest is denied: the pod's name servers are copied: without a shared file system every such file comes this way (and 17 more cases)"].assert_eq(&first);
}

/// A policy with the shape of those published for agents: everything allowed by default but what is named.
fn published(rules: &str) -> String {
    let named: Vec<&str> = rules.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let open = Request::all().filter(|request| *request != Request::AllowRequestsFailingPolicy);
    let open = open.filter(|request| !named.contains(&request.name()));
    let defaults: Vec<String> = open.map(|request| format!("default {request} := true")).collect();
    let defaults = defaults.join("\n");
    format!("package agent_policy\n\nIMPORTS\n\n{defaults}\n{rules}\n")
}

/// A hardening as it was tried: copies are let through where the rules match, and by default all the same.
const COPIES: &str = "default ExecProcessRequest := false\ndefault ReadStreamRequest := false\n\
    default SetPolicyRequest := false\ndefault WriteStreamRequest := false\n\
    default GetDiagnosticDataRequest := false\n";
const COPY_RULE: &str = "\nCopyFileRequest if {\n\tinput.file_type in {\"Regular\", \"Directory\"}\n\
    \tstartswith(input.path, \"/run/kata-containers/shared/containers/\")\n}\n";

/// What a hardening is told: how often each thing, and the words for those that are about its rules.
fn told_of(text: &str) -> String {
    let report = report(text, Role::Default);
    let count = |code: Code| report.diagnostics.iter().filter(|found| found.code == code).count();
    let counts = Code::ALL.iter().map(|code| (*code, count(*code))).filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(code, count)| format!("{count} {code}\n")).collect();
    let about_rules = [Code::MissingImport, Code::NoEffect, Code::UndefinedRequest];
    counts.concat() + &lines(text, &report, |code| about_rules.contains(&code))
}

#[test]
fn the_first_published_hardening_forgot_its_imports_and_kept_the_default() {
    let text = published(&format!("{COPIES}default CopyFileRequest := true\n{COPY_RULE}"));
    expect![[r#"
        1 missing-import
        1 no-effect
        22 wider
        1 hole
        `CopyFileRequest if {` error no-effect: CopyFileRequest is true by its default in line #: a rule that makes it true changes nothing, and what it does not match passes as well
        `if {` error missing-import: regorus 0.2.8: `if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; add `import rego.v1`
    "#]].assert_eq(&told_of(&text.replace("IMPORTS", "")));
}

#[test]
fn the_second_published_hardening_had_its_imports_and_no_effect() {
    let text = published(&format!("{COPIES}default CopyFileRequest := true\n{COPY_RULE}"));
    expect![[r#"
        1 no-effect
        22 wider
        1 hole
        `CopyFileRequest if {` error no-effect: CopyFileRequest is true by its default in line #: a rule that makes it true changes nothing, and what it does not match passes as well
    "#]].assert_eq(&told_of(&text.replace("IMPORTS", "import rego.v1")));
}

#[test]
fn the_third_published_hardening_left_requests_undefined() {
    let text = published(&format!("{COPIES}default CopyFileRequest := false\n{COPY_RULE}"));
    let text = text.replace("IMPORTS", "import rego.v1");
    let left_out = ["AddSwapPathRequest", "GetIPTablesRequest", "MemAgentMemcgConfig", "VolumeStatsRequest"];
    let is_kept = |line: &&str| !left_out.iter().any(|name| line.contains(&format!(" {name} ")));
    let text: Vec<&str> = text.lines().filter(is_kept).collect();
    expect![[r#"
        1 undefined-request
        1 start-path-denied
        18 wider
        1 hole
        1 needs-file-type
        `package agent_policy` error undefined-request: no rule answers AddSwapPathRequest, GetIPTablesRequest, MemAgentMemcgConfig, VolumeStatsRequest: the agent denies with an internal error
    "#]].assert_eq(&told_of(&text.join("\n")));
}

#[test]
fn junk_makes_no_check_panic() {
    let pieces = [
        "package agent_policy\n",
        "import rego.v1\n",
        "default ",
        "X",
        " := ",
        "{",
        "}",
        "[",
        "\"",
        "if ",
        "not ",
        "1",
        "\n",
        "\u{e9}",
        "#",
    ];
    for seed in 0_usize..300 {
        let mut text = HEAD.to_owned();
        let mut state = seed;
        for _ in 0..30 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) % pieces.len()]);
        }
        let _ = report(&text, Role::Default);
    }
}
