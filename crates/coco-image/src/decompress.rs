//! Which compression a file has, and a bounded reader for what is inside.
//!
//! All that Linux unpacks an initrd with, but lzo, which is recognised so that the message can name it.
//! The libraries are linked; no program of the host is run.

mod lz4;

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// A compression, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Not compressed, as far as the first bytes tell.
    Plain,
    /// RFC 1952.
    Gzip,
    /// The `.xz` format 1.x.
    Xz,
    /// RFC 8878.
    Zstd,
    /// bzip2 1.0.
    Bzip2,
    /// The `.lzma` format, older than `.xz`.
    Lzma,
    /// lz4's legacy frames, the only ones that Linux unpacks an initrd with.
    Lz4,
    /// Known, and not read; the name is for the message.
    Unsupported(&'static str),
}

/// First bytes of each format (Linux `lib/decompress.c`, `compressed_formats`).
const MAGICS: &[(&[u8], Format)] = &[
    (&[0x1f, 0x8b], Format::Gzip),
    (&[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], Format::Xz),
    (&[0x28, 0xb5, 0x2f, 0xfd], Format::Zstd),
    (&[0x42, 0x5a, 0x68], Format::Bzip2),
    (&[0x5d, 0x00, 0x00], Format::Lzma),
    (&lz4::MAGIC, Format::Lz4),
    (&[0x89, 0x4c, 0x5a], Format::Unsupported("lzo")),
    // Linux does not take these for an initrd.
    (&[0x04, 0x22, 0x4d, 0x18], Format::Unsupported("lz4 frame")),
];

impl Format {
    /// The format of what starts with `bytes`; six bytes are enough.
    pub fn of(bytes: &[u8]) -> Self {
        MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map_or(Self::Plain, |(_, format)| *format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Lz4 => "lz4",
            Self::Unsupported(name) => name,
        })
    }
}

/// How much of `input` is unpacked: one stream, or all that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// One member or frame; `input` is left just behind it, as the kernel reads an initrd.
    One,
    /// All of them, as the command line tools do.
    All,
}

/// Most memory an xz or lzma stream may ask for, in bytes: `xz -9` needs 65 MiB. zstd has such a limit itself.
const XZ_MEMORY_MAX: u64 = 256 << 20;

/// A reader of what is in `input`.
pub fn reader<'a>(
    format: Format,
    streams: Streams,
    input: impl BufRead + 'a,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match (format, streams) {
        (Format::Plain, _) => Box::new(input),
        (Format::Gzip, Streams::One) => Box::new(flate2::bufread::GzDecoder::new(input)),
        (Format::Gzip, Streams::All) => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        (Format::Xz, streams) => {
            let flags = if streams == Streams::All { liblzma::stream::CONCATENATED } else { 0 };
            let decoder = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, flags)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, decoder))
        }
        (Format::Zstd, Streams::One) => {
            Box::new(zstd::stream::read::Decoder::with_buffer(input)?.single_frame())
        }
        (Format::Zstd, Streams::All) => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
        (Format::Bzip2, Streams::One) => Box::new(bzip2::bufread::BzDecoder::new(input)),
        (Format::Bzip2, Streams::All) => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        (Format::Lzma, _) => {
            let decoder = liblzma::stream::Stream::new_lzma_decoder(XZ_MEMORY_MAX)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, decoder))
        }
        (Format::Lz4, _) => Box::new(lz4::Decoder::new(input)),
        (Format::Unsupported(name), _) => {
            let message =
                format!("{name} compression is not read, only gzip, xz, zstd, bzip2, lzma and legacy lz4");
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
    })
}

/// What remains of the bytes that one input may unpack to: the stop for decompression bombs.
/// Several readers may take from it at once.
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
    limit: u64,
}

impl Budget {
    /// At most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { left: AtomicU64::new(limit), limit }
    }

    /// `inner`, failing once the budget is used up.
    pub fn bound<'a, R: Read + 'a>(&'a self, inner: R) -> Bounded<'a, R> {
        Bounded { inner, budget: self }
    }
}

/// A reader that takes from a [`Budget`].
#[derive(Debug)]
pub struct Bounded<'a, R> {
    inner: R,
    budget: &'a Budget,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        let taken = u64::try_from(got).unwrap_or(u64::MAX);
        let less = |left: u64| left.checked_sub(taken);
        if self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            let message = format!("unpacks to more than {} bytes, the limit", self.budget.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(got)
    }
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

    /// A small xz stream whose header says what these filters need.
    fn pack_xz(filters: &liblzma::stream::Filters) -> Vec<u8> {
        let stream =
            liblzma::stream::Stream::new_stream_encoder(filters, liblzma::stream::Check::Crc32).unwrap();
        let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        out.write_all(b"x").unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn one_stream_leaves_the_input_just_behind_it() {
        for (format, packed) in
            [(Format::Gzip, gzip(b"first")), (Format::Zstd, zstd::encode_all(&b"first"[..], 1).unwrap())]
        {
            let both = [packed, b"rest".to_vec()].concat();
            let mut input = both.as_slice();
            let mut text = String::new();
            reader(format, Streams::One, &mut input).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), input), ("first", &b"rest"[..]), "{format}");
        }
    }

    #[test]
    fn all_streams_are_one_text_for_tools() {
        let both = [gzip(b"first "), gzip(b"second")].concat();
        let mut text = String::new();
        reader(Format::Gzip, Streams::All, both.as_slice()).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "first second");
    }

    #[test]
    fn an_xz_stream_can_not_ask_for_any_amount_of_memory() {
        let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
        options.dict_size(300 << 20);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        let packed = pack_xz(&filters);
        let error =
            io::copy(&mut reader(Format::Xz, Streams::All, packed.as_slice()).unwrap(), &mut io::sink());
        assert_eq!(error.unwrap_err().to_string(), "memory limit reached");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let packed = gzip(&vec![0; 1 << 20]);
        let budget = Budget::new(1000);
        let inner = reader(Format::Gzip, Streams::All, packed.as_slice()).unwrap();
        let error = io::copy(&mut budget.bound(inner), &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "unpacks to more than 1000 bytes, the limit");
    }

    #[test]
    fn what_linux_knows_and_we_do_not_is_named() {
        let error = reader(Format::of(b"\x89LZO"), Streams::All, &b""[..]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "lzo compression is not read, only gzip, xz, zstd, bzip2, lzma and legacy lz4"
        );
    }
}
