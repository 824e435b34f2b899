//! Values of firmware, kernels and initrds made by code, which other tools gave for the same bytes.
//!
//! SEV-SNP: `sev-snp-measure` 0.0.13 and `sev` 8.0.0. MRTD in one pass: td-shim's `td_shim_tee_info_hash.py`. Kernels:
//! `lief` 1.0.0 and, with a patched header, veritas. Registers: nobody else's, but each of their events is.

#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_measure::command_line::InitrdArgument::{self, Prefix, Suffix};
use coco_measure::digest::{Sha256, Sha384};
use coco_measure::event::{Measured, Register};
use coco_measure::firmware::Firmware;
use coco_measure::kernel::{HeaderPatch, Kernel, MeasuredKernel, QemuPatch};
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch, VcpuCounts};
use coco_measure::synthetic;
use coco_measure::tdx::{self, InitrdEvent, PageOrder, Separator, TdxInitrd, TdxLaunch};

const LINE: &str = "console=hvc0 panic=1";
/// What kata 4.1.0's runtime in Go gives a guest when nothing is configured.
const KATA: &str = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 \
                    i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 \
                    pci=lastbus=0 console=hvc0 console=hvc1 quiet panic=1 selinux=0 scsi_mod.scan=none \
                    agent.launch_process_timeout=6 cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1";

fn launch(line: &str) -> Launch {
    Launch {
        kernel: Some(DirectBoot {
            kernel: Sha256::of(&synthetic::kernel()),
            initrd: Some(Sha256::of(&synthetic::initrd())),
            command_line: line.parse().unwrap(),
        }),
        vcpu_type: "EPYC-v4".parse().unwrap(),
        guest_features: GuestFeatures::SNP,
    }
}

fn digests(launch: &Launch, vcpus: &str) -> Vec<String> {
    let bytes = synthetic::snp_firmware().build();
    let firmware = Firmware::parse(&bytes).unwrap();
    let counts: VcpuCounts = vcpus.parse().unwrap();
    let digests = snp::launch_digests(&firmware, launch, counts).unwrap();
    digests.values().map(Sha384::to_string).collect()
}

#[test]
fn what_code_makes_are_the_bytes_others_were_given() {
    let digest = |bytes: &[u8]| Sha256::of(bytes).to_string();
    let made = [
        digest(&synthetic::snp_firmware().build()),
        digest(&synthetic::tdx_firmware().build()),
        digest(&synthetic::kernel()),
        digest(&synthetic::initrd()),
    ];
    let expected = [
        "b5c484c94869ce6db6d52902e37824e4ae923f248d8ca4c71f528f0c3e1c3273",
        "d41f8f8106455763a0d8cfb7ec36d14a738f28ec0094262c0c520310705a541d",
        "98b07a2cf256de28035e4d3b1464b257e2bd50448e9d1cef4f2fb6e9d90874c0",
        "018f12add9fd7b1e42373d347ddac9bd91aa63c97b7c1c7f3c497148c48e0661",
    ];
    assert_eq!(made, expected);
}

#[test]
fn the_firmware_alone_has_a_digest() {
    let bytes = synthetic::snp_firmware().build();
    let digest = snp::firmware_digest(&Firmware::parse(&bytes).unwrap()).unwrap();
    let expected =
        "98eb592ce15f19c5be78ea660f402c2813bad471f85e587d8c4c65589edb3521957399714727c724832400757c7cc999";
    assert_eq!(digest.to_string(), expected);
}

#[test]
fn one_pass_gives_the_digests_of_all_vcpu_counts() {
    let expected = [
        "1fbf829c83a4d4089c03fff594cad27c49da5ccf9b2b57c6e0063649ed6f238063257cb6d9e7e1a5bfbddc217130ca65",
        "dcd2f5f62d8d5875491a869ff857dcf66f4693203c219ea49d7c06631a1bee5ed287ed2b1c26f08097893b0cd12a2617",
        "5dfede28cba49bfbf389bad2fab0878e26a66742b6d62d53710684f46c9c4c3c31760b4b61bca47df7f1df5f1682caee",
        "473e8a8834cedefa5e0fcd34c923128ce5259b87d370c370cad532726d3132472d077a50eb81ddddd93bc6d345534aec",
    ];
    assert_eq!(digests(&launch(LINE), "1-4"), expected);
    assert_eq!(digests(&launch(LINE), "2-3"), expected[1..3]);
}

