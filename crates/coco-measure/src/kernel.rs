//! A Linux kernel as both TEEs see it: a bzImage that is also an EFI program. It is not unpacked.
//!
//! The header is that of Linux' `Documentation/arch/x86/boot.rst`.

mod authenticode;

use crate::bytes::{self, OutOfBounds};
use crate::command_line::{CommandLine, CommandLineError, InitrdArgument};
use crate::digest::{Sha256, Sha384};
use crate::input::Input;

use authenticode::Layout;

/// The first 2.02: it has the address of the command line. All kernels with an EFI stub are newer.
const PROTOCOL_MIN: u16 = 0x0202;
/// Where the header ends that QEMU patches, in bytes.
const HEADER_END: u64 = 0x22c;
/// The longest command line of x86, in bytes (`COMMAND_LINE_SIZE` less its NUL), for kernels that do not say.
const COMMAND_LINE_MAX: u32 = 2047;
/// What QEMU keeps free below the end of the memory for ACPI's tables, in bytes (machine `q35`).
const ACPI_BYTES: u64 = 0x2_8000;

/// A kernel file whose header was read. Both digests read the file again, so they are to be kept.
#[derive(Debug, Clone)]
pub struct Kernel<'a> {
    bytes: &'a [u8],
    layout: Layout,
    protocol: u16,
}

/// What QEMU does to the kernel's header before the firmware gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPatch<'a> {
    /// Nothing: QEMU 10.0 and later, with firmware that takes it so.
    None,
    /// What QEMU before 10.0 does, and later ones for older firmware.
    QemuLegacy(QemuPatch<'a>),
}

/// What the patch depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QemuPatch<'a> {
    /// The guest's memory (`-m`), in MiB.
    pub memory_mib: u32,
    /// The size of the initrd file in bytes, if there is one.
    pub initrd_size: Option<u64>,
    /// The command line: `vga=` in it would be written into the header as well.
    pub command_line: &'a CommandLine,
}

/// What TDX measures of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredKernel {
    digest: Sha384,
    inputs: Vec<Input>,
}

/// Why a file is no kernel that could be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// A header points outside the file.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// Not a kernel, or one without an EFI stub.
    #[error(
        "{what} at offset {offset:#x}: got {got:#x}, expected {expected:#x}: no bzImage with an EFI stub"
    )]
    Constant {
        /// The field.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// Its value.
        got: u32,
        /// The value that all such kernels have.
        expected: u32,
    },
    /// Tools disagree on how such a file is padded, and so on its digest.
    #[error(
        "got a kernel of {got} bytes, expected a multiple of 8: its Authenticode digest would depend on who computes it"
    )]
    Size {
        /// Its size in bytes.
        got: usize,
    },
    /// More sections than the header area could describe, or a header area that is not there.
    #[error("{what} at offset {offset:#x}: got {got:#x}, expected {expected}")]
    Field {
        /// The field.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// Its value.
        got: u64,
        /// What would be right.
        expected: &'static str,
    },
    /// An older boot protocol than any kernel with an EFI stub has.
    #[error(
        "got boot protocol {got:#06x}, expected {:#06x} or newer and a kernel that is loaded high",
        PROTOCOL_MIN
    )]
    Protocol {
        /// The version: major in the upper byte.
        got: u16,
    },
    /// The header would have the screen's mode in it.
    #[error(
        "got `vga=` in the command line, expected none: an older QEMU writes it into the kernel's header"
    )]
    VideoMode,
    /// The initrd does not fit below the end of the memory: such a guest does not start.
    #[error(
        "got an initrd of {got} bytes, expected less than {limit}: it must fit below 4 GiB of a guest of {memory_mib} MiB"
    )]
    InitrdTooLarge {
        /// Its size in bytes.
        got: u64,
        /// Where it would have to end, in bytes.
        limit: u64,
        /// The guest's memory, in MiB.
        memory_mib: u32,
    },
}

