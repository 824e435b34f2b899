//! A newc archive that is part of something larger, such as the payload of an RPM package: its directories
//! may be in another part. Nothing is replayed here as a kernel would.

use std::collections::BTreeMap;

use super::members::{Content, Event, Found, Task};
use super::{Digests, Options, Source};
use crate::archive::{ArchiveError, Member};
use crate::decompress::Format;
use crate::path::GuestPath;
use crate::tree::{Body, Node, Spool};
use crate::units::Mode;

/// Reads the members of a plain archive, up to its trailer. Of the names of a linked file one has the body, whichever
/// that is in the archive; the others lead to it.
pub fn payload(source: &dyn Source, spool: &dyn Spool, limit: u64) -> Result<Vec<Member>, ArchiveError> {
    let options = Options { limit, threads: std::num::NonZeroUsize::MIN, digests: Digests::Unwanted };
    let is_unwanted = &|| false;
    let task = Task { source, start: 0, format: Format::Plain, spool, options: &options, is_unwanted };
    let found = task.parse()?.events.into_iter().filter_map(|event| match event {
        Event::Member(found) => Some(found),
        Event::Trailer => None,
    });
    let found: Vec<Found> = found.collect();
    let bodies = bodies(&found);
    let member = |found: Found| {
        let node = match found.content {
            Content::Node(node) => node,
            Content::File(extent, _) => match bodies.get(&identity(&found)) {
                Some(first) if *first != found.path && extent.len == 0 => Node::HardLink(first.clone()),
                _ => Node::File(Mode::of_stat(found.header.mode), Body::Extent(extent)),
            },
        };
        Member { path: found.path, node }
    };
    Ok(found.into_iter().filter(|found| !found.path.is_root()).map(member).collect())
}

/// Which name of each linked file has the body: the first that is not empty, or else the first.
fn bodies(found: &[Found]) -> BTreeMap<(u32, u32, u32), GuestPath> {
    let mut bodies: BTreeMap<(u32, u32, u32), (GuestPath, u64)> = BTreeMap::new();
    for it in found.iter().filter(|it| it.header.nlink > 1) {
        let Content::File(extent, _) = &it.content else { continue };
        let body = bodies.entry(identity(it)).or_insert_with(|| (it.path.clone(), extent.len));
        if body.1 == 0 && extent.len > 0 {
            *body = (it.path.clone(), extent.len);
        }
    }
    bodies.into_iter().map(|(identity, (path, _))| (identity, path)).collect()
}

fn identity(found: &Found) -> (u32, u32, u32) {
    (found.header.dev_major, found.header.dev_minor, found.header.ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newc::{self, Header, file_type};
    use crate::tree::{Extent, Place};

    /// Keeps nothing but lengths.
    struct Lengths;

    impl Spool for Lengths {
        fn keep(
            &self,
            _: &GuestPath,
            place: Place,
            _: &mut dyn std::io::Read,
            len: u64,
        ) -> std::io::Result<Extent> {
            let Place::Archive(offset) = place else { return Err(std::io::Error::other("not plain")) };
            Ok(Extent { store: 0, offset, len })
        }
    }

    /// An archive of files with inode numbers and bodies, without any directory.
    fn archive(files: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, ino, body) in files {
            let nlink = u32::try_from(files.iter().filter(|it| it.1 == *ino).count()).unwrap();
            let (mode, filesize) = (file_type::REGULAR | 0o644, u32::try_from(body.len()).unwrap());
            Header { ino: *ino, mode, nlink, filesize, ..Header::default() }.write(name, &mut out);
            out.extend(body.as_bytes());
            newc::pad(&mut out);
        }
        newc::trailer(&mut out);
        out
    }

    fn listed(files: &[(&str, u32, &str)]) -> Vec<String> {
        let line = |member: &Member| match &member.node {
            Node::File(_, body) => format!("{} {}", member.path, body.len()),
            Node::HardLink(first) => format!("{} = {first}", member.path),
            other => format!("{} {other:?}", member.path),
        };
        payload(&archive(files), &Lengths, 1 << 20).unwrap().iter().map(line).collect()
    }

    #[test]
    fn files_need_no_directories() {
        assert_eq!(
            listed(&[("./usr/bin/hello", 1, "hello"), ("./etc/x", 2, "")]),
            ["/usr/bin/hello 5", "/etc/x 0"]
        );
    }

    #[test]
    fn the_body_of_a_linked_file_may_come_with_any_of_its_names() {
        assert_eq!(
            listed(&[("./a", 7, ""), ("./b", 7, "body"), ("./c", 7, "")]),
            ["/a = /b", "/b 4", "/c = /b"]
        );
        assert_eq!(listed(&[("./a", 7, ""), ("./b", 7, "")]), ["/a 0", "/b = /a"]);
    }
}
