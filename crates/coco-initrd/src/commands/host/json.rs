//! What `host check --json` prints: keys are sorted and always there. `docs/host-check.md` has the shape.

use coco_image::host::review::Finding;
use coco_image::host::{self, Word};
use serde_json::{Value, json};

use super::{Asset, Checked};

/// The whole answer.
pub(super) fn print(checked: &[Checked]) -> String {
    let mut value = json!({
        "in_order": checked.iter().all(Checked::is_in_order),
        "runtimes": checked.iter().map(runtime).collect::<Vec<_>>(),
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}

fn runtime(checked: &Checked) -> Value {
    let configuration = &checked.found.configuration;
    let effective = configuration
        .effective()
        .into_iter()
        .map(|effective| json!({"file": effective.file, "key": effective.key, "value": effective.value}));
    let differences = checked.differences.iter().map(ToString::to_string);
    json!({
        "assets": {
            "firmware": checked.asset("firmware").map(asset),
            "image": checked.asset("image").map(asset),
            "initrd": checked.asset("initrd").map(asset),
            "kernel": checked.asset("kernel").map(asset),
        },
        "command_line": checked.command_line.as_deref().map(command_line),
        "differences": differences.collect::<Vec<_>>(),
        "effective": effective.collect::<Vec<_>>(),
        "files": configuration.files(),
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
        "in_order": checked.is_in_order(),
        "initdata_enabled": configuration.is_annotation_enabled("cc_init_data"),
        "memory_mib": configuration.memory_mib(),
        "runtime": checked.runtime().word(),
    })
}

fn asset(asset: &Asset) -> Value {
    json!({
        "path": asset.path,
        "sha256": asset.found.map(|(sha256, _)| sha256),
        "size": asset.found.map(|(_, size)| size),
    })
}

fn command_line(words: &[Word]) -> Value {
    let per_host = words.iter().filter_map(|word| match word {
        Word::PerHost(name, _) => Some(*name),
        Word::Exact(_) => None,
    });
    json!({"line": host::line(words), "per_host": per_host.collect::<Vec<_>>()})
}

fn finding(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "key": finding.key,
        "name": finding.name,
        "remedy": finding.remedy,
        "weight": finding.weight.word(),
        "what": finding.what,
    })
}
