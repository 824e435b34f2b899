//! The file name of an artefact's layer: a relative path that stays below where it is put.

use std::fmt;

/// Longest name of a file on Linux, in bytes (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// Longest title, in bytes: what is left of Linux' `PATH_MAX` (4096) is for the directory.
const TITLE_MAX: usize = 1024;

/// An `org.opencontainers.image.title` that can be a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Title(String);

/// A text that is no title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("title {0:?} is not a relative path of plain names")]
pub struct TitleError(String);

impl Title {
    /// Reads a title: names with slashes between them, without `.`, `..` and control characters.
    pub fn parse(text: &str) -> Result<Self, TitleError> {
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.len() <= NAME_MAX;
        let is_plain = |c: char| !c.is_control() && c != '\\';
        if text.len() <= TITLE_MAX && text.split('/').all(is_name) && text.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TitleError(text.chars().take(200).collect()))
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_stays_below_its_directory() {
        for text in ["kata-agent", "host/runtime-rs/60-coco.toml", "a..b", "kata static.tar.zst"] {
            assert_eq!(Title::parse(text).unwrap().as_str(), text);
        }
        for text in
            ["", "/etc/passwd", "..", "a/../../b", "./a", "a//b", "a/", "a\nb", "a\\b", &"a".repeat(256)]
        {
            let shown: String = text.chars().take(200).collect();
            assert_eq!(
                Title::parse(text).unwrap_err().to_string(),
                format!("title {shown:?} is not a relative path of plain names")
            );
        }
    }
}
