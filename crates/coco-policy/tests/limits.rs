//! What is just not too complex is loaded and answered by both engines, in the 2 MiB of stack a test has.

use coco_policy::{Engine, Policy, PolicyError, Request};

/// `n` times one thing around or behind another, as the value of a rule.
type Shape = fn(usize) -> String;

const SHAPES: [(&str, Shape); 13] = [
    ("minus", |n| format!("{}1", "- ".repeat(n))),
    ("sum", |n| format!("1{}", " + 1".repeat(n))),
    ("union", |n| format!("{{1}}{}", " | {1}".repeat(n))),
    ("comparison", |n| format!("1{}", " == 1".repeat(n))),
    ("membership", |n| format!("1{}", " in [1]".repeat(n))),
    ("fields", |n| format!("input.a{}", ".b".repeat(n))),
    ("elements", |n| format!("input{}", "[0]".repeat(n))),
    ("parentheses", |n| format!("{}1{}", "(".repeat(n), ")".repeat(n))),
    ("parentheses and minus", |n| format!("{}1{}", "(- - - - - ".repeat(n), ")".repeat(n))),
    ("calls", |n| format!("{}1{}", "abs(".repeat(n), ")".repeat(n))),
    ("calls and sums", |n| format!("{}1{}", "round(1 + ".repeat(n), " + 1 + 1 + 1)".repeat(n))),
    ("elements of elements", |n| format!("{}1{}", "input.a[".repeat(n), "].b.b.b".repeat(n))),
    ("comprehensions", |n| format!("{}1{}", "[y | y := ".repeat(n), "]".repeat(n))),
];

fn policy(shape: Shape, n: usize) -> String {
    let value = shape(n);
    format!("package agent_policy\nimport rego.v1\nExecProcessRequest := {value}\n")
}

/// Loads the policy and asks it; any answer will do. Tells whether it is too complex.
fn survives(engine: Engine, text: &str) -> bool {
    match Policy::parse_for(engine, "policy.rego", text.as_bytes()) {
        Ok(policy) => {
            let _ = policy.decide(Request::ExecProcess, &serde_json::json!({"a": {}}));
            true
        }
        Err(PolicyError::TooComplex { .. }) => false,
        Err(_) => true,
    }
}

#[test]
fn no_engine_ends_over_what_is_just_not_too_complex() {
    for engine in Engine::ALL {
        for (name, shape) in SHAPES {
            let (mut most, mut step) = (0, 512);
            while step > 0 {
                if survives(engine, &policy(shape, most + step)) {
                    most += step;
                }
                step /= 2;
            }
            assert!((1..1023).contains(&most), "{engine}: {name}: {most}");
        }
    }
}
