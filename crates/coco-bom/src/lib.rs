//! The bill of materials and the provenance of an image, as JSON of others' formats. Signs nothing.
//!
//! * [`spdx()`] writes a [`Bill`] as SPDX 2.3, [`cyclonedx()`] as CycloneDX 1.6.
//! * [`provenance()`] writes a [`Provenance`] as an in-toto statement with SLSA's predicate.
//!
//! The same value gives the same bytes: no clock, no random number, no path of the build machine. What is not known
//! is left out or said to be unknown, never guessed. What each document has is in `docs/sbom.md`.

mod bill;
mod cyclonedx;
mod json;
mod licence;
mod part;
mod provenance;
mod purl;
#[cfg(test)]
mod sample;
mod spdx;
mod timestamp;
mod url;
mod uuid;

pub use bill::{Bill, Content, Distribution, Image, Item, Kind, Package, Source, Tool, Unpacked};
pub use cyclonedx::cyclonedx;
pub use licence::Licence;
pub use provenance::{Artifact, BUILD_TYPE, BUILDER, Input, Provenance, provenance};
pub use spdx::spdx;
pub use url::{NotUrl, URL_MAX, Url};
