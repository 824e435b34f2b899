//! From bytes to trees: limits, places in bytes, keys that are there once. Knows nothing of Kubernetes.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::error::PodError;
use crate::node::{Content, Entry, Layout, Node, Place, Style};
use crate::text::{block_header, line_start, quoted_end, rest, skip_properties, slice};

/// Bytes a file may have. An object of Kubernetes is at most 1.5 MiB (etcd's `--max-request-bytes`).
pub const BYTES_MAX: usize = 4 << 20;

/// Levels of lists and mappings in each other. A pod has fewer than 20.
pub const LEVELS_MAX: usize = 100;

/// Scalars, lists and mappings of a file. What they need of memory stays below 100 MiB.
pub const VALUES_MAX: usize = 400_000;

/// The text of a file and the tree of each of its documents.
pub(crate) fn documents(name: &str, text: &str) -> Result<Vec<Node>, PodError> {
    check_line_breaks(name, text)?;
    let mut builder = Builder::new(name, text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(name, &error))?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

/// The bytes as text, if they can be a file of pods.
pub(crate) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, PodError> {
    let name = || name.to_owned();
    if bytes.len() > BYTES_MAX {
        let (unit, got, limit) = ("bytes", bytes.len(), BYTES_MAX);
        return Err(PodError::TooLarge { name: name(), unit, got, limit });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| PodError::NotUtf8 { name: name(), offset: error.valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        return Err(PodError::ByteOrderMark { name: name() });
    }
    Ok(text)
}

/// YAML 1.1, which Kubernetes' reader follows, ends lines at characters that are text to YAML 1.2.
fn check_line_breaks(name: &str, text: &str) -> Result<(), PodError> {
    let mut place = Place { line: 1, column: 1 };
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_wrong = match c {
            '\r' => rest.peek() != Some(&'\n'),
            '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            _ => false,
        };
        if is_wrong {
            let Place { line, column } = place;
            return Err(PodError::LineBreak { name: name.to_owned(), line, column, got: u32::from(c) });
        }
        place = if c == '\n' {
            Place { line: place.line + 1, column: 1 }
        } else {
            Place { column: place.column + 1, ..place }
        };
    }
    Ok(())
}

fn syntax(name: &str, error: &ScanError) -> PodError {
    let Place { line, column } = place(*error.marker());
    PodError::Syntax { name: name.to_owned(), line, column, message: error.info().to_owned() }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// A list or mapping that has begun and not ended.
struct Open {
    start: usize,
    place: Place,
    anchor: Option<usize>,
    tag: Option<String>,
    inside: Inside,
}

enum Inside {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: BTreeSet<String>, key: Option<Node> },
}

struct Builder<'a> {
    name: &'a str,
    text: &'a str,
    /// The byte of every character, and the end; the parser counts characters.
    bytes: Vec<usize>,
    open: Vec<Open>,
    values: usize,
    documents: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        let mut bytes = Vec::new();
        if !text.is_ascii() {
            bytes = text.char_indices().map(|(byte, _)| byte).collect();
        }
        Self { name, text, bytes, open: Vec::new(), values: 0, documents: Vec::new() }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), PodError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let (start, end) = self.extent(&text, style, span);
                let content = Content::Scalar { text: text.into_owned(), style };
                let (anchor, tag) = (marked(anchor), tag.as_deref().map(Tag::to_string));
                self.put(Node { start, end, place: place(span.start), anchor, tag, content })
            }
            Event::Alias(id) => {
                let (start, end) = (self.byte(span.start), self.byte(span.end));
                let content = Content::Alias(id);
                self.put(Node { start, end, place: place(span.start), anchor: None, tag: None, content })
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), span, Inside::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Mapping { entries: Vec::new(), seen: BTreeSet::new(), key: None };
                self.begin(anchor, tag.as_deref(), span, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
        inside: Inside,
    ) -> Result<(), PodError> {
        if self.open.len() >= LEVELS_MAX {
            return Err(self.too_large("levels", self.open.len() + 1, LEVELS_MAX));
        }
        self.open.push(Open {
            start: self.byte(span.start),
            place: place(span.start),
            anchor: marked(anchor),
            tag: tag.map(Tag::to_string),
            inside,
        });
        Ok(())
    }

    fn finish(&mut self, span: Span) -> Result<(), PodError> {
        let Some(Open { start, place, anchor, tag, inside }) = self.open.pop() else { return Ok(()) };
        let close = self.close(span);
        let (content, last) = match inside {
            Inside::Sequence(items) => {
                let last = items.last().map(|node| node.end);
                (Content::Sequence(items), last)
            }
            Inside::Mapping { entries, .. } => {
                let last = entries.last().map(|entry| entry.value.end);
                let layout = if close.is_some() { Layout::Flow } else { Layout::Block };
                (Content::Mapping { entries, layout }, last)
            }
        };
        let end = close.or(last).unwrap_or(start);
        self.put(Node { start, end, place, anchor, tag, content })
    }

    /// Puts a complete value where it belongs.
    fn put(&mut self, mut node: Node) -> Result<(), PodError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(self.too_large("values", self.values, VALUES_MAX));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.inside {
            Inside::Sequence(items) => items.push(node),
            Inside::Mapping { entries, seen, key } => match key.take() {
                None => {
                    check_key(self.name, seen, &node)?;
                    *key = Some(node);
                }
                Some(key) => {
                    locate(self.text, &key, &mut node);
                    entries.push(Entry { key, value: node });
                }
            },
        }
        Ok(())
    }

    /// Where a scalar begins and ends. The parser's span of a quoted one goes on to the next token.
    fn extent(&self, text: &str, style: Style, span: Span) -> (usize, usize) {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        match style {
            Style::Plain if text.is_empty() => (start, start),
            Style::Plain => (start, start + slice(self.text, start, end).trim_end().len()),
            Style::Quoted => (start, quoted_end(self.text, skip_properties(self.text, start))),
            Style::Block => {
                // The parser may have gone on into the indentation of the next line.
                let line = line_start(self.text, end);
                let is_blank = slice(self.text, line, end).bytes().all(|byte| byte == b' ');
                (start, if is_blank && line > start { line } else { end })
            }
        }
    }

    /// Behind the bracket of a list or mapping in flow style. The parser's span of its end is the bracket
    /// or, for a mapping, the comma before it; in block style it is empty.
    fn close(&self, span: Span) -> Option<usize> {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        let at = match slice(self.text, start, end).chars().next()? {
            ',' => skip_properties(self.text, start + 1),
            _ => start,
        };
        rest(self.text, at).starts_with(['}', ']']).then_some(at + 1)
    }

    fn byte(&self, marker: Marker) -> usize {
        if self.bytes.is_empty() {
            marker.index().min(self.text.len())
        } else {
            self.bytes.get(marker.index()).copied().unwrap_or(self.text.len())
        }
    }

    fn too_large(&self, unit: &'static str, got: usize, limit: usize) -> PodError {
        PodError::TooLarge { name: self.name.to_owned(), unit, got, limit }
    }
}

