//! A policy in force, as one agent holds it: asked, replaced, and remembering. Knows no sample case.

use serde::Deserialize;

use crate::error::PACKAGE;
use crate::policy::{refusal, source, text};
use crate::{PolicyError, Request, bounds, engine};

/// The name under which an agent loads a policy it gets while it runs (`set_policy` of
/// `src/agent/policy/src/policy.rs`).
pub const REPLACEMENT: &str = "agent_policy";

/// A policy in force, in the newest agents' engine.
///
/// [`Policy`](crate::Policy) answers what a policy would decide; this is the agent's side of it, with
/// what the agent carries from one request to the next: the policy's state, and the policy's word that
/// denied requests pass (`AllowRequestsFailingPolicy`).
#[derive(Debug)]
pub struct Enforcer {
    engine: Box<regorus::Engine>,
    denied: Denied,
}

/// What becomes of a request the policy denies or has no rule for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    Refused,
    LetThrough,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is carried out.
    Allowed,
    /// The policy says no.
    Denied {
        /// What the policy printed, with blanks between.
        prints: String,
    },
    /// The policy gives no answer, or none the agent understands; the request is refused. Carries the
    /// agent's words for it.
    Failed(String),
}

/// An answer that is more than yes or no.
#[derive(Deserialize)]
struct Answer {
    allowed: bool,
    ops: Option<json_patch::Patch>,
}

impl Enforcer {
    /// Puts a policy in force. `name` is only for messages.
    ///
    /// Refuses a little more than an agent: texts over which the engine would overflow the stack.
    pub fn load(name: &str, bytes: &[u8]) -> Result<Enforcer, PolicyError> {
        let mut enforcer = Enforcer { engine: Box::new(engine::fresh()?), denied: Denied::Refused };
        enforcer.add(name, bytes)?;
        Ok(enforcer)
    }

