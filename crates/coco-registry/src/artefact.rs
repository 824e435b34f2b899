//! A build as an artefact: the manifest under which its files are pushed, and that manifest read again.
//!
//! One layer is one file of the output directory, named by its title; the layers are sorted by that, and the manifest
//! has no date and no annotation of its own. So the same build is the same bytes, and the same digest. Signatures and
//! attestations refer to that digest from elsewhere (image specification 1.1, `manifest.md`, `subject`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::content::{BLOB_MAX, Content, DigestError};
use crate::manifest::TITLE;
use crate::media_type::{EMPTY, OCI_MANIFEST};
use crate::title::{Title, TitleError};

/// What an artefact of a build says that it is.
pub const ARTEFACT_TYPE: &str = "application/vnd.coco-initrd.image.v1";

/// The digests of all other files, as `sha256sum` has them.
pub const SUMS: &str = "SHA256SUMS";

/// The configuration, which the image specification wants and which says nothing (`manifest.md`, "Guidance for an
/// Empty Descriptor").
pub const EMPTY_CONFIG: &[u8] = b"{}";

/// Media type of an image.
const IMAGE: &str = "application/vnd.coco-initrd.initrd";

/// Media type of an overlay for a podvm image, which some builds have instead.
const OVERLAY: &str = "application/x-tar";

/// The files of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArtefact {
    files: BTreeMap<Title, Content>,
    /// Which of them is the image or overlay.
    image: Title,
}

/// Why files or bytes are no build's artefact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtefactError {
    /// A file that no build writes.
    #[error("`{0}` is no file of a build")]
    UnknownFile(Title),
    /// A file that every build has.
    #[error("file `{0}` of a build is missing")]
    Missing(&'static str),
    /// A build has one image, or one overlay.
    #[error("got {0} images and overlays, expected one")]
    Images(usize),
    /// A size that no blob has.
    #[error("`{title}`: size got {size}, expected {BLOB_MAX} at most")]
    Size {
        /// The file.
        title: Title,
        /// Its size in bytes.
        size: u64,
    },
    /// Not JSON, or other fields than ours.
    #[error("the manifest is not of a build: {0}")]
    Syntax(String),
    /// A field that says another thing.
    #[error("{field} of the manifest got `{got}`, expected `{expected}`")]
    Field {
        /// The field.
        field: &'static str,
        /// What it says.
        got: String,
        /// What a build's says.
        expected: String,
    },
    /// A file of another media type than its name has.
    #[error("media type of `{title}` got `{got}`, expected `{expected}`")]
    MediaType {
        /// The file.
        title: Title,
        /// What it says.
        got: String,
        /// What files of this name have.
        expected: &'static str,
    },
    /// No file name.
    #[error(transparent)]
    Title(#[from] TitleError),
    /// No digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// All is there, and not in our bytes: the same build would have two digests.
    #[error("the manifest is not in the bytes that a build's has: files are sorted, each once")]
    Bytes,
}

/// The media type of a file of a build, by its name; nothing of a file that no build writes.
pub fn media_type(title: &Title) -> Option<&'static str> {
    let text = title.as_str();
    let ends = |end: &str| text.strip_suffix(end).is_some_and(|name| !name.is_empty() && !name.contains('/'));
    Some(match text {
        "manifest.json" => "application/vnd.coco-initrd.manifest.v1+json",
        SUMS => "text/plain",
        _ if text.starts_with("coco-initrd-") && ends(".img") => IMAGE,
        "podvm-overlay.tar" => OVERLAY,
        // An overlay's policy and patches.
        _ if text.starts_with("policy/") => "application/vnd.coco-initrd.policy",
        _ if text.starts_with("k8s/") => "application/yaml",
        _ if text.starts_with("host/") => "application/toml",
        "sbom.spdx.json" => "application/spdx+json",
        "sbom.cdx.json" => "application/vnd.cyclonedx+json",
        "provenance.json" => "application/vnd.in-toto+json",
        "reference-values.json" => "application/vnd.coco-initrd.reference-values.v1+json",
        _ => return None,
    })
}

