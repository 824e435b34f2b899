//! The cases against damaged copies of the default policy: no line of it may change unnoticed.
//!
//! Each line is damaged in every way that applies to it: a `true` becomes `false`, a condition is taken
//! out or turned around, an element of a set is taken out, a text is changed. A copy is noticed if an
//! engine can't load it, or if a case gets another answer than it expects.
//!
//! Three rules are for agents that are no longer made; no agent of ours asks, so no case can. They are
//! asked about by name.

use coco_policy::cases;
use coco_policy::{DEFAULT_RESTRICTIVE, Engine, Policy};

/// A damaged line in place of line `index`, and what was done.
struct Mutation {
    index: usize,
    what: &'static str,
    line: String,
}

fn mutation(index: usize, what: &'static str, line: String) -> Mutation {
    Mutation { index, what, line }
}

/// What can be done to one line.
fn mutations(index: usize, line: &str) -> Vec<Mutation> {
    let mut found = Vec::new();
    let body = line.trim_start();
    if body.is_empty() || body.starts_with('#') || body == "}" {
        return found;
    }
    if let Some((head, value)) =
        line.rsplit_once(":= ").filter(|(_, value)| ["true", "false"].contains(value))
    {
        let other = if value == "true" { "false" } else { "true" };
        found.push(mutation(index, "flipped", format!("{head}:= {other}")));
    }
    let is_condition = line.starts_with('\t') && !body.ends_with('{');
    if is_condition {
        found.push(mutation(index, "taken out", String::new()));
        let turned = body.strip_prefix("not ").map_or(format!("not {body}"), ToOwned::to_owned);
        found.push(mutation(index, "turned around", format!("\t{turned}")));
        found.push(mutation(index, "made always false", "\tfalse".to_owned()));
    }
    if let (Some(open), Some(close)) = (line.rfind(" in {"), line.rfind('}')) {
        let elements: Vec<&str> = line[open + 5..close].split(", ").collect();
        for left_out in 0..elements.len() {
            let mut rest = elements.clone();
            rest.remove(left_out);
            let rest = if rest.is_empty() { "set()".to_owned() } else { format!("{{{}}}", rest.join(", ")) };
            found.push(mutation(index, "one element less", format!("{} in {rest}", &line[..open])));
        }
    }
    for (from, to) in
        [("\"lo\"", "\"xx\""), ("\"/\"", "\"|\""), ("every", "some"), ("!=", "=="), ("==", "!=")]
    {
        if line.contains(from) && !(from == "==" && line.contains("!=")) {
            found.push(mutation(index, "another text", line.replacen(from, to, 1)));
        }
    }
    for piece in
        ["^", "$", "(?:passthrough/)?", "(?:watchable/)?", "|sandbox", "{64}", "{16}", "-[^/]+", "[0:]*", "+"]
    {
        if line.contains('`') && line.contains(piece) {
            let without = if piece == "+" { "{1}" } else { "" };
            found.push(mutation(index, "a looser pattern", line.replacen(piece, without, 1)));
        }
    }
    if line.starts_with("package ") || line.starts_with("import ") {
        found.push(mutation(index, "taken out", String::new()));
    }
    found
}

/// Whether an engine refuses the text, or a case gets another answer.
fn is_noticed(text: &str) -> bool {
    Engine::ALL.into_iter().any(|engine| match Policy::parse_for(engine, "damaged.rego", text.as_bytes()) {
        Err(_) => true,
        Ok(policy) => !policy.test(cases::embedded()).is_empty(),
    }) || !says(text, "PullImageRequest", true)
        || !says(text, "StartTracingRequest", false)
        || !says(text, "StopTracingRequest", false)
}

/// Whether a rule that no agent asks about any more has this value.
fn says(text: &str, rule: &str, value: bool) -> bool {
    let mut engine = regorus::Engine::new();
    let loaded = engine.add_policy("damaged.rego".to_owned(), text.to_owned());
    loaded.is_ok()
        && engine
            .eval_rule(format!("data.agent_policy.{rule}"))
            .is_ok_and(|got| got == regorus::Value::from(value))
}

#[test]
fn no_line_of_the_default_changes_unnoticed() {
    let lines: Vec<&str> = DEFAULT_RESTRICTIVE.lines().collect();
    let mut tried = 0;
    let mut unnoticed = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for Mutation { index, what, line: damaged } in mutations(index, line) {
            let mut copy: Vec<&str> = lines.clone();
            copy[index] = &damaged;
            tried += 1;
            if !is_noticed(&copy.join("\n")) {
                unnoticed.push(format!("line {}: {what}: {line} -> {damaged}", index + 1));
            }
        }
    }
    assert!(tried > 100, "only {tried} damaged copies");
    assert_eq!(unnoticed.join("\n"), "");
}

#[test]
fn every_statement_can_be_damaged() {
    let is_statement = |line: &&str| {
        let body = line.trim();
        !body.is_empty() && !body.starts_with('#') && body != "}" && !body.ends_with('{')
    };
    let spared: Vec<&str> = DEFAULT_RESTRICTIVE
        .lines()
        .filter(is_statement)
        .filter(|line| mutations(0, line).is_empty())
        .collect();
    assert_eq!(spared, [""; 0]);
}

#[test]
fn the_default_itself_is_not_taken_for_damaged() {
    assert!(!is_noticed(DEFAULT_RESTRICTIVE));
}
