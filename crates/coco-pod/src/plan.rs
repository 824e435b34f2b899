//! Plans one edit of the text for one entry of nested mappings. Whether it did what was meant is
//! checked by the caller, who reads the result.

use crate::error::PodError;
use crate::node::{Content, Entry, Layout, Node, Style};
use crate::text::{block_header, line_break, line_end, line_start, next_line, quote, rest, slice};
use crate::view::View;

/// One replacement of text.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    /// The first byte that goes.
    pub(crate) start: usize,
    /// Behind the last byte that goes.
    end: usize,
    text: String,
}

/// Keys from the template to the annotation.
type Chain<'a> = [&'a str; 3];

/// Spaces a level is indented by where the file does not show it.
const STEP: usize = 2;

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Self { start: at, end: at, text }
    }

    fn remove(start: usize, end: usize) -> Self {
        Self { start, end, text: String::new() }
    }

    /// The text with the edit made, if its places are of the text.
    pub(crate) fn apply(&self, text: &str) -> Option<String> {
        Some([text.get(..self.start)?, &self.text, text.get(self.end..)?].concat())
    }
}

/// The edit after which the entry at the end of `chain` is `value`.
pub(crate) fn set(text: &str, template: &View<'_>, chain: Chain<'_>, value: &str) -> Result<Edit, PodError> {
    let mut view = template.clone();
    let mut step = STEP;
    let mut left = chain.as_slice();
    while let Some((key, below)) = left.split_first() {
        view.get(key)?; // a mapping without merge key, and no alias
        step = shown_step(view.node).unwrap_or(step);
        let new = New { text, keys: left, value, step };
        let Some(entry) = view.node.entry(key) else { return Ok(new.insert(view.node)) };
        let next = view.at(entry);
        next.own()?;
        if below.is_empty() {
            return new.replace(entry, &next);
        }
        if entry.value.is_null() {
            return Ok(New { keys: below, ..new }.fill(view.node, entry));
        }
        view = next;
        left = below;
    }
    Err(view.unlike("a mapping with the annotation")) // the chain is not empty: not reached
}

/// The edit after which the entry at the end of `chain`, which is there, is not there.
pub(crate) fn remove(text: &str, template: &View<'_>, chain: Chain<'_>) -> Result<Edit, PodError> {
    let mut view = template.clone();
    let mut target = (view.node, 0);
    for key in chain {
        view.get(key)?;
        let entries = view.node.entries().unwrap_or_default();
        let at = entries.iter().position(|entry| entry.key.text() == Some(key));
        let Some((at, entry)) = at.and_then(|at| Some((at, entries.get(at)?))) else {
            view.need(key)?;
            return Err(view.unlike("a mapping with the annotation"));
        };
        // A mapping that would be empty goes with its last entry, but the template stays.
        if entries.len() > 1 || key == "metadata" {
            target = (view.node, at);
        }
        view = view.at(entry);
        view.own()?;
    }
    let (mapping, at) = target;
    removal(text, mapping, at).ok_or_else(|| view.unlike("an entry that can be removed"))
}

fn removal(text: &str, mapping: &Node, at: usize) -> Option<Edit> {
    let entries = mapping.entries()?;
    let entry = entries.get(at)?;
    let next = entries.get(at + 1);
    if is_flow(mapping) {
        let previous = at.checked_sub(1).and_then(|at| entries.get(at));
        return Some(match (previous, next) {
            (_, Some(next)) => Edit::remove(entry.key.start, next.key.start),
            (Some(previous), None) => Edit::remove(previous.value.end, entry.value.end),
            (None, None) => Edit::remove(entry.key.start, entry.value.end),
        });
    }
    let start = line_start(text, entry.key.start);
    if !is_blank(slice(text, start, entry.key.start)) {
        return next.map(|next| Edit::remove(entry.key.start, next.key.start));
    }
    let end = next_line(text, entry.value.end);
    if end == text.len() && !text.ends_with('\n') {
        // The last line has no break to go with it: the one before goes.
        let before = slice(text, 0, start);
        let kept = before.strip_suffix('\n').map_or(before, |line| line.strip_suffix('\r').unwrap_or(line));
        return Some(Edit::remove(kept.len(), end));
    }
    Some(Edit::remove(start, end))
}

/// An entry that is to be written: keys in each other, with a value in the innermost.
#[derive(Debug, Clone, Copy)]
struct New<'a> {
    text: &'a str,
    keys: &'a [&'a str],
    value: &'a str,
    /// Spaces a level is indented by.
    step: usize,
}

