//! What the text of the rules tells, without asking them anything: names, defaults, rules without effect.
//!
//! The text is read by the newer engine's own parser, so nothing is understood here that an agent would
//! understand otherwise.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Literal, Module, Parser, Rule, RuleAssign, RuleBody, RuleHead, Span};

use super::{Agents, Code, Found, Place, expressions, walk};
use crate::{Engine, Policy, Request, bounds, policy};

/// Requests only agents before those we know asked about. Rules for them do nothing, and no harm.
const GONE: [&str; 3] = ["PullImageRequest", "StartTracingRequest", "StopTracingRequest"];

/// What Trustee reads out of a policy (`extract_policy_data` of its attestation service).
const POLICY_DATA: &str = "policy_data";

/// Columns regorus takes when nobody sets its limit. Every release of the agent that has the limit sets
/// it to 65536; other programs that read policies may not.
const USUAL_COLUMNS: usize = 1024;

/// From this similarity on (Jaro-Winkler), a name was probably meant to be a request's.
const ALIKE: f64 = 0.9;

/// The rules of a policy that is bounded and parses; else somebody else has said why.
pub(super) fn parse(name: &str, text: &str) -> Option<Module> {
    let source = policy::source(name, text).ok()?;
    bounds::check(name, &source).ok()?;
    let mut parser = Parser::new(&source).ok()?;
    parser.set_max_col(policy::MAX_COLUMNS);
    parser.enable_rego_v1().ok()?;
    parser.parse().ok()
}

/// Where a request is decided, and whether a rule besides its default may say yes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    /// The first rule that may say yes, else the default.
    pub(super) place: Place,
    /// Whether a rule may say yes where the default says no.
    pub(super) may_open: bool,
}

/// Where each request is decided.
pub(super) fn places(module: &Module) -> BTreeMap<Request, Decided> {
    let mut places: BTreeMap<Request, Decided> = BTreeMap::new();
    let mut open_by_default = BTreeSet::new();
    for (name, span, rule) in named(module) {
        let Ok(request) = name.parse::<Request>() else { continue };
        let place = place(span);
        let decided = places.entry(request).or_insert(Decided { place, may_open: false });
        match rule {
            Rule::Default { value, .. } if is_bool(value, true) => {
                open_by_default.insert(request);
            }
            Rule::Spec { head, bodies, .. } if may_be_true(head, bodies) && !decided.may_open => {
                let place = if open_by_default.contains(&request) { decided.place } else { place };
                *decided = Decided { place, may_open: true };
            }
            _ => {}
        }
    }
    places
}

/// Whether a rule may have another value than false.
fn may_be_true(head: &RuleHead, bodies: &[RuleBody]) -> bool {
    let value = match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref(),
        RuleHead::Set { .. } => return true,
    };
    let is_false = |assign: &RuleAssign| is_bool(&assign.value, false);
    let otherwise = bodies.iter().skip(1).any(|body| !body.assign.as_ref().is_some_and(is_false));
    !value.is_some_and(is_false) || otherwise
}

/// Where all rules for one request are.
pub(super) fn all_places(module: &Module, request: Request) -> Vec<Place> {
    named(module).filter(|(name, ..)| *name == request.name()).map(|(_, span, _)| place(span)).collect()
}

/// Adds what the rules' text tells.
pub(super) fn check(module: &Module, text: &str, (policies, agents): Subject<'_>, found: &mut Found) {
    defaults(module, found);
    names(module, found);
    for rule in &module.policy {
        never_true(rule, found);
    }
    expressions::check(module, (policies, agents), found);
    policy_data(module, text, found);
    long_lines(text, found);
}

/// The policy in every engine that takes it, and the agents asked about.
pub(super) type Subject<'a> = (&'a BTreeMap<Engine, Policy>, Agents);

/// Where something begins.
pub(super) fn place(span: &Span) -> Place {
    Place { line: span.line, column: span.col }
}

/// Every rule with a plain name.
fn named(module: &Module) -> impl Iterator<Item = (&str, &Span, &Rule)> {
    module.policy.iter().filter_map(|rule| {
        let name = match rule.as_ref() {
            Rule::Default { refr, .. } => refr,
            Rule::Spec { head, .. } => match head {
                RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. } => {
                    refr
                }
            },
        };
        match name.as_ref() {
            Expr::Var { span, .. } => Some((span.text(), rule.span(), rule.as_ref())),
            _ => None,
        }
    })
}

