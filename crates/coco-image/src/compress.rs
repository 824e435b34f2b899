//! Compresses one group of members: linked libraries, fixed parameters, no name and no time.
//!
//! The bytes depend on the group and on the versions pinned in `Cargo.lock`, not on threads or
//! processors. A group that fits into memory is compressed at once, which is what makes gzip quick;
//! only a single huge file is larger than that and goes through a streaming encoder.

use std::io::{self, Write};

use crate::units::Method;

/// Groups up to this many bytes are compressed in one go, in memory.
pub const ONE_SHOT_MAX: u64 = 64 << 20;

/// libdeflate's level: smaller than `gzip -9` on file systems of programs, at a fraction of its time.
const DEFLATE_LEVEL: i32 = 6;
/// The streaming encoder's level, for files over [`ONE_SHOT_MAX`].
const DEFLATE_STREAM_LEVEL: u32 = 6;
/// zstd's default.
const ZSTD_LEVEL: i32 = 3;

/// What compressed an image, for the manifest: enough to make the same bytes again.
pub fn description(method: Method) -> String {
    match method {
        Method::None => "none".to_owned(),
        Method::Gzip => format!(
            "gzip: libdeflater 1.26.1 level {DEFLATE_LEVEL}, one member a group; \
             zlib-rs 0.6.8 level {DEFLATE_STREAM_LEVEL} for files over {} MiB",
            ONE_SHOT_MAX >> 20
        ),
        Method::Zstd => {
            format!("zstd: libzstd {} level {ZSTD_LEVEL}, checksum, one frame a group", zstd_version())
        }
    }
}

fn zstd_version() -> String {
    let number = zstd::zstd_safe::version_number();
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

/// A compressor for one thread, with a buffer that is used again for each group.
pub struct Compressor {
    engine: Engine,
    packed: Vec<u8>,
}

enum Engine {
    None,
    Gzip(libdeflater::Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    /// A compressor for `method`.
    pub fn new(method: Method) -> io::Result<Self> {
        let engine = match method {
            Method::None => Engine::None,
            Method::Gzip => {
                let level = libdeflater::CompressionLvl::new(DEFLATE_LEVEL)
                    .map_err(|_| io::Error::other("libdeflate does not know its level"))?;
                Engine::Gzip(libdeflater::Compressor::new(level))
            }
            Method::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
                compressor.include_checksum(true)?;
                Engine::Zstd(compressor)
            }
        };
        Ok(Self { engine, packed: Vec::new() })
    }

    /// Gives the buffer back, if a group has made it larger than `limit` bytes.
    pub fn forget_large(&mut self, limit: u64) {
        if u64::try_from(self.packed.capacity()).is_ok_and(|capacity| capacity > limit) {
            self.packed = Vec::new();
        }
    }

    /// `group`, at most [`ONE_SHOT_MAX`] bytes, as one member or frame.
    pub fn compress(&mut self, group: &[u8]) -> io::Result<&[u8]> {
        let bound = match &mut self.engine {
            Engine::None => {
                self.packed.clear();
                self.packed.extend_from_slice(group);
                return Ok(&self.packed);
            }
            Engine::Gzip(compressor) => compressor.gzip_compress_bound(group.len()),
            Engine::Zstd(_) => zstd::zstd_safe::compress_bound(group.len()),
        };
        if self.packed.len() < bound {
            self.packed.resize(bound, 0);
        }
        let len = match &mut self.engine {
            Engine::None => 0,
            Engine::Gzip(compressor) => compressor
                .gzip_compress(group, &mut self.packed)
                .map_err(|_| io::Error::other("libdeflate needs more room than its own bound"))?,
            Engine::Zstd(compressor) => compressor.compress_to_buffer(group, self.packed.as_mut_slice())?,
        };
        Ok(self.packed.get(..len).unwrap_or_default())
    }
}

/// Compresses what `fill` writes, `len` bytes, into `out` as one member or frame.
pub fn stream(
    method: Method,
    len: u64,
    out: &mut dyn Write,
    fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match method {
        Method::None => fill(out),
        Method::Gzip => {
            let level = flate2::Compression::new(DEFLATE_STREAM_LEVEL);
            let mut encoder = flate2::GzBuilder::new().operating_system(255).write(out, level);
            fill(&mut encoder)?;
            encoder.finish()?;
            Ok(())
        }
        Method::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(Some(len))?;
            fill(&mut encoder)?;
            encoder.finish()?;
            Ok(())
        }
    }
}
