//! The default policy: found where the agent finds it, and put in force. Answers no request.

use std::path::Path;

use coco_policy::{Enforcer, PolicyError};
use sha2::{Digest as _, Sha256};

/// A policy that was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Which file it is, and its SHA-256.
    pub(crate) name: String,
    /// The policy, in force.
    pub(crate) enforcer: Enforcer,
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

/// Puts the policy in a file in force.
pub(crate) fn load(path: &Path) -> Result<Loaded, LoadError> {
    let bytes = fs_err::read(path)?;
    let enforcer = Enforcer::load(&path.to_string_lossy(), &bytes)?;
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let name = match path.read_link() {
        Ok(target) => format!("{} -> {} sha256 {digest}", path.display(), target.display()),
        Err(_) => format!("{} sha256 {digest}", path.display()),
    };
    Ok(Loaded { name, enforcer })
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
        let loaded = load(&link).unwrap();
        assert!(loaded.name.contains("default-policy.rego -> mine.rego sha256 "), "{}", loaded.name);
    }

    #[test]
    fn a_missing_or_broken_policy_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.rego");
        assert!(load(&file).unwrap_err().to_string().contains("p.rego"));
        fs_err::write(&file, "package agent_policy\nExecProcessRequest {").unwrap();
        assert!(load(&file).unwrap_err().to_string().contains("p.rego:"));
    }
}
