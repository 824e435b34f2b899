//! `coco-initrd build`: from a profile to an image with its manifest and host files, or to an overlay.
//!
//! Here the options become a [`Plan`], which is built once, or twice for `--check`, and published.

mod expected;
mod overlay;
mod recipe;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use coco_image::digest::Sha256;
use coco_image::manifest::Manifest;
use coco_image::profile::{Profile, Role, Wanted};
use coco_image::units::Tee;
use fs_err as fs;
use serde_json::json;

use crate::args::build::BuildArgs;
use crate::inputs::Order;
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::produce::{Plan, Variation, produce};
use crate::publish::Staging;
use crate::{Outcome, cache, profiles};
use expected::{bare_metal_policy, given_policy, has_expected_policy};
use recipe::evaluate;
pub(crate) use recipe::{plan, wanted};

/// Something the person must say or leave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Neither agent nor base nor stand-in.
    #[error("profile {0} names no agent, and none was given")]
    NoAgent(String),
    /// The stand-in replaces what the profile names.
    #[error("--builtin-guest stands in for agent and components, but the profile's {} is {}", .0.name(), .1)]
    StandIn(Role, String),
    /// A pin without its input would go unchecked.
    #[error("the profile pins input {}, and none was given", .0.name())]
    PinnedAbsent(Role),
    /// A lock with nothing to look up in it.
    #[error("lock {} is given, and profile {profile} takes nothing from elsewhere", lock.display())]
    LockUnused {
        /// The lock.
        lock: PathBuf,
        /// The profile.
        profile: String,
    },
    /// An option about images, with a profile for a podvm.
    #[error("{0} is about images, and profile {1} makes an overlay for a podvm image")]
    NotForOverlay(&'static str, String),
    /// The other way round.
    #[error("--initdata is for podvm overlays, and profile {0} makes an image")]
    NotForImage(String),
    /// Nothing would measure it.
    #[error("--firmware predicts what a TEE measures, and profile {0} has none")]
    NoTee(String),
}

/// Builds what a profile describes, with its manifest and what goes with it.
pub(crate) fn build(args: &BuildArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    if profiles::open(&args.profile)?.1.tee == Some(Tee::PodVm) {
        overlay::check_options(args)?;
    }
    match wanted(&args.profile, &args.recipe)? {
        Wanted::Image(profile) => build_image(*profile, args, out),
        Wanted::Overlay(profile) => overlay::build(profile, args, out),
    }
}

/// Builds the image that `profile` describes.
fn build_image(profile: Profile, args: &BuildArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    if args.initdata.is_some() {
        return Err(BuildError::NotForImage(profile.name).into());
    }
    let Some(plan) = plan(profile, &args.profile, &args.recipe, &args.platform, out)? else {
        return Ok(Outcome::Wanting);
    };
    if !has_expected_policy(&plan.policy, given_policy(args)?.as_ref(), out) {
        return Ok(Outcome::Wanting);
    }
    let goal = goal(args, &plan.profile.name);
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let cache = cache::open(&args.cache, out)?;
    let staging = Staging::new(&goal)?;
    let variation = Variation { threads, order: Order::Found, cache: cache.as_ref() };
    let manifest = produce(&plan, &staging.path(), variation, out)?;
    if args.check && !is_reproducible(&plan, &staging, threads, out)? {
        return Ok(Outcome::Wanting);
    }
    staging.publish()?;
    report(&manifest, &goal, args, out)?;
    Ok(Outcome::Done)
}

/// Where the build goes.
fn goal(args: &BuildArgs, profile: &str) -> PathBuf {
    args.output_dir.clone().unwrap_or_else(|| Path::new("dist").join(profile))
}

/// Builds once more, differently, and compares the files.
fn is_reproducible(
    plan: &Plan,
    first: &Staging,
    threads: NonZeroUsize,
    out: &mut Output,
) -> anyhow::Result<bool> {
    let first = first.path();
    let second = Scratch::new(first.parent().unwrap_or(Path::new(".")))?;
    let other = NonZeroUsize::new(if threads.get() == 1 { 4 } else { 1 }).unwrap_or(NonZeroUsize::MIN);
    // Without the cache: what is wrong in it must show.
    let variation = Variation { threads: other, order: Order::Shuffled, cache: None };
    produce(plan, second.path(), variation, out)?;
    is_same(&first, second.path(), out)
}

/// Compares the files of two builds.
fn is_same(first: &Path, second: &Path, out: &mut Output) -> anyhow::Result<bool> {
    for entry in walkdir::WalkDir::new(first).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(first)?;
        let digest =
            |path: &Path| -> anyhow::Result<Sha256> { Ok(Sha256::of_reader(&mut fs::File::open(path)?)?.0) };
        let (a, b) = (digest(entry.path())?, digest(&second.join(name))?);
        if a != b {
            let message = format!("two builds differ in {}: SHA-256 {a} and {b}", name.display());
            out.error(&message, Some("this is a defect of coco-initrd: please report it".to_owned()));
            return Ok(false);
        }
    }
    Ok(true)
}

/// Says what was built.
fn report(manifest: &Manifest, goal: &Path, args: &BuildArgs, out: &mut Output) -> anyhow::Result<()> {
    let image = goal.join(&manifest.image.file);
    if args.json {
        let mut value = json!({
            "image": image,
            "manifest": goal.join("manifest.json"),
            "policy_sha256": manifest.policy.sha256,
            "production": manifest.production,
            "production_faults": manifest.production_faults,
            "reproducible": args.check.then_some(true),
            "sha256": manifest.image.sha256,
            "sha384": manifest.image.sha384,
            "size": manifest.image.size,
        });
        value.sort_all_objects();
        out.data(&format!("{value:#}\n"))?;
    } else {
        out.data(&format!("{}  {}\n", manifest.image.sha256, image.display()))?;
        out.note(&format!(
            "{} bytes, {} files, policy {} ({})",
            manifest.image.size,
            manifest.files.len(),
            manifest.policy.file,
            manifest.policy.sha256
        ));
    }
    if args.check {
        out.note("built twice: the bytes are the same");
    }
    for soft in &manifest.init.modules.not_loaded {
        out.note(&format!(
            "note: module {} would like to have {} with it, which is not loaded",
            soft.module, soft.wants
        ));
    }
    for fault in &manifest.production_faults {
        out.note(&format!("not for production: {fault}"));
    }
    Ok(())
}
