//! What a build makes of a profile, an image or an overlay, which follows from the TEE alone.

use super::raw::Raw;
use super::reader::Reader;
use super::{PolicySource, Profile, ProfileError};
use crate::digest::Sha256;
use crate::units::{Epoch, Tee};

/// A complete profile of either kind.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// An initrd.
    Image(Box<Profile>),
    /// The policy files of a podvm image.
    Overlay(OverlayProfile),
}

/// A complete profile with `tee = "podvm"`. The podvm image brings everything but the policy.
#[derive(Debug, Clone)]
pub struct OverlayProfile {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Time of all files.
    pub epoch: Epoch,
    /// The default policy.
    pub policy: PolicySource,
    /// The SHA-256 the policy must have.
    pub policy_sha256: Option<Sha256>,
    /// The resolved profile as TOML: what its digest is of.
    pub canonical: String,
}

impl Wanted {
    /// The profile called `name` that `raw`, resolved and complete, describes.
    pub fn new(name: &str, raw: &Raw) -> Result<Self, ProfileError> {
        match raw.tee {
            Some(Tee::PodVm) => Reader { profile: name }.overlay(raw).map(Self::Overlay),
            _ => Profile::new(name, raw).map(Box::new).map(Self::Image),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Image(profile) => &profile.name,
            Self::Overlay(profile) => &profile.name,
        }
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        match self {
            Self::Image(profile) => &profile.description,
            Self::Overlay(profile) => &profile.description,
        }
    }

    /// Its TEE.
    pub fn tee(&self) -> Tee {
        match self {
            Self::Image(profile) => profile.tee,
            Self::Overlay(_) => Tee::PodVm,
        }
    }

    /// The digest of the resolved profile.
    pub fn sha256(&self) -> Sha256 {
        match self {
            Self::Image(profile) => profile.sha256(),
            Self::Overlay(profile) => profile.sha256(),
        }
    }
}

impl OverlayProfile {
    /// The digest of the resolved profile.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.canonical.as_bytes())
    }
}
