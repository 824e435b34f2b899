//! Writes a document: the same bytes for the same keys, in forms that every TOML reader takes.
//!
//! TOML 1.0 only (peer pods read no 1.1). A text stands as it is in a literal string where that keeps it
//! exactly, so that people can read and compare it; else in a basic string with escapes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Algorithm;
use crate::document::VERSION;

/// The document with these keys, sorted.
pub(crate) fn document(algorithm: Algorithm, data: &BTreeMap<String, String>) -> String {
    let mut out = format!("algorithm = \"{algorithm}\"\nversion = \"{VERSION}\"\n\n[data]\n");
    for (key, value) in data {
        // A reader drops the line end after the opening quotes, and only that one.
        let (quotes, body) =
            if is_literal(value) { ("'''", value.clone()) } else { ("\"\"\"", escaped(value)) };
        // A String takes any write.
        let _ = writeln!(out, "\"{}\" = {quotes}\n{body}{quotes}", escaped(key).replace('\n', "\\n"));
    }
    out
}

/// Whether a multi-line literal string holds `value` as it is. Readers may change a carriage return,
/// and not all of them know that a quote may stand before the closing quotes.
fn is_literal(value: &str) -> bool {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    value.chars().all(is_plain) && !value.contains("'''") && !value.ends_with('\'')
}

/// `value` for a multi-line basic string: line feeds stay, so that it can be read.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {
                // A String takes any write.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
