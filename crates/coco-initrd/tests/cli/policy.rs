//! `coco-initrd policy`: check, test, explain, diff and derive, as a person meets them.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::fixture::Place;

const RESTRICTIVE: &str = include_str!("../../../../policies/default-restrictive.rego");

/// A directory with the default policy, and one with mistakes.
fn place() -> Place {
    let place = Place::new();
    place.file("default.rego", RESTRICTIVE);
    place.file("open.rego", format!("{RESTRICTIVE}\nSetPolicyRequest := true\n"));
    place.file("old.rego", RESTRICTIVE.replace("import rego.v1", ""));
    place
}

/// Runs `words` and compares its data and its words.
fn says(words: &str, code: i32, data: &Expect, said: &Expect) {
    let ran = place().run(words);
    data.assert_eq(&ran.data);
    said.assert_eq(&ran.words);
    assert_eq!(ran.code, code);
}

/// The lines of the data that have one of these words.
fn lines(data: &str, words: &[&str]) -> String {
    let wanted = data.lines().filter(|line| words.iter().any(|word| line.contains(word)));
    wanted.map(|line| format!("{line}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn a_check_has_a_table_and_findings() {
    let ran = place().run("policy check open.rego");
    assert_eq!(ran.code, 1);
    let shown = ["regorus", "ExecProcess", "CopyFile", "SetPolicy", "AddARP"];
    expect![[r#"
        request                               regorus 0.2.8  regorus 0.9
        AddARPNeighborsRequest                conditional    conditional
        CopyFileRequest                       conditional    conditional
        ExecProcessRequest                    deny           deny
        SetPolicyRequest                      allow          allow
        open.rego:117:1: note: CopyFileRequest needs the type of the file, which agents before 3.29 do not tell: no pod starts on them [needs-file-type]
        open.rego:286:1: error: SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case) [hole]
    "#]].assert_eq(&lines(&ran.data, &shown));
    expect![[r#"
        open.rego: 1 error, 0 warnings, 1 note; each word in brackets is in docs/policy-check.md
    "#]]
    .assert_eq(&ran.words);
}

#[test]
fn a_check_of_a_good_policy_is_done() {
    let ran = place().run("policy check default-restrictive");
    assert_eq!(ran.code, 0, "{}", ran.data);
    expect![[r#"
        default-restrictive.rego: 0 errors, 0 warnings, 1 note; each word in brackets is in docs/policy-check.md
    "#]].assert_eq(&ran.words);
}

#[test]
fn an_engine_that_loads_nothing_shows_in_the_table() {
    let ran = place().run("policy check old.rego");
    assert_eq!(ran.code, 1);
    expect![[r#"
        request                               regorus 0.2.8  regorus 0.9
        ExecProcessRequest                    not loaded     deny
        old.rego:98:22: error: regorus 0.2.8: `if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; add `import rego.v1` [missing-import]
    "#]].assert_eq(&lines(&ran.data, &["regorus", "ExecProcess", "import"]));
}

#[test]
fn a_check_for_one_agent_has_one_engine() {
    let ran = place().run("policy check default.rego --agent-version 4.1");
    assert_eq!(ran.code, 0);
    expect![[r#"
        request                               regorus 0.9
        ExecProcessRequest                    deny
    "#]]
    .assert_eq(&lines(&ran.data, &["regorus", "ExecProcess"]));
}

#[test]
fn a_check_as_json_has_place_level_and_documentation() {
    let ran = place().run("policy check open.rego --json");
    let report: Value = serde_json::from_str(&ran.data).unwrap();
    expect![[r#"
        {
          "code": "hole",
          "column": 1,
          "documentation": "docs/policy-check.md#hole",
          "level": "error",
          "line": 286,
          "message": "SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case)"
        }
    "#]].assert_eq(&format!("{:#}\n", report["findings"][1]));
    assert_eq!(report["decisions"]["SetPolicyRequest"]["regorus 0.9"], "allow");
    assert_eq!(ran.code, 1);
}

#[test]
fn a_policy_is_read_from_standard_input() {
    let ran = place().shell("$COCO policy check - < default.rego");
    assert_eq!(ran.code, 0);
    assert!(ran.data.contains("stdin:"), "{}", ran.data);
}

#[test]
fn an_agent_nobody_knows_is_refused() {
    says(
        "policy check default.rego --agent-version 4.9",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: invalid value '4.9' for '--agent-version <VERSION>': got agent version 4.9, expected 3.13 to 3.32, 4.0 or 4.1

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn a_policy_that_is_not_there_is_refused() {
    says(
        "policy check nowhere.rego",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: the policy can't be read
          caused by: failed to open file `nowhere.rego`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
    says(
        "policy check nowhere",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: there is no built-in policy `nowhere`
        hint: built-in policies: default-restrictive; a policy of your own is a path such as ./my.rego
    "#]],
    );
}

#[test]
fn the_cases_we_ship_pass() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/default-restrictive/cases");
    let ran = place().run(&format!("policy test {cases}"));
    assert_eq!((ran.code, ran.data.as_str()), (0, ""), "{}", ran.words);
}

const CASE: &str = r#"
[[case]]
name = "a shell is opened"
request = "ExecProcessRequest"
expect = "allow"
rule = "default"
why = "we want it"
input = '{}'
"#;

#[test]
fn a_case_with_another_answer_is_told_for_each_engine() {
    let place = place();
    place.file("cases/own.toml", CASE);
    let ran = place.run("policy test cases --policy default.rego");
    assert_eq!(ran.code, 1);
    expect![[r#"
        regorus 0.2.8: ExecProcessRequest: a shell is opened: got deny, expected allow: we want it
        regorus 0.9: ExecProcessRequest: a shell is opened: got deny, expected allow: we want it
    "#]]
    .assert_eq(&ran.data);
    expect![[r#"
        default.rego: 1 case, 2 engines, 2 wrong answers
    "#]]
    .assert_eq(&ran.words);
}

#[test]
fn wrong_answers_as_json_name_the_engine() {
    let place = place();
    place.file("cases/own.toml", CASE);
    let ran = place.run("policy test cases --json");
    let result: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(result["wrong"][0]["engine"], "regorus 0.2.8");
    assert_eq!(result["wrong"][1]["got"], "deny");
    assert_eq!(ran.code, 1);
}

#[test]
fn what_is_no_directory_of_cases_is_refused() {
    for (file, expected) in [
        (
            "cases/own.tml",
            expect![[r#"
            error: cases/own.tml is not a case file: expected a file with the extension .toml
            hint: give a directory such as policies/default-restrictive/cases
        "#]],
        ),
        (
            "cases/bad.toml",
            expect![[r#"
                error: cases/bad.toml:1:1: missing field `name`
            "#]],
        ),
        (
            "other/file",
            expect![[r#"
            error: failed to read directory `cases`: No such file or directory (os error 2)
            hint: check the path
        "#]],
        ),
    ] {
        let place = place();
        place.file(file, "[[case]]\n");
        let ran = place.run("policy test cases");
        expected.assert_eq(&ran.words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    }
}

#[test]
fn a_case_file_that_is_too_large_is_refused() {
    let place = place();
    place.shell("mkdir cases && truncate -s 5M cases/zeros.toml");
    let ran = place.run("policy test cases");
    expect![[r#"
        error: cases/zeros.toml is too large: expected at most 4194304 bytes
        hint: give a directory such as policies/default-restrictive/cases
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
}

#[test]
fn a_denial_is_explained() {
    let place = place();
    place.file(
        "journal",
        "x\nkata[1]: rpc status: \"ReadStreamRequest is blocked by policy: \"\n\
        CopyFileRequest is blocked by policy: p:1: no\nVolumeStatsRequest: internal error x\n",
    );
    let ran = place.shell("$COCO policy explain - < journal");
    assert_eq!(ran.code, 0);
    expect![[r#"
        ReadStreamRequest: a rule denied it
          seen:    `oc logs`, or what a command printed, is empty
          rule:    default-restrictive.rego:210: default ReadStreamRequest := false
          open:    coco-initrd override --allow logs|exec-output POD.yaml -o OUT.yaml
          instead: send logs from inside the pod to where they may be read
          risk:    the host reads everything the containers print

        CopyFileRequest: a rule denied it
          seen:    the pod does not start: a file of it could not be copied into the guest
          printed: p:1: no
          rule:    default-restrictive.rego:109: default CopyFileRequest := false
          rule:    default-restrictive.rego:117: CopyFileRequest if {
          rule:    default-restrictive.rego:126: CopyFileRequest if {
          open:    only by a whole policy of your own; what was sent is not what runtimes send
          instead: an agent before 3.29 tells no file type; an absolute or climbing link in a volume is refused
          risk:    a copy anywhere else can replace any file of the guest (CVE-2026-41326)

        VolumeStatsRequest: no rule answered, or it failed: denied, with an internal error
          seen:    monitoring from the host shows nothing of the guest
          rule:    default-restrictive.rego:235: default VolumeStatsRequest := false
          open:    only by a whole policy of your own
          instead: measure from inside the pod
          risk:    the host sees numbers and addresses of the guest
    "#]].assert_eq(&ran.data);
}

#[test]
fn a_denial_of_what_the_policy_allows_comes_from_another_policy() {
    let ran = place().run("policy explain StartContainerRequest is blocked by policy");
    expect![[r#"
        StartContainerRequest: a rule denied it
          seen:    the pod does not start, run or stop as it should
          rule:    default-restrictive.rego:60: default StartContainerRequest := true
          but:     this policy allows it: another one was in force, look at the pod's initdata
          open:    make the pod's own policy anew, or leave it out
          instead: the default allows it, so a policy of the pod's own is in force: make it anew for this image
          risk:    none beyond running the pod
    "#]].assert_eq(&ran.data);
}

#[test]
fn an_explanation_as_json_has_the_rule() {
    let ran = place().run("policy explain --json SetPolicyRequest is blocked by policy");
    let explained: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(explained[0]["rules"][0]["text"], "default SetPolicyRequest := false");
    assert_eq!(explained[0]["open"], "never");
}

#[test]
fn text_without_a_denial_explains_nothing() {
    says(
        "policy explain all is well",
        1,
        &expect![[r#""#]],
        &expect![[r#"
        error: no denial of the agent is in this text
        hint: empty logs are no error, so there is none to explain: see docs/troubleshooting.md
    "#]],
    );
}

#[test]
fn two_policies_are_compared() {
    says(
        "policy diff default-restrictive open.rego",
        1,
        &expect![[r#"
        SetPolicyRequest: deny -> allow
          deny -> allow: the host replaces the policy
          deny -> allow: the host replaces the policy with nothing
    "#]],
        &expect![[r#"
        1 request is decided differently
    "#]],
    );
    says(
        "policy diff default-restrictive default.rego",
        0,
        &expect![[r#""#]],
        &expect![[r#"
            the two are the same text
        "#]],
    );
}

#[test]
fn a_comparison_as_json_is_a_list() {
    let ran = place().run("policy diff default-restrictive open.rego --json");
    let changes: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((&changes[0]["request"], &changes[0]["to"]), (&"SetPolicyRequest".into(), &"allow".into()));
}

#[test]
fn what_is_derived_opens_what_it_says() {
    let place = place();
    let ran = place.run("policy derive --allow logs,termination-log -o derived.rego");
    assert_eq!((ran.code, ran.data.as_str()), (0, ""));
    expect![[r#"
        opened, compared with the base:
          GetDiagnosticDataRequest: deny -> conditional
            deny -> allow: the termination message is read
          ReadStreamRequest: deny -> conditional
            deny -> allow: the logs are read under the Go runtime
            deny -> allow: the logs are read under the Rust runtime
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(place.run("policy check --role override derived.rego").code, 0);
}

#[test]
fn a_command_is_allowed_word_by_word() {
    let place = place();
    let ran = place.shell("$COCO policy derive --allow-exec-command '[\"/bin/ready\",\"--probe\"]'");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.data.ends_with("\tinput.process.Args == [\"/bin/ready\",\"--probe\"]\n}\n"), "{}", ran.data);
    expect![[r#"
        opened, compared with the base:
          ExecProcessRequest: deny -> conditional
            deny -> allow: a probe runs a command
            deny -> allow: the command ["/bin/ready","--probe"] is run
    "#]]
    .assert_eq(&ran.words);
}

#[test]
fn what_is_derived_is_always_the_same() {
    let place = place();
    let [a, b] =
        ["logs,exec", "exec,logs"].map(|allow| place.run(&format!("policy derive --allow {allow}")).data);
    assert_eq!(a, b);
}

#[test]
fn a_base_with_faults_gives_no_policy() {
    for (file, expected) in [
        (
            "open.rego",
            expect![[r#"
                error: what is derived from policy open.rego is not fit for a pod: SetPolicyRequest is open, and must not be: the host replaces the policy: all of it would be for nothing (and 1 more case) [hole]
                hint: `coco-initrd policy check --role override` on the base says where; mend it there
            "#]],
        ),
        (
            "old.rego",
            expect![[r#"
            error: nothing can be derived from policy old.rego
              caused by: regorus 0.2.8 can't load it
              caused by: old.rego:98:22: `if` is used but not imported: regorus 0.2.8 takes it for a name
            hint: `coco-initrd policy check` on the base says more
        "#]],
        ),
        (
            "contrary.rego",
            expect![[r#"
            error: nothing can be derived from policy contrary.rego
              caused by: the derived policy does not decide as it should under regorus 0.2.8: ReadStreamRequest: the logs are read under the Go runtime: got no answer (rule conflicts with the following rule), expected allow: it names a container's own process with the container's id
            hint: deny by `default X := false` in the base: a rule that says false contradicts what opens
        "#]],
        ),
    ] {
        let place = place();
        let contrary = "default ReadStreamRequest := false";
        place.file("contrary.rego", RESTRICTIVE.replace(contrary, "ReadStreamRequest := false"));
        let before = place.names();
        let ran = place.run(&format!("policy derive --allow logs --base {file} -o out.rego"));
        expected.assert_eq(&ran.words);
        assert_eq!((ran.code, place.names()), (2, before));
    }
}

#[test]
fn a_word_that_opens_nothing_is_refused() {
    says(
        "policy derive --allow log",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: invalid value 'log' for '--allow <WHAT>': got log, expected logs, exec, exec-output, stdin or termination-log

        For more information, try '--help'.
    "#]],
    );
    says(
        "policy derive --allow-exec-command /bin/sh",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: invalid value '/bin/sh' for '--allow-exec-command <ARRAY>': got /bin/sh, expected a JSON array of strings, such as ["/bin/ready","--probe"]

        For more information, try '--help'.
    "#]],
    );
    says(
        "policy derive",
        2,
        &expect![[r#""#]],
        &expect![[r#"
        error: the following required arguments were not provided:
          <--allow <WHAT>|--allow-exec-command <ARRAY>>

        Usage: coco-initrd policy derive <--allow <WHAT>|--allow-exec-command <ARRAY>>

        For more information, try '--help'.
    "#]],
    );
}
