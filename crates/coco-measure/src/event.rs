//! The events that fill the registers RTMR1 and RTMR2 of TDX, and how a register is extended by them.
//!
//! A register is a chain of digests, so it tells that something differs but not what; its events do.

use std::fmt;

use crate::digest::Sha384;
use crate::input::Input;

/// A register of a TD that is extended at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// Firmware configuration, ACPI tables, memory layout: nothing that is known before a boot.
    Rtmr0,
    /// The kernel, and how the firmware started it.
    Rtmr1,
    /// The kernel command line and the initrd.
    Rtmr2,
    /// What runs in the guest may use it.
    Rtmr3,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// The kernel, as PE Authenticode hashes it.
    Kernel,
    /// The text "Calling EFI Application from Boot Option".
    CallingApplication,
    /// The separator between firmware and what it starts: four zero bytes.
    Separator,
    /// The kernel's load options: the command line in UTF-16.
    LoadOptions,
    /// The initrd, as the kernel's EFI stub reads it.
    Initrd,
    /// The text "Exit Boot Services Invocation".
    ExitBootServicesInvocation,
    /// The text "Exit Boot Services Returned with Success".
    ExitBootServicesSuccess,
}

impl Measured {
    /// All of them, in the order in which a guest measures them.
    pub const ALL: [Self; 7] = [
        Self::Kernel,
        Self::CallingApplication,
        Self::Separator,
        Self::LoadOptions,
        Self::Initrd,
        Self::ExitBootServicesInvocation,
        Self::ExitBootServicesSuccess,
    ];
}

/// One event: a digest that a register is extended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The register.
    pub register: Register,
    /// What was measured.
    pub measured: Measured,
    /// Its digest.
    pub digest: Sha384,
    /// What the digest depends on; nothing, if it is the same in every guest.
    pub inputs: Vec<Input>,
}

/// The value of a register that was zeros and is extended with `digests`, in order.
///
/// `TDG.MR.RTMR.EXTEND` of Intel's TDX module specification: SHA-384 of the old value and the digest.
pub fn replay<'a>(digests: impl IntoIterator<Item = &'a Sha384>) -> Sha384 {
    digests.into_iter().fold(Sha384::from([0; 48]), |register, digest| {
        let mut both = [0; 96];
        for (to, from) in both.iter_mut().zip(register.as_bytes().iter().chain(digest.as_bytes())) {
            *to = *from;
        }
        Sha384::of(&both)
    })
}

impl fmt::Display for Register {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Rtmr0 => "rtmr_0",
            Self::Rtmr1 => "rtmr_1",
            Self::Rtmr2 => "rtmr_2",
            Self::Rtmr3 => "rtmr_3",
        })
    }
}

/// A name without spaces, as it is in manifests.
impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Kernel => "kernel",
            Self::CallingApplication => "calling-efi-application",
            Self::Separator => "separator",
            Self::LoadOptions => "load-options",
            Self::Initrd => "initrd",
            Self::ExitBootServicesInvocation => "exit-boot-services-invocation",
            Self::ExitBootServicesSuccess => "exit-boot-services-success",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a guest that Trustee's tests have the log of (`deps/eventlog/test_data/CCEL_data_ovmf`): RTMR1.
    const RTMR_1: [&str; 4] = [
        "a2ccae1e7d6c668ca325bb09c882d8ce44d26d714ba6f58d2e8083fe291a704646afe24a2368bca3341728d78ec80a80",
        "77a0dab2312b4e1e57a84d865a21e5b2ee8d677a21012ada819d0a98988078d3d740f6346bfe0abaa938ca20439a8d71",
        "214b0bef1379756011344877743fdc2a5382bac6e70362d624ccf3f654407c1b4badf7d8f9295dd3dabdef65b27677e0",
        "0a2e01c85deae718a530ad8c6d20a84009babe6c8989269e950d8cf440c6e997695e64d455c4174a652cd080f6230b74",
    ];
    /// Likewise: RTMR2.
    const RTMR_2: [&str; 2] = [
        "4230f84885a6f3f305e91a1955045398bd9edd8ffd2aaf2aab8ad3ac53476c4ac82a3675ef559c4ae949a06e84119fc2",
        "b15af9286108d3d8c9f794a51409e55bad6334f5d96a1e4469f8df2d75fd69aac648d939e13daf6800e82e6c1f6628c4",
    ];

    fn replayed(digests: &[&str]) -> String {
        let digests: Vec<Sha384> = digests.iter().map(|digest| digest.parse().unwrap()).collect();
        replay(&digests).to_string()
    }

    #[test]
    fn the_registers_of_a_real_guest_follow_from_its_log() {
        assert_eq!(
            replayed(&RTMR_1),
            "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6"
        );
        assert_eq!(
            replayed(&RTMR_2),
            "94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a"
        );
    }

    #[test]
    fn a_register_without_events_is_zeros() {
        assert_eq!(replayed(&[]), "0".repeat(96));
    }
}
