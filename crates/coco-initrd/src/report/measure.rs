//! Advice for errors of predictions.

use coco_measure::command_line::CommandLineError;
use coco_measure::evidence::EvidenceError;
use coco_measure::firmware::FirmwareError;
use coco_measure::kernel::KernelError;
use coco_measure::snp::SnpError;
use coco_measure::trustee::BasePolicyError;

use super::cause;
use crate::commands::measure::MeasureError;
use crate::measure::PlatformError;
use crate::named_file::FileError;

/// What to do about an error of `measure`, or of a build that predicts.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    cause(error)
        .map(measure_hint)
        .or_else(|| cause(error).map(file_hint))
        .or_else(|| cause(error).map(policy_hint))
        .or_else(|| cause::<EvidenceError>(error).map(|_| EVIDENCE.to_owned()))
        .or_else(|| cause(error).map(host_hint))
        .or_else(|| cause(error).and_then(snp_hint))
        .or_else(|| cause(error).map(firmware_hint))
        .or_else(|| cause(error).map(kernel_hint))
        .or_else(|| cause(error).map(line_hint))
}

fn measure_hint(error: &MeasureError) -> String {
    match error {
        MeasureError::NoPredictions => "give --kernel and --firmware, here or to build",
        MeasureError::Tee { .. } => "give --kernel and --firmware to predict for the other TEE",
        MeasureError::NoCommandLine => "give --cmdline LINE, --kata-config FILE, or a --manifest",
        MeasureError::NoInitrd(_) => "put the drop-in of a build into config.d beside it",
        MeasureError::NoRuntime(_) => "leave --runtime out, or build with a profile for that runtime",
        MeasureError::NotExact { .. } => "give the whole line with --cmdline, as the host gives it",
        MeasureError::SameName(_) => "rename one of the files: their names tell them apart",
        MeasureError::PolicyBase => "leave it out, or ask for that format",
        MeasureError::OtherGuest { .. } => "take the evidence of a guest of that kind, or the other --tee",
        MeasureError::VerifyFormat => "leave --format out, or say json",
        MeasureError::Contradiction(_) => {
            "give --kernel and --firmware to predict anew; `coco-initrd verify` shows all"
        }
        MeasureError::NoLog => "leave it out",
        MeasureError::NotSince(_) => "give a manifest.json with predictions, or what --format json printed",
    }
    .to_owned()
}

const EVIDENCE: &str =
    "give it whole, as guest or verifier has it: the CCEL, claims, a token, a quote or a report";

fn policy_hint(error: &BasePolicyError) -> String {
    match error {
        BasePolicyError::NoEffect { .. } => "give Trustee's own policy, of release 0.17 or later",
        BasePolicyError::Taken { .. } => "take the rule out of the policy, or load the policy as it is",
    }
    .to_owned()
}

fn file_hint(error: &FileError) -> String {
    match error {
        FileError::NotRegular => "give a file; write what a pipe gives to one",
        FileError::TooLarge { .. } => "give the right file: none of this kind is as large",
        FileError::Empty => "give the initrd that the guest boots",
    }
    .to_owned()
}

fn host_hint(error: &PlatformError) -> String {
    match error {
        PlatformError::OtherTee { .. } | PlatformError::Memory => "leave it out",
        PlatformError::Argument(_) => {
            "look at /proc/cmdline of a guest with this firmware, and give --initrd-arg prefix or suffix"
        }
        PlatformError::Unpacking(_) => "get the firmware again, or give --initrd-arg and --kernel-patch",
        PlatformError::Patch => {
            "give --kernel-patch none for QEMU 10.0 and later, or qemu-legacy for older ones (RHEL's 9.1)"
        }
        PlatformError::NoMemory => "give --memory MIB, the guest's memory",
    }
    .to_owned()
}

fn snp_hint(error: &SnpError) -> Option<String> {
    match error {
        SnpError::NoKernelHashes => Some(AMD_SEV.to_owned()),
        SnpError::Firmware(error) => Some(firmware_hint(error)),
        _ => None,
    }
}

const AMD_SEV: &str =
    "take edk2's AmdSev build: kata's AMDSEV.fd, or OVMF.amdsev.fd of Debian's and Ubuntu's ovmf-amdsev";

fn firmware_hint(error: &FirmwareError) -> String {
    match error {
        FirmwareError::Missing(what) if what.contains("TDX") => {
            "take edk2's IntelTdx build: kata's OVMF.inteltdx.fd, or that of ovmf-inteltdx"
        }
        FirmwareError::Missing(_) => AMD_SEV,
        _ => "give the firmware file as it was installed, not its variables and no archive",
    }
    .to_owned()
}

fn kernel_hint(error: &KernelError) -> String {
    match error {
        KernelError::VideoMode => "take vga= out of kernel_params",
        KernelError::InitrdTooLarge { .. } => "give the guest more memory, or make the image smaller",
        _ => "give the kernel that the guest boots, vmlinuz with its EFI stub (CONFIG_EFI_STUB)",
    }
    .to_owned()
}

fn line_hint(error: &CommandLineError) -> String {
    match error {
        CommandLineError::Character { .. } => "write it as the host gives it to QEMU, in ASCII and one line",
        CommandLineError::TooLong { .. } => "shorten kernel_params",
        CommandLineError::Argument(_) => "give the manifest.json that a build of this version wrote",
    }
    .to_owned()
}
