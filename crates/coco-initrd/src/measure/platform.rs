//! What a measurement takes for granted of the host: options, the firmware's own texts, or the usual.

use std::collections::BTreeMap;
use std::fmt;

use coco_measure::command_line::InitrdArgument;
use coco_measure::firmware::{Firmware, Probe, ProbeError};
use coco_measure::snp::{GuestFeatures, VcpuCounts, VcpuType};
use coco_measure::tdx::{PageOrder, Separator};

use crate::args::measure::{InitrdArg, KernelPatchArg, MrtdOrderArg, PlatformArgs, SeparatorArg, TeeArg};

/// What is taken for granted, for each kind of TEE.
#[derive(Debug)]
pub(crate) enum Platform {
    /// AMD SEV-SNP.
    Snp(SnpPlatform),
    /// Intel TDX.
    Tdx(TdxPlatform),
}

/// What is taken for granted of a host with SEV-SNP.
#[derive(Debug)]
pub(crate) struct SnpPlatform {
    /// Numbers of vCPUs that values are wanted for.
    pub(super) vcpus: VcpuCounts,
    /// The vCPUs' model.
    pub(super) vcpu_type: VcpuType,
    /// What KVM turns on.
    pub(super) guest_features: GuestFeatures,
}

/// What is taken for granted of a host with TDX.
#[derive(Debug)]
pub(crate) struct TdxPlatform {
    /// Where the firmware puts `initrd=initrd`.
    pub(super) argument: InitrdArgument,
    /// Whether QEMU writes into the kernel's header.
    pub(super) patch: Patch,
    /// In which order the firmware's pages are added.
    pub(super) order: PageOrder,
    /// Where the firmware puts its separator.
    pub(super) separator: Separator,
}

/// Whether QEMU writes into the kernel's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patch {
    /// It does not.
    None,
    /// It does, as before 10.0.
    QemuLegacy {
        /// The guest's memory.
        memory_mib: u32,
    },
}

/// Something that must be said, or must not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlatformError {
    /// An option about the other TEE.
    #[error("{option} is about {tee}, and the guest is launched in another TEE")]
    OtherTee {
        /// The option.
        option: &'static str,
        /// The TEE it is about.
        tee: &'static str,
    },
    /// The firmware does not tell.
    #[error("{0}")]
    Argument(ProbeError),
    /// The firmware could not be unpacked, to ask whether it takes the kernel as it is.
    #[error("{0}")]
    Unpacking(ProbeError),
    /// Whether the kernel is patched depends on QEMU.
    #[error("the firmware does not ask for an unpatched kernel, so QEMU's version decides what is measured")]
    Patch,
    /// The patch depends on it.
    #[error("--kernel-patch qemu-legacy writes a place into the kernel that depends on the guest's memory")]
    NoMemory,
    /// Memory counts for one thing only.
    #[error("--memory counts only with --kernel-patch qemu-legacy")]
    Memory,
}

impl Platform {
    /// What `args` say; what they leave open is asked of the firmware, or is what kata and Linux do.
    pub(super) fn new(
        tee: TeeArg,
        args: &PlatformArgs,
        memory_mib: Option<u32>,
        firmware: &Firmware<'_>,
    ) -> Result<Self, PlatformError> {
        match tee {
            TeeArg::Snp => Ok(Self::Snp(SnpPlatform {
                vcpus: args.vcpus.unwrap_or_else(usual_counts),
                vcpu_type: args.vcpu_type.unwrap_or_else(kata_type),
                guest_features: args.guest_features.unwrap_or(GuestFeatures::SNP),
            })),
            TeeArg::Tdx => {
                let mut probed = Probed::new(firmware);
                let order = match args.mrtd_order {
                    None | Some(MrtdOrderArg::SinglePass) => PageOrder::SinglePass,
                    Some(MrtdOrderArg::TwoPass) => PageOrder::TwoPass,
                };
                let separator = match args.tdvf_separator {
                    None | Some(SeparatorArg::Rtmr1) => Separator::Rtmr1,
                    Some(SeparatorArg::Rtmr0) => Separator::Rtmr0,
                };
                let argument = argument(args.initrd_arg, &mut probed)?;
                let patch = patch(args.kernel_patch, memory_mib, &mut probed)?;
                Ok(Self::Tdx(TdxPlatform { argument, patch, order, separator }))
            }
        }
    }

