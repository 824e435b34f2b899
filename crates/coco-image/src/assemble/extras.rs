//! The files a profile itself adds, and what is in them.

use std::io::{self, Read as _};

use super::{AssembleError, Inputs, POLICY_DIRECTORY};
use crate::customize::{Certificates, NotCertificates};
use crate::path::GuestPath;
use crate::path::pattern::PathPattern;
use crate::profile::{ExtraKind, Profile};
use crate::tree::{Bodies, Body, FollowError, Node, Tree};

/// Longest file that is read for its certificates, in bytes; all that Debian has are 220 KiB.
const CERTIFICATES_MAX: u64 = 4 << 20;

/// Why the certificates of a base make no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificatesError {
    /// There are none.
    #[error("{path} of the profile: no file of the base matches `{pattern}`")]
    None {
        /// The file they were for.
        path: GuestPath,
        /// Where they should be.
        pattern: PathPattern,
    },
    /// A file that has something else in it.
    #[error("{path} of the base: {error}")]
    Other {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: NotCertificates,
    },
    /// Not a file.
    #[error("{path} of the base is a {kind}, expected a file of certificates")]
    NotFile {
        /// Its name.
        path: GuestPath,
        /// What it is.
        kind: &'static str,
    },
    /// A file that is too long for one of certificates only.
    #[error("{0} of the base has {1} bytes, expected certificates of at most {CERTIFICATES_MAX}")]
    TooLong(GuestPath, u64),
    /// A link that leads nowhere.
    #[error("base: {0}")]
    Follow(#[from] FollowError),
    /// The contents of a file can't be had.
    #[error("{path} of the base can't be read: {error}")]
    Read {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: io::ErrorKind,
    },
}

/// The files that `profile` adds, in its order. Certificates are those of `base`.
pub(super) fn nodes(
    profile: &Profile,
    inputs: &Inputs,
    base: &Tree,
    bodies: &dyn Bodies,
) -> Result<Vec<(GuestPath, Node)>, AssembleError> {
    let policies = GuestPath::fixed(POLICY_DIRECTORY);
    let mut nodes = Vec::new();
    for extra in &profile.extras {
        if extra.path.is_below(&policies) {
            return Err(AssembleError::ExtraPolicy(extra.path.clone()));
        }
        let node = match &extra.kind {
            ExtraKind::Directory(mode) => Node::Directory(*mode),
            ExtraKind::Text(mode, text) => Node::File(*mode, Body::bytes(text.as_bytes())),
            ExtraKind::Source(mode, source) => {
                let body = inputs.sources.get(source).ok_or_else(|| AssembleError::Source(source.clone()))?;
                Node::File(*mode, body.clone())
            }
            ExtraKind::Certificates(mode, pattern) => {
                let missing =
                    || CertificatesError::None { path: extra.path.clone(), pattern: pattern.clone() };
                let bundle = certificates(base, pattern, bodies)?.ok_or_else(missing)?;
                Node::File(*mode, Body::bytes(&bundle))
            }
            ExtraKind::Symlink(target) => Node::Symlink(target.clone()),
            ExtraKind::Device(kind, mode, major, minor) => Node::Device(*kind, *mode, *major, *minor),
        };
        nodes.push((extra.path.clone(), node));
    }
    Ok(nodes)
}

/// The certificates of all files of `base` that match, sorted by the files' names; `None` if none does. This is
/// what `update-ca-certificates` of Debian makes of them.
fn certificates(
    base: &Tree,
    pattern: &PathPattern,
    bodies: &dyn Bodies,
) -> Result<Option<Vec<u8>>, CertificatesError> {
    let mut bundle: Option<Vec<u8>> = None;
    for (path, _) in base.iter().filter(|(path, _)| pattern.matches(path)) {
        let body = match &base.lookup(path)?.node {
            Node::File(_, body) if body.len() <= CERTIFICATES_MAX => body,
            Node::File(_, body) => return Err(CertificatesError::TooLong(path.clone(), body.len())),
            other => return Err(CertificatesError::NotFile { path: path.clone(), kind: other.kind() }),
        };
        let unreadable =
            |error: io::Error| CertificatesError::Read { path: path.clone(), error: error.kind() };
        let mut bytes = Vec::new();
        body.open(bodies).and_then(|mut reader| reader.read_to_end(&mut bytes)).map_err(unreadable)?;
        let read = Certificates::parse(&bytes);
        let read = read.map_err(|error| CertificatesError::Other { path: path.clone(), error })?;
        bundle = Some(read.behind(&bundle.unwrap_or_default()));
    }
    Ok(bundle)
}
