//! Archives of strangers: initrds as the kernel unpacks them, and tars, in every compression.

use std::io::{self, Read};
use std::num::NonZeroUsize;

use coco_image::archive::Member;
use coco_image::archive::initrd::{self, Digests, Options, RawMember, Segment};
use coco_image::archive::tarball;
use coco_image::assemble::as_found;
use coco_image::decompress::{self, Budget, Format, Streams};
use coco_image::digest::Sha256;
use coco_image::path::GuestPath;
use coco_image::tree::{Extent, Place, Spool};

/// Most that an archive may unpack to, in bytes.
const LIMIT: u64 = 32 << 20;

/// Takes bodies and keeps nothing.
struct Nowhere;

impl Spool for Nowhere {
    fn keep(&self, _: &GuestPath, place: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        let (store, offset) = match place {
            Place::Archive(offset) => (0, offset),
            Place::Packed { segment, at } => (u32::try_from(segment).unwrap_or(u32::MAX), at),
        };
        // Not the whole body: whoever reads an archive must go over the rest.
        io::copy(&mut body.take(7), &mut io::sink())?;
        Ok(Extent { store, offset, len })
    }
}

/// What is in an initrd. The number of threads must not show.
pub fn initrd(bytes: &[u8]) {
    let one = read(bytes, 1);
    assert_eq!(read(bytes, 3), one, "threads change what is read");
    let Ok((segments, members, ..)) = one else { return };
    assert_eq!(members.len(), segments.iter().map(|segment| segment.members).sum::<usize>());
    assert!(segments.iter().map(|segment| segment.unpacked).sum::<u64>() <= LIMIT);
    let is_behind = |pair: &[Segment]| matches!(pair, [a, b] if a.offset + a.size <= b.offset);
    assert!(segments.windows(2).all(is_behind), "segments follow each other: {segments:?}");
}

type Facts = (Vec<Segment>, Vec<RawMember>, Vec<Option<Sha256>>, Vec<Member>);

fn read(bytes: &[u8], threads: usize) -> Result<Facts, String> {
    let threads = NonZeroUsize::new(threads).expect("a target asks for some");
    let options = Options { limit: LIMIT, threads, digests: Digests::Wanted };
    let found = initrd::read(&bytes.to_vec(), &Nowhere, &options).map_err(|error| error.to_string())?;
    let digests = found.tree.iter().map(|(path, _)| found.digest(path)).collect();
    let (segments, members) = (found.segments.clone(), found.members.clone());
    Ok((segments, members, digests, found.into_members()))
}

/// What is in a tar, and whether it makes a tree.
pub fn tarball(bytes: &[u8]) {
    let format = Format::of(bytes);
    let Ok(stream) = decompress::reader(format, Streams::All, bytes) else { return };
    let budget = Budget::new(LIMIT);
    if let Ok(members) = tarball::read(budget.bound(stream), &Nowhere) {
        let _ = as_found(&members); // a tree or not, both are answers
    }
}
