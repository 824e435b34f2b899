//! A policy as the agent holds it: loaded text and the question put to it. Knows no sample request.

use std::num::{NonZeroU32, NonZeroUsize};

use regorus::{Engine, PolicyLengthConfig, QueryResults, Value};

use crate::error::PACKAGE;
use crate::{PolicyError, Request};

/// Longest line the agent's engine takes, in columns (`POLICY_MAX_COL` of `src/agent/policy/src/policy.rs`).
const MAX_COLUMNS: NonZeroU32 = NonZeroU32::new(64 * 1024).unwrap();
/// Longest policy it takes, in bytes (`POLICY_MAX_FILE_BYTES`, same file).
const MAX_BYTES: NonZeroUsize = NonZeroUsize::new(16 * 1024 * 1024).unwrap();
/// Most lines it takes (`POLICY_MAX_LINES`, same file).
const MAX_LINES: NonZeroUsize = NonZeroUsize::new(200_000).unwrap();

/// A policy that loads in the agent's engine.
#[derive(Debug, Clone)]
pub struct Policy {
    engine: Engine,
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
    /// Loads a policy as the agent would. `name` is only for messages.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Policy, PolicyError> {
        let text = text(name, bytes)?;
        let mut engine = engine();
        let package =
            engine.add_policy(name.to_owned(), text.to_owned()).map_err(|error| refusal(name, &error))?;
        if package != format!("data.{PACKAGE}") {
            let got = package.strip_prefix("data.").unwrap_or(&package).to_owned();
            return Err(PolicyError::WrongPackage { name: name.to_owned(), got });
        }
        // Some mistakes show only when the rules are put in order; they would fail every request.
        engine.eval_query("true".to_owned(), false).map_err(|error| refusal(name, &error))?;
        Ok(Policy { engine })
    }

    /// Asks the policy about one request, as the agent would. The policy's state is that of a fresh
    /// agent: what an answer would change in it (`ops`) is not carried to the next question.
    pub fn decide(&self, request: Request, input: &serde_json::Value) -> Decision {
        self.ask(request.name(), input)
    }

    /// [`Policy::decide`] for any name of a rule.
    pub(crate) fn ask(&self, rule: &str, input: &serde_json::Value) -> Decision {
        let mut engine = self.engine.clone();
        let answer = engine
            .set_input_json(&input.to_string())
            .and_then(|()| engine.eval_query(format!("data.{PACKAGE}.{rule}"), false));
        match answer {
            Ok(results) => decision(&results, || engine.take_prints().unwrap_or_default()),
            Err(error) => Decision::Failed(message(&error.to_string())),
        }
    }
}

/// The text of a policy, if the engine can take it at all.
fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, PolicyError> {
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

/// An engine set up as `AgentPolicy::new_engine` does it (`src/agent/policy/src/policy.rs`).
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(false);
    engine.set_gather_prints(true);
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: MAX_COLUMNS,
        max_file_bytes: MAX_BYTES,
        max_lines: MAX_LINES,
    });
    let state = Value::from_json_str(r#"{ "pstate": {} }"#).expect("the literal is JSON");
    engine.add_data(state).expect("an empty engine has nothing this object could contradict");
    engine
}

/// The engine's words about a policy it refuses, taken apart: it writes the place in a line
/// `--> name:line:column` and, below a picture of it, `error: ` and what is wrong.
fn refusal(name: &str, error: &impl ToString) -> PolicyError {
    let words = error.to_string();
    let name = name.to_owned();
    let place = words.lines().find_map(|line| {
        let (line, column) =
            line.strip_prefix("--> ")?.strip_prefix(&name)?.strip_prefix(':')?.split_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    let message = message(&words);
    match place {
        Some((line, column)) => PolicyError::Syntax { name, line, column, message },
        None => PolicyError::Refused { name, message },
    }
}

/// What is wrong, in one line, without the engine's picture of the place.
fn message(words: &str) -> String {
    let wrong = words.split_once("\nerror: ").map_or(words, |(_, wrong)| wrong);
    wrong.trim().lines().next().unwrap_or("the engine gives no reason").to_owned()
}

/// What the agent makes of an answer: one value, a bool or an object with `allowed` and perhaps `ops`.
fn decision(results: &QueryResults, prints: impl FnOnce() -> Vec<String>) -> Decision {
    let value = match results.result.as_slice() {
        [] => return Decision::Undefined,
        [result] => match result.expressions.as_slice() {
            [expression] => &expression.value,
            others => return Decision::Failed(format!("got {} values, expected 1", others.len())),
        },
        others => return Decision::Failed(format!("got {} results, expected 1", others.len())),
    };
    let allowed = match value {
        Value::Bool(allowed) => *allowed,
        Value::Object(_) => match (&value["allowed"], &value["ops"]) {
            (Value::Bool(allowed), Value::Undefined | Value::Null | Value::Array(_)) => *allowed,
            (Value::Bool(_), ops) => return Decision::Failed(format!("got ops {ops}, expected an array")),
            (Value::Undefined, _) => return Decision::Failed("got an object without allowed".to_owned()),
            (allowed, _) => {
                return Decision::Failed(format!("got allowed {allowed}, expected true or false"));
            }
        },
        other => return Decision::Failed(format!("got {other}, expected true, false or an object")),
    };
    if allowed { Decision::Allow } else { Decision::Deny { prints: prints() } }
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
            ("{\"allowed\": true, \"ops\": {}}", "got ops {}, expected an array"),
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
            .map(|name| policy.ask(name, &serde_json::json!({})));
        let denied = Decision::Deny { prints: vec![] };
        assert_eq!([pull, start, stop], [Decision::Allow, denied.clone(), denied]);
    }
}
