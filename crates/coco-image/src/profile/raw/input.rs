//! `[inputs.ROLE]` as people write it, and how a profile's source goes over its parent's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::source::KeySource;

/// `[inputs.ROLE]`: at most one of `path`, `url`, `oci`, `deb` and `rpm`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawInput {
    /// File or directory, relative to the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// A file to fetch over https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// An image or artefact of an OCI registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci: Option<String>,
    /// The SHA-256 that `path` or `url` must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Packages of Debian archives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deb: Option<RawDeb>,
    /// RPM packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm: Option<RawRpm>,
}

/// `[inputs.ROLE.deb]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawDeb {
    /// The packages that are wanted; what they depend on comes with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<String>>,
    /// Dependencies that are not wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omit: Option<Vec<String>>,
    /// Where packages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archives: Option<Vec<RawArchive>>,
}

impl RawDeb {
    fn or(self, parent: Self) -> Self {
        Self {
            packages: self.packages.or(parent.packages),
            omit: self.omit.or(parent.omit),
            archives: self.archives.or(parent.archives),
        }
    }
}

/// One archive of `[inputs.ROLE.deb]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawArchive {
    /// Its root, above `dists` and `pool`.
    pub url: String,
    /// The moment of a snapshot archive, such as `20261101T000000Z`; goes behind the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The suite, such as `trixie` or `trixie-security`.
    pub suite: String,
    /// Its components, such as `main`.
    pub components: Vec<String>,
    /// The keys of which one must have signed: a name of this project's, or a file.
    pub signed_by: String,
}

/// `[inputs.ROLE.rpm]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawRpm {
    /// The keys of which one must have signed each package: a file. Without it digests are all that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The packages; what they depend on must be among them.
    pub files: Vec<RawRpmFile>,
}

/// One package of `[inputs.ROLE.rpm]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawRpmFile {
    /// Where it is, over https.
    pub url: String,
    /// Its SHA-256.
    pub sha256: String,
}

impl RawInput {
    /// Makes the paths that it has relative to `directory`.
    pub(super) fn be_relative_to(&mut self, directory: &Path) {
        self.path = self.path.take().map(|path| directory.join(path));
        for keys in self.keys_mut() {
            if KeySource::is_path(keys) {
                *keys = directory.join(&*keys).to_string_lossy().into_owned();
            }
        }
    }

    /// Leaves out what is of the machine: where files are.
    pub(super) fn forget_places(&mut self) {
        self.path = None;
        for keys in self.keys_mut() {
            if KeySource::is_path(keys) {
                *keys = Path::new(keys).file_name().unwrap_or_default().to_string_lossy().into_owned();
            }
        }
    }

    /// What it is, as the text that a lock has the digest of.
    pub fn canonical(&self) -> String {
        let mut input = self.clone();
        input.forget_places();
        toml::to_string(&input).expect("a profile's input is TOML")
    }

    fn keys_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let archives = self.deb.iter_mut().flat_map(|deb| deb.archives.iter_mut().flatten());
        let rpm = self.rpm.iter_mut().filter_map(|rpm| rpm.signed_by.as_mut());
        archives.map(|archive| &mut archive.signed_by).chain(rpm)
    }

    fn names_source(&self) -> bool {
        self.path.is_some()
            || self.url.is_some()
            || self.oci.is_some()
            || self.deb.is_some()
            || self.rpm.is_some()
    }
}

/// The child's inputs over the parent's. A pin belongs to its source: who names another one inherits neither. Only
/// packages merge key by key, so that a child can take the parent's from other archives.
pub(super) fn merge_inputs(
    child: BTreeMap<String, RawInput>,
    mut parent: BTreeMap<String, RawInput>,
) -> BTreeMap<String, RawInput> {
    for (role, input) in child {
        let merged = match parent.remove(&role) {
            Some(old) if !input.names_source() => RawInput { sha256: input.sha256.or(old.sha256), ..old },
            Some(RawInput { deb: Some(old), .. }) => {
                RawInput { deb: input.deb.map(|deb| deb.or(old)), ..input }
            }
            _ => input,
        };
        parent.insert(role, merged);
    }
    parent
}
