//! `coco-initrd customize`: an existing initrd with something changed, packed anew with its manifest.
//!
//! What is changed and refused is in `coco_image::customize`; here files are read, and the policy is evaluated.

mod append;

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::assemble::{self, AGENT, INIT, Loaded, PolicyFile};
use coco_image::check::{self, Changed};
use coco_image::customize::{self, Addition, Certificates, Customized, Edits, NotCertificates};
use coco_image::digest::Sha256;
use coco_image::host;
use coco_image::manifest::{AppendedRecord, CertificatesRecord, Manifest};
use coco_image::path::GuestPath;
use coco_image::policy_location::{self, LocateError, Located};
use coco_image::profile::{Profile, Wanted};
use coco_image::tree::{Body, Node, Tree};
use coco_image::units::Mode;
use fs_err as fs;
use serde_json::json;

use crate::args::customize::{Added, CustomizeArgs};
use crate::default_policy::{self, Permissive};
use crate::initrd_file::InitrdFile;
use crate::inputs::{Identity, Kind, Order, Reader};
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::produce::{Changes, CustomizedPlan, KeptImage, Packing, Policy, produce_customized};
use crate::publish::Staging;
use crate::store::Store;
use crate::{Outcome, guard_plan, profiles};
pub(crate) use append::AppendFault;
use append::Own;

/// Largest bundle of certificates, given or in the image, in bytes: Debian's has a quarter of a million.
const BUNDLE_MAX: u64 = 16 << 20;

/// Something the person must say or leave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CustomizeFault {
    /// A tar, a directory, a program.
    #[error("{} is not an initrd", .0.display())]
    NotInitrd(PathBuf),
    /// Overlays have no initrd.
    #[error("profile {0} makes an overlay for a podvm image, expected one for images")]
    Overlay(String),
    /// No image leaves without a policy that was evaluated.
    #[error("the image has no policy that its agent is sure to load: {0}")]
    NoPolicy(LocateError),
    /// Something in the image names another one.
    #[error("the policy would not be the one the agent loads: {0}")]
    NotLoaded(String),
    /// The guard would refuse what the manifest says.
    #[error("the image's guard does not let `{word}` pass, which the command line of profile {profile} has")]
    Word {
        /// The word.
        word: String,
        /// The profile.
        profile: String,
    },
    /// Not a bundle.
    #[error("{}: {error}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: NotCertificates,
    },
    /// Something that can't be a file of an image.
    #[error("{} is not a file", .0.display())]
    NotFile(PathBuf),
    /// More than a bundle has.
    #[error("{0} has more than the {BUNDLE_MAX} bytes that a bundle of certificates may have")]
    BundleTooLarge(String),
    /// Nothing was asked for.
    #[error("nothing to change: give --policy, --add, --remove or --ca-bundle")]
    Nothing,
}

/// An image that was read.
struct Base {
    tree: Tree,
    identity: (Sha256, u64),
    packing: Packing,
}

/// Makes a customized image.
pub(crate) fn customize(args: &CustomizeArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    if args.policy.is_none() && args.ca_bundle.is_none() && args.add.is_empty() && args.remove.is_empty() {
        return Err(CustomizeFault::Nothing.into());
    }
    let profile = profile(&args.profile)?;
    let scratch = Scratch::new(&std::env::temp_dir())?;
    let (base, mut store) = if args.append {
        read_to_append(&args.image, &profile)?
    } else {
        read(&args.image, &profile, scratch.path())?
    };
    let own = if args.append { Some(Own::find(&base.tree, &store)?) } else { None };
    let policy = policy(args, &base.tree, &store)?;
    if let Some(own) = own {
        own.refuse_more_than(&policy)?;
    }
    if !default_policy::may_be_packed(&policy, Permissive::new(args.allow_permissive_policy), out) {
        return Ok(Outcome::Wanting);
    }
    let plan = plan(args, profile, base, policy, &mut store)?;
    let staging = Staging::new(&args.output_dir)?;
    let manifest = produce_customized(&plan, &store, &staging.path(), out)?;
    if args.append {
        append::read_back(&manifest, &staging.path())?;
    }
    staging.publish()?;
    report(&manifest, &plan, args, out)?;
    Ok(Outcome::Done)
}

fn profile(name: &str) -> anyhow::Result<Profile> {
    let (name, raw) = profiles::open(name)?;
    match Wanted::new(&name, &raw)? {
        Wanted::Image(profile) => Ok(*profile),
        Wanted::Overlay(profile) => Err(CustomizeFault::Overlay(profile.name).into()),
    }
}