impl<'a> Kernel<'a> {
    /// Reads the headers.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, KernelError> {
        let what = "setup header";
        bytes::part(bytes, what, 0, HEADER_END)?;
        constant(bytes, "boot sector", 0x1fe, 2, 0xaa55)?;
        constant(bytes, what, 0x202, 4, u32::from_le_bytes(*b"HdrS"))?;
        let protocol = bytes::u16_at(bytes, what, 0x206)?;
        let [flags] = bytes::array(bytes, what, 0x211)?;
        if protocol < PROTOCOL_MIN || flags & 1 == 0 {
            return Err(KernelError::Protocol { got: protocol });
        }
        let layout = Layout::read(bytes)?;
        if !bytes.len().is_multiple_of(8) {
            return Err(KernelError::Size { got: bytes.len() });
        }
        Ok(Self { bytes, layout, protocol })
    }

    /// SHA-256 of the file, which is what SEV-SNP measures. Reads all of it.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.bytes)
    }

    /// Its Authenticode digest as its signatures have it, if it is signed. Reads all of the file.
    pub fn authenticode_sha256(&self) -> Sha256 {
        Sha256::of_parts(self.layout.parts(&[], self.bytes))
    }

    /// What TDX measures. Reads all of the file.
    pub fn measured(&self, patch: HeaderPatch<'_>) -> Result<MeasuredKernel, KernelError> {
        let mut head = bytes::part(self.bytes, "setup header", 0, HEADER_END)?.to_vec();
        let mut inputs = vec![Input::Kernel];
        if let HeaderPatch::QemuLegacy(patch) = patch {
            self.patch(&mut head, patch)?;
            inputs.extend(patch.initrd_size.iter().flat_map(|_| [Input::InitrdSize, Input::Memory]));
        }
        Ok(MeasuredKernel { digest: Sha384::of_parts(self.layout.parts(&head, self.bytes)), inputs })
    }

    /// Refuses a command line of which the kernel would cut off the end, counted with the argument that the firmware
    /// adds.
    pub fn check(
        &self,
        line: &CommandLine,
        argument: Option<InitrdArgument>,
    ) -> Result<(), CommandLineError> {
        let added = line.load_options(argument).len() - line.as_str().len();
        let (got, limit) = (line.as_str().len(), self.command_line_max().saturating_sub(added));
        if got > limit { Err(CommandLineError::TooLong { got, limit }) } else { Ok(()) }
    }

    /// The longest command line it takes, in bytes: `cmdline_size`, and 255 before protocol 2.06.
    fn command_line_max(&self) -> usize {
        let said = match self.protocol {
            0x206.. => bytes::u32_at(self.bytes, "setup header", 0x238).unwrap_or_default(),
            _ => 255,
        };
        let limit = if said == 0 { COMMAND_LINE_MAX } else { said };
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// `x86_load_linux` of QEMU's `hw/i386/x86-common.c`, for protocol 2.02 and later.
    fn patch(&self, head: &mut [u8], patch: QemuPatch<'_>) -> Result<(), KernelError> {
        if patch.command_line.as_str().contains("vga=") {
            return Err(KernelError::VideoMode);
        }
        put(head, 0x210, &[0xb0]); // type_of_loader: QEMU
        let flags = head.get(0x211).copied().unwrap_or_default();
        put(head, 0x211, &[flags | 0x80]); // loadflags: CAN_USE_HEAP
        put(head, 0x224, &0xfe00_u16.to_le_bytes()); // heap_end_ptr
        put(head, 0x228, &0x2_0000_u32.to_le_bytes()); // cmd_line_ptr
        if let Some(size) = patch.initrd_size {
            let (place, size) = self.initrd_place(patch.memory_mib, size)?;
            put(head, 0x218, &place.to_le_bytes()); // ramdisk_image
            put(head, 0x21c, &size.to_le_bytes()); // ramdisk_size
        }
        Ok(())
    }

    /// Where QEMU puts an initrd, and its size as the header has it: both in bytes.
    fn initrd_place(&self, memory_mib: u32, size: u64) -> Result<(u32, u32), KernelError> {
        let what = "setup header";
        // XLF_CAN_BE_LOADED_ABOVE_4G of xloadflags, else initrd_addr_max.
        let above = self.protocol >= 0x20c && bytes::u16_at(self.bytes, what, 0x236)? & 2 != 0;
        let highest = match self.protocol {
            _ if above => u32::MAX,
            0x203.. => bytes::u32_at(self.bytes, what, 0x22c)?,
            _ => 0x37ff_ffff,
        };
        let memory = u64::from(memory_mib) << 20;
        let low: u64 = if memory < 0xb000_0000 { 0xb000_0000 } else { 0x8000_0000 };
        let below_4g = memory.min(low);
        let end = below_4g.saturating_sub(ACPI_BYTES);
        let limit = u64::from(highest).min(end.saturating_sub(1));
        let place = limit.checked_sub(size).map(|place| place & !0xfff);
        match (place.map(u32::try_from), u32::try_from(size)) {
            (Some(Ok(place)), Ok(size)) if u64::from(size) < limit => Ok((place, size)),
            _ => Err(KernelError::InitrdTooLarge { got: size, limit, memory_mib }),
        }
    }
}

