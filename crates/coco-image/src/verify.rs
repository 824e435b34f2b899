//! A manifest against what was found: pure comparison. Reading and evaluating is the program's business.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::initrd::{Initrd, RawMember};
use crate::check;
use crate::customize::appendix_offset;
use crate::decompress::Format;
use crate::digest::{Sha256, Sha384};
use crate::manifest::{self, FileRecord, LayerRecord, Manifest, MeasurementsRecord, moved};
use crate::newc::Header;
use crate::path::GuestPath;
use crate::tree::Layer;
use crate::units::Method;

/// One fact of a manifest that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, or the key of the manifest.
    pub path: String,
    /// Which fact of it.
    pub what: &'static str,
    /// What was found.
    pub got: String,
    /// What the manifest says.
    pub expected: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, what, got, expected } = self;
        write!(f, "{path}: {what} got {got}, expected {expected}")
    }
}

/// The bytes of an image file, hashed as a whole and layer by layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBytes {
    /// Its size, in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Its digest.
    pub sha384: Sha384,
    /// The digest of the bytes of each recorded layer, in that order.
    pub layers: Vec<Sha256>,
}

/// The policy an agent in the image would load, evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPolicy {
    /// The file that has it.
    pub file: String,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// Digest of its bytes.
    pub sha384: Sha384,
    /// What it decides about each request.
    pub decisions: BTreeMap<String, String>,
    /// What it should not do as a default.
    pub findings: Vec<String>,
}

/// What an image's `/init` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInit {
    /// The program that runs in the end.
    pub program: String,
    /// What the guard is told; `None` without a guard.
    pub guard: Option<FoundGuard>,
}

/// What the guard of an image is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGuard {
    /// The digest of the policy it starts the agent with.
    pub policy_sha256: String,
    /// Command-line words it lets pass, sorted.
    pub allowed_words: Vec<String>,
    /// The modules it loads.
    pub modules: Vec<String>,
}

/// Collects what differs.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn compare<T: PartialEq + ToString>(&mut self, path: &str, what: &'static str, got: &T, expected: &T) {
        if got != expected {
            self.add(path, what, got.to_string(), expected.to_string());
        }
    }

    /// Compares what is recorded of several things by their names; what one lacks is `nothing` there.
    fn maps<T: PartialEq + ToString>(
        &mut self,
        what: &'static str,
        got: &BTreeMap<String, T>,
        expected: &BTreeMap<String, T>,
    ) {
        let word = |value: Option<&T>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let names: BTreeSet<&String> = got.keys().chain(expected.keys()).collect();
        for name in names {
            if got.get(name) != expected.get(name) {
                self.add(name, what, word(got.get(name)), word(expected.get(name)));
            }
        }
    }

    fn add(&mut self, path: &str, what: &'static str, got: String, expected: String) {
        self.0.push(Difference { path: path.to_owned(), what, got, expected });
    }
}

/// Compares the bytes of the image, whatever is in them.
pub fn bytes(manifest: &Manifest, found: &FoundBytes) -> Vec<Difference> {
    let mut differ = Differences::default();
    let image = &manifest.image;
    differ.compare(&image.file, "size", &found.size, &image.size);
    differ.compare(&image.file, "SHA-256", &found.sha256, &image.sha256);
    differ.compare(&image.file, "SHA-384", &found.sha384, &image.sha384);
    let mut end = 0;
    for (layer, sha256) in manifest.layers.iter().zip(&found.layers) {
        let name = layer_name(layer);
        differ.compare(&name, "offset", &start(manifest, layer, end), &layer.offset);
        differ.compare(&name, "SHA-256", sha256, &layer.sha256);
        end = layer.offset.saturating_add(layer.size);
    }
    differ.compare("layers", "end", &found.size, &end);
    appended(manifest, found, &mut differ);
    differ.0
}

