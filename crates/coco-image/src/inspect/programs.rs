//! What the kernel starts, and which agent is there, as far as their bytes say. Runs nothing.
//!
//! A program is searched for texts that only it has. A text that is there proves a feature; one that is not
//! there proves its absence only where the program could not work without it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use memchr::memmem;

use super::{InspectError, head};
use crate::assemble::{AGENT, DEFAULT_POLICY, GUARD_PLAN, INIT, SYSTEMD};
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, FollowError, Node, Tree};

/// How much of a program is searched at once, in bytes.
const WINDOW: u64 = 1 << 20;
/// What is kept of it when the next part comes, in bytes: more than any mark or version is long.
const OVERLAP: usize = 512;
/// What must follow a version before it is taken, in bytes, and the most one may have in front.
const AROUND: usize = 128;

/// Stands before each line of the guard, and names its plan.
const GUARD_MARK: &str = "coco-guard: ";
/// In front of it is the version of the agent that the built-in guest speaks like, behind it its own.
const BUILTIN_MARK: &str = "+coco-guest.";
/// Paths of the agent's sources, which its log lines carry (kata `src/agent`).
const KATA_MARK: &str = "src/agent/src/rpc.rs";
/// What an agent says that was built with `init-data` (kata `src/agent/src/initdata.rs`).
const INITDATA_MARK: &str = "Found initdata device";
/// What one says that was built without (same file).
const NO_INITDATA_MARK: &str = "Initdata is disabled";
/// The handler of images that are pulled in the guest (kata `src/agent/src/storage/image_pull_handler.rs`).
const PULL_MARK: &str = "src/agent/src/storage/image_pull_handler.rs";
/// Of a panic in a crate of the registry: the home directory of whoever built it.
const CARGO_MARK: &str = "/.cargo/registry/src/";

/// The agent's name, version and the version of its protocol stand side by side where it keeps them (kata
/// `src/agent/src/version.rs.in`).
const AGENT_NAME: &[u8] = b"kata-agent";
/// The version of its protocol, the same since kata 2.0.
const API_VERSION: &[u8] = b"0.0.1";

/// What the kernel starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Init {
    /// There is none, or its link leads nowhere: the kernel would look for a root device.
    None(FollowError),
    /// There is one.
    Found {
        /// Where `/init` leads.
        path: GuestPath,
        /// What is there.
        kind: InitKind,
        /// Whether the kernel can start it.
        is_executable: bool,
    },
}

/// What an `/init` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitKind {
    /// The project's guard.
    Guard {
        /// Whether its plan is there; without one it powers off.
        has_plan: bool,
    },
    /// The agent itself.
    Agent,
    /// systemd.
    Systemd,
    /// A script, with its first line.
    Script(String),
    /// Another ELF program.
    Program,
    /// A regular file that is neither.
    Other,
    /// No regular file; the word for what it is.
    NotFile(&'static str),
}

/// The agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Where [`AGENT`] leads.
    pub path: GuestPath,
    /// Whose it is.
    pub kind: AgentKind,
    /// Its version, if its bytes say it, and only one.
    pub version: Option<String>,
    /// What it was built with, by the feature's name; `None` is not known.
    pub features: BTreeMap<&'static str, Option<bool>>,
    /// Whether it names the home directory of its builder.
    pub(super) has_build_path: bool,
}

/// Whose agent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Built from kata's sources.
    Kata,
    /// The project's stand-in.
    BuiltIn,
    /// Neither, as far as its bytes say.
    Unknown,
}

impl Init {
    /// Whether it is the guard.
    pub fn is_guard(&self) -> bool {
        matches!(self, Self::Found { kind: InitKind::Guard { .. }, .. })
    }
}

impl InitKind {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Guard { .. } => "guard",
            Self::Agent => "kata-agent",
            Self::Systemd => "systemd",
            Self::Script(_) => "script",
            Self::Program => "program",
            Self::Other => "other",
            Self::NotFile(kind) => kind,
        }
    }
}

impl AgentKind {
    /// The word for it; `None` is not known.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Kata => Some("kata-agent"),
            Self::BuiltIn => Some("built-in guest"),
            Self::Unknown => None,
        }
    }
}

/// What `/init` of `tree` is. This is the one place that says whether an image has the guard: a plan alone is none.
pub fn init(tree: &Tree, bodies: &dyn Bodies) -> Result<Init, InspectError> {
    let init = GuestPath::fixed(INIT);
    let (path, entry) = match tree.follow(&init).and_then(|path| Ok((path, tree.lookup(&init)?))) {
        Ok(found) => found,
        Err(error) => return Ok(Init::None(error)),
    };
    let Node::File(mode, body) = &entry.node else {
        let kind = InitKind::NotFile(entry.node.kind());
        return Ok(Init::Found { path, kind, is_executable: false });
    };
    let leads_to = |name| tree.follow(&GuestPath::fixed(name)).is_ok_and(|real| real == path);
    let kind = if leads_to(AGENT) {
        InitKind::Agent
    } else if leads_to(SYSTEMD) || path.as_str().ends_with("/systemd/systemd") {
        InitKind::Systemd
    } else {
        program(tree, &path, body, bodies)?
    };
    Ok(Init::Found { path, kind, is_executable: mode.bits() & 0o111 != 0 })
}

