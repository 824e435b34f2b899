//! `coco-initrd policy test`: a policy against a directory of cases, under every engine.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use coco_policy::cases::{self, Case};
use coco_policy::{Engine, Finding, Policy};
use fs_err as fs;
use serde_json::json;

use crate::args::policy::TestArgs;
use crate::output::Output;
use crate::report::plural;
use crate::{Outcome, profiles};

/// The longest case file, in bytes.
const CASES_MAX: u64 = 4 << 20;

/// A directory that can't be taken for one of cases.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseDirectory {
    /// Something else than a case file is in it; a misspelt name would be a case that is never asked.
    #[error("{0} is not a case file: expected a file with the extension .toml")]
    NotCases(String),
    /// More than anybody writes; reading takes many times as much memory.
    #[error("{0} is too large: expected at most {CASES_MAX} bytes")]
    TooLarge(String),
    /// Nothing to ask.
    #[error("{0} has no case file")]
    Empty(String),
}

/// Asks all cases and prints those that come out differently.
pub(super) fn test(args: &TestArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let cases = read(&args.directory)?;
    let policy = profiles::open_policy(&args.policy)?;
    let mut wrong: Vec<(Engine, Finding)> = Vec::new();
    for engine in Engine::ALL {
        let loaded = Policy::parse_for(engine, &policy.name, &policy.bytes);
        let loaded = loaded.with_context(|| format!("the policy can't be loaded by {engine}"))?;
        wrong.extend(loaded.test(&cases).into_iter().map(|finding| (engine, finding)));
    }
    let text: String = if args.json {
        let finding = |(engine, finding): &(Engine, Finding)| {
            json!({
                "case": finding.case,
                "engine": engine.to_string(),
                "expected": finding.expected.to_string(),
                "got": finding.got.to_string(),
                "request": finding.request.name(),
                "why": finding.why,
            })
        };
        let findings: Vec<_> = wrong.iter().map(finding).collect();
        format!("{:#}\n", json!({"cases": cases.len(), "policy": policy.name, "wrong": findings}))
    } else {
        wrong.iter().map(|(engine, finding)| format!("{engine}: {finding}\n")).collect::<Vec<_>>().concat()
    };
    out.data(&text)?;
    let [cases, engines, wrong_answers] = [
        plural(cases.len(), "case"),
        plural(Engine::ALL.len(), "engine"),
        plural(wrong.len(), "wrong answer"),
    ];
    out.note(&format!("{}: {cases}, {engines}, {wrong_answers}", policy.name));
    Ok(if wrong.is_empty() { Outcome::Done } else { Outcome::Wanting })
}

/// The cases of all files of a directory, in the order of the files' names.
fn read(directory: &Path) -> anyhow::Result<Vec<Case>> {
    let mut paths = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let mut cases = Vec::new();
    for path in &paths {
        let name = path.display().to_string();
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(CaseDirectory::NotCases(name).into());
        }
        let mut text = String::new();
        fs::File::open(path)?.take(CASES_MAX.saturating_add(1)).read_to_string(&mut text)?;
        if u64::try_from(text.len())? > CASES_MAX {
            return Err(CaseDirectory::TooLarge(name).into());
        }
        cases.extend(cases::parse(&name, &text)?);
    }
    if cases.is_empty() {
        return Err(CaseDirectory::Empty(directory.display().to_string()).into());
    }
    Ok(cases)
}