/// Reads an image whose bodies are each packed again.
fn read(path: &Path, profile: &Profile, scratch: &Path) -> anyhow::Result<(Base, Store)> {
    let mut store = Store::default();
    let unpack_limit = profile.unpack_limit;
    let input = Reader { store: &mut store, scratch, unpack_limit, order: Order::Found }.read(path)?;
    match (input.loaded, input.identity) {
        (Loaded::Members(members), Identity::File(Kind::Initrd, sha256, size)) => {
            let tree = assemble::as_found(&members).with_context(|| path.display().to_string())?;
            Ok((Base { tree, identity: (sha256, size), packing: Packing::Anew }, store))
        }
        _ => Err(CustomizeFault::NotInitrd(path.to_owned()).into()),
    }
}

/// Reads an image whose bytes stay as they are.
fn read_to_append(path: &Path, profile: &Profile) -> anyhow::Result<(Base, Store)> {
    let InitrdFile { initrd, store, sha256, size } = InitrdFile::read(path, profile.unpack_limit >> 20)?;
    let tree = initrd.tree.clone();
    let packing = Packing::Appended(Box::new(KeptImage { path: path.to_owned(), initrd }));
    Ok((Base { tree, identity: (sha256, size), packing }, store))
}

/// The policy that was given, else the image's own; evaluated.
fn policy(args: &CustomizeArgs, tree: &Tree, store: &Store) -> anyhow::Result<Policy> {
    let Some(policy) = &args.policy else {
        let Located { file, policy, .. } =
            policy_location::locate(tree, store).map_err(CustomizeFault::NoPolicy)?;
        return default_policy::evaluate(file.file_name().to_owned(), policy, "initrd");
    };
    let built_in = profiles::POLICIES.iter().find(|(name, _)| name == policy);
    if let Some((name, text)) = built_in {
        return default_policy::evaluate(format!("{name}.rego"), text.as_bytes().to_vec(), "built-in");
    }
    let bytes = fs::read(policy).context("the policy can't be read")?;
    let name = Path::new(policy).file_name().unwrap_or_default().to_string_lossy().into_owned();
    default_policy::evaluate(name, bytes, "file")
}

/// Everything that can be wrong is found here, before anything is written.
fn plan(
    args: &CustomizeArgs,
    profile: Profile,
    base: Base,
    policy: Policy,
    store: &mut Store,
) -> anyhow::Result<CustomizedPlan> {
    let Base { tree, identity, packing } = base;
    let kept_plan = match guard_plan::read(&tree, store) {
        // It may be removed: asked again of what comes out.
        Err(error) if guard_plan::is_without_guard(&error) => None,
        plan => plan?,
    };
    let policy_sha256 = coco_guard::Sha256::of(&policy.bytes);
    let guard = kept_plan.clone().map(|plan| coco_guard::Plan { policy_sha256, ..plan });
    if let Some(guard) = &guard {
        refuse_words(&profile, guard)?;
    }
    // An appendix has nothing that is there already.
    let is_new = |plan: &&coco_guard::Plan| packing.is_anew() || kept_plan.as_ref() != Some(*plan);
    let certificates = match &args.ca_bundle {
        Some(path) => Some(certificates(path, &tree, store)?),
        None => None,
    };
    let (bundle, certificates) = certificates.unzip();
    let edits = Edits {
        remove: args.remove.clone(),
        add: args.add.iter().map(|added| addition(added, store)).collect::<Result<_, _>>()?,
        policy: args
            .policy
            .is_some()
            .then(|| PolicyFile { name: policy.name.clone(), body: Body::bytes(&policy.bytes) }),
        plan: guard.as_ref().filter(is_new).map(|guard| Body::bytes(guard.to_toml().as_bytes())),
        bundle,
    };
    let customized = changed(&tree, &edits, &packing)?;
    let located = policy_location::locate(&customized.tree, store)
        .map_err(|error| CustomizeFault::NotLoaded(error.to_string()))?;
    if located.policy != policy.bytes {
        return Err(CustomizeFault::NotLoaded(format!("it is {}", located.file)).into());
    }
    let guard = guard_plan::read(&customized.tree, store)?;
    let exec = guard.as_ref().map(|guard| guard.exec.to_string().parse::<GuestPath>()).transpose()?;
    let started = customize::started(&customized.tree, exec.as_ref())?;
    let faults = faults(&profile, &tree, (&customized, &packing), &started.1, store)?;
    let changes = Changes {
        policy_replaced: edits.policy.is_some(),
        added: edits.add,
        removed: edits.remove,
        certificates,
    };
    let policy_file = located.file;
    let base = identity;
    let plan = CustomizedPlan {
        profile,
        base,
        packing,
        policy,
        policy_file,
        guard,
        started,
        faults,
        customized,
        changes,
    };
    Ok(plan)
}

