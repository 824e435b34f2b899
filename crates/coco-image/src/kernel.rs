//! What a kernel can unpack, found out from the kernel itself.
//!
//! A kernel that can't read a layer logs one line and goes on without it. So, where a kernel is at
//! hand, its embedded configuration (`CONFIG_IKCONFIG`) is asked, or else the messages of its
//! decompressors, which are there only if the decompressor is. Works on a bzImage (x86 boot protocol
//! 2.08 and later, `Documentation/arch/x86/boot.rst`) and on an uncompressed vmlinux.

use std::io::{self, Read};

use memchr::memmem;

use crate::decompress::{self, Budget, Format, Streams};
use crate::units::Method;

/// Most a kernel may unpack to, in bytes: distribution kernels have less than 100 MiB.
const KERNEL_MAX: u64 = 512 << 20;

/// Marks the embedded configuration (Linux `kernel/configs.c`); gzip follows.
const CONFIG_START: &[u8] = b"IKCFG_ST";

/// Option and decompressor message of each method.
const METHODS: &[(Method, &str, &[u8])] = &[
    // lib/decompress_inflate.c
    (Method::Gzip, "CONFIG_RD_GZIP=y", b"Out of memory while allocating z_stream"),
    // lib/decompress_unzstd.c
    (Method::Zstd, "CONFIG_RD_ZSTD=y", b"ZSTD-compressed data is corrupt"),
];

/// How it was found out what a kernel reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// Its embedded configuration.
    Configuration,
    /// Its decompressors' messages.
    Messages,
}

impl Witness {
    /// The word for it in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "embedded configuration",
            Self::Messages => "decompressor messages",
        }
    }
}

/// Why a file does not say what it reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// Neither a bzImage nor an ELF file.
    #[error("not a kernel: neither a bzImage nor a vmlinux")]
    NotKernel,
    /// The boot header points outside the file.
    #[error("the boot header's payload ({offset} + {len} bytes) is not in the file of {size} bytes")]
    Payload {
        /// Start of the payload in the file.
        offset: usize,
        /// Its length.
        len: usize,
        /// The file's size.
        size: usize,
    },
    /// The payload can't be unpacked.
    #[error("the kernel's payload ({format}) can't be unpacked: {reason}")]
    Unpack {
        /// Its compression.
        format: String,
        /// The reason.
        reason: String,
    },
    /// It neither has a configuration nor any known decompressor.
    #[error("the kernel has neither an embedded configuration nor a known decompressor")]
    Silent,
}

/// The methods that `kernel` can unpack, besides none, and how that is known.
pub fn reads(kernel: &[u8]) -> Result<(Vec<Method>, Witness), KernelError> {
    let vmlinux = if kernel.starts_with(b"\x7fELF") { kernel.to_vec() } else { unpack(kernel)? };
    if let Some(configuration) = configuration(&vmlinux) {
        let has = |option: &str| configuration.lines().any(|line| line == option);
        let methods = METHODS.iter().filter(|(_, option, _)| has(option)).map(|(method, ..)| *method);
        return Ok((methods.collect(), Witness::Configuration));
    }
    let has = |message: &[u8]| memmem::find(&vmlinux, message).is_some();
    let methods: Vec<Method> =
        METHODS.iter().filter(|(.., message)| has(message)).map(|(method, ..)| *method).collect();
    if methods.is_empty() { Err(KernelError::Silent) } else { Ok((methods, Witness::Messages)) }
}

/// The vmlinux in a bzImage.
fn unpack(kernel: &[u8]) -> Result<Vec<u8>, KernelError> {
    let field = |at: usize, len: usize| {
        let bytes = kernel.get(at..at + len).ok_or(KernelError::NotKernel)?;
        let value = bytes.iter().rev().fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
        usize::try_from(value).map_err(|_| KernelError::NotKernel)
    };
    // boot.rst, "The Real-Mode Kernel Header": header, setup_sects, payload_offset, payload_length
    if kernel.get(0x202..0x206) != Some(b"HdrS") {
        return Err(KernelError::NotKernel);
    }
    let setup_sectors = match field(0x1f1, 1)? {
        0 => 4,
        sectors => sectors,
    };
    let offset = (setup_sectors + 1) * 512 + field(0x248, 4)?;
    let len = field(0x24c, 4)?;
    let payload = kernel
        .get(offset..offset.saturating_add(len))
        .filter(|payload| !payload.is_empty())
        .ok_or(KernelError::Payload { offset, len, size: kernel.len() })?;
    let format = Format::of(payload);
    let failed = |reason: String| KernelError::Unpack { format: format.to_string(), reason };
    let reader = payload_reader(format, payload).map_err(|e| failed(e.to_string()))?;
    let mut vmlinux = Vec::new();
    Budget::new(KERNEL_MAX).bound(reader).read_to_end(&mut vmlinux).map_err(|e| failed(e.to_string()))?;
    Ok(vmlinux)
}

fn payload_reader(format: Format, payload: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    // The unpacked size follows the stream (scripts/Makefile.lib, `size_append`), and a legacy lz4
    // stream has no end: the decoder would take the size for one more block.
    let behind = if format == Format::Lz4 { 4 } else { 0 };
    let stream = payload.len().checked_sub(behind).and_then(|end| payload.get(..end));
    decompress::reader(format, Streams::One, stream.unwrap_or_default())
}

fn configuration(vmlinux: &[u8]) -> Option<String> {
    let start = memmem::find(vmlinux, CONFIG_START)? + CONFIG_START.len();
    let mut text = String::new();
    let reader = decompress::reader(Format::Gzip, Streams::One, vmlinux.get(start..)?).ok()?;
    Budget::new(KERNEL_MAX).bound(reader).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    /// A bzImage with this payload, as far as its boot header goes.
    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut kernel = vec![0; 1024];
        kernel[0x1f1] = 1;
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        kernel[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        kernel.extend_from_slice(payload);
        kernel
    }

    #[test]
    fn an_embedded_configuration_decides() {
        let configuration = gzip(b"CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n");
        let vmlinux = [b"\x7fELF ZSTD-compressed data is corrupt IKCFG_ST".to_vec(), configuration].concat();
        let expected = Ok((vec![Method::Gzip], Witness::Configuration));
        assert_eq!(reads(&vmlinux), expected);
        assert_eq!(reads(&bzimage(&gzip(&vmlinux))), expected);
    }

    #[test]
    fn without_a_configuration_the_decompressors_messages_decide() {
        let vmlinux = b"\x7fELF ZSTD-compressed data is corrupt\0Out of memory while allocating z_stream";
        assert_eq!(reads(vmlinux), Ok((vec![Method::Gzip, Method::Zstd], Witness::Messages)));
    }

    #[test]
    fn what_is_no_kernel_is_told() {
        let mut cut = bzimage(b"payload");
        cut.truncate(1024);
        for (kernel, message) in [
            (b"hello".to_vec(), "not a kernel: neither a bzImage nor a vmlinux"),
            (cut, "the boot header's payload (1024 + 7 bytes) is not in the file of 1024 bytes"),
            (
                b"\x7fELF nothing".to_vec(),
                "the kernel has neither an embedded configuration nor a known decompressor",
            ),
            (
                bzimage(&gzip(b"x")[..15]),
                "the kernel's payload (gzip) can't be unpacked: unexpected end of file",
            ),
        ] {
            assert_eq!(reads(&kernel).unwrap_err().to_string(), message);
        }
    }
}
