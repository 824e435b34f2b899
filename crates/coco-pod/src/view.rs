//! Looks at values by Kubernetes' names. What stands somewhere else (alias, merge key) is an error.

use crate::error::PodError;
use crate::node::{Content, Entry, Kind, Node, Place};

/// A value with the path to it. Null is taken for absent, as Kubernetes does.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    /// The file, for errors.
    pub(crate) name: &'a str,
    pub(crate) node: &'a Node,
    /// Where it begins for a reader: at its key, if it has one.
    pub(crate) place: Place,
    /// Such as `spec.containers[0].image`; empty for a document.
    pub(crate) path: String,
}

/// One part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Key(&'static str),
    Item(usize),
}

impl<'a> View<'a> {
    /// A whole document.
    pub(crate) fn document(name: &'a str, node: &'a Node) -> Self {
        Self { name, node, place: node.place, path: String::new() }
    }

    /// The value of a key of this mapping, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Self>, PodError> {
        let Some(entries) = self.node.entries() else { return Err(self.unlike("a mapping")) };
        if let Some(merge) = entries.iter().find(|entry| entry.key.text() == Some("<<")) {
            let view = Self { node: &merge.key, place: merge.key.place, ..self.clone() };
            return Err(view.reference("a merge key"));
        }
        let Some(entry) = self.node.entry(key) else { return Ok(None) };
        let view = self.at(entry);
        if matches!(entry.value.content, Content::Alias(_)) {
            return Err(view.reference("an alias"));
        }
        Ok((!entry.value.is_null()).then_some(view))
    }

    /// The value of an entry of this mapping.
    pub(crate) fn at(&self, entry: &'a Entry) -> Self {
        let path = self.path_of(entry.key.text().unwrap_or_default());
        Self { node: &entry.value, place: entry.key.place, path, ..*self }
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&self, key: &str) -> Result<Self, PodError> {
        self.get(key)?.ok_or_else(|| PodError::Missing {
            name: self.name.to_owned(),
            line: self.node.place.line,
            place: self.path_of(key),
        })
    }

    /// The value behind a path that must be there.
    pub(crate) fn follow(&self, steps: &[Step]) -> Result<Self, PodError> {
        let mut view = self.clone();
        for step in steps {
            view = match *step {
                Step::Key(key) => view.need(key)?,
                Step::Item(at) => {
                    let missing = || PodError::Missing {
                        name: view.name.to_owned(),
                        line: view.node.place.line,
                        place: format!("{}[{at}]", view.path),
                    };
                    let node = view.list()?.get(at).ok_or_else(missing)?;
                    view.item(at, node)?
                }
            };
        }
        Ok(view)
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, PodError> {
        self.list()?.iter().enumerate().map(|(at, node)| self.item(at, node)).collect()
    }

    fn list(&self) -> Result<&'a [Node], PodError> {
        match &self.node.content {
            Content::Sequence(items) => Ok(items),
            _ => Err(self.unlike("a list")),
        }
    }

    fn item(&self, at: usize, node: &'a Node) -> Result<Self, PodError> {
        let view = Self { node, place: node.place, path: format!("{}[{at}]", self.path), ..*self };
        match node.content {
            Content::Alias(_) => Err(view.reference("an alias")),
            _ => Ok(view),
        }
    }

    /// The items of the list at `key`; none if there is no list.
    pub(crate) fn items_of(&self, key: &str) -> Result<Vec<Self>, PodError> {
        self.get(key)?.map_or(Ok(Vec::new()), |list| list.items())
    }

    /// The text of a string.
    pub(crate) fn string(&self) -> Result<&'a str, PodError> {
        match (self.node.text(), self.node.kind()) {
            (Some(text), Some(Kind::String)) => Ok(text),
            _ => Err(self.unlike("a string")),
        }
    }

    /// The string at `key`, if there is one.
    pub(crate) fn string_of(&self, key: &str) -> Result<Option<&'a str>, PodError> {
        self.get(key)?.map(|value| value.string()).transpose()
    }

    /// Where `key` is true.
    pub(crate) fn truth_of(&self, key: &str) -> Result<Option<Self>, PodError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        match (value.node.text(), value.node.kind()) {
            (Some(text), Some(Kind::Boolean)) => {
                let is_true = matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "true" | "on");
                Ok(is_true.then_some(value))
            }
            _ => Err(value.unlike("a boolean")),
        }
    }

    /// Refuses a value that other places refer to, or whose type is not the plain one: an edit here could
    /// mean more than it says.
    pub(crate) fn own(&self) -> Result<(), PodError> {
        if self.node.anchor.is_some() {
            return Err(self.reference("an anchor"));
        }
        if self.node.tag.is_some() {
            return Err(self.reference("a tag"));
        }
        Ok(())
    }

    /// The path of a key below this value. Keys with dots are quoted.
    pub(crate) fn path_of(&self, key: &str) -> String {
        let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric());
        match (self.path.as_str(), is_plain) {
            ("", true) => key.to_owned(),
            (path, true) => format!("{path}.{key}"),
            (path, false) => format!("{path}[{key:?}]"),
        }
    }

    /// The error that this is not what it should be.
    pub(crate) fn unlike(&self, expected: &'static str) -> PodError {
        PodError::Type {
            name: self.name.to_owned(),
            line: self.node.place.line,
            column: self.node.place.column,
            place: if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() },
            got: self.node.word(),
            expected,
        }
    }

    pub(crate) fn reference(&self, got: &'static str) -> PodError {
        PodError::Reference {
            name: self.name.to_owned(),
            line: self.node.place.line,
            column: self.node.place.column,
            place: if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() },
            got,
        }
    }
}