/// Refuses what would not run because of the change; gives what would not have run before.
fn faults(
    profile: &Profile,
    base: &Tree,
    (customized, packing): (&Customized, &Packing),
    started: &str,
    store: &Store,
) -> anyhow::Result<Vec<String>> {
    let tree = &customized.tree;
    let added: Vec<GuestPath> = customized.replaced.keys().cloned().collect();
    let mut programs: Vec<GuestPath> = Vec::new();
    for program in [INIT, started, AGENT] {
        let program: GuestPath = program.parse()?;
        // What an image has keeps running when nothing of it goes away.
        if packing.is_anew() && tree.lookup(&program).is_ok() {
            programs.push(program);
        }
    }
    let changed = Changed { base, tree, added: &added, programs: &programs };
    let faults = check::customized(profile.arch, changed, store)?;
    Ok(faults.iter().map(ToString::to_string).collect())
}

fn changed(tree: &Tree, edits: &Edits, packing: &Packing) -> Result<Customized, customize::CustomizeError> {
    match packing {
        Packing::Anew => customize::apply(tree, edits),
        Packing::Appended(_) => customize::append(tree, edits),
    }
}

/// A command line that the guard refuses is none to put into a manifest.
fn refuse_words(profile: &Profile, guard: &coco_guard::Plan) -> anyhow::Result<()> {
    for runtime in &profile.runtimes {
        for word in host::command_line(profile, *runtime) {
            let word = word.pattern();
            if !guard.allow.contains(&word.parse()?) {
                return Err(CustomizeFault::Word { word, profile: profile.name.clone() }.into());
            }
        }
    }
    Ok(())
}

fn addition(added: &Added, store: &mut Store) -> anyhow::Result<Addition> {
    let Added { source, path, mode } = added;
    let metadata = fs::metadata(source)?;
    if !metadata.is_file() {
        return Err(CustomizeFault::NotFile(source.clone()).into());
    }
    let is_executable = metadata.permissions().mode() & 0o111 != 0;
    let default = if is_executable { Mode::PROGRAM } else { Mode::FILE };
    let body = Body::Extent(store.add_path(source.clone(), metadata.len()));
    Ok(Addition { path: path.clone(), mode: mode.unwrap_or(default), body })
}

/// The bundle of the image with the certificates at `path` behind it, and its record.
fn certificates(
    path: &Path,
    tree: &Tree,
    store: &Store,
) -> anyhow::Result<((GuestPath, Body), (CertificatesRecord, u64))> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(BUNDLE_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > BUNDLE_MAX {
        return Err(CustomizeFault::BundleTooLarge(path.display().to_string()).into());
    }
    let given = Certificates::parse(&bytes)
        .map_err(|error| CustomizeFault::Certificates { path: path.to_owned(), error })?;
    let place = customize::bundle_place(tree);
    let mut old = Vec::new();
    if let Ok(Node::File(_, body)) = tree.lookup(&place).map(|entry| &entry.node) {
        if body.len() > BUNDLE_MAX {
            return Err(CustomizeFault::BundleTooLarge(place.to_string()).into());
        }
        body.open(store)?.read_to_end(&mut old)?;
    }
    let record = CertificatesRecord {
        path: place.to_string(),
        sha256: Sha256::of(&bytes),
        certificates: given.number,
    };
    Ok(((place, Body::bytes(&given.behind(&old))), (record, size)))
}

/// Says what was made.
fn report(
    manifest: &Manifest,
    plan: &CustomizedPlan,
    args: &CustomizeArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let image = args.output_dir.join(&manifest.image.file);
    if args.json {
        let mut value = json!({
            "appendix_offset": manifest.appended().map(|appended| appended.offset),
            "base_sha256": plan.base.0,
            "image": image,
            "manifest": args.output_dir.join("manifest.json"),
            "policy_sha256": manifest.policy.sha256,
            "production": manifest.production,
            "production_faults": manifest.production_faults,
            "sha256": manifest.image.sha256,
            "sha384": manifest.image.sha384,
            "size": manifest.image.size,
        });
        value.sort_all_objects();
        out.data(&format!("{value:#}\n"))?;
    } else {
        out.data(&format!("{}  {}\n", manifest.image.sha256, image.display()))?;
    }
    let kept = if plan.changes.policy_replaced { "new" } else { "kept" };
    out.note(&format!("policy {} ({kept}, {})", manifest.policy.file, manifest.policy.sha256));
    for path in &plan.customized.removed_policies {
        out.note(&format!("note: {path} is left out"));
    }
    for path in &plan.customized.kept_policies {
        out.note(&format!("note: {path} stays in the image, without effect"));
    }
    for path in &plan.customized.made {
        out.note(&format!("note: directory {path} was made"));
    }
    if let Some((record, _)) = &plan.changes.certificates {
        let CertificatesRecord { path, certificates, .. } = record;
        out.note(&format!("note: {} added to {path}", crate::report::plural(*certificates, "certificate")));
    }
    if let Some(AppendedRecord { base_size, offset }) = manifest.appended() {
        let end = manifest.image.size.saturating_sub(*offset);
        out.note(&format!("note: {base_size} bytes are kept, {end} are behind them from byte {offset} on"));
    }
    for fault in &manifest.production_faults {
        out.note(&format!("not for production: {fault}"));
    }
    Ok(())
}
