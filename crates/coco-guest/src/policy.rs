//! The default policy: found where the agent finds it, and told in lines. Answers no request.

use std::path::Path;

use coco_policy::{Policy, PolicyError};
use sha2::{Digest as _, Sha256};

/// Where the agent looks for its policy, unless it is told otherwise
/// (`POLICY_DEFAULT_FILE` of kata-agent's `src/agent/policy/src/policy.rs`).
const DEFAULT: &str = "/etc/kata-opa/default-policy.rego";

/// A policy that was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Which file it is, and its SHA-256.
    pub(crate) name: String,
    /// What it makes of each request.
    pub(crate) policy: Policy,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The file is not there; the error names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The file is not a policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Loads the default policy.
pub(crate) fn load() -> Result<Loaded, LoadError> {
    load_from(Path::new(DEFAULT))
}

impl Loaded {
    /// The lines about it: the file, then each request with its verdict.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let verdicts = self.policy.decisions();
        let verdicts = verdicts.into_iter().map(|(request, verdict)| format!("{request} {verdict}"));
        std::iter::once(format!("policy {}", self.name)).chain(verdicts)
    }
}

fn load_from(path: &Path) -> Result<Loaded, LoadError> {
    let bytes = fs_err::read(path)?;
    let policy = Policy::parse(&path.to_string_lossy(), &bytes)?;
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let name = match path.read_link() {
        Ok(target) => format!("{} -> {} sha256 {digest}", path.display(), target.display()),
        Err(_) => format!("{} sha256 {digest}", path.display()),
    };
    Ok(Loaded { name, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_told_with_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("default-policy.rego");
        fs_err::write(folder.path().join("mine.rego"), coco_policy::DEFAULT_RESTRICTIVE).unwrap();
        fs_err::os::unix::fs::symlink("mine.rego", &link).unwrap();
        let loaded = load_from(&link).unwrap();
        assert!(loaded.name.contains("default-policy.rego -> mine.rego sha256 "), "{}", loaded.name);
    }

    #[test]
    fn every_request_has_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.rego");
        fs_err::write(&file, coco_policy::DEFAULT_RESTRICTIVE).unwrap();
        let lines: Vec<_> = load_from(&file).unwrap().lines().collect();
        assert!(lines.contains(&"ExecProcessRequest deny".to_owned()), "{lines:?}");
        assert!(lines.contains(&"StartContainerRequest allow".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_missing_or_broken_policy_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.rego");
        assert!(load_from(&file).unwrap_err().to_string().contains("p.rego"));
        fs_err::write(&file, "package agent_policy\nExecProcessRequest {").unwrap();
        assert!(load_from(&file).unwrap_err().to_string().contains("p.rego:"));
    }
}
