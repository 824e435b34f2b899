//! Predictions as a table for people: all values, how sure each is, and what is not among them.

use std::fmt::Write as _;

use coco_image::manifest::{MeasurementsRecord, PlatformRecord, ValueRecord};

/// The whole table.
pub(super) fn text(record: &MeasurementsRecord) -> String {
    let mut text = head(record);
    for (name, launch) in &record.launches {
        let _ = writeln!(text, "\nlaunch      {name}");
        let _ = writeln!(text, "cmdline     {}", launch.command_line);
        text.push_str(&lines(&launch.values));
    }
    for document in &record.init_data {
        let _ = writeln!(text, "\ninitdata    {}", document.name);
        text.push_str(&lines(&document.values));
    }
    let _ = writeln!(text, "\ncollect-on-host");
    for (name, why) in &record.collect_on_host {
        let _ = writeln!(text, "  {name}: {why}");
    }
    text
}

/// What was measured, and what was taken for granted.
pub(super) fn head(record: &MeasurementsRecord) -> String {
    let mut text = format!("tee         {}\n", record.platform.tee());
    let _ = writeln!(text, "firmware    {}", record.firmware.sha256);
    let _ = writeln!(text, "kernel      {}", record.kernel.sha256);
    let initrd = record.initrd.as_ref().map_or_else(|| "none".to_owned(), |it| it.sha256.to_string());
    let _ = writeln!(text, "initrd      {initrd}");
    let _ = match &record.platform {
        PlatformRecord::Snp(host) => {
            writeln!(text, "host        vCPUs {}, guest features {}", host.vcpu_type, host.guest_features)
        }
        PlatformRecord::Tdx(host) => {
            let memory = host.memory_mib.map(|mib| format!(" for {mib} MiB")).unwrap_or_default();
            writeln!(
                text,
                "host        initrd=initrd as {}, kernel patch {}{memory}, pages added {}",
                host.initrd_argument, host.kernel_patch, host.mrtd_order
            )
        }
    };
    text
}

/// The value's name, with the number of vCPUs it is for.
pub(super) fn value_name(value: &ValueRecord) -> String {
    match value.vcpus {
        None => value.name.clone(),
        Some(vcpus) => format!("{} {vcpus}", value.name),
    }
}

fn lines(values: &[ValueRecord]) -> String {
    let line = |value: &ValueRecord| {
        format!("  {:<28} {:<20} {}\n", value_name(value), value.certainty, value.value)
    };
    values.iter().map(line).collect()
}
