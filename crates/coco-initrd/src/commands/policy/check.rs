//! `coco-initrd policy check`: what every engine that agents ship makes of a policy.

use std::fmt::Write as _;

use coco_policy::check::{self, Agents, Diagnostic, Level, Report};
use coco_policy::{Engine, Verdict};
use serde_json::{Map, Value, json};

use crate::args::policy::{CheckArgs, RoleArg};
use crate::output::Output;
use crate::report::{one_line, plural};
use crate::{Outcome, profiles};

/// The document with a section for each code.
const DOCUMENT: &str = "docs/policy-check.md";

/// Checks a policy and prints the table of decisions and the findings.
pub(super) fn check(args: &CheckArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let policy = profiles::open_policy(&args.policy)?;
    let agents = args.agent_version.map_or(Agents::All, Agents::Only);
    let report = check::check(&policy.name, &policy.bytes, args.role.into(), agents);
    let text = if args.json {
        format!("{:#}\n", as_json(&policy.name, args.role, agents, &report))
    } else {
        table(agents, &report) + &findings(&policy.name, &report)
    };
    out.data(&text)?;
    out.note(&summary(&policy.name, &report));
    Ok(if report.has_errors() { Outcome::Wanting } else { Outcome::Done })
}

/// The findings of a policy, a line each, as compilers write them.
fn findings(name: &str, report: &Report) -> String {
    report.diagnostics.iter().map(|diagnostic| line(name, diagnostic) + "\n").collect()
}

/// One finding in one line.
pub(crate) fn line(name: &str, diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, level, place, message } = diagnostic;
    format!("{}:{}:{}: {level}: {} [{code}]", one_line(name), place.line, place.column, one_line(message))
}

/// What each engine decides about each request.
fn table(agents: Agents, report: &Report) -> String {
    if report.table.is_empty() {
        return String::new();
    }
    let mut text = format!("{:<38}", "request");
    for engine in agents.engines() {
        // A String takes any write.
        let _ = write!(text, "{engine:<15}");
    }
    text = text.trim_end().to_owned() + "\n";
    for (request, row) in &report.table {
        let mut line = format!("{request:<38}");
        for engine in agents.engines() {
            let _ = write!(line, "{:<15}", word(row.get(&engine)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text + "\n"
}

fn word(verdict: Option<&Verdict>) -> String {
    verdict.map_or("not loaded".to_owned(), ToString::to_string)
}

/// How many findings of which level, in one line.
fn summary(name: &str, report: &Report) -> String {
    let count = |level| report.diagnostics.iter().filter(|diagnostic| diagnostic.level == level).count();
    let [errors, warnings, notes] = [Level::Error, Level::Warning, Level::Note].map(count);
    let see = if report.diagnostics.is_empty() {
        String::new()
    } else {
        format!("; each word in brackets is in {DOCUMENT}")
    };
    let [errors, warnings, notes] =
        [plural(errors, "error"), plural(warnings, "warning"), plural(notes, "note")];
    format!("{}: {errors}, {warnings}, {notes}{see}", one_line(name))
}

fn as_json(name: &str, role: RoleArg, agents: Agents, report: &Report) -> Value {
    let engines: Vec<String> = agents.engines().iter().map(ToString::to_string).collect();
    let finding = |diagnostic: &Diagnostic| {
        json!({
            "code": diagnostic.code.name(),
            "column": diagnostic.place.column,
            "documentation": format!("{DOCUMENT}#{}", diagnostic.code),
            "level": diagnostic.level.to_string(),
            "line": diagnostic.place.line,
            "message": diagnostic.message,
        })
    };
    let mut decisions = Map::new();
    for (request, row) in &report.table {
        let verdicts = row.iter().map(|(engine, verdict): (&Engine, &Verdict)| {
            (engine.to_string(), Value::from(verdict.to_string()))
        });
        decisions.insert(request.name().to_owned(), Value::Object(verdicts.collect()));
    }
    let role = if role == RoleArg::Default { "default" } else { "override" };
    json!({
        "decisions": decisions,
        "engines": engines,
        "findings": report.diagnostics.iter().map(finding).collect::<Vec<_>>(),
        "policy": name,
        "role": role,
    })
}
