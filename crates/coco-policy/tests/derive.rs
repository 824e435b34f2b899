//! Policies derived from the default, on every engine: what is opened opens, and nothing beside it.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::cases;
use coco_policy::check::{Agents, Code, Role, check};
use coco_policy::{
    Command, DEFAULT_RESTRICTIVE, Decision, Derived, Engine, Opening, Policy, Request, Toggle, derive,
};
use expect_test::expect;
use serde_json::json;

const ID: &str = "81e5f43bc8599c5661e66f959ac28df5bfb30da23c5d583f2dcc6f9e0c5186dc";

fn opening(toggles: &[Toggle], commands: &[&str]) -> Opening {
    let commands = commands.iter().map(|command| command.parse::<Command>().unwrap());
    Opening { toggles: toggles.iter().copied().collect(), commands: commands.collect() }
}

fn derived(toggles: &[Toggle], commands: &[&str]) -> Derived {
    derive("default-restrictive.rego", DEFAULT_RESTRICTIVE, &opening(toggles, commands)).unwrap()
}

/// Whether both engines allow this.
fn allows(derived: &Derived, request: Request, input: &serde_json::Value) -> bool {
    let [older, newer] = Engine::ALL.map(|engine| {
        let policy = Policy::parse_for(engine, "derived.rego", derived.text.as_bytes()).unwrap();
        policy.decide(request, input) == Decision::Allow
    });
    assert_eq!(older, newer, "the engines disagree about {request} {input}");
    newer
}

fn reads(derived: &Derived, exec_id: &str) -> bool {
    let input = json!({"container_id": ID, "exec_id": exec_id, "len": 4096});
    allows(derived, Request::ReadStream, &input)
}

fn runs(derived: &Derived, words: &[&str]) -> bool {
    let input = json!({"container_id": ID, "exec_id": "7d3a", "process": {"Args": words}});
    allows(derived, Request::ExecProcess, &input)
}

#[test]
fn every_set_of_toggles_opens_the_cases_that_name_them_and_no_other() {
    for bits in 1..1_u32 << Toggle::ALL.len() {
        let toggles: Vec<Toggle> = (0..)
            .zip(Toggle::ALL)
            .filter(|(bit, _)| bits >> bit & 1 == 1)
            .map(|(_, toggle)| toggle)
            .collect();
        let opening = opening(&toggles, &[]);
        let derived = derive("default-restrictive.rego", DEFAULT_RESTRICTIVE, &opening).unwrap();
        let policy = Policy::parse("derived.rego", derived.text.as_bytes()).unwrap();
        for case in cases::embedded() {
            let is_open = case.opens.is_some_and(|toggle| opening.opens(toggle));
            let expected = is_open || case.expect == cases::Answer::Allow;
            let got = policy.decide(case.request, &case.input) == Decision::Allow;
            assert_eq!(got, expected, "{toggles:?}: {}", case.name);
        }
    }
}

#[test]
fn logs_open_without_the_output_of_commands_and_the_other_way_round() {
    let (logs, output) = (derived(&[Toggle::Logs], &[]), derived(&[Toggle::ExecOutput], &[]));
    assert_eq!(["", ID, "7d3a"].map(|exec_id| reads(&logs, exec_id)), [true, true, false]);
    assert_eq!(["", ID, "7d3a"].map(|exec_id| reads(&output, exec_id)), [false, false, true]);
}

#[test]
fn a_read_that_names_nothing_stays_closed() {
    let all = derived(&Toggle::ALL, &[]);
    for input in
        [json!({}), json!({"container_id": ID}), json!({"exec_id": "7d3a"}), json!({"exec_id": null})]
    {
        assert!(!allows(&all, Request::ReadStream, &input), "{input}");
    }
}

