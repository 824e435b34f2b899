//! Reads, writes and measures the initdata of a confidential pod. Opens no file, knows no policy engine.
//!
//! Initdata is a TOML document that the host hands to the guest, and whose digest is in the evidence
//! of the TEE (version 0.1.0, `kbs/docs/initdata.md` of Trustee). The digest is over the bytes of the
//! TOML, so a document that was read keeps its bytes, and one made here is always the same bytes.
//!
//! * [`Initdata::new`] makes a document, [`read`] takes one in whatever [`Form`] it comes.
//! * [`Initdata::annotation`] and [`Initdata::image`] wrap it for a pod and for an agent.
//! * [`Initdata::registers`] says what the evidence will show.

mod annotation;
mod approval;
mod digest;
mod document;
mod error;
mod form;
mod gzip;
mod image;
mod registers;
mod render;

pub use annotation::{ANNOTATION, ANNOTATIONS_MAX};
pub use approval::{approval, approval_of_any};
pub use digest::{Algorithm, Digest};
pub use document::{AA_TOML, CDH_TOML, Initdata, POLICY_REGO, TEXT_MAX, VERSION};
pub use error::InitdataError;
pub use form::{Form, INPUT_MAX, read};
pub use image::wrap;
pub use registers::{Fit, PEER_PODS_STAND_IN, Register, Registers};
