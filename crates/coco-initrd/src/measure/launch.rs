//! The values of one launch, each with how sure it is, why, and what it depends on.

use coco_image::manifest::{Certainty, EventRecord, LaunchRecord, MeasuredInitrdRecord, ValueRecord};
use coco_measure::command_line::{CommandLine, InitrdArgument};
use coco_measure::digest::{Sha256, Sha384};
use coco_measure::event::{Event, Measured, Register};
use coco_measure::firmware::Firmware;
use coco_measure::kernel::{HeaderPatch, Kernel, MeasuredKernel, QemuPatch};
use coco_measure::snp::{self, DirectBoot};
use coco_measure::tdx::{self, InitrdEvent, Separator, TdxInitrd, TdxLaunch};

use super::Artefact;
use super::platform::{Patch, SnpPlatform, TdxPlatform, order_name};

/// What is measured, command line apart.
pub(super) struct Parts<'a> {
    pub(super) firmware: (&'a Artefact, Firmware<'a>),
    pub(super) kernel: (&'a Artefact, Kernel<'a>),
    pub(super) initrd: Option<&'a MeasuredInitrdRecord>,
}

/// SEV-SNP: a launch digest for each number of vCPUs.
pub(super) fn snp(parts: &Parts<'_>, host: &SnpPlatform, line: &str) -> anyhow::Result<LaunchRecord> {
    let (kernel_file, kernel) = &parts.kernel;
    let command_line: CommandLine = line.parse()?;
    kernel.check(&command_line, None)?;
    let boot = DirectBoot {
        kernel: Sha256::from(*kernel_file.record.sha256.as_bytes()),
        initrd: parts.initrd.map(|initrd| Sha256::from(*initrd.sha256.as_bytes())),
        command_line,
    };
    let launch =
        snp::Launch { kernel: Some(boot), vcpu_type: host.vcpu_type, guest_features: host.guest_features };
    let inputs = names(&launch.inputs());
    let reason = format!(
        "for guests with kernel hashes, of hosts that turn on features {} (Linux 6.10 and later set up vCPUs like this)",
        host.guest_features
    );
    let (firmware_file, firmware) = &parts.firmware;
    let digests = firmware_file.name(snp::launch_digests(firmware, &launch, host.vcpus))?;
    let value = |(vcpus, digest): (u16, Sha384)| ValueRecord {
        name: "snp_launch_measurement".to_owned(),
        vcpus: Some(vcpus),
        value: digest.to_string(),
        certainty: Certainty::Computed,
        reason: reason.clone(),
        inputs: inputs.clone(),
    };
    let values = digests.into_iter().map(value).collect();
    Ok(LaunchRecord { command_line: line.to_owned(), values, events: Vec::new() })
}

/// What all launches of a TD share, so that firmware and kernel are hashed once for all command lines.
pub(super) struct Shared {
    mrtd: Sha384,
    kernel: SharedKernel,
}

enum SharedKernel {
    /// Measured as the file is.
    AsItIs(MeasuredKernel),
    /// QEMU patches it, and refuses a command line that would go into its header as well.
    Patched {
        /// The guest's memory.
        memory_mib: u32,
    },
}

impl Shared {
    pub(super) fn new(parts: &Parts<'_>, host: &TdxPlatform) -> anyhow::Result<Self> {
        let (firmware_file, firmware) = &parts.firmware;
        let (kernel_file, kernel) = &parts.kernel;
        let kernel = match host.patch {
            Patch::None => SharedKernel::AsItIs(kernel_file.name(kernel.measured(HeaderPatch::None))?),
            Patch::QemuLegacy { memory_mib } => SharedKernel::Patched { memory_mib },
        };
        Ok(Self { mrtd: firmware_file.name(tdx::mrtd(firmware, host.order))?, kernel })
    }

    fn kernel(&self, parts: &Parts<'_>, command_line: &CommandLine) -> anyhow::Result<MeasuredKernel> {
        match &self.kernel {
            SharedKernel::AsItIs(kernel) => Ok(kernel.clone()),
            SharedKernel::Patched { memory_mib } => {
                let initrd_size = parts.initrd.map(|initrd| initrd.size);
                let patch = QemuPatch { memory_mib: *memory_mib, initrd_size, command_line };
                let (file, kernel) = &parts.kernel;
                file.name(kernel.measured(HeaderPatch::QemuLegacy(patch)))
            }
        }
    }
}

