//! What a lock names of an input, as the manifest records it.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::lock::{Content, Locked, LockedPackage};

/// One file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRecord {
    /// Its URL, the reference of an image, or the name of a package.
    pub name: String,
    /// The package's version; absent if it is no package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The package's architecture; absent if it is no package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

/// The records of `locked`, in the lock's order.
pub fn locked(locked: &Locked) -> Vec<LockedRecord> {
    match locked {
        Locked::Url(_) | Locked::Oci(_) => locked.contents().into_iter().map(of_content).collect(),
        Locked::Deb(deb) => deb.packages.iter().map(of_package).collect(),
        Locked::Rpm(packages) => packages.iter().map(of_package).collect(),
    }
}

fn of_content((name, content): (String, Content)) -> LockedRecord {
    let Content { size, sha256 } = content;
    LockedRecord { name, version: None, arch: None, sha256, size }
}

fn of_package(package: &LockedPackage) -> LockedRecord {
    let LockedPackage { name, version, arch, file } = package;
    LockedRecord {
        name: name.clone(),
        version: Some(version.clone()),
        arch: Some(arch.clone()),
        sha256: file.sha256,
        size: file.size,
    }
}
