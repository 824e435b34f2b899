//! One build into one directory: inputs, tree, checks, image, manifest, host files.
//!
//! Everything that can fail does so before or while the image is written into a directory nobody
//! looks into yet; [`publish`](crate::publish) comes after.

mod appended;
mod customized;
mod documents;
mod overlay;
mod record;

pub(crate) use appended::BaseChanged;
pub(crate) use customized::{Changes, CustomizedPlan, KeptImage, Packing, produce_customized};
pub(crate) use overlay::{OverlayPlan, produce_overlay};
pub(crate) use record::PinError;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context as _;
use coco_image::assemble::{self, Assembled, GuestSoftware, Inputs, Loaded, PolicyFile};
use coco_image::check::{self, Software};
use coco_image::digest::Sha256;
use coco_image::host;
use coco_image::kernel::Witness;
use coco_image::layer::{self, Group};
use coco_image::manifest::Manifest;
use coco_image::modules::{self, Modules, ModulesError, WantedModule};
use coco_image::pack::{self, GroupCache, Packed};
use coco_image::profile::{ExtraKind, Guard, Profile, Role};
use coco_image::tree::Body;
use coco_image::units::Method;
use fs_err as fs;
use indicatif::ProgressBar;

use crate::cache::Cache;
use crate::inputs::{Input, Order, Origin, Reader};
use crate::measure::Guest;
use crate::output::Output;
use crate::store::Store;

/// All that a build is made of, decided and checked as far as it can be without its inputs.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The profile, options applied.
    pub(crate) profile: Profile,
    /// Where inputs are read from, by role.
    pub(crate) origins: BTreeMap<Role, Origin>,
    /// Agent and components, or the stand-in.
    pub(crate) software: Software,
    /// The policy, evaluated.
    pub(crate) policy: Policy,
    /// What the guest's kernel reads.
    pub(crate) kernel: Kernel,
    /// Built-in profiles that give the same bytes.
    pub(crate) same_bytes_as: Vec<String>,
    /// What is measured beside the image, if that is to be predicted.
    pub(crate) guest: Option<Guest>,
}

/// A policy with what it decides.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Its file name in the image.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// `built-in` or `file`; `initrd` for the one a customized image has kept.
    pub(crate) kind: &'static str,
    /// Each request with its verdict.
    pub(crate) decisions: BTreeMap<String, String>,
    /// What it should not do as a default, allowed explicitly.
    pub(crate) findings: Vec<String>,
}

/// What a kernel reads, and how that is known.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The methods besides none.
    pub(crate) reads: Vec<Method>,
    /// How that is known; `None` if the profile says so.
    pub(crate) witness: Option<Witness>,
    /// Digest of the kernel that was asked.
    pub(crate) sha256: Option<Sha256>,
}

/// What must make no difference to the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variation<'c> {
    /// Number of threads.
    pub(crate) threads: NonZeroUsize,
    /// Order of directory entries.
    pub(crate) order: Order,
    /// Packed groups of earlier builds.
    pub(crate) cache: Option<&'c Cache>,
}

/// Builds `plan` into `directory`.
pub(crate) fn produce(
    plan: &Plan,
    directory: &Path,
    variation: Variation<'_>,
    out: &mut Output,
) -> anyhow::Result<Manifest> {
    let mut store = Store::default();
    let read = read_inputs(plan, directory, variation.order, &mut store)?;
    let inputs = arrange(plan, &read, &mut store)?;
    let assembled = assemble::assemble(&plan.profile, &inputs, &store)?;
    check::tree(&plan.profile, &assembled.tree, &inputs.policy, plan.software, &store)?;
    let groups = layer::groups(&assembled.tree, plan.profile.epoch);
    let options = pack::Options { method: plan.profile.compression, threads: variation.threads };
    let image = directory.join(host::image_name(&plan.profile));
    let packed = write_image(&image, &groups, options, Stock { store: &store, cache: variation.cache }, out)?;
    let modules = &inputs.modules;
    let built = Built { plan, read: &read, modules, assembled: &assembled, groups: &groups, packed: &packed };
    let manifest = record::manifest(&built, &store)?;
    let documents = documents::documents(&built, &manifest, &store)?;
    write_texts(&plan.profile, &manifest, documents, directory)?;
    Ok(manifest)
}

/// A build whose image is written, for its record.
struct Built<'a> {
    plan: &'a Plan,
    read: &'a BTreeMap<Role, Input>,
    modules: &'a Modules,
    assembled: &'a Assembled,
    groups: &'a [Group],
    packed: &'a Packed,
}

fn read_inputs(
    plan: &Plan,
    scratch: &Path,
    order: Order,
    store: &mut Store,
) -> anyhow::Result<BTreeMap<Role, Input>> {
    let mut reader = Reader { store, scratch, unpack_limit: plan.profile.unpack_limit, order };
    let mut read = BTreeMap::new();
    for (role, origin) in &plan.origins {
        let input = match origin {
            Origin::Path(path) => reader.read(path),
            Origin::Locked(locked, contents) => reader.locked(locked, contents),
        };
        let input = input.with_context(|| format!("input {} can't be used", role.name()))?;
        read.insert(*role, input);
    }
    Ok(read)
}

