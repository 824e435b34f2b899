//! `coco-initrd build`: from a profile to an image with its manifest and host files, or to an overlay.
//!
//! Here the options become a [`Plan`], which is built once, or twice for `--check`, and published.

mod expected;
mod overlay;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::check::{self, Software};
use coco_image::digest::Sha256;
use coco_image::host;
use coco_image::kernel::{self, KernelError};
use coco_image::manifest::Manifest;
use coco_image::profile::raw::{Raw, RawPolicy};
use coco_image::profile::{ExtraKind, PolicySource, Profile, Role, Wanted};
use coco_image::units::Tee;
use fs_err as fs;
use serde_json::json;

use crate::args::BuildArgs;
use crate::default_policy::{self, Permissive};
use crate::inputs::Order;
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::produce::{Kernel, Plan, Policy, Variation, produce};
use crate::publish::Staging;
use crate::{Outcome, cache, profiles};
use expected::{bare_metal_policy, given_policy, has_expected_policy};

/// Something the person must say or leave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Neither agent nor base nor stand-in.
    #[error("profile {0} names no agent, and none was given")]
    NoAgent(String),
    /// The stand-in replaces what the profile names.
    #[error("--builtin-guest stands in for agent and components, but the profile's {} is {}", .0.name(), .1.display())]
    StandIn(Role, PathBuf),
    /// A pin without its input would go unchecked.
    #[error("the profile pins input {}, and none was given", .0.name())]
    PinnedAbsent(Role),
    /// An option about images, with a profile for a podvm.
    #[error("{0} is about images, and profile {1} makes an overlay for a podvm image")]
    NotForOverlay(&'static str, String),
    /// The other way round.
    #[error("--initdata is for podvm overlays, and profile {0} makes an image")]
    NotForImage(String),
}

/// Builds what a profile describes, with its manifest and what goes with it.
pub(crate) fn build(args: &BuildArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (name, raw) = profiles::open(&args.profile)?;
    if raw.tee == Some(Tee::PodVm) {
        overlay::check_options(args)?;
    }
    match Wanted::new(&name, &with_options(raw, args)?)? {
        Wanted::Image(profile) => build_image(*profile, args, out),
        Wanted::Overlay(profile) => overlay::build(profile, args, out),
    }
}

