//! The packages of an archive, as a file `Packages` lists them (Debian's repository format, "Packages
//! Indices").
//!
//! Only what is needed to choose and to find a package is kept. What is wrong in any stanza is an error: an index is
//! signed as a whole.

use std::fmt;

use super::name::NotAName;
use super::relation::{self, Alternatives, Provided, Relation, RelationError};
use super::stanza::{self, Stanza, StanzaError, shown};
use super::version::NotAVersion;
use super::{PackageName, Version};
use crate::digest::{NotADigest, Sha256};

/// The packages of a component of a suite, for one architecture.
#[derive(Debug, Clone)]
pub struct Index {
    /// How messages call it, such as `trixie-security`.
    pub name: String,
    /// The packages, in the index's order.
    pub packages: Vec<Package>,
}

/// A package of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// Whether it satisfies packages of other architectures.
    pub multi_arch: MultiArch,
    /// The source that it is made of.
    pub source: Source,
    /// Where it is below the archive's root: plain characters, and no `..`.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Its priority, such as `required`.
    pub priority: Option<String>,
    /// Whether it has to be in every system (`Essential: yes`).
    pub essential: bool,
    /// What it needs, `Pre-Depends` first.
    pub depends: Vec<Alternatives>,
    /// What else it does for.
    pub provides: Vec<Provided>,
    /// What must not be there with it.
    pub conflicts: Vec<Relation>,
    /// What does not work with it.
    pub breaks: Vec<Relation>,
}

/// What a package is to packages of other architectures (Debian's multiarch specification).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiArch {
    /// Nothing.
    No,
    /// It may be there for several at once.
    Same,
    /// It does for all.
    Foreign,
    /// It does for those who ask for any.
    Allowed,
}

/// The source of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

/// A text that is no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not made of stanzas.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// A package that is not described as it should be.
    #[error("line {line}: package {package}: {problem}")]
    Package {
        /// Line of its stanza, from 1.
        line: usize,
        /// Its name, or the start of what should be.
        package: String,
        /// What is wrong.
        problem: FieldError,
    },
}

/// What is wrong with the fields of a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
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
    /// Relations that are none.
    #[error("field {field}: {problem}")]
    Relation {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: RelationError,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// A version that is none.
    #[error(transparent)]
    Version(#[from] NotAVersion),
    /// A digest that is none.
    #[error("field SHA256 {0}")]
    Digest(#[from] NotADigest),
}

impl Index {
    /// Reads the text of a `Packages` file; `name` is how messages call it.
    pub fn parse(name: &str, text: &str) -> Result<Self, IndexError> {
        let package = |found: Result<Stanza<'_>, StanzaError>| {
            let stanza = found?;
            package(&stanza).map_err(|problem| IndexError::Package {
                line: stanza.line,
                package: shown(stanza.get("Package").unwrap_or_default()),
                problem,
            })
        };
        let packages = stanza::stanzas(text).map(package).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), packages })
    }
}

/// A field that has to be there.
pub(super) fn required<'t>(stanza: &Stanza<'t>, field: &'static str) -> Result<&'t str, FieldError> {
    stanza.get(field).ok_or(FieldError::Missing(field))
}

fn package(stanza: &Stanza<'_>) -> Result<Package, FieldError> {
    let name: PackageName = required(stanza, "Package")?.parse()?;
    let version: Version = required(stanza, "Version")?.parse()?;
    let mut depends = field(stanza, "Pre-Depends", relation::dependencies)?;
    depends.append(&mut field(stanza, "Depends", relation::dependencies)?);
    Ok(Package {
        architecture: architecture(stanza)?,
        multi_arch: multi_arch(stanza)?,
        source: source(stanza, &name, &version)?,
        filename: filename(stanza)?,
        size: number(stanza, "Size")?.ok_or(FieldError::Missing("Size"))?,
        sha256: required(stanza, "SHA256")?.parse()?,
        priority: stanza.get("Priority").map(priority).transpose()?,
        essential: essential(stanza)?,
        provides: field(stanza, "Provides", relation::provides)?,
        conflicts: field(stanza, "Conflicts", relation::relations)?,
        breaks: field(stanza, "Breaks", relation::relations)?,
        name,
        version,
        depends,
    })
}

