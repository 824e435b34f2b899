//! The overlay of a podvm image: the policy, and how the agent comes to it. Values in, a tar out.
//!
//! An agent of a podvm loads `/etc/kata-opa/default-policy.rego`, which leads to
//! `/run/peerpod/policy.rego`. systemd-tmpfiles copies the default there when the podvm boots, and
//! process-user-data writes the pod's own policy over it before the agent starts
//! (cloud-api-adaptor `src/cloud-api-adaptor/podvm/files/etc`).
//!
//! The tar has no directories: whoever unpacks it over an image keeps the image's modes and times.

use std::collections::BTreeMap;

use crate::assemble::{DEFAULT_POLICY, POLICY_DIRECTORY};
use crate::path::GuestPath;
use crate::units::Epoch;

/// File name of the tar. It is not compressed: it is small, and `COPY`, mkosi and `tar` take it as it is.
pub const FILE_NAME: &str = "podvm-overlay.tar";

/// Where the agent of a podvm finds its policy in the end.
pub const RUN_POLICY: &str = "/run/peerpod/policy.rego";

/// What puts the default there.
pub const TMPFILES: &str = "/etc/tmpfiles.d/policy.conf";

/// Longest file name of a policy, in bytes: what a ustar name holds.
pub const NAME_MAX: usize = 100;

/// The files, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay(BTreeMap<GuestPath, Content>);

/// What a file of an overlay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A regular file, mode 0644.
    File(Vec<u8>),
    /// A symbolic link.
    Symlink(&'static str),
}

/// Why there is no overlay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// The name would mean something else to systemd-tmpfiles, or to the agent.
    #[error(
        "the policy's file name `{0}` can't be used: letters, digits, `-`, `_` and `.`, at most {NAME_MAX}, \
         ending in .rego, and not default-policy.rego"
    )]
    PolicyName(String),
}

impl Overlay {
    /// The overlay with the policy of this file name and these bytes.
    pub fn new(name: &str, policy: &[u8]) -> Result<Self, OverlayError> {
        let wrong = || OverlayError::PolicyName(name.to_owned());
        // tmpfiles.d reads `%`, `\`, quotes and blanks in its own way.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let path: GuestPath = format!("{POLICY_DIRECTORY}/{name}").parse().map_err(|_| wrong())?;
        if !name.strip_suffix(".rego").is_some_and(|stem| !stem.is_empty() && stem.chars().all(is_plain))
            || name.len() > NAME_MAX
            || path.as_str() == DEFAULT_POLICY
        {
            return Err(wrong());
        }
        let line = format!("C {RUN_POLICY} - - - - {path}\n");
        Ok(Self(BTreeMap::from([
            (GuestPath::fixed(DEFAULT_POLICY), Content::Symlink(RUN_POLICY)),
            (GuestPath::fixed(TMPFILES), Content::File(line.into_bytes())),
            (path, Content::File(policy.to_vec())),
        ])))
    }

    /// All files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&GuestPath, &Content)> {
        self.0.iter()
    }

    /// The overlay as a ustar archive: members sorted, owned by 0:0 without names, dated `epoch`.
    pub fn to_tar(&self, epoch: Epoch) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_path(path.member()).expect("its name was measured when it was made");
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(u64::from(epoch.seconds()));
            let body: &[u8] = match content {
                Content::File(bytes) => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(0o644);
                    bytes
                }
                Content::Symlink(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_link_name(target).expect("the one target fits a ustar header");
                    &[]
                }
            };
            header.set_size(u64::try_from(body.len()).unwrap_or(u64::MAX));
            header.set_cksum();
            tar.append(&header, body).expect("a Vec takes any write");
        }
        tar.into_inner().expect("a Vec takes any write")
    }
}

#[cfg(test)]
mod tests;
