//! OCI registries as values: references, manifests, whiteouts, logins. No HTTP, and no file is opened.
//!
//! What a registry says is untrusted: everything is bounded, has a SHA-256 that it is compared with, and is of
//! a media type that is known here. The specifications are OCI's distribution specification 1.1 (references,
//! limits), image specification 1.1 (manifests, indices, layers) and the token authentication of CNCF's
//! distribution (`docs/spec/auth/token.md`).
//!
//! * [`Reference`] is what people write.
//! * [`Document::parse`] reads what it names: an [`Index`], which has a manifest for each platform, or a
//!   [`Manifest`], which has layers.
//! * [`whiteout::effect`] says what a layer does to those below it.
//! * [`challenge`] and [`credentials`] are about logging in.
//! * [`BuildArtefact`] is the manifest under which a build is pushed.

pub mod artefact;
pub mod challenge;
mod content;
pub mod credentials;
mod index;
mod manifest;
mod media_type;
mod reference;
mod title;
pub mod whiteout;

pub use artefact::BuildArtefact;
pub use content::{BLOB_MAX, Content, Digest, DigestError};
pub use index::{Index, Platform, PlatformError};
pub use manifest::{Document, Layer, MANIFEST_MAX, Manifest, ManifestError, Shape};
pub use media_type::{ACCEPTED, LayerKind, OCI_MANIFEST};
pub use reference::{Reference, ReferenceError, Registry, Repository};
pub use title::{Title, TitleError};
