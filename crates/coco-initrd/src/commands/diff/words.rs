//! The differences as lines for a person. What is told is decided in [`diff`](super).

use std::fmt::Write as _;

use coco_image::comparison::{Change, Fact, Packing};
use coco_image::manifest::Moved;

use super::{Found, Image};
use crate::report::{one_line, plural};

/// All of it.
pub(super) fn words(found: &Found) -> String {
    if found.is_same() {
        return "the same bytes\n".to_owned();
    }
    let comparison = &found.comparison;
    let mut text = String::new();
    for path in &comparison.removed {
        line(&mut text, &format!("- {path}"));
    }
    for path in &comparison.added {
        line(&mut text, &format!("+ {path}"));
    }
    for (change, contents) in comparison.changed.iter().zip(&found.contents) {
        line(&mut text, &format!("~ {}", change.path));
        for fact in facts(change) {
            line(&mut text, &format!("  {fact}"));
        }
        text.push_str(&contents.as_ref().map(super::Contents::words).unwrap_or_default());
    }
    text.push_str(&found.policies.as_ref().map(super::Policies::words).unwrap_or_default());
    if found.is_same_image() {
        line(&mut text, "the same bytes");
        predicted(&mut text, found);
        return text;
    }
    if comparison.is_same_tree() {
        line(&mut text, "the same files, packed differently");
    }
    for packing in &comparison.packing {
        line(&mut text, &format!("packing: {}", packing_words(packing)));
    }
    if comparison.is_same_tree() && comparison.packing.is_empty() {
        line(&mut text, "packing: members are the same: the compressor, or zeros between segments");
    }
    for (what, changes, why) in measurements(&found.images) {
        line(&mut text, &format!("measured: {what} {}: {why}", if changes { "changes" } else { "stays" }));
    }
    predicted(&mut text, found);
    text
}

/// What moved between the predictions of two manifests; several numbers of vCPUs are one line.
fn predicted(text: &mut String, found: &Found) {
    let mut last = String::new();
    for Moved { launch, name, from, to, because, .. } in found.moved.iter().flatten() {
        let place = if launch.is_empty() { String::new() } else { format!("{launch}: ") };
        let how = match (from, to) {
            (None, _) => "is new".to_owned(),
            (_, None) => "is gone".to_owned(),
            _ => format!("moves by {}", because.join(", ")),
        };
        let words = format!("predicted: {place}{name} {how}");
        if words != last {
            line(text, &words);
        }
        last = words;
    }
}

fn line(text: &mut String, words: &str) {
    // A String takes any write.
    let _ = writeln!(text, "{}", one_line(words));
}

fn facts(change: &Change) -> Vec<String> {
    let fact = |fact: &Fact| match fact {
        Fact::Kind(from, to) => format!("type {from} -> {to}"),
        Fact::Mode(from, to) => format!("mode {from} -> {to}"),
        Fact::Target(from, to) => format!("target {from} -> {to}"),
        Fact::FirstName(from, to) => format!("first name {from} -> {to}"),
        Fact::Device(from, to) => format!("device {from} -> {to}"),
        Fact::Content(from, to) => {
            format!("{} -> {} bytes, SHA-256 {} -> {}", from.0, to.0, from.1, to.1)
        }
    };
    change.facts.iter().map(fact).collect()
}

fn packing_words(packing: &Packing) -> String {
    match packing {
        Packing::Segments(from, to) => format!("segments {from} -> {to}"),
        Packing::Order(path) => format!("another order of members, from {path} on"),
        Packing::Replaced(path) => format!("members that later ones replace, such as {path}"),
        Packing::Field { name, members, path, values: (from, to) } => {
            format!("{name} of {}, such as {path}: {from} -> {to}", plural(*members, "member"))
        }
    }
}

/// Each value that attestation shows, whether another image changes it, and why.
///
/// SEV-SNP: the hash table that OVMF is given (QEMU `target/i386/sev.c`). TDX: the event that the kernel's EFI stub
/// logs for an initrd; QEMU's patch of the kernel's header has the initrd's size in it.
pub(super) fn measurements(images: &[Image; 2]) -> Vec<(&'static str, bool, String)> {
    let [a, b] = images;
    let has_changed = a != b;
    let patched = if a.size == b.size {
        "the image has the same size".to_owned()
    } else {
        format!(
            "unless QEMU patches the kernel's header, which has the image's size: {} -> {}",
            a.size, b.size
        )
    };
    vec![
        (
            "SEV-SNP launch digest",
            has_changed,
            format!("it has the image's SHA-256 in it: {} -> {}", a.sha256, b.sha256),
        ),
        (
            "TDX RTMR2",
            has_changed,
            format!("its event `Linux initrd` is the image's SHA-384: {} -> {}", a.sha384, b.sha384),
        ),
        ("TDX RTMR1", false, patched),
        ("TDX MRTD", false, "it is of the firmware".to_owned()),
        ("HOSTDATA, MRCONFIGID", false, "they are of the initdata".to_owned()),
    ]
}