/// Relations; none if the field is not there.
fn field<T>(
    stanza: &Stanza<'_>,
    field: &'static str,
    read: impl Fn(&str) -> Result<Vec<T>, RelationError>,
) -> Result<Vec<T>, FieldError> {
    let relation = |problem| FieldError::Relation { field, problem };
    stanza.get(field).map_or(Ok(Vec::new()), |text| read(text).map_err(relation))
}

fn value(field: &'static str, got: &str, expected: &'static str) -> FieldError {
    FieldError::Value { field, got: shown(got), expected }
}

/// The architecture of a package.
pub(super) fn architecture(stanza: &Stanza<'_>) -> Result<String, FieldError> {
    let got = required(stanza, "Architecture")?;
    let is_one = relation::is_architecture(got);
    is_one.then(|| got.to_owned()).ok_or_else(|| value("Architecture", got, "an architecture"))
}

fn multi_arch(stanza: &Stanza<'_>) -> Result<MultiArch, FieldError> {
    match stanza.get("Multi-Arch") {
        None | Some("no") => Ok(MultiArch::No),
        Some("same") => Ok(MultiArch::Same),
        Some("foreign") => Ok(MultiArch::Foreign),
        Some("allowed") => Ok(MultiArch::Allowed),
        Some(got) => Err(value("Multi-Arch", got, "no, same, foreign or allowed")),
    }
}

/// `NAME [(VERSION)]`; what is not there is as that of the package (Debian Policy 5.6.1).
pub(super) fn source(
    stanza: &Stanza<'_>,
    name: &PackageName,
    version: &Version,
) -> Result<Source, FieldError> {
    let Some(text) = stanza.get("Source") else {
        return Ok(Source { name: name.clone(), version: version.clone() });
    };
    match text.split_once(" (") {
        None => Ok(Source { name: text.parse()?, version: version.clone() }),
        Some((name, rest)) => {
            let version = rest.strip_suffix(')').ok_or_else(|| value("Source", text, "NAME (VERSION)"))?;
            Ok(Source { name: name.parse()?, version: version.parse()? })
        }
    }
}

/// A path that leads nowhere else, whoever puts it behind a URL or a directory.
fn filename(stanza: &Stanza<'_>) -> Result<String, FieldError> {
    let got = required(stanza, "Filename")?;
    let expected = "a relative path of plain characters";
    is_plain_path(got).then(|| got.to_owned()).ok_or_else(|| value("Filename", got, expected))
}

/// Whether `path` is relative and has only parts that are names, of characters that URLs have as well.
pub(super) fn is_plain_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~:@=,!".contains(&byte);
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(is_plain))
}

/// A number of bytes or of KiB, without signs.
pub(super) fn number(stanza: &Stanza<'_>, field: &'static str) -> Result<Option<u64>, FieldError> {
    let read = |got: &str| {
        let digits = Some(got).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|it| it.parse().ok()).ok_or_else(|| value(field, got, "a number"))
    };
    stanza.get(field).map(read).transpose()
}

/// Archives have other words than those of the policy.
fn priority(got: &str) -> Result<String, FieldError> {
    let is_word = !got.is_empty() && got.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_word.then(|| got.to_owned()).ok_or_else(|| value("Priority", got, "a word"))
}

