//! `coco-initrd parity`: whether two guests start with the same policy, and let a pod replace it.
//!
//! Images, overlays and root file systems are only read. Where the policy is, the library finds out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::assemble::{self, Loaded};
use coco_image::digest::Sha256;
use coco_image::manifest::Summary;
use coco_image::policy_location::{Located, Replacement, locate};
use coco_policy::{Opening, Toggle};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::ParityArgs;
use crate::inputs::{Order, Reader};
use crate::interrupt::Scratch;
use crate::output::Output;
use crate::store::Store;

/// Most that one side may unpack to, in bytes.
const UNPACK_LIMIT: u64 = 16 << 30;

/// A file that has no files in it.
#[derive(Debug, thiserror::Error)]
#[error("{} is neither an initrd nor a tar nor a directory", .0.display())]
pub(crate) struct NoGuest(PathBuf);

/// One of the two.
struct Side {
    /// What was read.
    path: PathBuf,
    /// The default policy, or why there is no sure one.
    guest: Result<Guest, String>,
}

/// A default policy with what it decides.
struct Guest {
    located: Located,
    sha256: Sha256,
    decisions: BTreeMap<String, String>,
}

/// One line of the verdict.
struct Check {
    name: &'static str,
    /// Why it fails; empty if the sides are the same.
    differences: Vec<String>,
}

/// Compares the two guests.
pub(crate) fn parity(args: &ParityArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let sides = [Side::read(&args.a)?, Side::read(&args.b)?];
    let checks = checks(&sides);
    let is_same = checks.iter().all(|check| check.differences.is_empty());
    let text = if args.json { as_json(&sides, &checks) } else { as_table(&sides, &checks) };
    out.data(&text)?;
    Ok(if is_same { Outcome::Done } else { Outcome::Wanting })
}

impl Side {
    /// Reads an image, an overlay, a root file system, or the one a build's directory has.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let path = built(path)?;
        let mut store = Store::default();
        let scratch = Scratch::new(&std::env::temp_dir())?;
        let mut reader = Reader {
            store: &mut store,
            scratch: scratch.path(),
            unpack_limit: UNPACK_LIMIT,
            order: Order::Found,
        };
        let Loaded::Members(members) = reader.read(&path)?.loaded else {
            return Err(NoGuest(path).into());
        };
        let tree = assemble::as_found(&members).with_context(|| path.display().to_string())?;
        let guest = match locate(&tree, &store) {
            Ok(located) => Guest::new(located),
            Err(error) => Err(error.to_string()),
        };
        Ok(Self { path, guest })
    }
}

/// The image or overlay of a build, if `path` is a build's directory; else `path` itself.
fn built(path: &Path) -> anyhow::Result<PathBuf> {
    let manifest = path.join("manifest.json");
    if !manifest.is_file() {
        return Ok(path.to_owned());
    }
    let text = crate::named_file::text(&manifest)?;
    let summary = Summary::read(&text).with_context(|| manifest.display().to_string())?;
    Ok(path.join(summary.file))
}

impl Guest {
    fn new(located: Located) -> Result<Self, String> {
        let policy = coco_policy::Policy::parse(located.file.file_name(), &located.policy)
            .map_err(|error| format!("the agent can't load it: {error}"))?;
        let decisions = policy.decisions();
        let decisions =
            decisions.iter().map(|(request, verdict)| (request.name().to_owned(), verdict.to_string()));
        Ok(Self { sha256: Sha256::of(&located.policy), decisions: decisions.collect(), located })
    }
}

/// All checks, in the order of the table.
fn checks(sides: &[Side; 2]) -> Vec<Check> {
    let [Side { guest: Ok(a), .. }, Side { guest: Ok(b), .. }] = sides else {
        let faulty = |(name, side): (&str, &Side)| side.guest.is_err().then(|| format!("{name} has none"));
        let differences = ["A", "B"].into_iter().zip(sides).filter_map(faulty).collect();
        return vec![Check { name: "policy", differences }];
    };
    vec![policy(a, b), decisions(a, b), replacement(a, b)]
}