impl New<'_> {
    /// Puts the entry into a mapping that does not have it.
    fn insert(&self, mapping: &Node) -> Edit {
        let entries = mapping.entries().unwrap_or_default();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Edit::insert(mapping.start + 1, self.flow()); // behind the brace
        };
        if is_flow(mapping) {
            let start = line_start(self.text, last.key.start);
            let indent = slice(self.text, start, last.key.start);
            let separator = if is_blank(indent) && start > 0 {
                format!(",{}{indent}", line_break(self.text))
            } else {
                ", ".to_owned()
            };
            return Edit::insert(last.value.end, separator + &self.flow());
        }
        let indent = first.key.place.column - 1;
        if self.keys.first() == Some(&"metadata") {
            return self.before(mapping.entry("spec").unwrap_or(first), indent);
        }
        self.after(last, indent)
    }

    /// Behind the last line of an entry of a mapping in block style.
    fn after(&self, last: &Entry, indent: usize) -> Edit {
        let newline = line_break(self.text);
        let at = next_line(self.text, last.value.end);
        let lines = self.block(indent);
        if self.text.ends_with('\n') || at < self.text.len() {
            return Edit::insert(at, lines + newline);
        }
        // A line break at the end of a block scalar would become part of it: the entry goes before.
        let is_block = matches!(last.value.content, Content::Scalar { style: Style::Block, .. });
        if is_block { self.before(last, indent) } else { Edit::insert(at, format!("{newline}{lines}")) }
    }

    /// Before an entry of a mapping in block style, and before the comments that belong to it.
    fn before(&self, entry: &Entry, indent: usize) -> Edit {
        let newline = line_break(self.text);
        let mut at = line_start(self.text, entry.key.start);
        if !is_blank(slice(self.text, at, entry.key.start)) {
            // The entry is the first of an item of a list: `- spec:`.
            let lines = self.block(indent);
            return Edit::insert(
                entry.key.start,
                format!("{}{newline}{}", lines.trim_start(), " ".repeat(indent)),
            );
        }
        while at > 0 {
            let above = line_start(self.text, at - 1);
            let line = slice(self.text, above, at);
            let comment = line.trim_start();
            if !comment.starts_with('#') || line.len() - comment.len() != indent {
                break;
            }
            at = above;
        }
        Edit::insert(at, self.block(indent) + newline)
    }

    /// In place of the null of an entry.
    fn fill(&self, mapping: &Node, entry: &Entry) -> Edit {
        if !entry.value.is_absent() || is_flow(mapping) {
            return self.write(entry, &format!("{{{}}}", self.flow()));
        }
        let indent = entry.key.place.column - 1 + self.step;
        let lines = self.block(indent);
        Edit::insert(line_end(self.text, entry.key.end), format!("{}{lines}", line_break(self.text)))
    }

    /// In place of the value of an entry.
    fn replace(&self, entry: &Entry, value: &View<'_>) -> Result<Edit, PodError> {
        let written = quote(self.value);
        let Content::Scalar { style, .. } = entry.value.content else {
            return Err(value.unlike("a string"));
        };
        let header = if style == Style::Block { block_header(self.text, entry.key.end) } else { None };
        let Some(header) = header else { return Ok(self.write(entry, &written)) };
        // A comment behind the header stays.
        let comment = slice(self.text, header.end, line_end(self.text, header.end)).trim_end();
        let is_kept = entry.value.end > 0 && slice(self.text, 0, entry.value.end).ends_with('\n');
        let newline = if is_kept { line_break(self.text) } else { "" };
        Ok(Edit { start: header.start, end: entry.value.end, text: format!("{written}{comment}{newline}") })
    }

    /// Writes `value` where the scalar of an entry is or would be.
    fn write(&self, entry: &Entry, value: &str) -> Edit {
        let Node { start, end, .. } = entry.value;
        if !entry.value.is_absent() {
            return Edit { start, end, text: value.to_owned() };
        }
        let behind = rest(self.text, entry.key.end);
        let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
        if rest(behind, blanks).starts_with(':') {
            Edit::insert(entry.key.end + blanks + 1, format!(" {value}"))
        } else {
            Edit::insert(entry.key.end, format!(": {value}"))
        }
    }

    /// `"a": {"b": "value"}`, as YAML and JSON both read it.
    fn flow(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("{}: ", quote(key))).collect();
        let closing = "}".repeat(self.keys.len().saturating_sub(1));
        format!("{}{}{closing}", keys.join("{"), quote(self.value))
    }

    /// One key a line, without the last line break.
    fn block(&self, indent: usize) -> String {
        let line = |(level, key): (usize, &&str)| {
            // With a slash or letters alone, a key is a string to every reader; others are quoted.
            let is_ours = matches!(*key, "metadata" | "annotations");
            let key = if key.contains('/') || is_ours { (*key).to_owned() } else { quote(key) };
            format!("{}{key}:", " ".repeat(indent + level * self.step))
        };
        let lines: Vec<String> = self.keys.iter().enumerate().map(line).collect();
        format!("{} {}", lines.join(line_break(self.text)), quote(self.value))
    }
}

fn is_flow(node: &Node) -> bool {
    matches!(node.content, Content::Mapping { layout: Layout::Flow, .. })
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t'))
}

/// The spaces by which mappings below this one are indented, where one shows it.
fn shown_step(mapping: &Node) -> Option<usize> {
    let step = |entry: &Entry| {
        let below = entry.value.entries()?.first().filter(|_| !is_flow(&entry.value))?;
        below.key.place.column.checked_sub(entry.key.place.column).filter(|step| *step > 0)
    };
    mapping.entries().unwrap_or_default().iter().find_map(step)
}
