//! The part of a manifest that says what was changed of an existing image; absent from a build's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// What was changed of an existing image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomizationRecord {
    /// Digest of the image that was customized.
    pub base_sha256: Sha256,
    /// Files that were added, by their path as it was given.
    pub added: BTreeMap<String, AddedFile>,
    /// Paths that were removed, as they were given.
    pub removed: Vec<String>,
    /// Whether another policy was given.
    pub policy_replaced: bool,
    /// The certificates that were added, if any.
    pub ca_bundle: Option<CertificatesRecord>,
    /// If the image's bytes were kept, and what is new was put behind them; `None` if all was packed anew.
    pub appended: Option<AppendedRecord>,
}

/// Where an appendix is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendedRecord {
    /// Size of the image that was kept, in bytes: it is the first that many bytes of the result.
    pub base_size: u64,
    /// Where the appendix starts, in bytes; zeros are before it.
    pub offset: u64,
}

/// A file that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedFile {
    /// Its permissions, four octal digits.
    pub mode: String,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// Whether a file of the base was replaced.
    pub replaced: bool,
}

/// Certificates that were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificatesRecord {
    /// The bundle they are in now.
    pub path: String,
    /// Digest of the file that was given.
    pub sha256: Sha256,
    /// How many certificates that has.
    pub certificates: usize,
}
