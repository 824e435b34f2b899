//! The manifest of a finished image: gathers what each stage has found out.
//!
//! Pins are compared here, before anything is published: the digest of a directory is known only
//! once its files have been read.

use std::collections::BTreeMap;

use anyhow::Context as _;
use coco_image::check::{self, Software};
use coco_image::digest::{Sha256, Sha384};
use coco_image::host::{self, Word};
use coco_image::manifest::{
    self, CommandLineRecord, CompressionRecord, ImageRecord, InitRecord, InputRecord, Manifest,
    MeasuredInitrdRecord, MeasurementsRecord, PolicyRecord, ProfileRecord, Tool,
};
use coco_image::pack::Packed;
use coco_image::profile::{ExtraKind, Guard, Profile, Role};
use coco_image::tree::{Bodies, Body, Node};
use coco_image::units::{Runtime, Tee};
use coco_image::{assemble, compress, layer};

use super::{Built, Kernel, Policy};
use crate::inputs::{Identity, Listing, Origin, Package};
use crate::measure::{self, Guest};
use crate::store::Store;

/// The engine that decides, in the program and in the guest.
const ENGINE: &str = "regorus 0.10.0, features arc base64 base64url regex std";

/// A fault of an image whose agent is the project's own.
pub(super) const STAND_IN: &str = "the built-in guest stands in for agent and guest components";

/// A fault of an image for guests that the host can read.
pub(super) const NO_TEE: &str = "the profile has no TEE: the host can read the guest";

/// An input that is not the one the profile pins.
#[derive(Debug, thiserror::Error)]
#[error("input {role} is not the pinned one: SHA-256 got {got}, expected {expected}")]
pub(crate) struct PinError {
    /// What the input is for.
    role: String,
    /// Its digest.
    got: Sha256,
    /// The profile's.
    expected: Sha256,
}

/// The manifest of `built`.
pub(super) fn manifest(built: &Built<'_>, store: &Store) -> anyhow::Result<Manifest> {
    let Built { plan, assembled, packed, groups, .. } = built;
    let profile = &plan.profile;
    let faults = faults(built);
    let host_files = host_files(profile, packed.sha256, &faults);
    Ok(Manifest {
        schema: manifest::SCHEMA,
        tool: tool(),
        production: faults.is_empty(),
        production_faults: faults,
        profile: ProfileRecord {
            name: profile.name.clone(),
            sha256: profile.sha256(),
            tee: profile.tee,
            arch: profile.arch,
        },
        epoch: profile.epoch.seconds(),
        image: ImageRecord {
            file: host::image_name(profile),
            size: packed.size,
            sha256: packed.sha256,
            sha384: packed.sha384,
            unpacked_memory: check::unpacked_memory(&assembled.tree),
            memory_mib: profile.memory_mib,
            same_bytes_as: plan.same_bytes_as.clone(),
        },
        compression: compression(profile, &plan.kernel),
        layers: manifest::layers(packed),
        inputs: inputs(built, store)?,
        policy: policy(&plan.policy),
        init: init(built),
        command_lines: profile
            .runtimes
            .iter()
            .map(|runtime| (*runtime, command_line(profile, *runtime)))
            .collect(),
        host_files: host_files
            .iter()
            .map(|(name, text)| (name.clone(), Sha256::of(text.as_bytes())))
            .collect(),
        trimmed: manifest::trimmed(&assembled.trimmed),
        removed: assembled.removed.iter().map(ToString::to_string).collect(),
        customization: None,
        measurements: measurements(built)?,
        files: manifest::files(&assembled.tree, packed, &layer::layer_names(groups)),
    })
}

/// What evidence will show of the image, if kernel and firmware are known.
fn measurements(built: &Built<'_>) -> anyhow::Result<Option<MeasurementsRecord>> {
    let Packed { sha256, sha384, size, .. } = *built.packed;
    let initrd = MeasuredInitrdRecord { sha256, sha384, size };
    let predict = |guest: &Guest| {
        guest.predict(Some(initrd), &measure::lines(&built.plan.profile), measure::init_data(&[]))
    };
    built.plan.guest.as_ref().map(predict).transpose()
}

