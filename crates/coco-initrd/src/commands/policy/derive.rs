//! `coco-initrd policy derive`: a whole policy that opens something and decides all else as the default does.

use std::fmt::Write as _;

use coco_policy::check::{self, Agents, Diagnostic, Level, Role};
use coco_policy::{Change, DEFAULT_RESTRICTIVE, Decision, DeriveError, Derived, Policy, Request, diff};

use crate::args::policy::{DeriveArgs, OpeningArgs};
use crate::output::Output;
use crate::{Outcome, profiles, replace};

/// A derived policy that is not fit to be one. Its text is not on the disk, so its lines are not told.
#[derive(Debug, thiserror::Error)]
#[error("what is derived from policy {base} is not fit for a pod: {fault}")]
pub(crate) struct Unfit {
    base: String,
    fault: String,
}

/// A default that can't be derived from.
#[derive(Debug, thiserror::Error)]
#[error("nothing can be derived from policy {base}")]
pub(crate) struct NotDerived {
    base: String,
    #[source]
    source: DeriveError,
}

/// Derives a policy and writes it; says what changed.
pub(super) fn derive(args: &DeriveArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let derived = derived(&args.opening)?;
    match &args.output {
        Some(output) => replace::file(output, derived.text.as_bytes())?,
        None => out.data(&derived.text)?,
    }
    out.note(changes(&derived).trim_end());
    Ok(Outcome::Done)
}

/// The policy that was asked for, loaded, tested and checked under every engine.
pub(crate) fn derived(args: &OpeningArgs) -> anyhow::Result<Derived> {
    let base = profiles::open_policy(&args.base)?;
    // The text of a default that is no text is refused with its place when it is loaded.
    coco_policy::Policy::parse(&base.name, &base.bytes)?;
    let derived = coco_policy::derive(&base.name, &base.text(), &args.opening())
        .map_err(|source| NotDerived { base: base.name.clone(), source })?;
    let report = check::check("derived.rego", derived.text.as_bytes(), Role::Override, Agents::All);
    match report.diagnostics.into_iter().find(|diagnostic| diagnostic.level == Level::Error) {
        Some(Diagnostic { code, message, .. }) => {
            Err(Unfit { base: base.name, fault: format!("{message} [{code}]") }.into())
        }
        None => Ok(derived),
    }
}

/// What the base lets pass besides, where the built-in default does not: the names of requests.
pub(crate) fn opened_by_base(args: &OpeningArgs, derived: &Derived) -> anyhow::Result<Vec<&'static str>> {
    let default = Policy::parse("default-restrictive.rego", DEFAULT_RESTRICTIVE.as_bytes())?;
    let base = profiles::open_policy(&args.base)?;
    let changes = diff(&default, &Policy::parse(&base.name, &base.bytes)?);
    let opens = |change: &&Change| change.cases.iter().any(|shift| shift.to == Decision::Allow);
    let is_new = |request: &Request| !derived.changes.iter().any(|change| change.request == *request);
    let opened = changes.iter().filter(opens).map(|change| change.request);
    Ok(opened.filter(is_new).map(Request::name).collect())
}

/// What is decided otherwise than by the base, in words.
pub(crate) fn changes(derived: &Derived) -> String {
    let mut text = String::from("opened, compared with the base:\n");
    for line in super::diff::lines(&derived.changes).lines() {
        // A String takes any write.
        let _ = writeln!(text, "  {line}");
    }
    text
}
