//! `coco-initrd initdata create`: files become a document.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use coco_initdata::{AA_TOML, Algorithm, CDH_TOML, Initdata, POLICY_REGO};
use coco_policy::Policy;
use coco_policy::check::{self, Agents, Code, Diagnostic, Level, Role};

use crate::args::initdata::CreateArgs;
use crate::commands::policy;
use crate::output::Output;
use crate::{Outcome, replace};

/// How many faults of a policy are shown; the first ones show what kind of policy it is.
const FINDINGS_SHOWN: usize = 10;

/// Makes a document and writes it.
pub(super) fn create(args: &CreateArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (mut algorithm, mut data) = match &args.merge {
        Some(path) => {
            let (_, existing) = crate::initdata::read(path)?;
            for key in existing.foreign_keys() {
                out.note(&format!(
                    "note: {} has key {key:?}, which no guest reads; it is kept",
                    path.display()
                ));
            }
            (existing.algorithm(), existing.data().clone())
        }
        None => (Algorithm::Sha256, BTreeMap::new()),
    };
    if let Some(word) = args.algorithm {
        algorithm = word.into();
    }
    for (key, path) in [(AA_TOML, &args.aa_toml), (CDH_TOML, &args.cdh_toml), (POLICY_REGO, &args.policy)] {
        if let Some(path) = path {
            data.insert(key.to_owned(), crate::initdata::text(path)?);
        }
    }
    let initdata = Initdata::new(algorithm, data)?;
    if let Some(text) = initdata.policy() {
        let path = args.policy.as_deref().unwrap_or(Path::new(POLICY_REGO));
        if !is_fit(&path.display().to_string(), text, out)? && !args.allow_permissive_policy {
            return Ok(Outcome::Wanting);
        }
    }
    let text = if args.annotation { initdata.annotation()? + "\n" } else { initdata.text().to_owned() };
    match &args.output {
        Some(output) => replace::file(output, text.as_bytes())?,
        None => out.data(&text)?,
    }
    out.note(&format!("{} {}", initdata.algorithm(), initdata.digest()));
    Ok(Outcome::Done)
}

/// Loads the policy as agents will, and says what is wrong with it as a pod's own; whether it may go out.
/// What it opens is no fault here: initdata is there to open something.
fn is_fit(name: &str, text: &str, out: &mut Output) -> anyhow::Result<bool> {
    let report = check::check(name, text.as_bytes(), Role::Override, Agents::All);
    if report.table.is_empty() {
        // No engine takes it, and the newest says why.
        Policy::parse(name, text.as_bytes()).context("the policy can't be loaded")?;
    }
    let is_shown = |diagnostic: &&Diagnostic| diagnostic.level > Level::Note || diagnostic.code == Code::Open;
    let findings = report.diagnostics.iter().filter(is_shown);
    let lines: Vec<String> = findings.map(|diagnostic| policy::line(name, diagnostic)).collect();
    for line in lines.iter().take(FINDINGS_SHOWN) {
        out.note(line);
    }
    if lines.len() > FINDINGS_SHOWN {
        out.note(&format!("and {} more", lines.len() - FINDINGS_SHOWN));
    }
    if report.has_errors() {
        let hint =
            "`coco-initrd policy check --role override` shows all; docs/policy-check.md says how to mend it";
        out.error(&format!("policy {name} is not fit for a pod"), Some(hint.to_owned()));
    }
    Ok(!report.has_errors())
}
