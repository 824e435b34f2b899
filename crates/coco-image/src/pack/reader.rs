//! Reads the members of a group with their bodies, and says what was read: digests, and the group's key.

use std::io::{self, Read as _};

use sha2::Digest as _;

use super::PackError;
use super::cache::{GroupKey, KeyMaker};
use super::target::Target;
use crate::digest::Sha256;
use crate::layer::{Contents, End, Group, Member};
use crate::newc;
use crate::path::GuestPath;
use crate::tree::Bodies;
use crate::units::Method;

/// Digests of the files of some groups.
pub(super) type Digests = Vec<(GuestPath, Sha256)>;

/// What was found in a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its key.
    pub(super) key: GroupKey,
    /// The digests of its files.
    pub(super) digests: Digests,
}

/// Writes members with their bodies, and hashes these.
pub(super) struct GroupReader<'a> {
    bodies: &'a dyn Bodies,
    keys: KeyMaker,
}

impl<'a> GroupReader<'a> {
    /// For groups that `method` will compress.
    pub(super) fn new(bodies: &'a dyn Bodies, method: Method) -> Self {
        Self { bodies, keys: KeyMaker::new(method) }
    }

    /// Reads `group` into `out`.
    pub(super) fn read(&self, group: &Group, out: &mut dyn Target) -> Result<Found, PackError> {
        let mut head = Vec::new();
        let mut key = self.keys.clone();
        let mut digests = Vec::new();
        for member in &group.members {
            head.clear();
            member.header.write(member.path.member(), &mut head);
            out.add(&head)?;
            let digest = self.read_body(member, out)?;
            key.member(&head, &digest);
            if member.contents == Contents::File {
                digests.push((member.path.clone(), digest));
            }
        }
        if group.end == End::Trailer {
            head.clear();
            newc::trailer(&mut head);
            out.add(&head)?;
        }
        Ok(Found { key: key.finish(group.end), digests })
    }

    fn read_body(&self, member: &Member, out: &mut dyn Target) -> Result<Sha256, PackError> {
        let unreadable = |error| PackError::Body { path: member.path.clone(), error };
        let mut hasher = sha2::Sha256::new();
        let expected = member.body.len();
        let mut body = member.body.open(self.bodies).map_err(unreadable)?;
        let mut written: u64 = 0;
        loop {
            let got = match body.read(out.space()) {
                Ok(0) => break,
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            written += u64::try_from(got).unwrap_or(u64::MAX);
            if written > expected {
                break;
            }
            hasher.update(out.space().get(..got).unwrap_or_default());
            out.take(got)?;
        }
        if written != expected {
            let message =
                format!("changed while it was read: got {written} bytes or more, expected {expected}");
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let padding = usize::try_from(expected.next_multiple_of(newc::ALIGN) - expected).unwrap_or(0);
        out.add([0_u8; 4].get(..padding).unwrap_or_default())?;
        Ok(Sha256::finish(hasher))
    }
}
