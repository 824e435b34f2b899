//! The lock of a profile: where it is, and whether it is of that profile. What it names is fetched elsewhere.
//!
//! Beside a profile of one's own is its lock; locks of built-in profiles are in the program. `--lock` names another.

use std::path::{Path, PathBuf};

use coco_image::digest::Sha256;
use coco_image::lock::{Lock, LockError, Locked};
use coco_image::profile::{Input, Profile, Role, Wanted};
use fs_err as fs;

use crate::profiles;

/// Largest lock, in bytes: some 60 000 packages.
const LOCK_MAX: u64 = 16 << 20;

/// Where locks of built-in profiles are kept, in a checkout of the project.
const CHECKOUT: &str = "image-profiles";

/// Why there is no lock to go by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockFileError {
    /// Nobody has made one.
    #[error("profile {profile} takes inputs from elsewhere, and has no lock: {} is not there", path.display())]
    Missing {
        /// The profile, as the person wrote it.
        profile: String,
        /// Where the lock should be.
        path: PathBuf,
    },
    /// The same, of a profile in the program.
    #[error("profile {0} takes inputs from elsewhere, and this program has no lock of it")]
    NotBuiltIn(String),
    /// Not a lock.
    #[error("{origin}: {error}")]
    Text {
        /// The lock's path or name.
        origin: String,
        /// The reason.
        error: LockError,
    },
    /// Longer than any lock.
    #[error("{0} is longer than {LOCK_MAX} bytes, which no lock is")]
    TooLong(String),
    /// The profile has changed since.
    #[error("{origin} is of another profile: SHA-256 got {got}, expected {expected}")]
    OtherProfile {
        /// The lock's path or name.
        origin: String,
        /// The digest in the lock.
        got: Sha256,
        /// The profile's.
        expected: Sha256,
        /// The profile, as the person wrote it.
        profile: String,
    },
    /// An input is not in the lock, or from another source.
    #[error("{origin} does not lock input {} as profile {profile} has it", role.name())]
    Input {
        /// The lock's path or name.
        origin: String,
        /// The input.
        role: Role,
        /// The profile, as the person wrote it.
        profile: String,
    },
    /// A profile that takes all from this machine.
    #[error("profile {0} takes nothing from elsewhere: there is nothing to lock or fetch")]
    NothingRemote(String),
    /// A profile that takes nothing but its policy.
    #[error("profile {0} makes an overlay for a podvm image, which has no inputs to lock")]
    Overlay(String),
    /// The lock of a built-in profile has its place in a checkout alone.
    #[error("profile {0} is built in, and there is no directory {CHECKOUT} here to write its lock to")]
    NoPlace(String),
}

/// A lock, with where it is from.
#[derive(Debug)]
pub(crate) struct LockFile {
    /// Its path, or `NAME.lock (built in)`.
    pub(crate) origin: String,
    /// What is in it.
    pub(crate) lock: Lock,
    /// The profile it was looked for, as the person wrote it.
    pub(crate) profile: String,
}

impl LockFile {
    /// The lock of `profile`, a name or a path, which must have been made for a profile of this digest.
    pub(crate) fn open(profile: &str, sha256: Sha256, given: Option<&Path>) -> anyhow::Result<Self> {
        let found = Self::find(profile, given)?.ok_or_else(|| match own_place(profile, given) {
            Some(path) => LockFileError::Missing { profile: profile.to_owned(), path },
            None => LockFileError::NotBuiltIn(profile.to_owned()),
        })?;
        if found.lock.profile != sha256 {
            let (got, origin, profile) = (found.lock.profile, found.origin, found.profile);
            return Err(LockFileError::OtherProfile { origin, got, expected: sha256, profile }.into());
        }
        Ok(found)
    }

    /// The lock of `profile`, of whatever state of it; `None` if there is none.
    pub(crate) fn find(profile: &str, given: Option<&Path>) -> anyhow::Result<Option<Self>> {
        let (origin, text) = match own_place(profile, given) {
            Some(path) => {
                let origin = path.display().to_string();
                match fs::metadata(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Ok(metadata) if metadata.len() > LOCK_MAX => {
                        return Err(LockFileError::TooLong(origin).into());
                    }
                    _ => (origin, fs::read_to_string(&path)?),
                }
            }
            None => match profiles::built_in_lock(profile) {
                Some(text) => (format!("{profile}.lock (built in)"), text.to_owned()),
                None => return Ok(None),
            },
        };
        match Lock::parse(&text) {
            Ok(lock) => Ok(Some(Self { origin, lock, profile: profile.to_owned() })),
            Err(error) => Err(LockFileError::Text { origin, error }.into()),
        }
    }

    /// What the lock has for `input` of the profile.
    pub(crate) fn input(&self, role: Role, input: &Input) -> Result<&Locked, LockFileError> {
        let found = self.lock.inputs.get(&role).filter(|it| it.source == source_sha256(input));
        found.map(|it| &it.locked).ok_or_else(|| LockFileError::Input {
            origin: self.origin.clone(),
            role,
            profile: self.profile.clone(),
        })
    }
}

/// What a lock says of the source that it has locked.
pub(crate) fn source_sha256(input: &Input) -> Sha256 {
    Sha256::of(input.lock_key.as_bytes())
}

/// The profile `profile`, a name or a path, which must be of an image that takes something from elsewhere.
pub(crate) fn locked_profile(profile: &str) -> anyhow::Result<Profile> {
    let (name, raw) = profiles::open(profile)?;
    match Wanted::new(&name, &raw)? {
        Wanted::Overlay(profile) => Err(LockFileError::Overlay(profile.name).into()),
        Wanted::Image(profile) if remote_inputs(&profile).next().is_none() => {
            Err(LockFileError::NothingRemote(profile.name.clone()).into())
        }
        Wanted::Image(profile) => Ok(*profile),
    }
}

/// The inputs of `profile` that must be locked.
pub(crate) fn remote_inputs(profile: &Profile) -> impl Iterator<Item = (Role, &Input)> {
    profile.inputs.iter().filter(|(_, input)| input.remote().is_some()).map(|(role, input)| (*role, input))
}

/// Where the lock of `profile` is written to.
pub(crate) fn goal(profile: &str, given: Option<&Path>) -> Result<PathBuf, LockFileError> {
    match own_place(profile, given) {
        Some(path) => Ok(path),
        None if Path::new(CHECKOUT).is_dir() => Ok(Path::new(CHECKOUT).join(format!("{profile}.lock"))),
        None => Err(LockFileError::NoPlace(profile.to_owned())),
    }
}

/// The file that is the lock: the one given, or the one beside the profile; `None` of a built-in profile.
fn own_place(profile: &str, given: Option<&Path>) -> Option<PathBuf> {
    match given {
        Some(path) => Some(path.to_owned()),
        None => profiles::is_path(profile).then(|| Path::new(profile).with_extension("lock")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_in_this_program_are_of_its_profiles_as_they_are_now() {
        for (name, _) in profiles::LOCKS {
            let profile = locked_profile(name).unwrap();
            let lock = LockFile::open(name, profile.sha256(), None).unwrap();
            for (role, input) in remote_inputs(&profile) {
                lock.input(role, input).unwrap();
            }
        }
    }

    #[test]
    fn every_profile_of_this_program_that_takes_from_elsewhere_has_a_lock_but_the_starting_point() {
        let takes = |name: &&str| locked_profile(name).is_ok();
        let without: Vec<&str> = profiles::BUILT_IN
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| takes(name) && profiles::built_in_lock(name).is_none())
            .collect();
        assert_eq!(without, ["debian"]);
    }
}
