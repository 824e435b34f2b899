//! The guard's plan in an existing image: what it allows, and which policy it starts the agent with.

use std::io::Read as _;

use coco_guard::Plan;
use coco_image::assemble::GUARD_PLAN;
use coco_image::path::GuestPath;
use coco_image::tree::{Bodies, Node, Tree};

/// Largest plan that is read, in bytes; they have some hundred.
const PLAN_MAX: u64 = 1 << 20;

/// The plan in `tree`; `None` if there is none.
pub(crate) fn read(tree: &Tree, bodies: &dyn Bodies) -> anyhow::Result<Option<Plan>> {
    let path: GuestPath = GUARD_PLAN.parse()?;
    let Ok(entry) = tree.lookup(&path) else { return Ok(None) };
    let Node::File(_, body) = &entry.node else {
        anyhow::bail!("it is a {}, expected a file", entry.node.kind());
    };
    if body.len() > PLAN_MAX {
        anyhow::bail!("it has {} bytes, over the {PLAN_MAX} that a plan may have", body.len());
    }
    let mut text = String::new();
    body.open(bodies)?.read_to_string(&mut text)?;
    Ok(Some(Plan::parse(&text)?))
}

/// The words it allows, as the manifest has them.
pub(crate) fn allowed_words(plan: &Plan) -> Vec<String> {
    let mut words: Vec<String> = plan.allow.iter().map(ToString::to_string).collect();
    words.sort();
    words
}
