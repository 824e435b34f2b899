//! A pod's own policy: a whole default policy, and rules after it that open what was asked for.
//!
//! Nothing in the default is edited; if it ends in `policy_data`, which Trustee takes for the rest of the file,
//! the rules come before that. A request the default denies by `default X := false` is opened by one
//! more rule of that name, as the language has it. What comes out is loaded by every engine and asked
//! about every case: it must decide as the default does, except for what was opened. A default that says
//! no in another way, by a rule that is false, contradicts the new rule, and that is found here too.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cases::{self, Answer, Case, Rule};
use crate::check;
use crate::diff::{Change, diff_over};
use crate::{Decision, Engine, Finding, Opening, Policy, PolicyError, Request, Toggle};

/// A policy that opens something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The whole policy.
    pub text: String,
    /// What it decides otherwise than the default.
    pub changes: Vec<Change>,
}

/// Why there is no such policy.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// A policy that opens nothing is the default.
    #[error("nothing to open: got no toggle and no command, expected at least one")]
    Nothing,
    /// The default, or what became of it, can't be loaded by an engine that agents ship.
    #[error("{engine} can't load it")]
    Load {
        /// The engine.
        engine: Engine,
        /// Why not.
        source: PolicyError,
    },
    /// The default has rules of its own that the new ones contradict.
    #[error("the derived policy does not decide as it should under {engine}: {}", first(.findings))]
    NotAsMeant {
        /// The engine.
        engine: Engine,
        /// The cases it decides otherwise, at least one.
        findings: Vec<Finding>,
    },
}

fn first(findings: &[Finding]) -> String {
    findings.first().map(ToString::to_string).unwrap_or_default()
}

/// Derives a policy from `default`, the text of a policy. `name` is only for messages: the same text gives
/// the same policy, whatever it is called.
pub fn derive(name: &str, default: &str, opening: &Opening) -> Result<Derived, DeriveError> {
    if *opening == Opening::default() {
        return Err(DeriveError::Nothing);
    }
    let text = text(default, opening);
    let cases: Vec<Case> = cases::embedded().iter().cloned().chain(command_cases(opening)).collect();
    let load = |engine: Engine| -> Result<(Policy, Policy), DeriveError> {
        let load = |name: &str, text: &str| {
            let loaded = Policy::parse_for(engine, name, text.as_bytes());
            loaded.map_err(|source| DeriveError::Load { engine, source })
        };
        let (base, derived) = (load(name, default)?, load("derived.rego", &text)?);
        let findings = not_as_meant(&base, &derived, opening, &cases);
        if findings.is_empty() {
            Ok((base, derived))
        } else {
            Err(DeriveError::NotAsMeant { engine, findings })
        }
    };
    load(Engine::Regorus028)?;
    let (base, derived) = load(Engine::Regorus09)?;
    Ok(Derived { changes: diff_over(&base, &derived, &cases), text })
}

