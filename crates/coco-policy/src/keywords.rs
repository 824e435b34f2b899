//! Finds keywords the older engine would not take for keywords. Not what the policy means.
//!
//! Rego's `if`, `in`, `every` and `contains` are words like any other until they are imported. The newer
//! engine imports them by itself; regorus 0.2.8 does not. It reads `X if { false }` as two rules: `X`,
//! which is true, and `if`. A condition is lost without an error, and what it guarded is open.

use std::collections::BTreeSet;

use regorus::unstable::{Source, Token, TokenKind};

use crate::bounds::tokens;

/// The words a policy may import (`future.keywords`, or all of them by `rego.v1`).
const KEYWORDS: [&str; 4] = ["contains", "every", "if", "in"];

/// A keyword that was not imported before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The keyword.
    pub(crate) keyword: &'static str,
    /// The line it stands in, from 1.
    pub(crate) line: u32,
    /// The column, from 1.
    pub(crate) column: u32,
}

/// The first keyword that the older engine would read as a name.
pub(crate) fn missing(source: &Source) -> Option<Missing> {
    let tokens: Vec<Token> = tokens(source).collect();
    let words: Vec<&str> = tokens.iter().map(word).collect();
    let imported = imported(&words);
    let text = |index: Option<usize>| index.and_then(|index| words.get(index)).copied().unwrap_or("");
    tokens.iter().enumerate().find_map(|(index, Token(kind, span))| {
        let keyword = *KEYWORDS.iter().find(|keyword| **keyword == span.text())?;
        let is_field = text(index.checked_sub(1)) == ".";
        let is_call = matches!(text(index.checked_add(1)), "(" | ".");
        let is_used = *kind == TokenKind::Ident && !is_field && !(keyword == "contains" && is_call);
        (is_used && !imported.contains(keyword)).then_some(Missing {
            keyword,
            line: span.line,
            column: span.col,
        })
    })
}

/// A name or a symbol as it stands; nothing for a string, which could say anything.
fn word(Token(kind, span): &Token) -> &str {
    if matches!(kind, TokenKind::Ident | TokenKind::Symbol) { span.text() } else { "" }
}

/// The keywords the policy's imports bring. To the older engine, `every` brings `in` along, and a path that
/// goes on behind the keyword brings nothing.
fn imported(words: &[&str]) -> BTreeSet<&'static str> {
    let goes_on = |word: Option<&&str>| matches!(word, Some(&("." | "[")));
    let mut imported = BTreeSet::new();
    let mut before = "";
    for (index, word) in words.iter().enumerate() {
        let is_import = *word == "import" && before != ".";
        before = word;
        match words.get(index..).unwrap_or_default() {
            _ if !is_import => {}
            [_, "future", ".", "keywords", ".", word, rest @ ..] if !goes_on(rest.first()) => {
                imported.extend(KEYWORDS.iter().filter(|keyword| *keyword == word));
                imported.extend((*word == "every").then_some("in"));
            }
            [_, "rego", ".", "v1", rest @ ..] | [_, "future", ".", "keywords", rest @ ..]
                if !goes_on(rest.first()) =>
            {
                imported.extend(KEYWORDS);
            }
            _ => {}
        }
    }
    imported
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keyword that is missing in a policy with these lines.
    fn missing_in(lines: &str) -> Option<&'static str> {
        let text = format!("package agent_policy\n{lines}\n");
        let source = Source::from_contents("policy.rego".to_owned(), text).unwrap();
        missing(&source).map(|missing| missing.keyword)
    }

    #[test]
    fn a_keyword_is_missing_until_it_is_imported() {
        for (lines, expected) in [
            ("x if { true }", Some("if")),
            ("import future.keywords.in\nx if { true }", Some("if")),
            ("import future.keywords.if\nx if { 1 in [1] }", Some("in")),
            ("import future.keywords.if\nx contains 1 if { true }", Some("contains")),
            ("x { every y in [1] { y } }", Some("every")),
            ("import rego.v1.more\nx if { true }", Some("if")),
            ("import rego.v1[0]\nx if { true }", Some("if")),
            ("import future.keywords[\"in\"]\nx if { true }", Some("if")),
            ("import future.keywords.if.more\nx if { true }", Some("if")),
            ("y { \"import\"\n\"rego\"\n\".\"\n\"v1\" }\nx if { true }", Some("if")),
            ("y { a.import\nrego.v1 }\nx if { true }", Some("if")),
            ("x := \".\" if { true }", Some("if")),
            ("x contains \"(\"", Some("contains")),
            ("import rego.v1\nx if { 1 in [1] }", None),
            ("import future.keywords\nx if { 1 in [1] }", None),
            ("import future.keywords.if\nx if { true }", None),
            ("import future.keywords.every\nx { every y in [1] { y } }", None),
        ] {
            assert_eq!(missing_in(lines), expected, "{lines}");
        }
    }

    #[test]
    fn fields_strings_comments_and_the_function_contains_are_no_keywords() {
        for lines in ["x := input.if", "x := \"if\"", "# if", "x { contains(\"ab\", \"a\") }"] {
            assert_eq!(missing_in(lines), None, "{lines}");
        }
    }

    #[test]
    fn the_place_is_told() {
        let text = "package agent_policy\n\nx if { true }\n";
        let source = Source::from_contents("policy.rego".to_owned(), text.to_owned()).unwrap();
        assert_eq!(missing(&source), Some(Missing { keyword: "if", line: 3, column: 3 }));
    }
}
