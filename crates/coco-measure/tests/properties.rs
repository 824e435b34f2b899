//! Each value moves with the inputs it names, and with no other.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test should panic where it fails"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use coco_measure::command_line::{CommandLine, InitrdArgument};
use coco_measure::digest::{Sha256, Sha384};
use coco_measure::firmware::Firmware;
use coco_measure::input::Input;
use coco_measure::kernel::{HeaderPatch, Kernel, QemuPatch};
use coco_measure::snp::{self, DirectBoot, GuestFeatures, Launch, VcpuCounts, VcpuType};
use coco_measure::synthetic;
use coco_measure::tdx::{self, InitrdEvent, MRTD_INPUTS, PageOrder, Separator, TdxInitrd, TdxLaunch};
use proptest::prelude::*;

const ALL: [Input; 10] = [
    Input::Firmware,
    Input::Kernel,
    Input::Initrd,
    Input::InitrdSize,
    Input::CommandLine,
    Input::InitrdArgument,
    Input::Memory,
    Input::VcpuCount,
    Input::VcpuType,
    Input::GuestFeatures,
];

/// Everything that is measured.
#[derive(Debug, Clone)]
struct World {
    firmware: Vec<u8>,
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    command_line: CommandLine,
    argument: InitrdArgument,
    memory_mib: u32,
    vcpus: u16,
    vcpu_type: VcpuType,
    guest_features: GuestFeatures,
    header: Header,
}

/// What QEMU does to the kernel.
#[derive(Debug, Clone, Copy)]
enum Header {
    AsItIs,
    Patched,
}

fn world(header: Header) -> World {
    static FIRMWARE: LazyLock<Vec<u8>> =
        LazyLock::new(|| synthetic::firmware(0x1_0000, InitrdArgument::Prefix).build());
    World {
        firmware: FIRMWARE.clone(),
        kernel: synthetic::kernel(),
        initrd: synthetic::initrd(),
        command_line: "console=hvc0".parse().unwrap(),
        argument: InitrdArgument::Prefix,
        memory_mib: 2048,
        vcpus: 2,
        vcpu_type: "EPYC-v4".parse().unwrap(),
        guest_features: GuestFeatures::SNP,
        header,
    }
}

/// All values by name, each with what it says it depends on.
fn values(world: &World) -> BTreeMap<String, (Sha384, Vec<Input>)> {
    let firmware = Firmware::parse(&world.firmware).unwrap();
    let kernel = Kernel::parse(&world.kernel).unwrap();
    let launch = Launch {
        kernel: Some(DirectBoot {
            kernel: kernel.sha256(),
            initrd: Some(Sha256::of(&world.initrd)),
            command_line: world.command_line.clone(),
        }),
        vcpu_type: world.vcpu_type,
        guest_features: world.guest_features,
    };
    let counts = VcpuCounts::try_from(world.vcpus..=world.vcpus).unwrap();
    let patch = match world.header {
        Header::AsItIs => HeaderPatch::None,
        Header::Patched => HeaderPatch::QemuLegacy(QemuPatch {
            memory_mib: world.memory_mib,
            initrd_size: Some(u64::try_from(world.initrd.len()).unwrap()),
            command_line: &world.command_line,
        }),
    };
    let td = TdxLaunch {
        kernel: kernel.measured(patch).unwrap(),
        command_line: world.command_line.clone(),
        initrd: Some(TdxInitrd {
            digest: Sha384::of(&world.initrd),
            argument: world.argument,
            event: InitrdEvent::Measured,
        }),
        separator: Separator::Rtmr1,
    };
    let snp = snp::launch_digests(&firmware, &launch, counts).unwrap();
    let mrtd = tdx::mrtd(&firmware, PageOrder::SinglePass).unwrap();
    let mut values = BTreeMap::from([
        ("snp".to_owned(), (snp[&world.vcpus], launch.inputs())),
        ("mrtd".to_owned(), (mrtd, MRTD_INPUTS.to_vec())),
    ]);
    values.extend(
        tdx::events(&td).into_iter().map(|event| (event.measured.to_string(), (event.digest, event.inputs))),
    );
    values
}

/// `world` with one input changed: a byte at `place`, of those that are measured as they are, or the whole value.
fn changed(world: &World, input: Input, place: usize) -> World {
    let mut world = world.clone();
    match input {
        // Behind the variables, which TDX does not measure, and before the tables.
        Input::Firmware => world.firmware[0x2000 + place % 0x4000] ^= 1,
        // In the sections.
        Input::Kernel => world.kernel[0x1000 + place % 0x2000] ^= 1,
        Input::Initrd => {
            let place = place % world.initrd.len();
            world.initrd[place] ^= 1;
        }
        Input::InitrdSize => world.initrd.push(0),
        Input::CommandLine => world.command_line = format!("x={place}").parse().unwrap(),
        Input::InitrdArgument => world.argument = InitrdArgument::Suffix,
        Input::Memory => world.memory_mib = 1024 + u32::try_from(place % 512).unwrap(),
        Input::VcpuCount => world.vcpus = 3 + u16::try_from(place % 8).unwrap(),
        Input::VcpuType => world.vcpu_type = "EPYC-Milan".parse().unwrap(),
        Input::GuestFeatures => world.guest_features = "0x21".parse().unwrap(),
        // No digest here depends on them, or whoever asks for the digest chooses.
        Input::Initdata | Input::KernelPatch | Input::PageOrder | Input::Separator => {}
    }
    world
}

fn holds(header: Header, input: Input, place: usize) {
    let world = world(header);
    let (before, after) = (values(&world), values(&changed(&world, input, place)));
    for (name, (digest, inputs)) in &before {
        // Who appends to the initrd changes its bytes as well.
        let moves = inputs.contains(&input) || input == Input::InitrdSize && inputs.contains(&Input::Initrd);
        assert_eq!(digest != &after[name].0, moves, "{name} after another {input}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_input_moves_the_values_that_name_it_and_no_other(place in 0_usize..0x10_0000) {
        for input in ALL {
            holds(Header::AsItIs, input, place);
            holds(Header::Patched, input, place);
        }
    }
}