/// TDX: MRTD, the registers with their events, and the two events that Trustee asks for by name.
pub(super) fn tdx(
    parts: &Parts<'_>,
    host: &TdxPlatform,
    shared: &Shared,
    line: &str,
) -> anyhow::Result<LaunchRecord> {
    let command_line: CommandLine = line.parse()?;
    let argument = parts.initrd.map(|_| host.argument);
    parts.kernel.1.check(&command_line, argument)?;
    let launch = TdxLaunch {
        kernel: shared.kernel(parts, &command_line)?,
        initrd: parts.initrd.map(|initrd| TdxInitrd {
            digest: Sha384::from(*initrd.sha384.as_bytes()),
            argument: host.argument,
            event: InitrdEvent::Measured,
        }),
        command_line,
        separator: host.separator,
    };
    let events = tdx::events(&launch);
    Ok(LaunchRecord {
        command_line: line.to_owned(),
        values: tdx_values(host, &shared.mrtd, &events),
        events: events.iter().map(event_record).collect(),
    })
}

fn tdx_values(host: &TdxPlatform, mrtd: &Sha384, events: &[Event]) -> Vec<ValueRecord> {
    let event = |measured| events.iter().find(|event| event.measured == measured);
    let register = |register| {
        let inputs = events.iter().filter(|event| event.register == register).map(inputs_of);
        (tdx::register(events, register), inputs.collect::<Vec<_>>().concat())
    };
    let where_ = match host.argument {
        InitrdArgument::Prefix => "before",
        InitrdArgument::Suffix => "after",
    };
    let patched = match host.patch {
        Patch::None => "of the kernel file as it is".to_owned(),
        Patch::QemuLegacy { memory_mib } => {
            format!("of the kernel as an older QEMU patches it for {memory_mib} MiB of memory")
        }
    };
    let edk2 = match host.separator {
        Separator::Rtmr1 => "since 2024.11",
        Separator::Rtmr0 => "until 2024.08",
    };
    let chain = format!(
        "events and order are those of edk2 {edk2} and Linux since 6.9, read and not seen on hardware"
    );
    let (rtmr_1, rtmr_1_inputs) = register(Register::Rtmr1);
    let (rtmr_2, rtmr_2_inputs) = register(Register::Rtmr2);
    let mut values = vec![
        value("mr_td", mrtd, Certainty::Computed, &format!("pages added {}", order_name(host.order))),
        value("rtmr_1", &rtmr_1, Certainty::ComputedUnverified, &format!("{patched}; {chain}")),
        value(
            "rtmr_2",
            &rtmr_2,
            Certainty::ComputedUnverified,
            &format!("initrd=initrd {where_} the command line; {chain}"),
        ),
    ];
    let firmware = vec!["firmware".to_owned(), "mrtd-order".to_owned()];
    let started = [rtmr_1_inputs, vec!["tdvf-separator".to_owned()]].concat();
    let inputs = [firmware, started, rtmr_2_inputs];
    for (value, inputs) in values.iter_mut().zip(inputs) {
        value.inputs = inputs;
    }
    for (name, measured, reason) in [
        ("tdvfkernel", Measured::Kernel, format!("Authenticode {patched}")),
        ("tdvfkernelparams", Measured::LoadOptions, format!("initrd=initrd {where_} the command line")),
    ] {
        values.extend(event(measured).map(|event| ValueRecord {
            inputs: inputs_of(event),
            ..value(name, &event.digest, Certainty::Computed, &reason)
        }));
    }
    values
}

fn value(name: &str, digest: &Sha384, certainty: Certainty, reason: &str) -> ValueRecord {
    let (name, reason) = (name.to_owned(), reason.to_owned());
    ValueRecord { name, vcpus: None, value: digest.to_string(), certainty, reason, inputs: Vec::new() }
}

fn event_record(event: &Event) -> EventRecord {
    EventRecord {
        register: event.register.to_string(),
        measured: event.measured.to_string(),
        digest: (*event.digest.as_bytes()).into(),
        inputs: inputs_of(event),
    }
}

/// The names of an event's inputs; whether QEMU patches the kernel is one of the kernel's.
fn inputs_of(event: &Event) -> Vec<String> {
    let mut inputs = names(&event.inputs);
    if event.measured == Measured::Kernel {
        inputs.push("kernel-patch".to_owned());
    }
    inputs
}

fn names(inputs: &[coco_measure::input::Input]) -> Vec<String> {
    inputs.iter().map(ToString::to_string).collect()
}
