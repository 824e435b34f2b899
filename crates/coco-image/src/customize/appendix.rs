//! What is put behind an existing image instead of packing it anew: its files, and where it starts.
//!
//! The kernel unpacks an appendix over the image (Linux `init/initramfs.c`). It opens a file that is there and
//! writes into it, so that all its names change (`do_name`); what is of another type it takes away before, a
//! directory only if it is empty (`clean_path`); a link always replaces (`do_symlink`). A directory that is there
//! would get mode and owner of the new one, and so none is repeated.

use super::{CustomizeError, Customized, Edits, change};
use crate::assemble;
use crate::decompress::Format;
use crate::newc::ALIGN;
use crate::path::GuestPath;
use crate::tree::{Layer, Node, Tree};

/// Makes `edits` to `base` with files that come behind it: they are those of layer [`Layer::Appendix`], by the
/// names they have when all links are followed.
pub fn append(base: &Tree, edits: &Edits) -> Result<Customized, CustomizeError> {
    if let Some(path) = edits.remove.first() {
        return Err(CustomizeError::Appended(path.clone()));
    }
    let customized = change(base, edits, Layer::Appendix)?;
    for (path, entry) in customized.tree.iter() {
        if let (Layer::Appendix, Node::File(..), Some(other)) =
            (entry.layer, &entry.node, other_name(base, path))
        {
            return Err(CustomizeError::Shared { path: path.clone(), other });
        }
    }
    let kept_policies = if edits.policy.is_some() { kept_policies(&customized.tree) } else { Vec::new() };
    Ok(Customized { kept_policies, ..customized })
}

/// Where an appendix starts behind an image of `size` bytes whose last segment is a `last`.
///
/// Zeros between segments are skipped, and a plain one starts at a multiple of 4. lz4 has no end mark: behind a
/// block the kernel takes 4 bytes for the length of the next, and only zeros for the end.
pub fn appendix_offset(size: u64, last: Format) -> u64 {
    let zeros = if last == Format::Lz4 { 4 } else { 0 };
    size.saturating_add(zeros).next_multiple_of(ALIGN)
}

/// Another name of the regular file `path`.
fn other_name(tree: &Tree, path: &GuestPath) -> Option<GuestPath> {
    if let Node::HardLink(first) = &tree.get(path)?.node {
        return Some(first.clone());
    }
    let mut links = tree.iter();
    let link = links.find(|(_, entry)| matches!(&entry.node, Node::HardLink(first) if first == path));
    link.map(|(name, _)| name.clone())
}

/// The policies of the image that the new one has not replaced.
fn kept_policies(tree: &Tree) -> Vec<GuestPath> {
    let mut policies = assemble::policies(tree);
    policies.retain(|path| tree.get(path).is_some_and(|entry| entry.layer != Layer::Appendix));
    policies
}
