//! Reads a directory as an input: its files as members, and a listing to take its digest of.
//!
//! Permissions on a disk tell more of the umask of whoever unpacked the files than of the files, so
//! they are made uniform: 0755 for directories and programs, 0644 for other files; set-id and sticky
//! bits stay. Who needs other permissions gives an archive, or says so in the profile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use coco_image::archive::Member;
use coco_image::digest::Sha256;
use coco_image::path::GuestPath;
use coco_image::tree::{Body, DeviceKind, Node};
use coco_image::units::Mode;

use super::{InputError, Order};
use crate::store::Store;

/// The set-id and sticky bits.
const SPECIAL_BITS: u32 = 0o7000;
/// The sticky bit: a directory where everybody may write.
const STICKY: u32 = 0o1000;
/// The owner's execute bit.
const EXECUTE: u32 = 0o100;

/// What is in a directory, for its digest.
#[derive(Debug)]
pub(crate) struct Listing(Vec<Member>);

impl Listing {
    /// The bodies of its regular files.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.0.iter().filter_map(
            |member| {
                if let Node::File(_, body) = &member.node { Some(body) } else { None }
            },
        )
    }

    /// The digest of one line a member, sorted by name; `digest` knows the bodies.
    pub(crate) fn sha256<E>(&self, mut digest: impl FnMut(&Body) -> Result<Sha256, E>) -> Result<Sha256, E> {
        let mut text = String::new();
        for Member { path, node } in &self.0 {
            let fact = match node {
                Node::Directory(mode) | Node::Fifo(mode) => mode.to_string(),
                Node::File(mode, body) => format!("{mode} {}", digest(body)?),
                Node::HardLink(first) => first.to_string(),
                Node::Symlink(target) => target.clone(),
                Node::Device(_, mode, major, minor) => format!("{mode} {major} {minor}"),
            };
            // A String takes any write.
            let _ = writeln!(text, "{path}\0{} {fact}", node.kind());
        }
        Ok(Sha256::of(text.as_bytes()))
    }

    /// Bytes of its regular files.
    pub(crate) fn size(&self) -> u64 {
        self.bodies().map(Body::len).sum()
    }
}

/// Reads the names below `root`; bodies stay where they are.
pub(super) fn read(root: &Path, order: Order, store: &mut Store) -> anyhow::Result<(Vec<Member>, Listing)> {
    let mut entries = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry?;
        let name = entry.path().strip_prefix(root)?.as_os_str().as_bytes();
        let path = GuestPath::from_member(name).map_err(|e| problem(entry.path(), &e.to_string()))?;
        entries.push((path, entry.metadata()?, entry.into_path()));
    }
    if order == Order::Shuffled {
        shuffle(&mut entries);
    }
    // Which name of a file is its first must not depend on the order in which they were found.
    entries.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut first_names: BTreeMap<(u64, u64), GuestPath> = BTreeMap::new();
    let mut members = Vec::new();
    for (path, metadata, real) in entries {
        let node = match first_names.get(&(metadata.dev(), metadata.ino())) {
            Some(first) => Node::HardLink(first.clone()),
            None => node(&real, &metadata, store)?,
        };
        if matches!(node, Node::File(..)) && metadata.nlink() > 1 {
            first_names.insert((metadata.dev(), metadata.ino()), path.clone());
        }
        members.push(Member { path, node });
    }
    Ok((members.clone(), Listing(members)))
}

fn node(path: &Path, metadata: &Metadata, store: &mut Store) -> anyhow::Result<Node> {
    let kind = metadata.file_type();
    let mode = Mode::of_stat(metadata.mode());
    let device = |kind| {
        let number = metadata.rdev();
        Node::Device(kind, mode, rustix::fs::major(number), rustix::fs::minor(number))
    };
    Ok(if kind.is_dir() {
        let sticky = metadata.mode() & STICKY != 0;
        Node::Directory(if sticky { Mode::of_stat(0o1777) } else { uniform(metadata, 0o755) })
    } else if kind.is_file() {
        refuse_capabilities(path)?;
        let program = metadata.mode() & EXECUTE != 0;
        let mode = uniform(metadata, if program { 0o755 } else { 0o644 });
        Node::File(mode, Body::Extent(store.add_path(path.to_owned(), metadata.len())))
    } else if kind.is_symlink() {
        let target = fs_err::read_link(path)?;
        let target = target.to_str().ok_or_else(|| problem(path, "its target is not UTF-8"))?;
        Node::Symlink(target.to_owned())
    } else if kind.is_char_device() {
        device(DeviceKind::Character)
    } else if kind.is_block_device() {
        device(DeviceKind::Block)
    } else if kind.is_fifo() {
        Node::Fifo(mode)
    } else {
        return Err(problem(path, "a socket can't be in an image").into());
    })
}

fn uniform(metadata: &Metadata, permissions: u32) -> Mode {
    Mode::of_stat(permissions | (metadata.mode() & SPECIAL_BITS))
}

/// newc has no extended attributes: a program with file capabilities would silently lose them.
fn refuse_capabilities(path: &Path) -> Result<(), InputError> {
    let mut buffer = [0_u8; 64];
    match rustix::fs::lgetxattr(path, "security.capability", &mut buffer) {
        Ok(_) | Err(rustix::io::Errno::RANGE) => {
            Err(problem(path, "a program with file capabilities (setcap), which an initrd can't hold"))
        }
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(problem(path, &error.to_string())),
    }
}

fn problem(path: &Path, problem: &str) -> InputError {
    InputError::Entry { path: path.to_owned(), problem: problem.to_owned() }
}

/// Another order than the file system's, always the same one: `--check` needs a difference, not luck.
fn shuffle<T>(entries: &mut [T]) {
    entries.reverse();
    let mut state: usize = 0x9e37;
    for end in (1..entries.len()).rev() {
        // A linear congruential generator (Knuth's MMIX constants).
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        entries.swap(end, (state >> 33) % (end + 1));
    }
}
