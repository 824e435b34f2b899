//! Trees of a few files, and what is found in them.

use proptest::prelude::*;

use super::*;
use crate::archive::Member;
use crate::assemble::as_found;
use crate::overlay::{Content, Overlay};
use crate::tree::Extent;
use crate::units::Mode;

const LINE: &str = "C /run/peerpod/policy.rego - - - - /etc/kata-opa/x.rego\n";
const RUN_LINK: (&str, &str) = ("/etc/kata-opa/default-policy.rego", "-> /run/peerpod/policy.rego");
const POLICY: (&str, &str) = ("/etc/kata-opa/x.rego", "package agent_policy\n");
const CONF: &str = "/etc/tmpfiles.d/policy.conf";

struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Files by path and contents; `-> TARGET` is a link, `/` a directory.
fn found(files: &[(&str, &str)]) -> Result<Located, LocateError> {
    let member = |(path, text): &(&str, &str)| {
        let node = match text.strip_prefix("-> ") {
            Some(target) => Node::Symlink(target.to_owned()),
            None if *text == "/" => Node::Directory(Mode::DIRECTORY),
            None => Node::File(Mode::FILE, Body::bytes(text.as_bytes())),
        };
        Member { path: path.parse().unwrap(), node }
    };
    let members: Vec<Member> = files.iter().map(member).collect();
    locate(&as_found(&members).unwrap(), &NoBodies)
}

fn file(files: &[(&str, &str)]) -> (String, Replacement) {
    let located = found(files).unwrap();
    (located.file.to_string(), located.replacement)
}

#[test]
fn an_initrd_has_the_policy_itself() {
    let default = "/etc/kata-opa/default-policy.rego";
    let agent = Replacement::InitdataDevice(AGENT.parse().unwrap());
    for target in ["x.rego", "/etc/kata-opa/x.rego", "../kata-opa/x.rego"] {
        let link = format!("-> {target}");
        let got = file(&[POLICY, (default, &link), (AGENT, "elf")]);
        assert_eq!(got, (POLICY.0.to_owned(), agent.clone()), "{target}");
    }
    assert_eq!(file(&[(default, "x"), (AGENT, "elf")]), (default.to_owned(), agent));
    assert_eq!(file(&[(default, "x")]), (default.to_owned(), Replacement::NoAgent));
}

#[test]
fn a_podvm_has_it_where_tmpfiles_takes_it_from() {
    let by = |place: &str| (POLICY.0.to_owned(), Replacement::ProcessUserData(place.parse().unwrap()));
    assert_eq!(file(&[POLICY, RUN_LINK, (CONF, LINE)]), by(CONF));
    assert_eq!(
        file(&[POLICY, RUN_LINK, ("/usr/lib/tmpfiles.d/a.conf", LINE)]),
        by("/usr/lib/tmpfiles.d/a.conf")
    );
    let relative = (RUN_LINK.0, "-> ../../run/peerpod/policy.rego");
    assert_eq!(file(&[POLICY, relative, (CONF, LINE)]), by(CONF));
}

#[test]
fn what_an_image_has_below_run_does_not_count() {
    let got = file(&[POLICY, RUN_LINK, (CONF, LINE), ("/run/peerpod/policy.rego", "package other\n")]);
    assert_eq!(got.0, POLICY.0);
}

#[test]
fn a_file_of_tmpfiles_hides_one_of_the_same_name_in_a_later_directory() {
    let vendor = "C /run/peerpod/policy.rego - - - - /etc/kata-opa/allow-all.rego\n";
    let got = file(&[POLICY, RUN_LINK, (CONF, LINE), ("/usr/lib/tmpfiles.d/policy.conf", vendor)]);
    assert_eq!(got.0, POLICY.0);
}

