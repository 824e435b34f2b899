//! The commands, one file each: what `coco-initrd` does when it is called.

pub(crate) mod build;
pub(crate) mod generate;
pub(crate) mod profile;
