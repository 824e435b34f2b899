//! Reads a whole manifest of an image back; one with a key too many or too few is none.

use serde::Deserialize;

use super::{Manifest, SCHEMA};

/// Why a text is not the manifest of an image.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not with these keys.
    #[error("not a manifest: {0}")]
    Syntax(serde_json::Error),
    /// Another version of the format.
    #[error("schema of the manifest got {0}, expected {SCHEMA}")]
    Schema(u32),
    /// Of the other kind.
    #[error("the manifest is of an overlay, expected an image")]
    Overlay,
    /// A name that leads out of the directory of the manifest.
    #[error("`{0}` is not the name of a file beside the manifest")]
    File(String),
}

/// What is asked before the rest is believed.
#[derive(Deserialize)]
struct Head {
    schema: u32,
    overlay: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads the text of a manifest.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let head: Head = serde_json::from_str(text).map_err(ReadError::Syntax)?;
        if head.schema != SCHEMA {
            return Err(ReadError::Schema(head.schema));
        }
        if head.overlay.is_some() {
            return Err(ReadError::Overlay);
        }
        let manifest: Self = serde_json::from_str(text).map_err(ReadError::Syntax)?;
        let file = &manifest.image.file;
        if file.contains('/') || matches!(file.as_str(), "" | "." | "..") {
            return Err(ReadError::File(file.clone()));
        }
        let climbs = |name: &str| name.split('/').any(|part| matches!(part, "" | "." | ".."));
        match manifest.host_files.keys().find(|name| climbs(name)) {
            Some(name) => Err(ReadError::File(name.clone())),
            None => Ok(manifest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_of_an_image_is_told_by_what_it_lacks() {
        for (text, error) in [
            ("x", "not a manifest: expected value at line 1 column 1"),
            ("{}", "not a manifest: missing field `schema` at line 1 column 2"),
            (r#"{"schema": 2}"#, "schema of the manifest got 2, expected 1"),
            (r#"{"schema": 1, "overlay": {}}"#, "the manifest is of an overlay, expected an image"),
            (r#"{"schema": 1}"#, "not a manifest: missing field `tool` at line 1 column 13"),
            (r#"{"schema": 1, "more": 1}"#, "not a manifest: unknown field `more`, expected one of"),
        ] {
            let told = Manifest::read(text).unwrap_err().to_string();
            assert!(told.starts_with(error), "{told}");
        }
    }
}
