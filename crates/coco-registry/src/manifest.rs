//! What a registry answers to a reference: an image, the files of an artefact, or an index of such.
//!
//! Fields that are unknown are ignored, as the image specification asks of readers (`considerations.md`,
//! "Extensibility"); their bytes are in the digest all the same. Media types that are unknown are errors, and so is
//! a document that could be read as two kinds (CVE-2021-41190). Whether bytes are those that a digest names is
//! asked before they come here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::content::{BLOB_MAX, Content, Digest, DigestError};
use crate::index::{Index, Platform};
use crate::media_type::{DocumentKind, EMPTY, IMAGE_CONFIGS, LayerKind};
use crate::title::{Title, TitleError};

/// Largest manifest or index, in bytes: 4 MiB (distribution specification, "Pushing Manifests").
pub const MANIFEST_MAX: u64 = 4 << 20;

/// The annotation with a layer's file name (image specification, `annotations.md`).
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image or artefact.
    Manifest(Manifest),
    /// One for each of several platforms.
    Index(Index),
}

/// An image, or an artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// How its layers are meant.
    pub shape: Shape,
    /// Its configuration, with its media type.
    pub config: (Content, String),
    /// At least one; of an image the lowest first.
    pub layers: Vec<Layer>,
}

/// How the layers of a manifest are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Each goes over the one before it (image specification, `layer.md`).
    Image,
    /// Each is a file by itself; of this type.
    Artefact(String),
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its bytes.
    pub content: Content,
    /// Its media type, as the manifest has it.
    pub media_type: String,
    /// How its bytes are to be read.
    pub kind: LayerKind,
    /// Its file name: every layer of an artefact has one, and none of those has another's.
    pub title: Option<Title>,
}

/// Why bytes are no manifest or index that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Longer than registries take.
    #[error("the manifest is longer than {MANIFEST_MAX} bytes")]
    TooLong,
    /// Not JSON, or fields of other types.
    #[error("the manifest is not one: {0}")]
    Syntax(String),
    /// Another version of the format; docker's first schema has 1.
    #[error("schemaVersion got {0}, expected 2")]
    Schema(u64),
    /// Neither the answer nor the document says what it is.
    #[error("neither the answer nor the manifest names a media type")]
    NoMediaType,
    /// The answer and the document say different things.
    #[error("the answer's media type is `{answer}`, the manifest's is `{document}`")]
    TwoMediaTypes {
        /// In the header `Content-Type`.
        answer: String,
        /// In the document.
        document: String,
    },
    /// Neither an image manifest nor an index.
    #[error("media type `{0}` is no manifest or index that is known here")]
    MediaType(String),
    /// Fields of a manifest in an index, or the other way round.
    #[error("media type `{media_type}` has no field `{field}`")]
    Ambiguous {
        /// The media type.
        media_type: String,
        /// The field.
        field: &'static str,
    },
    /// A field that must be there is not.
    #[error("the manifest has no field `{0}`")]
    NoField(&'static str),
    /// Nothing in it.
    #[error("the manifest has no layers")]
    NoLayers,
    /// A layer or entry can't be used.
    #[error("{place}: {error}")]
    Part {
        /// Which one, such as `layer 2`.
        place: String,
        /// The reason.
        error: PartError,
    },
}

/// Why something that a manifest names can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Its digest is none of ours.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Its title is no file name.
    #[error(transparent)]
    Title(#[from] TitleError),
    /// A size no blob has.
    #[error("size got {0}, expected {BLOB_MAX} at most")]
    Size(u64),
    /// A manifest or index in an index that is too large.
    #[error("size got {0}, expected {MANIFEST_MAX} at most")]
    ManifestSize(u64),
    /// A layer of an image that isn't a tar.
    #[error("media type `{0}` is no layer of an image that is known here")]
    LayerType(String),
    /// A file without a name.
    #[error("has no annotation {TITLE}, which is the file's name")]
    NoTitle,
    /// Two files of one name.
    #[error("is a second file `{0}`")]
    SameTitle(Title),
}

impl PartError {
    pub(crate) fn at(self, place: String) -> ManifestError {
        ManifestError::Part { place, error: self }
    }
}

/// A manifest or an index, by its fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
}

/// A descriptor (image specification, `descriptor.md`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDescriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) platform: Option<Platform>,
}

