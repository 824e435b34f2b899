//! An index: one manifest for each platform, of which one is chosen. Nothing is fallen back to.

use std::fmt;

use serde::Deserialize;

use crate::content::{Content, Digest};
use crate::manifest::{MANIFEST_MAX, ManifestError, PartError, RawDescriptor};
use crate::media_type::DocumentKind;

/// The index of an image (docker: a manifest list).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    manifest: Content,
    media_type: String,
    platform: Option<Platform>,
}

/// What an image runs on, in Go's words (image specification, `image-index.md`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The processor, such as `amd64` or `arm64`.
    pub architecture: String,
    /// The processor's variant, such as `v8`.
    pub variant: Option<String>,
}

/// Why no manifest of an index is the one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// None is for the platform.
    #[error("the index has nothing for linux/{wanted}; it has {found}")]
    None {
        /// The architecture.
        wanted: String,
        /// The platforms it has.
        found: String,
    },
    /// Several are, and nothing says which is meant.
    #[error("the index has several for linux/{wanted}: {found}")]
    Several {
        /// The architecture.
        wanted: String,
        /// Their digests.
        found: String,
    },
    /// An index in an index.
    #[error("linux/{wanted} of the index is of media type `{media_type}`, expected a manifest")]
    NotManifest {
        /// The architecture.
        wanted: String,
        /// What it is.
        media_type: String,
    },
}

impl Index {
    pub(crate) fn new(raw: Vec<RawDescriptor>) -> Result<Self, ManifestError> {
        let entry = |(number, raw): (usize, RawDescriptor)| {
            let place = || format!("entry {number} of the index");
            let manifest = raw.content().map_err(|error| error.at(place()))?;
            if manifest.size > MANIFEST_MAX {
                return Err(PartError::ManifestSize(manifest.size).at(place()));
            }
            Ok(Entry { manifest, media_type: raw.media_type, platform: raw.platform })
        };
        Ok(Self { entries: (1..).zip(raw).map(entry).collect::<Result<_, _>>()? })
    }

    /// The manifest for `linux/ARCHITECTURE`, in Go's words (`amd64`, `arm64`), of the variant that is the
    /// architecture itself. The same one named twice is one.
    pub fn choose(&self, architecture: &str) -> Result<Content, PlatformError> {
        let wanted = architecture.to_owned();
        let is_wanted = |platform: &Platform| platform.is_plain_linux(architecture);
        let mut fitting: Vec<&Entry> =
            self.entries.iter().filter(|entry| entry.platform.as_ref().is_some_and(is_wanted)).collect();
        fitting.dedup_by_key(|entry| entry.manifest);
        match fitting.as_slice() {
            [] => Err(PlatformError::None { wanted, found: self.platforms() }),
            [one] if DocumentKind::of(&one.media_type) != Some(DocumentKind::Manifest) => {
                Err(PlatformError::NotManifest { wanted, media_type: one.media_type.clone() })
            }
            [one] => Ok(one.manifest),
            several => {
                let digests = several.iter().map(|entry| entry.manifest.digest);
                let digests: Vec<String> = digests.map(|it: Digest| it.to_string()).collect();
                Err(PlatformError::Several { wanted, found: digests.join(", ") })
            }
        }
    }

    /// The platforms there are, for people.
    fn platforms(&self) -> String {
        let name = |entry: &Entry| {
            entry.platform.as_ref().map_or_else(|| "one without a platform".to_owned(), Platform::to_string)
        };
        let mut names: Vec<String> = self.entries.iter().map(name).collect();
        names.sort();
        names.dedup();
        if names.is_empty() { "nothing at all".to_owned() } else { names.join(", ") }
    }
}

impl Platform {
    fn is_plain_linux(&self, architecture: &str) -> bool {
        // arm64's baseline has a name, and tools write it or leave it (image specification, "Platform Variants").
        let plain = if architecture == "arm64" { "v8" } else { "" };
        let is_plain = self.variant.as_deref().is_none_or(|it| it.is_empty() || it == plain);
        self.os == "linux" && self.architecture == architecture && is_plain
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().filter(|it| !it.is_empty()).try_for_each(|it| write!(f, "/{it}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    /// An index with `entries`, each a platform with an architecture, a variant, and the manifest's text.
    fn index(entries: &[(&str, &str, &str)]) -> Index {
        let entry = |(architecture, variant, text): &(&str, &str, &str)| {
            let Content { size, digest } = Content::of(text.as_bytes());
            let platform = if architecture.is_empty() {
                String::new()
            } else {
                format!(
                    r#","platform":{{"os":"linux","architecture":"{architecture}","variant":"{variant}"}}"#
                )
            };
            format!(r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size}{platform}}}"#)
        };
        let entries: Vec<String> = entries.iter().map(entry).collect();
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        match Document::parse(text.as_bytes(), Some("application/vnd.oci.image.index.v1+json")).unwrap() {
            Document::Index(index) => index,
            Document::Manifest(_) => panic!("a manifest"),
        }
    }

    #[test]
    fn the_manifest_of_the_architecture_is_chosen() {
        let index = index(&[("amd64", "", "a"), ("arm64", "v8", "b"), ("arm", "v7", "c"), ("", "", "d")]);
        assert_eq!(index.choose("amd64"), Ok(Content::of(b"a")));
        assert_eq!(index.choose("arm64"), Ok(Content::of(b"b")));
    }

    #[test]
    fn variants_above_the_baseline_are_not_chosen() {
        let index = index(&[("amd64", "v3", "a"), ("amd64", "", "b")]);
        assert_eq!(index.choose("amd64"), Ok(Content::of(b"b")));
    }

    #[test]
    fn without_one_for_the_platform_those_there_are_are_named() {
        let error =
            index(&[("arm64", "v8", "a"), ("s390x", "", "b"), ("", "", "c")]).choose("amd64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the index has nothing for linux/amd64; it has linux/arm64/v8, linux/s390x, one without a platform"
        );
        let error = index(&[]).choose("amd64").unwrap_err();
        assert_eq!(error.to_string(), "the index has nothing for linux/amd64; it has nothing at all");
    }

    #[test]
    fn several_for_the_platform_are_no_choice() {
        let error = index(&[("amd64", "", "a"), ("amd64", "", "b")]).choose("amd64").unwrap_err();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(error.to_string(), format!("the index has several for linux/amd64: {a}, {b}"));
        assert_eq!(index(&[("amd64", "", "a"), ("amd64", "", "a")]).choose("amd64"), Ok(Content::of(b"a")));
    }
}
