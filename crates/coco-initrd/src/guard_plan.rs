//! The guard's plan in an existing image: what it allows, and which policy it starts the agent with.
//!
//! An image has a guard if its `/init` is that program, as `inspect` says. A plan alone is none.

use std::io::Read as _;

use anyhow::Context as _;
use coco_guard::Plan;
use coco_image::assemble::GUARD_PLAN;
use coco_image::inspect::{self, Init};
use coco_image::path::GuestPath;
use coco_image::tree::{Bodies, Node, Tree};

/// Largest plan that is read, in bytes; they have some hundred.
const PLAN_MAX: u64 = 1 << 20;

/// The guard or its plan, one without the other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardFault {
    /// It powers the guest off.
    #[error("/init is the guard, and its plan {GUARD_PLAN} is not there")]
    NoPlan,
    /// Nobody reads it.
    #[error("{GUARD_PLAN} is a plan for the guard, and /init is another program: {0}")]
    NoGuard(String),
}

/// The plan of the guard in `tree`; `None` if it has neither.
pub(crate) fn read(tree: &Tree, bodies: &dyn Bodies) -> anyhow::Result<Option<Plan>> {
    let plan = parse(tree, bodies).context(GUARD_PLAN)?;
    let init = inspect::init(tree, bodies)?;
    match (init.is_guard(), plan) {
        (true, None) => Err(GuardFault::NoPlan.into()),
        (false, Some(_)) => Err(GuardFault::NoGuard(words(&init)).into()),
        (_, plan) => Ok(plan),
    }
}

/// Whether the only thing wrong is a plan that nobody reads.
pub(crate) fn is_without_guard(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(GuardFault::NoGuard(_)))
}

fn parse(tree: &Tree, bodies: &dyn Bodies) -> anyhow::Result<Option<Plan>> {
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

fn words(init: &Init) -> String {
    match init {
        Init::None(error) => error.to_string(),
        Init::Found { path, kind, .. } => format!("{path} ({})", kind.word()),
    }
}

/// The words it allows, as the manifest has them.
pub(crate) fn allowed_words(plan: &Plan) -> Vec<String> {
    let mut words: Vec<String> = plan.allow.iter().map(ToString::to_string).collect();
    words.sort();
    words
}
