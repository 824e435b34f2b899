//! What a firmware will do with a kernel, by the texts in its compressed volumes. It is read, not run.

use std::io::Read as _;

use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use memchr::memmem;

use super::footer::canonical;
use crate::bytes;
use crate::command_line::InitrdArgument;

/// `EFI_FIRMWARE_VOLUME...LzmaCustomDecompress`: a section whose contents are an LZMA-alone stream, as it is written.
const LZMA: [u8; 16] = 0xee4e_5898_3914_4259_9d6e_dc7b_d794_03cf_u128.to_be_bytes();
/// Most that all volumes may unpack to, in bytes. Real ones have 12 to 16 MiB.
const UNPACKED_MAX: u64 = 64 << 20;
/// Most memory that a decoder may ask for, in bytes: its dictionary is at most as large as what it unpacks.
const MEMORY_MAX: u64 = 2 * UNPACKED_MAX;
/// Type of a section that says by a GUID how it is packed (`EFI_SECTION_GUID_DEFINED`).
const GUID_DEFINED: u8 = 2;

/// The texts, as C has them, in C.
const PREFIX: &[u8] = b"initrd=initrd \0";
const SUFFIX: &[u8] = b" initrd=initrd\0";
/// Where QEMU offers the kernel as it is on the disk (`etc/boot/kernel` of `fw_cfg`).
const UNPATCHED: &[u8] = b"etc/boot/";

/// What was found in a firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    prefix: Found,
    suffix: Found,
    unpatched: Found,
}

/// Whether a text is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    No,
    Yes,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// A volume that cannot be unpacked.
    #[error("compressed volume at offset {offset:#x} of the firmware: {message}")]
    Damaged {
        /// Where its data is.
        offset: u64,
        /// What is wrong with it.
        message: String,
    },
    /// More than any firmware unpacks to.
    #[error(
        "compressed volume at offset {offset:#x} of the firmware: got over {} bytes, expected less",
        UNPACKED_MAX
    )]
    TooLarge {
        /// Where its data is.
        offset: u64,
    },
    /// None of the texts.
    #[error("got neither ` initrd=initrd` nor `initrd=initrd ` in the firmware, expected one of them")]
    NoArgument,
    /// Both of the texts.
    #[error("got both ` initrd=initrd` and `initrd=initrd ` in the firmware, expected one of them")]
    BothArguments,
}

impl Probe {
    pub(super) fn of(firmware: &[u8]) -> Result<Self, ProbeError> {
        let mut probe = Self { prefix: Found::No, suffix: Found::No, unpatched: Found::No };
        probe.look(firmware);
        let mut left = UNPACKED_MAX;
        for offset in volumes(firmware) {
            let start = usize::try_from(offset).ok();
            let packed = start.and_then(|start| firmware.get(start..)).unwrap_or_default();
            let unpacked = unpack(packed, offset, left)?;
            left -= bytes::size(&unpacked).min(left);
            probe.look(&unpacked);
        }
        Ok(probe)
    }

    /// Where the firmware will put `initrd=initrd`.
    pub fn initrd_argument(&self) -> Result<InitrdArgument, ProbeError> {
        match (self.prefix, self.suffix) {
            (Found::Yes, Found::No) => Ok(InitrdArgument::Prefix),
            (Found::No, Found::Yes) => Ok(InitrdArgument::Suffix),
            (Found::No, Found::No) => Err(ProbeError::NoArgument),
            (Found::Yes, Found::Yes) => Err(ProbeError::BothArguments),
        }
    }

    /// Whether it takes the kernel that QEMU 10.0 and later do not patch. One that does not starts a kernel whose
    /// header has the initrd's place and size in it.
    pub fn takes_unpatched_kernel(&self) -> bool {
        self.unpatched == Found::Yes
    }

    fn look(&mut self, bytes: &[u8]) {
        let texts =
            [(&mut self.prefix, PREFIX), (&mut self.suffix, SUFFIX), (&mut self.unpatched, UNPATCHED)];
        for (found, text) in texts {
            if *found == Found::No && memmem::find(bytes, text).is_some() {
                *found = Found::Yes;
            }
        }
    }
}

/// The offsets of what is packed: behind the header of each section with the GUID.
fn volumes(firmware: &[u8]) -> Vec<u64> {
    let guid = canonical(LZMA);
    memmem::find_iter(firmware, &guid).filter_map(|at| volume(firmware, u64::try_from(at).ok()?)).collect()
}

