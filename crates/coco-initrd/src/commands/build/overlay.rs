//! `coco-initrd build` of a profile with `tee = "podvm"`: the overlay of a podvm image.
//!
//! Options that make no difference to an overlay are refused, not ignored.

use std::path::Path;

use coco_image::manifest::OverlayManifest;
use coco_image::profile::OverlayProfile;
use serde_json::json;

use super::{BuildError, evaluate, goal, has_expected_policy, is_same};
use crate::args::build::BuildArgs;
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::produce::{OverlayPlan, produce_overlay};
use crate::publish::Staging;
use crate::{Outcome, initdata};

/// Refuses options about images.
pub(super) fn check_options(args: &BuildArgs) -> Result<(), BuildError> {
    let about_images = [
        ("--agent", args.recipe.agent.is_some()),
        ("--guest-components", args.recipe.guest_components.is_some()),
        ("--pause-image", args.recipe.pause_image.is_some()),
        ("--base", args.recipe.base.is_some()),
        ("--guard", args.recipe.guard.is_some()),
        ("--kernel-modules", args.recipe.kernel_modules.is_some()),
        ("--lock", args.recipe.lock.is_some()),
        ("--store", args.recipe.store.is_some()),
        ("--builtin-guest", args.recipe.builtin_guest),
        ("--compression", args.recipe.compression.is_some()),
        ("--kernel", args.recipe.kernel.is_some()),
        ("--firmware", args.recipe.firmware.is_some()),
        ("--threads", args.threads.is_some()),
        ("--cache-dir", args.cache.cache_dir.is_some()),
        ("--no-cache", args.cache.no_cache),
    ];
    match about_images.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(BuildError::NotForOverlay(option, args.profile.clone())),
        None => Ok(()),
    }
}

/// Builds the overlay that `profile` describes, with the patches for a cluster beside it.
pub(super) fn build(profile: OverlayProfile, args: &BuildArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let Some(policy) = evaluate(&profile.policy, &args.recipe, out)? else {
        return Ok(Outcome::Wanting);
    };
    if !has_expected_policy(&policy, super::bare_metal_policy(args)?.as_ref(), out) {
        return Ok(Outcome::Wanting);
    }
    let initdata = args.initdata.as_deref().map(initdata::read).transpose()?;
    if initdata.as_ref().is_some_and(|(_, initdata)| !initdata::is_fit(initdata, out)) {
        return Ok(Outcome::Wanting);
    }
    let initdata = initdata.map(|(_, initdata)| initdata.annotation()).transpose()?;
    let goal = goal(args, &profile.name);
    let plan = OverlayPlan { profile, policy, initdata };
    let staging = Staging::new(&goal)?;
    let manifest = produce_overlay(&plan, &staging.path())?;
    if args.check {
        let first = staging.path();
        let second = Scratch::new(first.parent().unwrap_or(Path::new(".")))?;
        produce_overlay(&plan, second.path())?;
        if !is_same(&first, second.path(), out)? {
            return Ok(Outcome::Wanting);
        }
    }
    staging.publish()?;
    report(&manifest, &goal, args, out)?;
    Ok(Outcome::Done)
}

/// Says what was built.
fn report(manifest: &OverlayManifest, goal: &Path, args: &BuildArgs, out: &mut Output) -> anyhow::Result<()> {
    let overlay = goal.join(&manifest.overlay.file);
    if args.json {
        let mut value = json!({
            "overlay": overlay,
            "manifest": goal.join("manifest.json"),
            "policy_sha256": manifest.policy.sha256,
            "production": manifest.production,
            "production_faults": manifest.production_faults,
            "reproducible": args.check.then_some(true),
            "sha256": manifest.overlay.sha256,
            "sha384": manifest.overlay.sha384,
            "size": manifest.overlay.size,
        });
        value.sort_all_objects();
        out.data(&format!("{value:#}\n"))?;
    } else {
        out.data(&format!("{}  {}\n", manifest.overlay.sha256, overlay.display()))?;
        out.note(&format!(
            "{} bytes, {} files, policy {} ({})",
            manifest.overlay.size,
            manifest.files.len(),
            manifest.policy.file,
            manifest.policy.sha256
        ));
    }
    if args.check {
        out.note("built twice: the bytes are the same");
    }
    if manifest.initdata.is_some() {
        out.note("note: INITDATA in peer-pods-cm is for every peer pod that has no annotation of its own");
    }
    for fault in &manifest.production_faults {
        out.note(&format!("not for production: {fault}"));
    }
    Ok(())
}
