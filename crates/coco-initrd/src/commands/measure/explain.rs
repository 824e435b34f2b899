//! What each value depends on, what registers are extended with, and what moved since an earlier prediction.

use std::fmt::Write as _;

use coco_image::manifest::{LaunchRecord, MeasurementsRecord, Moved, moved};

use super::table::{head, value_name};

/// The explanation; with `since`, of what has moved since then as well.
pub(super) fn text(record: &MeasurementsRecord, since: Option<&MeasurementsRecord>) -> String {
    let mut text = head(record);
    for (name, launch) in &record.launches {
        let _ = writeln!(text, "\nlaunch      {name}");
        explain(&mut text, launch);
    }
    if let Some(since) = since {
        let moved = moved(since, record);
        let _ = writeln!(text, "\nmoved");
        if moved.is_empty() {
            let _ = writeln!(text, "  nothing");
        }
        text.push_str(&lines(&moved));
    }
    text
}

/// One line a value that moved; numbers of vCPUs that moved by the same inputs are one.
fn lines(moved: &[Moved]) -> String {
    let line = |it: &Moved| {
        let place = if it.launch.is_empty() { String::new() } else { format!("{} ", it.launch) };
        let because = match (&it.from, &it.to) {
            (None, _) => "new".to_owned(),
            (_, None) => "gone".to_owned(),
            _ => format!("by {}", it.because.join(", ")),
        };
        format!("  {place}{}: {because}\n", it.name)
    };
    let mut lines: Vec<String> = moved.iter().map(line).collect();
    lines.dedup();
    lines.concat()
}

fn explain(text: &mut String, launch: &LaunchRecord) {
    let mut last: Option<(&str, &[String])> = None;
    for value in &launch.values {
        if value.vcpus.is_some() && last == Some((value.name.as_str(), value.inputs.as_slice())) {
            continue; // the same for every number of vCPUs
        }
        last = Some((&value.name, &value.inputs));
        let name = if value.vcpus.is_some() { value.name.clone() } else { value_name(value) };
        let _ = writeln!(text, "  {name}: {}, {}", value.certainty, value.reason);
        let _ = writeln!(text, "    depends on {}", value.inputs.join(", "));
        for (index, event) in launch.events.iter().filter(|event| event.register == value.name).enumerate() {
            let from = match event.inputs.as_slice() {
                [] => "the same in every guest".to_owned(),
                inputs => inputs.join(", "),
            };
            let _ = writeln!(text, "    {index} {:<30} {}  {from}", event.measured, event.digest);
        }
    }
}
