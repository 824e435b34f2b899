//! What a measured value depends on, by name: the answer to "which input moved this register".

use std::fmt;

/// An input of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The firmware file.
    Firmware,
    /// The kernel file.
    Kernel,
    /// The bytes of the initrd.
    Initrd,
    /// The initrd's size alone: an old QEMU writes it into the kernel's header.
    InitrdSize,
    /// The kernel command line that the host gives QEMU.
    CommandLine,
    /// How the firmware tells the kernel of an initrd: `initrd=initrd` before or after the command line.
    InitrdArgument,
    /// Whether QEMU writes into the kernel's header. Only whoever chooses between the two knows that it is one.
    KernelPatch,
    /// The order in which the hypervisor adds the firmware's pages. Likewise.
    PageOrder,
    /// The register into which the firmware puts its separator. Likewise.
    Separator,
    /// The guest's memory: an old QEMU writes a place that depends on it into the kernel's header.
    Memory,
    /// How many vCPUs the guest starts with.
    VcpuCount,
    /// The vCPUs' model.
    VcpuType,
    /// The features of SEV that the hypervisor turns on.
    GuestFeatures,
    /// The initdata that the host gives the guest: no launch measurement holds it, a register of its own does.
    Initdata,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Firmware,
        Self::Kernel,
        Self::Initrd,
        Self::InitrdSize,
        Self::CommandLine,
        Self::InitrdArgument,
        Self::KernelPatch,
        Self::PageOrder,
        Self::Separator,
        Self::Memory,
        Self::VcpuCount,
        Self::VcpuType,
        Self::GuestFeatures,
        Self::Initdata,
    ];
}

impl fmt::Display for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Firmware => "firmware",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::InitrdSize => "initrd-size",
            Self::CommandLine => "command-line",
            Self::InitrdArgument => "initrd-argument",
            Self::KernelPatch => "kernel-patch",
            Self::PageOrder => "mrtd-order",
            Self::Separator => "tdvf-separator",
            Self::Memory => "memory",
            Self::VcpuCount => "vcpu-count",
            Self::VcpuType => "vcpu-type",
            Self::GuestFeatures => "guest-features",
            Self::Initdata => "initdata",
        })
    }
}