#[test]
fn each_input_of_a_launch_is_in_its_digest() {
    let base = launch(LINE);
    let without_initrd = DirectBoot { initrd: None, ..base.kernel.clone().unwrap() };
    let cases = [
        (
            Launch { kernel: Some(without_initrd), ..base.clone() },
            "1c3e92acd831892a1895e4b3b0ce7177ff423eadd90197a567eb195febb3a8e0f325a85159e479fb60e3afb96b611165",
        ),
        (
            Launch { kernel: None, ..base.clone() },
            "bdee6cd7477234f0d7004d541198bbd52c045a3fefd1b2a89a3ffca4c746885a941422f9905b4b992c26451ba45eb76f",
        ),
        (
            Launch { guest_features: "0x21".parse().unwrap(), ..base.clone() },
            "bc472bbe692c8bfc7a8c2e778782faefdaf6f6e1757ffc16f9185fdc246159500d973749f968263d5b8d3e7f681f2265",
        ),
        (
            launch(KATA),
            "af39f226c70184d61efcf71f4e0226a519e8ad0115711ec63372c5466337e289afe8aa48a86afae6a380f7302fcb9d60",
        ),
        (
            Launch { vcpu_type: "EPYC-Milan".parse().unwrap(), ..base },
            "7cd1e342ad093c76eb9b45c636d134715a49d8ec01e937d0c70c1009be8dc557480c53ca2b6e6280d97838c4a1e8b771",
        ),
    ];
    for (launch, expected) in cases {
        assert_eq!(digests(&launch, "1"), [expected], "{launch:?}");
    }
}

#[test]
fn mrtd_depends_on_the_order_of_pages() {
    let bytes = synthetic::tdx_firmware().build();
    let firmware = Firmware::parse(&bytes).unwrap();
    let mrtd = |order| tdx::mrtd(&firmware, order).unwrap().to_string();
    assert_eq!(
        mrtd(PageOrder::SinglePass),
        "173078074f960ce09e87846f9b19b6633ba00f8287ad53379e23c68dca2af3c258cb24daa105b7f3a87d4177310fdbf2"
    );
    assert_eq!(
        mrtd(PageOrder::TwoPass),
        "734812ea42a3cb066f9dd4c39c5323eda414d189e9f49e929cda1f453622f91e9350f982e17cfa396f5639d29345682c"
    );
}

fn kernel(patch: HeaderPatch<'_>) -> MeasuredKernel {
    let bytes = synthetic::kernel();
    Kernel::parse(&bytes).unwrap().measured(patch).unwrap()
}

/// As QEMU 9.1 patches it.
fn patched(memory_mib: u32) -> MeasuredKernel {
    let initrd_size = Some(u64::try_from(synthetic::initrd().len()).unwrap());
    let command_line = &LINE.parse().unwrap();
    kernel(HeaderPatch::QemuLegacy(QemuPatch { memory_mib, initrd_size, command_line }))
}

#[test]
fn the_kernel_is_measured_as_others_do() {
    let at_2_gib =
        "563e31d219ebfa466083083747de0f795a6084285165c978be5fee1b8afdfa3f9e046031ee0955241ba56a85077f006e";
    let cases = [
        (
            kernel(HeaderPatch::None),
            "bfc4462de5491efe173ed21901b191c7eacb407765cbe501b1ccc75c8b29617148731ddf6fb2f62c57f4ae83b7f4a418",
        ),
        (patched(2048), at_2_gib),
        (patched(4096), at_2_gib),
        (
            patched(1536),
            "897025910d7698e0a237c20f3dbaa911f2f4d63fa1b1261aaf635046d8a08f22d5850e5f7daddad61b77cee2af8cbf7f",
        ),
    ];
    for (kernel, expected) in cases {
        assert_eq!(kernel.digest().to_string(), expected);
    }
}

fn td(line: &str, argument: Option<InitrdArgument>) -> TdxLaunch {
    TdxLaunch {
        kernel: kernel(HeaderPatch::None),
        command_line: line.parse().unwrap(),
        initrd: argument.map(|argument| TdxInitrd {
            digest: Sha384::of(&synthetic::initrd()),
            argument,
            event: InitrdEvent::Measured,
        }),
        separator: Separator::Rtmr1,
    }
}

fn register(launch: &TdxLaunch, register: Register) -> String {
    tdx::register(&tdx::events(launch), register).to_string()
}

#[test]
fn rtmr_1_has_the_kernel_and_what_the_firmware_did() {
    let launch = td(LINE, Some(Prefix));
    let cases = [
        (
            launch.clone(),
            "d6c9e1124e530c74b4c26e3814b3f29318308489260d9b7a807f0fd9e1f9f6bacd27a05cbdd3419e4da9e624dd99b2ec",
        ),
        (
            TdxLaunch { kernel: patched(2048), ..launch.clone() },
            "a8160d835d6823c8469cf54cb2d74f6ec146b1120df5d3619cec445ccdaa8f4cd88e8e0b59b4f8c42a92880ebb9abad6",
        ),
        (
            TdxLaunch { separator: Separator::Rtmr0, ..launch },
            "31bb622de256bbd989a83426c5c54080489f5b4172710dd49a20cfb976160bcf1aabf317e1c49d620e42a1832a0b7928",
        ),
    ];
    for (launch, expected) in cases {
        assert_eq!(register(&launch, Register::Rtmr1), expected, "{launch:?}");
    }
}

