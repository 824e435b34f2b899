//! What registries and token servers answer, and files of logins: JSON and a header. Sends nothing.

use coco_registry::challenge::{Challenge, token};
use coco_registry::credentials::{Credentials, Logins};
use coco_registry::whiteout::{Entry, effect};
use coco_registry::{BuildArtefact, Document, OCI_MANIFEST, Reference};

/// Anything that comes from a registry. A build's manifest is one for everybody, and a reference is read again from
/// what is written.
pub fn registry(bytes: &[u8]) {
    let _ = Document::parse(bytes, None); // an error is an answer
    if BuildArtefact::parse(bytes).is_ok() {
        assert!(matches!(Document::parse(bytes, Some(OCI_MANIFEST)), Ok(Document::Manifest(_))));
    }
    let _ = (token(bytes), Credentials::of_helper(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Logins::parse(text), Challenge::parse(text.lines()));
    if let Ok(reference) = text.trim_end().parse::<Reference>() {
        assert_eq!(reference.to_string(), text.trim_end());
    }
    let entry = |path| Entry { path, is_directory: false };
    let (below, layer) = text.split_once("\n\n").unwrap_or_default();
    let below: Vec<Entry<'_>> = below.lines().map(entry).collect();
    let layer: Vec<Entry<'_>> = layer.lines().map(entry).collect();
    if let Ok(effect) = effect(&below, &layer) {
        assert!(effect.gone.iter().all(|at| *at < below.len()));
        assert!(effect.whiteouts.iter().all(|at| *at < layer.len()));
    }
}
