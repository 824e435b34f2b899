//! The record of a build: everything a host and a verifier must know, as JSON with sorted keys.
//!
//! The format is described in `docs/manifest.md` and by `docs/manifest.schema.json`. Nothing of the
//! build machine is in it, no path and no time: equal inputs give an equal manifest.

mod bootable;
mod customization;
mod files;
mod locked;
mod measurements;
mod moved;
mod overlay;
mod read;
mod summary;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Sha256, Sha384};
use crate::modules::Modules;
use crate::pack::{Packed, PackedLayer};
use crate::path::GuestPath;
use crate::tree::{Node, Tree};
use crate::trim::Trimmed;
use crate::units::{Arch, Init, Method, Runtime, Tee};
pub use bootable::Bootable;
pub use customization::{AddedFile, AppendedRecord, CertificatesRecord, CustomizationRecord};
pub use files::{file_records, files};
pub use locked::{LockedRecord, locked};
pub use measurements::{
    ArtefactRecord, Certainty, EventRecord, InitDataRecord, LaunchRecord, MeasuredInitrdRecord,
    MeasurementsRecord, PlatformRecord, SnpPlatformRecord, TdxPlatformRecord, ValueRecord,
};
pub use moved::{Moved, moved};
pub use overlay::{InitdataRecord, OverlayFileRecord, OverlayManifest, OverlayProfileRecord, OverlayRecord};
pub use read::ReadError;
pub use summary::{Summary, SummaryError};

/// The version of the manifest's format.
pub const SCHEMA: u32 = 1;

/// The whole record of an image; [`OverlayManifest`] is that of an overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program that built the image.
    pub tool: Tool,
    /// Whether it is fit for production.
    pub production: bool,
    /// Why it is not; empty if it is.
    pub production_faults: Vec<String>,
    /// The profile.
    pub profile: ProfileRecord,
    /// Time of every file, seconds since 1970.
    pub epoch: u32,
    /// The image file.
    pub image: ImageRecord,
    /// How the layers are compressed.
    pub compression: CompressionRecord,
    /// The layers, in order.
    pub layers: Vec<LayerRecord>,
    /// What it was built from.
    pub inputs: Vec<InputRecord>,
    /// The default policy and what it decides.
    pub policy: PolicyRecord,
    /// What runs as PID 1.
    pub init: InitRecord,
    /// The kernel command line each runtime is expected to give.
    pub command_lines: BTreeMap<Runtime, CommandLineRecord>,
    /// Digests of the files for the host, by their path beside the manifest.
    pub host_files: BTreeMap<String, Sha256>,
    /// Policies of the inputs that were left out.
    pub removed: Vec<String>,
    /// What was left out of the base, rule by rule; absent if the profile trims nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<TrimRecord>,
    /// What was changed of an existing image; absent if it was built from inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customization: Option<CustomizationRecord>,
    /// What evidence will show of a launch; absent if kernel and firmware were not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurements: Option<MeasurementsRecord>,
    /// Every file of the image.
    pub files: Vec<FileRecord>,
}

/// A rule about the base, and what it has left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrimRecord {
    /// The pattern of the profile.
    pub pattern: String,
    /// Number of names, directories included.
    pub members: usize,
    /// Bytes of the files among them.
    pub bytes: u64,
}

/// The program that built the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The profile of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRecord {
    /// Its name.
    pub name: String,
    /// Digest of the resolved profile, as `profile show` prints it with the options applied.
    pub sha256: Sha256,
    /// Its TEE.
    pub tee: Tee,
    /// Its processor.
    pub arch: Arch,
}

/// The image file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// Its name beside the manifest.
    pub file: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Its digest.
    pub sha384: Sha384,
    /// Memory its files take once unpacked, in bytes: whole pages.
    pub unpacked_memory: u64,
    /// Memory of the guest it was checked against, in MiB.
    pub memory_mib: u64,
    /// Built-in profiles that give the same bytes from the same inputs, this one included.
    pub same_bytes_as: Vec<String>,
}

/// How the layers are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionRecord {
    /// The method.
    pub method: Method,
    /// Library, version and parameters.
    pub description: String,
    /// What the guest's kernel reads.
    pub kernel_reads: Vec<Method>,
    /// How that is known.
    pub kernel_witness: String,
    /// Digest of the kernel that was asked, if one was.
    pub kernel_sha256: Option<Sha256>,
}

/// A layer of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRecord {
    /// Its name.
    pub name: String,
    /// Where it starts in the image, in bytes.
    pub offset: u64,
    /// Its size in the image, in bytes.
    pub size: u64,
    /// Its size unpacked, in bytes.
    pub unpacked: u64,
    /// Digest of its bytes in the image.
    pub sha256: Sha256,
    /// Number of its members.
    pub members: usize,
}

