//! Reads a policy as a reviewer would, under every engine that agents ship. Not what an image is built with.
//!
//! It says what is wrong, where, and what it does, and it is what stops a build: [`check`] gives a list of
//! diagnostics, each with a code, a place and a level, and the table of what each engine decides.
//!
//! * `code`: the codes and their levels;
//! * `syntax`: why an engine can't load it;
//! * `rules`, `expressions`: what the text tells, by the newer engine's own parser;
//! * `requests`: what the answers to the sample cases tell.

mod code;
mod expressions;
mod requests;
mod rules;
mod syntax;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

pub use code::{Code, Level};

use crate::{AgentVersion, Engine, Policy, PolicyError, Request, RuleLine, Verdict, policy};

/// What a policy is for: it decides which openings are faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The default of an image: what must be closed is a fault if it is open.
    Default,
    /// One pod's own policy: logs, exec and the like may be open, that is what it is for.
    Override,
}

/// The agents a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agents {
    /// Every engine that agents ship, and the requests of the newest agent.
    All,
    /// One release: its engine, its requests, its input.
    Only(AgentVersion),
}

impl Agents {
    /// The engines in them, the older one first.
    pub fn engines(self) -> Vec<Engine> {
        match self {
            Agents::All => Engine::ALL.to_vec(),
            Agents::Only(version) => vec![version.engine()],
        }
    }

    /// The oldest release in them.
    fn oldest(self) -> AgentVersion {
        match self {
            Agents::All => AgentVersion::OLDEST,
            Agents::Only(version) => version,
        }
    }

    /// The release whose requests and inputs count.
    fn version(self) -> AgentVersion {
        match self {
            Agents::All => AgentVersion::NEWEST,
            Agents::Only(version) => version,
        }
    }
}

/// A place in a policy; both numbers count from 1. What concerns the whole policy is at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Place {
    const START: Place = Place { line: 1, column: 1 };
}

/// One thing to know about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing it is.
    pub code: Code,
    /// How bad it is in the role asked about.
    pub level: Level,
    /// Where it is.
    pub place: Place,
    /// What it is, in one line.
    pub message: String,
}

/// What each engine makes of a request; an engine that can't load the policy is absent.
pub type Row = BTreeMap<Engine, Verdict>;

/// What there is to know about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// What is decided, for every request the agent asks about; empty if no engine can load the policy.
    pub table: BTreeMap<Request, Row>,
}

impl Report {
    /// Whether anything in it is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error)
    }
}

/// Checks a policy. `name` is only for messages.
///
/// The policy is evaluated, and so takes as long as it says: Rego can ask for endless work in a line.
pub fn check(name: &str, bytes: &[u8], role: Role, agents: Agents) -> Report {
    let mut found = Found::new(role);
    let read = read(name, bytes, agents, &mut found);
    let table = match read {
        Some(Read { policies, places }) => requests::check(&policies, agents, &places, &mut found),
        None => BTreeMap::new(),
    };
    found.report(table)
}

/// Checks a policy as [`check`] does, without asking it anything: the table is empty, and the time is
/// bounded whatever the text.
pub fn check_text(name: &str, bytes: &[u8], role: Role, agents: Agents) -> Report {
    let mut found = Found::new(role);
    let _ = read(name, bytes, agents, &mut found); // what it finds is all that is wanted
    found.report(BTreeMap::new())
}

/// A policy that was loaded.
struct Read {
    policies: BTreeMap<Engine, Policy>,
    places: BTreeMap<Request, rules::Decided>,
}

/// Loads a policy in every engine and adds what its text tells; `None` if it is no text for any.
fn read(name: &str, bytes: &[u8], agents: Agents, found: &mut Found) -> Option<Read> {
    let text = match policy::text(name, bytes) {
        Ok(text) => text,
        Err(error) => {
            syntax::refused(&error, &agents.engines(), found);
            return None;
        }
    };
    let policies = load(name, text, agents, found);
    let module = rules::parse(name, text);
    if let Some(module) = &module {
        rules::check(module, text, (&policies, agents), found);
    }
    let places = module.as_ref().map(rules::places).unwrap_or_default();
    Some(Read { policies, places })
}

/// The rules of a request, each with its first line; none if the policy can't be parsed.
pub(crate) fn heads(text: &str, request: Request) -> Vec<RuleLine> {
    let module = rules::parse("policy.rego", text);
    let spans = module.as_ref().map(|module| rules::all_places(module, request)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let head = |place: Place| {
        let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
        Some(RuleLine { place, text: (*lines.get(index)?).to_owned() })
    };
    spans.into_iter().filter_map(head).collect()
}

/// Where `policy_data` begins in a policy, in bytes: what is behind it Trustee takes for data. Its end, if
/// there is none.
pub(crate) fn data_start(text: &str) -> usize {
    let module = rules::parse("policy.rego", text);
    module.as_ref().and_then(rules::data_start).unwrap_or(text.len())
}

/// Loads the policy in every engine that takes it.
fn load(name: &str, text: &str, agents: Agents, found: &mut Found) -> BTreeMap<Engine, Policy> {
    let mut policies = BTreeMap::new();
    let mut refusals: Vec<(PolicyError, Vec<Engine>)> = Vec::new();
    for engine in agents.engines() {
        match Policy::parse_for(engine, name, text.as_bytes()) {
            Ok(policy) => {
                policies.insert(engine, policy);
            }
            Err(error) => match refusals.iter_mut().find(|(known, _)| *known == error) {
                Some((_, engines)) => engines.push(engine),
                None => refusals.push((error, vec![engine])),
            },
        }
    }
    for (error, engines) in &refusals {
        syntax::refused(error, engines, found);
    }
    policies
}

/// What has been found so far.
struct Found {
    role: Role,
    diagnostics: Vec<Diagnostic>,
    /// What `diagnostics` has, to be found soon: a hostile policy has 200 000 of them.
    told: BTreeSet<(Code, Place, String)>,
}

impl Found {
    fn new(role: Role) -> Found {
        Found { role, diagnostics: Vec::new(), told: BTreeSet::new() }
    }

    fn add(&mut self, code: Code, place: Place, message: impl Into<String>) {
        let message = message.into();
        // Two engines that answer alike tell it once.
        if self.told.insert((code, place, message.clone())) {
            let level = code.level(self.role);
            self.diagnostics.push(Diagnostic { code, level, place, message });
        }
    }

    fn report(mut self, table: BTreeMap<Request, Row>) -> Report {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.place, diagnostic.code));
        Report { diagnostics: self.diagnostics, table }
    }
}
