//! What a lock names, as something to fetch.

use coco_image::lock::{Content, Locked, LockedFile, LockedPackage};
use coco_image::profile::source::Url;
use coco_registry::Reference;

use super::{Place, Wanted};
use crate::registry::{self, RegistryError};

impl Wanted {
    /// Everything that `locked` is made of.
    pub(crate) fn of(locked: &Locked) -> Result<Vec<Self>, RegistryError> {
        Ok(match locked {
            Locked::Url(file) => vec![of_file(file.url.to_string(), file)],
            Locked::Deb(deb) => deb.packages.iter().map(of_package).collect(),
            Locked::Rpm(packages) => packages.iter().map(of_package).collect(),
            Locked::Oci(oci) => registry::wanted(oci)?,
        })
    }

    /// The URL it is at, if it may be at a mirror of it.
    pub(crate) fn url(&self) -> Option<&Url> {
        match &self.place {
            Place::Url(url) => Some(url),
            Place::Registry { .. } => None,
        }
    }
}

impl Place {
    /// The reference of the image or artefact it is of, if it is in a registry.
    pub(super) fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Url(_) => None,
            Self::Registry { reference, .. } => Some(reference),
        }
    }
}

fn of_package(package: &LockedPackage) -> Wanted {
    of_file(format!("{} {}", package.name, package.version), &package.file)
}

fn of_file(name: String, file: &LockedFile) -> Wanted {
    let content = Content { size: file.size, sha256: file.sha256 };
    Wanted { name, content, place: Place::Url(file.url.clone()) }
}
