//! Layers to image: members are read, hashed and compressed by all threads, written in order.
//!
//! Each thread takes the next group, reads its files, hashes each, compresses the whole, and leaves
//! the result at the sequencer, which writes the groups in their order and hashes what it writes. With a
//! cache, a group that was packed by an earlier build is read and hashed as ever, and not compressed again.
//! What is in memory is bounded: 96 MiB of groups in the works, or two small groups a thread, what they
//! are compressed to, a queue of 32 MiB, and 12 MiB kept for the next groups. The bytes of the image do not depend on the number of
//! threads.

mod cache;
mod reader;
mod room;
mod sequencer;
mod target;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::compress::{self, Compressor, ONE_SHOT_MAX};
use crate::digest::{Sha256, Sha384};
use crate::layer::{GROUP_BYTES, Group};
use crate::path::GuestPath;
use crate::tree::{Bodies, Layer};
use crate::units::Method;
pub use cache::{GroupCache, GroupKey, Keeping, Kept};
use reader::{Digests, Found, GroupReader};
use room::Room;
use sequencer::Sequencer;
use target::{Memory, Through};

/// Bytes of groups that may be in the works at once: two large programs, or one of the largest.
const ROOM_BYTES: u64 = 96 << 20;

/// Groups up to this many bytes, which is most, are read and packed in memory that is used again. Larger
/// ones are rare, and their memory is given back.
const SMALL: u64 = 2 * GROUP_BYTES;

/// How much of a kept group is copied at once, in bytes.
const COPY_BYTES: usize = 128 << 10;

/// A packed layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedLayer {
    /// Which one.
    pub layer: Layer,
    /// Where it starts in the image, in bytes.
    pub offset: u64,
    /// Bytes of its archive.
    pub unpacked: u64,
    /// Bytes in the image.
    pub packed: u64,
    /// Digest of its bytes in the image.
    pub sha256: Sha256,
    /// Number of its members.
    pub members: usize,
}

/// What packing found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Size of the image, in bytes.
    pub size: u64,
    /// Digest of the image.
    pub sha256: Sha256,
    /// Digest of the image.
    pub sha384: Sha384,
    /// The layers that have files, in order.
    pub layers: Vec<PackedLayer>,
    /// Digest of each regular file, by the name that carries the body.
    pub files: BTreeMap<GuestPath, Sha256>,
}

/// Why an image can't be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file can't be read, or is not what it was.
    #[error("{path}: {error}")]
    Body {
        /// The file in the image.
        path: GuestPath,
        /// The reason.
        error: io::Error,
    },
    /// The compressor failed.
    #[error("compressing: {0}")]
    Compress(io::Error),
    /// The image can't be written.
    #[error("writing the image: {0}")]
    Write(io::Error),
    /// Bytes from the cache are no longer what they were when they were compared.
    #[error("reading the cache: {0}")]
    Cache(io::Error),
    /// Another thread has failed first; its error is the one to show.
    #[error("stopped")]
    Stopped,
}

/// How to pack.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The compression of every group.
    pub method: Method,
    /// How many threads work.
    pub threads: NonZeroUsize,
}

/// Where an image's bytes come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Bodies of files.
    pub bodies: &'a dyn Bodies,
    /// Packed groups; `None` packs all.
    pub cache: Option<&'a dyn GroupCache>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("has_cache", &self.cache.is_some()).finish_non_exhaustive()
    }
}

/// Writes `groups` to `out`; `done` is told the unpacked bytes of each finished group.
pub fn pack(
    groups: &[Group],
    options: Options,
    bodies: &dyn Bodies,
    out: &mut (dyn Write + Send),
    done: &(dyn Fn(u64) + Sync),
) -> Result<Packed, PackError> {
    pack_from(groups, options, Sources { bodies, cache: None }, out, done)
}

/// As [`pack`], and takes from a cache what it has, and keeps there what it has not.
pub fn pack_from(
    groups: &[Group],
    options: Options,
    sources: Sources<'_>,
    out: &mut (dyn Write + Send),
    done: &(dyn Fn(u64) + Sync),
) -> Result<Packed, PackError> {
    let threads = u64::try_from(options.threads.get()).unwrap_or(u64::MAX);
    let job = Job {
        groups,
        method: options.method,
        sources,
        sequencer: Sequencer::new(out),
        // Small groups never wait for each other.
        room: Room::new(ROOM_BYTES.max(threads.saturating_mul(2 * GROUP_BYTES))),
        next: AtomicUsize::new(0),
        done,
    };
    let work = || {
        let _stop = StopOnPanic(&job.sequencer);
        job.work().inspect_err(|_| job.sequencer.stop())
    };
    let results: Vec<Result<Digests, PackError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.get()).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut files = BTreeMap::new();
    let mut stopped = false;
    for result in results {
        match result {
            Ok(digests) => files.extend(digests),
            Err(PackError::Stopped) => stopped = true,
            Err(error) => return Err(error),
        }
    }
    if stopped { Err(PackError::Stopped) } else { Ok(job.sequencer.finish(groups, files)) }
}

/// Lets no thread wait for one that has panicked.
struct StopOnPanic<'s, 'w>(&'s Sequencer<'w>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// What the threads share.
struct Job<'a> {
    groups: &'a [Group],
    method: Method,
    sources: Sources<'a>,
    sequencer: Sequencer<'a>,
    room: Room,
    next: AtomicUsize,
    done: &'a (dyn Fn(u64) + Sync),
}

/// What a thread uses again for each group.
struct Tools<'a> {
    reader: GroupReader<'a>,
    compressor: Compressor,
    memory: Memory,
}

