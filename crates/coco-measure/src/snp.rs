//! SEV-SNP: the launch digest that `MEASUREMENT` of a report has. Not what else is in a report.
//!
//! A chain like that of a register, one link a page: `PAGE_INFO` in "SEV Secure Nested Paging Firmware ABI
//! Specification", AMD 56860, section 8.17. QEMU (`target/i386/sev.c`) puts the firmware in first, then what its
//! metadata asks for, then one page for each vCPU. So all numbers of vCPUs share one chain.

mod hashes;
mod vcpus;
mod vmsa;

use std::collections::BTreeMap;

use crate::bytes;
use crate::command_line::CommandLine;
use crate::digest::{Sha256, Sha384};
use crate::firmware::{Firmware, FirmwareError, PAGE, SevSection, SevSectionKind};
use crate::input::Input;

pub use vcpus::{GuestFeatures, NotANumber, VcpuCounts, VcpuCountsError, VcpuType, VcpuTypeError};

/// Guest physical address that all pages of vCPUs are measured with (AMD 56860, section 8.17.2).
const VMSA_GPA: u64 = 0xffff_ffff_f000;
/// The first byte behind the firmware.
const FIRMWARE_END: u64 = 1 << 32;

/// What the hypervisor starts a guest with, beside the firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The kernel, if QEMU is given one (`-kernel`, with `kernel-hashes=on`).
    pub kernel: Option<DirectBoot>,
    /// The vCPUs' model (`-cpu`).
    pub vcpu_type: VcpuType,
    /// What KVM turns on.
    pub guest_features: GuestFeatures,
}

/// What QEMU starts without a boot loader, by digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectBoot {
    /// SHA-256 of the kernel file.
    pub kernel: Sha256,
    /// SHA-256 of the initrd file, packed as it is.
    pub initrd: Option<Sha256>,
    /// The command line that QEMU is given (`-append`).
    pub command_line: CommandLine,
}

/// Why there is no launch digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnpError {
    /// The firmware's tables are wrong, or one is missing.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// QEMU maps whole pages.
    #[error("got {got} bytes of firmware, expected whole pages of {} bytes", PAGE)]
    FirmwareSize {
        /// Its size in bytes.
        got: usize,
    },
    /// The firmware would start whatever the host gives it, so QEMU does not start it with a kernel.
    #[error("got firmware without an SNP_KERNEL_HASHES section, expected one: a kernel is to be measured")]
    NoKernelHashes,
    /// The table would not be where the firmware looks for it.
    #[error(
        "got a place for kernel hashes at {place:#x} and their section at {section:#x}, expected the place in that page"
    )]
    HashesElsewhere {
        /// Where the firmware looks.
        place: u32,
        /// The page that is measured.
        section: u32,
    },
    /// A section that is one page, and is not.
    #[error("got {got:#x} bytes in the SEV section at {gpa:#x}, expected one page of {:#x}", PAGE)]
    NotOnePage {
        /// Its address.
        gpa: u32,
        /// Its size in bytes.
        got: u32,
    },
}

/// The launch digest for each of these numbers of vCPUs. The firmware is hashed once.
pub fn launch_digests(
    firmware: &Firmware<'_>,
    launch: &Launch,
    vcpus: VcpuCounts,
) -> Result<BTreeMap<u16, Sha384>, SnpError> {
    let sections = firmware.sev_sections()?;
    let is_room = |section: &SevSection| section.kind == SevSectionKind::KernelHashes && section.size != 0;
    if launch.kernel.is_some() && !sections.iter().any(is_room) {
        return Err(SnpError::NoKernelHashes);
    }
    let mut chain = Chain { digest: firmware_digest(firmware)? };
    for section in sections {
        chain.section(firmware, section, launch.kernel.as_ref())?;
    }
    let page = |eip| Sha384::of(&vmsa::page(eip, launch.vcpu_type, launch.guest_features));
    chain.add(PageKind::Vmsa, VMSA_GPA, &page(vmsa::FIRST_EIP));
    let mut digests = BTreeMap::from([(1, chain.digest)]);
    if vcpus.last() > 1 {
        let other = page(firmware.reset_eip()?);
        for count in 2..=vcpus.last() {
            chain.add(PageKind::Vmsa, VMSA_GPA, &other);
            digests.insert(count, chain.digest);
        }
    }
    digests.retain(|count, _| *count >= vcpus.first());
    Ok(digests)
}

