//! The lock: what the sources of a profile were when somebody looked, down to digests and sizes.
//!
//! It is TOML with one line a package, file or layer, sorted, so that a change of it is read in a review.
//! A build takes from elsewhere only what the lock names. Nothing is fetched here; the format is in
//! `docs/lock.md`.

mod changes;
mod raw;
mod render;

use std::collections::BTreeMap;

use crate::digest::Sha256;
use crate::profile::Role;
use crate::profile::source::Url;
pub use changes::{Change, changes};

/// The version of the format this reads and writes.
pub const SCHEMA: u32 = 1;

/// Largest size that a locked file may have, in bytes: 16 GiB, above any package, layer or release.
pub const SIZE_MAX: u64 = 16 << 30;

/// A profile's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Digest of the profile it was made for.
    pub profile: Sha256,
    /// What each input that is fetched was.
    pub inputs: BTreeMap<Role, LockedInput>,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedInput {
    /// Digest of the input as the profile says it: another one needs another lock.
    pub source: Sha256,
    /// What was found.
    pub locked: Locked,
}

/// What a source was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locked {
    /// A file.
    Url(LockedFile),
    /// An image or artefact of a registry.
    Oci(LockedOci),
    /// Packages of Debian archives, sorted by name.
    Deb(LockedDeb),
    /// RPM packages, sorted by name.
    Rpm(Vec<LockedPackage>),
}

/// A file at a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// Where it was.
    pub url: Url,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// What a reference of a registry named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedOci {
    /// The reference, by digest.
    pub reference: String,
    /// The manifest.
    pub manifest: Content,
    /// A root file system, or files.
    pub shape: Shape,
    /// Layers, the lowest first; of an artefact the files, in the manifest's order.
    pub layers: Vec<LockedLayer>,
}

/// How the layers of a manifest are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each goes over the one before it (OCI image specification, `layer.md`).
    Image,
    /// Each is a file by itself.
    Artefact,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedLayer {
    /// Its bytes.
    pub content: Content,
    /// Its media type.
    pub media_type: String,
    /// The file name of an artefact's layer (`org.opencontainers.image.title`).
    pub title: Option<String>,
}

/// Bytes, by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Size in bytes.
    pub size: u64,
    /// Digest.
    pub sha256: Sha256,
}

/// Packages of Debian archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedDeb {
    /// The releases that were asked, in the profile's order.
    pub releases: Vec<LockedRelease>,
    /// The packages.
    pub packages: Vec<LockedPackage>,
}

/// A release that packages were taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedRelease {
    /// The archive's root.
    pub url: Url,
    /// The suite.
    pub suite: String,
    /// Its date, as it says itself.
    pub date: String,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// Digest of its `InRelease`.
    pub sha256: Sha256,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version, as the package's format writes it.
    pub version: String,
    /// Its architecture.
    pub arch: String,
    /// The file.
    pub file: LockedFile,
}

/// Why a text is no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        message: String,
    },
    /// Another version of the format.
    #[error("schema got {0}, expected {SCHEMA}")]
    Schema(u32),
    /// A value that is out of range or no word of its kind.
    #[error("{place}: {problem}")]
    Value {
        /// The input, or the input's package.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

impl Lock {
    /// Reads a lock.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        raw::parse(text)
    }

    /// The lock as text: the same lock gives the same bytes.
    pub fn to_toml(&self) -> String {
        render::render(self)
    }
}

impl Locked {
    /// Its word in locks and manifests.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Oci(_) => "oci",
            Self::Deb(_) => "deb",
            Self::Rpm(_) => "rpm",
        }
    }

    /// The bytes that it is made of, each with a name for people.
    pub fn contents(&self) -> Vec<(String, Content)> {
        let of_file = |file: &LockedFile| Content { size: file.size, sha256: file.sha256 };
        let of_packages = |packages: &[LockedPackage]| {
            let named = |it: &LockedPackage| (format!("{} {}", it.name, it.version), of_file(&it.file));
            packages.iter().map(named).collect()
        };
        match self {
            Self::Url(file) => vec![(file.url.to_string(), of_file(file))],
            Self::Oci(oci) => {
                let manifest = (oci.reference.clone(), oci.manifest);
                let layers = oci.layers.iter().enumerate().map(|(index, layer)| {
                    let name = layer.title.clone().unwrap_or_else(|| format!("layer {}", index + 1));
                    (format!("{name} of {}", oci.reference), layer.content)
                });
                std::iter::once(manifest).chain(layers).collect()
            }
            Self::Deb(deb) => of_packages(&deb.packages),
            Self::Rpm(packages) => of_packages(packages),
        }
    }
}

#[cfg(test)]
mod tests;
