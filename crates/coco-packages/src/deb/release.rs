//! A suite of an archive, as its file `Release` describes it (Debian's repository format): its date, and
//! the digests of its indices. Who has signed it is not known here; the text has to be what was verified.

mod date;

use std::collections::BTreeMap;

use super::index::is_plain_path;
use super::stanza::{Stanza, StanzaError, shown};
use crate::digest::Sha256;
pub use date::{Date, NotADate};

/// How far the date of a release may be ahead of the clock, in seconds: as apt has it (`Acquire::Max-FutureTime`).
const FUTURE_MAX: u64 = 10;

/// The packings of an index that are taken, the preferred one first.
const PACKINGS: [&str; 3] = [".xz", ".gz", ""];

/// A suite at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who makes it.
    pub origin: Option<String>,
    /// Its name by role, such as `stable`.
    pub suite: Option<String>,
    /// Its own name, such as `trixie`.
    pub codename: Option<String>,
    /// When it was made.
    pub date: Date,
    /// When it is no more to be used.
    pub valid_until: Option<Date>,
    /// Whether files are to be had by their digest as well.
    pub acquire_by_hash: bool,
    /// The architectures.
    pub architectures: Vec<String>,
    /// The components, such as `main` or `updates/main`.
    pub components: Vec<String>,
    /// Its files, by their path below the release.
    pub files: BTreeMap<String, ReleaseFile>,
}

/// A file of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// Where an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Its path below the release: `main/binary-amd64/Packages.xz`, or without an extension.
    pub path: String,
    /// Where it is by its digest; `None` if the archive has no such paths. It stays there when a new release comes.
    pub by_hash: Option<String>,
    /// Its size in bytes, as it is packed.
    pub size: u64,
    /// Its digest, as it is packed.
    pub sha256: Sha256,
}

