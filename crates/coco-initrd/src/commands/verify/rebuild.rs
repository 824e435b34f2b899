//! `coco-initrd verify --rebuild`: the image built again from inputs that are given, against its manifest.
//!
//! A manifest holds no paths, so the inputs are given as to `build`; which of them is another is told by its role.

use std::num::NonZeroUsize;

use coco_image::manifest::Manifest;
use coco_image::profile::Wanted;
use coco_image::verify::{self, Difference};

use crate::args::build::RecipeArgs;
use crate::args::verify::VerifyArgs;
use crate::commands::build;
use crate::inputs::Order;
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::produce::{Variation, produce};

/// Why an image can't be built again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    /// What a build is made of, and no build.
    #[error("inputs are for --rebuild, which is not given")]
    NotAsked,
    /// Made by another command.
    #[error("the manifest is of a customized image, which build does not make")]
    Customized,
    /// A profile that makes no image.
    #[error("profile {0} makes an overlay for a podvm image, expected one for images")]
    Overlay(String),
}

/// The profile to build again, if that is asked for.
pub(super) fn asked(args: &VerifyArgs) -> Result<Option<&str>, RebuildError> {
    match (&args.profile, &args.recipe) {
        (None, Some(_)) => Err(RebuildError::NotAsked),
        (profile, _) => Ok(profile.as_deref()),
    }
}

/// Builds again, without a cache, and compares; `None` if the policy is not fit for a default, which has been said.
pub(super) fn rebuild(
    manifest: &Manifest,
    profile: &str,
    args: &VerifyArgs,
    out: &mut Output,
) -> anyhow::Result<Option<Vec<Difference>>> {
    if manifest.customization.is_some() {
        return Err(RebuildError::Customized.into());
    }
    let none = RecipeArgs::default();
    let recipe = args.recipe.as_ref().unwrap_or(&none);
    let wanted = match build::wanted(profile, recipe)? {
        Wanted::Image(wanted) => *wanted,
        Wanted::Overlay(profile) => return Err(RebuildError::Overlay(profile.name).into()),
    };
    let Some(plan) = build::plan(wanted, profile, recipe, &args.platform, out)? else { return Ok(None) };
    let scratch = Scratch::new(&std::env::temp_dir())?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let variation = Variation { threads, order: Order::Found, cache: None };
    let again = produce(&plan, scratch.path(), variation, out)?;
    Ok(Some(verify::rebuilt(manifest, &again)))
}
