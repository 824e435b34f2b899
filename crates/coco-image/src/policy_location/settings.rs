//! Files that may name another policy to the agent: its configuration, its systemd units, and the
//! environment these read. What a program that a unit starts does is not asked.

use std::collections::BTreeSet;

use super::{LocateError, contents};
use crate::path::GuestPath;
use crate::tree::{Bodies, Node, Tree};

/// The agent's configuration in a podvm (cloud-api-adaptor `podvm/files/etc/systemd/system/kata-agent.service`).
const AGENT_CONFIG: &str = "/etc/agent-config.toml";

/// The key of the configuration, and the variable, that name a policy (kata `src/agent/src/config.rs`).
const KEY: &str = "policy_file";
const VARIABLE: &str = "KATA_AGENT_POLICY_FILE";

/// Where systemd has its configuration (systemd.unit(5), systemd-system.conf(5)).
const SYSTEMD: [&str; 4] = ["/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];

/// In the path of what counts for the agent: its unit, drop-ins, defaults of the manager.
const OF_AGENT: [&str; 4] =
    ["/kata-agent.service", "/kata-.service.d/", "/service.d/", "/systemd/system.conf"];

/// Largest file that is searched, in bytes; any of them has a few thousand.
const TEXT_MAX: u64 = 1 << 20;

/// What the agent's units read.
#[derive(Default)]
struct Named {
    configurations: BTreeSet<GuestPath>,
    environments: BTreeSet<GuestPath>,
}

/// Refuses a guest with a file that names a policy to the agent.
pub(super) fn name_no_policy(tree: &Tree, bodies: &dyn Bodies) -> Result<(), LocateError> {
    let mut named = Named::default();
    named.configurations.insert(GuestPath::fixed(AGENT_CONFIG));
    for place in units(tree) {
        let Some(text) = text(tree, bodies, &place)? else { continue };
        no_variable(&place, &text)?;
        if OF_AGENT.iter().any(|part| place.as_str().contains(part)) {
            named.read(&place, &text)?;
        }
    }
    for place in &named.environments {
        if let Some(text) = text(tree, bodies, place)? {
            no_variable(place, &text)?;
        }
    }
    for place in &named.configurations {
        if let Some(text) = text(tree, bodies, place)? {
            no_key(place, &text)?;
        }
    }
    Ok(())
}

impl Named {
    /// Adds what the agent's unit at `place` reads.
    fn read(&mut self, place: &GuestPath, text: &str) -> Result<(), LocateError> {
        // A backslash at the end of a line makes it and the next one line; comments don't count, even
        // in between (systemd.syntax(7)).
        let text = text.replace("\r\n", "\n");
        let lines: Vec<&str> = text
            .split(['\n', '\r', '\0'])
            .filter(|line| !line.trim_start().starts_with(['#', ';']))
            .collect();
        for line in lines.join("\n").replace("\\\n", " ").lines().map(str::trim) {
            let (key, value) = line.split_once('=').unwrap_or_default();
            let key = key.trim_end();
            let is_start = key == "ExecStart";
            if (is_start || key.ends_with("Environment")) && value.contains(['\\', '%', '$']) {
                return Err(unsure(place, line));
            }
            if key == "EnvironmentFile" {
                let value = value.trim();
                add(&mut self.environments, value.strip_prefix('-').unwrap_or(value))
                    .ok_or_else(|| unsure(place, line))?;
            }
            for file in configurations(value).filter(|_| is_start) {
                add(&mut self.configurations, file).ok_or_else(|| unsure(place, line))?;
            }
        }
        Ok(())
    }
}

/// The arguments of `-c` and `--config` in a command.
fn configurations(command: &str) -> impl Iterator<Item = &str> {
    let mut words = command.split([' ', '\t', '=', '"', '\'']).filter(|word| !word.is_empty());
    std::iter::from_fn(move || {
        let option = words.find(|word| word.starts_with("-c") || *word == "--config")?;
        match option.strip_prefix("-c") {
            Some(joined) if !joined.is_empty() => Some(joined),
            _ => words.next(),
        }
    })
}

/// Adds a path that stands for itself; an empty one takes back those before it, which are kept.
fn add(paths: &mut BTreeSet<GuestPath>, path: &str) -> Option<()> {
    if path.is_empty() {
        return Some(());
    }
    if path.contains(['%', '\\', '"', '\'', '*', '?', '[', '$']) {
        return None;
    }
    paths.insert(path.parse().ok()?);
    Some(())
}

/// All units and other configuration of systemd, by the names it finds them with.
fn units(tree: &Tree) -> BTreeSet<GuestPath> {
    let directories = SYSTEMD.map(GuestPath::fixed);
    let is_systemd = |path: &GuestPath| directories.iter().any(|directory| path.is_below(directory));
    let links =
        tree.iter().filter(|(path, entry)| matches!(entry.node, Node::Symlink(_)) && is_systemd(path));
    let has_ending = |path: &GuestPath| [".service", ".conf"].iter().any(|end| path.as_str().ends_with(end));
    let mut units = BTreeSet::new();
    for directory in directories.iter().chain(links.map(|(path, _)| path)) {
        let Ok(real) = tree.follow(directory) else { continue };
        let below = tree.iter().map(|(path, _)| path).filter(|path| path.is_below(&real));
        let rests = below.filter_map(|path| path.as_str().strip_prefix(real.as_str()));
        units.extend(rests.filter_map(|rest| directory.join(rest).ok()).filter(has_ending));
    }
    units
}

/// What `path` leads to, if that is a file of the image.
fn text(tree: &Tree, bodies: &dyn Bodies, path: &GuestPath) -> Result<Option<String>, LocateError> {
    let Ok(Node::File(_, body)) = tree.lookup(path).map(|entry| &entry.node) else { return Ok(None) };
    if body.len() > TEXT_MAX {
        let problem = format!("got {} bytes, expected at most {TEXT_MAX} of configuration", body.len());
        return Err(LocateError::Setting { place: path.clone(), problem });
    }
    Ok(Some(String::from_utf8_lossy(&contents(path, body, bodies)?).into_owned()))
}

fn no_variable(place: &GuestPath, text: &str) -> Result<(), LocateError> {
    match (1..).zip(text.lines()).find(|(_, line)| line.contains(VARIABLE)) {
        Some((line, _)) => Err(LocateError::Line {
            place: place.clone(),
            line,
            problem: format!("{VARIABLE} has the agent load another policy"),
        }),
        None => Ok(()),
    }
}

fn no_key(place: &GuestPath, text: &str) -> Result<(), LocateError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| LocateError::Setting {
        place: place.clone(),
        problem: format!("the agent can't read it: {}", error.message()),
    })?;
    if table.contains_key(KEY) {
        let problem = format!("{KEY} has the agent load another policy");
        return Err(LocateError::Setting { place: place.clone(), problem });
    }
    Ok(())
}

fn unsure(place: &GuestPath, line: &str) -> LocateError {
    let problem = format!("`{line}` may have the agent load another policy, expected a plain path or value");
    LocateError::Setting { place: place.clone(), problem }
}