/// Compares a record with that of the same image, built again: first what it was made of, then what came of it.
pub fn rebuilt(recorded: &Manifest, again: &Manifest) -> Vec<Difference> {
    let mut differ = Differences::default();
    differ.compare("profile", "SHA-256", &again.profile.sha256, &recorded.profile.sha256);
    let inputs = |manifest: &Manifest| -> BTreeMap<String, Sha256> {
        manifest.inputs.iter().map(|input| (format!("input {}", input.role), input.sha256)).collect()
    };
    differ.maps("SHA-256", &inputs(again), &inputs(recorded));
    differ.compare("tool", "version", &again.tool.version, &recorded.tool.version);
    let compression = |manifest: &Manifest| manifest.compression.description.clone();
    differ.compare("compression", "description", &compression(again), &compression(recorded));
    differ.compare(&recorded.image.file, "rebuilt SHA-256", &again.image.sha256, &recorded.image.sha256);
    let files = |manifest: &Manifest| -> BTreeMap<String, String> {
        let facts = |file: &FileRecord| serde_json::to_string(file).unwrap_or_default();
        manifest.files.iter().map(|file| (file.path.clone(), facts(file))).collect()
    };
    differ.maps("rebuilt file", &files(again), &files(recorded));
    predicted(recorded.measurements.as_ref(), again.measurements.as_ref(), &mut differ);
    differ.0
}

/// Compares what was predicted with what is predicted again: values first, and if these are the same, the rest.
fn predicted(
    recorded: Option<&MeasurementsRecord>,
    again: Option<&MeasurementsRecord>,
    differ: &mut Differences,
) {
    let (Some(old), Some(new)) = (recorded, again) else {
        let word =
            |record: Option<&MeasurementsRecord>| record.map_or("nothing", |_| "predictions").to_owned();
        differ.compare("measurements", "rebuilt", &word(again), &word(recorded));
        return;
    };
    let values = moved(old, new);
    if values.is_empty() && old != new {
        let expected = "what the manifest says".to_owned();
        differ.add(
            "measurements",
            "rebuilt",
            "the same values, and other facts beside them".to_owned(),
            expected,
        );
    }
    for value in values {
        let (got, expected) = (value.to.unwrap_or_default(), value.from.unwrap_or_default());
        differ.add(&format!("measurements {} {}", value.launch, value.name), "rebuilt value", got, expected);
    }
}

/// Compares what the image unpacks to: layers, headers and every file.
pub fn contents(manifest: &Manifest, found: &Initrd) -> Vec<Difference> {
    let mut differ = Differences::default();
    for layer in &manifest.layers {
        compare_layer(manifest, layer, found, &mut differ);
    }
    // What was kept of another image has its times and owners.
    let is_ours = |member: &&RawMember| {
        manifest.appended().is_none() || layer_of(manifest, found, member) == Layer::Appendix.name()
    };
    for member in found.members.iter().filter(is_ours) {
        let Header { uid, gid, mtime, .. } = member.header;
        differ.compare(member.path.as_str(), "time", &mtime, &manifest.epoch);
        if (uid, gid) != (0, 0) {
            differ.add(member.path.as_str(), "owner", format!("{uid}:{gid}"), "0:0".to_owned());
        }
    }
    let memory = check::unpacked_memory(&found.tree);
    differ.compare("image", "unpacked_memory", &memory, &manifest.image.unpacked_memory);
    let layers: BTreeMap<&GuestPath, &'static str> =
        found.members.iter().map(|member| (&member.path, layer_of(manifest, found, member))).collect();
    // Members of any image may have names that lead through links; ours don't.
    let other = manifest.appended().map_or("", |_| Layer::Base.name());
    let records = manifest::file_records(&found.tree, &|path| found.digest(path), &|path| {
        layers.get(path).copied().unwrap_or(other)
    });
    compare_files(&records, &manifest.files, &mut differ);
    differ.0
}

