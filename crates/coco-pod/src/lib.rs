//! Finds pods in Kubernetes YAML, edits one annotation of them, and lints them. Opens no file.
//!
//! A pod gets its own policy by an annotation. This crate puts it where Kubernetes looks for it, the
//! metadata of the pod or of the pod template, and changes nothing else in the file: comments, order and
//! quoting are the user's. JSON is YAML in flow style and is edited the same way.
//!
//! * [`PodFile::parse`] reads a file and finds its workloads.
//! * [`PodFile::annotation`], [`PodFile::set_annotation`] and [`PodFile::remove_annotation`] are for one
//!   workload. What they return is text; the caller writes it.
//! * [`lint::lint`] says what does not work under the default policy.
//!
//! The YAML is read with places and without expanding aliases. Where an alias, an anchor, a merge key or
//! a tag is in the way, the answer is an error.

mod edit;
mod error;
mod exercise;
pub mod lint;
mod node;
mod parse;
mod plan;
mod text;
mod view;
mod workload;

pub use edit::ANNOTATIONS_MAX;
pub use error::PodError;
pub use exercise::exercise;
pub use parse::{BYTES_MAX, LEVELS_MAX, VALUES_MAX};
pub use workload::{PodFile, Target, Workload};

/// The annotation that carries a pod's initdata (kata-containers
/// `src/runtime/virtcontainers/pkg/annotations/annotations.go`).
pub const INITDATA: &str = "io.katacontainers.config.hypervisor.cc_init_data";
