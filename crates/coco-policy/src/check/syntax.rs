//! Why an engine can't load a policy, as a diagnostic. The engines' own words are kept.

use super::{Code, Found, Place};
use crate::{Engine, PolicyError};

/// Adds what these engines say about a policy they all refuse.
pub(super) fn refused(error: &PolicyError, engines: &[Engine], found: &mut Found) {
    let (code, place) = match error {
        PolicyError::Empty { .. } => (Code::Empty, Place::START),
        PolicyError::ByteOrderMark { .. } => (Code::ByteOrderMark, Place::START),
        PolicyError::NotUtf8 { .. } => (Code::NotUtf8, Place::START),
        PolicyError::TooLong { .. } => (Code::TooLong, Place::START),
        PolicyError::WrongPackage { .. } => (Code::WrongPackage, Place::START),
        PolicyError::Refused { message, .. } => (by_words(message), Place::START),
        PolicyError::TooComplex { line, column, .. } => {
            (Code::TooComplex, Place { line: *line, column: *column })
        }
        PolicyError::KeywordNotImported { line, column, .. } => {
            (Code::MissingImport, Place { line: *line, column: *column })
        }
        PolicyError::Syntax { line, column, message, .. } => {
            (by_words(message), Place { line: *line, column: *column })
        }
    };
    let engines: Vec<String> = engines.iter().map(ToString::to_string).collect();
    found.add(code, place, format!("{}: {}", engines.join(", "), words(error)));
}

/// The engines have one kind of error; what it is about is in its words (`parser.rs`, `lexer.rs` and
/// `compiled_policy.rs` of regorus).
fn by_words(message: &str) -> Code {
    if message.contains("`if` keyword is required") {
        Code::MissingIf
    } else if message.contains("is unsafe") {
        Code::UnsafeVariable
    } else if message.contains("maximum column width") {
        Code::TooLong
    } else {
        Code::Syntax
    }
}

/// What is wrong, without the place, which the diagnostic has.
fn words(error: &PolicyError) -> String {
    match error {
        PolicyError::Empty { .. } => "no statement in it; the agent stops at its start".to_owned(),
        PolicyError::ByteOrderMark { .. } => "begins with a byte order mark; the agent stops".to_owned(),
        PolicyError::NotUtf8 { offset, .. } => format!("not UTF-8: an invalid byte at offset {offset}"),
        PolicyError::TooLong { unit, got, limit, .. } => {
            format!("got {got} {unit}, expected at most {limit}")
        }
        PolicyError::Syntax { message, .. } | PolicyError::Refused { message, .. } => {
            // Found when the rules are put in order, which the agent does at the first request.
            let is_late = by_words(message) == Code::UnsafeVariable;
            let effect = if is_late { "every request is denied" } else { "the agent stops at its start" };
            format!("{message}; {effect}")
        }
        PolicyError::TooComplex { what, limit, .. } => {
            format!("got over {limit} {what}; an engine could hang on it")
        }
        PolicyError::KeywordNotImported { keyword: "if", .. } => {
            "`if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; \
             add `import rego.v1`"
                .to_owned()
        }
        PolicyError::KeywordNotImported { keyword, .. } => {
            format!("`{keyword}` is not imported, so it is a name; add `import rego.v1`")
        }
        PolicyError::WrongPackage { got, .. } => {
            format!("got package {got}, expected agent_policy; the agent finds no rule and denies everything")
        }
    }
}