impl Job<'_> {
    /// Packs one group after the other, until none is left.
    fn work(&self) -> Result<Digests, PackError> {
        let mut tools = Tools {
            reader: GroupReader::new(self.sources.bodies, self.method),
            compressor: Compressor::new(self.method).map_err(PackError::Compress)?,
            memory: Memory::default(),
        };
        let mut digests = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = self.groups.get(index) else {
                return Ok(digests);
            };
            digests.extend(
                match self.sources.cache {
                    Some(cache) if group.len > SMALL => self.pack_large(index, group, cache, &mut tools)?,
                    _ if group.len <= ONE_SHOT_MAX => self.pack_at_once(index, group, &mut tools)?,
                    _ => self.stream(index, group, &tools.reader, &mut None)?,
                }
                .digests,
            );
            (self.done)(group.len);
        }
    }

    /// Packs a group in memory, unless it is kept.
    fn pack_at_once(&self, index: usize, group: &Group, tools: &mut Tools<'_>) -> Result<Found, PackError> {
        let Tools { reader, compressor, memory } = tools;
        let room = self.room.take(group.len);
        memory.clear(group.len);
        let found = reader.read(group, memory)?;
        let kept = match self.kept(found.key) {
            Some(kept) => kept,
            None => Kept::Bytes(self.compress(found.key, memory, compressor)?),
        };
        memory.forget_large(SMALL);
        compressor.forget_large(SMALL);
        // Before the turn is waited for, which may be that of somebody who needs the room.
        drop(room);
        self.put(index, group, kept)?;
        Ok(found)
    }

    /// Reads a group first without keeping it in memory: if the cache has it, that is all. If not, it is read
    /// once more, and must not have changed.
    fn pack_large(
        &self,
        index: usize,
        group: &Group,
        cache: &dyn GroupCache,
        tools: &mut Tools<'_>,
    ) -> Result<Found, PackError> {
        let found = tools.reader.read(group, &mut Through::new(&mut io::sink()))?;
        if let Some(kept) = cache.get(found.key, Vec::new()) {
            self.put(index, group, kept)?;
            return Ok(found);
        }
        let mut keeping = None;
        let again = if group.len <= ONE_SHOT_MAX {
            self.pack_at_once(index, group, tools)?
        } else {
            keeping = cache.keep(found.key);
            self.stream(index, group, &tools.reader, &mut keeping)?
        };
        let mut files = found.digests.iter().zip(&again.digests);
        if let Some(((path, before), (_, now))) = files.find(|(before, now)| before != now) {
            let message = format!("changed while it was read: got SHA-256 {now}, expected {before}");
            let error = io::Error::new(io::ErrorKind::InvalidData, message);
            return Err(PackError::Body { path: path.clone(), error });
        }
        if let Some(keeping) = keeping {
            keeping.finish();
        }
        Ok(found)
    }

    /// The packed bytes of a small group, if they are kept.
    fn kept(&self, key: GroupKey) -> Option<Kept<'_>> {
        self.sources.cache.and_then(|cache| cache.get(key, self.sequencer.spare()))
    }

    /// Compresses a group in memory, and keeps the result.
    fn compress(
        &self,
        key: GroupKey,
        memory: &mut Memory,
        compressor: &mut Compressor,
    ) -> Result<Vec<u8>, PackError> {
        let packed = compressor.compress(memory.bytes()).map_err(PackError::Compress)?;
        if let Some(mut keeping) = self.sources.cache.and_then(|cache| cache.keep(key)) {
            keeping.add(packed);
            keeping.finish();
        }
        // Large groups don't stay in memory beside what they are packed to.
        memory.forget_large(SMALL);
        let mut bytes = self.sequencer.spare();
        bytes.extend_from_slice(packed);
        Ok(bytes)
    }

    /// Compresses a group that is too large for memory straight into the image, when its turn has come.
    fn stream(
        &self,
        index: usize,
        group: &Group,
        reader: &GroupReader<'_>,
        keeping: &mut Option<Box<dyn Keeping + '_>>,
    ) -> Result<Found, PackError> {
        // The encoders know io::Error only: what happened with a body is kept aside.
        let mut found = Err(PackError::Stopped);
        let result = self.sequencer.stream(index, group.layer, &mut |out| {
            let mut both = Both { out, keeping };
            compress::stream(self.method, group.len, &mut both, &mut |encoder| {
                found = reader.read(group, &mut Through::new(encoder));
                match &found {
                    Ok(_) => Ok(()),
                    Err(PackError::Write(error)) => Err(io::Error::new(error.kind(), error.to_string())),
                    Err(_) => Err(io::Error::other("a body can't be read")),
                }
            })
        });
        match (result, found) {
            (_, Err(error @ PackError::Body { .. })) | (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(found)) => Ok(found),
        }
    }

    /// Hands the packed bytes of a group to the sequencer.
    fn put(&self, index: usize, group: &Group, kept: Kept<'_>) -> Result<(), PackError> {
        let mut reader = match kept {
            Kept::Bytes(bytes) => return self.sequencer.put(index, group.layer, bytes),
            Kept::Stream(reader) => reader,
        };
        let mut buffer = vec![0; COPY_BYTES];
        let mut failed = None;
        let result = self.sequencer.stream(index, group.layer, &mut |out| {
            loop {
                let got = match reader.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(got) => got,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        failed = Some(PackError::Cache(error));
                        return Err(io::Error::other("the cache can't be read"));
                    }
                };
                out.write_all(buffer.get(..got).unwrap_or_default())?;
            }
        });
        failed.map_or(result, Err)
    }
}

/// The image, and a group's place in the cache.
struct Both<'o, 'k, 'c> {
    out: &'o mut dyn Write,
    keeping: &'k mut Option<Box<dyn Keeping + 'c>>,
}

impl Write for Both<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        if let Some(keeping) = self.keeping {
            keeping.add(bytes.get(..written).unwrap_or_default());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
