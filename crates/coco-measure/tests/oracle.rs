//! Launch digests of 200 launches, compared with those of the crate `sev`, which reads files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test should panic where it fails"
)]

use coco_measure::digest::{Sha256, Sha384};
use coco_measure::firmware::Firmware;
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch, VcpuCounts};
use coco_measure::synthetic::{Case, cases};
use sev::measurement::snp::{SnpMeasurementArgs, snp_calc_launch_digest};

/// 0x434f434f is "COCO".
const SEED: u64 = 0x434f_434f;

fn ours(case: &Case) -> Sha384 {
    let launch = Launch {
        kernel: case.kernel.as_ref().map(|kernel| DirectBoot {
            kernel: Sha256::of(kernel),
            initrd: case.initrd.as_deref().map(Sha256::of),
            command_line: case.command_line.parse().unwrap(),
        }),
        vcpu_type: case.vcpu_type.parse().unwrap(),
        guest_features: GuestFeatures::from(case.guest_features),
    };
    let firmware = Firmware::parse(&case.firmware).unwrap();
    let vcpus = VcpuCounts::try_from(case.vcpus..=case.vcpus).unwrap();
    snp::launch_digests(&firmware, &launch, vcpus).unwrap()[&case.vcpus]
}

fn theirs(case: &Case) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    };
    let arguments = SnpMeasurementArgs {
        vcpus: case.vcpus.into(),
        vcpu_type: case.vcpu_type.try_into().unwrap(),
        ovmf_file: write("firmware", &case.firmware),
        guest_features: sev::measurement::vmsa::GuestFeatures(case.guest_features),
        kernel_file: case.kernel.as_deref().map(|bytes| write("kernel", bytes)),
        initrd_file: case.initrd.as_deref().map(|bytes| write("initrd", bytes)),
        append: case.kernel.is_some().then_some(case.command_line.as_str()),
        ovmf_hash_str: None,
        vmm_type: None,
    };
    snp_calc_launch_digest(arguments).unwrap().get_hex_ld()
}

#[test]
fn two_implementations_agree_on_every_launch() {
    for (number, case) in cases(SEED, 200).into_iter().enumerate() {
        // `sev` takes white space off its ends. QEMU does not, and `sev-snp-measure`, which ci/oracle-snp asks, neither.
        let case = Case { command_line: case.command_line.trim().to_owned(), ..case };
        assert_eq!(ours(&case).to_string(), theirs(&case), "case {number}");
    }
}

#[test]
fn the_launches_are_of_all_kinds() {
    let cases = cases(SEED, 200);
    let count = |is: fn(&Case) -> bool| cases.iter().filter(|case| is(case)).count();
    let kinds = [
        count(|case| case.kernel.is_none()),
        count(|case| case.initrd.is_some()),
        count(|case| case.kernel.is_some() && case.initrd.is_none()),
        count(|case| case.kernel.is_some() && case.command_line.is_empty()),
        count(|case| case.vcpus == 1),
        count(|case| case.vcpus > 30),
        count(|case| case.firmware.len() == 0x1000),
    ];
    assert!(kinds.iter().all(|kind| *kind > 0), "{kinds:?}");
}
