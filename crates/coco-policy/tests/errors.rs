//! Every way a policy can be refused, in the words a user reads; and no way to make the parser panic.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use coco_policy::Policy;
use expect_test::{Expect, expect};

fn check(bytes: &[u8], error: &Expect) {
    error.assert_eq(&Policy::parse("policies/own.rego", bytes).map(|_| ()).unwrap_err().to_string());
}

#[test]
fn an_empty_policy_is_refused() {
    let empty = expect!["policies/own.rego is empty: got no statement, expected package agent_policy"];
    check(b"", &empty);
    check(b" \t\r\n\n", &empty);
    check(b"# package agent_policy\n\n  # nothing else\n", &empty);
}

#[test]
fn a_byte_order_mark_is_refused() {
    check(
        b"\xEF\xBB\xBFpackage agent_policy\n",
        &expect!["policies/own.rego begins with a byte order mark, expected plain UTF-8"],
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    check(
        b"package agent_policy # \xFF\n",
        &expect!["policies/own.rego is not UTF-8: got an invalid byte at offset 23"],
    );
}

#[test]
fn another_package_is_refused() {
    check(
        b"package kata_policy\n\ndefault ExecProcessRequest := false\n",
        &expect!["policies/own.rego is in the wrong package: got kata_policy, expected agent_policy"],
    );
}

#[test]
fn a_package_below_the_agents_is_refused() {
    check(
        b"package agent_policy.own\n\ndefault ExecProcessRequest := false\n",
        &expect!["policies/own.rego is in the wrong package: got agent_policy.own, expected agent_policy"],
    );
}

#[test]
fn a_rule_of_the_older_language_is_refused_with_its_place() {
    check(
        b"package agent_policy\n\nCreateContainerRequest {\n  true\n}\n",
        &expect!["policies/own.rego:3:24: `if` keyword is required before rule body"],
    );
}

#[test]
fn text_that_is_no_rego_is_refused_with_its_place() {
    check(
        b"#!/bin/sh\necho agent_policy\n",
        &expect!["policies/own.rego:2:1: expecting `package` Missing package declaration."],
    );
}

#[test]
fn an_unsafe_variable_is_refused_because_it_fails_every_request() {
    check(
        b"package agent_policy\n\nExecProcessRequest if {\n  x == 1\n}\n",
        &expect!["policies/own.rego:4:3: use of undefined variable `x` is unsafe"],
    );
}

#[test]
fn a_line_longer_than_the_engine_takes_is_refused() {
    let long = format!("package agent_policy\n\nx := \"{}\"\n", "a".repeat(64 * 1024));
    check(
        long.as_bytes(),
        &expect!["policies/own.rego is too long: got 65543 columns in a line, expected at most 65536"],
    );
}

#[test]
fn a_line_longer_than_older_engines_take_is_accepted() {
    let long = format!("package agent_policy\n\nx := \"{}\"\n", "a".repeat(2000));
    assert!(Policy::parse("long.rego", long.as_bytes()).is_ok());
}

#[test]
fn more_lines_than_the_engine_takes_are_refused() {
    let long = format!("package agent_policy\n{}", "\n".repeat(200_000));
    check(
        long.as_bytes(),
        &expect!["policies/own.rego is too long: got 200001 lines, expected at most 200000"],
    );
}

#[test]
fn more_bytes_than_the_engine_takes_are_refused() {
    check(
        &vec![b'#'; 16 * 1024 * 1024 + 1],
        &expect!["policies/own.rego is too long: got 16777217 bytes, expected at most 16777216"],
    );
}

#[test]
fn windows_line_ends_are_accepted() {
    let policy = b"package agent_policy\r\n\r\ndefault ExecProcessRequest := false\r\n";
    assert!(Policy::parse("crlf.rego", policy).is_ok());
}

#[test]
fn no_junk_makes_the_parser_panic() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    let words: [&[u8]; 16] = [
        b"package agent_policy\n",
        b"default ",
        b"ExecProcessRequest",
        b" := ",
        b" if ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"`",
        b"\n",
        b"input.x",
        b"every x in ",
        b"not ",
        b"\xC3\xA9\xFF",
    ];
    for _ in 0..3000 {
        let mut junk = Vec::new();
        for _ in 0..next(40) {
            match next(3) {
                0 => junk.extend((0..next(8)).map(|_| 0)),
                1 => junk.push(u8::try_from(next(256)).unwrap()),
                _ => junk.extend_from_slice(words[next(words.len())]),
            }
        }
        if let Ok(policy) = Policy::parse("junk", &junk) {
            let _ = policy.decisions();
        }
    }
}
