//! A customized image into one directory: packed, recorded and sealed like a build's.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::archive::initrd::Initrd;
use coco_image::assemble::AGENT;
use coco_image::customize::{Addition, Customized};
use coco_image::digest::Sha256;
use coco_image::manifest::{
    self, AddedFile, AppendedRecord, CertificatesRecord, CustomizationRecord, ImageRecord, InitRecord,
    InputRecord, Manifest, ProfileRecord,
};
use coco_image::modules::{Module, Modules};
use coco_image::pack::{self, Packed, PackedLayer};
use coco_image::path::GuestPath;
use coco_image::profile::{Profile, Role};
use coco_image::tree::{Layer, Node};
use coco_image::units::{Init, Tee};
use coco_image::{check, host, layer};

use super::appended::Appending;
use super::{Kernel, Policy, Stock, record, write_image, write_texts};
use crate::guard_plan;
use crate::output::Output;
use crate::store::Store;

/// All that a customized image is made of.
#[derive(Debug)]
pub(crate) struct CustomizedPlan {
    /// What manifest and host files go by.
    pub(crate) profile: Profile,
    /// The image that was customized: digest and size in bytes.
    pub(crate) base: (Sha256, u64),
    /// How the new one is written.
    pub(crate) packing: Packing,
    /// The policy, evaluated.
    pub(crate) policy: Policy,
    /// The file of the image that has it.
    pub(crate) policy_file: GuestPath,
    /// The guard's plan, renewed; `None` without a guard.
    pub(crate) guard: Option<coco_guard::Plan>,
    /// What runs as PID 1 in the end.
    pub(crate) started: (Option<Init>, String),
    /// What would not run, and would not have run in the image either.
    pub(crate) faults: Vec<String>,
    /// The files.
    pub(crate) customized: Customized,
    /// What was changed, as it was asked for.
    pub(crate) changes: Changes,
}

/// How a customized image is written.
#[derive(Debug)]
pub(crate) enum Packing {
    /// All files, packed as in a build.
    Anew,
    /// The bytes of the image, and an archive of what is new behind them.
    Appended(Box<KeptImage>),
}

/// An image whose bytes are kept.
#[derive(Debug)]
pub(crate) struct KeptImage {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) initrd: Initrd,
}

impl Packing {
    /// Whether nothing is kept.
    pub(crate) fn is_anew(&self) -> bool {
        matches!(self, Self::Anew)
    }

    /// Where an appendix is, if there is one.
    fn appended(&self, base_size: u64, packed: &Packed) -> Option<AppendedRecord> {
        let is_appendix = |layer: &&PackedLayer| layer.layer == Layer::Appendix;
        let appendix = packed.layers.iter().find(is_appendix).filter(|_| !self.is_anew())?;
        Some(AppendedRecord { base_size, offset: appendix.offset })
    }
}

/// What was changed, as it was asked for.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Files that were added.
    pub(crate) added: Vec<Addition>,
    /// Paths that were removed.
    pub(crate) removed: Vec<GuestPath>,
    /// Whether another policy was given.
    pub(crate) policy_replaced: bool,
    /// Certificates that were added, with the size of their file in bytes.
    pub(crate) certificates: Option<(CertificatesRecord, u64)>,
}

/// Packs `plan` into `directory`, with its manifest and host files.
pub(crate) fn produce_customized(
    plan: &CustomizedPlan,
    store: &Store,
    directory: &Path,
    out: &mut Output,
) -> anyhow::Result<Manifest> {
    let profile = &plan.profile;
    check::memory(profile, &plan.customized.tree)?;
    check::compression(profile.compression, &profile.kernel_reads)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = pack::Options { method: profile.compression, threads };
    let image = directory.join(host::image_name(profile));
    let (packed, places) = match &plan.packing {
        Packing::Anew => {
            let groups = layer::groups(&plan.customized.tree, profile.epoch);
            let packed = write_image(&image, &groups, options, Stock { store, cache: None }, out)?;
            (packed, layer::layer_names(&groups))
        }
        Packing::Appended(kept) => {
            let appendix = layer::appendix(&plan.customized.tree, profile.epoch);
            let packed = Appending { plan, kept, store, options }.write(appendix, &image)?;
            let layers = plan.customized.tree.iter();
            (packed, layers.map(|(path, entry)| (path.clone(), entry.layer.name())).collect())
        }
    };
    let manifest = manifest(plan, &packed, &places)?;
    write_texts(profile, &manifest, BTreeMap::new(), directory)?;
    Ok(manifest)
}

