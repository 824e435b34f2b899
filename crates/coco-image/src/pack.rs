//! Layers to image: members are read, hashed and compressed by all threads, written in order.
//!
//! Each thread takes the next group, reads its files, hashes each, compresses the whole, and leaves
//! the result at the sequencer, which writes the groups in their order and hashes what it writes.
//! What is in memory is bounded: 96 MiB of groups in the works, or two small groups a thread, what they
//! are compressed to, and a queue of 32 MiB. The bytes of the image do not depend on the number of
//! threads.

mod room;
mod sequencer;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::Digest as _;

use crate::compress::{self, Compressor, ONE_SHOT_MAX};
use crate::digest::{Sha256, Sha384};
use crate::layer::{Contents, End, GROUP_BYTES, Group, Member};
use crate::newc;
use crate::path::GuestPath;
use crate::tree::{Bodies, Layer};
use crate::units::Method;
use room::Room;
use sequencer::Sequencer;

/// Bytes of groups that may be in the works at once: two large programs, or one of the largest.
const ROOM_BYTES: u64 = 96 << 20;

/// How much of a file is read at once, in bytes: fits into a processor's cache.
const READ_BYTES: usize = 128 << 10;

/// A packed layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedLayer {
    /// Which one.
    pub layer: Layer,
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

/// Writes `groups` to `out`; `done` is told the unpacked bytes of each finished group.
pub fn pack(
    groups: &[Group],
    options: Options,
    bodies: &dyn Bodies,
    out: &mut (dyn Write + Send),
    done: &(dyn Fn(u64) + Sync),
) -> Result<Packed, PackError> {
    let threads = u64::try_from(options.threads.get()).unwrap_or(u64::MAX);
    let job = Job {
        groups,
        method: options.method,
        bodies,
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

/// Digests of the files of some groups.
type Digests = Vec<(GuestPath, Sha256)>;

/// What the threads share.
struct Job<'a> {
    groups: &'a [Group],
    method: Method,
    bodies: &'a dyn Bodies,
    sequencer: Sequencer<'a>,
    room: Room,
    next: AtomicUsize,
    done: &'a (dyn Fn(u64) + Sync),
}

impl Job<'_> {
    /// Packs one group after the other, until none is left.
    fn work(&self) -> Result<Digests, PackError> {
        let mut compressor = Compressor::new(self.method).map_err(PackError::Compress)?;
        let mut writer =
            GroupWriter { bodies: self.bodies, buffer: vec![0; READ_BYTES], digests: Vec::new() };
        let mut bytes = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = self.groups.get(index) else {
                return Ok(writer.digests);
            };
            if group.len <= ONE_SHOT_MAX {
                let room = self.room.take(group.len);
                bytes.clear();
                writer.write(group, &mut bytes)?;
                let packed = compressor.compress(&bytes).map_err(PackError::Compress)?;
                // Before the turn is waited for, which may be that of somebody who needs the room.
                drop(room);
                if group.len > 2 * GROUP_BYTES {
                    bytes = Vec::new();
                }
                self.sequencer.put(index, group.layer, packed)?;
                compressor.forget_large(2 * GROUP_BYTES);
            } else {
                self.stream(index, group, &mut writer)?;
            }
            (self.done)(group.len);
        }
    }

    /// Compresses a group that is too large for memory straight into the image, when its turn has
    /// come.
    fn stream(&self, index: usize, group: &Group, writer: &mut GroupWriter<'_>) -> Result<(), PackError> {
        // The encoders know io::Error only: what happened with a body is kept aside.
        let mut failed = None;
        let result = self.sequencer.stream(index, group.layer, &mut |out| {
            compress::stream(self.method, group.len, out, &mut |encoder| {
                writer.write(group, encoder).map_err(|error| {
                    failed = Some(error);
                    io::Error::other("a body can't be read")
                })
            })
        });
        failed.map_or(result, Err)
    }
}

/// Writes members with their bodies, and hashes these.
struct GroupWriter<'a> {
    bodies: &'a dyn Bodies,
    buffer: Vec<u8>,
    digests: Digests,
}

impl GroupWriter<'_> {
    fn write<W: Write + ?Sized>(&mut self, group: &Group, out: &mut W) -> Result<(), PackError> {
        let mut head = Vec::new();
        for member in &group.members {
            head.clear();
            member.header.write(member.path.member(), &mut head);
            out.write_all(&head).map_err(PackError::Write)?;
            let digest = self.write_body(member, out)?;
            if member.contents == Contents::File {
                self.digests.push((member.path.clone(), digest));
            }
        }
        if group.end == End::Trailer {
            head.clear();
            newc::trailer(&mut head);
            out.write_all(&head).map_err(PackError::Write)?;
        }
        Ok(())
    }

    fn write_body<W: Write + ?Sized>(&mut self, member: &Member, out: &mut W) -> Result<Sha256, PackError> {
        let unreadable = |error| PackError::Body { path: member.path.clone(), error };
        let mut hasher = sha2::Sha256::new();
        let expected = member.body.len();
        let mut body = member.body.open(self.bodies).map_err(unreadable)?;
        let mut written: u64 = 0;
        loop {
            let got = match body.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            let bytes = self.buffer.get(..got).unwrap_or_default();
            written += u64::try_from(got).unwrap_or(u64::MAX);
            if written > expected {
                break;
            }
            hasher.update(bytes);
            out.write_all(bytes).map_err(PackError::Write)?;
        }
        if written != expected {
            let message =
                format!("changed while it was read: got {written} bytes or more, expected {expected}");
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let padding = usize::try_from(expected.next_multiple_of(newc::ALIGN) - expected).unwrap_or(0);
        out.write_all([0_u8; 4].get(..padding).unwrap_or_default()).map_err(PackError::Write)?;
        Ok(Sha256::finish(hasher))
    }
}

#[cfg(test)]
mod tests;