/// Builds the image that `profile` describes.
fn build_image(profile: Profile, args: &BuildArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    if args.initdata.is_some() {
        return Err(BuildError::NotForImage(profile.name).into());
    }
    let Some(policy) = evaluate(&profile.policy, args, out)? else {
        return Ok(Outcome::Wanting);
    };
    if !has_expected_policy(&policy, given_policy(args)?.as_ref(), out) {
        return Ok(Outcome::Wanting);
    }
    let kernel = ask_kernel(&profile, args.kernel.as_deref(), out)?;
    check::compression(profile.compression, &kernel.reads)?;
    let plan = Plan {
        paths: paths(&profile, args)?,
        software: if args.builtin_guest { Software::BuiltIn } else { Software::Components },
        same_bytes_as: same_bytes_as(&profile, args)?,
        profile,
        policy,
        kernel,
    };
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

/// The profile with what the options say instead; its digest is of the result.
fn with_options(mut raw: Raw, args: &BuildArgs) -> anyhow::Result<Raw> {
    if let Some(method) = args.compression {
        raw.compression = Some(method.into());
    }
    if let Some(epoch) = args.source_date_epoch {
        raw.epoch = Some(epoch);
    }
    if let Some(policy) = &args.policy {
        // A path without a slash is a path too, when it is given as one.
        let source = Path::new(".").join(policy).into_os_string().into_string();
        let source = source.map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
        raw.policy.get_or_insert_with(RawPolicy::default).source = Some(source);
    }
    let given = [
        (Role::Agent, &args.agent),
        (Role::Base, &args.base),
        (Role::Guard, &args.guard),
        (Role::GuestComponents, &args.guest_components),
        (Role::KernelModules, &args.kernel_modules),
        (Role::PauseImage, &args.pause_image),
    ];
    for (role, path) in given {
        if let Some(path) = path {
            let inputs = raw.inputs.get_or_insert_default();
            inputs.entry(role.name().to_owned()).or_default().path = Some(path.clone());
        }
    }
    Ok(raw)
}

/// The inputs' places; without an agent there is nothing to build.
fn paths(profile: &Profile, args: &BuildArgs) -> Result<BTreeMap<Role, PathBuf>, BuildError> {
    let named = profile.inputs.iter().filter_map(|(role, input)| Some((*role, input.path.clone()?)));
    let paths: BTreeMap<Role, PathBuf> = named.collect();
    let pinned = profile.inputs.iter().filter(|(_, input)| input.sha256.is_some());
    for (role, _) in pinned {
        if *role != Role::Guard && !paths.contains_key(role) {
            return Err(BuildError::PinnedAbsent(*role));
        }
    }
    if args.builtin_guest {
        if let Some((role, path)) = paths.iter().find(|(role, _)| role.is_component()) {
            return Err(BuildError::StandIn(*role, path.clone()));
        }
    } else if !paths.contains_key(&Role::Agent) && !paths.contains_key(&Role::Base) {
        return Err(BuildError::NoAgent(profile.name.clone()));
    }
    Ok(paths)
}

/// Loads and checks the policy as every agent will; `None` if it is not fit for a default.
fn evaluate(source: &PolicySource, args: &BuildArgs, out: &mut Output) -> anyhow::Result<Option<Policy>> {
    let (name, bytes, kind) = match source {
        PolicySource::BuiltIn(name) => {
            (format!("{name}.rego"), profiles::built_in_policy(name)?.as_bytes().to_vec(), "built-in")
        }
        PolicySource::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read(path).context("the policy can't be read")?, "file")
        }
    };
    let policy = default_policy::evaluate(name, bytes, kind)?;
    let permissive = Permissive::new(args.allow_permissive_policy);
    Ok(default_policy::may_be_packed(&policy, permissive, out).then_some(policy))
}

/// What the guest's kernel reads: asked of the kernel where there is one, else as the profile says.
fn ask_kernel(profile: &Profile, path: Option<&Path>, out: &mut Output) -> anyhow::Result<Kernel> {
    let as_profiled = |sha256| Kernel { reads: profile.kernel_reads.clone(), witness: None, sha256 };
    let Some(path) = path else {
        return Ok(as_profiled(None));
    };
    let bytes = fs::read(path)?;
    let sha256 = Some(Sha256::of(&bytes));
    match kernel::reads(&bytes) {
        Ok((reads, witness)) => Ok(Kernel { reads, witness: Some(witness), sha256 }),
        Err(error @ (KernelError::Silent | KernelError::Unpack { .. })) => {
            out.note(&format!("note: {}: {error}; going by the profile's kernel-reads", path.display()));
            Ok(as_profiled(sha256))
        }
        Err(error) => Err(anyhow::Error::new(error).context(format!("{}", path.display()))),
    }
}

/// Built-in profiles that make the same image from the same inputs and options, this one included.
fn same_bytes_as(profile: &Profile, args: &BuildArgs) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, _) in profiles::BUILT_IN {
        let (_, raw) = profiles::open(name)?;
        if raw.tee == Some(Tee::PodVm) {
            continue; // makes no image
        }
        let other = Profile::new(name, &with_options(raw, args)?)?;
        if has_same_bytes(profile, &other) {
            names.push((*name).to_owned());
        }
    }
    Ok(names)
}

/// Compares what an image's bytes depend on, inputs apart.
fn has_same_bytes(a: &Profile, b: &Profile) -> bool {
    let by_path = |profile: &Profile| -> BTreeMap<_, ExtraKind> {
        profile.extras.iter().map(|extra| (extra.path.clone(), extra.kind.clone())).collect()
    };
    a.epoch == b.epoch
        && a.compression == b.compression
        && (a.init, a.guard) == (b.init, b.guard)
        && a.modules == b.modules
        && a.policy == b.policy
        && a.components == b.components
        && a.inputs == b.inputs
        && host::allowed_words(a) == host::allowed_words(b)
        && by_path(a) == by_path(b)
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
