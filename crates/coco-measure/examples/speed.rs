//! How long the parts take, in release: `speed [KERNEL [FIRMWARE]]`. Without files, of what code makes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "whoever runs it sees it")]

use std::time::{Duration, Instant};

use coco_measure::command_line::InitrdArgument;
use coco_measure::digest::{Sha256, Sha384};
use coco_measure::firmware::Firmware;
use coco_measure::kernel::{HeaderPatch, Kernel};
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch};
use coco_measure::synthetic;
use coco_measure::tdx::{self, InitrdEvent, PageOrder, Separator, TdxInitrd, TdxLaunch};

/// The best of ten.
fn time<T>(what: &str, run: impl Fn() -> T) -> Duration {
    let once = || {
        let start = Instant::now();
        let value = run();
        let time = start.elapsed();
        drop(value);
        time
    };
    let best = std::iter::repeat_with(once).take(10).min().unwrap();
    println!("{what:<45} {:8.2} ms", best.as_secs_f64() * 1000.0);
    best
}

fn main() {
    let mut files = std::env::args().skip(1).map(|path| (fs_err::read(&path).unwrap(), Some(path)));
    let (kernel_file, kernel_path) = files.next().unwrap_or((synthetic::kernel(), None));
    let made = || (synthetic::firmware(4 << 20, InitrdArgument::Prefix).build(), None);
    let (firmware_file, firmware_path) = files.next().unwrap_or_else(made);
    let firmware = Firmware::parse(&firmware_file).unwrap();
    let kernel = Kernel::parse(&kernel_file).unwrap();
    let direct = DirectBoot {
        kernel: kernel.sha256(),
        initrd: Some(Sha256::of(b"")),
        command_line: "quiet".parse().unwrap(),
    };
    let launch = Launch {
        kernel: Some(direct),
        vcpu_type: "EPYC-v4".parse().unwrap(),
        guest_features: GuestFeatures::SNP,
    };
    let td = || TdxLaunch {
        kernel: kernel.measured(HeaderPatch::None).unwrap(),
        command_line: "quiet".parse().unwrap(),
        initrd: Some(TdxInitrd {
            digest: Sha384::of(b""),
            argument: InitrdArgument::Prefix,
            event: InitrdEvent::Measured,
        }),
        separator: Separator::Rtmr1,
    };
    for path in kernel_path.iter().chain(&firmware_path) {
        time(&format!("reading {path}"), || fs_err::read(path).unwrap());
    }
    let parts = [
        time("parsing both", || {
            (Firmware::parse(&firmware_file).unwrap(), Kernel::parse(&kernel_file).unwrap())
        }),
        time("SHA-256 of the kernel", || kernel.sha256()),
        time("SEV-SNP, 1-64 vCPUs", || {
            snp::launch_digests(&firmware, &launch, "1-64".parse().unwrap()).unwrap()
        }),
        time("MRTD", || tdx::mrtd(&firmware, PageOrder::SinglePass).unwrap()),
        time("kernel and events of TDX", || tdx::events(&td())),
    ];
    println!("{:<45} {:8.2} ms", "all of these", parts.iter().sum::<Duration>().as_secs_f64() * 1000.0);
    time("probe", || firmware.probe().unwrap());
}
