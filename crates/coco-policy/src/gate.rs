//! What a policy decides over the sample cases: the record of a build, and what stops one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::cases::{self, Answer, Case, Rule};
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

/// A policy's answers to the embedded cases.
#[derive(Debug)]
pub struct Evaluation(Vec<(&'static Case, Decision)>);

impl Evaluation {
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

    /// What a default policy must not be: an ordinary pod could not start, something that must be
    /// closed is open, or a request has no rule. An empty list is a pass.
    ///
    /// `AllowRequestsFailingPolicy` may be absent; the agent takes that for false.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut undefined = BTreeSet::new();
        for (case, got) in &self.0 {
            let wrong = match (case.rule, got) {
                (_, Decision::Undefined) if case.request == Request::AllowRequestsFailingPolicy => false,
                (_, Decision::Undefined) => undefined.insert(case.request),
                (Rule::Default, _) => false,
                (Rule::StartPath | Rule::Closed, _) => !case.expect.is(got),
            };
            if wrong {
                findings.push(Finding::new(case, got.clone()));
            }
        }
        findings
    }
}

impl Policy {
    /// Asks the policy about all embedded cases.
    pub fn evaluate(&self) -> Evaluation {
        let answer = |case: &'static Case| (case, self.decide(case.request, &case.input));
        Evaluation(cases::embedded().iter().map(answer).collect())
    }

    /// What the policy makes of every request: [`Evaluation::decisions`].
    pub fn decisions(&self) -> BTreeMap<Request, Verdict> {
        self.evaluate().decisions()
    }

    /// What a default policy must not be: [`Evaluation::findings`].
    pub fn gate(&self) -> Vec<Finding> {
        self.evaluate().findings()
    }

    /// The cases this policy decides otherwise than they expect, whomever they bind: the test of a
    /// policy against its own cases.
    pub fn test(&self, cases: &[Case]) -> Vec<Finding> {
        let answered = cases.iter().map(|case| (case, self.decide(case.request, &case.input)));
        answered
            .filter(|(case, got)| !case.expect.is(got))
            .map(|(case, got)| Finding::new(case, got))
            .collect()
    }
}

impl Verdict {
    fn of(decision: &Decision) -> Verdict {
        match decision {
            Decision::Allow => Verdict::Allow,
            Decision::Deny { .. } => Verdict::Deny,
            Decision::Undefined => Verdict::Undefined,
            Decision::Failed(_) => Verdict::Failed,
        }
    }
}

impl Finding {
    fn new(case: &Case, got: Decision) -> Finding {
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
