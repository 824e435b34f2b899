//! Reads back from a manifest what a later build or comparison goes by; the rest is not looked at.

use serde::Deserialize;

use super::SCHEMA;
use crate::digest::{NotSha256, Sha256};

/// What two builds are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Name of the image or overlay, beside the manifest.
    pub file: String,
    /// Digest of the default policy.
    pub policy: Sha256,
}

/// Why a text is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// Not JSON, or not with these keys.
    #[error("not a manifest: {0}")]
    Syntax(serde_json::Error),
    /// Another version of the format.
    #[error("schema of the manifest got {0}, expected {SCHEMA}")]
    Schema(u32),
    /// Neither or both of `image` and `overlay`.
    #[error("the manifest is of neither an image nor an overlay")]
    Kind,
    /// A name that leads out of the directory of the manifest.
    #[error("`{0}` is not the name of a file beside the manifest")]
    File(String),
    /// A damaged digest.
    #[error("policy.sha256 of the manifest: {0}")]
    Digest(NotSha256),
    /// Of an overlay, where an image is needed.
    #[error("the manifest is of no image: nothing in it boots")]
    NoImage,
    /// A damaged digest.
    #[error("image.sha256 of the manifest: {0}")]
    Image(NotSha256),
}

#[derive(Deserialize)]
struct Form {
    schema: u32,
    image: Option<Built>,
    overlay: Option<Built>,
    policy: Policy,
}

#[derive(Deserialize)]
struct Built {
    file: String,
}

#[derive(Deserialize)]
struct Policy {
    sha256: String,
}

impl Summary {
    /// Reads the text of a manifest.
    pub fn read(text: &str) -> Result<Self, SummaryError> {
        let form: Form = serde_json::from_str(text).map_err(SummaryError::Syntax)?;
        if form.schema != SCHEMA {
            return Err(SummaryError::Schema(form.schema));
        }
        let file = match (form.image, form.overlay) {
            (Some(built), None) | (None, Some(built)) => built.file,
            _ => return Err(SummaryError::Kind),
        };
        if file.contains('/') || matches!(file.as_str(), "" | "." | "..") {
            return Err(SummaryError::File(file));
        }
        let policy = form.policy.sha256.parse().map_err(SummaryError::Digest)?;
        Ok(Self { file, policy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "7d793037a0760186574b0282f2f435e7a3f6a3d2a3b6c0cf1a0e0e0c6a3f0a55";

    fn manifest(schema: u32, kind: &str, file: &str, digest: &str) -> String {
        format!(
            r#"{{"schema": {schema}, "{kind}": {{"file": "{file}"}}, "policy": {{"sha256": "{digest}"}}}}"#
        )
    }

    #[test]
    fn images_and_overlays_have_a_file_and_a_policy() {
        for kind in ["image", "overlay"] {
            let summary = Summary::read(&manifest(1, kind, "x.img", DIGEST)).unwrap();
            assert_eq!((summary.file.as_str(), summary.policy.to_string().as_str()), ("x.img", DIGEST));
        }
    }

    #[test]
    fn what_is_no_manifest_is_told_by_what_it_lacks() {
        for (text, error) in [
            ("x".to_owned(), "not a manifest: expected value at line 1 column 1"),
            ("{\"schema\": 1}".to_owned(), "not a manifest: missing field `policy` at line 1 column 13"),
            (manifest(2, "image", "x", DIGEST), "schema of the manifest got 2, expected 1"),
            (manifest(1, "images", "x", DIGEST), "the manifest is of neither an image nor an overlay"),
            (manifest(1, "image", "../x", DIGEST), "`../x` is not the name of a file beside the manifest"),
        ] {
            assert_eq!(Summary::read(&text).unwrap_err().to_string(), error, "{text}");
        }
        let error = Summary::read(&manifest(1, "image", "x", "abc")).unwrap_err().to_string();
        assert!(error.starts_with("policy.sha256 of the manifest: "), "{error}");
    }
}
