//! Paths inside the image, as a plan may hold them. Whether the file is there is not asked.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// An absolute path in the guest: printable ASCII, without `.`, `..` or empty components.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbsolutePath(String);

/// A text that is not a path of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute, normal path of printable ASCII: `{}`", .0.escape_default())]
pub struct NotAnAbsolutePath(pub String);

impl AbsolutePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for AbsolutePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl FromStr for AbsolutePath {
    type Err = NotAnAbsolutePath;

    fn from_str(text: &str) -> Result<AbsolutePath, NotAnAbsolutePath> {
        let normal = |components: &str| components.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match text.strip_prefix('/') {
            Some(components) if printable && normal(components) => Ok(AbsolutePath(text.to_owned())),
            _ => Err(NotAnAbsolutePath(text.to_owned())),
        }
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_normal_paths_are_taken() {
        assert_eq!("/usr/bin/kata agent".parse::<AbsolutePath>().unwrap().as_str(), "/usr/bin/kata agent");
        for text in ["", "/", "usr", "/usr/", "//usr", "/usr/../bin", "/./usr", "/usr\0", "/usr\n", "/ü"] {
            let expected =
                format!("not an absolute, normal path of printable ASCII: `{}`", text.escape_default());
            assert_eq!(text.parse::<AbsolutePath>().unwrap_err().to_string(), expected);
        }
    }
}