/// The manifest, its fields in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    schema_version: u32,
    media_type: String,
    artifact_type: String,
    config: RawDescriptor,
    layers: Vec<RawDescriptor>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDescriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl RawDescriptor {
    fn new(media_type: &str, content: Content) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: content.digest.to_string(),
            size: content.size,
            annotations: BTreeMap::new(),
        }
    }
}

impl BuildArtefact {
    /// The artefact of these files.
    pub fn new(files: BTreeMap<Title, Content>) -> Result<Self, ArtefactError> {
        for (title, content) in &files {
            if media_type(title).is_none() {
                return Err(ArtefactError::UnknownFile(title.clone()));
            }
            if content.size > BLOB_MAX {
                return Err(ArtefactError::Size { title: title.clone(), size: content.size });
            }
        }
        for name in ["manifest.json", SUMS] {
            if !files.keys().any(|title| title.as_str() == name) {
                return Err(ArtefactError::Missing(name));
            }
        }
        let is_image = |title: &&Title| matches!(media_type(title), Some(IMAGE | OVERLAY));
        let images: Vec<&Title> = files.keys().filter(is_image).collect();
        match images.as_slice() {
            [image] => Ok(Self { image: (*image).clone(), files }),
            images => Err(ArtefactError::Images(images.len())),
        }
    }

    /// Reads a manifest: only the bytes that [`BuildArtefact::to_json`] makes are one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtefactError> {
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|error| ArtefactError::Syntax(error.to_string()))?;
        is("schemaVersion", &raw.schema_version.to_string(), "2")?;
        is("mediaType", &raw.media_type, OCI_MANIFEST)?;
        is("artifactType", &raw.artifact_type, ARTEFACT_TYPE)?;
        is("config.mediaType", &raw.config.media_type, EMPTY)?;
        is("config.digest", &raw.config.digest, &Content::of(EMPTY_CONFIG).digest.to_string())?;
        let mut files = BTreeMap::new();
        for layer in raw.layers {
            let title = Title::parse(layer.annotations.get(TITLE).map_or("", String::as_str))?;
            let expected = media_type(&title).ok_or_else(|| ArtefactError::UnknownFile(title.clone()))?;
            if layer.media_type != expected {
                return Err(ArtefactError::MediaType { title, got: layer.media_type, expected });
            }
            files.insert(title, Content { size: layer.size, digest: layer.digest.parse()? });
        }
        let artefact = Self::new(files)?;
        if artefact.to_json() == bytes { Ok(artefact) } else { Err(ArtefactError::Bytes) }
    }

    /// The manifest.
    pub fn to_json(&self) -> Vec<u8> {
        let layer = |(title, content): (&Title, &Content)| {
            // `new` has seen to it that there is one.
            let mut layer = RawDescriptor::new(media_type(title).unwrap_or_default(), *content);
            layer.annotations.insert(TITLE.to_owned(), title.as_str().to_owned());
            layer
        };
        let raw = Raw {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            artifact_type: ARTEFACT_TYPE.to_owned(),
            config: RawDescriptor::new(EMPTY, Content::of(EMPTY_CONFIG)),
            layers: self.files.iter().map(layer).collect(),
        };
        serde_json::to_vec(&raw).expect("texts and numbers are always JSON")
    }

    /// The name of the image, or of the overlay.
    pub fn image(&self) -> &Title {
        &self.image
    }

    /// The files, by name.
    pub fn files(&self) -> &BTreeMap<Title, Content> {
        &self.files
    }
}