fn essential(stanza: &Stanza<'_>) -> Result<bool, FieldError> {
    match stanza.get("Essential") {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(got) => Err(value("Essential", got, "yes or no")),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa";

    /// A stanza with other or further fields; a field without a value is left out.
    fn text(fields: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("Package", "libssl3"),
            ("Version", "3.0-1"),
            ("Architecture", "amd64"),
            ("Filename", "pool/main/o/openssl/libssl3_3.0-1_amd64.deb"),
            ("Size", "2000"),
            ("MD5sum", "ignored"),
            ("SHA256", SHA256),
        ];
        for (name, value) in fields {
            all.retain(|(other, _)| other != name);
            all.push((name, value));
        }
        let line = |(name, value): &(&str, &str)| format!("{name}: {value}\n");
        all.iter().filter(|(_, value)| !value.is_empty()).map(line).collect()
    }

    fn error(fields: &[(&str, &str)]) -> String {
        Index::parse("trixie", &text(fields)).unwrap_err().to_string()
    }

    #[test]
    fn a_package_has_what_is_needed_to_choose_and_find_it() {
        let second = text(&[
            ("Package", "openssl"),
            ("Source", "openssl-src (3.0-0)"),
            ("Multi-Arch", "foreign"),
            ("Priority", "optional"),
            ("Essential", "yes"),
            ("Depends", "libc6 (>= 2.34), libssl3 (= 3.0-1)"),
            ("Pre-Depends", "dpkg"),
            ("Provides", "ssl"),
            ("Conflicts", "ssleay (<< 0.9)"),
            ("Breaks", "old-ssl"),
            ("Description", "short\n long\n ."),
        ]);
        let index = Index::parse("trixie", &format!("{}\n{second}", text(&[]))).unwrap();
        let [first, second] = index.packages.as_slice() else { panic!("{index:?}") };
        assert_eq!((first.name.as_str(), first.version.as_str()), ("libssl3", "3.0-1"));
        assert_eq!((first.size, first.sha256.to_string().as_str()), (2000, SHA256));
        assert_eq!((first.multi_arch, first.essential), (MultiArch::No, false));
        assert_eq!(first.source.to_string(), "libssl3 3.0-1");
        assert_eq!(second.source.to_string(), "openssl-src 3.0-0");
        assert_eq!((second.multi_arch, second.essential), (MultiArch::Foreign, true));
        let depends: Vec<_> = second.depends.iter().map(ToString::to_string).collect();
        assert_eq!(depends, ["dpkg", "libc6 (>= 2.34)", "libssl3 (= 3.0-1)"]);
        assert_eq!(second.provides[0].name.as_str(), "ssl");
        assert_eq!(second.conflicts[0].to_string(), "ssleay (<< 0.9)");
        assert_eq!(second.breaks[0].to_string(), "old-ssl");
    }

    #[test]
    fn what_is_missing_is_told() {
        for field in ["Version", "Architecture", "Filename", "Size", "SHA256"] {
            assert_eq!(error(&[(field, "")]), format!("line 1: package libssl3: no field {field}"));
        }
        assert_eq!(error(&[("Package", "")]), "line 1: package : no field Package");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (field, value, problem) in [
            ("Package", "a b", "`a b` is not the name of a package"),
            (
                "Version",
                "1 2",
                "`1 2` is not a version: it has other characters than letters, digits and `.+-~:`",
            ),
            ("Architecture", "AMD", "field Architecture: got `AMD`, expected an architecture"),
            ("Multi-Arch", "yes", "field Multi-Arch: got `yes`, expected no, same, foreign or allowed"),
            ("Source", "aa (1", "field Source: got `aa (1`, expected NAME (VERSION)"),
            ("Size", "-1", "field Size: got `-1`, expected a number"),
            ("Size", "99999999999999999999", "field Size: got `99999999999999999999`, expected a number"),
            ("SHA256", "00", "field SHA256 is no SHA-256 digest of 64 lower-case hex digits"),
            ("Priority", "a b", "field Priority: got `a b`, expected a word"),
            ("Essential", "maybe", "field Essential: got `maybe`, expected yes or no"),
            ("Depends", "a (1)", "field Depends: `a (1)` has no operator of <<, <=, =, >=, >>"),
        ] {
            let package = if field == "Package" { value } else { "libssl3" };
            assert_eq!(error(&[(field, value)]), format!("line 1: package {package}: {problem}"));
        }
    }

    #[test]
    fn a_file_is_below_the_archive() {
        for path in
            ["/etc/passwd", "../x", "pool/../x", "pool//x", "a b", "a?b", "a%2e", "a\\b", "./x", "pool/"]
        {
            let expected = format!(
                "line 1: package libssl3: field Filename: got `{path}`, expected a relative path of plain characters"
            );
            assert_eq!(error(&[("Filename", path)]), expected);
        }
    }
}
