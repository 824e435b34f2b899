//! The profile: what image is wanted. TOML in, a typed [`Profile`] out; no file is opened here.
//!
//! The format is described in `docs/profile.md`. Text becomes types once, in [`resolve`]; past it
//! nobody validates again.

pub mod raw;
mod reader;
pub mod source;
mod wanted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::digest::Sha256;
use crate::modules::WantedModule;
use crate::path::GuestPath;
use crate::path::pattern::PathPattern;
use crate::tree::DeviceKind;
use crate::trim::Trim;
use crate::units::{Arch, Epoch, Init, Method, Mode, Runtime, Tee};
use raw::Raw;
use reader::Reader;
use source::{Remote, Source};
pub use wanted::{OverlayProfile, Wanted};

/// The version of the profile format this reads.
pub const SCHEMA: u32 = 1;

/// What an input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The base root file system.
    Base,
    /// The kata-agent.
    Agent,
    /// attestation-agent, confidential-data-hub, api-server-rest and their configuration.
    GuestComponents,
    /// The pause bundle.
    PauseImage,
    /// The program that is `/init`; built in unless given.
    Guard,
    /// What a kernel package unpacks to, to take modules from.
    KernelModules,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Base, Self::Agent, Self::GuestComponents, Self::PauseImage, Self::Guard, Self::KernelModules];

    /// Whether it is software that answers the host in the guest, made of component files.
    pub fn is_component(self) -> bool {
        match self {
            Self::Agent | Self::GuestComponents | Self::PauseImage => true,
            Self::Base | Self::Guard | Self::KernelModules => false,
        }
    }

    /// Its name in profiles, options and the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Agent => "agent",
            Self::GuestComponents => "guest-components",
            Self::PauseImage => "pause-image",
            Self::Guard => "guard",
            Self::KernelModules => "kernel-modules",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|role| role.name()).collect();
            format!("`{name}` is none of: {}", names.join(", "))
        })
    }
}

/// An input a profile names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Where it is; an option of the command line may name a file or directory instead.
    pub source: Option<Source>,
    /// The SHA-256 it must have.
    pub sha256: Option<Sha256>,
    /// The input as TOML, places of this machine left out: what a lock has the digest of.
    pub lock_key: String,
}

impl Input {
    /// Where it is, if that is on this machine.
    pub fn path(&self) -> Option<&Path> {
        match &self.source {
            Some(Source::Path(path)) => Some(path),
            Some(Source::Remote(_)) | None => None,
        }
    }

    /// Where it is, if that is elsewhere.
    pub fn remote(&self) -> Option<&Remote> {
        match &self.source {
            Some(Source::Remote(remote)) => Some(remote),
            Some(Source::Path(_)) | None => None,
        }
    }
}

/// A file that a component must bring, and where it lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFile {
    /// Its name in an input that is just the component, such as `bin/attestation-agent`.
    pub name: String,
    /// Its place in the image.
    pub path: GuestPath,
    /// Its permissions.
    pub mode: Mode,
}

/// Where the default policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    /// A policy of this project, by name.
    BuiltIn(String),
    /// A file of the user's.
    File(PathBuf),
}

impl PolicySource {
    /// Whether `source` names a file, and not a built-in policy.
    pub fn is_path(source: &str) -> bool {
        source.contains('/') || Path::new(source).extension().is_some_and(|extension| extension == "rego")
    }

    fn of(source: &str) -> Self {
        if Self::is_path(source) { Self::File(source.into()) } else { Self::BuiltIn(source.to_owned()) }
    }
}

/// A file the profile itself adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Its name.
    pub path: GuestPath,
    /// What it is.
    pub kind: ExtraKind,
}

/// What a profile can add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraKind {
    /// A directory.
    Directory(Mode),
    /// A file with these contents.
    Text(Mode, String),
    /// A file with the contents of a file beside the profile.
    Source(Mode, PathBuf),
    /// A file with the certificates that are in files of the base.
    Certificates(Mode, PathPattern),
    /// A symbolic link.
    Symlink(String),
    /// A device node: kind, permissions, major, minor.
    Device(DeviceKind, Mode, u32, u32),
}

/// Whether the guard is the image's `/init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It is.
    On,
    /// The agent or systemd is; for development only.
    Off,
}

