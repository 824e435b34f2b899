//! What a scenario does to an image before it is booted: more of the archive, which is unpacked over it.
//!
//! The image itself is not touched. A kernel unpacks archives that follow each other one over the other
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`), so this is what a host can do as well.

use std::fmt::Write as _;

use anyhow::Context as _;
use coco_acceptance::Change;
use coco_guest_programs::PROBE;
use coco_image::assemble::{self, Loaded};
use coco_image::newc::{self, Header, file_type};
use coco_image::path::GuestPath;
use coco_image::policy_location::locate;
use coco_policy::Request;

use crate::commands::boot::Subject;
use crate::inputs::{Order, Reader};
use crate::machine::keeper::Keeper;
use crate::store::Store;

/// The most an image may unpack to, in bytes.
const UNPACK_LIMIT: u64 = 16 << 30;

/// No rule of a policy, and no Rego.
const BROKEN: &str = "package agent_policy\n\nExecProcessRequest {\n";

/// What the scenarios must know of an image's files.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The default policy.
    pub(crate) policy: Vec<u8>,
    /// The file that has it.
    policy_file: String,
    shells: Shells,
    guard: bool,
}

/// Where a shell would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shells {
    /// There may be one in `/bin`.
    Directory,
    /// `/bin/bash` is in the image, which the agent takes before `/bin/sh`.
    Bash,
    /// There is not even `/bin`.
    None,
}

impl Contents {
    /// Reads the image.
    pub(crate) fn read(subject: &Subject) -> anyhow::Result<Self> {
        let mut store = Store::default();
        let keeper = Keeper::new()?;
        let mut reader = Reader {
            store: &mut store,
            scratch: keeper.folder(),
            unpack_limit: UNPACK_LIMIT,
            order: Order::Found,
        };
        let image = || subject.image.display().to_string();
        let Loaded::Members(members) = reader.read(&subject.image)?.loaded else {
            anyhow::bail!("{} is no archive", image());
        };
        let tree = assemble::as_found(&members).with_context(image)?;
        let located = locate(&tree, &store).with_context(image)?;
        let there = |path: &str| path.parse::<GuestPath>().is_ok_and(|path| tree.lookup(&path).is_ok());
        let shells = match (there("/bin/bash"), there("/bin")) {
            (true, _) => Shells::Bash,
            (false, true) => Shells::Directory,
            (false, false) => Shells::None,
        };
        Ok(Self {
            policy: located.policy,
            policy_file: located.file.as_str().to_owned(),
            shells,
            guard: subject.manifest.guard,
        })
    }

    /// The archive that makes these changes. Empty if there is nothing to change.
    pub(crate) fn archive(&self, changes: &[Change]) -> Vec<u8> {
        let mut out = Vec::new();
        for change in changes {
            match change {
                Change::NoGuard if !self.guard => {}
                Change::NoGuard => file("/init", 0o755, PROBE, &mut out),
                Change::OpenPolicy => file(&self.policy_file, 0o644, open_policy().as_bytes(), &mut out),
                Change::BrokenPolicy => file(&self.policy_file, 0o644, BROKEN.as_bytes(), &mut out),
                Change::Shell => {
                    match self.shells {
                        Shells::None => directory("/bin", &mut out),
                        Shells::Bash => file("/bin/bash", 0o755, PROBE, &mut out),
                        Shells::Directory => {}
                    }
                    file("/bin/sh", 0o755, PROBE, &mut out);
                }
            }
        }
        if !out.is_empty() {
            newc::trailer(&mut out);
        }
        out
    }
}

/// A policy that allows everything that an agent asks about.
pub(super) fn open_policy() -> String {
    let mut text = "package agent_policy\n".to_owned();
    for request in Request::all().filter(|request| *request != Request::AllowRequestsFailingPolicy) {
        // A String takes any write.
        let _ = writeln!(text, "\ndefault {request} := true");
    }
    text
}

fn file(path: &str, mode: u32, body: &[u8], out: &mut Vec<u8>) {
    let filesize = u32::try_from(body.len()).expect("programs and policies are far below 4 GiB");
    member(path, Header { mode: file_type::REGULAR | mode, nlink: 1, filesize, ..Header::default() }, out);
    out.extend_from_slice(body);
    newc::pad(out);
}

fn directory(path: &str, out: &mut Vec<u8>) {
    member(path, Header { mode: file_type::DIRECTORY | 0o755, nlink: 2, ..Header::default() }, out);
}

fn member(path: &str, header: Header, out: &mut Vec<u8>) {
    header.write(path.trim_start_matches('/'), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_policy_opens_everything_but_the_way_around_it() {
        let policy = coco_policy::Policy::parse("open", open_policy().as_bytes()).unwrap();
        for (request, verdict) in policy.decisions() {
            let expected = if request == Request::AllowRequestsFailingPolicy { "undefined" } else { "allow" };
            assert_eq!(verdict.to_string(), expected, "{request}");
        }
    }

    #[test]
    fn the_broken_policy_is_none() {
        assert!(coco_policy::Policy::parse("broken", BROKEN.as_bytes()).is_err());
    }
}
