//! The bytes of an overlay, as a listing, and as other programs see them.

use std::fmt::Write as _;
use std::process::Command;

use expect_test::expect;

use super::*;
use crate::digest::Sha256;

const POLICY: &[u8] = b"package agent_policy\n";

fn tar(epoch: u64) -> Vec<u8> {
    Overlay::new("default-restrictive.rego", POLICY).unwrap().to_tar(epoch.try_into().unwrap())
}

/// What a program says of the tar, which it is given as a file.
fn says(program: &str, words: &[&str], bytes: &[u8]) -> String {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("overlay.tar");
    fs_err::write(&path, bytes).unwrap();
    let words = words.iter().map(|word| if *word == "TAR" { path.to_str().unwrap() } else { word });
    let output =
        Command::new(program).args(words).current_dir(place.path()).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_bytes_are_pinned() {
    let bytes = tar(0);
    let mut text = format!("{} {} bytes\n", Sha256::of(&bytes), bytes.len());
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        writeln!(
            text,
            "{:?} {:04o} {}:{} {:?}:{:?} {} {:3} {} {}",
            header.entry_type(),
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.username().unwrap().unwrap(),
            header.groupname().unwrap().unwrap(),
            header.mtime().unwrap(),
            header.size().unwrap(),
            entry.path().unwrap().display(),
            entry.link_name().unwrap().unwrap_or_default().display()
        )
        .unwrap();
    }
    expect![[r#"
        54a18e3135068a4a570c6edbc81b12c4676b3c2e14d84361056a204f2c6cb0f5 3584 bytes
        Symlink 0777 0:0 "":"" 0   0 etc/kata-opa/default-policy.rego /run/peerpod/policy.rego
        Regular 0644 0:0 "":"" 0  21 etc/kata-opa/default-restrictive.rego 
        Regular 0644 0:0 "":"" 0  74 etc/tmpfiles.d/policy.conf 
    "#]]
    .assert_eq(&text);
}

#[test]
fn every_member_has_the_epoch() {
    for entry in tar::Archive::new(tar(1_234_567_890).as_slice()).entries().unwrap() {
        assert_eq!(entry.unwrap().header().mtime().unwrap(), 1_234_567_890);
    }
}

#[test]
fn gnu_tar_lists_it() {
    expect![[r#"
        lrwxrwxrwx 0/0               0 1970-01-01 00:00:00 etc/kata-opa/default-policy.rego -> /run/peerpod/policy.rego
        -rw-r--r-- 0/0              21 1970-01-01 00:00:00 etc/kata-opa/default-restrictive.rego
        -rw-r--r-- 0/0              74 1970-01-01 00:00:00 etc/tmpfiles.d/policy.conf
    "#]].assert_eq(&says("tar", &["--numeric-owner", "--utc", "--full-time", "-tvf", "TAR"], &tar(0)));
}

#[test]
fn bsdtar_lists_it() {
    expect![[r#"
        lrwxrwxrwx  0 0      0           0 Jan  1  1970 etc/kata-opa/default-policy.rego -> /run/peerpod/policy.rego
        -rw-r--r--  0 0      0          21 Jan  1  1970 etc/kata-opa/default-restrictive.rego
        -rw-r--r--  0 0      0          74 Jan  1  1970 etc/tmpfiles.d/policy.conf
    "#]].assert_eq(&says("bsdtar", &["--numeric-owner", "-tvf", "TAR"], &tar(0)));
}

#[test]
fn unpacking_leaves_modes_of_directories_and_replaces_what_a_podvm_has() {
    let script = r#"
        mkdir -p root/etc/kata-opa root/etc/tmpfiles.d
        echo all > root/etc/kata-opa/allow-all.rego
        ln -s allow-all.rego root/etc/kata-opa/default-policy.rego
        echo "C /run/peerpod/policy.rego - - - - /etc/kata-opa/allow-all.rego" > root/etc/tmpfiles.d/policy.conf
        chmod 0750 root/etc
        "$0" -C root -xf "$1"
        stat -c '%a %F %n' root/etc root/etc/kata-opa/* root/etc/tmpfiles.d/*
        readlink root/etc/kata-opa/default-policy.rego
        cat root/etc/tmpfiles.d/policy.conf root/etc/kata-opa/allow-all.rego"#;
    let unpacked = |program| says("sh", &["-euc", &format!("umask 022{script}"), program, "TAR"], &tar(0));
    expect![[r#"
        750 directory root/etc
        644 regular file root/etc/kata-opa/allow-all.rego
        777 symbolic link root/etc/kata-opa/default-policy.rego
        644 regular file root/etc/kata-opa/default-restrictive.rego
        644 regular file root/etc/tmpfiles.d/policy.conf
        /run/peerpod/policy.rego
        C /run/peerpod/policy.rego - - - - /etc/kata-opa/default-restrictive.rego
        all
    "#]]
    .assert_eq(&unpacked("tar"));
    assert_eq!(unpacked("bsdtar"), unpacked("tar"));
}

#[test]
fn a_policy_of_ones_own_keeps_its_name() {
    let overlay = Overlay::new("ours.rego", POLICY).unwrap();
    let line = overlay.iter().find(|(path, _)| path.as_str() == TMPFILES).unwrap().1;
    let text = "C /run/peerpod/policy.rego - - - - /etc/kata-opa/ours.rego\n";
    assert_eq!(*line, Content::File(text.as_bytes().to_vec()));
}

#[test]
fn the_longest_name_fits() {
    let name = format!("{}.rego", "x".repeat(NAME_MAX - 5));
    let tar = Overlay::new(&name, POLICY).unwrap().to_tar(0.try_into().unwrap());
    assert!(says("tar", &["-tf", "TAR"], &tar).contains(&format!("etc/kata-opa/{name}\n")));
}

#[test]
fn names_that_mean_something_to_tmpfiles_or_the_agent_are_refused() {
    let long = format!("{}.rego", "x".repeat(NAME_MAX - 4));
    for name in
        ["default-policy.rego", "a b.rego", "%h.rego", "a\"b.rego", "a/b.rego", "a.txt", ".rego", "", &long]
    {
        let error = Overlay::new(name, POLICY).unwrap_err();
        assert_eq!(error, OverlayError::PolicyName(name.to_owned()), "{name}");
    }
}
