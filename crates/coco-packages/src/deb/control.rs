//! What a package says about itself, in the file `control` (Debian Policy 5.3): only what is recorded of it.

use super::index::{FieldError, Source, architecture, number, required, source};
use super::stanza::{Stanza, StanzaError, shown};
use super::{PackageName, Version};

/// What is recorded of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The source that it is made of.
    pub source: Source,
    /// Who maintains it.
    pub maintainer: String,
    /// Where it comes from: a URL, as the package writes it.
    pub homepage: Option<String>,
    /// Size of its files in KiB, as it says itself.
    pub installed_kib: Option<u64>,
}

/// What is wrong with a package's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Not one stanza.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// A field that is missing or wrong.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Another package than the one that was asked for.
    #[error("field {field}: got {got}, expected {expected}")]
    Other {
        /// The field.
        field: &'static str,
        /// What it says.
        got: String,
        /// What it should say.
        expected: String,
    },
}

impl Control {
    /// Reads the text of a `control` file.
    pub fn parse(text: &str) -> Result<Self, ControlError> {
        let stanza = Stanza::only(text)?;
        let name = required(&stanza, "Package")?.parse().map_err(FieldError::from)?;
        let version = required(&stanza, "Version")?.parse().map_err(FieldError::from)?;
        Ok(Self {
            architecture: architecture(&stanza)?,
            source: source(&stanza, &name, &version)?,
            maintainer: line("Maintainer", required(&stanza, "Maintainer")?)?,
            homepage: stanza.get("Homepage").map(|got| line("Homepage", got)).transpose()?,
            installed_kib: number(&stanza, "Installed-Size")?,
            name,
            version,
        })
    }

    /// Whether it is the package that a lock says it is. Versions have to be written alike.
    pub fn check(&self, name: &str, version: &str, architecture: &str) -> Result<(), ControlError> {
        for (field, got, expected) in [
            ("Package", self.name.as_str(), name),
            ("Version", self.version.as_str(), version),
            ("Architecture", self.architecture.as_str(), architecture),
        ] {
            if got != expected {
                let (got, expected) = (got.to_owned(), expected.to_owned());
                return Err(ControlError::Other { field, got, expected });
            }
        }
        Ok(())
    }
}

/// One line that can be shown.
fn line(field: &'static str, got: &str) -> Result<String, FieldError> {
    if got.is_empty() || got.contains(char::is_control) {
        return Err(FieldError::Value { field, got: shown(got), expected: "one line" });
    }
    Ok(got.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: libc6\nSource: glibc\nVersion: 2.41-12\nArchitecture: amd64\n\
        Maintainer: Ann Example <ann@example.org>\nInstalled-Size: 12985\nHomepage: https://example.org/libc\n\
        Description: GNU C Library\n long\n";

    #[test]
    fn a_package_says_what_it_is() {
        let control = Control::parse(TEXT).unwrap();
        assert_eq!(control.check("libc6", "2.41-12", "amd64"), Ok(()));
        assert_eq!(control.source.to_string(), "glibc 2.41-12");
        assert_eq!(control.maintainer, "Ann Example <ann@example.org>");
        assert_eq!(control.homepage.as_deref(), Some("https://example.org/libc"));
        assert_eq!(control.installed_kib, Some(12985));
    }

    #[test]
    fn another_package_is_told() {
        let check = |name, version, arch| {
            Control::parse(TEXT).unwrap().check(name, version, arch).unwrap_err().to_string()
        };
        assert_eq!(check("libc7", "1", "all"), "field Package: got libc6, expected libc7");
        assert_eq!(check("libc6", "2.41-012", "all"), "field Version: got 2.41-12, expected 2.41-012");
        assert_eq!(check("libc6", "2.41-12", "all"), "field Architecture: got amd64, expected all");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let error = |from, to| Control::parse(&TEXT.replace(from, to)).unwrap_err().to_string();
        assert_eq!(error("Maintainer:", "Nobody:"), "no field Maintainer");
        assert_eq!(error("12985", "12 985"), "field Installed-Size: got `12 985`, expected a number");
        assert_eq!(
            error("/libc", "/\n libc"),
            "field Homepage: got `https://example.org/\u{fffd} libc`, expected one line"
        );
        assert_eq!(error("Description", "\nPackage"), "got 2 stanzas, expected 1");
    }
}
