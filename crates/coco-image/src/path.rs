//! Names of files in the guest: absolute, normal, and short enough for the kernel to keep.
//!
//! [`GuestPath`] is the one place where a string becomes a name. What the kernel's unpacker would
//! drop without a word (init/initramfs.c: `do_header`, `do_name`) is an error here. Whether a file
//! of that name exists is the [`tree`](crate::tree)'s business.

pub mod pattern;

use std::fmt;
use std::str::FromStr;

/// Longest member name the kernel unpacks, in bytes, without the final NUL (`PATH_MAX` - 1).
pub const NAME_MAX: usize = 4095;

/// Longest single component of a name, in bytes (Linux `NAME_MAX`).
pub const COMPONENT_MAX: usize = 255;

/// The member that ends a newc archive; a file of that name would end it too early.
pub const TRAILER: &str = "TRAILER!!!";

/// The absolute, normalised name of a file in the guest, such as `/usr/bin/kata-agent`.
///
/// Ordered by bytes, which puts a directory before everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestPath(String);

/// Why a string is no name for a file of the guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not a name at all.
    #[error("a file name is empty")]
    Empty,
    /// A `..` component: archives use it to climb out of the tree.
    #[error("`{0}` climbs out with `..`")]
    Climbs(String),
    /// The kernel drops members with longer names.
    #[error("a file name is {got} bytes long, the kernel keeps at most {NAME_MAX}: `{start}...`")]
    TooLong {
        /// Length in bytes.
        got: usize,
        /// The first characters, for finding it.
        start: String,
    },
    /// No file system of the guest can hold it.
    #[error("a component of `{0}` is longer than {COMPONENT_MAX} bytes")]
    ComponentTooLong(String),
    /// The kernel takes it for the end of the archive.
    #[error("`{TRAILER}` is not a file name: it ends the archive")]
    Trailer,
    /// The kernel reads names as C strings.
    #[error("`{}` has a NUL or control character in it", .0.escape_default())]
    Control(String),
    /// Names are text here, so that the manifest can say them.
    #[error("a file name is not UTF-8: {0}")]
    NotUtf8(String),
    /// A profile must say `/etc/x`, not `etc/x`.
    #[error("`{0}` is not absolute")]
    NotAbsolute(String),
}

impl GuestPath {
    /// The root directory of the guest.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// A name that the program has as a constant.
    pub(crate) fn fixed(name: &'static str) -> Self {
        name.parse().expect("a constant of this crate is an absolute path")
    }

    /// Reads a member name of an archive: relative to the root, with or without `./` or `/` in front.
    pub fn from_member(name: &[u8]) -> Result<Self, PathError> {
        let name =
            std::str::from_utf8(name).map_err(|_| PathError::NotUtf8(name.escape_ascii().to_string()))?;
        Self::normal(name)
    }

    /// The name as text, starting with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a member of an archive: without the leading `/`, and `.` for the root.
    pub fn member(&self) -> &str {
        match self.0.strip_prefix('/') {
            Some("") | None => ".",
            Some(rest) => rest,
        }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The directory this is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            _ if self.is_root() => None,
            Some(("", _)) | None => Some(Self::root()),
            Some((dir, _)) => Some(Self(dir.to_owned())),
        }
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// `name` (relative, may have several components) below this directory.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::normal(&format!("{}/{name}", self.0))
    }

    /// Whether this is `dir` or below it.
    pub fn is_below(&self, dir: &Self) -> bool {
        dir.is_root()
            || self.0.strip_prefix(dir.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn normal(name: &str) -> Result<Self, PathError> {
        if name.is_empty() {
            return Err(PathError::Empty);
        }
        if name.len() > NAME_MAX {
            return Err(PathError::TooLong { got: name.len(), start: name.chars().take(40).collect() });
        }
        if name.chars().any(char::is_control) {
            return Err(PathError::Control(name.to_owned()));
        }
        let mut path = String::with_capacity(name.len() + 1);
        for part in name.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part == ".." {
                return Err(PathError::Climbs(name.to_owned()));
            }
            if part.len() > COMPONENT_MAX {
                return Err(PathError::ComponentTooLong(name.to_owned()));
            }
            path.push('/');
            path.push_str(part);
        }
        match path.as_str() {
            "" => Ok(Self::root()),
            "/TRAILER!!!" => Err(PathError::Trailer),
            _ => Ok(Self(path)),
        }
    }
}

impl FromStr for GuestPath {
    type Err = PathError;

    /// Reads a name as people write it in a profile: it must be absolute.
    fn from_str(name: &str) -> Result<Self, PathError> {
        if name.is_empty() {
            return Err(PathError::Empty);
        }
        if !name.starts_with('/') {
            return Err(PathError::NotAbsolute(name.to_owned()));
        }
        Self::normal(name)
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GuestPath {
    type Error = PathError;

    fn try_from(name: String) -> Result<Self, PathError> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_names_become_absolute_and_normal() {
        for (member, path) in [
            (".", "/"),
            ("./", "/"),
            ("/", "/"),
            ("etc", "/etc"),
            ("./etc//passwd", "/etc/passwd"),
            ("/usr/./bin/", "/usr/bin"),
        ] {
            assert_eq!(GuestPath::from_member(member.as_bytes()).unwrap().as_str(), path, "{member}");
        }
    }

    #[test]
    fn what_the_kernel_would_drop_is_an_error() {
        let long = format!("/{}", "a/".repeat(2048));
        let wide = format!("/{}", "b".repeat(256));
        for (name, message) in [
            ("", "a file name is empty"),
            ("etc/passwd", "`etc/passwd` is not absolute"),
            ("/../etc", "`/../etc` climbs out with `..`"),
            ("/TRAILER!!!", "`TRAILER!!!` is not a file name: it ends the archive"),
            ("/a\0b", "`/a\\u{0}b` has a NUL or control character in it"),
            (
                &long,
                "a file name is 4097 bytes long, the kernel keeps at most 4095: `/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a...`",
            ),
        ] {
            assert_eq!(name.parse::<GuestPath>().unwrap_err().to_string(), message);
        }
        assert!(matches!(wide.parse::<GuestPath>(), Err(PathError::ComponentTooLong(_))));
    }

    #[test]
    fn a_name_that_is_not_utf8_is_shown_escaped() {
        let error = GuestPath::from_member(b"etc/\xff").unwrap_err();
        assert_eq!(error.to_string(), "a file name is not UTF-8: etc/\\xff");
    }

    #[test]
    fn a_directory_sorts_before_what_is_in_it() {
        let mut paths: Vec<GuestPath> =
            ["/a/b", "/a-b", "/a", "/"].iter().map(|p| p.parse().unwrap()).collect();
        paths.sort();
        let names: Vec<&str> = paths.iter().map(GuestPath::as_str).collect();
        assert_eq!(names, ["/", "/a", "/a-b", "/a/b"]);
    }
}
