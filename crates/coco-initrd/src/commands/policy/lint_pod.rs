//! `coco-initrd policy lint-pod`: says what of a pod does not work under the default policy.

use coco_pod::PodFile;
use coco_pod::lint::{self, Finding, Level};
use serde_json::json;

use crate::args::policy::LintPodArgs;
use crate::output::Output;
use crate::report::{one_line, plural};
use crate::{Outcome, pods};

/// Prints the findings of all workloads of a file. Errors among them are the outcome.
pub(crate) fn lint_pod(args: &LintPodArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (name, file) = pods::read(&args.file)?;
    let mut findings = Vec::new();
    for workload in file.workloads() {
        findings.extend(lint::lint(&file, workload)?);
    }
    let text = if args.json {
        format!("{:#}\n", json!(findings))
    } else {
        findings.iter().map(|finding| block(&name, finding)).collect()
    };
    out.note(&summary(&file, &findings));
    out.data(&text)?;
    let is_wanting = findings.iter().any(|finding| finding.level == Level::Error);
    Ok(if is_wanting { Outcome::Wanting } else { Outcome::Done })
}

fn block(name: &str, finding: &Finding) -> String {
    let Finding { code, line, column, workload, place, what, advice, allow, .. } = finding;
    let [name, workload, place, what] = [name, workload, place, what].map(one_line);
    let (level, word) = (finding.level.word(), finding.name);
    let allow = allow.as_ref().map(|option| format!("  or allow it: {option}\n")).unwrap_or_default();
    format!(
        "{name}:{line}:{column}: {level} {code:?} {word}: {workload}: {place}\n  {what}\n  do: {advice}\n{allow}  \
         see: {}\n",
        code.anchor()
    )
}

/// How many of what, in one line.
fn summary(file: &PodFile, findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    format!(
        "{}: {}, {}, {}",
        plural(file.workloads().len(), "workload"),
        plural(count(Level::Error), "error"),
        plural(count(Level::Warning), "warning"),
        plural(count(Level::Note), "note"),
    )
}
