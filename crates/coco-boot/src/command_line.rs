//! The kernel command line of one boot: that of the manifest, made fit for a machine one can watch.
//!
//! It does not know which words a guard lets pass; the guard says so itself.

use std::collections::BTreeMap;
use std::fmt;

/// Where the console of the machine is.
const SERIAL: &str = "console=ttyS0";

/// Keeps the kernel from saying what it does, and with it when.
const QUIET: &str = "quiet";

/// Words, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

/// Why a command line of a manifest can't be booted with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// A word that each host fills in, and no value for it.
    #[error("the command line leaves `{0}` to each host, and it is not known what belongs there")]
    PerHost(String),
}

impl CommandLine {
    /// The manifest's `line`, with `values` for the words it leaves to each host: those written
    /// `name=<...>`.
    ///
    /// `quiet` is left out and `console=ttyS0` added, so that the boot can be watched and timed. All else is
    /// as the runtime would give it.
    pub fn watched(line: &str, values: &BTreeMap<&str, String>) -> Result<Self, CommandLineError> {
        let filled = fill(line);
        let mut words = Vec::new();
        for word in filled.iter().filter(|word| *word != QUIET) {
            words.push(match word.split_once("=<") {
                None => word.clone(),
                Some((name, _)) => match values.get(name) {
                    Some(value) => format!("{name}={value}"),
                    None => return Err(CommandLineError::PerHost(name.to_owned())),
                },
            });
        }
        words.push(SERIAL.to_owned());
        Ok(Self(words))
    }

    /// With another word at the end.
    #[must_use]
    pub fn with(mut self, word: &str) -> Self {
        self.0.push(word.to_owned());
        self
    }
}

/// The words; one that holds `<per host>` holds a space, and is one word all the same.
fn fill(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in line.split(' ').filter(|part| !part.is_empty()) {
        match words.last_mut() {
            Some(word) if word.contains("=<") && !word.ends_with('>') => {
                word.push(' ');
                word.push_str(part);
            }
            _ => words.push(part.to_owned()),
        }
    }
    words
}

impl fmt::Display for CommandLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(line: &str, values: &[(&'static str, &str)]) -> Result<String, CommandLineError> {
        let values = values.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        CommandLine::watched(line, &values).map(|line| line.to_string())
    }

    #[test]
    fn the_boot_is_made_visible_and_nothing_else_changes() {
        let line = watched("reboot=k console=hvc0 quiet panic=1 agent.log=info", &[]).unwrap();
        assert_eq!(line, "reboot=k console=hvc0 panic=1 agent.log=info console=ttyS0");
    }

    #[test]
    fn a_word_left_to_each_host_gets_its_value() {
        let line = watched("quiet nr_cpus=<per host> selinux=0", &[("nr_cpus", "2")]).unwrap();
        assert_eq!(line, "nr_cpus=2 selinux=0 console=ttyS0");
    }

    #[test]
    fn a_word_nobody_has_a_value_for_is_an_error() {
        assert_eq!(watched("a=<per host>", &[]), Err(CommandLineError::PerHost("a".to_owned())));
    }

    #[test]
    fn words_are_added_at_the_end() {
        let line = CommandLine::watched("panic=1", &BTreeMap::new()).unwrap().with("agent.debug_console");
        assert_eq!(line.to_string(), "panic=1 console=ttyS0 agent.debug_console");
    }
}
