//! Names of packages (Debian Policy 5.6.7). Which packages there are is not known here.

use std::fmt;
use std::str::FromStr;

/// The name of a package, or of something that packages provide.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageName(Box<str>);

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a package")]
pub struct NotAName(String);

impl PackageName {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageName {
    type Err = NotAName;

    /// Lower-case letters, digits and `+-.`, at least two, of which the first is a letter or a digit.
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_rest = |byte: u8| is_first(byte) || matches!(byte, b'+' | b'-' | b'.');
        match text.as_bytes() {
            [first, rest @ ..]
                if is_first(*first) && !rest.is_empty() && rest.iter().all(|it| is_rest(*it)) =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(NotAName(super::stanza::shown(text))),
        }
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_policy() {
        for name in ["libc6", "g++-14", "libstdc++6", "0ad"] {
            assert_eq!(name.parse::<PackageName>().unwrap().as_str(), name);
        }
        for wrong in ["", "a", "Chrony", "a/b", "-a", "a:amd64", "a=1", "a_b"] {
            let error = wrong.parse::<PackageName>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{wrong}` is not the name of a package"));
        }
    }
}
