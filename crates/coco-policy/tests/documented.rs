//! `docs/policy-check.md` against the codes: each has its section, and the examples give their findings.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::DEFAULT_RESTRICTIVE;
use coco_policy::check::{Agents, Code, Role, check};

const DOCUMENT: &str = include_str!("../../../docs/policy-check.md");

/// The sections that are about a code: their headings are one word.
fn sections() -> Vec<(&'static str, &'static str)> {
    let sections = DOCUMENT.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap());
    sections.filter(|(heading, _)| !heading.contains(' ')).collect()
}

/// The examples of a section. One that does not begin with its package goes behind the default policy.
fn examples(section: &str) -> Vec<String> {
    let blocks = section.split("```rego\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    blocks
        .map(|block| {
            if block.starts_with("package") {
                block.to_owned()
            } else {
                format!("{DEFAULT_RESTRICTIVE}\n{block}")
            }
        })
        .collect()
}

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let headings: Vec<&str> = sections().into_iter().map(|(heading, _)| heading).collect();
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(headings, names);
}

#[test]
fn the_table_has_the_levels_of_every_code() {
    let mut lines = DOCUMENT.lines().filter(|line| line.starts_with("| ["));
    for code in Code::ALL {
        let [default, overriding] = [Role::Default, Role::Override].map(|role| code.level(role));
        let expected = format!("| [{code}](#{code}) | {default} | {overriding} |");
        assert!(lines.any(|line| line == expected), "{expected}");
    }
}

#[test]
fn every_example_gives_its_finding() {
    for (heading, section) in sections() {
        let examples = examples(section);
        assert!(!examples.is_empty() || section.contains("```console"), "{heading} has no example");
        for example in examples {
            let report = check("policy.rego", example.as_bytes(), Role::Override, Agents::All);
            let found = report.diagnostics.iter().any(|diagnostic| diagnostic.code.name() == heading);
            assert!(found, "{heading}: {:?}", report.diagnostics);
        }
    }
}
