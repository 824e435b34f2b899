//! From the options to a plan: the profile with what they say instead, policy and kernel asked.
//!
//! Nothing is built here. Whoever builds an image, or builds it again, has its plan from here.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use coco_image::check::{self, Software};
use coco_image::digest::Sha256;
use coco_image::host;
use coco_image::kernel::{self, KernelError};
use coco_image::profile::raw::{Raw, RawInput, RawPolicy};
use coco_image::profile::source::Source;
use coco_image::profile::{ExtraKind, PolicySource, Profile, Role, Wanted};
use coco_image::units::Tee;
use fs_err as fs;

use super::BuildError;
use crate::args::build::RecipeArgs;
use crate::args::measure::{PlatformArgs, TeeArg};
use crate::content_store::{self, ContentStore};
use crate::default_policy::{self, Permissive};
use crate::inputs::Origin;
use crate::lock_file::{self, LockFile};
use crate::measure::{self, Guest};
use crate::output::Output;
use crate::produce::{Kernel, Plan, Policy};
use crate::profiles;

/// What `profile` makes, with the options of `recipe` applied.
pub(crate) fn wanted(profile: &str, recipe: &RecipeArgs) -> anyhow::Result<Wanted> {
    let (name, raw) = profiles::open(profile)?;
    Ok(Wanted::new(&name, &with_options(raw, recipe)?)?)
}

/// The plan of the image that `profile`, which the person calls `named`, describes; `None` if the policy is not fit for a default, which has been
/// said then.
pub(crate) fn plan(
    profile: Profile,
    named: &str,
    recipe: &RecipeArgs,
    platform: &PlatformArgs,
    out: &mut Output,
) -> anyhow::Result<Option<Plan>> {
    let lock = lock(&profile, named, recipe)?;
    let Some(policy) = evaluate(&profile.policy, recipe, out)? else {
        return Ok(None);
    };
    let kernel = ask_kernel(&profile, recipe.kernel.as_deref(), out)?;
    check::compression(profile.compression, &kernel.reads)?;
    let origins = origins(&profile, recipe, lock.as_ref())?;
    check_presence(&origins)?;
    Ok(Some(Plan {
        origins,
        software: if recipe.builtin_guest { Software::BuiltIn } else { Software::Components },
        same_bytes_as: same_bytes_as(&profile, recipe, lock.as_ref())?,
        guest: guest(&profile, recipe, platform)?,
        profile,
        policy,
        kernel,
    }))
}

/// The profile with what the options say instead; its digest is of the result.
fn with_options(mut raw: Raw, recipe: &RecipeArgs) -> anyhow::Result<Raw> {
    if let Some(method) = recipe.compression {
        raw.compression = Some(method.into());
    }
    if let Some(epoch) = recipe.source_date_epoch {
        raw.epoch = Some(epoch);
    }
    if let Some(policy) = &recipe.policy {
        // A path without a slash is a path too, when it is given as one.
        let source = Path::new(".").join(policy).into_os_string().into_string();
        let source = source.map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
        raw.policy.get_or_insert_with(RawPolicy::default).source = Some(source);
    }
    let given = [
        (Role::Agent, &recipe.agent),
        (Role::Base, &recipe.base),
        (Role::Guard, &recipe.guard),
        (Role::GuestComponents, &recipe.guest_components),
        (Role::KernelModules, &recipe.kernel_modules),
        (Role::PauseImage, &recipe.pause_image),
    ];
    for (role, path) in given {
        if let Some(path) = path {
            let input = raw.inputs.get_or_insert_default().entry(role.name().to_owned()).or_default();
            // Only the pin holds for it; where the profile would have it from does not matter.
            let sha256 = input.sha256.take();
            *input = RawInput { path: Some(path.clone()), sha256, ..RawInput::default() };
        }
    }
    Ok(raw)
}

/// The lock, if the profile with its options takes anything from elsewhere. It is of the profile without the options.
fn lock(profile: &Profile, named: &str, recipe: &RecipeArgs) -> anyhow::Result<Option<LockFile>> {
    if lock_file::remote_inputs(profile).next().is_none() {
        return match &recipe.lock {
            Some(path) => {
                Err(BuildError::LockUnused { lock: path.clone(), profile: profile.name.clone() }.into())
            }
            None => Ok(None),
        };
    }
    let (name, raw) = profiles::open(named)?;
    let sha256 = Wanted::new(&name, &raw)?.sha256();
    LockFile::open(named, sha256, recipe.lock.as_deref()).map(Some)
}

