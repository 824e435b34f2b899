//! What the answers to the sample cases tell: requests without a rule, holes, engines that disagree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::Decided;
use super::{Agents, Code, Found, Place, Role, Row};
use crate::cases::{self, Answer, Case, Rule};
use crate::{Advice, AgentVersion, Decision, Engine, Policy, Request, Toggle, Verdict};

/// The decisions of each engine, in the order of the cases.
type Answers = BTreeMap<Engine, Vec<Decision>>;

/// Asks every engine about every case, adds what the answers tell, and gives the table of decisions.
pub(super) fn check(
    policies: &BTreeMap<Engine, Policy>,
    agents: Agents,
    places: &BTreeMap<Request, Decided>,
    found: &mut Found,
) -> BTreeMap<Request, Row> {
    if policies.is_empty() {
        return BTreeMap::new();
    }
    let version = agents.version();
    let cases: Vec<&Case> = cases::embedded().iter().filter(|case| version.asks(case.request)).collect();
    let inputs: Vec<Value> = cases.iter().map(|case| version.input(case.request, &case.input)).collect();
    let ask = |policy: &Policy| policy.decide_all(requests(&cases).zip(&inputs));
    let answers: Answers = policies.iter().map(|(engine, policy)| (*engine, ask(policy))).collect();
    let mut subject = Subject { cases: &cases, answers: &answers, places, found, hidden: BTreeSet::new() };
    subject.undefined();
    subject.cases_one_by_one();
    subject.may_open();
    subject.disagreements();
    subject.exec_without_output();
    if agents == Agents::All {
        subject.file_type(policies);
    }
    let hidden = subject.hidden;
    table(&cases, &answers, &hidden)
}

/// The requests that a default keeps closed whatever they carry: no sample of them may pass, so a rule that
/// may say yes opens something, also where no sample shows it.
const ALWAYS_CLOSED: [Request; 6] = [
    Request::CloseStdin,
    Request::ExecProcess,
    Request::GetDiagnosticData,
    Request::ReadStream,
    Request::SetPolicy,
    Request::WriteStream,
];

fn requests<'a>(cases: &'a [&Case]) -> impl Iterator<Item = Request> + 'a {
    cases.iter().map(|case| case.request)
}

/// What each engine makes of each request.
fn table(cases: &[&Case], answers: &Answers, hidden: &BTreeSet<Request>) -> BTreeMap<Request, Row> {
    let mut table: BTreeMap<Request, Row> = BTreeMap::new();
    for (engine, decisions) in answers {
        for (case, decision) in cases.iter().zip(decisions) {
            let verdict = match Verdict::of(decision) {
                Verdict::Deny if hidden.contains(&case.request) => Verdict::Conditional,
                verdict => verdict,
            };
            let row = table.entry(case.request).or_default();
            let so_far = row.entry(*engine).or_insert(verdict);
            if *so_far != verdict {
                *so_far = Verdict::Conditional;
            }
        }
    }
    table
}

/// A policy under examination.
struct Subject<'a> {
    cases: &'a [&'a Case],
    answers: &'a Answers,
    places: &'a BTreeMap<Request, Decided>,
    found: &'a mut Found,
    /// Requests that a rule may open, and no sample shows it.
    hidden: BTreeSet<Request>,
}