/// The GUID follows a section's header: 24-bit size and type, and, if the size is all ones, a 32-bit size.
/// Behind it is the offset of the data, from the header. Elsewhere the same bytes mean something else.
fn volume(firmware: &[u8], guid: u64) -> Option<u64> {
    let offset = u64::from(bytes::u16_at(firmware, "section", guid + 16).ok()?);
    [4, 8].into_iter().find_map(|header| {
        let start = guid.checked_sub(header)?;
        let [size @ .., kind] = bytes::array::<4>(firmware, "section", start).ok()?;
        let extended = size == [0xff; 3];
        let fits = kind == GUID_DEFINED && extended == (header == 8) && offset >= header + 20;
        fits.then_some(start + offset)
    })
}

fn unpack(packed: &[u8], offset: u64, limit: u64) -> Result<Vec<u8>, ProbeError> {
    let damaged = |message: String| ProbeError::Damaged { offset, message };
    let decoder = Stream::new_lzma_decoder(MEMORY_MAX).map_err(|error| damaged(error.to_string()))?;
    let mut unpacked = Vec::new();
    let mut reader = XzDecoder::new_stream(packed, decoder).take(limit + 1);
    reader.read_to_end(&mut unpacked).map_err(|error| damaged(error.to_string()))?;
    if bytes::size(&unpacked) > limit {
        return Err(ProbeError::TooLarge { offset });
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::synthetic;

    /// A probe of padding around a volume with `texts`.
    fn probe(texts: &[u8]) -> Probe {
        let volume = synthetic::volume(texts);
        Probe::of(&[&[0xff; 40], &volume[..], &[0xff; 4000]].concat()).unwrap()
    }

    fn refused(firmware: &[u8], error: &Expect) {
        error.assert_eq(&Probe::of(firmware).unwrap_err().to_string());
    }

    #[test]
    fn newer_firmware_puts_the_argument_in_front() {
        let probe = probe(b"kernel \0initrd=initrd \0etc/boot/kernel\0");
        assert_eq!(probe.initrd_argument(), Ok(InitrdArgument::Prefix));
        assert!(probe.takes_unpatched_kernel());
    }

    #[test]
    fn older_firmware_puts_the_argument_behind() {
        let probe = probe(b"\0 initrd=initrd\0etc/boot-fail-wait\0");
        assert_eq!(probe.initrd_argument(), Ok(InitrdArgument::Suffix));
        assert!(!probe.takes_unpatched_kernel());
    }

    #[test]
    fn what_is_not_sure_is_an_error() {
        let both = probe(b" initrd=initrd\0initrd=initrd \0").initrd_argument();
        expect!["got both ` initrd=initrd` and `initrd=initrd ` in the firmware, expected one of them"]
            .assert_eq(&both.unwrap_err().to_string());
        // A text that goes on is another one.
        let neither = probe(b"initrd=initrd quiet\0 initrd=initrd2\0").initrd_argument();
        expect!["got neither ` initrd=initrd` nor `initrd=initrd ` in the firmware, expected one of them"]
            .assert_eq(&neither.unwrap_err().to_string());
    }

    #[test]
    fn firmware_that_is_not_packed_is_read_as_well() {
        let probe = Probe::of(b"initrd=initrd \0").unwrap();
        assert_eq!(probe.initrd_argument(), Ok(InitrdArgument::Prefix));
    }

    #[test]
    fn a_section_with_a_short_size_is_found() {
        let mut volume = synthetic::volume(b"\0initrd=initrd \0");
        // Header, GUID, offset of the data, attributes; no second size.
        volume.splice(..8, [0x10, 0x20, 0x00, 2]);
        volume[20] = 24;
        assert_eq!(Probe::of(&volume).unwrap().initrd_argument(), Ok(InitrdArgument::Prefix));
    }

    #[test]
    fn the_name_of_the_format_elsewhere_is_no_volume() {
        let mut volume = synthetic::volume(b"\0initrd=initrd \0");
        volume[3] = 3;
        assert_eq!(Probe::of(&volume).unwrap().initrd_argument(), Err(ProbeError::NoArgument));
    }

    #[test]
    fn a_damaged_volume_is_an_error() {
        let volume = synthetic::volume(&synthetic::kernel());
        refused(
            &volume[..volume.len() / 2],
            &expect!["compressed volume at offset 0x1c of the firmware: premature eof"],
        );
        let mut damaged = volume;
        damaged[28] = 0xff;
        refused(
            &damaged,
            &expect!["compressed volume at offset 0x1c of the firmware: stream/file format not recognized"],
        );
    }

    #[test]
    fn a_volume_that_grows_without_end_is_an_error() {
        let zeros = vec![0; (64 << 20) + 1];
        refused(
            &synthetic::volume(&zeros),
            &expect![
                "compressed volume at offset 0x1c of the firmware: got over 67108864 bytes, expected less"
            ],
        );
    }
}
