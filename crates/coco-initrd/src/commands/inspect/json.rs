//! What `inspect --json` prints: keys are sorted and always there. `docs/inspect.md` has the shape.

use coco_image::inspect::{Agent, Init, InitKind};
use coco_image::path::GuestPath;
use serde_json::{Value, json};

use super::{Told, sizes};
use crate::commands::parity::way;

/// The whole answer.
pub(super) fn print(told: &Told<'_>) -> String {
    let found = told.found;
    let segments = found.segments.iter().map(|(segment, role)| {
        json!({
            "compression": segment.format.to_string(),
            "members": segment.members,
            "offset": segment.offset,
            "role": role.word(),
            "size": segment.size,
            "trailers": segment.trailers,
            "unpacked": segment.unpacked,
        })
    });
    let faults = found
        .faults
        .iter()
        .map(|fault| json!({"count": fault.count, "example": fault.example, "kind": fault.kind.word()}));
    let mut value = json!({
        "agent": found.agent.as_ref().map(agent),
        "faults": faults.collect::<Vec<Value>>(),
        "files": {"bytes": found.files.bytes, "kinds": found.files.kinds},
        "image": told.path,
        "init": init(&found.init),
        "needs": {
            "kernel": found.needs.options,
            "memory_mib": found.needs.memory_mib,
            "unpacked": found.needs.unpacked,
            "zstd_window": told.zstd_window,
        },
        "policy": policy(told),
        "segments": segments.collect::<Vec<Value>>(),
        "sha256": told.image.sha256,
        "size": told.image.size,
        "sizes": told.sizes.as_ref().map(sizes::json),
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}

fn agent(agent: &Agent) -> Value {
    json!({
        "features": agent.features,
        "kind": agent.kind.word(),
        "path": agent.path.as_str(),
        "version": agent.version,
    })
}

fn init(init: &Init) -> Value {
    let (path, kind, is_executable) = match init {
        Init::None(error) => {
            let problem = error.to_string();
            return json!({"executable": false, "kind": "none", "path": null, "plan": null,
                "problem": problem, "script": null});
        }
        Init::Found { path, kind, is_executable } => (path, kind, is_executable),
    };
    let plan = match kind {
        InitKind::Guard { has_plan } => Some(has_plan),
        _ => None,
    };
    let script = match kind {
        InitKind::Script(line) => Some(line),
        _ => None,
    };
    json!({
        "executable": is_executable,
        "kind": kind.word(),
        "path": path.as_str(),
        "plan": plan,
        "problem": null,
        "script": script,
    })
}

fn policy(told: &Told<'_>) -> Value {
    let policy = &told.found.policy;
    let effective = policy.effective.as_ref().ok();
    let decisions = told.decisions.as_ref().and_then(|decided| decided.as_ref().ok());
    let not_loaded = told.decisions.as_ref().and_then(|decided| decided.as_ref().err());
    let links = policy.links.iter().map(|link| json!({"path": link.path.as_str(), "target": link.target}));
    let overridden = policy.overridden.iter().map(|overridden| {
        json!({"by": overridden.by, "path": overridden.path.as_str(), "segment": overridden.segment})
    });
    json!({
        "decisions": decisions,
        "file": effective.map(|effective| effective.located.file.as_str()),
        "links": links.collect::<Vec<Value>>(),
        "not_loaded": not_loaded,
        "others": policy.others.iter().map(GuestPath::as_str).collect::<Vec<_>>(),
        "overridden": overridden.collect::<Vec<Value>>(),
        "override": effective.map(|effective| way(&effective.located.replacement)),
        "problem": policy.effective.as_ref().err().map(ToString::to_string),
        "sha256": effective.map(|effective| effective.sha256),
        "sha384": effective.map(|effective| effective.sha384),
    })
}