/// The files for the host: their path beside the manifest, and their text.
pub(super) fn host_files(profile: &Profile, image: Sha256, faults: &[String]) -> BTreeMap<String, String> {
    let file = |runtime: &Runtime| {
        let name = format!("host/{runtime}/{}", host::DROP_IN);
        (name, host::drop_in(profile, *runtime, image, faults))
    };
    profile.runtimes.iter().map(file).collect()
}

/// Why the image is not fit for production.
fn faults(built: &Built<'_>) -> Vec<String> {
    let plan = built.plan;
    let mut faults = Vec::new();
    if plan.software == Software::BuiltIn {
        faults.push(STAND_IN.to_owned());
    }
    if plan.profile.guard == Guard::Off {
        faults.push("the guard is off: the host's command line can replace the policy".to_owned());
    }
    faults.extend(policy_faults(&plan.policy));
    if plan.profile.tee == Tee::None {
        faults.push(NO_TEE.to_owned());
    }
    faults
}

/// Why the policy is not fit for production.
pub(super) fn policy_faults(policy: &Policy) -> Vec<String> {
    let faulty = !policy.findings.is_empty();
    faulty.then(|| "the policy is not fit for a default".to_owned()).into_iter().collect()
}

/// This program.
pub(super) fn tool() -> Tool {
    Tool { name: "coco-initrd".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// How the layers are compressed, and why the kernel reads that.
pub(super) fn compression(profile: &Profile, kernel: &Kernel) -> CompressionRecord {
    let method = profile.compression;
    CompressionRecord {
        method,
        description: compress::description(method),
        kernel_reads: kernel.reads.clone(),
        kernel_witness: kernel.witness.map_or("profile", |witness| witness.name()).to_owned(),
        kernel_sha256: kernel.sha256,
    }
}

/// The policy and what it decides.
pub(super) fn policy(policy: &Policy) -> PolicyRecord {
    PolicyRecord {
        path: assemble::DEFAULT_POLICY.to_owned(),
        file: format!("{}/{}", assemble::POLICY_DIRECTORY, policy.name),
        sha256: Sha256::of(&policy.bytes),
        sha384: Sha384::of(&policy.bytes),
        engine: ENGINE.to_owned(),
        decisions: policy.decisions.clone(),
        findings: policy.findings.clone(),
    }
}

fn init(built: &Built<'_>) -> InitRecord {
    let profile = &built.plan.profile;
    let guard = profile.guard == Guard::On;
    InitRecord {
        run: Some(profile.init),
        program: assemble::init_program(profile.init).to_owned(),
        guard,
        allowed_words: if guard { host::allowed_words(profile) } else { Vec::new() },
        modules: manifest::modules(built.modules, &built.assembled.tree, built.packed),
    }
}

/// What `runtime` is expected to give.
pub(super) fn command_line(profile: &Profile, runtime: Runtime) -> CommandLineRecord {
    let words = host::command_line(profile, runtime);
    let per_host: BTreeMap<String, String> = words
        .iter()
        .filter_map(|word| match word {
            Word::PerHost(name, why) => Some(((*name).to_owned(), (*why).to_owned())),
            Word::Exact(_) => None,
        })
        .collect();
    CommandLineRecord { line: host::line(&words), exact: per_host.is_empty(), per_host }
}

fn inputs(built: &Built<'_>, store: &Store) -> anyhow::Result<Vec<InputRecord>> {
    let mut records = Vec::new();
    for (role, input) in built.read {
        let (kind, sha256, size) = match &input.identity {
            Identity::File(kind, sha256, size) => (kind.to_string(), *sha256, *size),
            Identity::Directory(listing) => {
                ("directory".to_owned(), listing_sha256(listing, built, store)?, listing.size())
            }
            Identity::Image(sha256, size) => ("oci".to_owned(), *sha256, *size),
            Identity::Packages(packages) => {
                let size = packages.iter().map(|package| package.locked.file.size).sum();
                ("packages".to_owned(), Package::digest(packages), size)
            }
        };
        let mut record = record(role.name(), &kind, (sha256, size), pin(built, *role))?;
        if let Some(Origin::Locked(locked, _)) = built.plan.origins.get(role) {
            record.pinned = true;
            record.locked = manifest::locked(locked);
        }
        records.push(record);
    }
    records.extend(built_in_inputs(built)?);
    records.extend(sources(built)?);
    records.sort_by(|a, b| a.role.cmp(&b.role));
    Ok(records)
}

/// The policy, and what this program itself brings.
fn built_in_inputs(built: &Built<'_>) -> Result<Vec<InputRecord>, PinError> {
    let plan = built.plan;
    let mut records = vec![policy_input(&plan.policy, plan.profile.policy_sha256)?];
    if plan.software == Software::BuiltIn {
        let guest = found(coco_guest_programs::BUILTIN_GUEST);
        records.push(record(Role::Agent.name(), "built-in", guest, None)?);
    }
    if plan.profile.guard == Guard::On && !built.read.contains_key(&Role::Guard) {
        let guard = found(coco_guest_programs::GUARD);
        records.push(record(Role::Guard.name(), "built-in", guard, pin(built, Role::Guard))?);
    }
    Ok(records)
}

/// The policy as an input.
pub(super) fn policy_input(policy: &Policy, pin: Option<Sha256>) -> Result<InputRecord, PinError> {
    record("policy", policy.kind, found(&policy.bytes), pin)
}

fn found(bytes: &[u8]) -> (Sha256, u64) {
    (Sha256::of(bytes), u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Files the profile takes from beside itself.
fn sources(built: &Built<'_>) -> anyhow::Result<Vec<InputRecord>> {
    let mut records = Vec::new();
    for extra in &built.plan.profile.extras {
        if let ExtraKind::Source(..) = extra.kind {
            let place = built.assembled.tree.follow(&extra.path)?;
            let size = match built.assembled.tree.get(&place).map(|entry| &entry.node) {
                Some(Node::File(_, body)) => body.len(),
                _ => 0,
            };
            let digest = built.packed.files.get(&place);
            let digest = digest.with_context(|| format!("{place} was not packed"))?;
            records.push(record(&format!("file {}", extra.path), "file", (*digest, size), None)?);
        }
    }
    Ok(records)
}

fn pin(built: &Built<'_>, role: Role) -> Option<Sha256> {
    built.plan.profile.inputs.get(&role).and_then(|input| input.sha256)
}

fn record(
    role: &str,
    kind: &str,
    found: (Sha256, u64),
    pin: Option<Sha256>,
) -> Result<InputRecord, PinError> {
    let (sha256, size) = found;
    match pin {
        Some(expected) if expected != sha256 => {
            Err(PinError { role: role.to_owned(), got: sha256, expected })
        }
        _ => Ok(InputRecord {
            role: role.to_owned(),
            kind: kind.to_owned(),
            sha256,
            size,
            pinned: pin.is_some(),
            locked: Vec::new(),
        }),
    }
}

/// The digest of a directory. Most of its files have been hashed on their way into the image.
fn listing_sha256(listing: &Listing, built: &Built<'_>, store: &Store) -> std::io::Result<Sha256> {
    let mut known = BTreeMap::new();
    for (path, entry) in built.assembled.tree.iter() {
        let first = if let Node::HardLink(first) = &entry.node { first } else { path };
        let node = built.assembled.tree.get(first).map(|entry| &entry.node);
        if let (Some(Node::File(_, Body::Extent(extent))), Some(digest)) =
            (node, built.packed.files.get(path))
        {
            known.insert(extent.store, *digest);
        }
    }
    listing.sha256(|body| match body {
        Body::Bytes(bytes) => Ok(Sha256::of(bytes)),
        Body::Extent(extent) => match known.get(&extent.store) {
            Some(digest) => Ok(*digest),
            None => Sha256::of_reader(&mut store.open(*extent)?).map(|(digest, _)| digest),
        },
    })
}
