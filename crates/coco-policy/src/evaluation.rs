//! What a policy decides over cases. Whether that is good, `check` says.

use std::collections::BTreeMap;
use std::fmt;

use crate::cases::{self, Answer, Case};
use crate::{Decision, Policy, Request};

/// What a policy makes of one request, over all its sample cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every sample passes.
    Allow,
    /// Every sample is denied.
    Deny,
    /// It depends on what the request carries.
    Conditional,
    /// The policy has no rule for it.
    Undefined,
    /// The rule for it cannot be evaluated; the agent denies.
    Failed,
}

/// A case a policy decides otherwise than it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the case: what happens, in one sentence.
    pub case: String,
    /// What is asked for.
    pub request: Request,
    /// The answer it should get.
    pub expected: Answer,
    /// The answer it gets.
    pub got: Decision,
    /// Why it should be the other.
    pub why: String,
}

/// A policy's answers to cases.
#[derive(Debug)]
pub struct Evaluation<'a>(Vec<(&'a Case, Decision)>);

impl Evaluation<'_> {
    /// The cases with their answers.
    pub(crate) fn answers(&self) -> &[(&Case, Decision)] {
        &self.0
    }

    /// What the policy makes of every request.
    pub fn decisions(&self) -> BTreeMap<Request, Verdict> {
        let mut verdicts = BTreeMap::new();
        for (case, decision) in &self.0 {
            let verdict = Verdict::of(decision);
            let so_far = verdicts.entry(case.request).or_insert(verdict);
            if *so_far != verdict {
                *so_far = Verdict::Conditional;
            }
        }
        verdicts
    }
}

impl Policy {
    /// Asks the policy about all embedded cases.
    pub fn evaluate(&self) -> Evaluation<'static> {
        self.evaluate_over(cases::embedded())
    }

    /// Asks the policy about some cases.
    pub(crate) fn evaluate_over<'a>(&self, cases: &'a [Case]) -> Evaluation<'a> {
        let answers = self.decide_all(cases.iter().map(|case| (case.request, &case.input)));
        Evaluation(cases.iter().zip(answers).collect())
    }

    /// What the policy makes of every request: [`Evaluation::decisions`].
    pub fn decisions(&self) -> BTreeMap<Request, Verdict> {
        self.evaluate().decisions()
    }

    /// The cases this policy decides otherwise than they expect, whomever they bind: the test of a
    /// policy against its own cases.
    pub fn test(&self, cases: &[Case]) -> Vec<Finding> {
        self.evaluate_over(cases)
            .0
            .into_iter()
            .filter(|(case, got)| !case.expect.is(got))
            .map(|(case, got)| Finding::new(case, got))
            .collect()
    }
}

impl Verdict {
    /// What one answer comes to.
    pub(crate) fn of(decision: &Decision) -> Verdict {
        match decision {
            Decision::Allow => Verdict::Allow,
            Decision::Deny { .. } => Verdict::Deny,
            Decision::Undefined => Verdict::Undefined,
            Decision::Failed(_) => Verdict::Failed,
        }
    }
}

impl Finding {
    pub(crate) fn new(case: &Case, got: Decision) -> Finding {
        let Case { name, request, expect, why, .. } = case;
        Finding { case: name.clone(), request: *request, expected: *expect, got, why: why.clone() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Conditional => "conditional",
            Verdict::Undefined => "undefined",
            Verdict::Failed => "failed",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { case, request, expected, got, why } = self;
        write!(out, "{request}: {case}: got {got}, expected {expected}: {why}")
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Allow => out.write_str("allow"),
            Decision::Deny { .. } => out.write_str("deny"),
            Decision::Undefined => out.write_str("no answer (the policy has no rule for it)"),
            Decision::Failed(message) => write!(out, "no answer ({message})"),
        }
    }
}