fn policy(a: &Guest, b: &Guest) -> Check {
    let is_same = a.located.policy == b.located.policy;
    Check { name: "policy", differences: if is_same { Vec::new() } else { vec!["other bytes".to_owned()] } }
}

/// The requests that the two decide differently; both have all of them.
fn decisions(a: &Guest, b: &Guest) -> Check {
    let differs = |((request, a), b): ((&String, &String), &String)| {
        (a != b).then(|| format!("{request} is {a} in A, {b} in B"))
    };
    Check {
        name: "decisions",
        differences: a.decisions.iter().zip(b.decisions.values()).filter_map(differs).collect(),
    }
}

/// Whether a pod's own policy gets through on both sides, and whether what opens something on one side is
/// the same text on the other.
fn replacement(a: &Guest, b: &Guest) -> Check {
    let faulty = |(name, guest): (&str, &Guest)| {
        (!guest.located.replacement.works()).then(|| format!("{name}: {}", way(&guest.located.replacement)))
    };
    let mut differences: Vec<String> = [("A", a), ("B", b)].into_iter().filter_map(faulty).collect();
    let mut others: Vec<&str> = Vec::new();
    for toggle in Toggle::ALL {
        match (opened(a, toggle), opened(b, toggle)) {
            (Ok(a), Ok(b)) if a == b => {}
            (Ok(_), Ok(_)) => others.push(toggle.name()),
            (Err(error), _) => differences.push(format!("A: nothing opens {toggle}: {error}")),
            (_, Err(error)) => differences.push(format!("B: nothing opens {toggle}: {error}")),
        }
    }
    if !others.is_empty() {
        differences.push(format!("another policy in A than in B opens {}", others.join(", ")));
    }
    Check { name: "override", differences }
}

/// The policy that opens one thing in this guest.
fn opened(guest: &Guest, toggle: Toggle) -> Result<String, String> {
    let text = str::from_utf8(&guest.located.policy).map_err(|error| error.to_string())?;
    let opening = Opening { toggles: [toggle].into(), ..Opening::default() };
    let derived = coco_policy::derive("the default", text, &opening).map_err(|error| error.to_string())?;
    Ok(derived.text)
}

/// How a pod's own policy comes to the agent, in words.
pub(crate) fn way(replacement: &Replacement) -> String {
    match replacement {
        Replacement::InitdataDevice(agent) => format!("initdata device, read by {agent}"),
        Replacement::NoAgent => "none: there is no agent that could read the initdata device".to_owned(),
        Replacement::ProcessUserData(place) => {
            format!("process-user-data writes over the copy that {place} makes")
        }
    }
}

fn as_table(sides: &[Side; 2], checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for (name, side) in ["A", "B"].into_iter().zip(sides) {
        lines.push(format!("{name:<11}{}", side.path.display()));
        match &side.guest {
            Ok(Guest { located, sha256, .. }) => lines.extend([
                format!("  form     {}", located.replacement.form()),
                format!("  default  {}", located.file),
                format!("  sha256   {sha256}"),
                format!("  override {}", way(&located.replacement)),
            ]),
            Err(problem) => lines.push(format!("  default  none: {problem}")),
        }
    }
    for Check { name, differences } in checks {
        let verdict = if differences.is_empty() { "same" } else { "different" };
        lines.push(format!("{name:<11}{verdict}"));
        lines.extend(differences.iter().map(|difference| format!("  {difference}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn as_json(sides: &[Side; 2], checks: &[Check]) -> String {
    let side = |side: &Side| -> Value {
        match &side.guest {
            Ok(Guest { located, sha256, decisions }) => json!({
                "path": side.path,
                "form": located.replacement.form(),
                "default": located.file.as_str(),
                "sha256": sha256,
                "override": way(&located.replacement),
                "decisions": decisions,
            }),
            Err(problem) => json!({"path": side.path, "problem": problem}),
        }
    };
    let [a, b] = sides;
    let differences: BTreeMap<&str, &[String]> =
        checks.iter().map(|check| (check.name, check.differences.as_slice())).collect();
    let is_same = differences.values().all(|differences| differences.is_empty());
    let mut value = json!({"a": side(a), "b": side(b), "differences": differences, "same": is_same});
    value.sort_all_objects();
    format!("{value:#}\n")
}