/// A complete profile of an image.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name, for file names: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Processor of the guest.
    pub arch: Arch,
    /// Trusted execution environment.
    pub tee: Tee,
    /// Time of all files.
    pub epoch: Epoch,
    /// Compression of the layers.
    pub compression: Method,
    /// What the guest's kernel can unpack; uncompressed always.
    pub kernel_reads: Vec<Method>,
    /// Memory of the guest, in MiB.
    pub memory_mib: u64,
    /// Most that any one input may unpack to, in bytes.
    pub unpack_limit: u64,
    /// What runs as PID 1 in the end.
    pub init: Init,
    /// Whether the guard runs first.
    pub guard: Guard,
    /// Kernel modules the guard loads, in order.
    pub modules: Vec<WantedModule>,
    /// Command-line words the guard lets pass besides the expected ones.
    pub allow_words: Vec<String>,
    /// The default policy.
    pub policy: PolicySource,
    /// The SHA-256 the policy must have.
    pub policy_sha256: Option<Sha256>,
    /// Runtimes to write host configuration for.
    pub runtimes: Vec<Runtime>,
    /// Directory of the image on the host.
    pub host_directory: GuestPath,
    /// `kernel_params` of the host's kata configuration.
    pub kernel_params: Vec<String>,
    /// Inputs with their pins.
    pub inputs: BTreeMap<Role, Input>,
    /// What is left out of the base.
    pub trim: Trim,
    /// Files each component must bring.
    pub components: BTreeMap<Role, Vec<ComponentFile>>,
    /// Files the profile adds.
    pub extras: Vec<Extra>,
    /// The resolved profile as TOML, paths of inputs left out: what its digest is of.
    pub canonical: String,
}

impl Profile {
    /// The profile called `name` that `raw`, resolved and complete, describes.
    pub fn new(name: &str, raw: &Raw) -> Result<Self, ProfileError> {
        Reader { profile: name }.profile(raw)
    }

    /// The digest of the resolved profile.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.canonical.as_bytes())
    }
}

/// Why a profile can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{origin}:{line}:{column}: {message}")]
    Syntax {
        /// Path or name of the profile.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        message: String,
    },
    /// Another version of the format.
    #[error("profile {profile}: schema got {got}, expected {SCHEMA}")]
    Schema {
        /// The profile.
        profile: String,
        /// Its `schema`.
        got: u32,
    },
    /// A key that neither the profile nor the ones it extends say.
    #[error("profile {profile}: {key} is missing")]
    Missing {
        /// The profile.
        profile: String,
        /// The key.
        key: &'static str,
    },
    /// A value that is out of range or no word of its kind.
    #[error("profile {profile}: {key}: {problem}")]
    Value {
        /// The profile.
        profile: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A key about an image, in a profile for a podvm.
    #[error("profile {profile}: {key} is about an image, and tee = \"podvm\" makes an overlay")]
    NotForOverlay {
        /// The profile.
        profile: String,
        /// The key.
        key: &'static str,
    },
    /// Profiles extend each other in a circle.
    #[error("profiles extend each other in a circle: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
}

/// The text of a profile, as the program finds it.
#[derive(Debug, Clone)]
pub struct ProfileText {
    /// Its path, or `NAME (built in)`: for messages, and to tell a circle.
    pub origin: String,
    /// Its name, for file names.
    pub name: String,
    /// The TOML.
    pub text: String,
    /// What relative paths in it are relative to.
    pub directory: PathBuf,
}

/// Reads `source` and the profiles it extends, which `open` finds by name or path as seen from the
/// profile that names them.
pub fn resolve<E: From<ProfileError>>(
    source: ProfileText,
    open: &dyn Fn(&str, &ProfileText) -> Result<ProfileText, E>,
) -> Result<Raw, E> {
    let mut lineage = vec![source.origin.clone()];
    let mut raw = Raw::parse(&source.origin, &source.text, &source.directory)?;
    let mut child = source;
    while let Some(parent) = raw.extends.clone() {
        let source = open(&parent, &child)?;
        let known = lineage.contains(&source.origin);
        lineage.push(source.origin.clone());
        if known {
            return Err(ProfileError::Cycle(lineage).into());
        }
        let parent = Raw::parse(&source.origin, &source.text, &source.directory)?;
        let extends = parent.extends.clone();
        raw = Raw { extends, ..raw.over(parent) };
        child = source;
    }
    Ok(raw)
}

#[cfg(test)]
pub(crate) mod tests;
