//! Where an input really lives: on this machine, at a URL, in a registry, in archives of packages.
//!
//! Texts become types here; nothing is fetched. What a source was on a day is in the lock
//! ([`lock`](crate::lock)), and a build takes only that.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;

/// Longest URL, in bytes: what servers commonly take (RFC 9110, section 4.1 asks for 8000).
const URL_MAX: usize = 8000;

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or directory of this machine.
    Path(PathBuf),
    /// Something that is fetched, and must be locked.
    Remote(Remote),
}

/// A source that is not of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A file, with the digest it must have.
    Url(Url, Sha256),
    /// An image or artefact of a registry, by tag or digest: `REGISTRY/REPOSITORY[:TAG][@sha256:...]`.
    Oci(String),
    /// Packages with what they depend on.
    Deb(DebSource),
    /// RPM packages, one by one.
    Rpm(RpmSource),
}

/// Packages of Debian archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebSource {
    /// The packages that are wanted.
    pub packages: Vec<PackageName>,
    /// Dependencies that are taken for there and are not.
    pub omit: Vec<PackageName>,
    /// Where packages are; at least one.
    pub archives: Vec<Archive>,
}

/// A suite of a Debian archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its root, above `dists` and `pool`; the snapshot's moment included.
    pub url: Url,
    /// The moment of a snapshot, as its archive writes it; the present if there is none.
    pub snapshot: Option<Moment>,
    /// The suite.
    pub suite: String,
    /// Its components; at least one.
    pub components: Vec<String>,
    /// The keys of which one must have signed.
    pub signed_by: KeySource,
}

/// RPM packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmSource {
    /// The keys of which one must have signed each; `None` if digests are all that is asked.
    pub signed_by: Option<KeySource>,
    /// Where each is, and its digest; at least one.
    pub files: Vec<(Url, Sha256)>,
}

/// `OpenPGP` public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Keys of this project, by name.
    BuiltIn(String),
    /// A file of the user's, armoured or not.
    File(PathBuf),
}

impl KeySource {
    /// Whether `text` names a file, and not built-in keys.
    pub fn is_path(text: &str) -> bool {
        let is_keys = |extension: &std::ffi::OsStr| ["asc", "gpg", "pgp"].iter().any(|it| extension == *it);
        text.contains('/') || Path::new(text).extension().is_some_and(is_keys)
    }

    pub(super) fn of(text: &str) -> Self {
        if Self::is_path(text) { Self::File(text.into()) } else { Self::BuiltIn(text.to_owned()) }
    }
}

/// An absolute `http` or `https` URL without user, fragment or blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url(String);

/// A text that is no URL of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct NotUrl {
    text: String,
    problem: &'static str,
}

impl Url {
    /// Reads a URL of any of `schemes`, such as `https`.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, NotUrl> {
        let wrong = |problem| Err(NotUrl { text: text.chars().take(200).collect(), problem });
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("is not an absolute URL");
        };
        if !schemes.contains(&scheme) {
            return wrong("has a scheme that is not taken here: https is");
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.is_empty() {
            return wrong("names no host");
        }
        if authority.contains('@') {
            return wrong("has a user in it: credentials don't belong into a profile");
        }
        if text.len() > URL_MAX {
            return wrong("is longer than 8000 bytes");
        }
        if text
            .bytes()
            .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\' | b'#' | b'<' | b'>'))
        {
            return wrong("has characters that no URL has, or a fragment");
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL of `path` below this one.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        Self(format!("{}/{path}", self.0.trim_end_matches('/')))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a Debian package (Debian Policy, section 5.6.1): also of RPMs' none is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageName(String);

impl PackageName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_rest = |byte: u8| is_first(byte) || matches!(byte, b'+' | b'-' | b'.');
        match text.as_bytes() {
            [first, rest @ ..]
                if is_first(*first) && !rest.is_empty() && rest.iter().all(|it| is_rest(*it)) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!("`{text}` is not the name of a package")),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A moment as snapshot archives write it, such as `20261101T000000Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    seconds: u64,
}

impl Moment {
    /// Reads `YYYYMMDDTHHMMSSZ`, from 1970 on.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a moment such as 20261101T000000Z");
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        if shape != "00000000T000000Z" {
            return Err(wrong());
        }
        let number = |range: std::ops::Range<usize>| -> Result<u64, String> {
            digits.get(range).and_then(|it| it.parse().ok()).ok_or_else(wrong)
        };
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        let (hour, minute, second) = (number(8..10)?, number(10..12)?, number(12..14)?);
        let is_moment = year >= 1970
            && (1..=12).contains(&month)
            && (1..=month_length(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !is_moment {
            return Err(wrong());
        }
        let days = days_before(year, month) + day - 1;
        Ok(Self { text: text.to_owned(), seconds: ((days * 24 + hour) * 60 + minute) * 60 + second })
    }

    /// As snapshot archives write it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Seconds since 1970, UTC.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn month_length(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of the month.
fn days_before(year: u64, month: u64) -> u64 {
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = (1..month).map(|month| month_length(year, month)).sum();
    years + months
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_and_of_a_scheme_that_is_taken() {
        let read =
            |text| Url::parse(text, &["https"]).map(|url| url.as_str().to_owned()).map_err(|e| e.to_string());
        assert_eq!(read("https://example.org/a.tar"), Ok("https://example.org/a.tar".to_owned()));
        for (text, problem) in [
            ("example.org/a", "`example.org/a` is not an absolute URL"),
            ("http://example.org/a", "`http://example.org/a` has a scheme that is not taken here: https is"),
            ("https:///a", "`https:///a` names no host"),
            (
                "https://me:secret@example.org/",
                "`https://me:secret@example.org/` has a user in it: credentials don't belong into a profile",
            ),
            (
                "https://example.org/a b",
                "`https://example.org/a b` has characters that no URL has, or a fragment",
            ),
            (
                "https://example.org/a#b",
                "`https://example.org/a#b` has characters that no URL has, or a fragment",
            ),
        ] {
            assert_eq!(read(text), Err(problem.to_owned()));
        }
    }

    #[test]
    fn a_path_goes_below_a_url_with_one_slash() {
        for root in ["http://a.org/debian", "http://a.org/debian/"] {
            let url = Url::parse(root, &["http"]).unwrap();
            assert_eq!(url.below("dists/trixie").as_str(), "http://a.org/debian/dists/trixie");
        }
    }

    #[test]
    fn moments_are_days_that_exist() {
        let seconds = |text| Moment::parse(text).map(|moment| moment.seconds());
        assert_eq!(seconds("19700101T000000Z"), Ok(0));
        assert_eq!(seconds("20260228T235959Z"), Ok(1_772_323_199)); // date -u -d 2026-02-28T23:59:59 +%s
        assert_eq!(seconds("20240229T000000Z"), Ok(1_709_164_800));
        for wrong in
            ["20230229T000000Z", "20261301T000000Z", "20260101T240000Z", "2026-01-01", "", "19691231T000000Z"]
        {
            assert_eq!(seconds(wrong), Err(format!("`{wrong}` is not a moment such as 20261101T000000Z")));
        }
    }

    #[test]
    fn names_of_packages_are_debians() {
        for name in ["libc6", "g++-14", "libstdc++6", "0ad"] {
            assert_eq!(PackageName::parse(name).unwrap().as_str(), name);
        }
        for wrong in ["", "a", "Chrony", "a/b", "-a", "a:amd64", "a=1"] {
            assert_eq!(
                PackageName::parse(wrong).unwrap_err(),
                format!("`{wrong}` is not the name of a package")
            );
        }
    }
}
