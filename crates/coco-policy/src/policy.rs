//! A policy as the agent holds it: loaded text and the question put to it. Knows no sample request.

use std::num::{NonZeroU32, NonZeroUsize};

use regorus::unstable::{Parser, Source};
use serde_json::Value;

use crate::engine::{Answer, Engine, Loaded};
use crate::error::PACKAGE;
use crate::{PolicyError, Request, bounds, keywords};

/// Longest line the agent's engine takes, in columns (`POLICY_MAX_COL` of `src/agent/policy/src/policy.rs`).
pub(crate) const MAX_COLUMNS: NonZeroU32 = NonZeroU32::new(64 * 1024).unwrap();
/// Longest policy it takes, in bytes (`POLICY_MAX_FILE_BYTES`, same file).
pub(crate) const MAX_BYTES: NonZeroUsize = NonZeroUsize::new(16 * 1024 * 1024).unwrap();
/// Most lines it takes (`POLICY_MAX_LINES`, same file).
pub(crate) const MAX_LINES: NonZeroUsize = NonZeroUsize::new(200_000).unwrap();

/// A policy that loads in an agent's engine.
#[derive(Debug, Clone)]
pub struct Policy {
    loaded: Loaded,
}

/// The policy's answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The request passes.
    Allow,
    /// The agent answers `PERMISSION_DENIED`, "... is blocked by policy".
    Deny {
        /// What the policy printed; the agent sends it to the host behind its own words.
        prints: Vec<String>,
    },
    /// No rule answers. The agent denies, with `INTERNAL` and a text nobody recognises.
    Undefined,
    /// The rule could not be evaluated, or its value is none the agent understands. It denies.
    Failed(String),
}

impl Policy {
    /// Loads a policy as the newest agent would. `name` is only for messages.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Policy, PolicyError> {
        Policy::parse_for(Engine::Regorus09, name, bytes)
    }

    /// Loads a policy as an agent with this engine would. `name` is only for messages.
    pub fn parse_for(engine: Engine, name: &str, bytes: &[u8]) -> Result<Policy, PolicyError> {
        let text = text(name, bytes)?;
        let source = source(name, text)?;
        bounds::check(name, &source)?;
        if engine == Engine::Regorus028 {
            try_for_older(name, &source)?;
        }
        let (loaded, package) = Loaded::load(engine, name, text).map_err(|words| refusal(name, &words))?;
        if package != format!("data.{PACKAGE}") {
            let got = package.strip_prefix("data.").unwrap_or(&package).to_owned();
            return Err(PolicyError::WrongPackage { name: name.to_owned(), got });
        }
        Ok(Policy { loaded })
    }

    /// Asks the policy about one request, as the agent would. The policy's state is that of a fresh
    /// agent: what an answer would change in it (`ops`) is not carried to the next question.
    pub fn decide(&self, request: Request, input: &Value) -> Decision {
        ask(&mut self.loaded.clone(), request.name(), input)
    }

    /// Asks the policy about many requests, one after the other.
    pub(crate) fn decide_all<'a>(
        &self,
        requests: impl Iterator<Item = (Request, &'a Value)>,
    ) -> Vec<Decision> {
        let mut loaded = self.loaded.clone();
        requests.map(|(request, input)| ask(&mut loaded, request.name(), input)).collect()
    }
}

fn ask(loaded: &mut Loaded, rule: &str, input: &Value) -> Decision {
    match loaded.ask(&format!("data.{PACKAGE}.{rule}"), input) {
        Ok(answer) => decision(answer),
        Err(words) => Decision::Failed(message(&words)),
    }
}

/// The text of a policy, if the engine can take it at all.
pub(crate) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, PolicyError> {
    if bytes.len() > MAX_BYTES.get() {
        let (got, limit) = (bytes.len(), MAX_BYTES.get());
        return Err(PolicyError::TooLong { name: name.to_owned(), unit: "bytes", got, limit });
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(PolicyError::ByteOrderMark { name: name.to_owned() });
    }
    let text = str::from_utf8(bytes)
        .map_err(|error| PolicyError::NotUtf8 { name: name.to_owned(), offset: error.valid_up_to() })?;
    let statement = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !text.lines().any(statement) {
        return Err(PolicyError::Empty { name: name.to_owned() });
    }
    let lines = text.lines().count();
    if lines > MAX_LINES.get() {
        let limit = MAX_LINES.get();
        return Err(PolicyError::TooLong { name: name.to_owned(), unit: "lines", got: lines, limit });
    }
    Ok(text)
}

/// Refuses what the older engine must not be given: it reads keywords that were not imported as names, and
/// it panics over some mistakes where a line begins (`col - 1` in its parser). The newer parser finds the
/// same mistakes and does not; it is asked in the older one's dialect.
fn try_for_older(name: &str, source: &Source) -> Result<(), PolicyError> {
    if let Some(keywords::Missing { keyword, line, column }) = keywords::missing(source) {
        return Err(PolicyError::KeywordNotImported { name: name.to_owned(), line, column, keyword });
    }
    let refused = |error| refusal(name, &format!("{error}"));
    let mut parser = Parser::new(source).map_err(refused)?;
    parser.set_max_col(MAX_COLUMNS);
    parser.parse().map_err(refused)?;
    Ok(())
}

/// The text as the engines' own lexer takes it.
pub(crate) fn source(name: &str, text: &str) -> Result<Source, PolicyError> {
    Source::from_contents_with_limits(name.to_owned(), text.to_owned(), MAX_BYTES, MAX_LINES)
        .map_err(|error| refusal(name, &error.to_string()))
}

