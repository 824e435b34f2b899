//! Relations between packages: what the fields `Depends`, `Provides`, `Conflicts` and their like say (Debian
//! Policy, chapter 7). Whether they hold is [`resolve`](super::resolve)'s to say.

use std::fmt;

use super::name::NotAName;
use super::stanza::shown;
use super::version::NotAVersion;
use super::{PackageName, Version};

/// Most relations of one field, or alternatives of one: Debian 12 has fields with 2000.
const RELATIONS_MAX: usize = 1 << 16;

/// Packages of which one is enough, the preferred one first: `a | b (>= 1)`. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternatives(Vec<Relation>);

/// A package that is named, such as `libc6 (>= 2.36)` or `python3:any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name, or what it provides.
    pub name: PackageName,
    /// For which architecture it has to be.
    pub qualifier: Qualifier,
    /// Which versions do.
    pub versions: Option<VersionRange>,
}

/// For which architecture a named package has to be (Debian's multiarch specification).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualifier {
    /// For that of the package which names it.
    Same,
    /// For any, if it is `Multi-Arch: allowed`.
    Any,
    /// For this one.
    Architecture(Box<str>),
}

/// Versions that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    /// How they are compared.
    pub operator: Operator,
    /// What they are compared with.
    pub version: Version,
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    AtMost,
    /// `=`
    Exactly,
    /// `>=`
    AtLeast,
    /// `>>`
    Later,
}

/// Something that a package provides: `mail-transport-agent`, `libssl3 (= 3.0)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// What it is.
    pub name: PackageName,
    /// Its version; without one it satisfies no relation that asks for one.
    pub version: Option<Version>,
}

/// A field that is not made of relations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// No name.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// No version.
    #[error(transparent)]
    Version(#[from] NotAVersion),
    /// Something else is wrong.
    #[error("`{got}` {problem}")]
    Relation {
        /// The relation.
        got: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Reads `Depends` or `Pre-Depends`.
pub fn dependencies(text: &str) -> Result<Vec<Alternatives>, RelationError> {
    members(text, |group| members_between(b'|', group, relation).map(Alternatives))
}

/// Reads `Conflicts` or `Breaks`.
pub fn relations(text: &str) -> Result<Vec<Relation>, RelationError> {
    members(text, relation)
}

/// Reads `Provides`.
pub fn provides(text: &str) -> Result<Vec<Provided>, RelationError> {
    members(text, provided)
}

/// What is between commas. A comma may be at the end, as dpkg takes it.
fn members<T>(text: &str, read: impl Fn(&str) -> Result<T, RelationError>) -> Result<Vec<T>, RelationError> {
    let text = text.trim_ascii();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() { Ok(Vec::new()) } else { members_between(b',', text, read) }
}

/// What is between `separators`, in no more memory than it needs: there are 300 000 relations in an index.
fn members_between<T>(
    separator: u8,
    text: &str,
    read: impl Fn(&str) -> Result<T, RelationError>,
) -> Result<Vec<T>, RelationError> {
    let count = memchr::memchr_iter(separator, text.as_bytes()).count() + 1;
    if count > RELATIONS_MAX {
        return Err(wrong(text, "has too many relations"));
    }
    let mut members = Vec::with_capacity(count);
    for member in text.split(char::from(separator)) {
        members.push(read(member)?);
    }
    Ok(members)
}

fn wrong(got: &str, problem: &'static str) -> RelationError {
    RelationError::Relation { got: shown(got), problem }
}

fn relation(text: &str) -> Result<Relation, RelationError> {
    let text = text.trim_ascii();
    let (name, versions) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let range =
                rest.strip_suffix(')').ok_or_else(|| wrong(text, "does not end with its versions"))?;
            (name.trim_ascii_end(), Some(version_range(text, range)?))
        }
    };
    // Policy 7.1: what is in brackets is for sources only.
    if name.contains(['[', '<']) {
        return Err(wrong(text, "has a restriction, which only sources of packages have"));
    }
    let (name, qualifier) = match name.split_once(':') {
        None => (name, Qualifier::Same),
        Some((name, "any")) => (name, Qualifier::Any),
        Some((name, architecture)) if is_architecture(architecture) => {
            (name, Qualifier::Architecture(architecture.into()))
        }
        Some(_) => return Err(wrong(text, "has an architecture that is none")),
    };
    Ok(Relation { name: name.parse()?, qualifier, versions })
}

fn version_range(whole: &str, text: &str) -> Result<VersionRange, RelationError> {
    let version = text.trim_ascii().trim_start_matches(['<', '=', '>']);
    let (operator, _) = text.trim_ascii().split_at(text.trim_ascii().len() - version.len());
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" => Operator::AtMost,
        "=" => Operator::Exactly,
        ">=" => Operator::AtLeast,
        ">>" => Operator::Later,
        _ => return Err(wrong(whole, "has no operator of <<, <=, =, >=, >>")),
    };
    Ok(VersionRange { operator, version: version.trim_ascii().parse()? })
}