impl MeasuredKernel {
    /// Its Authenticode digest, SHA-384: `tdvfkernel` of Trustee.
    pub fn digest(&self) -> Sha384 {
        self.digest
    }

    /// What the digest depends on.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
}

/// Refuses a field of `size` bytes, at most 4, that has another value than the only one there is.
fn constant(
    bytes: &[u8],
    what: &'static str,
    offset: u64,
    size: u64,
    expected: u32,
) -> Result<(), KernelError> {
    let field = bytes::part(bytes, what, offset, size)?;
    let got = field.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    if got == expected { Ok(()) } else { Err(KernelError::Constant { what, offset, got, expected }) }
}

fn put(head: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in head.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::synthetic;

    /// Why the synthetic kernel is none after `bytes` were written at `at`.
    fn refused(at: usize, bytes: &[u8], error: &Expect) {
        let mut file = synthetic::kernel();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        error.assert_eq(&Kernel::parse(&file).unwrap_err().to_string());
    }

    /// What QEMU 9.1 would have measured, or why it would not.
    fn patched(
        file: &[u8],
        line: &str,
        memory_mib: u32,
        initrd_size: Option<u64>,
    ) -> Result<MeasuredKernel, KernelError> {
        let command_line = &line.parse().unwrap();
        let patch = QemuPatch { memory_mib, initrd_size, command_line };
        Kernel::parse(file).unwrap().measured(HeaderPatch::QemuLegacy(patch))
    }

    #[test]
    fn what_is_no_kernel_with_an_efi_stub_is_an_error() {
        refused(
            0x1fe,
            &[0],
            &expect!["boot sector at offset 0x1fe: got 0xaa00, expected 0xaa55: no bzImage with an EFI stub"],
        );
        refused(
            0x202,
            b"hdrs",
            &expect![
                "setup header at offset 0x202: got 0x73726468, expected 0x53726448: no bzImage with an EFI stub"
            ],
        );
        refused(
            0x206,
            &[1, 2],
            &expect!["got boot protocol 0x0201, expected 0x0202 or newer and a kernel that is loaded high"],
        );
        refused(
            0x211,
            &[0],
            &expect!["got boot protocol 0x020f, expected 0x0202 or newer and a kernel that is loaded high"],
        );
        refused(
            0,
            b"ZM",
            &expect!["DOS header at offset 0x0: got 0x4d5a, expected 0x5a4d: no bzImage with an EFI stub"],
        );
        refused(
            0x40,
            b"NE",
            &expect!["PE header at offset 0x40: got 0x454e, expected 0x4550: no bzImage with an EFI stub"],
        );
        refused(
            0x44,
            &[0x4c, 0x01],
            &expect![
                "machine of the PE header at offset 0x44: got 0x14c, expected 0x8664: no bzImage with an EFI stub"
            ],
        );
        refused(
            0x58,
            &[0x0b, 0x01],
            &expect![
                "magic of the PE header at offset 0x58: got 0x10b, expected 0x20b: no bzImage with an EFI stub"
            ],
        );
        let error = Kernel::parse(b"MZ").unwrap_err();
        expect!["setup header: got a file of 0x2 bytes, expected 0x22c bytes at offset 0x0"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn headers_that_lie_about_the_file_are_errors() {
        refused(
            0x3c,
            &[0xff, 0xff, 0xff, 0xff],
            &expect!["PE header: got a file of 0x3000 bytes, expected 0x4 bytes at offset 0xffffffff"],
        );
        refused(
            0x46,
            &[97, 0],
            &expect!["number of PE sections at offset 0x46: got 0x61, expected at most 96"],
        );
        refused(
            0x58 + 60,
            &[0x40, 1],
            &expect![
                "size of the PE headers at offset 0x94: got 0x140, expected all of the headers, and no more than the file"
            ],
        );
        refused(
            0x58 + 60,
            &[0, 0, 1],
            &expect![
                "size of the PE headers at offset 0x94: got 0x10000, expected all of the headers, and no more than the file"
            ],
        );
        refused(
            0xf8 + 16,
            &[0, 0, 0xff],
            &expect![
                "contents of a PE section: got a file of 0x3000 bytes, expected 0xff0000 bytes at offset 0x1000"
            ],
        );
        refused(
            0xf8 + 20,
            &[0, 0x20],
            &expect![
                "place of a PE section at offset 0x2000: got 0x2000, expected the end of the headers or of the section before"
            ],
        );
        refused(
            0xf8 + 16,
            &[0, 0x0f],
            &expect![
                "place of a PE section at offset 0x2000: got 0x2000, expected the end of the headers or of the section before"
            ],
        );
        // Signatures that are not where the file ends.
        refused(
            0x58 + 144,
            &[0, 0x20, 0, 0, 8],
            &expect![
                "place of the signatures at offset 0xe8: got 0x2000, expected signatures at the end of the file"
            ],
        );
    }

    #[test]
    fn a_size_that_tools_disagree_about_is_an_error() {
        let file = [synthetic::kernel(), vec![0]].concat();
        expect!["got a kernel of 12289 bytes, expected a multiple of 8: its Authenticode digest would depend on who computes it"].assert_eq(&Kernel::parse(&file).unwrap_err().to_string());
    }

    #[test]
    fn a_signature_does_not_move_the_digest() {
        let unsigned = synthetic::kernel();
        let mut signed = unsigned.clone();
        signed[0x58 + 144..0x58 + 152].copy_from_slice(&[0, 0x30, 0, 0, 16, 0, 0, 0]);
        signed.extend([0xaa; 16]);
        signed[0x58 + 64] ^= 0xff; // checksum
        let digest = |file: &[u8]| Kernel::parse(file).unwrap().measured(HeaderPatch::None).unwrap().digest();
        assert_eq!(digest(&signed), digest(&unsigned));
        assert_ne!(Sha256::of(&signed), Sha256::of(&unsigned));
    }

    #[test]
    fn what_a_patched_header_depends_on_is_known() {
        let file = synthetic::kernel();
        let inputs = |initrd| patched(&file, "", 2048, initrd).unwrap().inputs().to_vec();
        assert_eq!(inputs(None), [Input::Kernel]);
        assert_eq!(inputs(Some(1)), [Input::Kernel, Input::InitrdSize, Input::Memory]);
    }

    #[test]
    fn memory_matters_as_far_as_it_moves_the_initrd() {
        let file = synthetic::kernel();
        let digest = |memory| patched(&file, "", memory, Some(1)).unwrap().digest();
        assert_eq!(digest(2048), digest(2816)); // 0x80000000 and 0xb0000000
        assert_eq!(digest(2048), digest(65_536));
        assert_ne!(digest(2048), digest(2815));
        assert_ne!(digest(2048), digest(2047));
    }

    #[test]
    fn a_kernel_may_say_how_high_its_initrd_may_be() {
        let mut file = synthetic::kernel();
        file[0x22c..0x230].copy_from_slice(&0x37ff_ffff_u32.to_le_bytes());
        let digest = |file: &[u8], memory| patched(file, "", memory, Some(1)).unwrap().digest();
        // XLF_CAN_BE_LOADED_ABOVE_4G counts more than initrd_addr_max.
        assert_ne!(digest(&file, 1024), digest(&file, 2048));
        file[0x236] = 0x7d;
        assert_eq!(digest(&file, 1024), digest(&file, 2048));
    }

    #[test]
    fn a_screen_mode_in_the_command_line_is_an_error() {
        let error = patched(&synthetic::kernel(), "quiet vga=791", 2048, None).unwrap_err();
        expect![
            "got `vga=` in the command line, expected none: an older QEMU writes it into the kernel's header"
        ]
        .assert_eq(&error.to_string());
    }

    #[test]
    fn an_initrd_that_does_not_fit_is_an_error() {
        let error =
            |memory, size| patched(&synthetic::kernel(), "", memory, Some(size)).unwrap_err().to_string();
        expect!["got an initrd of 67108864 bytes, expected less than 66945023: it must fit below 4 GiB of a guest of 64 MiB"].assert_eq(&error(64, 64 << 20));
        expect![
            "got an initrd of 1 bytes, expected less than 0: it must fit below 4 GiB of a guest of 0 MiB"
        ]
        .assert_eq(&error(0, 1));
        expect!["got an initrd of 5368709120 bytes, expected less than 2147319807: it must fit below 4 GiB of a guest of 8192 MiB"].assert_eq(&error(8192, 5 << 30));
    }

    #[test]
    fn a_command_line_that_would_be_cut_off_is_an_error() {
        let file = synthetic::kernel();
        let kernel = Kernel::parse(&file).unwrap();
        let line = |length| "x".repeat(length).parse().unwrap();
        assert_eq!(kernel.check(&line(2047), None), Ok(()));
        assert_eq!(kernel.check(&line(2033), Some(InitrdArgument::Prefix)), Ok(()));
        let error = kernel.check(&line(2034), Some(InitrdArgument::Suffix)).unwrap_err();
        expect!["got a command line of 2034 bytes, expected at most 2033: the kernel takes no more"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn a_kernel_says_how_long_its_command_line_may_be() {
        let mut file = synthetic::kernel();
        file[0x238] = 100;
        let check = |file: &[u8], length| {
            let line = "x".repeat(length).parse().unwrap();
            Kernel::parse(file).unwrap().check(&line, None).is_ok()
        };
        assert_eq!([check(&file, 100), check(&file, 101)], [true, false]);
        file[0x206] = 5; // protocol 2.05
        assert_eq!([check(&file, 255), check(&file, 256)], [true, false]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn no_change_of_a_header_makes_it_panic(at in 0_usize..0x260, bytes: [u8; 4], end in 0_usize..0x3001) {
            let mut file = synthetic::kernel();
            file[at..at + 4].copy_from_slice(&bytes);
            file.truncate(end.max(0x264));
            if let Ok(kernel) = Kernel::parse(&file) {
                let line = "quiet".parse().unwrap();
                let patch = QemuPatch { memory_mib: 2048, initrd_size: Some(1), command_line: &line };
                let _ = (kernel.measured(HeaderPatch::QemuLegacy(patch)), kernel.check(&line, None));
            }
        }
    }
}
