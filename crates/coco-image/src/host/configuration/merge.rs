//! TOML files over each other, with the file that each value came from. What the values mean is not asked.
//!
//! Both runtimes replace a value, and an array as a whole. runtime-rs merges tables at any depth, the Go runtime
//! by the key of its section; no key of the Go runtime is a table, so that one merge does for both.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::ConfigurationError;
use super::known::keys::ALL;
use super::known::{GO_HYPERVISOR, MEM_AGENT_KEYS, RS_AGENT, Section};
use crate::host::DROP_IN;
use crate::profile::raw::place;
use crate::units::Runtime;

/// The path of a key, from the outermost table.
pub(super) type KeyPath = Vec<String>;

/// A configuration and its drop-ins as one tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    /// The tree.
    pub(super) table: Table,
    /// The files that set a key, in their order; the last one has the value.
    pub(super) files: BTreeMap<KeyPath, Vec<String>>,
}

/// Whether a file is the configuration itself or lies in its `config.d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Main,
    DropIn,
}

impl Merged {
    /// Reads `bytes` of the file called `name` over what is there.
    pub(super) fn read(
        &mut self,
        runtime: Runtime,
        kind: Kind,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), ConfigurationError> {
        let text = std::str::from_utf8(bytes).map_err(|error| ConfigurationError::NotText {
            file: name.to_owned(),
            offset: error.valid_up_to(),
        })?;
        let table: Table = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| place(text, span.start));
            let message = error.message().replace('\n', " ");
            ConfigurationError::Syntax { file: name.to_owned(), line, column, message }
        })?;
        refuse_unknown(runtime, kind, name, &table)?;
        merge(&mut self.table, table, &mut Path { keys: Vec::new(), file: name, files: &mut self.files });
        Ok(())
    }

    /// The keys of our drop-in that a later file sets again, each with that file.
    pub(super) fn overridden(&self) -> Vec<(String, String)> {
        let by = |files: &Vec<String>| {
            let is_ours = |file: &String| file.rsplit('/').next() == Some(DROP_IN);
            files.last().filter(|last| !is_ours(last) && files.iter().any(is_ours)).cloned()
        };
        let overridden = |(path, files): (&KeyPath, &Vec<String>)| by(files).map(|by| (path.join("."), by));
        self.files.iter().filter_map(overridden).collect()
    }
}

/// Where a merge is.
struct Path<'a> {
    keys: KeyPath,
    file: &'a str,
    files: &'a mut BTreeMap<KeyPath, Vec<String>>,
}

fn merge(base: &mut Table, over: Table, path: &mut Path<'_>) {
    for (key, value) in over {
        path.keys.push(key.clone());
        match value {
            Value::Table(value) => {
                let below = base.entry(key).or_insert_with(|| Value::Table(Table::new()));
                if !below.is_table() {
                    *below = Value::Table(Table::new());
                }
                if let Value::Table(below) = below {
                    merge(below, value, path);
                }
            }
            value => {
                path.files.entry(path.keys.clone()).or_default().push(path.file.to_owned());
                base.insert(key, value);
            }
        }
        path.keys.pop();
    }
}

/// Refuses the keys that make the runtime refuse the file, and those it reads in another place than they say.
fn refuse_unknown(runtime: Runtime, kind: Kind, file: &str, table: &Table) -> Result<(), ConfigurationError> {
    for (section, name) in [(Section::Hypervisor, "hypervisor"), (Section::Agent, "agent")] {
        let Some(Value::Table(tables)) = table.get(name) else { continue };
        for (which, keys) in tables {
            let Value::Table(keys) = keys else { continue };
            let is_denied = (runtime, section) == (Runtime::Rs, Section::Agent);
            if let Some(key) = memory_agent(keys).filter(|_| is_denied) {
                let key = format!("{name}.{which}.mem_agent.{key}");
                return Err(ConfigurationError::Unknown { file: file.to_owned(), key, runtime });
            }
            if let Some(key) = keys.keys().find(|key| is_refused(runtime, kind, section, key)) {
                let key = format!("{name}.{which}.{key}");
                return Err(ConfigurationError::Unknown { file: file.to_owned(), key, runtime });
            }
        }
    }
    match runtime {
        Runtime::Go => refuse_other_case(file, table),
        Runtime::Rs => Ok(()),
    }
}

/// A key that the table of the memory agent does not have.
fn memory_agent(agent: &Table) -> Option<&str> {
    let table = agent.get("mem_agent")?.as_table()?;
    let is_known = |key: &str| matches!(key, "enable" | "mem_agent_enable") || MEM_AGENT_KEYS.contains(&key);
    table.keys().map(String::as_str).find(|key| !is_known(key))
}

/// The Go runtime looks up each key of a drop-in; runtime-rs denies unknown keys of agents.
fn is_refused(runtime: Runtime, kind: Kind, section: Section, name: &str) -> bool {
    let more = match (runtime, kind, section) {
        (Runtime::Go, Kind::DropIn, Section::Hypervisor) => GO_HYPERVISOR,
        (Runtime::Go, Kind::DropIn, Section::Agent) => &[],
        (Runtime::Rs, _, Section::Agent) => RS_AGENT,
        _ => return false,
    };
    let is_read =
        ALL.iter().any(|key| key.section == section && key.name == name && key.default(runtime).is_some());
    !is_read && !more.contains(&name)
}

/// The decoder of the Go runtime takes keys in any case, and then merges drop-ins by the one it knows: which value
/// is effective depends on both. Nobody means that.
fn refuse_other_case(file: &str, table: &Table) -> Result<(), ConfigurationError> {
    let known = |name: &str| ["hypervisor", "agent", "runtime"].contains(&name);
    let mut names: Vec<(String, &str)> = table.keys().map(|key| (key.clone(), key.as_str())).collect();
    for (section, below) in table {
        let Value::Table(below) = below else { continue };
        names.extend(below.keys().map(|key| (format!("{section}.{key}"), key.as_str())));
        for (which, below) in below {
            let Value::Table(below) = below else { continue };
            names.extend(below.keys().map(|key| (format!("{section}.{which}.{key}"), key.as_str())));
        }
    }
    let is_other_case = |name: &str| {
        let lower = name.to_ascii_lowercase();
        lower != name && (known(&lower) || ALL.iter().any(|key| key.name == lower))
    };
    match names.into_iter().find(|(_, name)| is_other_case(name)) {
        Some((key, _)) => Err(ConfigurationError::Case { file: file.to_owned(), key }),
        None => Ok(()),
    }
}
