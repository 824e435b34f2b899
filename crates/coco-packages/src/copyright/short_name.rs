//! Short names of licences in Debian's format, and what SPDX calls them (format 1.0, section 7.1).
//!
//! | Name | SPDX |
//! |---|---|
//! | `GPL-2`, `GPL-2+`, likewise `LGPL`, `AGPL`, `GFDL` | `GPL-2.0-only`, `GPL-2.0-or-later` |
//! | `GFDL-NIV-1.3+` | `GFDL-1.3-no-invariants-or-later` |
//! | `Expat` | `MIT` |
//! | `CC0` | `CC0-1.0` |
//! | an identifier of SPDX, in any case, without a last `.0` too | that |
//! | such a name with a `+` | that, with a `+` |
//!
//! Some names are not taken, although SPDX has them or something like them. `MIT`: the format says that there are many,
//! and that `Expat` is SPDX's. `Artistic` and
//! `Artistic-1`: SPDX has three of version 1.0. `GPL` and others without a version, and
//! `public-domain`: they are no licence of SPDX's. Their texts are kept.

/// Names that do not follow from SPDX's.
const OTHERS: [(&str, &str); 2] = [("expat", "MIT"), ("cc0", "CC0-1.0")];

/// Names that are SPDX's, and may mean something else here.
const AMBIGUOUS: [&str; 3] = ["mit", "artistic-1", "artistic-1.0"];

/// Licences whose identifiers say whether a later version will do.
const GNU: [&str; 4] = ["gpl", "lgpl", "agpl", "gfdl"];

/// The identifier of a licence, if it has one.
pub(super) fn licence(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if AMBIGUOUS.contains(&lower.as_str()) {
        return None;
    }
    if let Some((_, identifier)) = OTHERS.iter().find(|(other, _)| *other == lower) {
        return Some((*identifier).to_owned());
    }
    gnu(&lower).or_else(|| with_version(&lower)).or_else(|| {
        let identifier = with_version(lower.strip_suffix('+')?)?;
        // `GPL-2.0-only+` is not an expression.
        (!identifier.ends_with("-only") && !identifier.ends_with("-or-later"))
            .then(|| format!("{identifier}+"))
    })
}

/// `gpl-2+`, `gfdl-niv-1.3`.
fn gnu(lower: &str) -> Option<String> {
    let (family, version) = lower.split_once('-').filter(|(family, _)| GNU.contains(family))?;
    let (version, invariants) = match version.strip_prefix("niv-").filter(|_| family == "gfdl") {
        Some(version) => (version, "-no-invariants"),
        None => (version, ""),
    };
    let (version, later) = match version.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None => (version, "only"),
    };
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let with = |version: &str| identifier(&format!("{family}-{version}{invariants}-{later}"));
    is_version.then(|| with(version).or_else(|| with(&format!("{version}.0"))))?
}

/// The identifier, with or without `.0` at the end: the format says that these are the same version.
fn with_version(lower: &str) -> Option<String> {
    let ends_with_digit = lower.ends_with(|c: char| c.is_ascii_digit());
    identifier(lower)
        .or_else(|| identifier(&format!("{lower}.0")).filter(|_| ends_with_digit))
        .or_else(|| identifier(lower.strip_suffix(".0")?))
}

/// The identifier that is not deprecated, in SPDX's own case.
fn identifier(lower: &str) -> Option<String> {
    let same = |it: &&spdx::License| it.name.eq_ignore_ascii_case(lower);
    let found = spdx::identifiers::LICENSES.iter().find(same)?;
    spdx::license_id(found.name).filter(|id| !id.is_deprecated()).map(|id| id.name.to_owned())
}

/// The identifier of an exception: `Classpath-exception-2.0`, or `LLVM` for `LLVM-exception`.
pub(super) fn exception(name: &str) -> Option<String> {
    let names = [name.to_owned(), format!("{name}-exception")];
    let found = names.iter().find_map(|name| spdx::exception_id(name))?;
    (!found.is_deprecated()).then(|| found.name.to_owned())
}

/// A name of only those characters that references may have.
pub(super) fn plain(name: &str) -> String {
    let plain = |c: char| match c {
        '+' => "plus".to_owned(),
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') => c.to_string(),
        _ => "-".to_owned(),
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_spdx_or_of_the_table() {
        for (name, expected) in [
            ("GPL-2", "GPL-2.0-only"),
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-3.0+", "GPL-3.0-or-later"),
            ("gpl-2.0", "GPL-2.0-only"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("LGPL-3", "LGPL-3.0-only"),
            ("AGPL-3+", "AGPL-3.0-or-later"),
            ("GFDL-1.3+", "GFDL-1.3-or-later"),
            ("GFDL-NIV-1.3", "GFDL-1.3-no-invariants-only"),
            ("GPL-2.0-or-later", "GPL-2.0-or-later"),
            ("Expat", "MIT"),
            ("CC0", "CC0-1.0"),
            ("BSD-3-clause", "BSD-3-Clause"),
            ("Apache-2", "Apache-2.0"),
            ("MPL-2.0", "MPL-2.0"),
            ("MPL-1.1+", "MPL-1.1+"),
            ("zlib", "Zlib"),
        ] {
            assert_eq!(licence(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn other_names_have_no_identifier() {
        for name in [
            "MIT",
            "Artistic",
            "GPL",
            "GPL-2.5",
            "GPL-",
            "GPL-2++",
            "GPL-2.0-only+",
            "GPLv3+",
            "public-domain",
            "BSD",
            "BSD-3",
            "",
            "+",
            ".0",
            "permissive",
            "Apache",
            "BSD-2-Clause-NetBSD",
        ] {
            assert_eq!(licence(name), None, "{name}");
        }
    }

    #[test]
    fn exceptions_are_those_of_spdx() {
        assert_eq!(exception("Classpath-exception-2.0").as_deref(), Some("Classpath-exception-2.0"));
        assert_eq!(exception("LLVM").as_deref(), Some("LLVM-exception"));
        assert_eq!(exception("Linux-syscall-note").as_deref(), Some("Linux-syscall-note"));
        assert_eq!(exception("OpenSSL"), None);
    }

    #[test]
    fn references_have_plain_characters() {
        assert_eq!(plain("GPL-2+ with OpenSSL exception"), "GPL-2plus-with-OpenSSL-exception");
        assert_eq!(plain("MIT/X11_é"), "MIT-X11--");
    }
}
