//! The lines of tmpfiles.d (tmpfiles.d(5)): the one that puts a podvm's default policy in its place,
//! and whether another may change it. What lines about other places do is not asked.

use std::collections::BTreeMap;

use super::reach::Guarded;
use super::{LocateError, contents};
use crate::overlay::RUN_POLICY;
use crate::path::GuestPath;
use crate::tree::{Bodies, Node, Tree};

/// Where systemd-tmpfiles looks; a file hides those of the same name in later directories. What an
/// image has in `/run/tmpfiles.d` neither counts nor hides: something is mounted over it.
const DIRECTORIES: [&str; 3] = ["/etc/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"];

/// What systemd takes for a blank, and for the end of a line.
const BLANKS: [char; 2] = [' ', '\t'];
const LINE_ENDS: [char; 2] = ['\r', '\0'];

/// A file's place among the words of a line: type, path, mode, user, group, age, argument.
const ARGUMENT: usize = 6;

/// A line with a path.
pub(super) struct Line {
    place: GuestPath,
    /// From 1.
    number: usize,
    words: Vec<String>,
}

/// What the line says.
pub(super) struct Source {
    /// The file with the line.
    pub(super) place: GuestPath,
    /// The file that is copied.
    pub(super) policy: GuestPath,
}

impl Line {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    fn error(&self, problem: String) -> LocateError {
        LocateError::Line { place: self.place.clone(), line: self.number, problem }
    }

    /// What this copies to [`RUN_POLICY`].
    fn copied(&self) -> Result<GuestPath, LocateError> {
        if let Some(odd) = self.words.iter().find(|word| word.contains(['%', '\\', '"', '\''])) {
            return Err(self.error(format!("got `{odd}`, expected no quote, escape or specifier")));
        }
        match (self.word(0), self.words.get(ARGUMENT), self.words.len()) {
            ("C", Some(argument), 7) => argument.parse().map_err(|error| self.error(format!("{error}"))),
            ("C", _, words) => {
                Err(self.error(format!("got {words} words, expected 7 with the file to copy last")))
            }
            (kind, ..) => Err(self.error(format!(
                "type got `{kind}`, expected C: a copy that process-user-data can write over"
            ))),
        }
    }
}

/// All lines that count.
pub(super) fn lines(tree: &Tree, bodies: &dyn Bodies) -> Result<Vec<Line>, LocateError> {
    let mut lines = Vec::new();
    for place in files(tree) {
        for (number, line) in (1..).zip(text(tree, bodies, &place)?.split('\n')) {
            for part in line.split(LINE_ENDS) {
                let words: Vec<String> =
                    part.split(BLANKS).filter(|word| !word.is_empty()).map(str::to_owned).collect();
                let is_comment = words.first().is_some_and(|word| word.starts_with('#'));
                if words.len() > 1 && !is_comment {
                    lines.push(Line { place: place.clone(), number, words });
                }
            }
        }
    }
    Ok(lines)
}

/// The one line about [`RUN_POLICY`].
pub(super) fn source(lines: &[Line]) -> Result<Source, LocateError> {
    let mut found: Option<Source> = None;
    for line in lines.iter().filter(|line| line.word(1) == RUN_POLICY) {
        let policy = line.copied()?;
        if let Some(first) = found {
            return Err(LocateError::TwoLines(first.place, line.place.clone()));
        }
        found = Some(Source { place: line.place.clone(), policy });
    }
    found.ok_or(LocateError::NoLine)
}

/// Refuses every line that may change what is guarded; that of [`source`] has been looked at.
pub(super) fn nothing_else(lines: &[Line], guarded: &Guarded<'_>) -> Result<(), LocateError> {
    let others = lines.iter().filter(|line| line.word(1) != RUN_POLICY);
    for line in others {
        // The argument of a link is all that is left of the line.
        let argument = line.words.get(ARGUMENT..).unwrap_or_default().join(" ");
        if guarded.is_changed(line.word(0), line.word(1), &argument) {
            return Err(line.error(format!(
                "`{} {}` may change the policy, expected only the line that copies it",
                line.word(0),
                line.word(1)
            )));
        }
    }
    Ok(())
}

/// The files that count, in the order in which they do.
fn files(tree: &Tree) -> impl Iterator<Item = GuestPath> {
    let mut files = BTreeMap::new();
    for directory in DIRECTORIES {
        let Ok(directory) = tree.follow(&GuestPath::fixed(directory)) else { continue };
        for (path, _) in tree.iter() {
            if path.parent().as_ref() == Some(&directory) && path.as_str().strip_suffix(".conf").is_some() {
                files.entry(path.file_name().to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    files.into_values()
}

/// What is in one of them; a link to `/dev/null` is how an administrator hides another.
fn text(tree: &Tree, bodies: &dyn Bodies, path: &GuestPath) -> Result<String, LocateError> {
    if let Some(Node::Symlink(target)) = tree.get(path).map(|entry| &entry.node)
        && target == "/dev/null"
    {
        return Ok(String::new());
    }
    match &tree.lookup(path)?.node {
        Node::File(_, body) => Ok(String::from_utf8_lossy(&contents(path, body, bodies)?).into_owned()),
        other => Err(LocateError::NotFile { path: path.clone(), kind: other.kind() }),
    }
}
