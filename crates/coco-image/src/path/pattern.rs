//! Patterns of names: a path with `*` for any characters of one component. Nothing else is special.

use std::fmt;
use std::str::FromStr;

use super::{GuestPath, PathError};

/// An absolute path in which `*` stands for any run of characters, none among them, but not for `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(GuestPath);

/// Why a string is no pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A pattern is written like a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is always a root, and nothing to say of it.
    #[error("`/` is all there is, expected a path in it")]
    Root,
    /// Elsewhere `**` goes through directories.
    #[error("`{0}`: `**` has no meaning, `*` stays within a component")]
    DoubleStar(String),
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let path: GuestPath = text.parse()?;
        if path.is_root() {
            return Err(PatternError::Root);
        }
        if text.contains("**") {
            return Err(PatternError::DoubleStar(text.to_owned()));
        }
        Ok(Self(path))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PathPattern {
    /// Whether `path` is of the pattern.
    pub fn matches(&self, path: &GuestPath) -> bool {
        self.covers(path) && self.0.components().count() == path.components().count()
    }

    /// Whether `path`, or a directory it is in, is of the pattern.
    pub fn covers(&self, path: &GuestPath) -> bool {
        let mut names = path.components();
        self.0.components().all(|pattern| names.next().is_some_and(|name| is_like(name, pattern)))
    }
}

/// Whether `name` is what `pattern` has between its stars, in order, from its start to its end.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name.strip_prefix(start).and_then(|name| name.strip_suffix(end));
    let after = |name: &str, part: &str| name.find(part).map(|at| at + part.len());
    let find = |name, part| after(name, part).and_then(|at| name.get(at..));
    // The first place of each part leaves the most room for those behind it.
    inner.is_some_and(|inner| middle.split('*').try_fold(inner, find).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> PathPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_is_any_run_of_characters_of_one_component() {
        for (text, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a", "/a/b", false),
            ("/*", "/a", true),
            ("/*", "/a/b", false),
            ("/*/b", "/a/b", true),
            ("/a*", "/a", true),
            ("/a*c", "/abbc", true),
            ("/a*c", "/ac", true),
            ("/a*a", "/a", false),
            ("/*.so*", "/libx.so.1", true),
            ("/*b*", "/abc", true),
            ("/*b*c*", "/acb", false),
            ("/a*b*b", "/ab", false),
            ("/[a]", "/a", false),
            ("/a?", "/ab", false),
            ("/[", "/[", true),
        ] {
            assert_eq!(pattern(text).matches(&path.parse().unwrap()), expected, "{text} {path}");
        }
    }

    #[test]
    fn a_directory_covers_what_is_in_it() {
        for (text, path, expected) in [
            ("/usr/share/doc", "/usr/share/doc", true),
            ("/usr/share/doc", "/usr/share/doc/a/b", true),
            ("/usr/share/doc", "/usr/share/doc-base", false),
            ("/usr/share/doc", "/usr/share", false),
            ("/usr/*/doc", "/usr/share/doc/a", true),
            ("/usr/*", "/usr", false),
        ] {
            assert_eq!(pattern(text).covers(&path.parse().unwrap()), expected, "{text} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (text, error) in [
            ("usr/share", "`usr/share` is not absolute"),
            ("/", "`/` is all there is, expected a path in it"),
            ("/usr/**/doc", "`/usr/**/doc`: `**` has no meaning, `*` stays within a component"),
            ("/usr/../etc", "`/usr/../etc` climbs out with `..`"),
        ] {
            assert_eq!(text.parse::<PathPattern>().unwrap_err().to_string(), error);
        }
    }

    /// All ways to divide the name, slow and plain.
    fn is_like_by_trying(name: &[u8], pattern: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|at| is_like_by_trying(&name[at..], rest)),
            [first, rest @ ..] => name.first() == Some(first) && is_like_by_trying(&name[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn a_name_is_like_a_pattern_if_any_division_fits(name in "[ab]{0,8}", pattern in "[ab*]{0,6}") {
            prop_assert_eq!(is_like(&name, &pattern), is_like_by_trying(name.as_bytes(), pattern.as_bytes()));
        }
    }
}
