//! Places in YAML text that the parser does not give: ends of lines and quotes, headers of `|` and `>`.

use std::fmt::Write as _;

/// The text from one byte to another; empty where they are no places of it.
pub(crate) fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// Everything from a byte on.
pub(crate) fn rest(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}

/// The first byte of the line that `at` is in.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    slice(text, 0, at).rfind('\n').map_or(0, |newline| newline + 1)
}

/// The end of the line that `at` is in, its line break left out.
pub(crate) fn line_end(text: &str, at: usize) -> usize {
    let rest = rest(text, at);
    let line = rest.find('\n').map_or(rest, |newline| slice(rest, 0, newline));
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// Behind the line break of the line that `at` is in; the end of the text if it has none.
pub(crate) fn next_line(text: &str, at: usize) -> usize {
    if at > 0 && slice(text, at - 1, at) == "\n" {
        return at; // a block scalar that keeps its last line breaks ends behind them
    }
    rest(text, at).find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The line break the file uses.
pub(crate) fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Behind the tag and the anchor that stand before a value.
pub(crate) fn skip_properties(text: &str, mut at: usize) -> usize {
    loop {
        let here = rest(text, at);
        if here.starts_with(['!', '&']) {
            at += here.find(char::is_whitespace).unwrap_or(here.len());
        } else if here.starts_with(char::is_whitespace) {
            at += here.len() - here.trim_start().len();
        } else if here.starts_with('#') {
            at = next_line(text, at + 1);
        } else {
            return at;
        }
    }
}

/// Behind the quote that closes the one at `start`.
pub(crate) fn quoted_end(text: &str, start: usize) -> usize {
    let mut chars = rest(text, start).char_indices().peekable();
    let quote = chars.next().map(|(_, c)| c);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == Some('"') => {
                chars.next();
            }
            '\'' if quote == Some('\'') && chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                chars.next();
            }
            _ if Some(c) == quote => return start + at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The first line of a block scalar: `|` or `>` with its indicators.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) start: usize,
    /// Behind the indicators; a comment may follow.
    pub(crate) end: usize,
    keeps_line_breaks: bool,
}

/// The header of the block scalar whose key ends at `key_end`.
pub(crate) fn block_header(text: &str, key_end: usize) -> Option<Header> {
    let colon = skip_properties(text, key_end);
    let start = skip_properties(text, colon + rest(text, colon).strip_prefix(':').map_or(0, |_| 1));
    let here = rest(text, start);
    let indicators = here.strip_prefix(['|', '>'])?;
    let length = indicators.find(|c: char| !matches!(c, '+' | '-' | '0'..='9')).unwrap_or(indicators.len());
    let keeps_line_breaks = slice(indicators, 0, length).contains('+');
    Some(Header { start, end: start + 1 + length, keeps_line_breaks })
}

impl Header {
    /// Where the content ends, of which the parser says it ends before `next`.
    pub(crate) fn content_end(self, text: &str, next: usize) -> usize {
        let first = line_end(text, self.end);
        if self.keeps_line_breaks {
            return next.max(first);
        }
        let content = slice(text, first, next);
        line_end(text, first + content.trim_end().len())
    }
}

/// The text in double quotes, as YAML and JSON both read it.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Not printable, or the end of a line, for one of the versions of YAML.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c)); // a String takes everything
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