/// Compares the policy that an agent would load, and what it decides.
pub fn policy(manifest: &Manifest, found: &FoundPolicy) -> Vec<Difference> {
    let mut differ = Differences::default();
    let expected = &manifest.policy;
    differ.compare("policy", "file", &found.file, &expected.file);
    differ.compare(&found.file, "SHA-256", &found.sha256, &expected.sha256);
    differ.compare(&found.file, "SHA-384", &found.sha384, &expected.sha384);
    let requests: std::collections::BTreeSet<&String> =
        found.decisions.keys().chain(expected.decisions.keys()).collect();
    let none = "none".to_owned();
    for request in requests {
        let got = found.decisions.get(request).unwrap_or(&none);
        let recorded = expected.decisions.get(request).unwrap_or(&none);
        differ.compare(&format!("policy.decisions.{request}"), "decision", got, recorded);
    }
    differ.compare("policy", "findings", &list(&found.findings), &list(&expected.findings));
    let input = manifest.inputs.iter().find(|input| input.role == "policy");
    if let Some(input) = input {
        differ.compare("input policy", "SHA-256", &found.sha256, &input.sha256);
    }
    let faults = list(&manifest.production_faults);
    differ.compare("manifest", "production", &manifest.production, &(faults == list(&[])));
    differ.0
}

/// Compares what runs as PID 1.
pub fn init(manifest: &Manifest, found: &FoundInit) -> Vec<Difference> {
    let mut differ = Differences::default();
    let expected = &manifest.init;
    differ.compare("init", "program", &found.program, &expected.program);
    differ.compare("init", "guard", &found.guard.is_some(), &expected.guard);
    if let Some(guard) = &found.guard {
        differ.compare("guard", "policy_sha256", &guard.policy_sha256, &manifest.policy.sha256.to_string());
        differ.compare("guard", "allow", &list(&guard.allowed_words), &list(&expected.allowed_words));
        let modules: Vec<String> = expected.modules.load.iter().map(|module| module.path.clone()).collect();
        differ.compare("guard", "modules", &list(&guard.modules), &list(&modules));
    }
    differ.0
}

/// Compares files beside the manifest with `expected`; a missing one is `None` in `found`.
pub fn beside(
    expected: &BTreeMap<String, Sha256>,
    found: &BTreeMap<String, Option<Sha256>>,
) -> Vec<Difference> {
    let mut differ = Differences::default();
    for (name, sha256) in expected {
        match found.get(name).copied().flatten() {
            Some(got) => differ.compare(name, "SHA-256", &got, sha256),
            None => differ.add(name, "file", "nothing".to_owned(), sha256.to_string()),
        }
    }
    differ.0
}

fn compare_layer(manifest: &Manifest, layer: &LayerRecord, found: &Initrd, differ: &mut Differences) {
    let name = layer_name(layer);
    let members =
        found.members.iter().filter(|member| layer_of(manifest, found, member) == layer.name).count();
    differ.compare(&name, "members", &members, &layer.members);
    let place = layer.offset..layer.offset.saturating_add(layer.size);
    let segments = || found.segments.iter().filter(|segment| place.contains(&segment.offset));
    // Layers that are not compressed are one segment to the kernel.
    let unpacked = match manifest.compression.method {
        Method::None if manifest.appended().is_none() => layer.size,
        _ => segments().map(|segment| segment.unpacked).sum(),
    };
    differ.compare(&name, "unpacked size", &unpacked, &layer.unpacked);
    let expected = match manifest.compression.method {
        Method::None => Format::Plain,
        Method::Gzip => Format::Gzip,
        Method::Zstd => Format::Zstd,
    };
    let is_kept = manifest.appended().is_some() && layer.name == Layer::Base.name();
    if let Some(segment) = segments().find(|segment| segment.format != expected && !is_kept) {
        differ.compare(&name, "compression", &segment.format.to_string(), &expected.to_string());
    }
}

fn layer_name(layer: &LayerRecord) -> String {
    format!("layer {}", layer.name)
}

