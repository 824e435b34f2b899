//! What is in a file that changed: lines of a text, the build id of a program; and what the policies decide.

use std::io::Read as _;

use anyhow::Context as _;
use coco_image::check::elf::{self, NotElf};
use coco_image::comparison::{Change, Fact};
use coco_image::path::GuestPath;
use coco_image::policy_location::{Located, locate};
use coco_image::tree::{Body, Node};
use coco_policy::Policy;
use serde_json::{Value, json};
use similar::TextDiff;

use crate::commands::policy::diff_lines;
use crate::initrd_file::InitrdFile;

/// Largest file whose lines are compared, in bytes: policies and configurations are smaller.
const TEXT_MAX: u64 = 1 << 20;

/// What changed inside a file.
pub(super) enum Contents {
    /// A text, as a unified diff.
    Text(String),
    /// A program: its build id in each.
    Program([Option<String>; 2]),
}

/// What changed inside the file of `change`, if its contents did and can be told.
pub(super) fn contents(change: &Change, sides: [&InitrdFile; 2]) -> anyhow::Result<Option<Contents>> {
    if !change.facts.iter().any(|fact| matches!(fact, Fact::Content(..))) {
        return Ok(None);
    }
    let [a, b] = sides;
    if let [Some(Ok(from)), Some(Ok(to))] = [a, b].map(|side| build_id(side, &change.path)) {
        return Ok(Some(Contents::Program([from, to])));
    }
    let (Some(from), Some(to)) = (text(a, &change.path)?, text(b, &change.path)?) else { return Ok(None) };
    let [from_name, to_name] = ["a", "b"].map(|side| format!("{side}{}", change.path));
    let lines = TextDiff::from_lines(&from, &to).unified_diff().header(&from_name, &to_name).to_string();
    Ok(Some(Contents::Text(lines)))
}

/// The policies that the agents of both load.
pub(super) struct Policies {
    /// Where each is, or why there is no sure one.
    pub(super) places: [Result<String, String>; 2],
    /// The requests that are decided differently, or why that can't be told.
    pub(super) decisions: Result<Vec<coco_policy::Change>, String>,
}

/// Compares the effective policies; `None` if they are the same bytes at the same place, or both are missing
/// for the same reason.
pub(super) fn policies([a, b]: [&InitrdFile; 2]) -> Option<Policies> {
    let located =
        |side: &InitrdFile| locate(&side.initrd.tree, &side.store).map_err(|error| error.to_string());
    let (a, b) = (located(a), located(b));
    if a == b {
        return None;
    }
    let place = |located: &Result<Located, String>| {
        located.as_ref().map(|located| located.file.to_string()).map_err(Clone::clone)
    };
    let places = [place(&a), place(&b)];
    let load = |located: Result<Located, String>| {
        let located = located?;
        Policy::parse(located.file.file_name(), &located.policy).map_err(|error| error.to_string())
    };
    let decisions = load(a).and_then(|a| Ok(coco_policy::diff(&a, &load(b)?)));
    Some(Policies { places, decisions })
}

impl Policies {
    /// As JSON.
    pub(super) fn as_json(&self) -> Value {
        let place = |place: &Result<String, String>| match place {
            Ok(path) => json!({"path": path}),
            Err(problem) => json!({"problem": problem}),
        };
        let [a, b] = &self.places;
        let (decisions, problem) = match &self.decisions {
            Ok(changes) => (Some(changes), None),
            Err(problem) => (None, Some(problem)),
        };
        json!({"a": place(a), "b": place(b), "decisions": decisions, "problem": problem})
    }

    /// As lines for a person.
    pub(super) fn words(&self) -> String {
        let place = |place: &Result<String, String>| match place {
            Ok(path) => path.clone(),
            Err(problem) => format!("none ({problem})"),
        };
        let [a, b] = &self.places;
        let told = match &self.decisions {
            Ok(changes) if changes.is_empty() => "every sample request is decided alike".to_owned(),
            Ok(changes) => diff_lines(changes),
            Err(problem) => format!("decisions can't be compared: {problem}"),
        };
        let told: Vec<String> = told.lines().map(|line| format!("  {line}\n")).collect();
        format!("policy: {} -> {}\n{}", place(a), place(b), told.concat())
    }
}

fn body<'a>(side: &'a InitrdFile, path: &GuestPath) -> Option<&'a Body> {
    match &side.initrd.tree.lookup(path).ok()?.node {
        Node::File(_, body) => Some(body),
        _ => None,
    }
}

/// The file as text; `None` if it is too large or none.
fn text(side: &InitrdFile, path: &GuestPath) -> anyhow::Result<Option<String>> {
    let Some(body) = body(side, path).filter(|body| body.len() <= TEXT_MAX) else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = body.open(&side.store).and_then(|mut reader| reader.read_to_end(&mut bytes));
    read.with_context(|| format!("{path} can't be read"))?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
}

/// The build id of a program; `None` if there is no such file, an error if it is no program.
fn build_id(side: &InitrdFile, path: &GuestPath) -> Option<Result<Option<String>, NotElf>> {
    Some(elf::build_id(body(side, path)?, &side.store))
}

impl Contents {
    /// As JSON.
    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Text(lines) => json!({"diff": lines}),
            Self::Program([from, to]) => json!({"build_id": {"from": from, "to": to}}),
        }
    }

    /// As lines for a person.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Text(lines) => lines.clone(),
            Self::Program([from, to]) => {
                let word = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
                format!("  build id {} -> {}\n", word(from), word(to))
            }
        }
    }
}