#[test]
fn rtmr_2_has_the_command_line_and_the_initrd() {
    let cases = [
        (
            Some(Prefix),
            "7d626bb130fa74bb208b15460a5db0c87d4e3883c4372efbb18e955865efed1d324e27bed0a3e9b8565f2b276ad102d7",
            "30cee62ef6c93ff924fc19a6aa6a42a74588feb4467d8a6ef93cda1cf2c51722b24dfed13bd76bc6056fbbb266d23cf6",
        ),
        (
            Some(Suffix),
            "929f57e5ece1cb9dee4c69ba26a3a027284c99ad231ef030fb9773c5deb389ee0eec4332b4ef09de768cb23483c08833",
            "f32dc0b274cf296095fa8bbff31e9f5c06eca8ddad0e35f5b5a2177e821e3f01d8b3e25e3459b0e862db4f1553b33aee",
        ),
        (
            None,
            "9f331c3da59f8c3b27e74187c5ab6807ac31433e01cebf183630cbfc48321b4bd800df95cb6dcec001c4e5ee8f2f4f70",
            "b3777d9e07d8d2a870c781812b66cdddfbea60b2325fb1797b9ecea85747c5340fcb036f63a66845ddf94db162154761",
        ),
    ];
    for (argument, options, rtmr_2) in cases {
        let launch = td(LINE, argument);
        assert_eq!(tdx::load_options(&launch).to_string(), options);
        assert_eq!(register(&launch, Register::Rtmr2), rtmr_2);
    }
}

#[test]
fn the_command_line_of_kata_has_its_load_options() {
    assert_eq!(KATA.len(), 332);
    let options = |argument| tdx::load_options(&td(KATA, Some(argument))).to_string();
    assert_eq!(
        options(Prefix),
        "898f31100e2508f6cf4cdc37f048c65b6ee51604b693fc129ffdfd2dcf4acce8adfa9a0a6a1ba52ed7074649fb2cea70"
    );
    assert_eq!(
        options(Suffix),
        "57d7d3c442280437d4f09e72ca2dc3db5dd8044eb599128c081badba2d1f1fad5d1d6abd553c5695df2c4f794235a2d4"
    );
}

#[test]
fn the_initrd_is_measured_as_it_is_on_the_disk() {
    let events = tdx::events(&td(LINE, Some(Prefix)));
    let initrd = events.iter().find(|event| event.measured == Measured::Initrd).unwrap();
    assert_eq!(
        initrd.digest.to_string(),
        "e5ea5236cfb0b3d12ef52c4eb5de7054ad16805fd1f28b56c08adf8746af73957a6ba5217994862fd43a36a8d8570deb"
    );
}

#[test]
fn texts_are_measured_as_a_real_guest_did() {
    let events = tdx::events(&td(LINE, Some(Prefix)));
    let digest = |measured| {
        let event = events.iter().find(|event| event.measured == measured).unwrap();
        event.digest.to_string()
    };
    assert_eq!(
        digest(Measured::CallingApplication),
        "77a0dab2312b4e1e57a84d865a21e5b2ee8d677a21012ada819d0a98988078d3d740f6346bfe0abaa938ca20439a8d71"
    );
    assert_eq!(
        digest(Measured::Separator),
        "394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0"
    );
    assert_eq!(
        digest(Measured::ExitBootServicesInvocation),
        "214b0bef1379756011344877743fdc2a5382bac6e70362d624ccf3f654407c1b4badf7d8f9295dd3dabdef65b27677e0"
    );
    assert_eq!(
        digest(Measured::ExitBootServicesSuccess),
        "0a2e01c85deae718a530ad8c6d20a84009babe6c8989269e950d8cf440c6e997695e64d455c4174a652cd080f6230b74"
    );
}

#[test]
fn a_kernel_that_measures_no_initrd_leaves_its_event_out() {
    let mut launch = td(LINE, Some(Prefix));
    launch.initrd.as_mut().unwrap().event = InitrdEvent::Absent;
    let events = tdx::events(&launch);
    assert!(events.iter().all(|event| event.measured != Measured::Initrd));
    // The firmware tells the kernel of it all the same.
    assert_eq!(tdx::load_options(&launch), tdx::load_options(&td(LINE, Some(Prefix))));
}