/// What is wrong with a release, or with asking it now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not one stanza.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// A field is missing.
    #[error("no field {0}")]
    Missing(&'static str),
    /// A value that is none of its kind.
    #[error("field {field}: got `{got}`, expected {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// The value's start.
        got: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A date that is none.
    #[error("field {field}: {problem}")]
    Date {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: NotADate,
    },
    /// A file is there twice.
    #[error("field SHA256: {0} is there twice")]
    Repeated(String),
    /// Another suite was asked for.
    #[error("got suite {got}, expected {expected}")]
    Suite {
        /// What it calls itself.
        got: String,
        /// What was asked for.
        expected: String,
    },
    /// It is from the future, or the clock is wrong.
    #[error("its date is {date}, and the clock says {now}: one of them is wrong")]
    Future {
        /// Its date.
        date: Date,
        /// The clock.
        now: Date,
    },
    /// It is too old, or the clock is wrong.
    #[error("it was valid until {until}, and the clock says {now}: it is out of date, or the clock is wrong")]
    Expired {
        /// Its end.
        until: Date,
        /// The clock.
        now: Date,
    },
    /// It is newer than the snapshot it is from.
    #[error("its date is {date}, after the snapshot's moment {moment}")]
    AfterSnapshot {
        /// Its date.
        date: Date,
        /// The snapshot's moment.
        moment: Date,
    },
    /// It has no such component.
    #[error("got component {asked}, expected one of {}", .offered.join(", "))]
    Component {
        /// What was asked for.
        asked: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// It has no such architecture.
    #[error("got architecture {asked}, expected one of {}", .offered.join(", "))]
    Architecture {
        /// What was asked for.
        asked: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// It names no index that is packed as we can read it.
    #[error("it has no {0}, with .xz, .gz or without")]
    NoIndex(String),
}

impl Release {
    /// Reads the text of a release, without its signature.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let stanza = Stanza::only(text)?;
        let words = |field| stanza.get(field).ok_or(ReleaseError::Missing(field)).map(words);
        let date = |field| {
            let date = |text: &str| text.parse().map_err(|problem| ReleaseError::Date { field, problem });
            stanza.get(field).map(date).transpose()
        };
        let acquire_by_hash = match stanza.get("Acquire-By-Hash") {
            None | Some("no") => false,
            Some("yes") => true,
            Some(got) => return Err(value("Acquire-By-Hash", got, "yes or no")),
        };
        let release = Self {
            origin: line(&stanza, "Origin")?,
            suite: line(&stanza, "Suite")?,
            codename: line(&stanza, "Codename")?,
            date: date("Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: date("Valid-Until")?,
            acquire_by_hash,
            architectures: words("Architectures")?,
            components: words("Components")?,
            files: files(stanza.get("SHA256").ok_or(ReleaseError::Missing("SHA256"))?)?,
        };
        match (&release.suite, &release.codename) {
            (None, None) => Err(ReleaseError::Missing("Suite")),
            _ => Ok(release),
        }
    }

    /// Whether it is the suite that was asked for: a mirror may hand out another one that is signed as well.
    pub fn check_suite(&self, asked: &str) -> Result<(), ReleaseError> {
        let names = [&self.suite, &self.codename];
        if names.iter().any(|name| name.as_deref() == Some(asked)) {
            return Ok(());
        }
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        Err(ReleaseError::Suite { got: names.join(", "), expected: asked.to_owned() })
    }

    /// Whether it may be used at `now`, in seconds since 1970: not from the future, and not out of date.
    pub fn check(&self, now: u64) -> Result<(), ReleaseError> {
        let clock = Date::from_seconds(now);
        if self.date.seconds() > now.saturating_add(FUTURE_MAX) {
            return Err(ReleaseError::Future { date: self.date.clone(), now: clock });
        }
        match &self.valid_until {
            Some(until) if until.seconds() < now => {
                Err(ReleaseError::Expired { until: until.clone(), now: clock })
            }
            _ => Ok(()),
        }
    }

    /// Whether it may be in a snapshot of `moment`, in seconds since 1970. How long it was valid is not asked: a
    /// snapshot is old on purpose.
    pub fn check_snapshot(&self, moment: u64) -> Result<(), ReleaseError> {
        if self.date.seconds() > moment {
            let moment = Date::from_seconds(moment);
            return Err(ReleaseError::AfterSnapshot { date: self.date.clone(), moment });
        }
        Ok(())
    }

    /// The index of the packages of a component. Suites for security list `updates/main`, and have its files in
    /// `main`; both names are taken.
    pub fn packages_index(&self, component: &str, architecture: &str) -> Result<IndexFile, ReleaseError> {
        if !self.components.iter().any(|it| it == component || last_part(it) == component) {
            let offered = self.components.clone();
            return Err(ReleaseError::Component { asked: component.to_owned(), offered });
        }
        if !self.architectures.iter().any(|it| it == architecture) {
            let offered = self.architectures.clone();
            return Err(ReleaseError::Architecture { asked: architecture.to_owned(), offered });
        }
        let directories = [component, last_part(component)];
        let paths = directories.iter().flat_map(|directory| {
            PACKINGS.map(|packing| format!("{directory}/binary-{architecture}/Packages{packing}"))
        });
        let index = |path: String| self.files.get(&path).map(|file| self.index_file(&path, *file));
        let missing = || ReleaseError::NoIndex(format!("{component}/binary-{architecture}/Packages"));
        paths.into_iter().find_map(index).ok_or_else(missing)
    }

    fn index_file(&self, path: &str, file: ReleaseFile) -> IndexFile {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let by_hash = || format!("{directory}/by-hash/SHA256/{}", file.sha256);
        IndexFile {
            path: path.to_owned(),
            by_hash: self.acquire_by_hash.then(by_hash),
            size: file.size,
            sha256: file.sha256,
        }
    }
}

/// `main` of `updates/main`.
fn last_part(component: &str) -> &str {
    component.rsplit('/').next().unwrap_or_default()
}

fn value(field: &'static str, got: &str, expected: &'static str) -> ReleaseError {
    ReleaseError::Value { field, got: shown(got), expected }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// A value of one line, if the field is there.
fn line(stanza: &Stanza<'_>, field: &'static str) -> Result<Option<String>, ReleaseError> {
    let Some(got) = stanza.get(field) else { return Ok(None) };
    match got {
        "" => Err(value(field, got, "one line")),
        got if got.contains(char::is_control) => Err(value(field, got, "one line")),
        got => Ok(Some(got.to_owned())),
    }
}

/// Lines of digest, size and path.
fn files(text: &str) -> Result<BTreeMap<String, ReleaseFile>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in text.lines().skip(usize::from(text.starts_with('\n'))) {
        let wrong = || value("SHA256", line, "a digest, a size and a relative path of plain characters");
        let mut words = line.split_ascii_whitespace();
        let (Some(sha256), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong());
        };
        let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !is_plain_path(path) {
            return Err(wrong());
        }
        let size = size.parse().map_err(|_| wrong())?;
        let file = ReleaseFile { size, sha256: sha256.parse().map_err(|_| wrong())? };
        if files.insert(path.to_owned(), file).is_some() {
            return Err(ReleaseError::Repeated(path.to_owned()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa";

    /// A release with other or further fields; a field without a value is left out.
    fn text(fields: &[(&str, &str)]) -> String {
        let files = format!(
            "\n {DIGEST} 30 main/binary-amd64/Packages.gz\n {DIGEST}  20 main/binary-amd64/Packages.xz"
        );
        let mut all = vec![
            ("Origin", "Debian"),
            ("Suite", "stable-security"),
            ("Codename", "trixie-security"),
            ("Date", "Sat, 28 Nov 2026 02:53:00 UTC"),
            ("Valid-Until", "Sat, 05 Dec 2026 02:53:00 UTC"),
            ("Acquire-By-Hash", "yes"),
            ("Architectures", "amd64 arm64"),
            ("Components", "updates/main contrib"),
            ("Description", "security\n updates"),
            ("SHA256", &files),
        ];
        for (name, value) in fields {
            all.retain(|(other, _)| other != name);
            all.push((name, value));
        }
        let line = |(name, value): &(&str, &str)| format!("{name}: {value}\n");
        all.iter().filter(|(_, value)| !value.is_empty()).map(line).collect::<Vec<_>>().concat()
    }

    fn release(fields: &[(&str, &str)]) -> Release {
        Release::parse(&text(fields)).unwrap()
    }

    fn error(fields: &[(&str, &str)]) -> String {
        Release::parse(&text(fields)).unwrap_err().to_string()
    }

    #[test]
    fn a_release_says_where_its_indices_are() {
        let release = release(&[]);
        let index = release.packages_index("main", "amd64").unwrap();
        assert_eq!((index.path.as_str(), index.size), ("main/binary-amd64/Packages.xz", 20));
        assert_eq!(index.by_hash, Some(format!("main/binary-amd64/by-hash/SHA256/{DIGEST}")));
        assert_eq!(release.packages_index("updates/main", "amd64"), Ok(index));
    }

    #[test]
    fn what_it_does_not_have_is_told_with_what_it_has() {
        let error = |component, architecture| {
            release(&[]).packages_index(component, architecture).unwrap_err().to_string()
        };
        assert_eq!(
            error("non-free", "amd64"),
            "got component non-free, expected one of updates/main, contrib"
        );
        assert_eq!(error("updates", "amd64"), "got component updates, expected one of updates/main, contrib");
        assert_eq!(error("main", "s390x"), "got architecture s390x, expected one of amd64, arm64");
        assert_eq!(error("main", "arm64"), "it has no main/binary-arm64/Packages, with .xz, .gz or without");
    }

    #[test]
    fn without_paths_by_hash_there_is_only_one() {
        let release = release(&[("Acquire-By-Hash", "")]);
        assert_eq!(release.packages_index("main", "amd64").unwrap().by_hash, None);
    }

    #[test]
    fn it_is_used_from_its_date_to_its_end() {
        let release = release(&[]);
        let (date, end) = (1_795_834_380, 1_796_439_180); // date -u -d '2026-11-28 02:53:00' +%s
        assert_eq!(release.date.seconds(), date);
        let check = |now| release.check(now).map_err(|error| error.to_string());
        for now in [date - 10, date, end] {
            assert_eq!(check(now), Ok(()));
        }
        assert_eq!(
            check(date - 11),
            Err("its date is Sat, 28 Nov 2026 02:53:00 UTC, and the clock says Sat, 28 Nov 2026 02:52:49 UTC: \
                 one of them is wrong"
                .to_owned())
        );
        assert_eq!(
            check(end + 1),
            Err("it was valid until Sat, 05 Dec 2026 02:53:00 UTC, and the clock says Sat, 05 Dec 2026 02:53:01 UTC: \
                 it is out of date, or the clock is wrong"
                .to_owned())
        );
    }

    #[test]
    fn a_release_of_a_snapshot_is_not_newer_than_that() {
        let release = release(&[]);
        assert_eq!(release.check_snapshot(2_000_000_000), Ok(()));
        assert_eq!(release.check_snapshot(1_795_834_380), Ok(()));
        assert_eq!(
            release.check_snapshot(1_795_834_379).unwrap_err().to_string(),
            "its date is Sat, 28 Nov 2026 02:53:00 UTC, after the snapshot's moment Sat, 28 Nov 2026 02:52:59 UTC"
        );
    }

    #[test]
    fn a_suite_goes_by_either_of_its_names() {
        let release = release(&[]);
        assert_eq!(release.check_suite("trixie-security"), Ok(()));
        assert_eq!(release.check_suite("stable-security"), Ok(()));
        assert_eq!(
            release.check_suite("bookworm").unwrap_err().to_string(),
            "got suite stable-security, trixie-security, expected bookworm"
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let twice = format!("\n {DIGEST} 1 aa\n {DIGEST} 1 aa");
        for (field, value, expected) in [
            ("Date", "", "no field Date"),
            ("SHA256", "", "no field SHA256"),
            ("Components", "", "no field Components"),
            ("Architectures", "", "no field Architectures"),
            ("Acquire-By-Hash", "maybe", "field Acquire-By-Hash: got `maybe`, expected yes or no"),
            ("Origin", "a\n b", "field Origin: got `a\u{fffd} b`, expected one line"),
            ("SHA256", &twice, "field SHA256: aa is there twice"),
            (
                "SHA256",
                "\n 00 1 aa",
                "field SHA256: got ` 00 1 aa`, expected a digest, a size and a relative path of plain characters",
            ),
        ] {
            assert_eq!(error(&[(field, value)]), expected);
        }
        assert_eq!(error(&[("Suite", ""), ("Codename", "")]), "no field Suite");
        for path in ["../aa", "/aa", "aa bb", ""] {
            let files = format!("\n {DIGEST} 1 {path}");
            assert!(error(&[("SHA256", &files)]).starts_with("field SHA256: got ` 00aa"), "{path}");
        }
    }
}
