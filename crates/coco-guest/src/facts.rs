//! What the guest can say of where it runs: kernel, environment, memory. Texts in, lines out.

use std::collections::BTreeSet;

/// The names the kernel and the guard give any PID 1, and those systemd gives any service (systemd.exec(5)).
/// All others came from the command line.
const USUAL: [&str; 10] = [
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "PATH",
    "SYSTEMD_EXEC_PID",
    "TERM",
    "USER",
];

/// The line about the environment, from the names in it.
pub(crate) fn environment(names: &BTreeSet<String>) -> String {
    let unusual: Vec<_> = names.iter().map(String::as_str).filter(|name| !USUAL.contains(name)).collect();
    if unusual.is_empty() {
        "environment clean".to_owned()
    } else {
        format!("environment holds {}", unusual.join(" "))
    }
}

/// The line about memory, from `/proc/meminfo`; its `kB` are KiB (`proc_meminfo(5)`).
pub(crate) fn memory(meminfo: &str) -> String {
    format!("memory total {} KiB, available {} KiB", of(meminfo, "MemTotal:"), of(meminfo, "MemAvailable:"))
}

fn of<'text>(meminfo: &'text str, name: &str) -> &'text str {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_names(names: &[&str]) -> String {
        environment(&names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn an_environment_of_the_kernel_the_guard_or_systemd_is_clean() {
        assert_eq!(of_names(&["HOME", "TERM"]), "environment clean");
        assert_eq!(of_names(&["PATH", "HOME", "TERM"]), "environment clean");
        assert_eq!(of_names(&["INVOCATION_ID", "PATH", "SYSTEMD_EXEC_PID", "TERM"]), "environment clean");
    }

    #[test]
    fn other_names_are_said_without_their_values() {
        let line = of_names(&["TERM", "selinux", "KATA_AGENT_POLICY_FILE"]);
        assert_eq!(line, "environment holds KATA_AGENT_POLICY_FILE selinux");
    }

    #[test]
    fn memory_is_told_in_kib() {
        let meminfo =
            "MemTotal:        2014280 kB\nMemFree:         1951234 kB\nMemAvailable:    1932108 kB\n";
        assert_eq!(memory(meminfo), "memory total 2014280 KiB, available 1932108 KiB");
        assert_eq!(memory(""), "memory total unknown KiB, available unknown KiB");
    }
}
