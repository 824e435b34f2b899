//! A package of an input, for its records: what it was locked as, what it says of itself, and which bodies
//! are its own.

use std::collections::BTreeMap;

use coco_image::archive::Member;
use coco_image::digest::Sha256;
use coco_image::lock::LockedPackage;
use coco_image::path::GuestPath;
use coco_image::tree::{Body, Extent, Node};
use coco_packages::copyright;

/// Which kind of package it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Debian's.
    Deb,
    /// RPM.
    Rpm,
}

/// What is known of a package's licence.
#[derive(Debug)]
pub(crate) enum Licence {
    /// Nothing: it states none.
    Unknown,
    /// What its copyright file says.
    Copyright(copyright::Licence),
    /// The words of its header.
    Declared(String),
}

/// How messages call a package.
pub(super) fn name(package: &LockedPackage) -> String {
    format!("package {} {}", package.name, package.version)
}

/// A package.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its kind.
    pub(crate) format: Format,
    /// As the lock has it.
    pub(crate) locked: LockedPackage,
    /// Name and version of the source, where it says them.
    pub(crate) source: Option<(String, String)>,
    /// Its project's page, as it says.
    pub(crate) homepage: Option<String>,
    /// Its licence.
    pub(crate) licence: Licence,
    /// Its files' bodies, and where they were: whichever body is in the image is of this package.
    pub(crate) bodies: BTreeMap<Extent, GuestPath>,
}

impl Package {
    /// The bodies of `members`.
    pub(super) fn bodies(members: &[Member]) -> BTreeMap<Extent, GuestPath> {
        let body = |member: &Member| match &member.node {
            Node::File(_, Body::Extent(extent)) => Some((*extent, member.path.clone())),
            _ => None,
        };
        members.iter().filter_map(body).collect()
    }

    /// The digest of several packages: of a text with one line each, as `sha256sum` writes them, sorted by name.
    pub(crate) fn digest(packages: &[Self]) -> Sha256 {
        let line = |package: &Self| {
            let LockedPackage { name, version, arch, file } = &package.locked;
            format!("{}  {name} {version} {arch}\n", file.sha256)
        };
        Sha256::of(packages.iter().map(line).collect::<Vec<_>>().concat().as_bytes())
    }
}