/// Something the image was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// What it is for.
    pub role: String,
    /// `file`, `directory`, `tar`, `initrd`, `oci`, `packages` or `built-in`.
    pub kind: String,
    /// Digest of the file, of a directory's listing, of an image's manifest, or of a list of packages.
    pub sha256: Sha256,
    /// Bytes of the file, or of all files of a directory, layers of an image, or packages.
    pub size: u64,
    /// Whether the profile or its lock pins it.
    pub pinned: bool,
    /// What the lock names of it, file by file; absent if it was not fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<LockedRecord>,
}

/// The default policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// What the agent loads.
    pub path: String,
    /// Where that leads to.
    pub file: String,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// Digest of its bytes.
    pub sha384: Sha384,
    /// The engine that evaluated it.
    pub engine: String,
    /// What it decides about each request.
    pub decisions: BTreeMap<String, String>,
    /// What it should not do as a default; empty unless it was allowed explicitly.
    pub findings: Vec<String>,
}

/// What runs as PID 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitRecord {
    /// The agent or systemd; `None` for another program, which only a customized image has.
    pub run: Option<Init>,
    /// Its path.
    pub program: String,
    /// Whether the guard runs before it.
    pub guard: bool,
    /// Command-line words the guard lets pass.
    pub allowed_words: Vec<String>,
    /// Kernel modules the guard loads.
    pub modules: ModulesRecord,
}

/// The kernel modules the guard loads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModulesRecord {
    /// The kernel that modules were taken of: the one the image must be booted with.
    pub kernel: Option<String>,
    /// The modules in the order of their loading.
    pub load: Vec<ModuleRecord>,
    /// Modules that were named or needed and are built into that kernel.
    pub built_in: Vec<String>,
    /// What loaded modules would like to have with them, and have not.
    pub not_loaded: Vec<SoftDependencyRecord>,
}

/// A kernel module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleRecord {
    /// Its place in the image.
    pub path: String,
    /// Digest of its bytes there.
    pub sha256: Option<Sha256>,
}

/// What a module would like to have with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftDependencyRecord {
    /// The module.
    pub module: String,
    /// The name or alias it gives.
    pub wants: String,
}

/// An expected kernel command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandLineRecord {
    /// The text.
    pub line: String,
    /// Whether the text is exact, or has words that the host decides.
    pub exact: bool,
    /// Those words, and why.
    pub per_host: BTreeMap<String, String>,
}

/// A file of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its name.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its permissions, four octal digits.
    pub mode: String,
    /// The layer it is in.
    pub layer: String,
    /// Size of a regular file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Digest of a regular file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Target of a symbolic link, or first name of a hard link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Major and minor number of a device node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<(u32, u32)>,
}

impl Manifest {
    /// What was appended to which image; `None` if the image was packed as a whole.
    pub fn appended(&self) -> Option<&AppendedRecord> {
        self.customization.as_ref()?.appended.as_ref()
    }

    /// The manifest as JSON: keys sorted, two spaces, a newline at the end.
    pub fn to_json(&self) -> String {
        json(self)
    }
}

fn json(manifest: &impl Serialize) -> String {
    let mut value = serde_json::to_value(manifest).expect("a manifest is made of strings, numbers and maps");
    value.sort_all_objects();
    let mut text = serde_json::to_string_pretty(&value).expect("a JSON value is written to memory");
    text.push('\n');
    text
}

/// The layers as records, each with its place in the image.
pub fn layers(packed: &Packed) -> Vec<LayerRecord> {
    let record = |layer: &PackedLayer| LayerRecord {
        name: layer.layer.name().to_owned(),
        offset: layer.offset,
        size: layer.packed,
        unpacked: layer.unpacked,
        sha256: layer.sha256,
        members: layer.members,
    };
    packed.layers.iter().map(record).collect()
}

/// What each rule of a profile has left out of the base.
pub fn trimmed(trimmed: &[Trimmed]) -> Vec<TrimRecord> {
    let record =
        |it: &Trimmed| TrimRecord { pattern: it.pattern.to_string(), members: it.members, bytes: it.bytes };
    trimmed.iter().map(record).collect()
}

/// The modules the guard loads, with the digests that packing computed.
pub fn modules(modules: &Modules, tree: &Tree, packed: &Packed) -> ModulesRecord {
    let digests = files::file_digests(tree, packed);
    let digest = |path: &GuestPath| {
        let real = tree.follow(path).ok()?;
        let first = match tree.get(&real).map(|entry| &entry.node) {
            Some(Node::HardLink(first)) => first,
            _ => &real,
        };
        digests.get(first).copied()
    };
    let load = modules.load.iter();
    let soft = modules.not_loaded.iter();
    ModulesRecord {
        kernel: modules.kernel.clone(),
        load: load
            .map(|module| ModuleRecord { path: module.path.to_string(), sha256: digest(&module.path) })
            .collect(),
        built_in: modules.built_in.iter().map(ToString::to_string).collect(),
        not_loaded: soft
            .map(|soft| SoftDependencyRecord { module: soft.module.to_string(), wants: soft.wants.clone() })
            .collect(),
    }
}
