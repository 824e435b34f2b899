//! What an image was made of, as values. Where they come from, and how they are written, is elsewhere.

use std::collections::BTreeSet;

use crate::licence::Licence;
use crate::url::Url;

/// The materials of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// What was made.
    pub image: Image,
    /// What made it.
    pub tool: Tool,
    /// The time that the documents bear, in seconds since 1970-01-01 UTC: the profile's epoch, so no clock is read.
    pub created: u32,
    /// What is in the image. Documents have it in this order: by name, then by version, bytewise, then by the other
    /// fields as they follow in [`Item`].
    pub items: BTreeSet<Item>,
}

/// The file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its file name.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// SHA-384 of the file, which a TDX register extends.
    pub sha384: Option<[u8; 48]>,
    /// Its size in bytes.
    pub size: u64,
}

/// The program that made the image and its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One thing that went into the image, as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its version, as its format writes it, epoch and all; `None` if nobody said one.
    pub version: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// SHA-256 of the file, or of the image's manifest.
    pub sha256: [u8; 32],
    /// Size in bytes of that file or manifest.
    pub size: u64,
    /// Where it was fetched from; `None` if it was a file of the build machine, or in a registry.
    pub download: Option<Url>,
    /// Its licence.
    pub licence: Licence,
    /// The organization it was had from, such as the distribution.
    pub supplier: Option<String>,
    /// Its project's page.
    pub homepage: Option<Url>,
    /// What of it is in the image; `None` if nobody counted.
    pub unpacked: Option<Unpacked>,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A Debian package.
    Deb(Package),
    /// An RPM package.
    Rpm(Package),
    /// An image or artefact of a registry.
    Oci {
        /// Registry and repository, without tag and digest: `registry.example.org/guest/pause`.
        repository: String,
        /// The tag that was asked for.
        tag: Option<String>,
    },
    /// Any other file.
    File(Content),
}

/// A package of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Whose package it is.
    pub distribution: Distribution,
    /// Its architecture, by the distribution's word.
    pub arch: String,
    /// The source package it was built from. Advisories are by its name.
    pub source: Option<Source>,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distribution {
    /// `ID` of its `os-release`: `debian`, `fedora`.
    pub id: String,
    /// `VERSION_ID` of its `os-release`: `13`. None for a rolling one.
    pub version: Option<String>,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its version, as the format writes it.
    pub version: String,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// A program: the agent, the guard.
    Program,
    /// An archive of several files: guest components, a root file system.
    Archive,
    /// Kernel modules.
    Modules,
    /// Read by a program of the image: a policy, a configuration.
    Data,
}

/// How much of an item is in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unpacked {
    /// Files, without directories.
    pub files: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
}

impl Kind {
    /// The package, if it is one.
    pub(crate) fn package(&self) -> Option<&Package> {
        match self {
            Self::Deb(package) | Self::Rpm(package) => Some(package),
            Self::Oci { .. } | Self::File(_) => None,
        }
    }

    /// The first word of its identifiers.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Deb(_) => "deb",
            Self::Rpm(_) => "rpm",
            Self::Oci { .. } => "oci",
            Self::File(_) => "file",
        }
    }
}
