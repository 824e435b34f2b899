//! Sets and removes one annotation of a pod by one small edit. Every other byte stays as it is.

use crate::error::PodError;
use crate::node::{Content, Node};
use crate::plan::{self, Edit};
use crate::view::{Step, View};
use crate::workload::{PodFile, Workload};

/// Bytes of keys and values an object's annotations may have together (Kubernetes
/// `apimachinery/pkg/api/validation/objectmeta.go`, `TotalAnnotationSizeLimitB`).
pub const ANNOTATIONS_MAX: usize = 256 << 10;

impl PodFile {
    /// The pod's annotation of this key; of the pod template, never of the object around it.
    pub fn annotation(&self, workload: &Workload, key: &str) -> Result<Option<String>, PodError> {
        let Some(annotations) = self.annotations(workload)? else { return Ok(None) };
        let Some(entry) = annotations.node.entry(key) else { return Ok(None) };
        let value = annotations.at(entry);
        match entry.value.content {
            Content::Alias(_) => Err(value.reference("an alias")),
            _ => value.string().map(|text| Some(text.to_owned())),
        }
    }

    /// The whole text with the pod's annotation set. `annotations` and `metadata` are made where there are
    /// none. The result has been read again: it is the old text with exactly this annotation.
    pub fn set_annotation(&self, workload: &Workload, key: &str, value: &str) -> Result<String, PodError> {
        check_key(key)?;
        if self.annotation(workload, key).is_ok_and(|old| old.as_deref() == Some(value)) {
            return Ok(self.text.clone());
        }
        self.check_size(workload, key, value)?;
        let template = self.editable_template(workload)?;
        let edit = plan::set(&self.text, &template, ["metadata", "annotations", key], value)?;
        self.applied(workload, key, Some(value), &edit)
    }

    /// The whole text without the pod's annotation; the text as it is if there is none. An `annotations`
    /// that would be empty is removed as well.
    pub fn remove_annotation(&self, workload: &Workload, key: &str) -> Result<String, PodError> {
        let is_there = self.annotations(workload)?.is_some_and(|view| view.node.entry(key).is_some());
        if !is_there {
            return Ok(self.text.clone());
        }
        let template = self.editable_template(workload)?;
        let edit = plan::remove(&self.text, &template, ["metadata", "annotations", key])?;
        self.applied(workload, key, None, &edit)
    }

    /// What has the pod's `metadata` and `spec`.
    pub(crate) fn template(&self, workload: &Workload) -> Result<View<'_>, PodError> {
        self.object(workload)?.follow(workload.template)
    }

    fn annotations(&self, workload: &Workload) -> Result<Option<View<'_>>, PodError> {
        let Some(metadata) = self.template(workload)?.get("metadata")? else { return Ok(None) };
        let Some(annotations) = metadata.get("annotations")? else { return Ok(None) };
        annotations.get("")?; // it is a mapping without a merge key
        Ok(Some(annotations))
    }

    /// The template, if nothing on the way to it is written for other places too.
    fn editable_template(&self, workload: &Workload) -> Result<View<'_>, PodError> {
        let mut view = self.document(workload)?;
        view.own()?;
        for step in workload.steps() {
            view = view.follow(&[step])?;
            view.own()?;
        }
        Ok(view)
    }

    fn check_size(&self, workload: &Workload, key: &str, value: &str) -> Result<(), PodError> {
        let mut got = key.len() + value.len();
        if let Some(annotations) = self.annotations(workload)? {
            for entry in annotations.node.entries().unwrap_or_default() {
                let name = entry.key.text().unwrap_or_default();
                if name == key {
                    continue;
                }
                let other = annotations.at(entry);
                got += name.len();
                got += match &entry.value.content {
                    Content::Scalar { text, .. } => text.len(),
                    Content::Alias(_) => return Err(other.reference("an alias")),
                    _ => return Err(other.unlike("a string")),
                };
            }
        }
        if got > ANNOTATIONS_MAX {
            let (name, line, limit) = (self.name.clone(), workload.line, ANNOTATIONS_MAX);
            return Err(PodError::AnnotationsTooLarge { name, line, got, limit });
        }
        Ok(())
    }

    /// Makes the edit, reads the result, and compares it with what was meant.
    fn applied(
        &self,
        workload: &Workload,
        key: &str,
        value: Option<&str>,
        edit: &Edit,
    ) -> Result<String, PodError> {
        let failed = || self.not_editable(edit.start);
        let text = edit.apply(&self.text).ok_or_else(failed)?;
        let new = Self::parse(&self.name, text.as_bytes()).map_err(|_| failed())?;
        let got = new.annotation(workload, key).map_err(|_| failed())?;
        let steps = workload.steps();
        let without = |(at, document): (usize, &Node)| {
            let mut document = document.clone();
            if at == workload.document {
                strip(&mut document, &steps, &["metadata", "annotations", key]);
            }
            document
        };
        let old_rest: Vec<Node> = self.documents.iter().enumerate().map(without).collect();
        let new_rest: Vec<Node> = new.documents.iter().enumerate().map(without).collect();
        let is_rest_same =
            old_rest.len() == new_rest.len() && old_rest.iter().zip(&new_rest).all(|(a, b)| a.means(b));
        if got.as_deref() == value && is_rest_same { Ok(text) } else { Err(failed()) }
    }

    fn not_editable(&self, at: usize) -> PodError {
        let before = self.text.get(..at).unwrap_or_default();
        PodError::NotEditable {
            name: self.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Takes the annotation out of a tree, with mappings on the way that are empty or null then.
fn strip(node: &mut Node, steps: &[Step], chain: &[&str]) {
    match (steps.split_first(), &mut node.content) {
        (Some((Step::Key(key), steps)), Content::Mapping { entries, .. }) => {
            let below = entries.iter_mut().find(|entry| entry.key.text() == Some(key));
            if let Some(entry) = below {
                strip(&mut entry.value, steps, chain);
            }
        }
        (Some((Step::Item(item), steps)), Content::Sequence(items)) => {
            if let Some(node) = items.get_mut(*item) {
                strip(node, steps, chain);
            }
        }
        (None, Content::Mapping { entries, .. }) => {
            let Some((first, chain)) = chain.split_first() else { return };
            entries.retain_mut(|entry| {
                if entry.key.text() != Some(first) {
                    return true;
                }
                strip(&mut entry.value, &[], chain);
                let is_empty = entry.value.entries().is_some_and(<[_]>::is_empty);
                !(chain.is_empty() || is_empty || entry.value.is_null())
            });
        }
        _ => {}
    }
}

/// What Kubernetes takes for the key of an annotation (`IsQualifiedName`).
fn check_key(key: &str) -> Result<(), PodError> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_word = |text: &str, inner: &[char], limit: usize| {
        let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= limit
            && is_end(text.chars().next())
            && is_end(text.chars().next_back())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || inner.contains(&c))
    };
    // The prefix is compared in lower case for annotations (`ValidateAnnotations`).
    let is_prefix =
        |text: &str| text.len() <= 253 && text.split('.').all(|label| is_word(label, &['-'], 253));
    if is_word(name, &['-', '_', '.'], 63) && prefix.is_none_or(is_prefix) {
        return Ok(());
    }
    Err(PodError::Key { got: key.to_owned() })
}
