//! `coco-initrd policy`: what policies say and what they do to pods. Each subcommand has a file of its own.

mod check;
pub(crate) mod derive;
mod diff;
mod explain;
mod lint_pod;
mod test;

pub(crate) use check::line;
pub(crate) use derive::Unfit;
pub(crate) use diff::lines as diff_lines;
pub(crate) use test::CaseDirectory;

use crate::Outcome;
use crate::args::policy::{PolicyArgs, PolicyCommand};
use crate::output::Output;

/// Runs the subcommand.
pub(crate) fn policy(args: &PolicyArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        PolicyCommand::Check(args) => check::check(args, out),
        PolicyCommand::Test(args) => test::test(args, out),
        PolicyCommand::Explain(args) => explain::explain(args, out),
        PolicyCommand::Diff(args) => diff::diff(args, out),
        PolicyCommand::Derive(args) => derive::derive(args, out),
        PolicyCommand::LintPod(args) => lint_pod::lint_pod(args, out),
    }
}
