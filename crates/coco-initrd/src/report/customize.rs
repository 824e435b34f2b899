//! Advice about customizing an image.

use coco_image::customize::CustomizeError;

use crate::commands::customize::{AppendFault, CustomizeFault};
use crate::guard_plan::GuardFault;

/// What to do about an image that was changed meanwhile.
pub(super) const AGAIN: &str = "run it again while nobody writes to the image";

/// What to do about an image or option that can't be used.
pub(super) fn fault_hint(error: &CustomizeFault) -> Option<String> {
    let hint = match error {
        CustomizeFault::NotInitrd(_) => "give an initrd; `build --base` takes directories and tars",
        CustomizeFault::Overlay(_) => "give --profile base, coco-dev, tdx or snp, or one of your own",
        CustomizeFault::NoPolicy(_) => "give --policy FILE, or --policy default-restrictive",
        CustomizeFault::NotLoaded(_) => "take out with --remove what names another policy",
        CustomizeFault::Word { .. } => "give --profile the profile that the image was built with",
        CustomizeFault::Certificates { .. } => "give CA certificates as PEM, and nothing else",
        CustomizeFault::NotFile(_) => "name each file with an --add of its own",
        CustomizeFault::BundleTooLarge(_) | CustomizeFault::Nothing => return None,
    };
    Some(hint.to_owned())
}

/// What to do about half a guard.
pub(super) fn guard_hint(error: &GuardFault) -> String {
    match error {
        GuardFault::NoPlan => "the guest would power off: give an image that was built with its guard",
        GuardFault::NoGuard(_) => {
            "if there is to be no guard, take the plan out with --remove /etc/coco-initrd/guard.toml"
        }
    }
    .to_owned()
}

/// What to do about an image that nothing can be appended to.
pub(super) fn append_hint(error: &AppendFault) -> String {
    match error {
        AppendFault::Unknown(_) | AppendFault::Open { .. } => {
            "leave out --append: a kernel that stumbles over an appendix boots with the image's own policy"
        }
        AppendFault::ReadBack(_) => AGAIN,
    }
    .to_owned()
}

/// What to do about a change that can't be made.
pub(super) fn hint(error: &CustomizeError) -> Option<String> {
    let hint = match error {
        CustomizeError::NotThere(_) => "check the path; the manifest's files say what is there",
        CustomizeError::Needed { .. } | CustomizeError::Broken { .. } => {
            "the guest does not start without it: leave it in"
        }
        CustomizeError::Bundle { .. } => {
            "to have only your certificates, give the file with --add, and no --ca-bundle"
        }
        CustomizeError::Twice(_) => "leave one of them; --add alone replaces a file",
        CustomizeError::Reserved(_) => "give the policy with --policy; /init and the guard's plan stay",
        CustomizeError::Appended(_) => "leave out --append: the image is packed anew without it",
        CustomizeError::Shared { .. } => {
            "leave out --append: the image is packed anew, and the other name keeps what it has"
        }
        CustomizeError::Directory(_) => "name the file in it, or --remove the directory first",
        CustomizeError::Add { .. } | CustomizeError::Assemble(_) => return None,
    };
    Some(hint.to_owned())
}