/// Where `layer` should start: behind the one before, which ends at `end`. In front of an appendix are zeros.
fn start(manifest: &Manifest, layer: &LayerRecord, end: u64) -> u64 {
    let behind = appendix_offset(end, Format::Plain)..=appendix_offset(end, Format::Lz4);
    let is_appendix = manifest.appended().is_some() && layer.name == Layer::Appendix.name();
    if is_appendix && behind.contains(&layer.offset) { layer.offset } else { end }
}

/// Compares what is said of the image that was kept with its bytes.
fn appended(manifest: &Manifest, found: &FoundBytes, differ: &mut Differences) {
    let (Some(customization), Some(appended)) = (&manifest.customization, manifest.appended()) else {
        return;
    };
    let layers = || manifest.layers.iter().zip(&found.layers);
    let find = |wanted: Layer| layers().find(|(layer, _)| layer.name == wanted.name());
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let base = find(Layer::Base);
    let size = base.map(|(layer, _)| layer.size.to_string());
    differ.compare("customization", "base_size", &text(size), &appended.base_size.to_string());
    let sha256 = base.map(|(_, sha256)| sha256.to_string());
    differ.compare("customization", "base_sha256", &text(sha256), &customization.base_sha256.to_string());
    let offset = find(Layer::Appendix).map(|(layer, _)| layer.offset.to_string());
    differ.compare("customization", "offset", &text(offset), &appended.offset.to_string());
}

/// The layer of a member. Ours tell it by their device number; those of an image that was kept may have any, and
/// are told by their place.
fn layer_of(manifest: &Manifest, found: &Initrd, member: &RawMember) -> &'static str {
    let Some(appended) = manifest.appended() else {
        let is_its = |layer: &Layer| layer.device() == member.header.dev_minor;
        return Layer::ALL.into_iter().find(is_its).map_or("", Layer::name);
    };
    let segment = found.segments.get(member.segment);
    let is_appended = segment.is_some_and(|segment| segment.offset >= appended.offset);
    if is_appended { Layer::Appendix.name() } else { Layer::Base.name() }
}

fn compare_files(found: &[FileRecord], expected: &[FileRecord], differ: &mut Differences) {
    let by_path = |records| -> BTreeMap<&str, &FileRecord> {
        let records: &[FileRecord] = records;
        records.iter().map(|record| (record.path.as_str(), record)).collect()
    };
    let (found, recorded) = (by_path(found), by_path(expected));
    if recorded.len() != expected.len() {
        differ.compare("files", "number of paths", &recorded.len(), &expected.len());
    }
    for (path, record) in &recorded {
        match found.get(path) {
            Some(found) => compare_file(found, record, differ),
            None => differ.add(path, "file", "nothing".to_owned(), record.kind.clone()),
        }
    }
    for (path, record) in found {
        if !recorded.contains_key(path) {
            differ.add(path, "file", record.kind.clone(), "nothing".to_owned());
        }
    }
}

fn compare_file(found: &FileRecord, expected: &FileRecord, differ: &mut Differences) {
    let path = expected.path.as_str();
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    differ.compare(path, "type", &found.kind, &expected.kind);
    differ.compare(path, "mode", &found.mode, &expected.mode);
    differ.compare(path, "layer", &found.layer, &expected.layer);
    let number = |size: Option<u64>| text(size.map(|size| size.to_string()));
    differ.compare(path, "size", &number(found.size), &number(expected.size));
    let digest = |sha256: Option<Sha256>| text(sha256.map(|sha256| sha256.to_string()));
    differ.compare(path, "SHA-256", &digest(found.sha256), &digest(expected.sha256));
    differ.compare(path, "target", &text(found.target.clone()), &text(expected.target.clone()));
    let device = |device: Option<(u32, u32)>| text(device.map(|(major, minor)| format!("{major}:{minor}")));
    differ.compare(path, "device", &device(found.device), &device(expected.device));
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
