//! What is measured of a guest: firmware and kernels, which are other people's files.

use coco_measure::command_line::CommandLine;
use coco_measure::digest::Sha256;
use coco_measure::firmware::Firmware;
use coco_measure::kernel::{HeaderPatch, Kernel, QemuPatch};
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch, VcpuCounts, VcpuType};
use coco_measure::tdx::{self, PageOrder};

/// A firmware: its tables, its compressed volumes, and what either TEE makes of it.
pub fn firmware(bytes: &[u8]) {
    let Ok(firmware) = Firmware::parse(bytes) else { return };
    let _ = (firmware.probe().map(|probe| probe.initrd_argument()), firmware.hash_table());
    let _ = [PageOrder::SinglePass, PageOrder::TwoPass].map(|order| tdx::mrtd(&firmware, order));
    let launch = Launch {
        kernel: Some(DirectBoot { kernel: Sha256::of(b"kernel"), initrd: None, command_line: line() }),
        vcpu_type: "EPYC-v4".parse::<VcpuType>().expect("a model of QEMU's"),
        guest_features: GuestFeatures::SNP,
    };
    for launch in [Launch { kernel: None, ..launch.clone() }, launch] {
        let digests = |last| {
            let counts = VcpuCounts::try_from(1..=last).expect("a few vCPUs");
            snp::launch_digests(&firmware, &launch, counts).ok()
        };
        if let Some(two) = digests(2) {
            assert_eq!(
                two.get(&1),
                digests(1).as_ref().and_then(|one| one.get(&1)),
                "a count has one digest"
            );
        }
    }
}

/// A kernel: its headers, and its digests with and without the patch of an older QEMU.
pub fn kernel(bytes: &[u8]) {
    let Ok(kernel) = Kernel::parse(bytes) else { return };
    let command_line = line();
    let patch = QemuPatch { memory_mib: 2048, initrd_size: Some(1 << 20), command_line: &command_line };
    let _ = (kernel.authenticode_sha256(), kernel.check(&command_line, None));
    let _ = kernel.measured(HeaderPatch::QemuLegacy(patch));
    let plain = kernel.measured(HeaderPatch::None).expect("only a patch can fail");
    assert_eq!(plain.inputs().len(), 1, "a kernel that is not patched depends on itself alone");
}

fn line() -> CommandLine {
    "quiet".parse().expect("ASCII")
}
