//! One gzip member, always the same for the same text, and unpacked only as far as a text can reach.

use std::io::{self, Read as _};

use libdeflater::{CompressionLvl, Compressor};

use crate::InitdataError;
use crate::document::TEXT_MAX;

/// What a gzip member begins with (RFC 1952, section 2.3.1).
pub(crate) const MAGIC: &[u8] = b"\x1F\x8B";

/// `text` as one member: no name, no time, operating system 255 ("unknown"), libdeflate's level 12.
///
/// The bytes depend on the text and on the pinned libdeflate alone. The smallest result is worth the
/// time here, because annotations are limited.
pub(crate) fn pack(text: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut packed = vec![0; compressor.gzip_compress_bound(text.len())];
    let len = compressor.gzip_compress(text, &mut packed).expect("the room is libdeflate's own bound");
    packed.truncate(len);
    packed
}

/// What is in the only member of `packed`, at most [`TEXT_MAX`] bytes.
pub(crate) fn unpack(name: &str, packed: &[u8]) -> Result<Vec<u8>, InitdataError> {
    let name = name.to_owned();
    let mut decoder = flate2::bufread::GzDecoder::new(packed);
    let mut text = Vec::new();
    let limit = u64::try_from(TEXT_MAX).expect("17 MiB is a u64");
    if let Err(error) = decoder.by_ref().take(limit + 1).read_to_end(&mut text) {
        return Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => InitdataError::GzipCut { name },
            _ => InitdataError::Gzip { name, message: error.to_string() },
        });
    }
    if text.len() > TEXT_MAX {
        return Err(InitdataError::Bomb { name });
    }
    match decoder.into_inner() {
        [] => Ok(text),
        rest if rest.starts_with(MAGIC) => {
            Err(InitdataError::SecondMember { name, offset: packed.len() - rest.len() })
        }
        rest => Err(InitdataError::AfterGzip { name, bytes: rest.len() }),
    }
}