fn provided(text: &str) -> Result<Provided, RelationError> {
    let Relation { name, qualifier, versions } = relation(text)?;
    match (qualifier, versions) {
        (Qualifier::Same, None) => Ok(Provided { name, version: None }),
        (Qualifier::Same, Some(VersionRange { operator: Operator::Exactly, version })) => {
            Ok(Provided { name, version: Some(version) })
        }
        (Qualifier::Same, Some(_)) => Err(wrong(text.trim_ascii(), "provides more than one version")),
        _ => Err(wrong(text.trim_ascii(), "provides something for an architecture")),
    }
}

/// Whether `text` is the name of an architecture (Debian Policy 5.6.8).
pub(super) fn is_architecture(text: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(is_rest)
}

impl Alternatives {
    /// The packages, the preferred one first.
    pub fn iter(&self) -> std::slice::Iter<'_, Relation> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Alternatives {
    type Item = &'a Relation;
    type IntoIter = std::slice::Iter<'a, Relation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl VersionRange {
    /// Whether `version` is one of them.
    pub fn contains(&self, version: &Version) -> bool {
        let order = version.cmp(&self.version);
        match self.operator {
            Operator::Earlier => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Exactly => order.is_eq(),
            Operator::AtLeast => order.is_ge(),
            Operator::Later => order.is_gt(),
        }
    }
}

impl Operator {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::AtMost => "<=",
            Self::Exactly => "=",
            Self::AtLeast => ">=",
            Self::Later => ">>",
        }
    }
}

impl fmt::Display for Alternatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, relation) in self.0.iter().enumerate() {
            write!(f, "{}{relation}", if index == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.qualifier {
            Qualifier::Same => {}
            Qualifier::Any => f.write_str(":any")?,
            Qualifier::Architecture(architecture) => write!(f, ":{architecture}")?,
        }
        match &self.versions {
            None => Ok(()),
            Some(VersionRange { operator, version }) => write!(f, " ({} {version})", operator.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dependencies_are_groups_of_alternatives() {
        let read =
            |text| -> Vec<String> { dependencies(text).unwrap().iter().map(ToString::to_string).collect() };
        assert_eq!(
            read("libc6 (>= 2.36),aa|bb (<<1:2~),\n python3:any ( >= 3 ), ii:i386 (= 1-1),"),
            ["libc6 (>= 2.36)", "aa | bb (<< 1:2~)", "python3:any (>= 3)", "ii:i386 (= 1-1)"]
        );
        assert!(read("").is_empty());
    }

    #[test]
    fn what_is_provided_has_one_version_or_none() {
        let text = "mail-transport-agent, libssl3 (= 3.0)";
        let version = |it: &Provided| it.version.as_ref().map(ToString::to_string);
        let read = provides(text).unwrap();
        assert_eq!(read.iter().map(version).collect::<Vec<_>>(), [None, Some("3.0".to_owned())]);
    }

    #[test]
    fn ranges_hold_what_their_operator_says() {
        for (operator, expected) in [
            ("<<", [true, false, false]),
            ("<=", [true, true, false]),
            ("=", [false, true, false]),
            (">=", [false, true, true]),
            (">>", [false, false, true]),
        ] {
            let found = relations(&format!("ab ({operator} 2)")).unwrap();
            let range = found[0].versions.as_ref().unwrap();
            let contains = ["1", "2", "3"].map(|text| range.contains(&text.parse().unwrap()));
            assert_eq!(contains, expected, "{operator}");
        }
    }

    #[test]
    fn what_is_no_relation_is_told() {
        let error = |text| dependencies(text).unwrap_err().to_string();
        for (text, expected) in [
            ("aa,,bb", "`` is not the name of a package"),
            ("aa |", "`` is not the name of a package"),
            ("aa bb", "`aa bb` is not the name of a package"),
            ("aa (1)", "`aa (1)` has no operator of <<, <=, =, >=, >>"),
            ("aa (> 1)", "`aa (> 1)` has no operator of <<, <=, =, >=, >>"),
            ("aa (>= 1", "`aa (>= 1` does not end with its versions"),
            ("aa (>= 1) x", "`aa (>= 1) x` does not end with its versions"),
            ("aa (>= 1_)", "`1_` is not a version: it has other characters than letters, digits and `.+-~:`"),
            ("aa:A64", "`aa:A64` has an architecture that is none"),
            ("aa [amd64]", "`aa [amd64]` has a restriction, which only sources of packages have"),
            ("aa <!nocheck>", "`aa <!nocheck>` has a restriction, which only sources of packages have"),
        ] {
            assert_eq!(error(text), expected);
        }
        assert_eq!(relations("aa | bb").unwrap_err().to_string(), "`aa | bb` is not the name of a package");
        let provided = |text| provides(text).unwrap_err().to_string();
        assert_eq!(provided("aa (>= 1)"), "`aa (>= 1)` provides more than one version");
        assert_eq!(provided("aa:any"), "`aa:any` provides something for an architecture");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[ab]{2}(:any|:i386)?( \\((>=|<<|=) [0-9a~]{1,3}\\))?( \\| cc)?") {
            if let Ok(read) = dependencies(&text) {
                let written = read[0].to_string();
                prop_assert_eq!(&written, &text);
            }
        }

        #[test]
        fn any_text_has_an_answer(text in "[a-c(),|<>=:\\[ é1]{0,20}") {
            let _ = (dependencies(&text), relations(&text), provides(&text));
        }
    }
}