/// The digest after the firmware, before all else: `snp:ovmf-hash` of others' tools.
pub fn firmware_digest(firmware: &Firmware<'_>) -> Result<Sha384, SnpError> {
    let bytes = firmware.bytes();
    let (pages, rest) = bytes.as_chunks::<4096>();
    if !rest.is_empty() {
        return Err(SnpError::FirmwareSize { got: bytes.len() });
    }
    let mut chain = Chain { digest: NOTHING };
    let start = FIRMWARE_END.saturating_sub(bytes::size(bytes));
    // Half of a firmware is padding: pages that are equal to the one before are not hashed again.
    let mut last: Option<(&[u8; 4096], Sha384)> = None;
    for (page, gpa) in pages.iter().zip((start..).step_by(4096)) {
        let digest = match last {
            Some((same, digest)) if same == page => digest,
            _ => Sha384::of(page),
        };
        chain.add(PageKind::Normal, gpa, &digest);
        last = Some((page, digest));
    }
    Ok(chain.digest)
}

impl Launch {
    /// What the digests depend on.
    pub fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![Input::Firmware];
        if let Some(boot) = &self.kernel {
            inputs.push(Input::Kernel);
            inputs.extend(boot.initrd.map(|_| Input::Initrd));
            inputs.push(Input::CommandLine);
        }
        inputs.extend([Input::VcpuCount, Input::VcpuType, Input::GuestFeatures]);
        inputs
    }
}

/// Contents of pages that are not measured, and the digest before the first page.
const NOTHING: Sha384 = Sha384::zeros();

/// `PAGE_TYPE` of `SNP_LAUNCH_UPDATE`.
#[derive(Debug, Clone, Copy)]
enum PageKind {
    Normal,
    Vmsa,
    Zero,
    Secrets,
    Cpuid,
}

/// The launch digest as it grows.
struct Chain {
    digest: Sha384,
}

impl Chain {
    /// One page: `contents` is the digest of its bytes, or [`NOTHING`].
    fn add(&mut self, kind: PageKind, gpa: u64, contents: &Sha384) {
        const LENGTH: u16 = 0x70;
        let kind = match kind {
            PageKind::Normal => 1,
            PageKind::Vmsa => 2,
            PageKind::Zero => 3,
            PageKind::Secrets => 5,
            PageKind::Cpuid => 6,
        };
        let [low, high] = LENGTH.to_le_bytes();
        // The length, the kind, and zeros: no initial migration image, and no permissions of other VMPLs.
        let fields = [low, high, kind, 0, 0, 0, 0, 0];
        let page_info = [self.digest.as_bytes(), contents.as_bytes(), &fields[..], &gpa.to_le_bytes()];
        self.digest = Sha384::of_parts(page_info);
    }

    fn section(
        &mut self,
        firmware: &Firmware<'_>,
        section: &SevSection,
        boot: Option<&DirectBoot>,
    ) -> Result<(), SnpError> {
        match (section.kind, boot) {
            (SevSectionKind::KernelHashes, Some(boot)) if section.size != 0 => {
                self.hashes(firmware, section, boot)?;
            }
            (
                SevSectionKind::Memory | SevSectionKind::ServiceCallingArea | SevSectionKind::KernelHashes,
                _,
            ) => {
                section.pages().for_each(|gpa| self.add(PageKind::Zero, gpa, &NOTHING));
            }
            (SevSectionKind::Secrets, _) => self.one(PageKind::Secrets, section)?,
            (SevSectionKind::Cpuid, _) => self.one(PageKind::Cpuid, section)?,
        }
        Ok(())
    }

    fn one(&mut self, kind: PageKind, section: &SevSection) -> Result<(), SnpError> {
        one_page(section)?;
        self.add(kind, section.gpa.into(), &NOTHING);
        Ok(())
    }

    fn hashes(
        &mut self,
        firmware: &Firmware<'_>,
        section: &SevSection,
        boot: &DirectBoot,
    ) -> Result<(), SnpError> {
        one_page(section)?;
        let page = hashes::page(firmware.hash_table()?, section.gpa, boot)?;
        self.add(PageKind::Normal, section.gpa.into(), &Sha384::of(&page));
        Ok(())
    }
}