/// Refuses a key that is not text, or that is there already.
fn check_key(name: &str, seen: &mut BTreeSet<String>, key: &Node) -> Result<(), PodError> {
    let Place { line, column } = key.place;
    let name = name.to_owned();
    match key.text() {
        None => {
            let (place, got, expected) = ("a key".to_owned(), key.word(), "a string");
            Err(PodError::Type { name, line, column, place, got, expected })
        }
        Some(text) if seen.insert(text.to_owned()) => Ok(()),
        Some(text) => Err(PodError::DuplicateKey { name, line, column, key: text.to_owned() }),
    }
}

/// Mends the places of values that the parser gives only in part, from where their key ends.
fn locate(text: &str, key: &Node, value: &mut Node) {
    match &value.content {
        Content::Scalar { text: content, style: Style::Plain } if content.is_empty() => {
            value.start = key.end;
            value.end = key.end;
            value.place = key.place;
        }
        Content::Scalar { style: Style::Block, .. } => {
            if let Some(header) = block_header(text, key.end) {
                value.start = header.start;
                value.end = header.content_end(text, value.end);
            }
        }
        _ => {}
    }
}

/// The parser numbers anchors from 1; 0 is none.
fn marked(anchor: usize) -> Option<usize> {
    (anchor != 0).then_some(anchor)
}
