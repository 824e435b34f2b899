//! The names no plan may allow, as one table, each with what it would open. Not a list of all dangers.
//!
//! Everything a plan does not name is refused anyway. The table is for the other mistake: an image
//! whose author allows a word that gives the guest away.
//!
//! Sources: kata-agent 4.1 `src/agent/src/config.rs` (`agent.*`, `KATA_*`, `-c`); the Linux
//! kernel's `Documentation/admin-guide/kernel-parameters.txt` and `init/main.c`; systemd's
//! `kernel-command-line(7)`, `systemd(1)`, `systemd-debug-generator(8)`, `systemd.system-credentials(7)`.

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The name, with `_` for `-` and without a leading `rd.`; see [`forbidden`].
    pub name: &'static str,
    /// Whether it is a whole name, or how names begin.
    pub matching: Matching,
    /// How much of it is forbidden.
    pub rule: Rule,
    /// What it would open: the end of a sentence that begins with the name.
    pub reason: &'static str,
}

/// How a row's name is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The name is this.
    Whole,
    /// The name begins so.
    Start,
}

/// How much of a name is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Every word with the name.
    Never,
    /// Any value at once: a plan may allow words with one value each, but not `name=*`.
    ExactOnly {
        /// Values that no plan may allow.
        except: &'static [&'static str],
    },
}

use Matching::{Start, Whole};
use Rule::{ExactOnly, Never};

/// Targets and units of systemd that give a shell.
const SHELLS: &[&str] = &[
    "debug-shell.service",
    "emergency",
    "emergency.service",
    "emergency.target",
    "rescue",
    "rescue.service",
    "rescue.target",
    "runlevel1.target",
];

const RESCUE: &str = "makes systemd start a rescue shell";
const ENVIRONMENT: &str = "becomes environment of PID 1, which kata-agent and systemd read settings from";

/// The names no allow-list may open. Sorted by name.
#[rustfmt::skip] // a row is a line
pub const FORBIDDEN: &[Forbidden] = &[
    row("1", Whole, Never, RESCUE),
    row("KATA_", Start, Never, "becomes environment of PID 1, where kata-agent finds its policy file"),
    row("LD_", Start, Never, "becomes environment of PID 1, which makes programs load other libraries"),
    row("S", Whole, Never, RESCUE),
    row("SYSTEMD_", Start, Never, ENVIRONMENT),
    row("_", Start, Never, "is or becomes an argument of PID 1, like kata-agent's `-c FILE`"),
    row("agent.config_file", Whole, Never, "replaces the agent's configuration, its policy included"),
    row("agent.debug_console", Start, Never, "gives the host a root shell, before any policy"),
    row("agent.devmode", Whole, Never, "keeps the guest up, with core dumps, after the agent failed"),
    row("agent.guest_components_procs", Whole, Never, "starts the guest without some of its attestation"),
    row("agent.log", Whole, ExactOnly { except: &["debug", "trace"] }, "writes requests to the log"),
    row("agent.log_vport", Whole, Never, "sends the agent's log to the host"),
    row("agent.passfd_listener_port", Whole, Never, "carries container output past the policy"),
    row("agent.server_addr", Whole, Never, "moves the agent's API to another address"),
    row("agent.trace", Whole, Never, "sends traces of all requests to the host"),
    row("bootconfig", Whole, Never, "takes more parameters from the end of the initrd"),
    row("emergency", Whole, Never, RESCUE),
    row("fstab", Whole, Never, "makes systemd mount what another file says"),
    row("init", Whole, Never, "makes the kernel start another program"),
    row("initrdmem", Whole, Never, "makes the kernel unpack another initrd"),
    row("kgdb", Start, Never, "gives a debugger of the host the whole kernel"),
    row("luks", Start, Never, "makes systemd open disks of the host"),
    row("mem_encrypt", Whole, ExactOnly { except: &["off"] }, "switches memory encryption off"),
    row("rdinit", Whole, Never, "makes the kernel start another program"),
    row("rescue", Whole, Never, RESCUE),
    row("root", Whole, ExactOnly { except: &[] }, "names a disk of the host to start from"),
    row("s", Whole, Never, RESCUE),
    row("single", Whole, Never, RESCUE),
    row("sysctl.", Start, Never, "sets any sysctl, such as the program run for a core dump"),
    row("sysctl/", Start, Never, "sets any sysctl, such as the program run for a core dump"),
    row("sysrq_always_enabled", Whole, Never, "lets the console give orders to the kernel"),
    row("systemd.confirm_spawn", Whole, Never, "lets the console decide what is started"),
    row("systemd.crash_shell", Whole, Never, "starts a shell when systemd fails"),
    row("systemd.debug_shell", Whole, Never, "starts a root shell"),
    row("systemd.default_debug_tty", Whole, Never, "moves systemd's debug shell to another terminal"),
    row("systemd.early_core_pattern", Whole, Never, "writes core dumps, which hold secrets"),
    row("systemd.import", Start, Never, "loads disk images or credentials from the host"),
    row("systemd.journald.forward_to", Start, Never, "sends the guest's log to the host"),
    row("systemd.mask", Whole, ExactOnly { except: &["kata-agent.service"] }, "switches units off"),
    row("systemd.mount_extra", Whole, Never, "mounts disks of the host"),
    row("systemd.pull", Whole, Never, "loads disk images from the network"),
    row("systemd.run", Start, Never, "runs a command line as root"),
    row("systemd.set_credential", Start, Never, "sets passwords, keys, files and units"),
    row("systemd.setenv", Whole, Never, "sets kata-agent's environment, where it finds its policy file"),
    row("systemd.ssh", Start, Never, "starts an SSH server"),
    row("systemd.swap_extra", Whole, Never, "writes memory to disks of the host"),
    row("systemd.unit", Whole, ExactOnly { except: SHELLS }, "chooses what systemd starts"),
    row("systemd.wants", Whole, ExactOnly { except: SHELLS }, "chooses what systemd starts"),
];

