//! Finds the first word of a command line that a plan does not allow. Reads no command line itself.

use std::fmt;

use crate::Plan;
use crate::cmdline::Word;
use crate::pattern::forbidden_in;

/// A word a plan does not allow. Shown as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word as it stands in the command line.
    pub word: String,
    /// Why it is refused: the end of a sentence.
    pub reason: String,
}

/// The first word which the plan does not allow, as an error.
pub fn review(words: &[Word<'_>], plan: &Plan) -> Result<(), Refusal> {
    for word in words {
        if let Some((name, row)) = forbidden_in(word) {
            return Err(Refusal::of(word, format!("`{name}` {}", row.reason)));
        }
        if !plan.allow.iter().any(|pattern| pattern.allows(word)) {
            return Err(Refusal::of(word, "it is not in the image's list".to_owned()));
        }
    }
    Ok(())
}

impl Refusal {
    fn of(word: &Word<'_>, reason: String) -> Refusal {
        Refusal { word: word.raw.to_owned(), reason }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = (printable(&self.word), printable(&self.reason));
        write!(out, "command line word `{word}` is not allowed: {reason}")
    }
}

/// The text with everything escaped that could move a terminal's cursor.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for char in text.chars() {
        if matches!(char, ' '..='~') {
            shown.push(char);
        } else {
            shown.extend(char.escape_default());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pattern, Sha256, cmdline};

    /// What kata 4.1's Go runtime gives an SNP or TDX guest with an initrd.
    const GO: &str = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 \
        i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 \
        console=hvc0 console=hvc1 quiet panic=1 selinux=0 scsi_mod.scan=none agent.launch_process_timeout=6 \
        cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1\n";

    /// What kata 4.1's Rust runtime gives the same guest.
    const RUST: &str = "reboot=k panic=1 systemd.unit=kata-containers.target \
        systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket agent.cdh_api_timeout=50 \
        agent.launch_process_timeout=6 cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1 selinux=0 \
        console=hvc0\n";

    fn plan(patterns: &str) -> Plan {
        Plan {
            exec: "/usr/bin/kata-agent".parse().unwrap(),
            args: vec![],
            policy: "/etc/kata-opa/default-policy.rego".parse().unwrap(),
            policy_sha256: Sha256::of(b""),
            modules: vec![],
            allow: cmdline::words(patterns).iter().map(|word| word.raw.parse::<Pattern>().unwrap()).collect(),
        }
    }

    fn refusal(line: &str) -> String {
        review(&cmdline::words(line), &plan(&format!("{GO} {RUST}"))).unwrap_err().to_string()
    }

    #[test]
    fn the_command_lines_of_both_runtimes_pass_their_own_words() {
        for line in [GO, RUST] {
            assert_eq!(review(&cmdline::words(line), &plan(line)), Ok(()));
        }
        assert_eq!(
            review(&cmdline::words(&format!("{GO} nr_cpus=8")), &plan(&format!("{GO} nr_cpus=*"))),
            Ok(())
        );
    }

    #[test]
    fn a_word_of_the_other_runtime_is_named() {
        let refusal = review(&cmdline::words(GO), &plan(RUST)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "command line word `tsc=reliable` is not allowed: it is not in the image's list"
        );
    }

    #[test]
    fn each_attack_is_refused_by_its_word() {
        let attacks = [
            "KATA_AGENT_POLICY_FILE=/dev/vda",
            "KATA_AGENT_SERVER_ADDR=vsock://-1:1",
            "KATA_AGENT_LOG_LEVEL=trace",
            "agent.config_file=/dev/vda",
            "agent.debug_console",
            "agent.debug_console_vport=1026",
            "agent.passfd_listener_port=1027",
            "agent.log=debug",
            "agent.log_vport=1025",
            "agent.devmode",
            "agent.trace",
            "agent.trace=true",
            "agent.guest_components_procs=none",
            "agent.server_addr=vsock://-1:1",
            "systemd.unit=rescue.target",
            "systemd.debug-shell",
            "systemd.debug_shell=1",
            "rd.systemd.debug_shell",
            "systemd.setenv=KATA_AGENT_POLICY_FILE=/dev/vda",
            "systemd.run=/bin/sh",
            "systemd.wants=debug-shell.service",
            "systemd.set_credential=passwd.hashed-password.root:x",
            "systemd.mount-extra=/dev/vda:/etc",
            "init=/bin/sh",
            "rdinit=/bin/sh",
            "bootconfig",
            "sysctl.kernel.core_pattern=|/bin/sh",
            "single",
            "emergency",
            "rescue",
            "1",
            "-b",
            "-c",
            "--config",
            "--",
            r#""agent.debug_console""#,
            r#"agent."debug_console""#,
        ];
        for word in attacks {
            for line in [format!("{GO} {word}"), format!("{word} {RUST}")] {
                let refusal = refusal(&line);
                let start = format!("command line word `{word}` is not allowed: `");
                assert!(refusal.starts_with(&start), "{refusal}");
            }
        }
    }

    #[test]
    fn a_word_hidden_in_an_allowed_name_is_refused() {
        let plan = plan("console=* quiet");
        let hidden = [
            r#"console="hvc0 agent.config_file=/dev/vda""#,
            r#"console=a'"b' systemd'.'run=/bin/sh c="d""#,
            "console=hvc0\u{a0}agent.debug_console",
            r#"console="hvc0 x""#,
        ];
        for line in hidden {
            let refusal = review(&cmdline::words(line), &plan).unwrap_err();
            assert_eq!(refusal.word, line);
        }
    }

    #[test]
    fn a_refusal_is_one_line_whatever_the_word() {
        assert_eq!(
            refusal("a=\"\n\x1b[2Jcoco-guard: all is well\""),
            r#"command line word `a="\n\u{1b}[2Jcoco-guard: all is well"` is not allowed: it is not in the image's list"#
        );
    }
}
