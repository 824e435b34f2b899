//! What differs between two locks, as a reviewer would say it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lock, Locked, LockedInput, LockedPackage};
use crate::digest::Sha256;
use crate::profile::Role;

/// Something that is new, gone or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The input.
    pub role: Role,
    /// The package or layer; the input itself where it is one thing.
    pub name: String,
    /// What it was: a version, or a digest where there are no versions.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// What `new` has otherwise than `old`, by input and name.
pub fn changes(old: Option<&Lock>, new: &Lock) -> Vec<Change> {
    let none = BTreeMap::new();
    let old = old.map_or(&none, |lock| &lock.inputs);
    let roles: BTreeSet<&Role> = old.keys().chain(new.inputs.keys()).collect();
    let mut changes = Vec::new();
    for role in roles {
        let (before, after) = (things(old.get(role)), things(new.inputs.get(role)));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (was, is) = (before.get(name), after.get(name));
            if was == is {
                continue;
            }
            // A rebuilt package with the version that it had: only the digest tells.
            let is_same_version = was.map(|(version, _)| version) == is.map(|(version, _)| version);
            let word = |thing: &(String, Sha256)| {
                if is_same_version { format!("{} ({})", thing.0, thing.1) } else { thing.0.clone() }
            };
            changes.push(Change { role: *role, name: name.clone(), old: was.map(word), new: is.map(word) });
        }
    }
    changes
}

/// Everything in an input that can change by itself: its version, and its digest.
fn things(input: Option<&LockedInput>) -> BTreeMap<String, (String, Sha256)> {
    let package = |it: &LockedPackage| (it.name.clone(), (it.version.clone(), it.file.sha256));
    match input.map(|input| &input.locked) {
        None => BTreeMap::new(),
        Some(Locked::Url(file)) => {
            BTreeMap::from([(file.url.to_string(), (format!("{} bytes", file.size), file.sha256))])
        }
        Some(Locked::Oci(oci)) => {
            let name = oci.reference.split('@').next().unwrap_or_default().to_owned();
            BTreeMap::from([(name, (format!("{} layers", oci.layers.len()), oci.manifest.sha256))])
        }
        Some(Locked::Deb(deb)) => deb.packages.iter().map(package).collect(),
        Some(Locked::Rpm(packages)) => packages.iter().map(package).collect(),
    }
}
