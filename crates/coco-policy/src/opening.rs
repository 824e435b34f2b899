//! What somebody wants to open for one pod, and nothing more. Not the rules that open it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that the default policy keeps closed and a developer may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toggle {
    /// What the containers print: `oc logs`. Not what commands print.
    Logs,
    /// Any command in a container, with what it prints: `oc exec`, `oc cp`, exec probes and hooks.
    Exec,
    /// What commands print, where the commands themselves are allowed one by one.
    ExecOutput,
    /// Typing into containers and commands: `oc exec -i`, `oc attach -i`.
    Stdin,
    /// The termination message in the pod's status.
    TerminationLog,
}

/// A name that is no toggle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got {0}, expected logs, exec, exec-output, stdin or termination-log")]
pub struct UnknownToggle(pub String);

impl Toggle {
    /// All of them, in the order of the documentation.
    pub const ALL: [Toggle; 5] =
        [Toggle::Logs, Toggle::Exec, Toggle::ExecOutput, Toggle::Stdin, Toggle::TerminationLog];

    /// The word of the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Toggle::Logs => "logs",
            Toggle::Exec => "exec",
            Toggle::ExecOutput => "exec-output",
            Toggle::Stdin => "stdin",
            Toggle::TerminationLog => "termination-log",
        }
    }

    /// What opening it means, for whoever decides about it.
    pub const fn risk(self) -> &'static str {
        match self {
            Toggle::Logs => "the host reads everything the containers print",
            Toggle::Exec => "the host runs any command next to the pod's secrets, and reads what it prints",
            Toggle::ExecOutput => "the host reads what the allowed commands print",
            Toggle::Stdin => "the host types into every container and command that reads its standard input",
            Toggle::TerminationLog => "the host reads what the containers write as their last words",
        }
    }
}

impl fmt::Display for Toggle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Toggle {
    type Err = UnknownToggle;

    fn from_str(text: &str) -> Result<Toggle, UnknownToggle> {
        let found = Toggle::ALL.into_iter().find(|toggle| toggle.name() == text);
        found.ok_or_else(|| UnknownToggle(text.to_owned()))
    }
}

/// A command with its arguments, compared one by one: never joined, or `["a b"]` would pass for
/// `["a", "b"]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command(Vec<String>);

/// Why a text is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Not a JSON array of strings.
    #[error("got {got}, expected a JSON array of strings, such as [\"/bin/ready\",\"--probe\"]")]
    Format {
        /// The text.
        got: String,
    },
    /// There must be a program to run.
    #[error("got an empty array, expected a program and its arguments")]
    Empty,
}

impl Command {
    /// Program and arguments; at least the program.
    pub fn new(words: Vec<String>) -> Result<Command, CommandError> {
        if words.is_empty() { Err(CommandError::Empty) } else { Ok(Command(words)) }
    }

    /// Program and arguments.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Command, CommandError> {
        let words = serde_json::from_str(text).map_err(|_| CommandError::Format { got: text.to_owned() })?;
        Command::new(words)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", serde_json::Value::from(self.0.clone()))
    }
}

/// What is to be opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// The toggles.
    pub toggles: BTreeSet<Toggle>,
    /// Commands that may be run, each as it stands.
    pub commands: BTreeSet<Command>,
}

impl Opening {
    /// Whether a case that needs `toggle` passes. Commands let their own output out only by
    /// [`Toggle::ExecOutput`]; [`Toggle::Exec`] brings it along.
    pub fn opens(&self, toggle: Toggle) -> bool {
        let with_exec = toggle == Toggle::ExecOutput && self.toggles.contains(&Toggle::Exec);
        with_exec || self.toggles.contains(&toggle)
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let toggles = self.toggles.iter().map(ToString::to_string);
        let commands = self.commands.iter().map(|command| format!("the command {command}"));
        out.write_str(&toggles.chain(commands).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_toggle_is_read_back() {
        for toggle in Toggle::ALL {
            assert_eq!(toggle.name().parse(), Ok(toggle));
        }
    }

    #[test]
    fn a_word_that_is_no_toggle_is_an_error() {
        let error = "log".parse::<Toggle>().unwrap_err();
        assert_eq!(error.to_string(), "got log, expected logs, exec, exec-output, stdin or termination-log");
    }

    #[test]
    fn a_command_is_an_array_of_strings() {
        let command: Command = r#"["/bin/ready", "a \"b\""]"#.parse().unwrap();
        assert_eq!(command.words(), ["/bin/ready", "a \"b\""]);
        assert_eq!(command.to_string(), r#"["/bin/ready","a \"b\""]"#);
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        for (text, message) in [
            (
                "/bin/ready",
                "got /bin/ready, expected a JSON array of strings, such as [\"/bin/ready\",\"--probe\"]",
            ),
            ("[1]", "got [1], expected a JSON array of strings, such as [\"/bin/ready\",\"--probe\"]"),
            ("[]", "got an empty array, expected a program and its arguments"),
        ] {
            assert_eq!(text.parse::<Command>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn exec_brings_its_output_along_and_not_the_logs() {
        let opening = Opening { toggles: [Toggle::Exec].into(), ..Opening::default() };
        assert_eq!(Toggle::ALL.map(|toggle| opening.opens(toggle)), [false, true, true, false, false]);
    }
}