/// Where the inputs are read from; without an agent there is nothing to build.
fn origins(
    profile: &Profile,
    recipe: &RecipeArgs,
    lock: Option<&LockFile>,
) -> anyhow::Result<BTreeMap<Role, Origin>> {
    let mut origins = BTreeMap::new();
    for (role, input) in &profile.inputs {
        match (&input.source, lock) {
            (Some(Source::Path(path)), _) => {
                origins.insert(*role, Origin::Path(path.clone()));
            }
            (Some(Source::Remote(_)), Some(lock)) => {
                let place = content_store::place(recipe.store.as_ref())?;
                let contents = ContentStore::existing(place, &lock.profile);
                origins.insert(*role, Origin::Locked(lock.input(*role, input)?.clone(), contents));
            }
            _ => {}
        }
    }
    let pinned = profile.inputs.iter().filter(|(_, input)| input.sha256.is_some());
    for (role, _) in pinned {
        if *role != Role::Guard && !origins.contains_key(role) {
            return Err(BuildError::PinnedAbsent(*role).into());
        }
    }
    if recipe.builtin_guest {
        if let Some((role, origin)) = origins.iter().find(|(role, _)| role.is_component()) {
            return Err(BuildError::StandIn(*role, origin.to_string()).into());
        }
    } else if !origins.contains_key(&Role::Agent) && !origins.contains_key(&Role::Base) {
        return Err(BuildError::NoAgent(profile.name.clone()).into());
    }
    Ok(origins)
}

/// Fails if something that a lock names was not fetched: before anything is unpacked, the first by its name.
fn check_presence(origins: &BTreeMap<Role, Origin>) -> anyhow::Result<()> {
    for (role, origin) in origins {
        let Origin::Locked(locked, contents) = origin else { continue };
        for (name, content) in locked.contents() {
            let of_input = || format!("input {} can't be used", role.name());
            contents.find(content, &name).with_context(of_input)?;
        }
    }
    Ok(())
}

/// Loads and checks the policy as every agent will; `None` if it is not fit for a default.
pub(super) fn evaluate(
    source: &PolicySource,
    recipe: &RecipeArgs,
    out: &mut Output,
) -> anyhow::Result<Option<Policy>> {
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
    let permissive = Permissive::new(recipe.allow_permissive_policy);
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

/// What is measured beside the image, checked as far as it can be without it.
fn guest(profile: &Profile, recipe: &RecipeArgs, platform: &PlatformArgs) -> anyhow::Result<Option<Guest>> {
    let (Some(kernel), Some(firmware)) = (&recipe.kernel, &recipe.firmware) else {
        return Ok(None);
    };
    let tee = match profile.tee {
        Tee::Tdx => TeeArg::Tdx,
        Tee::Snp => TeeArg::Snp,
        Tee::None | Tee::PodVm => return Err(BuildError::NoTee(profile.name.clone()).into()),
    };
    let memory = u32::try_from(profile.memory_mib).ok();
    let guest = Guest::read((kernel, firmware), tee, platform, (None, memory))?;
    guest.check(&measure::lines(profile))?;
    Ok(Some(guest))
}

/// Built-in profiles that make the same image from the same inputs and options, this one included.
fn same_bytes_as(
    profile: &Profile,
    recipe: &RecipeArgs,
    lock: Option<&LockFile>,
) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, _) in profiles::BUILT_IN {
        let (_, raw) = profiles::open(name)?;
        if raw.tee == Some(Tee::PodVm) {
            continue; // makes no image
        }
        let other = Profile::new(name, &with_options(raw, recipe)?)?;
        if has_same_bytes(profile, &other) && is_locked_alike(name, &other, lock)? {
            names.push((*name).to_owned());
        }
    }
    Ok(names)
}

/// Whether the built-in lock of `other` has the same contents as this build's for what is fetched.
fn is_locked_alike(name: &str, other: &Profile, lock: Option<&LockFile>) -> anyhow::Result<bool> {
    let (Some(lock), Some(_)) = (lock, lock_file::remote_inputs(other).next()) else {
        return Ok(true);
    };
    let Some(others) = LockFile::find(name, None)? else { return Ok(false) };
    Ok(lock_file::remote_inputs(other).all(|(role, _)| {
        let contents = |lock: &LockFile| lock.lock.inputs.get(&role).map(|input| input.locked.contents());
        contents(lock) == contents(&others)
    }))
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
        && a.trim == b.trim
        && a.components == b.components
        && a.inputs == b.inputs
        && host::allowed_words(a) == host::allowed_words(b)
        && by_path(a) == by_path(b)
}
