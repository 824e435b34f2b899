//! A kata configuration with drop-ins, as a runtime of kata 4.1 reads it. Opens no file.
//!
//! Sources: `src/runtime/pkg/katautils/config.go` for the Go runtime, `src/libs/kata-types/src/config` for
//! runtime-rs.

mod error;
mod known;
mod merge;
mod settings;

use std::collections::BTreeMap;

use regex::Regex;
use toml::{Table, Value};

use super::{Settings, Switch, Word, compose};
use crate::units::Runtime;
pub use error::ConfigurationError;
pub(super) use known::Key;
pub(super) use known::keys;
use known::{Fallback, Section};
use merge::{Kind, Merged};
use settings::words;

/// The hypervisor whose command line is known.
const QEMU: &str = "qemu";

/// Below this many MiB the Go runtime takes its default (`MinHypervisorMemory` of `src/runtime/virtcontainers`).
const GO_MEMORY_MIN: u32 = 256;

/// Guest memory of the Go runtime without a configuration, in MiB.
const GO_MEMORY: u32 = 2048;

/// Guest memory of runtime-rs without a configuration, in MiB.
const RS_MEMORY: u32 = 128;

/// What a runtime goes by.
#[derive(Debug, Clone)]
pub struct Configuration {
    runtime: Runtime,
    files: Vec<String>,
    merged: Merged,
    hypervisor: String,
    agent: Option<String>,
}

/// A key with its effective value.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The key with its tables, such as `hypervisor.qemu.initrd`.
    pub key: String,
    /// Its value as TOML; `None` where the runtime's default holds.
    pub value: Option<Value>,
    /// The file that set it.
    pub file: Option<String>,
}

impl Configuration {
    /// Merges `main`, a name and its bytes, and `drop_ins`, in any order, as `runtime` does.
    ///
    /// Names are for messages; drop-ins are sorted by theirs, as both runtimes do.
    pub fn merge(
        runtime: Runtime,
        main: (&str, &[u8]),
        drop_ins: &[(String, Vec<u8>)],
    ) -> Result<Self, ConfigurationError> {
        let mut merged = Merged::default();
        let mut files = vec![main.0.to_owned()];
        merged.read(runtime, Kind::Main, main.0, main.1)?;
        let sorted: BTreeMap<&str, &[u8]> =
            drop_ins.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        for (name, bytes) in sorted {
            merged.read(runtime, Kind::DropIn, name, bytes)?;
            files.push(name.to_owned());
        }
        let (hypervisor, agent) = match runtime {
            Runtime::Go => (only(&merged.table, "hypervisor")?, only(&merged.table, "agent")?),
            Runtime::Rs => (
                Some(named(&merged, runtime, keys::HYPERVISOR_NAME)?),
                Some(named(&merged, runtime, keys::AGENT_NAME)?),
            ),
        };
        let no_section = || ConfigurationError::NoSection(format!("hypervisor.{QEMU}"));
        let hypervisor = hypervisor.ok_or_else(no_section)?;
        let configuration = Self { runtime, files, merged, hypervisor, agent };
        configuration.is_complete()?;
        Ok(configuration)
    }

    /// The runtime that reads it so.
    pub fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// The files, in the order of their reading.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The kernel on the host; empty for the default of whoever built the runtime.
    pub fn kernel(&self) -> &str {
        self.text(keys::KERNEL)
    }

    /// The initrd on the host; empty for none.
    pub fn initrd(&self) -> &str {
        self.text(keys::INITRD)
    }

    /// The disk image on the host; empty for none.
    pub fn image(&self) -> &str {
        self.text(keys::IMAGE)
    }

    /// The firmware on the host; empty for that of QEMU.
    pub fn firmware(&self) -> &str {
        self.text(keys::FIRMWARE)
    }

    /// Memory that a guest without limits has, in MiB.
    pub fn memory_mib(&self) -> u32 {
        match (self.runtime, self.whole(keys::DEFAULT_MEMORY)) {
            (Runtime::Go, mib) if mib < GO_MEMORY_MIN => GO_MEMORY,
            (Runtime::Rs, 0) => RS_MEMORY,
            (_, mib) => mib,
        }
    }

    /// Processors that a guest without limits has; below 0 and above the host's, as many as the host has.
    pub fn default_vcpus(&self) -> f64 {
        let vcpus = self.value(keys::DEFAULT_VCPUS);
        let whole =
            || vcpus.and_then(Value::as_integer).and_then(|vcpus| i32::try_from(vcpus).ok()).map(f64::from);
        match vcpus.and_then(Value::as_float).or_else(whole) {
            Some(vcpus) if vcpus != 0.0 => vcpus,
            _ => 1.0,
        }
    }

