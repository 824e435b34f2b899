//! The table of scenarios: how each guest is booted and what must come of it. The steps are in `pod`.

use crate::{Change, Disk, End, Expect, Opened, Scenario, pod};

/// The words of an attack: what the host adds to the command line.
const POLICY_FILE: &str = "KATA_AGENT_POLICY_FILE=/dev/vda";
/// systemd hands the environment that it was given to nobody, but this to all.
const SYSTEMD_POLICY_FILE: &str = "systemd.setenv=KATA_AGENT_POLICY_FILE=/dev/vda";
const CONFIG_FILE: &str = "agent.config_file=/dev/vda";
const CONSOLE: [&str; 2] = ["agent.debug_console", "agent.debug_console_vport=1026"];

/// The disks that the configuration of [`CONFIG_FILE`] leads to.
const CONFIG: [Disk; 2] = [Disk::AgentConfiguration, Disk::OpenPolicy];

/// All scenarios; `probe` is the program that containers run.
pub fn scenarios(probe: &[u8]) -> Vec<Scenario> {
    [pods(probe), attacks_by_word(probe), attacks_by_file(probe), failures()].concat()
}

/// Pods as a cluster starts them.
fn pods(probe: &[u8]) -> Vec<Scenario> {
    let opened = |opened, name, shows| {
        let steps = pod::opened_by(opened, probe);
        with(&[Disk::Initdata(opened)], scenario(name, shows, Expect::Serves(steps)))
    };
    vec![
        scenario(
            "default",
            "a pod starts, runs and stops, and nobody looks in",
            Expect::Serves(pod::default(probe)),
        ),
        opened(Opened::Logs, "logs", "initdata opens logs and nothing else"),
        opened(Opened::Exec, "exec", "initdata opens exec and nothing else"),
        opened(Opened::LogsAndExec, "logs-and-exec", "initdata opens logs and exec and nothing else"),
        scenario("closed-again", "without initdata all is closed again", Expect::Serves(pod::closed(probe))),
    ]
}

/// Words of the host's command line, each with the guard and, to show that the attack is one, without.
fn attacks_by_word(probe: &[u8]) -> Vec<Scenario> {
    let refused = |word| Expect::Ends(End::Refusal(word));
    let opened = || Expect::Serves(pod::wide_open(probe));
    let policy_file =
        |scenario| saying(&[POLICY_FILE, SYSTEMD_POLICY_FILE], with(&[Disk::OpenPolicy], scenario));
    let config_file = |scenario| saying(&[CONFIG_FILE], with(&CONFIG, scenario));
    let bare = |scenario| changed(&[Change::NoGuard], scenario);
    vec![
        policy_file(scenario(
            "guard-policy-file",
            "the guard refuses a policy file from the command line",
            refused(POLICY_FILE),
        )),
        bare(policy_file(scenario(
            "unguarded-policy-file",
            "without the guard, that policy file opens the guest",
            opened(),
        ))),
        config_file(scenario(
            "guard-config-file",
            "the guard refuses an agent configuration from the command line",
            refused(CONFIG_FILE),
        )),
        bare(config_file(scenario(
            "unguarded-config-file",
            "without the guard, that configuration opens the guest",
            opened(),
        ))),
        saying(
            &CONSOLE,
            scenario(
                "guard-debug-console",
                "the guard refuses the debug console",
                refused("agent.debug_console"),
            ),
        ),
        changed(
            &[Change::NoGuard, Change::Shell],
            saying(
                &CONSOLE,
                scenario(
                    "unguarded-debug-console",
                    "without the guard, the debug console has a shell",
                    Expect::Serves(vec![pod::console()]),
                ),
            ),
        ),
    ]
}

/// An image over the image: another policy in it.
fn attacks_by_file(probe: &[u8]) -> Vec<Scenario> {
    vec![
        changed(
            &[Change::OpenPolicy],
            scenario(
                "guard-changed-policy",
                "the guard refuses a policy file that is not the one of the build",
                Expect::Ends(End::Refusal("policy /etc/kata-opa/default-policy.rego")),
            ),
        ),
        changed(
            &[Change::NoGuard, Change::OpenPolicy],
            scenario(
                "unguarded-changed-policy",
                "without the guard, the changed policy opens the guest",
                Expect::Serves(pod::wide_open(probe)),
            ),
        ),
    ]
}

