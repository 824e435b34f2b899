//! A profile as people write it: the TOML, its inheritance, and its canonical text.
//!
//! Every key is optional here, since a profile may leave it to the one it extends. Unknown keys are
//! errors. What the keys mean is in the typed [`Profile`](super::Profile).

mod input;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ProfileError;
use crate::units::{Arch, Init, Method, Runtime, Tee};
use input::merge_inputs;
pub use input::{RawArchive, RawDeb, RawInput, RawRpm, RawRpmFile};

/// One profile file.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Raw {
    /// Version of this format; 1.
    pub schema: Option<u32>,
    /// What the profile is for, one line.
    pub description: Option<String>,
    /// The profile whose keys apply where this one is silent: a name or a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Processor of the guest.
    pub arch: Option<Arch>,
    /// Trusted execution environment.
    pub tee: Option<Tee>,
    /// Time of all files, seconds since 1970.
    pub epoch: Option<u64>,
    /// Compression of the layers.
    pub compression: Option<Method>,
    /// What the guest's kernel can unpack.
    pub kernel_reads: Option<Vec<Method>>,
    /// Memory of the guest.
    pub memory_mib: Option<u64>,
    /// Most that any one input may unpack to.
    pub unpack_limit_mib: Option<u64>,
    /// What runs as PID 1.
    pub init: Option<RawInit>,
    /// The default policy.
    pub policy: Option<RawPolicy>,
    /// The host that boots it.
    pub host: Option<RawHost>,
    /// Inputs with their pins, by role.
    pub inputs: Option<BTreeMap<String, RawInput>>,
    /// What is left out of the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<RawTrim>,
    /// Files a component must bring, by role.
    pub component: Option<BTreeMap<String, RawComponent>>,
    /// Further directories.
    pub directory: Option<Vec<RawDirectory>>,
    /// Further files.
    pub file: Option<Vec<RawFile>>,
    /// Further symbolic links.
    pub symlink: Option<Vec<RawSymlink>>,
    /// Further device nodes.
    pub device: Option<Vec<RawDevice>>,
}

/// `[init]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawInit {
    /// The agent, or systemd of the base.
    pub run: Option<Init>,
    /// Whether `/init` is the guard.
    pub guard: Option<bool>,
    /// Kernel modules the guard loads, in order.
    pub modules: Option<Vec<String>>,
    /// Command-line words the guard lets pass besides the expected ones.
    pub allow_words: Option<Vec<String>>,
}

/// `[policy]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawPolicy {
    /// A built-in policy's name, or a path to a `.rego` file.
    pub source: Option<String>,
    /// The SHA-256 it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// `[host]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawHost {
    /// Runtimes to write configuration for.
    pub runtimes: Option<Vec<Runtime>>,
    /// Where the image will be on the host.
    pub directory: Option<String>,
    /// The `kernel_params` of the host's kata configuration.
    pub kernel_params: Option<Vec<String>>,
}

/// `[trim]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawTrim {
    /// Patterns of what goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Patterns of what stays of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// `[component.ROLE]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawComponent {
    /// The files it must bring.
    pub files: Vec<RawComponentFile>,
}

/// One file of a component.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawComponentFile {
    /// Its name in an input that is just the component.
    pub name: String,
    /// Its place in the image.
    pub path: String,
    /// Its permissions.
    pub mode: String,
}

/// `[[directory]]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawDirectory {
    /// Its name.
    pub path: String,
    /// Its permissions.
    pub mode: String,
}

/// `[[file]]`: exactly one of `text`, `source` and `certificates`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawFile {
    /// Its name.
    pub path: String,
    /// Its permissions.
    pub mode: String,
    /// Its contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A file with its contents, relative to the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// A pattern of files of the base with certificates, which are its contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
}

/// `[[symlink]]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawSymlink {
    /// Its name.
    pub path: String,
    /// Its target, as written.
    pub target: String,
}

/// `[[device]]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawDevice {
    /// Its name.
    pub path: String,
    /// Its permissions.
    pub mode: String,
    /// `character` or `block`.
    pub kind: RawDeviceKind,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// The kind of a device node.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawDeviceKind {
    /// A character device.
    Character,
    /// A block device.
    Block,
}

