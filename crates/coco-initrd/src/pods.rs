//! Files of Kubernetes objects: read, and asked for the one workload or the initdata that is meant.
//!
//! Nothing is chosen for the person: where several could be meant, they are named.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use coco_initdata::{ANNOTATION, Initdata};
use coco_pod::{BYTES_MAX, PodFile, Target, Workload};

/// A file in which it is not sure what is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PodChoice {
    /// More than one, and none was named.
    #[error("{name} has {} workloads, expected one: {}", workloads.len(), workloads.join(", "))]
    Several {
        /// The file.
        name: String,
        /// Each as `Kind/name`.
        workloads: Vec<String>,
    },
    /// Nobody has given these pods initdata.
    #[error("{name} has no annotation {ANNOTATION}")]
    NoInitdata {
        /// The file.
        name: String,
    },
    /// The annotation is there and holds nothing.
    #[error("{name}: the initdata of {workload} is empty, expected an annotation's base64")]
    EmptyInitdata {
        /// The file.
        name: String,
        /// The workload.
        workload: String,
    },
    /// Two workloads, two documents.
    #[error("{name} has different initdata for {first} and {second}")]
    Different {
        /// The file.
        name: String,
        /// A workload.
        first: String,
        /// Another one.
        second: String,
    },
}

/// Reads a file, or standard input if it is `-`. What is too large is read only up to where that shows.
pub(crate) fn read(path: &Path) -> anyhow::Result<(String, PodFile)> {
    let limit = u64::try_from(BYTES_MAX)?.saturating_add(1);
    let mut bytes = Vec::new();
    let name = if path == Path::new("-") {
        io::stdin().take(limit).read_to_end(&mut bytes).context("standard input can't be read")?;
        "stdin".to_owned()
    } else {
        fs_err::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        path.display().to_string()
    };
    let file = PodFile::parse(&name, &bytes)?;
    Ok((name, file))
}

/// The workload that is meant: the named one, or the only one.
pub(crate) fn workload<'a>(
    name: &str,
    file: &'a PodFile,
    named: Option<&Target>,
) -> anyhow::Result<&'a Workload> {
    let selected = file.select(named.unwrap_or(&Target::All))?;
    match selected.as_slice() {
        [workload] => Ok(*workload),
        several => {
            let workloads = several.iter().map(ToString::to_string).collect();
            Err(PodChoice::Several { name: name.to_owned(), workloads }.into())
        }
    }
}

/// The initdata of one workload, if it has any.
pub(crate) fn own_initdata(
    name: &str,
    file: &PodFile,
    workload: &Workload,
) -> anyhow::Result<Option<Initdata>> {
    let Some(value) = file.annotation(workload, ANNOTATION)? else { return Ok(None) };
    if value.trim().is_empty() {
        let (name, workload) = (name.to_owned(), workload.to_string());
        return Err(PodChoice::EmptyInitdata { name, workload }.into());
    }
    let name = format!("{name}: the initdata of {workload}");
    Ok(Some(Initdata::from_annotation(&name, value.as_bytes())?))
}

/// The initdata of a file: that of all its workloads that have any.
pub(crate) fn initdata(name: &str, file: &PodFile) -> anyhow::Result<Initdata> {
    let mut found: Option<(&Workload, Initdata)> = None;
    for workload in file.workloads() {
        let Some(initdata) = own_initdata(name, file, workload)? else { continue };
        match &found {
            Some((first, known)) if known.text() != initdata.text() => {
                let (first, second) = (first.to_string(), workload.to_string());
                return Err(PodChoice::Different { name: name.to_owned(), first, second }.into());
            }
            Some(_) => {}
            None => found = Some((workload, initdata)),
        }
    }
    let none = || PodChoice::NoInitdata { name: name.to_owned() };
    Ok(found.map(|(_, initdata)| initdata).ok_or_else(none)?)
}

/// Whether a text is Kubernetes objects and not TOML. A document of initdata begins with a key and `=`, or
/// with a table; objects begin with a key and `:`, with `---`, with a directive (`%`) or with a brace.
pub(crate) fn is_objects(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.take(1).any(|line| {
        line.starts_with("---") || line.starts_with(['%', '{']) || after_key(line).starts_with(':')
    })
}

/// What follows the key a line begins with: in quotes, a key may have any character.
fn after_key(line: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(quoted) = line.strip_prefix(quote) {
            return quoted.split_once(quote).map_or("", |(_, rest)| rest.trim_start());
        }
    }
    line.trim_start_matches(|c| !matches!(c, '=' | ':' | '"' | '\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two crates don't know each other, and must mean the same annotation.
    #[test]
    fn pods_and_initdata_agree_on_the_annotation_and_its_limit() {
        assert_eq!(ANNOTATION, coco_pod::INITDATA);
        assert_eq!(coco_initdata::ANNOTATIONS_MAX, coco_pod::ANNOTATIONS_MAX);
    }

    #[test]
    fn objects_are_told_from_documents_of_initdata() {
        for (text, expected) in [
            ("apiVersion: v1\nkind: Pod\n", true),
            ("# a comment\n\n---\nkind: Pod\n", true),
            ("{\"kind\": \"Pod\"}", true),
            ("\"apiVersion\": v1\n", true),
            ("'apiVersion' : v1\n", true),
            ("%YAML 1.2\n---\nkind: Pod\n", true),
            ("'a:b' = 1\n", false),
            ("a.\"b:c\" = 1\n", false),
            ("\"a\".\"b:c\" = 1\n", false),
            ("\"###\"", false),
            ("\"no end: x\n", false),
            ("version = \"0.1.0\"\n", false),
            ("\"a:b\" = 1\n", false),
            ("x = \"a: b\"\n", false),
            ("[data]\n", false),
            ("H4sIAAAA", false),
            ("", false),
        ] {
            assert_eq!(is_objects(text.as_bytes()), expected, "{text}");
        }
    }
}
