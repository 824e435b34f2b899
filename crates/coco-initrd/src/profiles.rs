//! Finds profiles and policies: the built-in ones by name, everybody's own by path.
//!
//! A name never means a file of the current directory, a path never a built-in profile.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::profile::raw::Raw;
use coco_image::profile::{self, ProfileError, ProfileText};

/// The profiles in this program, in the order of the documentation.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("base", include_str!("../../../image-profiles/base.toml")),
    ("tdx", include_str!("../../../image-profiles/tdx.toml")),
    ("snp", include_str!("../../../image-profiles/snp.toml")),
    ("coco-dev", include_str!("../../../image-profiles/coco-dev.toml")),
    ("debian", include_str!("../../../image-profiles/debian.toml")),
    ("tdx-debian", include_str!("../../../image-profiles/tdx-debian.toml")),
    ("snp-debian", include_str!("../../../image-profiles/snp-debian.toml")),
    ("coco-dev-debian", include_str!("../../../image-profiles/coco-dev-debian.toml")),
    ("peer-pods", include_str!("../../../image-profiles/peer-pods.toml")),
];

/// The locks in this program, of those of its profiles that take something from elsewhere.
pub(crate) const LOCKS: &[(&str, &str)] = &[
    ("tdx-debian", include_str!("../../../image-profiles/tdx-debian.lock")),
    ("snp-debian", include_str!("../../../image-profiles/snp-debian.lock")),
    ("coco-dev-debian", include_str!("../../../image-profiles/coco-dev-debian.lock")),
];

/// The policies in this program, by the name a profile gives them.
pub(crate) const POLICIES: &[(&str, &str)] = &[("default-restrictive", coco_policy::DEFAULT_RESTRICTIVE)];

/// The longest policy an agent takes, in bytes; of a longer one no more is read than shows it.
const POLICY_MAX: u64 = 16 << 20;

/// A name that is no profile or policy of this program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownName {
    /// No such profile.
    #[error("there is no built-in profile `{0}`")]
    Profile(String),
    /// No such policy.
    #[error("there is no built-in policy `{0}`")]
    Policy(String),
    /// The profile's name becomes part of file names.
    #[error("profile file name `{0}` can't name an image: letters, digits, `-`, `_` and `.` only")]
    FileName(String),
}

/// Opens `profile`, a name or a path, with everything it extends. Gives its name and its keys.
pub(crate) fn open(profile: &str) -> anyhow::Result<(String, Raw)> {
    let source = find(profile, Path::new(""))?;
    let name = source.name.clone();
    let raw = profile::resolve(source, &|parent, child| find(parent, &child.directory).map_err(Failure))
        .map_err(|Failure(error)| error)?;
    Ok((name, raw))
}

/// A policy as a command names it: its name for messages, and its bytes.
#[derive(Debug)]
pub(crate) struct PolicyText {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl PolicyText {
    /// The text, of a policy that has been loaded.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Opens `policy`: a path, the name of a built-in one, or `-` for standard input.
pub(crate) fn open_policy(policy: &str) -> anyhow::Result<PolicyText> {
    if policy == "-" {
        let mut bytes = Vec::new();
        let limit = POLICY_MAX.saturating_add(1);
        io::stdin().take(limit).read_to_end(&mut bytes).context("standard input can't be read")?;
        return Ok(PolicyText { name: "stdin".to_owned(), bytes });
    }
    if policy.contains('/') || Path::new(policy).extension().is_some_and(|extension| extension == "rego") {
        let mut bytes = Vec::new();
        let file = fs_err::File::open(policy).context("the policy can't be read")?;
        file.take(POLICY_MAX.saturating_add(1))
            .read_to_end(&mut bytes)
            .context("the policy can't be read")?;
        return Ok(PolicyText { name: policy.to_owned(), bytes });
    }
    let bytes = built_in_policy(policy)?.as_bytes().to_vec();
    Ok(PolicyText { name: format!("{policy}.rego"), bytes })
}

/// The text of a built-in policy.
pub(crate) fn built_in_policy(name: &str) -> Result<&'static str, UnknownName> {
    POLICIES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
        .ok_or_else(|| UnknownName::Policy(name.to_owned()))
}

/// The text of the lock of a built-in profile, if it has one.
pub(crate) fn built_in_lock(name: &str) -> Option<&'static str> {
    LOCKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Carries an [`anyhow::Error`] through the library, which does not know it.
struct Failure(anyhow::Error);

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self(error.into())
    }
}

fn find(profile: &str, directory: &Path) -> anyhow::Result<ProfileText> {
    if !is_path(profile) {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == profile);
        let (name, text) = built_in.ok_or_else(|| UnknownName::Profile(profile.to_owned()))?;
        return Ok(ProfileText {
            origin: format!("{name} (built in)"),
            name: (*name).to_owned(),
            text: (*text).to_owned(),
            directory: PathBuf::new(),
        });
    }
    let path = directory.join(profile);
    let text = fs_err::read_to_string(&path).context("the profile can't be read")?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if stem.is_empty() || stem.starts_with('.') || !stem.chars().all(is_plain) {
        return Err(UnknownName::FileName(stem).into());
    }
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    // Two ways to write one path must be one profile, or a circle would not be seen.
    let origin = fs_err::canonicalize(&path)?.to_string_lossy().into_owned();
    Ok(ProfileText { origin, name: stem, text, directory })
}

/// Whether `profile` is a path, and not the name of a built-in profile.
pub(crate) fn is_path(profile: &str) -> bool {
    profile.contains('/') || Path::new(profile).extension().is_some_and(|extension| extension == "toml")
}
