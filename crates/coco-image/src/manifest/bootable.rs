//! Reads back from a manifest what a boot of its image needs; the rest is not looked at.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SCHEMA;
use super::summary::SummaryError;
use crate::digest::Sha256;
use crate::units::{Arch, Runtime};

/// What an image is booted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootable {
    /// Its processor.
    pub arch: Arch,
    /// Name of the image, beside the manifest.
    pub file: String,
    /// Digest of the image.
    pub sha256: Sha256,
    /// Memory of the guest, in MiB.
    pub memory_mib: u64,
    /// The expected command line of each runtime; words left to the host are `name=<per host>`.
    pub command_lines: BTreeMap<Runtime, String>,
    /// Whether the guard is `/init`.
    pub guard: bool,
}

#[derive(Deserialize)]
struct Form {
    schema: u32,
    profile: Profile,
    image: Option<Image>,
    init: Option<Init>,
    #[serde(default)]
    command_lines: BTreeMap<Runtime, Line>,
}

#[derive(Deserialize)]
struct Profile {
    arch: Arch,
}

#[derive(Deserialize)]
struct Image {
    file: String,
    sha256: String,
    memory_mib: u64,
}

#[derive(Deserialize)]
struct Init {
    guard: bool,
}

#[derive(Deserialize)]
struct Line {
    line: String,
}

impl Bootable {
    /// Reads the text of a manifest.
    pub fn read(text: &str) -> Result<Self, SummaryError> {
        let form: Form = serde_json::from_str(text).map_err(SummaryError::Syntax)?;
        if form.schema != SCHEMA {
            return Err(SummaryError::Schema(form.schema));
        }
        let (Some(image), Some(init)) = (form.image, form.init) else {
            return Err(SummaryError::NoImage);
        };
        if image.file.contains('/') || matches!(image.file.as_str(), "" | "." | "..") {
            return Err(SummaryError::File(image.file));
        }
        Ok(Self {
            arch: form.profile.arch,
            file: image.file,
            sha256: image.sha256.parse().map_err(SummaryError::Image)?,
            memory_mib: image.memory_mib,
            command_lines: form
                .command_lines
                .into_iter()
                .map(|(runtime, Line { line })| (runtime, line))
                .collect(),
            guard: init.guard,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = r#"{
        "schema": 1,
        "profile": {"name": "p", "arch": "x86_64", "tee": "none"},
        "image": {"file": "p.img", "memory_mib": 2048,
                  "sha256": "7d793037a0760186574b0282f2f435e7a3f6a3d2a3b6c0cf1a0e0e0c6a3f0a55"},
        "init": {"guard": true},
        "command_lines": {"go": {"line": "quiet panic=1", "exact": true}}
    }"#;

    fn told(from: &str, to: &str) -> String {
        assert!(IMAGE.contains(from), "{from}");
        Bootable::read(&IMAGE.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn an_image_is_booted_by_what_its_manifest_says() {
        let bootable = Bootable::read(IMAGE).unwrap();
        assert_eq!((bootable.file.as_str(), bootable.memory_mib, bootable.guard), ("p.img", 2048, true));
        assert_eq!(bootable.command_lines, [(Runtime::Go, "quiet panic=1".to_owned())].into());
    }

    #[test]
    fn what_can_not_be_booted_is_told() {
        for (from, to, error) in [
            ("\"image\"", "\"overlay\"", "the manifest is of no image: nothing in it boots"),
            ("\"init\"", "\"other\"", "the manifest is of no image: nothing in it boots"),
            ("p.img", "../p.img", "`../p.img` is not the name of a file beside the manifest"),
            ("\"schema\": 1", "\"schema\": 2", "schema of the manifest got 2, expected 1"),
        ] {
            assert_eq!(told(from, to), error);
        }
        assert!(told("7d79", "zz").starts_with("image.sha256 of the manifest: "));
        assert!(told("x86_64", "pdp11").starts_with("not a manifest: unknown variant `pdp11`"));
        assert!(told("\"go\"", "\"gone\"").starts_with("not a manifest: unknown variant `gone`"));
    }
}