#[test]
fn a_command_is_compared_word_by_word() {
    let ready = derived(&[], &[r#"["/bin/ready","--probe"]"#]);
    for (words, expected) in [
        (&["/bin/ready", "--probe"][..], true),
        (&["/bin/ready --probe"], false),
        (&["/bin/ready"], false),
        (&["/bin/ready", "--probe", "--more"], false),
        (&["/bin/ready", "--Probe"], false),
        (&[], false),
    ] {
        assert_eq!(runs(&ready, words), expected, "{words:?}");
    }
}

#[test]
fn a_command_that_goes_by_the_container_s_own_id_is_refused() {
    let ready = derived(&[Toggle::Logs], &[r#"["/bin/ready"]"#]);
    for exec_id in [json!(ID), json!(""), json!(null), json!(7)] {
        let input = json!({"container_id": ID, "exec_id": exec_id, "process": {"Args": ["/bin/ready"]}});
        assert!(!allows(&ready, Request::ExecProcess, &input), "{input}");
    }
}

#[test]
fn commands_with_quotes_and_control_characters_stay_words() {
    let words = ["/bin/sh", "-c", "echo \"a\" 'b' `c` \\ \n\t\u{7f}\u{e9} }\nExecProcessRequest := true #"];
    let command = serde_json::to_string(&words).unwrap();
    let derived = derived(&[], &[&command]);
    assert!(runs(&derived, &words));
    assert!(!runs(&derived, &["/bin/sh"]));
}

#[test]
fn what_opens_shows_in_the_changes() {
    let derived = derived(&[Toggle::Logs], &[r#"["/bin/ready"]"#]);
    let lines: Vec<String> = derived
        .changes
        .iter()
        .flat_map(|change| {
            let head = format!("{} {} -> {}\n", change.request, change.from, change.to);
            std::iter::once(head).chain(change.cases.iter().map(|shift| format!("  {}\n", shift.case)))
        })
        .collect();
    expect![[r#"
        ExecProcessRequest deny -> conditional
          the command ["/bin/ready"] is run
        ReadStreamRequest deny -> conditional
          the logs are read under the Go runtime
          the logs are read under the Rust runtime
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn the_default_is_in_it_byte_for_byte() {
    assert!(derived(&[Toggle::Exec], &[]).text.contains(DEFAULT_RESTRICTIVE));
}

#[test]
fn the_name_of_the_default_is_not_in_it() {
    let opening = opening(&[Toggle::Logs], &[]);
    let [a, b] =
        ["a.rego", "./b\n.rego"].map(|name| derive(name, DEFAULT_RESTRICTIVE, &opening).unwrap().text);
    assert_eq!(a, b);
}

#[test]
fn policy_data_stays_the_end_of_it() {
    let data = "policy_data := {\"containers\": []}\n";
    let default = format!("{DEFAULT_RESTRICTIVE}\n{data}");
    let derived = derive("own.rego", &default, &opening(&[Toggle::Logs], &[])).unwrap();
    assert!(derived.text.ends_with(data) && derived.text.contains(DEFAULT_RESTRICTIVE), "{}", derived.text);
    let report = check("derived.rego", derived.text.as_bytes(), Role::Override, Agents::All);
    assert!(!report.diagnostics.iter().any(|found| found.code == Code::PolicyData));
}

#[test]
fn the_rules_are_the_ones_we_document() {
    let text = derived(&Toggle::ALL, &[r#"["/bin/ready","--probe"]"#]).text;
    let (head, rest) = text.split_once(DEFAULT_RESTRICTIVE).unwrap();
    expect![[r##"
        # A pod's own policy. Opens: logs, exec, exec-output, stdin, termination-log, the command ["/bin/ready","--probe"].
        # All else is as in the policy that is in it, whole (SHA-000 0c0c00d0beb0f0000e0000a000000d00adeadf0000b0e00a000bc0cdb0f0d0e0);
        # the rules that open come after its rules.

    "##]].assert_eq(&head.replace(|c: char| c.is_ascii_hexdigit() && c.is_ascii_digit(), "0"));
    expect![[r#"

        # --- Opened for this pod ----------------------------------------------------------------------------

        # A command's process has an id of its own; a container's has the container's, or none.
        opened_of_a_command if {
        	is_string(input.exec_id)
        	is_string(input.container_id)
        	not input.exec_id in {"", input.container_id}
        }

        # logs: the Go runtime reads a container's own output by the container's id, the Rust runtime by
        # an empty one.
        ReadStreamRequest if {
        	input.exec_id in {"", input.container_id}
        }

        # exec: any command.
        ExecProcessRequest := true

        # exec-output: what commands print.
        ReadStreamRequest if {
        	opened_of_a_command
        }

        # stdin: typing, and its end.
        WriteStreamRequest := true

        CloseStdinRequest := true

        # termination-log: the containers' last words.
        GetDiagnosticDataRequest if {
        	input.log_type == "termination_log"
        }

        # This command, word for word.
        ExecProcessRequest if {
        	opened_of_a_command
        	input.process.Args == ["/bin/ready","--probe"]
        }
    "#]]
    .assert_eq(rest);
}

#[test]
fn opening_nothing_is_an_error() {
    let error = derive("d.rego", DEFAULT_RESTRICTIVE, &Opening::default()).unwrap_err();
    assert_eq!(error.to_string(), "nothing to open: got no toggle and no command, expected at least one");
}

#[test]
fn a_default_that_denies_by_a_rule_contradicts_what_opens() {
    let default = "package agent_policy\nimport rego.v1\nReadStreamRequest := false\n";
    let error = derive("own.rego", default, &opening(&[Toggle::Logs], &[])).unwrap_err();
    expect!["the derived policy does not decide as it should under regorus 0.2.8: ReadStreamRequest: the logs are read under the Go runtime: got no answer (rule conflicts with the following rule), expected allow: it names a container's own process with the container's id"].assert_eq(&error.to_string());
}

#[test]
fn a_default_one_engine_cannot_load_is_an_error() {
    let default = "package agent_policy\nReadStreamRequest if { false }\n";
    let error = derive("own.rego", default, &opening(&[Toggle::Logs], &[])).unwrap_err();
    assert_eq!(error.to_string(), "regorus 0.2.8 can't load it");
}

#[test]
fn a_default_that_is_open_already_stays_so() {
    let default = "package agent_policy\nimport rego.v1\ndefault ExecProcessRequest := true\n";
    let derived = derive("own.rego", default, &opening(&[Toggle::Logs], &[])).unwrap();
    assert!(runs(&derived, &["/bin/sh"]));
}