fn manifest(
    plan: &CustomizedPlan,
    packed: &Packed,
    places: &BTreeMap<GuestPath, &'static str>,
) -> anyhow::Result<Manifest> {
    let (profile, tree) = (&plan.profile, &plan.customized.tree);
    let faults = faults(plan, packed);
    let host_files = record::host_files(profile, packed.sha256, &faults);
    let (added, inputs) = files(plan, packed)?;
    let kernel = Kernel { reads: profile.kernel_reads.clone(), witness: None, sha256: None };
    let lines = profile.runtimes.iter();
    let (name, sha256) = (profile.name.clone(), profile.sha256());
    Ok(Manifest {
        schema: manifest::SCHEMA,
        tool: record::tool(),
        production: faults.is_empty(),
        production_faults: faults,
        profile: ProfileRecord { name, sha256, tee: profile.tee, arch: profile.arch },
        epoch: profile.epoch.seconds(),
        image: ImageRecord {
            file: host::image_name(profile),
            size: packed.size,
            sha256: packed.sha256,
            sha384: packed.sha384,
            unpacked_memory: check::unpacked_memory(tree),
            memory_mib: profile.memory_mib,
            same_bytes_as: Vec::new(),
        },
        compression: record::compression(profile, &kernel),
        layers: manifest::layers(packed),
        inputs,
        policy: manifest::PolicyRecord { file: plan.policy_file.to_string(), ..record::policy(&plan.policy) },
        init: init(plan, packed)?,
        command_lines: lines.map(|runtime| (*runtime, record::command_line(profile, *runtime))).collect(),
        host_files: host_files
            .iter()
            .map(|(name, text)| (name.clone(), Sha256::of(text.as_bytes())))
            .collect(),
        trimmed: Vec::new(),
        removed: plan.customized.removed_policies.iter().map(ToString::to_string).collect(),
        customization: Some(CustomizationRecord {
            base_sha256: plan.base.0,
            added,
            removed: plan.changes.removed.iter().map(ToString::to_string).collect(),
            policy_replaced: plan.changes.policy_replaced,
            ca_bundle: plan.changes.certificates.as_ref().map(|(record, _)| record.clone()),
            appended: plan.packing.appended(plan.base.1, packed),
        }),
        measurements: None,
        files: manifest::files(tree, packed, places),
    })
}

/// Why the image is not fit for production.
fn faults(plan: &CustomizedPlan, packed: &Packed) -> Vec<String> {
    let agent = AGENT.parse().ok().and_then(|agent| plan.customized.tree.follow(&agent).ok());
    let mut faults = Vec::new();
    match agent.map(|agent| packed.files.get(&agent)) {
        None => faults.push("the image has no kata-agent".to_owned()),
        Some(Some(sha256)) if *sha256 == Sha256::of(coco_guest_programs::BUILTIN_GUEST) => {
            faults.push(record::STAND_IN.to_owned());
        }
        Some(_) => {}
    }
    if plan.guard.is_none() {
        faults.push("the image has no guard: the host's command line can replace the policy".to_owned());
    }
    if plan.started.0.is_none() {
        faults.push("what runs as PID 1 is neither kata-agent nor systemd".to_owned());
    }
    faults.extend(plan.faults.iter().cloned());
    faults.extend(record::policy_faults(&plan.policy));
    if plan.profile.tee == Tee::None {
        faults.push(record::NO_TEE.to_owned());
    }
    faults
}

fn init(plan: &CustomizedPlan, packed: &Packed) -> anyhow::Result<InitRecord> {
    let mut modules = Modules::default();
    for path in plan.guard.iter().flat_map(|plan| &plan.modules) {
        modules.load.push(Module { path: path.to_string().parse()?, body: None });
    }
    let (run, program) = plan.started.clone();
    Ok(InitRecord {
        run,
        program,
        guard: plan.guard.is_some(),
        allowed_words: plan.guard.as_ref().map(guard_plan::allowed_words).unwrap_or_default(),
        modules: manifest::modules(&modules, &plan.customized.tree, packed),
    })
}

/// The files that were added, and all inputs, sorted by role.
fn files(
    plan: &CustomizedPlan,
    packed: &Packed,
) -> anyhow::Result<(BTreeMap<String, AddedFile>, Vec<InputRecord>)> {
    let input = |role: String, kind: &str, sha256: Sha256, size: u64| InputRecord {
        role,
        kind: kind.to_owned(),
        sha256,
        size,
        pinned: false,
        locked: Vec::new(),
    };
    let (sha256, size) = plan.base;
    let mut inputs = vec![
        input(Role::Base.name().to_owned(), "initrd", sha256, size),
        record::policy_input(&plan.policy, None)?,
    ];
    if let Some((record, size)) = &plan.changes.certificates {
        inputs.push(input("ca-bundle".to_owned(), "file", record.sha256, *size));
    }
    let mut added = BTreeMap::new();
    for addition in &plan.changes.added {
        let place = plan.customized.tree.follow(&addition.path)?;
        let sha256 = *packed.files.get(&place).with_context(|| format!("{place} was not packed"))?;
        let size = match plan.customized.tree.get(&place).map(|entry| &entry.node) {
            Some(Node::File(_, body)) => body.len(),
            _ => 0,
        };
        let replaced = plan.customized.replaced.get(&addition.path).copied().unwrap_or_default();
        let name = addition.path.to_string();
        inputs.push(input(format!("file {name}"), "file", sha256, size));
        added.insert(name, AddedFile { mode: addition.mode.to_string(), sha256, replaced });
    }
    inputs.sort_by(|a, b| a.role.cmp(&b.role));
    Ok((added, inputs))
}
