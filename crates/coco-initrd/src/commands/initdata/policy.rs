//! The policy in initdata: loaded as the agent will, and compared with what the agent has without it.

use std::collections::BTreeMap;

use coco_policy::{Change, DEFAULT_RESTRICTIVE, Policy, PolicyError, Request, Verdict, diff};

/// A policy's decisions, and the requests it decides otherwise than the built-in default.
pub(super) struct Judged {
    pub(super) decisions: BTreeMap<Request, Verdict>,
    pub(super) changes: Vec<Change>,
}

/// Loads and judges a policy. `name` is only for messages.
pub(super) fn judge(name: &str, text: &str) -> Result<Judged, PolicyError> {
    let policy = Policy::parse(name, text.as_bytes())?;
    let default = Policy::parse("default-restrictive.rego", DEFAULT_RESTRICTIVE.as_bytes())?;
    Ok(Judged { decisions: policy.decisions(), changes: diff(&default, &policy) })
}
