//! What the guest is told by the kernel's command line and by its environment. All of it opens a way in.
//!
//! The agent listens to these words, so the stand-in does: an attack on an image without a guard is to
//! succeed here as it does there. The guard lets none of them through.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// Where the agent looks for its policy, unless it is told otherwise
/// (`POLICY_DEFAULT_FILE` of kata-agent's `src/agent/policy/src/policy.rs`).
const POLICY: &str = "/etc/kata-opa/default-policy.rego";

/// Where it serves, unless it is told otherwise (`src/agent/src/config.rs`).
pub(crate) const ADDRESS: &str = "vsock://-1:1024";

/// What the guest is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The file of the policy.
    pub(crate) policy: PathBuf,
    /// Where requests are served, as ttrpc has it.
    pub(crate) address: String,
    /// The vsock port of the debug console, if there is to be one.
    pub(crate) debug_console: Option<u32>,
}

/// Why the guest can't do as it is told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The configuration can't be read; the error names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The configuration is not TOML, or its values are of other types.
    #[error("{file}: {message}")]
    Syntax { file: String, message: String },
    /// A value of the command line is no number.
    #[error("command line: got {0}, expected a number behind the =")]
    Number(String),
}

/// The agent's configuration file, as far as it is followed here.
#[derive(Debug, Default, Deserialize)]
struct Configuration {
    policy_file: Option<PathBuf>,
    server_addr: Option<String>,
    debug_console: Option<bool>,
    debug_console_vport: Option<u32>,
}

impl Settings {
    /// Reads the settings from the text of `/proc/cmdline` and the environment. A configuration file
    /// stands for all the rest, as for the agent.
    pub(crate) fn read(
        command_line: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<Settings, SettingsError> {
        let words = command_line.split_ascii_whitespace();
        let of = |name: &str| words.clone().filter_map(|word| word.strip_prefix(name)).next_back();
        if let Some(file) = words.clone().find_map(|word| word.strip_prefix("agent.config_file=")) {
            return Ok(Settings::from(configuration(file)?));
        }
        let port = |port: &str| {
            port.parse::<i32>()
                .map_err(|_| SettingsError::Number(format!("agent.debug_console_vport={port}")))
        };
        let port = of("agent.debug_console_vport=").map(port).transpose()?;
        let told = |name: &str, word: &str| environment.get(name).cloned().or(of(word).map(str::to_owned));
        Ok(Settings::from(Configuration {
            policy_file: environment.get("KATA_AGENT_POLICY_FILE").map(PathBuf::from),
            server_addr: told("KATA_AGENT_SERVER_ADDR", "agent.server_addr="),
            debug_console: Some(words.clone().any(|word| word == "agent.debug_console")),
            // None below 1 counts.
            debug_console_vport: port.and_then(|port| u32::try_from(port).ok()),
        }))
    }
}

impl From<Configuration> for Settings {
    fn from(told: Configuration) -> Settings {
        let port = told.debug_console_vport.filter(|port| *port > 0);
        Settings {
            policy: told.policy_file.unwrap_or_else(|| PathBuf::from(POLICY)),
            address: told.server_addr.unwrap_or_else(|| ADDRESS.to_owned()),
            debug_console: port.filter(|_| told.debug_console == Some(true)),
        }
    }
}

fn configuration(file: &str) -> Result<Configuration, SettingsError> {
    let text = fs_err::read_to_string(file)?;
    toml::from_str(&text).map_err(|error| SettingsError::Syntax {
        file: file.to_owned(),
        message: error.message().lines().collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(command_line: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(command_line, &owned.collect()).map_err(|error| error.to_string())
    }

    fn usual() -> Settings {
        Settings { policy: PathBuf::from(POLICY), address: ADDRESS.to_owned(), debug_console: None }
    }

    #[test]
    fn an_ordinary_command_line_tells_nothing() {
        assert_eq!(
            read("console=ttyS0 quiet agent.launch_process_timeout=6\n", &[("HOME", "/")]),
            Ok(usual())
        );
    }

    #[test]
    fn the_environment_names_another_policy() {
        let got = read("", &[("KATA_AGENT_POLICY_FILE", "/dev/vda")]).unwrap();
        assert_eq!(got, Settings { policy: PathBuf::from("/dev/vda"), ..usual() });
    }

    #[test]
    fn the_address_comes_from_the_environment_before_the_command_line() {
        let line = "agent.server_addr=unix:///a";
        assert_eq!(read(line, &[]).unwrap().address, "unix:///a");
        assert_eq!(read(line, &[("KATA_AGENT_SERVER_ADDR", "unix:///b")]).unwrap().address, "unix:///b");
    }

    #[test]
    fn a_debug_console_needs_the_word_and_a_port() {
        for (line, expected) in [
            ("agent.debug_console agent.debug_console_vport=1026", Some(1026)),
            ("agent.debug_console", None),
            ("agent.debug_console_vport=1026", None),
            ("agent.debug_console agent.debug_console_vport=0", None),
            ("agent.debug_console agent.debug_console_vport=-5", None),
        ] {
            assert_eq!(read(line, &[]).unwrap().debug_console, expected, "{line}");
        }
        let error = read("agent.debug_console_vport=x", &[]).unwrap_err();
        assert_eq!(error, "command line: got agent.debug_console_vport=x, expected a number behind the =");
    }

    #[test]
    fn a_configuration_file_stands_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        fs_err::write(&file, "policy_file = \"/dev/vdb\"\ndev_mode = true\n").unwrap();
        let line = format!("agent.debug_console agent.config_file={}", file.display());
        let got = read(&line, &[("KATA_AGENT_POLICY_FILE", "/other")]).unwrap();
        assert_eq!(got, Settings { policy: PathBuf::from("/dev/vdb"), ..usual() });
    }

    #[test]
    fn a_configuration_that_is_missing_or_broken_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        let line = format!("agent.config_file={}", file.display());
        assert!(read(&line, &[]).unwrap_err().contains("agent.toml"));
        fs_err::write(&file, "policy_file = 1\n").unwrap();
        assert!(read(&line, &[]).unwrap_err().contains("agent.toml: "));
    }
}
