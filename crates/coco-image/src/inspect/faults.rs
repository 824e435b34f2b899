//! What keeps an image from being the same next time, and what should be in none: each with an example.
//!
//! Only what the members themselves prove. Whether a fault matters is for whoever reads of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Agent, InspectError, head};
use crate::archive::initrd::{Initrd, RawMember};
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, Node, Tree};

/// Largest file that is searched for a private key or for lines, in bytes.
const SMALL: u64 = 64 << 10;

/// Directories of the machine that built the image, which links from an image should not lead to.
const HOST_DIRECTORIES: &[&str] = &["/home/", "/root/", "/tmp/", "/var/tmp/", "/builddir/"];

/// Directories whose files the package managers and the system write as they run.
const VOLATILE: &[&str] =
    &["/var/cache/apt", "/var/lib/apt/lists", "/var/cache/dnf", "/var/cache/yum", "/var/log"];

/// What the loader's cache keeps of the inode numbers and times of the host (glibc `elf/cache.c`).
const AUX_CACHE: &str = "/var/cache/ldconfig/aux-cache";

/// A kind of fault, with all it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind it is.
    pub kind: FaultKind,
    /// How many members or files have it.
    pub count: usize,
    /// The first of them, with what is wrong.
    pub example: String,
}

/// The kinds of faults, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Members have other times than the first.
    Times,
    /// Members belong to others than 0:0.
    Owners,
    /// Members come after one of a larger name, in byte order.
    Order,
    /// Inode numbers are not counted up: they are the host's.
    Inodes,
    /// A link or a program names a directory of the machine that built it.
    BuildPaths,
    /// `/etc/machine-id` has an identity that all guests share.
    MachineId,
    /// Host keys of an SSH server, and private keys of any kind.
    PrivateKeys,
    /// `/etc/resolv.conf` names servers.
    ResolvConf,
    /// The loader's cache of the host.
    AuxCache,
    /// Caches and logs of package managers and services.
    Volatile,
}

impl FaultKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::Owners => "owners",
            Self::Order => "order",
            Self::Inodes => "inodes",
            Self::BuildPaths => "build-paths",
            Self::MachineId => "machine-id",
            Self::PrivateKeys => "private-keys",
            Self::ResolvConf => "resolv-conf",
            Self::AuxCache => "aux-cache",
            Self::Volatile => "volatile",
        }
    }
}

/// All faults of `initrd`.
pub(super) fn find(
    initrd: &Initrd,
    agent: Option<&Agent>,
    bodies: &dyn Bodies,
) -> Result<Vec<Fault>, InspectError> {
    let mut found = Found::default();
    headers(&initrd.members, &mut found);
    inodes(&initrd.members, &mut found);
    links(&initrd.tree, &mut found);
    if let Some(agent) = agent.filter(|agent| agent.has_build_path) {
        found.add(FaultKind::BuildPaths, || format!("{} names its builder's ~/.cargo", agent.path));
    }
    for (path, entry) in initrd.tree.iter() {
        if let Node::File(_, body) = &entry.node {
            file(path, body, bodies, &mut found)?;
        }
    }
    Ok(found.0.into_values().collect())
}

/// Faults by their kind.
#[derive(Debug, Default)]
struct Found(BTreeMap<FaultKind, Fault>);

impl Found {
    fn add(&mut self, kind: FaultKind, example: impl FnOnce() -> String) {
        let fault = self.0.entry(kind).or_insert_with(|| Fault { kind, count: 0, example: example() });
        fault.count += 1;
    }
}

/// Times, owners and order, which members say of themselves.
fn headers(members: &[RawMember], found: &mut Found) {
    let first = members.first().map(|member| member.header.mtime);
    let mut previous: Option<&RawMember> = None;
    for member in members {
        let RawMember { path, header, .. } = member;
        if let Some(first) = first.filter(|first| *first != header.mtime) {
            found.add(FaultKind::Times, || format!("{path} has {}, the first member {first}", header.mtime));
        }
        if (header.uid, header.gid) != (0, 0) {
            found.add(FaultKind::Owners, || format!("{path} is {}:{}'s", header.uid, header.gid));
        }
        let earlier = previous.filter(|earlier| run(earlier) == run(member) && earlier.path > *path);
        if let Some(earlier) = earlier {
            found.add(FaultKind::Order, || format!("{path} comes after {}", earlier.path));
        }
        previous = Some(member);
    }
}

