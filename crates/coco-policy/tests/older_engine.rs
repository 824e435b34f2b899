//! The default policy on regorus 0.2.8, the engine of the agents OpenShift ships: same text, same answers.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::cases::{self, Answer};
use coco_policy::{DEFAULT_RESTRICTIVE, Decision, Policy, Request};
use regorus_028::{Engine, Value};

fn engine(policy: &str) -> Engine {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(false);
    engine.set_gather_prints(true);
    engine.add_policy("default-restrictive.rego".to_owned(), policy.to_owned()).unwrap();
    engine
}

/// The value of the request's rule, `Undefined` if it has none.
fn answer(engine: &mut Engine, request: Request, input: &serde_json::Value) -> Value {
    engine.set_input_json(&input.to_string()).unwrap();
    let results = engine.eval_query(format!("data.agent_policy.{request}"), false).unwrap();
    results
        .result
        .first()
        .map_or(Value::Undefined, |result| result.expressions.first().unwrap().value.clone())
}

#[test]
fn every_case_gets_the_answer_it_expects() {
    let mut engine = engine(DEFAULT_RESTRICTIVE);
    for case in cases::embedded() {
        let expected = Value::from(case.expect == Answer::Allow);
        let got = answer(&mut engine, case.request, &case.input);
        assert_eq!(got, expected, "{}: {}", case.request, case.name);
    }
}

#[test]
fn the_two_engines_agree_also_on_requests_that_lack_a_field() {
    let policy = Policy::parse("default-restrictive.rego", DEFAULT_RESTRICTIVE.as_bytes()).unwrap();
    let mut engine = engine(DEFAULT_RESTRICTIVE);
    for case in cases::embedded() {
        for key in case.input.as_object().unwrap().keys() {
            let mut input = case.input.clone();
            input[key] = serde_json::Value::Null;
            let newer = Value::from(policy.decide(case.request, &input) == Decision::Allow);
            assert_eq!(answer(&mut engine, case.request, &input), newer, "{} with {key} null", case.name);
        }
    }
}

#[test]
fn the_import_is_what_lets_it_load() {
    let without = DEFAULT_RESTRICTIVE.replace("import rego.v1", "");
    let mut engine = Engine::new();
    assert!(engine.add_policy("default-restrictive.rego".to_owned(), without).is_err());
}