    /// Puts another policy in force, and forgets the state of the one before. After an error there is
    /// none, as in an agent: every request is refused.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), PolicyError> {
        *self.engine = engine::fresh()?;
        self.add(REPLACEMENT, bytes)
    }

    /// Asks whether a request may be carried out, by its JSON. If it may, what the policy wants to remember of it is
    /// in its state from now on.
    pub fn ask(&mut self, request: Request, input: &str) -> Outcome {
        match self.evaluate(request, input) {
            Ok((true, _)) => Outcome::Allowed,
            Ok((false, prints)) => Outcome::Denied { prints },
            Err(words) => Outcome::Failed(words),
        }
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), PolicyError> {
        let text = text(name, bytes)?;
        bounds::check(name, &source(name, text)?)?;
        self.engine
            .add_policy(name.to_owned(), text.to_owned())
            .map_err(|error| refusal(name, &error.to_string()))?;
        // The policy before may have let denied requests through, and then this one is asked so too: a
        // policy that has no such rule inherits the leave, in an agent as here.
        let allows = self.evaluate(Request::AllowRequestsFailingPolicy, "{}");
        self.denied = if matches!(allows, Ok((true, _))) { Denied::LetThrough } else { Denied::Refused };
        Ok(())
    }

    /// Whether the request passes, and what the policy printed; or the agent's words for why it can't say.
    fn evaluate(&mut self, request: Request, input: &str) -> Result<(bool, String), String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        self.engine.set_input_json(input).map_err(|error| words(&error))?;
        let query = format!("data.{PACKAGE}.{request}");
        let results = self.engine.eval_query(query, false).map_err(|error| words(&error))?;
        let prints = match self.engine.take_prints() {
            Ok(prints) => prints.join(" "),
            Err(error) => format!("Failed to get policy log: {error}"),
        };
        let unexpected = |what| format!("policy check: unexpected eval_query result {what} {results:?}");
        let allowed = match results.result.as_slice() {
            [result] => match result.expressions.as_slice() {
                [expression] => match &expression.value {
                    regorus::Value::Bool(allowed) => *allowed,
                    object @ regorus::Value::Object(_) => self.follow(object)?,
                    _ => return Err(unexpected("type")),
                },
                _ => return Err(unexpected("expressions")),
            },
            _ if self.denied == Denied::LetThrough => true,
            _ => return Err(unexpected("len")),
        };
        Ok((allowed || self.denied == Denied::LetThrough, prints))
    }

    /// Takes an answer with operations: if it allows, they change the state.
    fn follow(&mut self, answer: &regorus::Value) -> Result<bool, String> {
        let answer = serde_json::to_string(answer).map_err(|error| error.to_string())?;
        let Answer { allowed, ops } = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if let (true, Some(ops)) = (allowed, ops) {
            let mut state =
                serde_json::to_value(self.engine.get_data()).map_err(|error| error.to_string())?;
            json_patch::patch(&mut state, &ops).map_err(|error| error.to_string())?;
            self.engine.clear_data();
            self.engine.add_data_json(&state.to_string()).map_err(|error| error.to_string())?;
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn enforcer(rules: &str) -> Enforcer {
        Enforcer::load("policy.rego", format!("package agent_policy\n\n{rules}\n").as_bytes()).unwrap()
    }

    fn exec(rules: &str) -> Outcome {
        enforcer(rules).ask(Request::ExecProcess, "{}")
    }

    fn failed(rules: &str, expected: &Expect) {
        match exec(rules) {
            Outcome::Failed(words) => expected.assert_eq(&words),
            other => panic!("{rules}: {other:?}"),
        }
    }

    #[test]
    fn a_policy_allows_and_denies() {
        assert_eq!(exec("ExecProcessRequest := true"), Outcome::Allowed);
        assert_eq!(exec("ExecProcessRequest := false"), Outcome::Denied { prints: String::new() });
    }

    #[test]
    fn what_is_printed_on_the_way_is_one_line() {
        let rules = "default ExecProcessRequest := false\n\n\
                     ExecProcessRequest if {\n print(\"one\")\n print(\"two\")\n false\n}";
        let prints = "policy.rego:6: one policy.rego:7: two".to_owned();
        assert_eq!(exec(rules), Outcome::Denied { prints });
    }

    #[test]
    fn answers_the_agent_does_not_understand_have_its_words() {
        failed(
            "ReadStreamRequest := true",
            &expect!["policy check: unexpected eval_query result len QueryResults { result: [] }"],
        );
        failed(
            "ExecProcessRequest := {\"ops\": []}",
            &expect!["missing field `allowed` at line 1 column 10"],
        );
        let Outcome::Failed(words) = exec("ExecProcessRequest := 1") else { panic!("no failure") };
        assert!(
            words.starts_with("policy check: unexpected eval_query result type QueryResults {"),
            "{words}"
        );
    }

    #[test]
    fn operations_change_what_the_policy_remembers() {
        let mut enforcer = enforcer(
            "ExecProcessRequest := {\"allowed\": true, \"ops\": ops} if {\n\
             not data.pstate.seen\n\
             ops := [{\"op\": \"add\", \"path\": \"/pstate/seen\", \"value\": true}]\n}\n\n\
             ExecProcessRequest := {\"allowed\": false, \"ops\": []} if { data.pstate.seen }",
        );
        let denied = Outcome::Denied { prints: String::new() };
        let asked = [(); 3].map(|()| enforcer.ask(Request::ExecProcess, "{}"));
        assert_eq!(asked, [Outcome::Allowed, denied.clone(), denied]);
    }

    #[test]
    fn a_denial_changes_nothing() {
        let mut enforcer = enforcer(
            "ExecProcessRequest := {\"allowed\": false, \"ops\": ops} if {\n\
             ops := [{\"op\": \"add\", \"path\": \"/pstate/seen\", \"value\": true}]\n}\n\n\
             default ReadStreamRequest := false\n\nReadStreamRequest if { data.pstate.seen }",
        );
        enforcer.ask(Request::ExecProcess, "{}");
        assert_eq!(enforcer.ask(Request::ReadStream, "{}"), Outcome::Denied { prints: String::new() });
    }

    #[test]
    fn a_policy_may_let_everything_through_but_no_mistake() {
        let rules =
            "AllowRequestsFailingPolicy := true\n\nReadStreamRequest := false\n\nStatsContainerRequest := 1";
        let mut enforcer = enforcer(rules);
        for request in [Request::ExecProcess, Request::ReadStream] {
            assert_eq!(enforcer.ask(request, "{}"), Outcome::Allowed, "{request}");
        }
        let failed = enforcer.ask(Request::StatsContainer, "{}");
        assert!(matches!(failed, Outcome::Failed(_)), "{failed:?}");
    }

    #[test]
    fn another_policy_takes_the_place_of_the_first() {
        let mut enforcer = enforcer("ExecProcessRequest := true");
        enforcer.replace(b"package agent_policy\n\nExecProcessRequest := false\n").unwrap();
        assert_eq!(enforcer.ask(Request::ExecProcess, "{}"), Outcome::Denied { prints: String::new() });
    }

    #[test]
    fn a_replacement_that_does_not_load_leaves_nothing_allowed() {
        let mut enforcer = enforcer("ExecProcessRequest := true");
        let error = enforcer.replace(b"package agent_policy\n\nExecProcessRequest {").unwrap_err();
        assert!(error.to_string().starts_with("agent_policy:3:"), "{error}");
        let words = "policy check: unexpected eval_query result len QueryResults { result: [] }".to_owned();
        assert_eq!(enforcer.ask(Request::ExecProcess, "{}"), Outcome::Failed(words));
    }

    #[test]
    fn another_package_loads_and_answers_nothing() {
        let mut enforcer =
            Enforcer::load("p.rego", b"package other\n\nExecProcessRequest := true\n").unwrap();
        let answer = enforcer.ask(Request::ExecProcess, "{}");
        assert!(matches!(answer, Outcome::Failed(_)), "{answer:?}");
    }
}
