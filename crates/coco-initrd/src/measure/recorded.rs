//! Predictions in a manifest against the rest of it: what follows without kernel and firmware, and no more.

use coco_image::manifest::{InitDataRecord, LaunchRecord, Manifest, MeasurementsRecord, PlatformRecord};
use coco_image::verify::Difference;
use coco_measure::command_line::CommandLine;
use coco_measure::digest::Sha384;
use coco_measure::event::{Measured, Register, replay};

use super::init_data;

/// Where the predictions contradict the image, the command lines or each other.
pub(crate) fn differences(manifest: &Manifest) -> Vec<Difference> {
    let Some(record) = &manifest.measurements else { return Vec::new() };
    let mut found = Vec::new();
    let image = &manifest.image;
    let of_image = format!("{} bytes, {}, {}", image.size, image.sha256, image.sha384);
    let measured = record.initrd.as_ref();
    let measured = measured.map(|it| format!("{} bytes, {}, {}", it.size, it.sha256, it.sha384));
    compare(&mut found, "initrd", "image", (measured, Some(of_image)));
    for (runtime, line) in &manifest.command_lines {
        let name = runtime.to_string();
        let launch = record.launches.get(&name).map(|launch| launch.command_line.clone());
        compare(&mut found, &format!("launches.{name}"), "command line", (launch, Some(line.line.clone())));
    }
    for (name, launch) in &record.launches {
        let path = format!("launches.{name}");
        if !manifest.command_lines.keys().any(|runtime| runtime.to_string() == *name) {
            compare(&mut found, &path, "command line", (Some(launch.command_line.clone()), None));
        }
        for (what, got, expected) in chain(record, launch) {
            compare(&mut found, &path, what, (got, expected));
        }
    }
    // A build approves no document: it knows none.
    let values = |document: &InitDataRecord| {
        let values = document.values.iter().map(|it| format!("{} {}", it.name, it.value));
        values.collect::<Vec<_>>().join(", ")
    };
    let documents = |records: &[InitDataRecord]| {
        let text = |document: &InitDataRecord| format!("{}: {}", document.name, values(document));
        Some(records.iter().map(text).collect::<Vec<_>>().join("; "))
    };
    compare(&mut found, "init_data", "values", (documents(&record.init_data), documents(&init_data(&[]))));
    found
}

/// What it is about, what is recorded, and what follows from the rest.
type Fact = (&'static str, Option<String>, Option<String>);

/// Each value of TDX that its events decide, and each event that command line and initrd decide. SNP's digest has no events, and MRTD follows from the firmware alone.
fn chain(record: &MeasurementsRecord, launch: &LaunchRecord) -> Vec<Fact> {
    let PlatformRecord::Tdx(host) = &record.platform else { return Vec::new() };
    let value = |name: &str| launch.values.iter().find(|it| it.name == name).map(|it| it.value.clone());
    let event = |measured: Measured| {
        let event = launch.events.iter().find(|event| event.measured == measured.to_string());
        event.map(|event| event.digest.to_string())
    };
    let replayed = |register: Register| {
        let events = launch.events.iter().filter(|event| event.register == register.to_string());
        let digests: Vec<Sha384> = events.map(|event| Sha384::from(*event.digest.as_bytes())).collect();
        Some(replay(&digests).to_string())
    };
    let options = launch.command_line.parse().ok().and_then(|line: CommandLine| {
        let argument = record.initrd.as_ref().map(|_| host.initrd_argument.parse()).transpose();
        argument.ok().map(|argument| line.load_options_digest(argument).to_string())
    });
    let initrd = record.initrd.as_ref().map(|initrd| initrd.sha384.to_string());
    vec![
        ("rtmr_1", value("rtmr_1"), replayed(Register::Rtmr1)),
        ("rtmr_2", value("rtmr_2"), replayed(Register::Rtmr2)),
        ("tdvfkernel", value("tdvfkernel"), event(Measured::Kernel)),
        ("tdvfkernelparams", value("tdvfkernelparams"), event(Measured::LoadOptions)),
        ("event load-options", event(Measured::LoadOptions), options),
        ("event initrd", event(Measured::Initrd), initrd),
    ]
}

fn compare(
    found: &mut Vec<Difference>,
    place: &str,
    what: &'static str,
    (got, expected): (Option<String>, Option<String>),
) {
    if got != expected {
        let word = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        let (path, got, expected) = (format!("measurements.{place}"), word(got), word(expected));
        found.push(Difference { path, what, got, expected });
    }
}
