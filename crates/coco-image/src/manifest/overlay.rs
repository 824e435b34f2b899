//! The record of an overlay: like an image's, without what a podvm image brings itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{InputRecord, PolicyRecord, Tool};
use crate::digest::{Sha256, Sha384};
use crate::overlay::{Content, Overlay};
use crate::units::Tee;

/// The whole record.
#[derive(Debug, Clone, Serialize)]
pub struct OverlayManifest {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// The program that built the overlay.
    pub tool: Tool,
    /// Whether it is fit for production.
    pub production: bool,
    /// Why it is not; empty if it is.
    pub production_faults: Vec<String>,
    /// The profile.
    pub profile: OverlayProfileRecord,
    /// Time of every file, seconds since 1970.
    pub epoch: u32,
    /// The tar.
    pub overlay: OverlayRecord,
    /// What it was built from.
    pub inputs: Vec<InputRecord>,
    /// The default policy and what it decides.
    pub policy: PolicyRecord,
    /// The initdata of all pods, if it was asked for.
    pub initdata: Option<InitdataRecord>,
    /// Digests of the files beside the manifest that a cluster takes, by their path.
    pub cluster_files: BTreeMap<String, Sha256>,
    /// Every file of the overlay.
    pub files: Vec<OverlayFileRecord>,
}

/// The profile of the overlay.
#[derive(Debug, Clone, Serialize)]
pub struct OverlayProfileRecord {
    /// Its name.
    pub name: String,
    /// Digest of the resolved profile, as `profile show` prints it with the options applied.
    pub sha256: Sha256,
    /// Its TEE, `podvm`.
    pub tee: Tee,
}

/// The tar.
#[derive(Debug, Clone, Serialize)]
pub struct OverlayRecord {
    /// Its name beside the manifest.
    pub file: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Its digest.
    pub sha384: Sha384,
}

/// The initdata that every peer pod without its own gets.
#[derive(Debug, Clone, Serialize)]
pub struct InitdataRecord {
    /// Digest of the annotation text, base64 of gzip; not the digest that a TEE measures.
    pub annotation_sha256: Sha256,
}

/// A file of the overlay.
#[derive(Debug, Clone, Serialize)]
pub struct OverlayFileRecord {
    /// Its name.
    pub path: String,
    /// `file` or `symlink`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its permissions, four octal digits.
    pub mode: &'static str,
    /// Size of a regular file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Digest of a regular file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'static str>,
}

impl OverlayManifest {
    /// The manifest as JSON: keys sorted, two spaces, a newline at the end.
    pub fn to_json(&self) -> String {
        super::json(self)
    }
}

impl OverlayFileRecord {
    /// Every file of `overlay`, sorted by path.
    pub fn all(overlay: &Overlay) -> Vec<Self> {
        let record = |(path, content): (&crate::path::GuestPath, &Content)| match content {
            Content::File(bytes) => Self {
                path: path.to_string(),
                kind: "file",
                mode: "0644",
                size: Some(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
                sha256: Some(Sha256::of(bytes)),
                target: None,
            },
            Content::Symlink(target) => Self {
                path: path.to_string(),
                kind: "symlink",
                mode: "0777",
                size: None,
                sha256: None,
                target: Some(target),
            },
        };
        overlay.iter().map(record).collect()
    }
}