/// Refuses a section that is more or less than a page.
fn one_page(section: &SevSection) -> Result<(), SnpError> {
    if u64::from(section.size) == PAGE {
        Ok(())
    } else {
        Err(SnpError::NotOnePage { gpa: section.gpa, got: section.size })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::synthetic::{self, Parts};

    fn launch() -> Launch {
        Launch {
            kernel: Some(DirectBoot {
                kernel: Sha256::of(&synthetic::kernel()),
                initrd: Some(Sha256::of(&synthetic::initrd())),
                command_line: "console=hvc0 panic=1".parse().unwrap(),
            }),
            vcpu_type: "EPYC-v4".parse().unwrap(),
            guest_features: GuestFeatures::SNP,
        }
    }

    fn digests(parts: &Parts, launch: &Launch, vcpus: &str) -> Result<BTreeMap<u16, Sha384>, SnpError> {
        let bytes = parts.build();
        launch_digests(&Firmware::parse(&bytes)?, launch, vcpus.parse().unwrap())
    }

    /// Why a guest with a kernel and two vCPUs has no digest.
    fn refused(parts: &Parts, error: &Expect) {
        error.assert_eq(&digests(parts, &launch(), "2").unwrap_err().to_string());
    }

    #[test]
    fn the_digest_after_the_metadata_is_that_of_others() {
        let bytes = synthetic::snp_firmware().build();
        let firmware = Firmware::parse(&bytes).unwrap();
        let mut chain = Chain { digest: firmware_digest(&firmware).unwrap() };
        for section in firmware.sev_sections().unwrap() {
            chain.section(&firmware, section, launch().kernel.as_ref()).unwrap();
        }
        assert_eq!(
            chain.digest.to_string(),
            "ad39575400d298ca3dc0f4cf77b72ef895bd446a95a21a0393d80a34b454b62865573d97d937ce23709272e028d20a63"
        );
    }

    #[test]
    fn a_kernel_needs_firmware_that_compares_its_hash() {
        let mut parts = synthetic::snp_firmware();
        parts.sev.as_mut().unwrap().pop();
        refused(
            &parts,
            &expect![
                "got firmware without an SNP_KERNEL_HASHES section, expected one: a kernel is to be measured"
            ],
        );
        assert!(digests(&parts, &Launch { kernel: None, ..launch() }, "2").is_ok());
        // A section without memory has no room for them.
        parts.sev.as_mut().unwrap().push([0x81_0000, 0, 0x10]);
        refused(
            &parts,
            &expect![
                "got firmware without an SNP_KERNEL_HASHES section, expected one: a kernel is to be measured"
            ],
        );
    }

    #[test]
    fn tables_that_do_not_fit_together_are_errors() {
        let parts = synthetic::snp_firmware();
        refused(
            &Parts { hash_table: None, ..parts.clone() },
            &expect!["got firmware without a place for kernel hashes"],
        );
        refused(
            &Parts { hash_table: Some([0x90_0000, 0x400]), ..parts.clone() },
            &expect![
                "got a place for kernel hashes at 0x900000 and their section at 0x810000, expected the place in that page"
            ],
        );
        refused(
            &Parts { reset_eip: None, ..parts.clone() },
            &expect!["got firmware without a SEV-ES reset block"],
        );
        refused(&Parts { sev: None, ..parts.clone() }, &expect!["got firmware without SEV metadata"]);
        refused(
            &Parts { size: 0x2001, ..parts.clone() },
            &expect!["got 8193 bytes of firmware, expected whole pages of 4096 bytes"],
        );
        let mut two_pages = parts;
        two_pages.sev.as_mut().unwrap()[1] = [0x80_c000, 0x2000, 2];
        refused(
            &two_pages,
            &expect!["got 0x2000 bytes in the SEV section at 0x80c000, expected one page of 0x1000"],
        );
    }

    #[test]
    fn one_vcpu_needs_no_reset_block() {
        let parts = Parts { reset_eip: None, ..synthetic::snp_firmware() };
        assert!(digests(&parts, &launch(), "1").is_ok());
    }

    #[test]
    fn a_table_of_counts_is_that_of_each_count() {
        let parts = synthetic::snp_firmware();
        let all = digests(&parts, &launch(), "1-8").unwrap();
        for (count, digest) in &all {
            let one = digests(&parts, &launch(), &count.to_string()).unwrap();
            assert_eq!(one, BTreeMap::from([(*count, *digest)]));
        }
        assert_eq!(all.len(), 8);
    }
}