    /// What no tool can know before a boot, and why.
    pub(super) fn collect_on_host(&self) -> BTreeMap<String, String> {
        let values: &[(&str, &str)] = match self {
            Self::Snp(_) => &[
                (
                    "snp_bootloader, snp_microcode, snp_snp_svn, snp_tee_svn",
                    "versions of the host's firmware",
                ),
                ("snp_guest_abi_major, snp_guest_abi_minor", "the guest policy that the host launches with"),
                ("snp_single_socket, snp_smt_allowed", "the guest policy that the host launches with"),
                ("snp_smt_enabled, snp_tsme_enabled", "settings of the host"),
            ],
            Self::Tdx(_) => &[
                ("mr_seam", "the TDX module of the host"),
                ("rtmr_0", "ACPI tables and memory layout: QEMU's version, devices, vCPUs, memory"),
                ("xfam", "features of the host's processor"),
            ],
        };
        values.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect()
    }
}

/// A firmware whose compressed volumes are unpacked once, and only if something asks for it.
struct Probed<'f> {
    firmware: &'f Firmware<'f>,
    answer: Option<Result<Probe, ProbeError>>,
}

impl<'f> Probed<'f> {
    fn new(firmware: &'f Firmware<'f>) -> Self {
        Self { firmware, answer: None }
    }

    fn get(&mut self) -> Result<Probe, ProbeError> {
        self.answer.get_or_insert_with(|| self.firmware.probe()).clone()
    }
}

fn argument(arg: Option<InitrdArg>, probed: &mut Probed<'_>) -> Result<InitrdArgument, PlatformError> {
    match arg {
        Some(InitrdArg::Prefix) => Ok(InitrdArgument::Prefix),
        Some(InitrdArg::Suffix) => Ok(InitrdArgument::Suffix),
        None | Some(InitrdArg::Auto) => {
            probed.get().and_then(|probe| probe.initrd_argument()).map_err(PlatformError::Argument)
        }
    }
}

fn patch(
    arg: Option<KernelPatchArg>,
    memory_mib: Option<u32>,
    probed: &mut Probed<'_>,
) -> Result<Patch, PlatformError> {
    match arg {
        Some(KernelPatchArg::QemuLegacy) => {
            memory_mib.map(|memory_mib| Patch::QemuLegacy { memory_mib }).ok_or(PlatformError::NoMemory)
        }
        Some(KernelPatchArg::None) => Ok(Patch::None),
        None | Some(KernelPatchArg::Auto) => {
            let probe = probed.get().map_err(PlatformError::Unpacking)?;
            if probe.takes_unpatched_kernel() { Ok(Patch::None) } else { Err(PlatformError::Patch) }
        }
    }
}

/// Refuses options about the other TEE, and a memory that counts for nothing.
pub(super) fn check_options(
    tee: TeeArg,
    args: &PlatformArgs,
    memory_mib: Option<u32>,
) -> Result<(), PlatformError> {
    let given = [
        ("--vcpus", args.vcpus.is_some(), TeeArg::Snp),
        ("--vcpu-type", args.vcpu_type.is_some(), TeeArg::Snp),
        ("--guest-features", args.guest_features.is_some(), TeeArg::Snp),
        ("--initrd-arg", args.initrd_arg.is_some(), TeeArg::Tdx),
        ("--kernel-patch", args.kernel_patch.is_some(), TeeArg::Tdx),
        ("--mrtd-order", args.mrtd_order.is_some(), TeeArg::Tdx),
        ("--tdvf-separator", args.tdvf_separator.is_some(), TeeArg::Tdx),
    ];
    let other = given.iter().find(|(_, is_given, about)| *is_given && *about != tee);
    let is_patched = matches!(args.kernel_patch, Some(KernelPatchArg::QemuLegacy));
    match other {
        None if memory_mib.is_some() && !is_patched => Err(PlatformError::Memory),
        None => Ok(()),
        Some((option, _, TeeArg::Snp)) => Err(PlatformError::OtherTee { option, tee: "snp" }),
        Some((option, _, TeeArg::Tdx)) => Err(PlatformError::OtherTee { option, tee: "tdx" }),
    }
}

/// As many as a pod is likely to have: kata gives it one for each CPU of its limits, and one more.
fn usual_counts() -> VcpuCounts {
    VcpuCounts::try_from(1..=64).expect("1 to 64 are numbers of vCPUs that digests are computed for")
}

/// What both runtimes of kata give QEMU for SNP (`qemu_amd64.go`, `cmdline_generator.rs`).
fn kata_type() -> VcpuType {
    "EPYC-v4".parse().expect("EPYC-v4 is one of the types that are known")
}

/// The name of a page order, as the option has it.
pub(super) fn order_name(order: PageOrder) -> &'static str {
    match order {
        PageOrder::SinglePass => "single-pass",
        PageOrder::TwoPass => "two-pass",
    }
}

/// The name of the register that a separator goes into, as the option has it.
pub(super) fn separator_name(separator: Separator) -> &'static str {
    match separator {
        Separator::Rtmr1 => "rtmr1",
        Separator::Rtmr0 => "rtmr0",
    }
}

impl fmt::Display for Patch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::None => "none",
            Self::QemuLegacy { .. } => "qemu-legacy",
        })
    }
}
