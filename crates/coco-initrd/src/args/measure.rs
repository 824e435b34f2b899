//! The command line of `coco-initrd measure`, and the part of it that `build` has too.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use coco_measure::snp::{GuestFeatures, VcpuCounts, VcpuType};

use super::boot::RuntimeArg;

/// `coco-initrd measure`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("guest").required(true).args(["manifest", "initrd"]))]
pub(crate) struct MeasureArgs {
    /// The TEE the guest is launched in
    #[arg(long)]
    pub(crate) tee: TeeArg,

    /// The manifest.json of a build; its image is not needed. Without --kernel and --firmware, the
    /// predictions that are in it
    #[arg(long, value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,

    /// The initrd, of anybody's
    #[arg(long, value_name = "PATH", requires = "firmware")]
    pub(crate) initrd: Option<PathBuf>,

    /// The guest's kernel
    #[arg(long, value_name = "PATH", requires = "firmware")]
    pub(crate) kernel: Option<PathBuf>,

    /// The guest's firmware
    #[arg(long, value_name = "PATH", requires = "kernel")]
    pub(crate) firmware: Option<PathBuf>,

    /// The kernel command line that the host gives QEMU [default: those in the manifest]
    #[arg(long, value_name = "LINE", allow_hyphen_values = true, requires = "firmware")]
    pub(crate) cmdline: Option<String>,

    /// The configuration.toml of a host: the command line that it leads to
    #[arg(long, value_name = "PATH", requires_all = ["firmware", "runtime"], conflicts_with = "cmdline")]
    pub(crate) kata_config: Option<PathBuf>,

    /// The runtime that reads it; or whose command line of the manifest is measured [default: all of them]
    #[arg(long, conflicts_with = "cmdline")]
    pub(crate) runtime: Option<RuntimeArg>,

    /// What is taken for granted of the host.
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,

    /// Memory of the guest in MiB, for --kernel-patch qemu-legacy [default: that of the manifest]
    #[arg(long, value_name = "MIB", requires = "firmware")]
    pub(crate) memory: Option<NonZeroU32>,

    /// Initdata that a pod may bring, in any form; may be given again
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) initdata: Vec<PathBuf>,

    /// What is printed
    #[arg(long, default_value = "table", conflicts_with = "explain")]
    pub(crate) format: FormatArg,

    /// With --format attestation-policy: Trustee's policy that the rule is put behind [default: the rule alone]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["explain", "verify"])]
    pub(crate) policy_base: Option<PathBuf>,

    /// Says of each value what it depends on, and of each register what it is extended with
    #[arg(long)]
    pub(crate) explain: bool,

    /// With --explain: a manifest.json with predictions, or what --format json printed before; says which
    /// input has moved which value since then
    #[arg(long, value_name = "FILE", requires = "explain")]
    pub(crate) since: Option<PathBuf>,

    /// Compares with evidence: a CCEL event log, the claims of an SNP report or TDX quote as JSON, or report or quote
    #[arg(long, value_name = "EVIDENCE", conflicts_with = "explain")]
    pub(crate) verify: Option<PathBuf>,

    /// With --verify: what the guest has in /proc/cmdline, to name the word that differs
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub(crate) proc_cmdline: Option<PathBuf>,
}

/// What a measurement takes for granted of a host. `None` means the usual, or what the firmware tells.
#[derive(Debug, Default, Args)]
pub(crate) struct PlatformArgs {
    /// snp: numbers of vCPUs, as N or FIRST-LAST [default: 1-64]
    #[arg(long, value_name = "RANGE", requires = "firmware")]
    pub(crate) vcpus: Option<VcpuCounts>,

    /// snp: model of the vCPUs, as QEMU names it [default: EPYC-v4, kata's]
    #[arg(long, value_name = "MODEL", requires = "firmware")]
    pub(crate) vcpu_type: Option<VcpuType>,

    /// snp: features that the hypervisor turns on, decimal or 0x... [default: 0x1, Linux 6.8 and later]
    #[arg(long, value_name = "N", requires = "firmware")]
    pub(crate) guest_features: Option<GuestFeatures>,

    /// tdx: where the firmware puts initrd=initrd [default: auto, read from the firmware]
    #[arg(long, value_name = "WHERE", requires = "firmware")]
    pub(crate) initrd_arg: Option<InitrdArg>,

    /// tdx: whether QEMU writes into the kernel's header [default: auto, none if the firmware asks for
    /// the kernel as it is]
    #[arg(long, value_name = "HOW", requires = "firmware")]
    pub(crate) kernel_patch: Option<KernelPatchArg>,

    /// tdx: the order in which QEMU adds the firmware's pages [default: single-pass]
    #[arg(long, value_name = "ORDER", requires = "firmware")]
    pub(crate) mrtd_order: Option<MrtdOrderArg>,

    /// tdx: the register into which the firmware puts its separator [default: rtmr1]
    #[arg(long, value_name = "REGISTER", requires = "firmware")]
    pub(crate) tdvf_separator: Option<SeparatorArg>,
}

/// The word of `--tee`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TeeArg {
    /// AMD SEV-SNP
    Snp,
    /// Intel TDX
    Tdx,
}

/// The word of `--initrd-arg`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum InitrdArg {
    /// Asks the firmware
    Auto,
    /// Before the command line: edk2 since 2025.11
    Prefix,
    /// After it: edk2 until 2025.02
    Suffix,
}

/// The word of `--kernel-patch`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KernelPatchArg {
    /// Asks the firmware
    Auto,
    /// QEMU 10 and later, with a firmware that asks for the kernel as it is
    None,
    /// Older ones, RHEL's 9.1 among them
    QemuLegacy,
}

/// The word of `--mrtd-order`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MrtdOrderArg {
    /// Each page is added and measured, then the next: upstream's KVM
    SinglePass,
    /// All pages of a section are added, then all are measured: QEMU 8 with patches
    TwoPass,
}

/// The word of `--tdvf-separator`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SeparatorArg {
    /// edk2 since 2024.11
    Rtmr1,
    /// edk2 until 2024.08
    Rtmr0,
}

/// The word of `--format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatArg {
    /// For people
    Table,
    /// All of it
    Json,
    /// Trustee: the message for RVPS, or for KBS
    RvpsMessage,
    /// Trustee: the `ConfigMap` of its operator
    Configmap,
    /// Trustee: the plain list
    List,
    /// Trustee: the attestation policy that pins initdata
    AttestationPolicy,
    /// Trustee: the resource policy that asks for it
    ResourcePolicy,
}
