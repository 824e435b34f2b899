//! `coco-initrd policy diff`: the requests that two policies decide differently.

use std::fmt::Write as _;

use anyhow::Context as _;
use coco_policy::{Change, Policy};
use serde_json::json;

use crate::args::policy::DiffArgs;
use crate::output::Output;
use crate::profiles::PolicyText;
use crate::{Outcome, profiles};

/// Prints what differs. That something does is the outcome.
pub(super) fn diff(args: &DiffArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let [from, to] = [profiles::open_policy(&args.from)?, profiles::open_policy(&args.to)?];
    let load = |policy: &PolicyText| {
        Policy::parse(&policy.name, &policy.bytes).context("the policy can't be loaded")
    };
    let changes = coco_policy::diff(&load(&from)?, &load(&to)?);
    let text = if args.json { format!("{:#}\n", json!(changes)) } else { lines(&changes) };
    out.data(&text)?;
    out.note(&match changes.len() {
        0 if from.bytes == to.bytes => "the two are the same text".to_owned(),
        // Samples are samples: a rule may look at what none of them has.
        0 => "the two decide every sample request alike; their texts differ".to_owned(),
        many => format!("{} decided differently", are(many)),
    });
    Ok(if changes.is_empty() { Outcome::Done } else { Outcome::Wanting })
}

fn are(requests: usize) -> String {
    if requests == 1 { "1 request is".to_owned() } else { format!("{requests} requests are") }
}

/// Each request with the cases that show the change.
pub(crate) fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { request, from, to, cases } in changes {
        // A String takes any write.
        let _ = writeln!(text, "{request}: {from} -> {to}");
        for shift in cases {
            let _ = writeln!(text, "  {} -> {}: {}", shift.from, shift.to, shift.case);
        }
    }
    text
}