impl Raw {
    /// Reads one profile; relative paths in it become relative to `directory`.
    pub fn parse(origin: &str, text: &str, directory: &Path) -> Result<Self, ProfileError> {
        let mut raw: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| place(text, span.start));
            ProfileError::Syntax {
                origin: origin.to_owned(),
                line,
                column,
                message: error.message().replace('\n', " "),
            }
        })?;
        for input in raw.inputs.iter_mut().flat_map(BTreeMap::values_mut) {
            input.be_relative_to(directory);
        }
        for file in raw.file.iter_mut().flatten() {
            file.source = file.source.take().map(|source| directory.join(source));
        }
        if let Some(source) = raw.policy.as_mut().and_then(|policy| policy.source.as_mut())
            && super::PolicySource::is_path(source)
        {
            *source = directory.join(&*source).to_string_lossy().into_owned();
        }
        Ok(raw)
    }

    /// This profile over the one it extends: keys replace keys, `[[tables]]`, allowed words and what is
    /// trimmed add to each other, and a table of the same path replaces.
    #[must_use]
    pub fn over(self, parent: Self) -> Self {
        Self {
            schema: self.schema.or(parent.schema),
            description: self.description.or(parent.description),
            extends: None,
            arch: self.arch.or(parent.arch),
            tee: self.tee.or(parent.tee),
            epoch: self.epoch.or(parent.epoch),
            compression: self.compression.or(parent.compression),
            kernel_reads: self.kernel_reads.or(parent.kernel_reads),
            memory_mib: self.memory_mib.or(parent.memory_mib),
            unpack_limit_mib: self.unpack_limit_mib.or(parent.unpack_limit_mib),
            init: both(self.init, parent.init, RawInit::over),
            policy: both(self.policy, parent.policy, RawPolicy::over),
            host: both(self.host, parent.host, RawHost::over),
            inputs: both(self.inputs, parent.inputs, merge_inputs),
            trim: both(self.trim, parent.trim, RawTrim::over),
            component: both(self.component, parent.component, by_key),
            directory: both(self.directory, parent.directory, |a, b| by_path(a, b, |d| &d.path)),
            file: both(self.file, parent.file, |a, b| by_path(a, b, |f| &f.path)),
            symlink: both(self.symlink, parent.symlink, |a, b| by_path(a, b, |s| &s.path)),
            device: both(self.device, parent.device, |a, b| by_path(a, b, |d| &d.path)),
        }
    }

    /// The profile as TOML, without anything of the machine: the paths of inputs are left out.
    pub fn canonical(&self) -> String {
        let mut raw = self.clone();
        for input in raw.inputs.iter_mut().flat_map(BTreeMap::values_mut) {
            input.forget_places();
        }
        for source in raw.file.iter_mut().flatten().filter_map(|file| file.source.as_mut()) {
            *source = source.file_name().map(PathBuf::from).unwrap_or_default();
        }
        if let Some(policy) = raw.policy.as_mut()
            && let Some(source) = policy.source.as_mut()
            && super::PolicySource::is_path(source)
        {
            *source = Path::new(source).file_name().unwrap_or_default().to_string_lossy().into_owned();
        }
        raw.to_toml()
    }

    /// The profile as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a profile is made of tables, arrays, strings and small numbers")
    }
}

impl RawInit {
    fn over(self, parent: Self) -> Self {
        Self {
            run: self.run.or(parent.run),
            guard: self.guard.or(parent.guard),
            modules: self.modules.or(parent.modules),
            allow_words: both(self.allow_words, parent.allow_words, |child, parent| [parent, child].concat()),
        }
    }
}

impl RawTrim {
    fn over(self, parent: Self) -> Self {
        Self { remove: [parent.remove, self.remove].concat(), keep: [parent.keep, self.keep].concat() }
    }
}

impl RawPolicy {
    /// A pin is of a source: who names another source does not inherit the pin.
    fn over(self, parent: Self) -> Self {
        match self.source {
            Some(source) => Self { source: Some(source), sha256: self.sha256 },
            None => Self { source: parent.source, sha256: self.sha256.or(parent.sha256) },
        }
    }
}

impl RawHost {
    fn over(self, parent: Self) -> Self {
        Self {
            runtimes: self.runtimes.or(parent.runtimes),
            directory: self.directory.or(parent.directory),
            kernel_params: self.kernel_params.or(parent.kernel_params),
        }
    }
}

fn both<T>(child: Option<T>, parent: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    match (child, parent) {
        (Some(child), Some(parent)) => Some(merge(child, parent)),
        (child, parent) => child.or(parent),
    }
}

fn by_key<T>(child: BTreeMap<String, T>, mut parent: BTreeMap<String, T>) -> BTreeMap<String, T> {
    parent.extend(child);
    parent
}

fn by_path<T>(child: Vec<T>, parent: Vec<T>, path: impl Fn(&T) -> &String) -> Vec<T> {
    let mut merged: Vec<T> =
        parent.into_iter().filter(|old| !child.iter().any(|new| path(new) == path(old))).collect();
    merged.extend(child);
    merged
}

/// Line and column of a byte offset, both from 1.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
