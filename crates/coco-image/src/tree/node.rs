//! What a file of the image can be, and the layer it is packed in.

use super::Body;
use crate::path::GuestPath;
use crate::units::Mode;

/// The layers of an image, in the order in which they are packed and may replace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The base root file system.
    Base,
    /// The agent, the guest components and the pause bundle.
    Components,
    /// What the profile itself says: policy, guard, `/init`, further files.
    Configuration,
    /// What was put behind an image that was finished: an archive of its own.
    Appendix,
}

impl Layer {
    /// All layers, first to last.
    pub const ALL: [Self; 4] = [Self::Base, Self::Components, Self::Configuration, Self::Appendix];

    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Components => "components",
            Self::Configuration => "configuration",
            Self::Appendix => "appendix",
        }
    }

    /// Its device number in the archive (`c_dev_minor`). Hard links are found by device and inode
    /// number, so layers that number their inodes apart can't be linked to each other by mistake.
    pub fn device(self) -> u32 {
        match self {
            Self::Base => 1,
            Self::Components => 2,
            Self::Configuration => 3,
            Self::Appendix => 4,
        }
    }
}

/// Which table of drivers a device number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A character device.
    Character,
    /// A block device.
    Block,
}

/// One file of the image. The variants are all an initrd of ours can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory(Mode),
    /// A regular file.
    File(Mode, Body),
    /// A further name of the regular file at this path.
    HardLink(GuestPath),
    /// A symbolic link with its target as written.
    Symlink(String),
    /// A device node: kind, permissions, major and minor number.
    Device(DeviceKind, Mode, u32, u32),
    /// A named pipe.
    Fifo(Mode),
}

impl Node {
    /// The word for its type in the manifest and in messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::File(..) => "file",
            Self::HardLink(_) => "hard-link",
            Self::Symlink(_) => "symlink",
            Self::Device(DeviceKind::Character, ..) => "character-device",
            Self::Device(DeviceKind::Block, ..) => "block-device",
            Self::Fifo(_) => "fifo",
        }
    }
}