    /// How files of the host get into the guest: `none`, or a file system that shares them.
    pub fn shared_fs(&self) -> &str {
        match self.text(keys::SHARED_FS) {
            "" => "virtio-fs",
            name => name,
        }
    }

    /// The guest policy of SEV-SNP (SEV-SNP firmware ABI, section 4.3).
    pub fn snp_guest_policy(&self) -> u32 {
        self.whole(keys::SNP_GUEST_POLICY)
    }

    /// Whether the guest is confidential.
    pub fn is_confidential(&self) -> bool {
        self.flag(keys::CONFIDENTIAL_GUEST)
    }

    /// Whether SEV-SNP is asked for, and not SEV.
    pub fn is_snp(&self) -> bool {
        self.flag(keys::SEV_SNP_GUEST)
    }

    /// Whether a pod's annotation `io.katacontainers.config.hypervisor.NAME` counts.
    ///
    /// An expression that is none makes all of them void for runtime-rs, and only itself for the Go runtime.
    pub fn is_annotation_enabled(&self, name: &str) -> bool {
        let expressions = self.texts(keys::ENABLE_ANNOTATIONS);
        let read: Vec<Regex> = expressions.iter().filter_map(|text| Regex::new(text).ok()).collect();
        let is_void = self.runtime == Runtime::Rs && read.len() < expressions.len();
        !is_void && read.iter().any(|expression| expression.is_match(name))
    }

    /// The kernel command line for the initrd.
    pub fn command_line(&self) -> Vec<Word> {
        compose(&self.settings())
    }

    /// Every key that is read, in a fixed order, with its value and the file it came from.
    pub fn effective(&self) -> Vec<Effective> {
        let of_runtime = keys::ALL.iter().filter(|key| key.default(self.runtime).is_some());
        of_runtime
            .filter_map(|key| {
                let path = self.path(*key)?;
                let file = self.file(*key).map(ToOwned::to_owned);
                Some(Effective { key: path.join("."), value: self.value(*key).cloned(), file })
            })
            .collect()
    }

    /// The keys of our drop-in that a later file sets again, each with that file.
    pub fn overridden(&self) -> Vec<(String, String)> {
        self.merged.overridden()
    }

    /// The file that set a key; `None` for a default.
    pub(super) fn file(&self, key: Key) -> Option<&str> {
        self.merged.files.get(&self.path(key)?)?.last().map(String::as_str)
    }

    /// A key with its tables, as TOML has it: `[agent.kata] enable_debug`.
    pub(super) fn name(&self, key: Key) -> String {
        let path = self.path(key).unwrap_or_default();
        match path.split_last() {
            Some((name, tables)) => format!("[{}] {name}", tables.join(".")),
            None => key.name.to_owned(),
        }
    }

    pub(super) fn text(&self, key: Key) -> &str {
        match (self.value(key), key.default(self.runtime)) {
            (Some(Value::String(text)), _) => text,
            (_, Some(Fallback::Text(text))) => text,
            _ => "",
        }
    }

    pub(super) fn flag(&self, key: Key) -> bool {
        match (self.value(key), key.default(self.runtime)) {
            (Some(Value::Boolean(flag)), _) => *flag,
            (_, Some(Fallback::Flag(flag))) => flag,
            _ => false,
        }
    }

