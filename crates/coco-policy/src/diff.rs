//! Which requests two policies decide differently, with the sample cases that show it. Not their texts.

use serde::Serialize;

use crate::cases::{self, Case};
use crate::{Decision, Policy, Request, Verdict};

/// A request that two policies decide differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The request.
    pub request: Request,
    /// What the first policy makes of it over all cases.
    pub from: Verdict,
    /// What the second makes of it.
    pub to: Verdict,
    /// The cases that come out differently, at least one.
    pub cases: Vec<Shift>,
}

/// A case that two policies decide differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// The name of the case: what happens, in one sentence.
    pub case: String,
    /// The first policy's answer.
    pub from: Decision,
    /// The second's.
    pub to: Decision,
}

/// The requests that `to` decides otherwise than `from`, by the cases we ship.
pub fn diff(from: &Policy, to: &Policy) -> Vec<Change> {
    diff_over(from, to, cases::embedded())
}

/// [`diff`] by other cases. What a denial prints makes no difference.
pub fn diff_over(from: &Policy, to: &Policy, cases: &[Case]) -> Vec<Change> {
    let (first, second) = (from.evaluate_over(cases), to.evaluate_over(cases));
    let (before, after) = (first.decisions(), second.decisions());
    let mut changes: Vec<Change> = Vec::new();
    for ((case, from), (_, to)) in first.answers().iter().zip(second.answers()) {
        if Verdict::of(from) == Verdict::of(to) {
            continue;
        }
        let shift = Shift { case: case.name.clone(), from: from.clone(), to: to.clone() };
        match changes.iter_mut().find(|change| change.request == case.request) {
            Some(change) => change.cases.push(shift),
            None => changes.extend(change(case.request, (&before, &after), shift)),
        }
    }
    changes.sort_by_key(|change| change.request);
    changes
}

type Verdicts = std::collections::BTreeMap<Request, Verdict>;

fn change(request: Request, (before, after): (&Verdicts, &Verdicts), shift: Shift) -> Option<Change> {
    let (from, to) = (*before.get(&request)?, *after.get(&request)?);
    Some(Change { request, from, to, cases: vec![shift] })
}

impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let cases: Vec<_> = self
            .cases
            .iter()
            .map(|shift| {
                let (from, to) = (Verdict::of(&shift.from), Verdict::of(&shift.to));
                serde_json::json!({"case": shift.case, "from": from.to_string(), "to": to.to_string()})
            })
            .collect();
        let mut fields = to.serialize_struct("Change", 4)?;
        fields.serialize_field("request", self.request.name())?;
        fields.serialize_field("from", &self.from.to_string())?;
        fields.serialize_field("to", &self.to.to_string())?;
        fields.serialize_field("cases", &cases)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEFAULT_RESTRICTIVE;

    fn policy(text: &str) -> Policy {
        Policy::parse("policy.rego", text.as_bytes()).unwrap()
    }

    /// The differences between the default and the default with more rules, a line each.
    fn lines(rules: &str) -> Vec<String> {
        let other = policy(&format!("{DEFAULT_RESTRICTIVE}\n{rules}\n"));
        let changes = diff(&policy(DEFAULT_RESTRICTIVE), &other);
        changes.iter().map(|c| format!("{} {} -> {}: {}", c.request, c.from, c.to, c.cases.len())).collect()
    }

    #[test]
    fn a_policy_does_not_differ_from_itself() {
        assert_eq!(lines(""), [""; 0]);
    }

    #[test]
    fn a_request_that_opens_shows_with_its_cases() {
        assert_eq!(lines("ExecProcessRequest := true"), ["ExecProcessRequest deny -> allow: 3"]);
    }

    #[test]
    fn a_rule_that_opens_some_cases_makes_it_conditional() {
        let rule = "ReadStreamRequest if { input.exec_id == \"\" }";
        assert_eq!(lines(rule), ["ReadStreamRequest deny -> conditional: 1"]);
    }

    #[test]
    fn requests_come_in_the_order_of_their_names() {
        let rules = "WriteStreamRequest := true\nExecProcessRequest := true";
        let changed = ["ExecProcessRequest deny -> allow: 3", "WriteStreamRequest deny -> allow: 2"];
        assert_eq!(lines(rules), changed);
    }
}
