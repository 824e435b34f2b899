//! Sample requests and the answer each should get: the format of a case file, and the files we ship.
//!
//! A case file is TOML, a list of `[[case]]` tables. The files under `policies/*/cases` are in the
//! program, so that a build can put a policy to the proof anywhere; this module opens no file.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::{Decision, Request, Toggle};

/// One sample request.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What happens, in one sentence.
    pub name: String,
    /// What is asked for.
    pub request: Request,
    /// What the agent gives its policy as `input`: the request as the agent writes it in JSON.
    pub input: serde_json::Value,
    /// The answer it should get.
    pub expect: Answer,
    /// Whom the answer binds.
    pub rule: Rule,
    /// What a developer opens to get the other answer, if it may be opened at all.
    pub opens: Option<Toggle>,
    /// Why this is the answer, in one line.
    pub why: String,
}

/// The answer a case expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The request must pass.
    Allow,
    /// The policy must say no in so many words: a rule that is missing or fails is no answer.
    Deny,
}

/// Whom a case binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every policy: without this request an ordinary pod does not come up, run or stop.
    StartPath,
    /// Every default policy: this must never be open in an image before its owner opens it.
    Closed,
    /// Only the policy the case was written for. Another one may decide otherwise.
    Default,
}

/// Why a case file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// Not TOML, or a key is missing, unknown or of the wrong kind.
    #[error("{file}:{line}:{column}: {message}")]
    Format {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The agent asks about no such request.
    #[error("{file}: case \"{case}\": got request {request}, expected one the agent asks about")]
    Request {
        /// The file.
        file: String,
        /// The name of the case.
        case: String,
        /// The request it names.
        request: String,
    },
    /// The input is not JSON.
    #[error("{file}: case \"{case}\": input is not JSON: {message}")]
    Input {
        /// The file.
        file: String,
        /// The name of the case.
        case: String,
        /// What is wrong with it, and where in the input.
        message: String,
    },
    /// The start path is what must be allowed, and what is closed, or can be opened, must be denied.
    #[error("{file}: case \"{case}\": got expect {expect}, expected the other answer for rule {rule}")]
    Contradiction {
        /// The file.
        file: String,
        /// The name of the case.
        case: String,
        /// The answer it expects.
        expect: Answer,
        /// The rule it claims.
        rule: Rule,
    },
}

/// Reads a case file. `file` is only for messages.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    let raw: RawFile = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.chars().rev().take_while(|c| *c != '\n').count().saturating_add(1);
        CaseError::Format { file: file.to_owned(), line, column, message: error.message().to_owned() }
    })?;
    raw.case.into_iter().map(|case| typed(file, case)).collect()
}

/// The cases of the policies we ship, in the order of their files.
pub fn embedded() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        FILES
            .iter()
            .flat_map(|(file, text)| parse(file, text).expect("a test reads every embedded file"))
            .collect()
    });
    &CASES
}

impl Answer {
    /// Whether `decision` is this answer.
    pub fn is(self, decision: &Decision) -> bool {
        match self {
            Answer::Allow => matches!(decision, Decision::Allow),
            Answer::Deny => matches!(decision, Decision::Deny { .. }),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Answer::Allow => "allow",
            Answer::Deny => "deny",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Rule::StartPath => "start-path",
            Rule::Closed => "closed",
            Rule::Default => "default",
        })
    }
}

/// Names a case file and takes its text in.
macro_rules! case_files {
    ($($file:literal),+ $(,)?) => {
        /// The files of `policies/default-restrictive/cases`, and their text.
        const FILES: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../policies/default-restrictive/cases/", $file)))),+];
    };
}

case_files![
    "closed.toml",
    "copy-file.toml",
    "network.toml",
    "sandbox.toml",
    "start-path.toml",
    "unused.toml"
];

/// A case file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    case: Vec<RawCase>,
}

/// A case as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    request: String,
    expect: Answer,
    rule: Rule,
    opens: Option<Toggle>,
    why: String,
    input: String,
}

fn typed(file: &str, raw: RawCase) -> Result<Case, CaseError> {
    let RawCase { name, request, expect, rule, opens, why, input } = raw;
    let file = file.to_owned();
    let Ok(request) = request.parse() else {
        return Err(CaseError::Request { file, case: name, request });
    };
    let input = match serde_json::from_str(&input) {
        Ok(input) => input,
        Err(error) => {
            return Err(CaseError::Input { file, case: name, message: error.to_string() });
        }
    };
    match (rule, expect) {
        (Rule::StartPath, Answer::Deny) | (Rule::Closed, Answer::Allow) => {
            Err(CaseError::Contradiction { file, case: name, expect, rule })
        }
        // What somebody may open must be closed before.
        (_, Answer::Allow) if opens.is_some() => {
            Err(CaseError::Contradiction { file, case: name, expect, rule })
        }
        _ => Ok(Case { name, request, input, expect, rule, opens, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const GOOD: &str = r#"
[[case]]
name = "a shell is opened"
request = "ExecProcessRequest"
expect = "deny"
rule = "closed"
why = "it reads secrets"
input = '{"container_id": "a"}'
"#;

    /// Why the good case is none after one edit.
    fn refused(from: &str, to: &str, error: &Expect) {
        assert!(GOOD.contains(from));
        error.assert_eq(&parse("own.toml", &GOOD.replace(from, to)).unwrap_err().to_string());
    }

    #[test]
    fn a_case_is_read_whole() {
        let case = Case {
            name: "a shell is opened".to_owned(),
            request: Request::ExecProcess,
            input: serde_json::json!({"container_id": "a"}),
            expect: Answer::Deny,
            rule: Rule::Closed,
            opens: None,
            why: "it reads secrets".to_owned(),
        };
        assert_eq!(parse("own.toml", GOOD), Ok(vec![case]));
    }

    #[test]
    fn a_request_nobody_asks_about_is_an_error() {
        refused(
            "ExecProcessRequest",
            "ExecRequest",
            &expect![[
                r#"own.toml: case "a shell is opened": got request ExecRequest, expected one the agent asks about"#
            ]],
        );
    }

    #[test]
    fn an_input_that_is_not_json_is_an_error() {
        refused(
            r#"{"container_id": "a"}"#,
            "{container_id}",
            &expect![[
                r#"own.toml: case "a shell is opened": input is not JSON: key must be a string at line 1 column 2"#
            ]],
        );
    }

    #[test]
    fn a_closed_case_that_allows_is_an_error() {
        refused(
            "deny",
            "allow",
            &expect![[
                r#"own.toml: case "a shell is opened": got expect allow, expected the other answer for rule closed"#
            ]],
        );
    }

    #[test]
    fn a_start_path_that_denies_is_an_error() {
        refused(
            "closed",
            "start-path",
            &expect![[
                r#"own.toml: case "a shell is opened": got expect deny, expected the other answer for rule start-path"#
            ]],
        );
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        refused(
            "why =",
            "because =",
            &expect![
                "own.toml:7:1: unknown field `because`, expected one of `name`, `request`, `expect`, `rule`, `opens`, `why`, `input`"
            ],
        );
    }

    #[test]
    fn an_unknown_answer_is_an_error() {
        refused(
            "deny",
            "maybe",
            &expect!["own.toml:5:10: unknown variant `maybe`, expected `allow` or `deny`"],
        );
    }
}