/// The engine's words about a policy it refuses, taken apart: it writes the place in a line
/// `--> name:line:column` and, below a picture of it, `error: ` and what is wrong.
pub(crate) fn refusal(name: &str, words: &str) -> PolicyError {
    let name = name.to_owned();
    let place = words.lines().find_map(|line| {
        let (line, column) =
            line.strip_prefix("--> ")?.strip_prefix(&name)?.strip_prefix(':')?.split_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    let message = message(words);
    match place {
        Some((line, column)) => PolicyError::Syntax { name, line, column, message },
        None => PolicyError::Refused { name, message },
    }
}

/// What is wrong, in one line, without the engine's picture of the place.
fn message(words: &str) -> String {
    let wrong = words.split_once("\nerror: ").map_or(words, |(_, wrong)| wrong);
    let first = wrong.trim().lines().next().unwrap_or("the engine gives no reason");
    first.trim_end_matches(':').to_owned()
}

/// What the agent makes of an answer: one value, a bool or an object with `allowed` and perhaps `ops`.
fn decision(answer: Answer) -> Decision {
    let value = match answer.results.as_slice() {
        [] => return Decision::Undefined,
        [values] => match values.as_slice() {
            [value] => value,
            others => return Decision::Failed(format!("got {} values, expected 1", others.len())),
        },
        others => return Decision::Failed(format!("got {} results, expected 1", others.len())),
    };
    let allowed = match value {
        Value::Bool(allowed) => *allowed,
        Value::Object(fields) => match (fields.get("allowed"), fields.get("ops")) {
            (Some(Value::Bool(allowed)), None | Some(Value::Null)) => *allowed,
            (Some(Value::Bool(allowed)), Some(Value::Array(ops))) if ops.iter().all(is_operation) => *allowed,
            (Some(Value::Bool(_)), Some(ops)) => {
                return Decision::Failed(format!("got ops {ops}, expected a JSON patch"));
            }
            (None, _) => return Decision::Failed("got an object without allowed".to_owned()),
            (Some(allowed), _) => {
                return Decision::Failed(format!("got allowed {allowed}, expected true or false"));
            }
        },
        other => return Decision::Failed(format!("got {other}, expected true, false or an object")),
    };
    if allowed { Decision::Allow } else { Decision::Deny { prints: answer.prints } }
}

/// Whether this is one operation of a JSON patch (RFC 6902). What it changes is not carried out.
fn is_operation(operation: &Value) -> bool {
    let has = |key: &str| operation.get(key).is_some_and(Value::is_string);
    has("op") && has("path")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEFAULT_RESTRICTIVE;

    /// The decision on an exec without any field, of a policy with this rule alone.
    fn exec(rule: &str) -> Decision {
        let text = format!("package agent_policy\n\n{rule}\n");
        let policy = Policy::parse("policy.rego", text.as_bytes()).unwrap();
        policy.decide(Request::ExecProcess, &serde_json::json!({}))
    }

    fn failed(message: &str) -> Decision {
        Decision::Failed(message.to_owned())
    }

    #[test]
    fn what_a_denial_prints_comes_with_it() {
        let got =
            exec("default ExecProcessRequest := false\n\nExecProcessRequest if {\n print(\"no\")\n false\n}");
        assert_eq!(got, Decision::Deny { prints: vec!["policy.rego:6: no".to_owned()] });
    }

    #[test]
    fn no_rule_is_not_a_denial() {
        assert_eq!(exec("default ReadStreamRequest := false"), Decision::Undefined);
    }

    #[test]
    fn an_object_answers_by_its_allowed() {
        assert_eq!(exec("ExecProcessRequest := {\"allowed\": true, \"ops\": []}"), Decision::Allow);
        assert_eq!(exec("ExecProcessRequest := {\"allowed\": false}"), Decision::Deny { prints: vec![] });
    }

    #[test]
    fn values_the_agent_does_not_understand_are_failures() {
        for (value, message) in [
            ("\"yes\"", "got \"yes\", expected true, false or an object"),
            ("1", "got 1, expected true, false or an object"),
            ("{\"ops\": []}", "got an object without allowed"),
            ("{\"allowed\": \"true\"}", "got allowed \"true\", expected true or false"),
            ("{\"allowed\": true, \"ops\": {}}", "got ops {}, expected a JSON patch"),
            ("{\"allowed\": true, \"ops\": [\"x\"]}", "got ops [\"x\"], expected a JSON patch"),
        ] {
            assert_eq!(exec(&format!("ExecProcessRequest := {value}")), failed(message));
        }
    }

    #[test]
    fn a_rule_that_is_both_true_and_false_is_a_failure() {
        let got = exec("ExecProcessRequest := true\n\nExecProcessRequest := false if { true }");
        assert!(matches!(got, Decision::Failed(_)), "{got}");
    }

    #[test]
    fn one_decision_leaves_no_trace_in_the_next() {
        let rule = "default ExecProcessRequest := false\n\nExecProcessRequest if { input.yes }";
        let policy =
            Policy::parse("policy.rego", format!("package agent_policy\n{rule}").as_bytes()).unwrap();
        let [yes, no] = [serde_json::json!({"yes": true}), serde_json::json!({})];
        for (input, expected) in [(&yes, true), (&no, false), (&yes, true)] {
            assert_eq!(policy.decide(Request::ExecProcess, input) == Decision::Allow, expected);
        }
    }

    #[test]
    fn names_of_agents_no_longer_made_are_decided_too() {
        let policy = Policy::parse("policy.rego", DEFAULT_RESTRICTIVE.as_bytes()).unwrap();
        let [pull, start, stop] = ["PullImageRequest", "StartTracingRequest", "StopTracingRequest"]
            .map(|name| ask(&mut policy.loaded.clone(), name, &serde_json::json!({})));
        let denied = Decision::Deny { prints: vec![] };
        assert_eq!([pull, start, stop], [Decision::Allow, denied.clone(), denied]);
    }
}