/// Puts what was read where the assembler wants it.
fn arrange(plan: &Plan, read: &BTreeMap<Role, Input>, store: &mut Store) -> anyhow::Result<Inputs> {
    let base = match read.get(&Role::Base).map(|input| &input.loaded) {
        None => None,
        Some(Loaded::Members(members)) => Some(members.clone()),
        Some(Loaded::File(_)) => return Err(assemble::AssembleError::BaseIsFile.into()),
    };
    let guest = match plan.software {
        Software::BuiltIn => GuestSoftware::BuiltIn(Body::bytes(coco_guest_programs::BUILTIN_GUEST)),
        Software::Components => {
            let components = read.iter().filter(|(role, _)| role.is_component());
            GuestSoftware::Components(components.map(|(role, input)| (*role, input.loaded.clone())).collect())
        }
    };
    let policy = PolicyFile { name: plan.policy.name.clone(), body: Body::bytes(&plan.policy.bytes) };
    let guard = match read.get(&Role::Guard).map(|input| &input.loaded) {
        None => Body::bytes(coco_guest_programs::GUARD),
        Some(Loaded::File(body)) => body.clone(),
        Some(Loaded::Members(_)) => anyhow::bail!("the guard is an archive, expected a program"),
    };
    let modules = modules(&plan.profile, read, store)?;
    let guard = (guard, Body::bytes(guard_plan(plan, &modules)?.as_bytes()));
    let mut sources = BTreeMap::new();
    for extra in &plan.profile.extras {
        if let ExtraKind::Source(_, source) = &extra.kind {
            let len = fs::metadata(source).with_context(|| format!("{} of the profile", extra.path))?.len();
            sources.insert(source.clone(), Body::Extent(store.add_path(source.clone(), len)));
        }
    }
    Ok(Inputs { base, guest, policy, guard, modules, sources })
}

/// Finds the kernel modules that the profile names.
fn modules(profile: &Profile, read: &BTreeMap<Role, Input>, store: &Store) -> anyhow::Result<Modules> {
    let members = match read.get(&Role::KernelModules).map(|input| &input.loaded) {
        None => None,
        Some(Loaded::Members(members)) => Some(members.as_slice()),
        Some(Loaded::File(_)) => return Err(ModulesError::SingleFile.into()),
    };
    let is_named = |module: &WantedModule| matches!(module, WantedModule::Named(_));
    if members.is_some() && !profile.modules.iter().any(is_named) {
        return Err(ModulesError::Unused.into());
    }
    Ok(modules::resolve(&profile.modules, profile.arch, members, store)?)
}

/// What the guard is told: which words may be on the command line, which policy must be there.
fn guard_plan(plan: &Plan, modules: &Modules) -> anyhow::Result<String> {
    if plan.profile.guard == Guard::Off {
        return Ok(String::new());
    }
    let words = host::allowed_words(&plan.profile);
    let allow = words.iter().map(|word| word.parse()).collect::<Result<_, coco_guard::PatternError>>();
    let guard = coco_guard::Plan {
        exec: assemble::init_program(plan.profile.init).parse()?,
        args: Vec::new(),
        policy: assemble::DEFAULT_POLICY.parse()?,
        policy_sha256: coco_guard::Sha256::of(&plan.policy.bytes),
        modules: modules.load.iter().map(|it| it.path.as_str().parse()).collect::<Result<_, _>>()?,
        allow: allow.with_context(|| format!("profile {}: the guard's allow-list", plan.profile.name))?,
    };
    Ok(guard.to_toml())
}

/// Where an image's bytes come from.
#[derive(Clone, Copy)]
struct Stock<'a> {
    store: &'a Store,
    cache: Option<&'a Cache>,
}

fn write_image(
    path: &Path,
    groups: &[Group],
    options: pack::Options,
    stock: Stock<'_>,
    out: &mut Output,
) -> anyhow::Result<Packed> {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let bytes = groups.iter().map(|group| group.len).sum();
    if let Some(cache) = stock.cache {
        cache.reserve(bytes);
    }
    let bar = out.progress("packing", bytes);
    let cache = stock.cache.map(|cache| -> &dyn GroupCache { cache });
    let sources = pack::Sources { bodies: stock.store, cache };
    let result = pack::pack_from(groups, options, sources, &mut file, &|bytes| {
        ProgressBar::inc(&bar, bytes);
    });
    bar.finish_and_clear();
    if let Some(cache) = stock.cache {
        cache.report(groups.len(), out);
    }
    let packed = result?;
    file.flush().context("the image can't be written")?;
    Ok(packed)
}

/// Writes the manifest, the host files, the documents, and the digests of all.
fn write_texts(
    profile: &Profile,
    manifest: &Manifest,
    documents: BTreeMap<String, String>,
    directory: &Path,
) -> anyhow::Result<()> {
    let json = manifest.to_json();
    let mut sums = BTreeMap::new();
    sums.insert(manifest.image.file.clone(), manifest.image.sha256);
    sums.insert("manifest.json".to_owned(), Sha256::of(json.as_bytes()));
    fs::write(directory.join("manifest.json"), json)?;
    let host_files = record::host_files(profile, manifest.image.sha256, &manifest.production_faults);
    for (name, text) in host_files.into_iter().chain(documents) {
        let path = directory.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(&path, &text)?;
        sums.insert(name, Sha256::of(text.as_bytes()));
    }
    let lines: Vec<String> = sums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    fs::write(directory.join("SHA256SUMS"), lines.concat())?;
    Ok(())
}