/// Inode numbers that don't stay or go one up from member to member. A further name of a file has the number
/// of its first, and may have used up its own.
fn inodes(members: &[RawMember], found: &mut Found) {
    let mut seen = BTreeSet::new();
    let mut names = 0;
    let mut previous: Option<&RawMember> = None;
    for member in members {
        let RawMember { path, header, .. } = member;
        if header.nlink > 1 && !seen.insert((header.dev_major, header.dev_minor, header.ino)) {
            names += 1;
            continue;
        }
        let earlier =
            previous.filter(|earlier| run(earlier) == run(member)).map(|earlier| earlier.header.ino);
        let jumps = |before: &u32| !(*before..=before.saturating_add(1 + names)).contains(&header.ino);
        if let Some(before) = earlier.filter(jumps) {
            found.add(FaultKind::Inodes, || format!("{path} has {}, the member before {before}", header.ino));
        }
        previous = Some(member);
        names = 0;
    }
}

/// Members that were numbered and put in order together: those of a segment that name the same device. The
/// layers of our own images are told apart by it.
fn run(member: &RawMember) -> (usize, u32, u32) {
    (member.segment, member.header.dev_major, member.header.dev_minor)
}

/// Links to places that only the machine has that built the image.
fn links(tree: &Tree, found: &mut Found) {
    for (path, entry) in tree.iter() {
        let Node::Symlink(target) = &entry.node else { continue };
        if HOST_DIRECTORIES.iter().any(|place| target.starts_with(place)) && tree.follow(path).is_err() {
            found.add(FaultKind::BuildPaths, || format!("{path} -> {target}, which is not in the image"));
        }
    }
}

/// What the name of a file or its contents give away.
fn file(path: &GuestPath, body: &Body, bodies: &dyn Bodies, found: &mut Found) -> Result<(), InspectError> {
    if body.is_empty() {
        return Ok(());
    }
    if path.as_str() == AUX_CACHE {
        found.add(FaultKind::AuxCache, || path.to_string());
    }
    if VOLATILE.iter().any(|directory| path.is_below(&GuestPath::fixed(directory))) {
        found.add(FaultKind::Volatile, || path.to_string());
    }
    if is_host_key(path) {
        found.add(FaultKind::PrivateKeys, || path.to_string());
        return Ok(());
    }
    if body.len() > SMALL {
        return Ok(());
    }
    let bytes = head(path, body, bodies, SMALL)?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    match path.as_str() {
        // machine-id(5): the word makes systemd take the first boot for one.
        "/etc/machine-id" if !matches!(bytes.trim_ascii(), b"" | b"uninitialized") => {
            found.add(FaultKind::MachineId, || format!("{path} is not empty"));
        }
        "/etc/resolv.conf" if lines.clone().any(|line| line.starts_with(b"nameserver")) => {
            found.add(FaultKind::ResolvConf, || format!("{path} names a server"));
        }
        _ if lines.any(is_private_key) => {
            found.add(FaultKind::PrivateKeys, || path.to_string());
        }
        _ => {}
    }
    Ok(())
}

/// sshd(8), `FILES`.
fn is_host_key(path: &GuestPath) -> bool {
    let key = path.as_str().strip_prefix("/etc/ssh/ssh_host_").and_then(|name| name.strip_suffix("_key"));
    key.is_some_and(|algorithm| !algorithm.contains('/'))
}

/// The first line of a key in PEM (RFC 7468, sections 10 and 11, and what OpenSSH and OpenSSL write).
fn is_private_key(line: &[u8]) -> bool {
    let label =
        line.trim_ascii_end().strip_prefix(b"-----BEGIN ").and_then(|rest| rest.strip_suffix(b"-----"));
    label.is_some_and(|label| label.ends_with(b"PRIVATE KEY"))
}