/// A second default of one name, and rules that a default of true makes pointless.
fn defaults(module: &Module, found: &mut Found) {
    let mut first: BTreeMap<&str, (&Span, bool)> = BTreeMap::new();
    for (name, span, rule) in named(module) {
        let Rule::Default { value, .. } = rule else { continue };
        if let Some((earlier, _)) = first.get(name) {
            let line = earlier.line;
            let message =
                format!("{name} has a default in line {line} already: the first counts, this one never");
            found.add(Code::DuplicateDefault, place(span), message);
        } else {
            first.insert(name, (span, is_bool(value, true)));
        }
    }
    for (name, span, rule) in named(module) {
        let Rule::Spec { head, bodies, .. } = rule else { continue };
        let Some((default, true)) = first.get(name) else { continue };
        let value = match head {
            RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref(),
            RuleHead::Set { .. } => continue,
        };
        let says_true = value.is_none_or(|assign| is_bool(&assign.value, true));
        let has_else = bodies.iter().any(|body| body.assign.is_some());
        if says_true && !has_else {
            let message = format!(
                "{name} is true by its default in line {}: a rule that makes it true changes nothing, and what \
                 it does not match passes as well",
                default.line
            );
            found.add(Code::NoEffect, place(span), message);
        }
    }
}

fn is_bool(expr: &Expr, wanted: bool) -> bool {
    matches!(expr, Expr::Bool { value, .. } if value.as_bool().is_ok_and(|value| *value == wanted))
}

/// Rules whose names no agent asks about and no other rule uses.
fn names(module: &Module, found: &mut Found) {
    let mut used = BTreeSet::new();
    walk::expressions(module, &mut |expr| match expr {
        Expr::Var { span, .. } => {
            used.insert(span.text().to_owned());
        }
        Expr::RefDot { span, field, .. } if span.text().starts_with("data.agent_policy.") => {
            used.insert(field.0.text().to_owned());
        }
        _ => {}
    });
    let mut seen = BTreeSet::new();
    for (name, span, _) in named(module) {
        let is_known = name.parse::<Request>().is_ok() || GONE.contains(&name) || name == POLICY_DATA;
        if is_known || used.contains(name) || !seen.insert(name) {
            continue;
        }
        if let Some(request) = nearest(name) {
            let message = format!("no agent asks about {name}; did you mean {request}?");
            found.add(Code::UnknownRequest, place(span), message);
        } else {
            let message = format!("{name} is no request and no rule uses it: it is never reached");
            found.add(Code::NeverUsed, place(span), message);
        }
    }
}

/// The request a name was probably meant to be.
fn nearest(name: &str) -> Option<Request> {
    let likeness = |request: &Request| strsim::jaro_winkler(name, request.name());
    let best = Request::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (name.ends_with("Request") || likeness(&best) >= ALIKE).then_some(best)
}

/// Bodies with a condition that is false as it stands.
fn never_true(rule: &Rule, found: &mut Found) {
    let Rule::Spec { bodies, .. } = rule else { return };
    for body in bodies {
        for statement in &body.query.stmts {
            let is_false = match &statement.literal {
                Literal::Expr { expr, .. } => is_bool(expr, false),
                Literal::NotExpr { expr, .. } => is_bool(expr, true),
                _ => false,
            };
            if is_false {
                let message = "this condition is never true, so the rule is never reached";
                found.add(Code::NeverTrue, place(&statement.span), message);
            }
        }
    }
}

/// Where `policy_data` begins, in bytes.
pub(super) fn data_start(module: &Module) -> Option<usize> {
    let (_, span, _) = named(module).find(|(name, ..)| *name == POLICY_DATA)?;
    usize::try_from(span.start).ok()
}

/// Trustee takes everything from `policy_data := {` to the end of the file for JSON.
fn policy_data(module: &Module, text: &str, found: &mut Found) {
    let Some((_, span, _)) = named(module).find(|(name, ..)| *name == POLICY_DATA) else { return };
    let value = text.split_once("policy_data := ").map(|(_, value)| value.trim_end());
    let is_json = value.is_some_and(|value| serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok());
    if !is_json {
        let message = "Trustee reads policy_data as JSON up to the end of the file: it must be the last \
                       statement, plain JSON, with nothing behind it";
        found.add(Code::PolicyData, place(span), message);
    }
}

/// The first line that an engine with the usual limit would refuse.
fn long_lines(text: &str, found: &mut Found) {
    let long = (1..).zip(text.lines()).find(|(_, line)| line.chars().count() > USUAL_COLUMNS);
    if let Some((line, content)) = long {
        let message = format!(
            "{} columns: agents take 65536, but other programs with regorus stop at {USUAL_COLUMNS}",
            content.chars().count()
        );
        found.add(Code::LongLine, Place { line, column: 1 }, message);
    }
}
