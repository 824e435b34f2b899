//! What `host check` prints: a block for each runtime, one fact a line.

use std::fmt::Write as _;

use coco_image::host;
use coco_image::units::Runtime;

use super::Checked;
use crate::report::{one_line, plural};

/// All runtimes, with an empty line between them.
pub(super) fn print(checked: &[Checked]) -> String {
    checked.iter().map(runtime).collect::<Vec<_>>().join("\n")
}

fn runtime(checked: &Checked) -> String {
    let configuration = &checked.found.configuration;
    let mut text = String::new();
    let mut say = |name: &str, value: &str| {
        // A String takes any write.
        let _ = writeln!(text, "{name}: {}", one_line(value));
    };
    say("runtime", configuration.runtime().word());
    for (number, file) in configuration.files().iter().enumerate() {
        say(if number == 0 { "configuration" } else { "drop-in" }, file);
    }
    for key in ["initrd", "image", "kernel", "firmware"] {
        say(key, &asset(checked, key));
    }
    say("memory", &format!("{} MiB", configuration.memory_mib()));
    let initdata = match (configuration.is_annotation_enabled("cc_init_data"), configuration.runtime()) {
        (true, _) => "pods may bring it",
        (false, Runtime::Go) => "pods that bring it do not start",
        (false, Runtime::Rs) => "ignored",
    };
    say("initdata", initdata);
    let line = checked.command_line.as_deref().map(host::line);
    say("command line", line.as_deref().unwrap_or("not known: no initrd is booted"));
    for difference in &checked.differences {
        say("difference", &difference.to_string());
    }
    for finding in &checked.findings {
        let place = match &finding.file {
            Some(file) => format!("{file}: {}", finding.key),
            None => finding.key.clone(),
        };
        let name = format!("{} {}", finding.weight.word(), finding.name);
        say(&name, &format!("{place}: {}; {}", finding.what, finding.remedy));
    }
    say("result", &result(checked));
    text
}

fn asset(checked: &Checked, key: &str) -> String {
    match checked.asset(key) {
        None => "none".to_owned(),
        Some(asset) => match &asset.found {
            Some((sha256, size)) => format!("{}, {size} bytes, SHA-256 {sha256}", asset.path),
            None => format!("{}, not there", asset.path),
        },
    }
}

fn result(checked: &Checked) -> String {
    if checked.is_in_order() {
        return "in order".to_owned();
    }
    let counts = [(checked.differences.len(), "difference"), (checked.faults(), "fault")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, word)| plural(count, word)).collect::<Vec<_>>().join(", ")
}
