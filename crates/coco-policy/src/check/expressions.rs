//! What the expressions of a policy tell: functions nobody has, joined arguments, prints.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Module, Rule, RuleHead, Span};
use serde_json::json;

use super::rules::{Subject, place};
use super::{Code, Found, walk};
use crate::{Decision, Engine, Policy, Request};

/// What an engine says about a function it does not have (`eval_call_impl` of both).
const NOT_FOUND: &str = "could not find function";

/// Adds what the expressions tell.
pub(super) fn check(module: &Module, (policies, agents): Subject<'_>, found: &mut Found) {
    let own = own_functions(module);
    let mut known: BTreeMap<(Engine, String), bool> = BTreeMap::new();
    walk::expressions(module, &mut |expr| {
        if let Expr::Object { span, fields, .. } = expr
            && fields.iter().any(|(_, key, _)| key.span().text().trim_matches('"') == "ops")
        {
            let message =
                "an answer with ops changes the agent's state: what comes after it is not asked here";
            found.add(Code::Stateful, place(span), message);
        }
        let Expr::Call { span, fcn, params, .. } = expr else { return };
        let name = fcn.span().text();
        match name {
            "print" => {
                let message = "the agent sends printed text to the host, behind its refusal";
                found.add(Code::Prints, place(span), message);
            }
            _ if name.starts_with("rand.") => {
                let message =
                    format!("{name} answers otherwise every time: what is checked here is not what decides");
                found.add(Code::Random, place(beginning(fcn)), message);
            }
            "concat" | "sprintf" if params.iter().any(|param| param.span().text().contains("Args")) => {
                let message = "arguments are joined before they are compared: [\"a b\"] passes for \
                               [\"a\", \"b\"]; compare the array itself";
                found.add(Code::JoinedArguments, place(span), message);
            }
            _ => {}
        }
        if own.contains(name.trim_start_matches("data.agent_policy.")) {
            return;
        }
        let mut lacks = |engine: &Engine| {
            let is_off = *engine == Engine::Regorus028 && agents.oldest().lacks(name);
            is_off || !*known.entry((*engine, name.to_owned())).or_insert_with(|| has(*engine, name))
        };
        let without: Vec<String> =
            policies.keys().filter(|engine| lacks(engine)).map(ToString::to_string).collect();
        if !without.is_empty() {
            let message = format!(
                "no function {name} in {}: the rule fails, and its request with it",
                without.join(", ")
            );
            found.add(Code::UnknownFunction, place(beginning(fcn)), message);
        }
    });
}

/// Where a path begins; its own place is that of its last dot.
fn beginning(path: &Expr) -> &Span {
    match path {
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => beginning(refr),
        other => other.span(),
    }
}

/// The functions the policy defines.
fn own_functions(module: &Module) -> BTreeSet<&str> {
    module
        .policy
        .iter()
        .filter_map(|rule| match rule.as_ref() {
            Rule::Spec { head: RuleHead::Func { refr, .. }, .. } => Some(refr.span().text()),
            _ => None,
        })
        .collect()
}

/// Asks an engine for a function by calling it: only one it has not is not found.
fn has(engine: Engine, name: &str) -> bool {
    let probe = format!("package agent_policy\nimport rego.v1\nExecProcessRequest := {name}()\n");
    match Policy::parse_for(engine, "probe.rego", probe.as_bytes()) {
        Ok(policy) => match policy.decide(Request::ExecProcess, &json!({})) {
            Decision::Failed(words) => !words.contains(NOT_FOUND),
            _ => true,
        },
        // Not a name one can call like this: the engine has judged the policy itself.
        Err(_) => true,
    }
}