#[test]
fn a_podvm_without_a_sure_policy_is_told_by_its_fault() {
    let line = |text: &str| found(&[POLICY, RUN_LINK, (CONF, text)]).unwrap_err().to_string();
    for (text, error) in [
        (
            "",
            "/etc/kata-opa/default-policy.rego leads to /run/peerpod/policy.rego, but no line of tmpfiles.d \
             puts a policy there",
        ),
        (
            "# C /run/peerpod/policy.rego - - - - /etc/kata-opa/x.rego\n",
            "/etc/kata-opa/default-policy.rego leads to /run/peerpod/policy.rego, but no line of tmpfiles.d \
             puts a policy there",
        ),
        (
            "\nL /run/peerpod/policy.rego - - - - /etc/kata-opa/x.rego\n",
            "/etc/tmpfiles.d/policy.conf: line 2: type got `L`, expected C: a copy that process-user-data can \
             write over",
        ),
        (
            "C /run/peerpod/policy.rego\n",
            "/etc/tmpfiles.d/policy.conf: line 1: got 2 words, expected 7 with the file to copy last",
        ),
        (
            "C /run/peerpod/policy.rego - - - - /etc/kata-opa/y.rego\n",
            "/etc/kata-opa/y.rego is not in the image",
        ),
        (
            &LINE.repeat(2),
            "/run/peerpod/policy.rego has more than one line in tmpfiles.d: /etc/tmpfiles.d/policy.conf and \
             /etc/tmpfiles.d/policy.conf",
        ),
    ] {
        assert_eq!(line(text), error, "{text}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_told_by_where_it_ends() {
    let default = "/etc/kata-opa/default-policy.rego";
    for (files, error) in [
        (vec![("/etc", "/")], "/etc/kata-opa is not in the image"),
        (vec![("/etc/kata-opa", "/")], "/etc/kata-opa/default-policy.rego is not in the image"),
        (
            vec![(default, "-> gone.rego")],
            "/etc/kata-opa/default-policy.rego leads to /etc/kata-opa/gone.rego, which is not in the image",
        ),
        (
            vec![(default, "-> default-policy.rego")],
            "/etc/kata-opa/default-policy.rego goes through more than 40 symbolic links",
        ),
        (vec![(default, "")], "/etc/kata-opa/default-policy.rego is empty"),
        (vec![(default, "/")], "/etc/kata-opa/default-policy.rego is a directory, expected a file"),
        (
            vec![(default, "-> /run/peerpod/other.rego")],
            "/etc/kata-opa/default-policy.rego leads to /run, which is not in the image",
        ),
    ] {
        assert_eq!(found(&files).unwrap_err().to_string(), error, "{files:?}");
    }
}

/// What is said of the overlay with these further files.
fn overlay_and(files: &[(&str, &str)]) -> String {
    let all = [&[POLICY, RUN_LINK, (CONF, LINE)], files].concat();
    found(&all).map_or_else(|error| error.to_string(), |located| format!("same {}", located.file))
}

#[test]
fn a_line_that_may_change_the_policy_is_refused_however_it_is_spelt() {
    for line in [
        "f+ %t/peerpod/policy.rego - - - - package",
        "f+ /run//peerpod/policy.rego - - - - package",
        "f+ /run/./peerpod/policy.rego/ - - - - package",
        "f+ /var/run/peerpod/policy.rego - - - - package",
        "f+ /srv/../run/peerpod/policy.rego - - - - package",
        "f+ /run/peerpod\\x2fpolicy.rego - - - - package",
        "f+ \"/run/peerpod/policy.rego\" - - - - package",
        "f+ '/run'/peerpod/policy.rego - - - - package",
        "\"f+\" /srv/x - - - - package",
        "w /run/peerpod/*.rego - - - - package",
        "w /run/peer?od/policy.rego - - - - package",
        "w /run/{peerpod,x}/policy.rego - - - - package",
        "w /[r]un/x",
        "w /*/x",
        "w /var/[r]un/peerpod/policy.rego",
        "C /run/peerpod - - - - /etc/peer",
        "C+ /run - - - - /etc/peer",
        "C+ / - - - - /etc/peer",
        "r /run/peerpod/x",
        "C+ /etc/kata-opa/x.rego - - - - /etc/kata-opa/evil.rego",
        "L+ /etc/kata-opa/default-policy.rego - - - - evil.rego",
        "R /etc/kata-opa",
        "w /opt/p/x.rego",
        "w /opt/o/x.rego",
        "w /opt/*/p/x.rego",
        "L+ /srv/x - - - - ../run",
        "L+ /srv/x - - - - /etc/kata-opa/x.rego",
        "L+ /srv/x - - - - %t",
    ] {
        let links = [
            ("/var/run", "-> ../run"),
            ("/opt/p", "-> /run/peerpod"),
            ("/opt/o", "-> q"),
            ("/opt/q", "-> ../opt/p"),
            ("/etc/tmpfiles.d/z.conf", &format!("# a comment\n{line}\n")),
        ];
        let words: Vec<&str> = line.split(' ').take(2).collect();
        let error = format!(
            "/etc/tmpfiles.d/z.conf: line 2: `{}` may change the policy, expected only the line that copies it",
            words.join(" ")
        );
        assert_eq!(overlay_and(&links), error);
    }
}

#[test]
fn a_line_about_another_place_is_none_of_the_policys_business() {
    let lines = "d /run/lock 0755 root root -\nL /var/run - - - - ../run\nL /var/lock - - - - ../run/lock\n\
                 L+ /etc/mtab - - - - ../proc/self/mounts\nq /var 0755\nf+ /etc/kata-opa.conf\n\
                 Z /run/log/journal/%m ~2750 root systemd-journal - -\nx /tmp/systemd-private-%b-*\n\
                 r! /tmp/.X[0-9]*-lock\na+ /var/log/x\"y\"\nd /run/peer\nw /run/q*\n  # /run/peerpod\nf+\n";
    let files = [("/var/run", "-> ../run"), ("/usr/lib/tmpfiles.d/systemd.conf", lines)];
    assert_eq!(overlay_and(&files), "same /etc/kata-opa/x.rego");
}

#[test]
fn a_line_ends_where_systemd_ends_it() {
    for end in ['\r', '\0'] {
        let text = format!("# a comment{end}f+ /run/peerpod/x - - - - package");
        assert_eq!(
            overlay_and(&[("/etc/tmpfiles.d/z.conf", &text)]),
            "/etc/tmpfiles.d/z.conf: line 1: `f+ /run/peerpod/x` may change the policy, expected only the \
             line that copies it"
        );
    }
}

#[test]
fn a_file_below_run_hides_no_file_of_tmpfiles() {
    let hidden = "f+ /run/peerpod/x - - - - package\n";
    let files = [("/run/tmpfiles.d/z.conf", "-> /dev/null"), ("/usr/lib/tmpfiles.d/z.conf", hidden)];
    assert!(overlay_and(&files).starts_with("/usr/lib/tmpfiles.d/z.conf: line 1: "));
}

#[test]
fn an_initrd_has_no_line_about_its_policy() {
    let default = ("/etc/kata-opa/default-policy.rego", "-> x.rego");
    let said =
        |text: &str| found(&[POLICY, default, (AGENT, "elf"), (CONF, text)]).map_err(|e| e.to_string());
    assert!(said(LINE).is_ok());
    assert_eq!(
        said("L+ /etc/kata-opa/default-policy.rego - - - - evil.rego").unwrap_err(),
        "/etc/tmpfiles.d/policy.conf: line 1: `L+ /etc/kata-opa/default-policy.rego` may change the policy, \
         expected only the line that copies it"
    );
}

#[test]
fn a_policy_below_run_is_not_the_one_the_agent_finds() {
    let files =
        [("/etc/kata-opa/default-policy.rego", "-> /x"), ("/x", "-> /run/y"), ("/run/y", "package y\n")];
    let said = found(&files).unwrap_err().to_string();
    assert_eq!(said, "/run/y is below /run, and something is mounted over that");
}

#[test]
fn a_setting_that_names_a_policy_is_refused() {
    let config = "/etc/agent-config.toml";
    let unit = "/etc/systemd/system/kata-agent.service";
    let drop_in = "/usr/lib/systemd/system/kata-agent.service.d/10-x.conf";
    let key = "policy_file has the agent load another policy";
    let variable = "KATA_AGENT_POLICY_FILE has the agent load another policy";
    let unsure = "may have the agent load another policy, expected a plain path or value";
    let setting = "[Service]\nEnvironment=KATA_AGENT_POLICY_FILE=/x.rego\n";
    for (files, error) in [
        (vec![(config, "policy_file = \"/etc/kata-opa/evil.rego\"")], format!("{config}: {key}")),
        (vec![(config, "a = 1\n\"policy\\u005ffile\" = 1")], format!("{config}: {key}")),
        (vec![(config, "-> agent.toml"), ("/etc/agent.toml", "policy_file = 1")], format!("{config}: {key}")),
        (
            vec![(config, "a =")],
            format!(
                "{config}: the agent can't read it: string values must be quoted, expected literal string"
            ),
        ),
        (vec![(unit, setting)], format!("{unit}: line 2: {variable}")),
        (vec![(drop_in, setting)], format!("{drop_in}: line 2: {variable}")),
        (
            vec![("/etc/systemd/system.conf", setting)],
            format!("/etc/systemd/system.conf: line 2: {variable}"),
        ),
        (
            vec![("/etc/systemd/system/kata-agent.service.d", "-> /opt/d"), ("/opt/d/x.conf", setting)],
            format!("{unit}.d/x.conf: line 2: {variable}"),
        ),
        (
            vec![(unit, "EnvironmentFile=-/etc/agent.env"), ("/etc/agent.env", "KATA_AGENT_POLICY_FILE=/x")],
            format!("/etc/agent.env: line 1: {variable}"),
        ),
        (
            vec![
                (unit, "ExecStart=/bin/kata-agent \\\n --config=/etc/a.toml"),
                ("/etc/a.toml", "policy_file = 1"),
            ],
            format!("/etc/a.toml: {key}"),
        ),
        (
            vec![(unit, "ExecStart=/bin/kata-agent -c/etc/a.toml"), ("/etc/a.toml", "policy_file = 1")],
            format!("/etc/a.toml: {key}"),
        ),
        (
            vec![(unit, "EnvironmentFile=/etc/*.env")],
            format!("{unit}: `EnvironmentFile=/etc/*.env` {unsure}"),
        ),
        (
            vec![(unit, "ExecStart=/bin/kata-agent $X")],
            format!("{unit}: `ExecStart=/bin/kata-agent $X` {unsure}"),
        ),
        (vec![(unit, "# x \\\nEnvironment=K\\x41=/x")], format!("{unit}: `Environment=K\\x41=/x` {unsure}")),
        (
            vec![(unit, &"#".repeat((1 << 20) + 1))],
            format!("{unit}: got 1048577 bytes, expected at most 1048576 of configuration"),
        ),
    ] {
        assert_eq!(overlay_and(&files), error);
        let initrd =
            [&[POLICY, ("/etc/kata-opa/default-policy.rego", "-> x.rego"), (AGENT, "elf")], &*files].concat();
        assert_eq!(found(&initrd).unwrap_err().to_string(), error);
    }
}

#[test]
fn the_settings_of_a_podvm_as_they_are_name_no_policy() {
    let unit = "[Service]\nExecStartPre=/bin/sh -c 'echo $X'\n\
                ExecStart=/usr/local/bin/kata-agent --config /etc/agent-config.toml\n\
                Environment=HOME=/root\nEnvironmentFile=-/etc/default/none\n";
    let files = [
        ("/etc/systemd/system/kata-agent.service", unit),
        ("/etc/systemd/system/multi-user.target.wants/kata-agent.service", "-> ../kata-agent.service"),
        ("/etc/systemd/system/other.service", "ExecStart=/bin/sh -c $X"),
        ("/etc/agent-config.toml", "server_addr = \"unix:///run/kata-containers/agent.sock\"\n"),
    ];
    assert_eq!(overlay_and(&files), "same /etc/kata-opa/x.rego");
}

/// What is found in the overlay with a policy of this name.
fn found_in_overlay(name: &str) -> Located {
    let overlay = Overlay::new(name, b"package agent_policy\n").unwrap();
    let node = |content: &Content| match content {
        Content::File(bytes) => Node::File(Mode::FILE, Body::bytes(bytes)),
        Content::Symlink(target) => Node::Symlink((*target).to_owned()),
    };
    let members: Vec<Member> =
        overlay.iter().map(|(path, content)| Member { path: path.clone(), node: node(content) }).collect();
    locate(&as_found(&members).unwrap(), &NoBodies).unwrap()
}

proptest! {
    #[test]
    fn our_own_overlay_is_understood_whatever_the_policy_is_called(name in "[0-9A-Za-z._-]{1,95}\\.rego") {
        prop_assume!(name != "default-policy.rego");
        let located = found_in_overlay(&name);
        prop_assert_eq!(located.file.as_str(), format!("/etc/kata-opa/{name}"));
        prop_assert_eq!(located.replacement.form(), "podvm");
        prop_assert_eq!(located.policy, b"package agent_policy\n");
    }

    #[test]
    fn any_text_in_tmpfiles_is_answered(text in "([CLf]!?|#|/run/peerpod/policy\\.rego|[-%\"'\\\\]|[ \t\n]|/x|\\PC){0,24}") {
        match found(&[POLICY, RUN_LINK, (CONF, &text)]) {
            Ok(located) => prop_assert!(text.contains("/run/peerpod/policy.rego"), "{:?}", located),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
