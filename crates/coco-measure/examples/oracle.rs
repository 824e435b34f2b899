//! Writes launches into a folder, each with our digest, for `ci/oracle`: FOLDER KERNEL [FIRMWARE]...
//!
//! Beside 200 launches made by code there are four of each FIRMWARE. Of KERNEL, the Authenticode digest is written that
//! its signature should have.

#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::path::Path;

use coco_measure::digest::Sha256;
use coco_measure::firmware::Firmware;
use coco_measure::kernel::Kernel;
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch, VcpuCounts};
use coco_measure::synthetic::{self, Case};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, kernel, firmware @ ..] = arguments.as_slice() else {
        panic!("got {arguments:?}, expected FOLDER KERNEL [FIRMWARE]...");
    };
    let mut cases = synthetic::cases(2, 200);
    cases.extend(firmware.iter().flat_map(|path| of_firmware(&fs_err::read(path).unwrap())));
    for (number, case) in cases.iter().enumerate() {
        write(&Path::new(folder).join(number.to_string()), case);
    }
    let bytes = fs_err::read(kernel).unwrap();
    let digest = Kernel::parse(&bytes).unwrap().authenticode_sha256();
    fs_err::write(Path::new(folder).join("authenticode"), digest.to_string()).unwrap();
}

/// Without a kernel, and, where the firmware would start one, with an empty one; with one vCPU and with four.
fn of_firmware(bytes: &[u8]) -> Vec<Case> {
    let hashed = Firmware::parse(bytes).unwrap().sev_sections().unwrap().iter().any(is_room);
    let kernels = if hashed { vec![None, Some(Vec::new())] } else { vec![None] };
    let case = |kernel: &Option<Vec<u8>>, vcpus| Case {
        firmware: bytes.to_vec(),
        kernel: kernel.clone(),
        initrd: kernel.clone(),
        command_line: if kernel.is_some() { "console=ttyS0 loglevel=7".to_owned() } else { String::new() },
        vcpus,
        vcpu_type: "EPYC-v4",
        guest_features: 1,
    };
    kernels.iter().flat_map(|kernel| [case(kernel, 1), case(kernel, 4)]).collect()
}

fn is_room(section: &coco_measure::firmware::SevSection) -> bool {
    section.kind == coco_measure::firmware::SevSectionKind::KernelHashes
}

fn write(folder: &Path, case: &Case) {
    let firmware = Firmware::parse(&case.firmware).unwrap();
    let launch = Launch {
        kernel: case.kernel.as_ref().map(|kernel| DirectBoot {
            kernel: Sha256::of(kernel),
            initrd: case.initrd.as_deref().map(Sha256::of),
            command_line: case.command_line.parse().unwrap(),
        }),
        vcpu_type: case.vcpu_type.parse().unwrap(),
        guest_features: GuestFeatures::from(case.guest_features),
    };
    let count = VcpuCounts::try_from(case.vcpus..=case.vcpus).unwrap();
    let digest = snp::launch_digests(&firmware, &launch, count).unwrap().remove(&case.vcpus).unwrap();
    fs_err::create_dir_all(folder).unwrap();
    let file = |name: &str, bytes: &[u8]| fs_err::write(folder.join(name), bytes).unwrap();
    file("firmware", &case.firmware);
    case.kernel.iter().for_each(|bytes| file("kernel", bytes));
    case.initrd.iter().for_each(|bytes| file("initrd", bytes));
    file("command-line", case.command_line.as_bytes());
    let expected = format!("{} {} {} {digest}", case.vcpus, case.vcpu_type, case.guest_features);
    file("expected", expected.as_bytes());
}
