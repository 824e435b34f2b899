//! The media types that are known here: of manifests, of configurations, of layers.
//!
//! OCI's are in the image specification's `media-types.md`, docker's in distribution's
//! `docs/spec/manifest-v2-2.md`. Of every pair the meaning is the same.

/// OCI's manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What is asked for, as the header `Accept` has it: what [`Document::parse`](crate::Document::parse) reads.
pub const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// The configuration of what has none.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Configurations of images; manifests with any other are artefacts (`manifest.md`, "Guidelines for Artifact Usage").
pub(crate) const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Manifest,
    Index,
}

impl DocumentKind {
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            OCI_MANIFEST | DOCKER_MANIFEST => Some(Self::Manifest),
            OCI_INDEX | DOCKER_INDEX => Some(Self::Index),
            _ => None,
        }
    }
}

/// How the bytes of a layer are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// A tar.
    Tar,
    /// A tar in gzip.
    TarGzip,
    /// A tar in zstd.
    TarZstd,
    /// A file of an artefact, of whatever media type.
    File,
}

impl LayerKind {
    /// What an image's layer of `media_type` is. Layers that may not be distributed are none that can be had.
    pub(crate) fn of_image(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
                Some(Self::Tar)
            }
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Self::TarGzip),
            "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Self::TarZstd),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        assert!(ACCEPTED.split(", ").all(|media_type| DocumentKind::of(media_type).is_some()));
        assert_eq!(ACCEPTED.split(", ").count(), 4);
    }
}
