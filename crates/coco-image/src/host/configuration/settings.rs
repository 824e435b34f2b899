//! A configuration's keys as what the command line depends on.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::known::{MEM_AGENT_KEYS, keys};
use super::{Configuration, Settings, Switch};
use crate::units::Runtime;

impl Configuration {
    /// What the command line depends on.
    pub(super) fn settings(&self) -> Settings {
        let switches = [
            (Switch::Confidential, self.is_confidential()),
            (Switch::Debug, self.flag(keys::ENABLE_DEBUG)),
            (Switch::Iommu, self.flag(keys::ENABLE_IOMMU)),
            (Switch::LegacySerial, self.flag(keys::USE_LEGACY_SERIAL)),
            (Switch::GuestSelinux, !self.flag(keys::DISABLE_GUEST_SELINUX)),
            (Switch::Scsi, matches!(self.text(keys::BLOCK_DEVICE_DRIVER), "" | "virtio-scsi")),
            (Switch::AgentDebug, self.flag(keys::AGENT_DEBUG)),
            (Switch::AgentTrace, self.flag(keys::AGENT_TRACING)),
            (Switch::DebugConsole, self.flag(keys::DEBUG_CONSOLE)),
            (Switch::VisibleCdiDevices, self.flag(keys::VISIBLE_CDI_DEVICES)),
        ];
        let cdh_api_timeout = match self.runtime {
            Runtime::Go => Some(self.whole(keys::CDH_API_TIMEOUT)).filter(|seconds| *seconds > 0),
            // runtime-rs leaves 0 ms out, and gives 0 s for less than a second
            Runtime::Rs => {
                Some(self.whole(keys::CDH_API_TIMEOUT_MS)).filter(|ms| *ms > 0).map(|ms| ms / 1000)
            }
        };
        Settings {
            runtime: self.runtime,
            on: switches.into_iter().filter(|(_, on)| *on).map(|(switch, _)| switch).collect::<BTreeSet<_>>(),
            cdh_api_timeout: cdh_api_timeout.filter(|_| self.agent.is_some()).map(u64::from),
            launch_process_timeout: u64::from(self.whole(keys::LAUNCH_PROCESS_TIMEOUT)),
            container_pipe_size: u64::from(self.whole(keys::CONTAINER_PIPE_SIZE)),
            memory_agent: self.memory_agent(),
            kernel_params: self.kernel_params(),
            extensions: self.extensions(),
        }
    }

    /// The parameters of the memory agent, if there is to be one (`src/libs/kata-types/src/config/mod.rs`).
    fn memory_agent(&self) -> BTreeMap<String, String> {
        let Some(Value::Table(table)) = self.value(keys::MEM_AGENT) else { return BTreeMap::new() };
        let is_on = |name| table.get(name).and_then(Value::as_bool) == Some(true);
        if !is_on("enable") && !is_on("mem_agent_enable") {
            return BTreeMap::new();
        }
        let given = MEM_AGENT_KEYS.iter().filter_map(|key| {
            table.get(*key).map(|value| (format!("agent.mem_agent_{key}"), value.to_string()))
        });
        let fixed = [("psi", "1"), ("agent.mem_agent_enable", "1")];
        given.chain(fixed.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
    }
}

/// The words of `kernel_params` as both runtimes split and join them: at blanks outside of double quotes, each
/// trimmed, and an empty value without its `=`.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut in_quotes = false;
    let parts = text.split(|c| {
        in_quotes ^= c == '"';
        c == ' ' && !in_quotes
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((name, "")) if !name.is_empty() => name.to_owned(),
            _ => part.to_owned(),
        })
        .collect()
}