/// What the regular file `path` is, if it is nothing that its place tells.
fn program(
    tree: &Tree,
    path: &GuestPath,
    body: &Body,
    bodies: &dyn Bodies,
) -> Result<InitKind, InspectError> {
    let start = head(path, body, bodies, 256)?;
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return Ok(InitKind::Script(String::from_utf8_lossy(line).trim().to_owned()));
    }
    if !start.starts_with(b"\x7fELF") {
        return Ok(InitKind::Other);
    }
    let found = Found::search(path, body, bodies)?;
    if found.has(GUARD_MARK) && found.has(GUARD_PLAN) {
        return Ok(InitKind::Guard { has_plan: tree.lookup(&GuestPath::fixed(GUARD_PLAN)).is_ok() });
    }
    Ok(InitKind::Program)
}

/// The agent of `tree`.
pub(super) fn agent(tree: &Tree, bodies: &dyn Bodies) -> Result<Option<Agent>, InspectError> {
    let agent = GuestPath::fixed(AGENT);
    let (Ok(path), Ok(entry)) = (tree.follow(&agent), tree.lookup(&agent)) else { return Ok(None) };
    let Node::File(_, body) = &entry.node else { return Ok(None) };
    let found = Found::search(&path, body, bodies)?;
    let kind = if found.has(BUILTIN_MARK) {
        AgentKind::BuiltIn
    } else if found.has(KATA_MARK) {
        AgentKind::Kata
    } else {
        AgentKind::Unknown
    };
    let init_data = match kind {
        // It has no build without.
        AgentKind::BuiltIn => Some(true),
        _ if found.has(INITDATA_MARK) => Some(true),
        _ if found.has(NO_INITDATA_MARK) => Some(false),
        _ => None,
    };
    let features = [
        // Without its path, no agent loads the default policy.
        ("agent-policy", Some(found.has(DEFAULT_POLICY))),
        ("guest-pull", found.has(PULL_MARK).then_some(true)),
        ("init-data", init_data),
    ];
    let mut versions = found.versions.iter();
    let version = versions.next().filter(|_| versions.next().is_none()).cloned();
    let has_build_path = found.has(CARGO_MARK);
    Ok(Some(Agent { path, kind, version, features: features.into(), has_build_path }))
}

/// What was found in a program.
#[derive(Debug, Default)]
struct Found {
    marks: BTreeSet<&'static str>,
    versions: BTreeSet<String>,
}

impl Found {
    fn search(path: &GuestPath, body: &Body, bodies: &dyn Bodies) -> Result<Self, InspectError> {
        let mut found = Self::default();
        body.open(bodies)
            .and_then(|reader| found.read(reader))
            .map_err(|error| InspectError { path: path.clone(), error })?;
        Ok(found)
    }

    fn has(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    fn read(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut window = Vec::new();
        loop {
            let got = reader.by_ref().take(WINDOW).read_to_end(&mut window)?;
            for mark in MARKS {
                if memmem::find(&window, mark.as_bytes()).is_some() {
                    self.marks.insert(mark);
                }
            }
            let end = if got == 0 { window.len() } else { window.len().saturating_sub(AROUND) };
            self.versions.extend(versions(&window, end));
            if got == 0 {
                return Ok(());
            }
            // A text may lie across the border.
            window.drain(..window.len().saturating_sub(OVERLAP));
        }
    }
}

/// All texts that are looked for.
const MARKS: &[&str] = &[
    GUARD_MARK,
    GUARD_PLAN,
    BUILTIN_MARK,
    KATA_MARK,
    INITDATA_MARK,
    NO_INITDATA_MARK,
    PULL_MARK,
    CARGO_MARK,
    DEFAULT_POLICY,
];

/// Versions of agents whose name begins before `end`.
fn versions(window: &[u8], end: usize) -> BTreeSet<String> {
    let around = |at: usize, len: usize| {
        let (before, rest) = window.split_at_checked(at)?;
        Some((before, rest.get(len..)?))
    };
    let kata = memmem::find_iter(window, AGENT_NAME)
        .take_while(|at| *at < end)
        .filter_map(|at| kata_version(around(at, AGENT_NAME.len())?.1));
    let builtin = memmem::find_iter(window, BUILTIN_MARK)
        .take_while(|at| *at < end)
        .filter_map(|at| builtin_version(around(at, BUILTIN_MARK.len())?));
    kata.chain(builtin).collect()
}

/// The version that `after`, which follows the agent's name, begins with; none if there is more than one
/// way to read it.
fn kata_version(after: &[u8]) -> Option<String> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-+".contains(*byte);
    let text: Vec<u8> = after.iter().take(AROUND).take_while(is_part).copied().collect();
    let mut found = (1..text.len()).filter_map(|at| {
        let (version, rest) = text.split_at_checked(at)?;
        let version = str::from_utf8(version).ok()?;
        (rest.starts_with(API_VERSION) && is_version(version)).then(|| version.to_owned())
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The version around the built-in guest's mark.
fn builtin_version((before, after): (&[u8], &[u8])) -> Option<String> {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let mut front: Vec<u8> = before.iter().rev().take(AROUND).take_while(is_part).copied().collect();
    front.reverse();
    let back: Vec<u8> = after.iter().take(AROUND).take_while(is_part).copied().collect();
    let (front, back) = (String::from_utf8(front).ok()?, String::from_utf8(back).ok()?);
    (is_version(&front) && is_version(&back)).then(|| format!("{front}{BUILTIN_MARK}{back}"))
}

/// Whether this is three numbers with dots, and perhaps a suffix (`https://semver.org`).
fn is_version(text: &str) -> bool {
    let (core, suffix) = match text.find(['-', '+']) {
        Some(at) => text.split_at(at),
        None => (text, "-x"),
    };
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    core.split('.').count() == 3 && core.split('.').all(is_number) && suffix.len() > 1
}