    pub(super) fn texts(&self, key: Key) -> Vec<&str> {
        let values = self.value(key).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Name and dm-verity parameters of each extension image.
    pub(super) fn extensions(&self) -> Vec<(String, String)> {
        let tables = self.value(keys::GUEST_EXTENSION_IMAGES).and_then(Value::as_array);
        let text = |table: &Table, key| table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let tables = tables.into_iter().flatten().filter_map(Value::as_table);
        tables.map(|table| (text(table, "name"), text(table, "verity_params"))).collect()
    }

    /// The words of `kernel_params`, and the file they came from.
    pub(super) fn kernel_params(&self) -> Vec<String> {
        words(self.text(keys::KERNEL_PARAMS))
    }

    fn whole(&self, key: Key) -> u32 {
        match (self.value(key), key.default(self.runtime)) {
            (Some(Value::Integer(number)), _) => u32::try_from(*number).unwrap_or_default(),
            (_, Some(Fallback::Whole(number))) => number,
            _ => 0,
        }
    }

    /// Refuses what the runtime would not start with.
    fn is_complete(&self) -> Result<(), ConfigurationError> {
        if self.hypervisor != QEMU {
            return Err(ConfigurationError::Hypervisor(self.hypervisor.clone()));
        }
        let agent = self.agent.as_deref().map(|name| ("agent", name));
        for (section, name) in [("hypervisor", self.hypervisor.as_str())].into_iter().chain(agent) {
            if self.merged.table.get(section).and_then(|below| below.get(name)).is_none() {
                return Err(ConfigurationError::NoSection(format!("{section}.{name}")));
            }
        }
        for section in [Section::Hypervisor, Section::Agent, Section::Runtime] {
            self.check(section)?;
        }
        let file = |key| self.file(key).unwrap_or_default().to_owned();
        if let Some(word) = self.kernel_params().into_iter().find(|word| word.starts_with('=')) {
            return Err(ConfigurationError::KernelParam { file: file(keys::KERNEL_PARAMS), word });
        }
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        match self.extensions().into_iter().find(|(name, _)| !is_name(name)) {
            Some((name, _)) => {
                Err(ConfigurationError::Extension { file: file(keys::GUEST_EXTENSION_IMAGES), name })
            }
            None => Ok(()),
        }
    }

    /// Refuses values of another type than their key's.
    fn check(&self, section: Section) -> Result<(), ConfigurationError> {
        for key in keys::ALL.iter().filter(|key| key.section == section) {
            let (Some(value), Some(default)) = (self.value(*key), key.default(self.runtime)) else {
                continue;
            };
            if let Some(expected) = mistyped(value, default) {
                return Err(ConfigurationError::Type {
                    file: self.file(*key).unwrap_or_else(|| self.files.first().map_or("", |f| f)).to_owned(),
                    key: self.path(*key).unwrap_or_default().join("."),
                    got: value.type_str().to_owned(),
                    expected,
                });
            }
        }
        Ok(())
    }

    fn value(&self, key: Key) -> Option<&Value> {
        let path = self.path(key)?;
        let (first, below) = path.split_first()?;
        below.iter().try_fold(self.merged.table.get(first)?, |value, name| value.get(name))
    }

    fn path(&self, key: Key) -> Option<merge::KeyPath> {
        let tables = match key.section {
            Section::Hypervisor => vec!["hypervisor", &self.hypervisor],
            Section::Agent => vec!["agent", self.agent.as_deref()?],
            Section::Runtime => vec!["runtime"],
        };
        Some(tables.into_iter().chain([key.name]).map(ToOwned::to_owned).collect())
    }
}

/// The one table below `section`, if there is any.
fn only(table: &Table, section: &str) -> Result<Option<String>, ConfigurationError> {
    let mut names = table.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys);
    match (names.next(), names.next()) {
        (Some(one), Some(other)) => {
            Err(ConfigurationError::Sections(format!("{section}.{one}"), format!("{section}.{other}")))
        }
        (name, _) => Ok(name.cloned()),
    }
}

/// The section that `[runtime]` names; an empty name stands for the default (`src/libs/kata-types/src/annotations`).
fn named(merged: &Merged, runtime: Runtime, key: Key) -> Result<String, ConfigurationError> {
    let default = match key.default(runtime) {
        Some(Fallback::Text(text)) => text,
        _ => "",
    };
    match merged.table.get("runtime").and_then(|table| table.get(key.name)) {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        None | Some(Value::String(_)) => Ok(default.to_owned()),
        Some(other) => {
            let path = vec!["runtime".to_owned(), key.name.to_owned()];
            let file = merged.files.get(&path).and_then(|files| files.last());
            Err(ConfigurationError::Type {
                file: file.cloned().unwrap_or_default(),
                key: path.join("."),
                got: other.type_str().to_owned(),
                expected: "a string",
            })
        }
    }
}

/// What `value` should have been, if it is something else.
fn mistyped(value: &Value, default: Fallback) -> Option<&'static str> {
    let all = |is: fn(&Value) -> bool| value.as_array().is_some_and(|values| values.iter().all(is));
    let (is_right, expected) = match default {
        Fallback::Text(_) => (value.is_str(), "a string"),
        Fallback::Flag(_) => (value.is_bool(), "true or false"),
        Fallback::Whole(_) => {
            let is_whole = value.as_integer().is_some_and(|number| u32::try_from(number).is_ok());
            (is_whole, "an integer of 0 to 4294967295")
        }
        Fallback::Number(_) => (value.is_integer() || value.is_float(), "a number"),
        Fallback::Texts => (all(Value::is_str), "an array of strings"),
        Fallback::Tables => (all(is_extension), "an array of tables of strings"),
        Fallback::Table => (value.is_table(), "a table"),
    };
    (!is_right).then_some(expected)
}

fn is_extension(value: &Value) -> bool {
    let is_text = |table: &Table, key| table.get(key).is_none_or(Value::is_str);
    value
        .as_table()
        .is_some_and(|table| ["name", "path", "verity_params"].iter().all(|key| is_text(table, *key)))
}

#[cfg(test)]
pub(in crate::host) mod tests;