impl Subject<'_> {
    fn add(&mut self, code: Code, request: Request, message: String) {
        let place = self.places.get(&request).map_or(Place::START, |decided| decided.place);
        self.found.add(code, place, message);
    }

    /// The requests no rule answers, all in one.
    fn undefined(&mut self) {
        let mut requests: BTreeSet<Request> = BTreeSet::new();
        for decisions in self.answers.values() {
            let answered = self.cases.iter().zip(decisions);
            let undefined = answered.filter(|(_, decision)| **decision == Decision::Undefined);
            requests.extend(undefined.map(|(case, _)| case.request));
        }
        // Absent, it counts as false.
        requests.remove(&Request::AllowRequestsFailingPolicy);
        if !requests.is_empty() {
            let names: Vec<&str> = requests.iter().map(|request| request.name()).collect();
            let message =
                format!("no rule answers {}: the agent denies with an internal error", names.join(", "));
            self.found.add(Code::UndefinedRequest, Place::START, message);
        }
    }

    /// What the answers tell one by one: for each request and kind of finding the first case, and how many
    /// there are. Several engines with the same answer count once.
    fn cases_one_by_one(&mut self) {
        let mut told: BTreeMap<(Code, Request), (String, BTreeSet<&str>)> = BTreeMap::new();
        for decisions in self.answers.values() {
            for (case, decision) in self.cases.iter().zip(decisions) {
                let Some((code, message)) = judge(case, decision, self.found.role) else { continue };
                let entry = told.entry((code, case.request)).or_insert_with(|| (message, BTreeSet::new()));
                entry.1.insert(&case.name);
            }
        }
        for ((code, request), (message, cases)) in told {
            let more = match cases.len() {
                0 | 1 => String::new(),
                2 => " (and 1 more case)".to_owned(),
                all => format!(" (and {} more cases)", all.saturating_sub(1)),
            };
            self.add(code, request, message + &more);
        }
    }

    /// Rules that may open what must be closed, in a way no sample shows.
    fn may_open(&mut self) {
        for request in ALWAYS_CLOSED {
            let has_rule = self.places.get(&request).is_some_and(|decided| decided.may_open);
            let shows = self.answers.values().any(|decisions| {
                let mut answered = self.cases.iter().zip(decisions);
                answered.any(|(case, decision)| case.request == request && *decision == Decision::Allow)
            });
            if has_rule && !shows {
                self.hidden.insert(request);
                let message = format!(
                    "a rule may let {request} pass, and no sample shows when: read it; {}",
                    Advice::of(request).risk
                );
                // No policy may let the host replace it.
                let code = if request == Request::SetPolicy { Code::Hole } else { Code::MayOpen };
                self.add(code, request, message);
            }
        }
    }

    /// The first case of each request that two engines decide differently.
    fn disagreements(&mut self) {
        let mut told = BTreeSet::new();
        let engines: Vec<(&Engine, &Vec<Decision>)> = self.answers.iter().collect();
        let [(older, first), (newer, second)] = engines.as_slice() else { return };
        for ((case, a), b) in self.cases.iter().zip(*first).zip(*second) {
            if Verdict::of(a) != Verdict::of(b) && told.insert(case.request) {
                let message = format!(
                    "{}: {}: {older} says {}, {newer} says {}",
                    case.request,
                    case.name,
                    Verdict::of(a),
                    Verdict::of(b)
                );
                self.add(Code::EnginesDisagree, case.request, message);
            }
        }
    }

    /// Commands that run and whose output nobody may read: `oc exec` succeeds and prints nothing.
    fn exec_without_output(&mut self) {
        let is_silent = self.answers.values().any(|decisions| {
            let allows = |wanted: Toggle| {
                let answered = self.cases.iter().zip(decisions);
                let mut of_it = answered.filter(|(case, _)| case.opens == Some(wanted));
                of_it.any(|(_, decision)| *decision == Decision::Allow)
            };
            let may_run = allows(Toggle::Exec) || self.hidden.contains(&Request::ExecProcess);
            may_run && !allows(Toggle::ExecOutput) && !self.hidden.contains(&Request::ReadStream)
        });
        if is_silent {
            let message = "ExecProcessRequest lets commands run, but ReadStreamRequest empties what they print; \
                           probes do not mind, people do";
            self.add(Code::ExecWithoutOutput, Request::ExecProcess, message.to_owned());
        }
    }

    /// Whether pods start on agents that do not tell what kind of file is copied.
    fn file_type(&mut self, policies: &BTreeMap<Engine, Policy>) {
        let Some(policy) = policies.get(&Engine::Regorus028) else { return };
        let copies: Vec<&&Case> = self
            .cases
            .iter()
            .filter(|case| case.request == Request::CopyFile && case.rule == Rule::StartPath)
            .collect();
        let older = AgentVersion::OLDEST;
        let inputs: Vec<Value> = copies.iter().map(|case| older.input(case.request, &case.input)).collect();
        let asked = copies.iter().map(|case| case.request).zip(&inputs);
        let denied = policy.decide_all(asked).iter().all(|decision| *decision != Decision::Allow);
        let passes_on_newer = self.answers.get(&Engine::Regorus028).is_some_and(|decisions| {
            let mut answered = self.cases.iter().zip(decisions);
            answered.any(|(case, decision)| case.request == Request::CopyFile && *decision == Decision::Allow)
        });
        if denied && passes_on_newer {
            let message = "CopyFileRequest needs the type of the file, which agents before 3.29 do not tell: no pod \
                           starts on them";
            self.add(Code::NeedsFileType, Request::CopyFile, message.to_owned());
        }
    }
}

/// What one answer tells, if anything.
fn judge(case: &Case, decision: &Decision, role: Role) -> Option<(Code, String)> {
    let Case { name, request, why, .. } = case;
    let is_setting = *request == Request::AllowRequestsFailingPolicy;
    match (decision, case.rule) {
        (Decision::Undefined, binding) if is_setting || binding != Rule::StartPath => None,
        (Decision::Failed(words), _) => {
            let message = format!("{request} can't be evaluated, so the agent denies it: {words}");
            Some((Code::EvaluationFails, message))
        }
        (Decision::Allow, Rule::Closed) if is_setting => {
            let message =
                format!("{request} is true: every denial becomes a warning, and no later policy ends it");
            Some((Code::FailingRequestsPass, message))
        }
        (Decision::Allow, Rule::Closed) => {
            let can_be_opened = case.opens.is_some();
            let code = if can_be_opened { Code::Open } else { Code::Hole };
            let open = if can_be_opened && role == Role::Override { "open" } else { "open, and must not be" };
            Some((code, format!("{request} is {open}: {name}: {why}")))
        }
        (Decision::Allow, Rule::Default) if case.expect == Answer::Deny && case.opens.is_none() => {
            let risk = Advice::of(*request).risk;
            Some((Code::Wider, format!("{request} passes where the built-in default denies: {name}; {risk}")))
        }
        (decision, Rule::StartPath) if !Answer::Allow.is(decision) => {
            Some((Code::StartPathDenied, format!("{request} is denied: {name}: {why}")))
        }
        _ => None,
    }
}