/// Head, default and rules.
fn text(default: &str, opening: &Opening) -> String {
    let digest = Sha256::digest(default).iter().fold(String::new(), |mut hex, byte| {
        // A String takes any write.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let (before, behind) = default.split_at(check::data_start(default));
    let mut text = format!(
        "# A pod's own policy. Opens: {opening}.\n\
         # All else is as in the policy that is in it, whole (SHA-256 {digest});\n\
         # the rules that open come after its rules.\n\n{before}"
    );
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(
        "\n# --- Opened for this pod ----------------------------------------------------------------------------\n",
    );
    if opening.opens(Toggle::ExecOutput) || !opening.commands.is_empty() {
        text.push_str(OF_A_COMMAND);
    }
    for toggle in Toggle::ALL.into_iter().filter(|toggle| opening.opens(*toggle)) {
        text.push_str(rules(toggle));
    }
    for command in &opening.commands {
        // Writing JSON writes Rego: its arrays and strings are the same.
        let _ = write!(
            text,
            "\n# This command, word for word.\n\
             ExecProcessRequest if {{\n\topened_of_a_command\n\tinput.process.Args == {command}\n}}\n"
        );
    }
    if !behind.is_empty() {
        text.push('\n');
        text.push_str(behind);
    }
    text
}

/// Tells a command's process from a container's own. A host that gave a command the container's id would
/// read what it prints as the container's logs.
const OF_A_COMMAND: &str = "\n# A command's process has an id of its own; a container's has the container's, or none.\n\
    opened_of_a_command if {\n\tis_string(input.exec_id)\n\tis_string(input.container_id)\n\
    \tnot input.exec_id in {\"\", input.container_id}\n}\n";

/// The rules that open one thing.
const fn rules(toggle: Toggle) -> &'static str {
    match toggle {
        Toggle::Logs => {
            "\n# logs: the Go runtime reads a container's own output by the container's id, the Rust runtime by\n\
             # an empty one.\n\
             ReadStreamRequest if {\n\tinput.exec_id in {\"\", input.container_id}\n}\n"
        }
        Toggle::Exec => "\n# exec: any command.\nExecProcessRequest := true\n",
        Toggle::ExecOutput => {
            "\n# exec-output: what commands print.\nReadStreamRequest if {\n\topened_of_a_command\n}\n"
        }
        Toggle::Stdin => {
            "\n# stdin: typing, and its end.\nWriteStreamRequest := true\n\nCloseStdinRequest := true\n"
        }
        Toggle::TerminationLog => {
            "\n# termination-log: the containers' last words.\n\
             GetDiagnosticDataRequest if {\n\tinput.log_type == \"termination_log\"\n}\n"
        }
    }
}

/// The cases the derived policy decides otherwise than it should: what is opened must pass, and all else
/// must come out as in the default.
fn not_as_meant(base: &Policy, derived: &Policy, opening: &Opening, cases: &[Case]) -> Vec<Finding> {
    let (before, after) = (base.evaluate_over(cases), derived.evaluate_over(cases));
    let mut findings = Vec::new();
    for ((case, before), (_, got)) in before.answers().iter().zip(after.answers()) {
        let is_open = case.opens.is_some_and(|toggle| opening.opens(toggle)) || runs_allowed(case, opening);
        let expected = if is_open { &Decision::Allow } else { before };
        if got != expected {
            let answer = if *expected == Decision::Allow { Answer::Allow } else { Answer::Deny };
            findings.push(Finding { expected: answer, ..Finding::new(case, got.clone()) });
        }
    }
    findings
}

fn runs_allowed(case: &Case, opening: &Opening) -> bool {
    let words = case.input.pointer("/process/Args");
    case.request == Request::ExecProcess
        && case.input.get("exec_id") != case.input.get("container_id")
        && opening.commands.iter().any(|command| words == Some(&Value::from(command.words())))
}

/// Cases of the commands that were named: each as it stands, and what must not pass for it.
fn command_cases(opening: &Opening) -> Vec<Case> {
    let mut cases = Vec::new();
    for command in &opening.commands {
        let words = command.words();
        let mut longer = words.to_vec();
        longer.push("--more".to_owned());
        let shorter = words.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
        cases.push(exec(format!("the command {command} is run"), words.to_vec()));
        cases.push(exec(format!("the command {command} is run with one more word"), longer));
        cases.push(exec(format!("the command {command} is run without its last word"), shorter));
        let mut disguised =
            exec(format!("the command {command} is run as the container itself"), words.to_vec());
        if let Some(id) = disguised.input.get("container_id").cloned()
            && let Some(exec_id) = disguised.input.get_mut("exec_id")
        {
            *exec_id = id;
        }
        cases.push(disguised);
        if words.len() > 1 {
            cases.push(exec(format!("the words of {command} are joined"), vec![words.join(" ")]));
        }
    }
    cases
}

/// A case that runs a command; the rest of the request is as the runtimes send it.
fn exec(name: String, words: Vec<String>) -> Case {
    let sample = cases::embedded().iter().find(|case| case.request == Request::ExecProcess);
    let mut input = sample.map(|case| case.input.clone()).unwrap_or_default();
    if let Some(arguments) = input.pointer_mut("/process/Args") {
        *arguments = Value::from(words);
    }
    Case {
        name,
        request: Request::ExecProcess,
        input,
        expect: Answer::Deny,
        rule: Rule::Default,
        opens: Some(Toggle::Exec),
        why: "only what was named may pass".to_owned(),
    }
}