/// The row which forbids this name, if one does.
///
/// Names are compared as their readers do: `-` and `_` are alike for the kernel (`parameq`) and for
/// systemd (`proc_cmdline_key_streq`), and systemd also takes names with `rd.` before them. A word of
/// an [`Rule::ExactOnly`] row may still be allowed.
pub fn forbidden(name: &str) -> Option<&'static Forbidden> {
    let name = name.replace('-', "_");
    let name = name.strip_prefix("rd.").unwrap_or(&name);
    FORBIDDEN.iter().find(|row| match row.matching {
        Whole => name == row.name,
        Start => name.starts_with(row.name),
    })
}

const fn row(name: &'static str, matching: Matching, rule: Rule, reason: &'static str) -> Forbidden {
    Forbidden { name, matching, rule, reason }
}

impl Forbidden {
    /// Whether no word with this name and value may be allowed, even in full.
    pub(crate) fn refuses(&self, value: Option<&str>) -> bool {
        match self.rule {
            Never => true,
            ExactOnly { except } => value.is_none_or(|value| except.contains(&value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_folded() {
        assert!(FORBIDDEN.is_sorted_by(|one, next| one.name < next.name));
        for row in FORBIDDEN {
            assert!(!row.name.contains('-') && !row.reason.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn hyphen_and_underscore_and_rd_are_the_same() {
        for name in ["systemd.debug-shell", "systemd.debug_shell", "rd.systemd.debug-shell"] {
            assert_eq!(forbidden(name).unwrap().name, "systemd.debug_shell");
        }
        for name in ["--", "-b", "--config", "agent.debug-console"] {
            assert_eq!(forbidden(name).unwrap().rule, Never, "{name}");
        }
    }

    #[test]
    fn ordinary_names_are_not_in_the_table() {
        let names =
            ["quiet", "init_on_alloc", "agent.log_level", "systemd.unified_cgroup_hierarchy", "initrd"];
        for name in names {
            assert_eq!(forbidden(name), None, "{name}");
        }
    }
}