/// Guests that must not come up.
fn failures() -> Vec<Scenario> {
    vec![
        changed(
            &[Change::NoGuard, Change::BrokenPolicy],
            scenario(
                "broken-policy",
                "a guest without a policy that loads ends, and says so",
                Expect::Ends(End::NoPolicy),
            ),
        ),
        with(
            &[Disk::DamagedInitdata],
            scenario("damaged-initdata", "a guest with damaged initdata ends", Expect::Ends(End::ByAgent)),
        ),
        with(
            &[Disk::UnknownAlgorithm],
            scenario(
                "unknown-algorithm",
                "a guest whose initdata has an unknown algorithm ends",
                Expect::Ends(End::ByAgent),
            ),
        ),
    ]
}

/// The image as it is, with the command line as it is.
fn scenario(name: &'static str, shows: &'static str, expect: Expect) -> Scenario {
    Scenario { name, shows, changes: Vec::new(), words: Vec::new(), disks: Vec::new(), expect }
}

fn with(disks: &[Disk], scenario: Scenario) -> Scenario {
    Scenario { disks: disks.to_vec(), ..scenario }
}

fn saying(words: &[&'static str], scenario: Scenario) -> Scenario {
    Scenario { words: words.to_vec(), ..scenario }
}

fn changed(changes: &[Change], scenario: Scenario) -> Scenario {
    Scenario { changes: changes.to_vec(), ..scenario }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Answer;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let all = scenarios(b"probe");
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn every_attack_is_tried_with_and_without_the_guard() {
        let all = scenarios(b"probe");
        for guarded in all.iter().filter(|scenario| scenario.name.starts_with("guard-")) {
            let twin = guarded.name.replace("guard-", "unguarded-");
            let twin = all.iter().find(|scenario| scenario.name == twin).unwrap();
            assert_eq!((&guarded.words, &guarded.disks), (&twin.words, &twin.disks), "{}", guarded.name);
            assert!(twin.changes.contains(&Change::NoGuard));
            assert!(matches!(guarded.expect, Expect::Ends(End::Refusal(_))));
            assert!(matches!(twin.expect, Expect::Serves(_)));
        }
    }

    #[test]
    fn a_containers_streams_are_tried_under_both_names_of_its_process() {
        use coco_agent_api::Message as _;
        use coco_agent_api::agent::ReadStreamRequest;
        for scenario in scenarios(b"probe").iter().filter(|it| matches!(it.name, "default" | "closed-again"))
        {
            let Expect::Serves(steps) = &scenario.expect else { panic!("{} serves", scenario.name) };
            let mut names = BTreeSet::new();
            for step in steps.iter().filter(|step| step.expect == Answer::Nothing) {
                let crate::Action::Calls(calls) = &step.action else { panic!("{}", step.says) };
                let request = ReadStreamRequest::parse_from_bytes(&calls[0].request).unwrap();
                names.insert((calls[0].method, request.exec_id.len()));
            }
            for method in ["ReadStdout", "ReadStderr"] {
                assert!(names.contains(&(method, 0)) && names.contains(&(method, 64)), "{names:?}");
            }
        }
    }

    #[test]
    fn a_scenario_that_opens_something_still_refuses_the_rest() {
        let all = scenarios(b"probe");
        for name in ["logs", "exec", "logs-and-exec"] {
            let scenario = all.iter().find(|scenario| scenario.name == name).unwrap();
            let Expect::Serves(steps) = &scenario.expect else { panic!("{name} serves") };
            for request in ["SetPolicyRequest", "WriteStreamRequest", "GetDiagnosticDataRequest"] {
                assert!(steps.iter().any(|step| step.expect == Answer::Blocked(request)), "{name} {request}");
            }
        }
    }
}
