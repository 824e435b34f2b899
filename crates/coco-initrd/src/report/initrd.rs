//! Advice for commands that look into an initrd, or take one apart.

use std::io;

use coco_image::archive::ArchiveError;

use super::cause;
use crate::commands::cat::NoFile;
use crate::commands::extract::ExtractError;
use crate::commands::inspect::PictureError;
use crate::initrd_file::{NoSegment, NotUnpacked};

const PICTURE: &str = "give --sizes-svg the name of a file, new or old";
const EMPTY: &str = "get the file again: it was not written to its end";

/// What to do about it, where there is advice.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    cause(error)
        .map(not_unpacked)
        .or_else(|| cause(error).map(extract))
        .or_else(|| cause::<NoSegment>(error).map(|_| EMPTY.to_owned()))
        .or_else(|| cause::<PictureError>(error).map(|_| PICTURE.to_owned()))
        .or_else(|| cause::<NoFile>(error).map(|_| "`coco-initrd ls IMAGE` lists what is there".to_owned()))
}

fn not_unpacked(NotUnpacked { error, .. }: &NotUnpacked) -> String {
    match error {
        ArchiveError::Unpack { error, .. } if error.kind() == io::ErrorKind::FileTooLarge => {
            "if the image is meant to be that large, give --unpack-limit-mib"
        }
        ArchiveError::Read { error, .. } if error.kind() == io::ErrorKind::Unsupported => {
            "pack the image with a compression that is read here"
        }
        _ => {
            "the kernel boots on with the files it has by then; get the image again and compare its digest, or \
             build it anew"
        }
    }
    .to_owned()
}

fn extract(error: &ExtractError) -> String {
    match error {
        ExtractError::NotEmpty(_) | ExtractError::NotDirectory(_) => "give a directory that is new or empty",
        ExtractError::Device { .. } => "only root makes device nodes: leave them out with --without-devices",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_node_that_may_not_be_made_is_named_with_the_way_around() {
        let error = io::ErrorKind::PermissionDenied.into();
        let error = anyhow::Error::new(ExtractError::Device { path: "/dev/null".parse().unwrap(), error });
        assert_eq!(error.to_string(), "device node /dev/null can't be made: permission denied");
        assert_eq!(
            hint(&error).unwrap(),
            "only root makes device nodes: leave them out with --without-devices"
        );
    }
}