impl RawDescriptor {
    pub(crate) fn content(&self) -> Result<Content, PartError> {
        let digest: Digest = self.digest.parse()?;
        if self.size > BLOB_MAX {
            return Err(PartError::Size(self.size));
        }
        Ok(Content { size: self.size, digest })
    }
}

impl Document {
    /// Reads the body of an answer whose header `Content-Type` was `content_type`; if there was none, the document
    /// itself must say what it is.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, ManifestError> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MANIFEST_MAX {
            return Err(ManifestError::TooLong);
        }
        let answer = content_type.and_then(essence);
        // Docker's first schema says in its body what it is, in another way: the header is enough to refuse it.
        if let Some(answer) = answer.filter(|it| DocumentKind::of(it).is_none()) {
            return Err(ManifestError::MediaType(answer.to_owned()));
        }
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        if raw.schema_version != 2 {
            return Err(ManifestError::Schema(raw.schema_version));
        }
        let media_type = match (answer, &raw.media_type) {
            (Some(answer), Some(document)) if answer != document => {
                let (answer, document) = (answer.to_owned(), document.clone());
                return Err(ManifestError::TwoMediaTypes { answer, document });
            }
            (_, Some(media_type)) => media_type.clone(),
            (Some(media_type), None) => media_type.to_owned(),
            (None, None) => return Err(ManifestError::NoMediaType),
        };
        let ambiguous = |field| Err(ManifestError::Ambiguous { media_type: media_type.clone(), field });
        match DocumentKind::of(&media_type) {
            None => Err(ManifestError::MediaType(media_type)),
            Some(DocumentKind::Manifest) if raw.manifests.is_some() => ambiguous("manifests"),
            Some(DocumentKind::Manifest) => Ok(Self::Manifest(manifest(raw)?)),
            Some(DocumentKind::Index) if raw.layers.is_some() => ambiguous("layers"),
            Some(DocumentKind::Index) if raw.config.is_some() => ambiguous("config"),
            Some(DocumentKind::Index) => {
                Ok(Self::Index(Index::new(raw.manifests.ok_or(ManifestError::NoField("manifests"))?)?))
            }
        }
    }
}

/// A media type without its parameters; none of general types, which say nothing.
fn essence(content_type: &str) -> Option<&str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    (!matches!(essence, "" | "application/json" | "application/octet-stream" | "text/plain"))
        .then_some(essence)
}

fn manifest(raw: Raw) -> Result<Manifest, ManifestError> {
    let config = raw.config.ok_or(ManifestError::NoField("config"))?;
    let layers = raw.layers.ok_or(ManifestError::NoField("layers"))?;
    if layers.is_empty() {
        return Err(ManifestError::NoLayers);
    }
    let shape = match raw.artifact_type.filter(|it| !it.is_empty()) {
        Some(artefact) => Shape::Artefact(artefact),
        None if IMAGE_CONFIGS.contains(&config.media_type.as_str()) => Shape::Image,
        None if config.media_type == EMPTY => return Err(ManifestError::NoField("artifactType")),
        // Artefacts made before image specification 1.1 have their type here.
        None => Shape::Artefact(config.media_type.clone()),
    };
    let mut titles = BTreeSet::new();
    let layers = (1..).zip(layers).map(|(number, raw)| {
        let layer = layer(raw, &shape, &mut titles);
        layer.map_err(|error| error.at(format!("layer {number}")))
    });
    let layers = layers.collect::<Result<_, _>>()?;
    let content = config.content().map_err(|error| error.at("config".to_owned()))?;
    Ok(Manifest { shape, config: (content, config.media_type), layers })
}

fn layer(raw: RawDescriptor, shape: &Shape, titles: &mut BTreeSet<Title>) -> Result<Layer, PartError> {
    let content = raw.content()?;
    let title = raw.annotations.get(TITLE);
    let (kind, title) = match shape {
        Shape::Image => match LayerKind::of_image(&raw.media_type) {
            Some(kind) => (kind, None),
            None => return Err(PartError::LayerType(raw.media_type)),
        },
        // The media type says nothing here: ORAS gives files that of a tar unless it is told another.
        Shape::Artefact(_) => {
            let title = Title::parse(title.ok_or(PartError::NoTitle)?)?;
            if !titles.insert(title.clone()) {
                return Err(PartError::SameTitle(title));
            }
            (LayerKind::File, Some(title))
        }
    };
    Ok(Layer { content, media_type: raw.media_type, kind, title })
}

#[cfg(test)]
mod tests;
