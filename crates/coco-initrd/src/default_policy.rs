//! A policy as the default of an image: loaded, checked and evaluated as every agent will.
//!
//! What a build, a customized image and a verification say about a policy is found here, once.

use std::fmt::Write as _;

use anyhow::Context as _;
use coco_policy::Engine;
use coco_policy::check::{self, Agents, Level, Role, Row};

use crate::output::Output;
use crate::produce::Policy;

/// How many faults of a policy are shown; the first ones show what kind of policy it is.
const FINDINGS_SHOWN: usize = 10;

/// What becomes of a policy that is not fit for a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permissive {
    /// It is refused.
    Refused,
    /// It is taken, and the manifest says so.
    Allowed,
}

impl Permissive {
    /// As the option says.
    pub(crate) fn new(allow_permissive_policy: bool) -> Self {
        if allow_permissive_policy { Self::Allowed } else { Self::Refused }
    }
}

/// Loads and evaluates the policy `bytes`; `kind` is where it comes from.
pub(crate) fn evaluate(name: String, bytes: Vec<u8>, kind: &'static str) -> anyhow::Result<Policy> {
    coco_policy::Policy::parse(&name, &bytes).context("the policy can't be loaded")?;
    let report = check::check(&name, &bytes, Role::Default, Agents::All);
    let faults = report.diagnostics.iter().filter(|found| found.level == Level::Error);
    let findings: Vec<String> = faults
        .map(|found| format!("line {}: {} [{}]", found.place.line, found.message, found.code))
        .collect();
    let newest = |row: &Row| row.get(&Engine::Regorus09).map(ToString::to_string);
    let decisions =
        report.table.iter().filter_map(|(request, row)| Some((request.name().to_owned(), newest(row)?)));
    Ok(Policy { name, bytes, kind, decisions: decisions.collect(), findings })
}

/// Whether `policy` may be packed; what is wrong has been said.
pub(crate) fn may_be_packed(policy: &Policy, permissive: Permissive, out: &mut Output) -> bool {
    let Policy { name, findings, .. } = policy;
    if findings.is_empty() || permissive == Permissive::Allowed {
        return true;
    }
    let mut message = format!("policy {name} is not fit for a default");
    for finding in findings.iter().take(FINDINGS_SHOWN) {
        // A String takes any write.
        let _ = write!(message, "\n  {finding}");
    }
    if findings.len() > FINDINGS_SHOWN {
        let _ = write!(message, "\n  and {} more", findings.len() - FINDINGS_SHOWN);
    }
    let hint = "mend the policy, or give --allow-permissive-policy and the manifest will say so";
    out.error(&message, Some(hint.to_owned()));
    false
}