fn is(field: &'static str, got: &str, expected: &str) -> Result<(), ArtefactError> {
    if got == expected {
        return Ok(());
    }
    Err(ArtefactError::Field { field, got: got.to_owned(), expected: expected.to_owned() })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{Document, Shape};

    fn files(names: &[&str]) -> BTreeMap<Title, Content> {
        names.iter().map(|name| (Title::parse(name).unwrap(), Content::of(name.as_bytes()))).collect()
    }

    fn artefact(names: &[&str]) -> Result<BuildArtefact, String> {
        BuildArtefact::new(files(names)).map_err(|error| error.to_string())
    }

    const NAMES: [&str; 3] = ["manifest.json", "SHA256SUMS", "coco-initrd-tdx.img"];

    #[test]
    fn the_manifest_is_always_the_same_bytes() {
        let json = String::from_utf8(artefact(&NAMES).unwrap().to_json()).unwrap();
        expect![[r#"
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.coco-initrd.image.v1","config":
            {"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[
            {"mediaType":"text/plain","digest":"sha256:e6351d3766186d2b4d187ee3c1613bf7516a35fd9b3207d9bf72fc7c2576e076","size":10,"annotations":{"org.opencontainers.image.title":"SHA256SUMS"}},
            {"mediaType":"application/vnd.coco-initrd.initrd","digest":"sha256:970629612fa2eb7281fccf63021d09b10a2b69a7e44f9a3732bb78bacedc194d","size":19,"annotations":{"org.opencontainers.image.title":"coco-initrd-tdx.img"}},
            {"mediaType":"application/vnd.coco-initrd.manifest.v1+json","digest":"sha256:ffa5b716b5a57837f7929dfcca4b4dfdeb97210a7fd5a12d2f1978846d6f1743","size":13,"annotations":{"org.opencontainers.image.title":"manifest.json"}}]}"#]].assert_eq(&json.replace("{\"mediaType", "\n{\"mediaType"));
    }

    #[test]
    fn a_manifest_reads_back_what_it_writes_and_is_one_for_others() {
        let names = ["host/go/60-coco.toml", "sbom.spdx.json", "provenance.json", "reference-values.json"];
        let artefact = artefact(&[&NAMES[..], &names].concat()).unwrap();
        assert_eq!(BuildArtefact::parse(&artefact.to_json()), Ok(artefact.clone()));
        let Ok(Document::Manifest(manifest)) = Document::parse(&artefact.to_json(), Some(OCI_MANIFEST))
        else {
            panic!("not a manifest");
        };
        assert_eq!(manifest.shape, Shape::Artefact(ARTEFACT_TYPE.to_owned()));
        assert_eq!(manifest.layers.len(), 7);
    }

    #[test]
    fn files_that_no_build_writes_and_builds_that_are_not_whole_are_refused() {
        assert_eq!(
            artefact(&["manifest.json", "SHA256SUMS", "notes.txt"]),
            Err("`notes.txt` is no file of a build".to_owned())
        );
        assert_eq!(artefact(&["manifest.json"]), Err("file `SHA256SUMS` of a build is missing".to_owned()));
        let none = "got 0 images and overlays, expected one";
        assert_eq!(artefact(&["manifest.json", "SHA256SUMS"]), Err(none.to_owned()));
        let two = "got 2 images and overlays, expected one";
        assert_eq!(artefact(&[&NAMES[..], &["podvm-overlay.tar"]].concat()), Err(two.to_owned()));
        assert_eq!(artefact(&["SHA256SUMS"]), Err("file `manifest.json` of a build is missing".to_owned()));
    }

    #[test]
    fn a_manifest_that_differs_in_anything_is_not_ours() {
        let json = String::from_utf8(artefact(&NAMES).unwrap().to_json()).unwrap();
        for (old, new, problem) in [
            (
                "image.v1\"",
                "image.v2\"",
                "artifactType of the manifest got `application/vnd.coco-initrd.image.v2`, expected `application/vnd.coco-initrd.image.v1`",
            ),
            ("text/plain", "text/html", "media type of `SHA256SUMS` got `text/html`, expected `text/plain`"),
            ("\"SHA256SUMS\"", "\"../x\"", "title \"../x\" is not a relative path of plain names"),
            ("coco-initrd-tdx.img", "tdx.img", "`tdx.img` is no file of a build"),
            (
                "\"layers\":[",
                "\"layers\": [",
                "the manifest is not in the bytes that a build's has: files are sorted, each once",
            ),
        ] {
            let error = BuildArtefact::parse(json.replace(old, new).as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), problem);
        }
        let extra = json.replace("\"layers\"", "\"annotations\":{},\"layers\"");
        let error = BuildArtefact::parse(extra.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the manifest is not of a build: unknown field `annotations`"), "{error}");
    }
}
