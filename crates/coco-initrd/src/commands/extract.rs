//! `coco-initrd extract`: the files of an initrd in a directory, all or nothing, and none outside it.
//!
//! The directory is made beside its goal and renamed. Nothing can leave it: it is fresh, each file is made
//! under a name that was not there, and no file of a [`Tree`] is below a symbolic link.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::path::GuestPath;
use coco_image::tree::{DeviceKind, Node, Tree};
use coco_image::units::Mode;
use fs_err as fs;
use fs_err::os::unix::fs::{OpenOptionsExt as _, symlink};
use rustix::fs::{CWD, FileType, makedev, mknodat};

use crate::Outcome;
use crate::args::inspect::ExtractArgs;
use crate::initrd_file;
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::report::plural;
use crate::store::Store;

/// Why files can't be put where they should go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtractError {
    /// Something is there.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// Something else is there.
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// Whoever runs this may not make it.
    #[error("device node {path} can't be made: {error}")]
    Device {
        /// Its name in the image.
        path: GuestPath,
        /// The reason.
        error: io::Error,
    },
}

/// What is done about device nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Devices {
    Made,
    LeftOut,
}

/// What is not as in the image.
#[derive(Debug, Default)]
struct Left {
    devices: usize,
    set_ids: usize,
}

/// The files of an image on their way to a directory.
struct Extraction<'a> {
    tree: &'a Tree,
    store: &'a Store,
    root: PathBuf,
    devices: Devices,
}

/// Only for the owner, until the file is whole.
const PRIVATE: u32 = 0o600;
/// The bits that give whoever runs a program the rights of its owner or group. The files are not root's here.
const SET_IDS: u32 = 0o6000;

/// Unpacks an image.
pub(crate) fn extract(args: &ExtractArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let goal = std::path::absolute(&args.directory)?;
    may_be_made(&args.directory)?;
    let parent = goal.parent().unwrap_or(&goal);
    let context = || format!("{} can't be made", args.directory.display());
    fs::metadata(parent).with_context(context)?;
    let scratch = Scratch::new(parent).with_context(context)?;
    let (tree, store) = initrd_file::unpack(&args.image.image, args.image.unpack_limit_mib, scratch.path())?;
    let root = scratch.path().join("files");
    // The scratch directory is its owner's only; this one is as the umask says.
    fs::create_dir(&root)?;
    let devices = if args.without_devices { Devices::LeftOut } else { Devices::Made };
    let left = Extraction { tree: &tree, store: &store, root: root.clone(), devices }.run()?;
    may_be_made(&args.directory)?;
    // An empty directory gives way.
    fs::rename(root, &goal)?;
    let files = tree.iter().count() - 1 - left.devices;
    out.note(&format!("{} in {}", plural(files, "file"), args.directory.display()));
    if left.devices > 0 {
        out.note(&format!("note: {} left out", plural(left.devices, "device node")));
    }
    if left.set_ids > 0 {
        let files = plural(left.set_ids, "file");
        out.note(&format!("note: {files} without the set-id bits of the image: the owner is another"));
    }
    Ok(Outcome::Done)
}

/// Fails unless `goal` is missing or an empty directory.
fn may_be_made(goal: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(goal) {
        Ok(metadata) if !metadata.is_dir() => Err(ExtractError::NotDirectory(goal.to_owned()).into()),
        Ok(_) if fs::read_dir(goal)?.next().is_some() => Err(ExtractError::NotEmpty(goal.to_owned()).into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Extraction<'_> {
    fn run(&self) -> anyhow::Result<Left> {
        let mut left = Left::default();
        for (path, entry) in self.tree.iter().filter(|(path, _)| !path.is_root()) {
            self.node(path, &entry.node, &mut left)?;
        }
        // A first name may come after the others.
        for (path, entry) in self.tree.iter() {
            if let Node::HardLink(first) = &entry.node {
                fs::hard_link(self.place(first), self.place(path))?;
            }
        }
        // Last, and from below: nobody can write into a directory that is read-only.
        let directories: Vec<(&GuestPath, Mode)> = self
            .tree
            .iter()
            .filter_map(|(path, entry)| match &entry.node {
                Node::Directory(mode) if !path.is_root() => Some((path, *mode)),
                _ => None,
            })
            .collect();
        for (path, mode) in directories.into_iter().rev() {
            self.set_mode(path, mode, &mut left)?;
        }
        Ok(left)
    }

    fn node(&self, path: &GuestPath, node: &Node, left: &mut Left) -> anyhow::Result<()> {
        let place = self.place(path);
        match node {
            Node::Directory(_) => fs::create_dir(place)?,
            Node::File(mode, body) => {
                // With O_EXCL, which follows no link either.
                let mut file =
                    fs::OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(place)?;
                body.open(self.store)
                    .and_then(|mut reader| io::copy(&mut reader, &mut file))
                    .with_context(|| format!("{path} can't be unpacked"))?;
                drop(file);
                self.set_mode(path, *mode, left)?;
            }
            Node::HardLink(_) => {}
            Node::Symlink(target) => symlink(target, place)?,
            Node::Device(..) if self.devices == Devices::LeftOut => left.devices += 1,
            Node::Device(kind, mode, major, minor) => {
                let kind = match kind {
                    DeviceKind::Character => FileType::CharacterDevice,
                    DeviceKind::Block => FileType::BlockDevice,
                };
                mknodat(CWD, &place, kind, PRIVATE.into(), makedev(*major, *minor))
                    .map_err(|error| ExtractError::Device { path: path.clone(), error: error.into() })?;
                self.set_mode(path, *mode, left)?;
            }
            Node::Fifo(mode) => {
                mknodat(CWD, &place, FileType::Fifo, PRIVATE.into(), 0)
                    .map_err(io::Error::from)
                    .with_context(|| format!("pipe {path} can't be made"))?;
                self.set_mode(path, *mode, left)?;
            }
        }
        Ok(())
    }

    /// Gives the file its mode, without set-id bits; the sticky bit stays.
    fn set_mode(&self, path: &GuestPath, mode: Mode, left: &mut Left) -> io::Result<()> {
        if mode.bits() & SET_IDS != 0 {
            left.set_ids += 1;
        }
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode.bits() & !SET_IDS);
        fs::set_permissions(self.place(path), permissions)
    }

    fn place(&self, path: &GuestPath) -> PathBuf {
        self.root.join(path.member())
    }
}
