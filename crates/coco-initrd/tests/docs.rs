//! The documentation's console blocks, run as they stand.
//!
//! Each file has a directory of its own, with what a clone has; its blocks run there one after the
//! other, with a kernel and a firmware that code made. `cargo run … --` and `target/release/coco-initrd` are the program under test. Commands that
//! are tests or downloads themselves are left out, by name.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]
#![expect(clippy::indexing_slicing, reason = "a failing test should panic where it fails")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use coco_measure::command_line::InitrdArgument;
use coco_measure::synthetic;

/// Commands of the documentation that are not run here: `ci/test` runs this test.
const LEFT_OUT: &[&str] = &[
    "ci/test",
    "ci/bench",
    "ci/bench-boot",
    "ci/bench-debian",
    "ci/bench-measure",
    "ci/bench-policy",
    "ci/e2e",
    "scripts/fetch-kernel",
];

const PROGRAM: &str = env!("CARGO_BIN_EXE_coco-initrd");

/// Stands for cargo: building is done, running is running the program.
const CARGO: &str = "#!/bin/sh\n[ \"$1\" = run ] || exit 0\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec coco-initrd \"$@\"\n";

/// A command with what the documentation shows of its output.
struct Step {
    command: String,
    shown: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The commands of all console blocks; a command with a here-document goes to its `END`.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut in_document = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if in_document {
            let step = steps.last_mut().unwrap();
            step.command.push_str(line);
            step.command.push('\n');
            in_document = line != "END";
        } else if let Some(command) = line.strip_prefix("$ ") {
            in_document = command.contains("<<");
            steps.push(Step { command: format!("{command}\n"), shown: Vec::new() });
        } else {
            steps.last_mut().unwrap().shown.push(line.to_owned());
        }
    }
    steps
}

/// The text with digests and numbers made the same: they change with every version.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let (body, end) = word.split_at(word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len());
        let is_digest = body.len() == 64 && body.chars().all(|c| c.is_ascii_hexdigit());
        let is_number = !body.is_empty() && body.chars().all(|c| c.is_ascii_digit());
        out.push_str(if is_digest || is_number { "#" } else { body });
        out.push_str(end);
    }
    out
}

fn run(document: &str) {
    let text = fs_err::read_to_string(root().join(document)).unwrap();
    let (place, caches) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["image-profiles", "policies", "scripts"] {
        symlink(root().join(name), place.path().join(name)).unwrap();
    }
    for directory in ["bin", "target/release"] {
        fs_err::create_dir_all(place.path().join(directory)).unwrap();
    }
    symlink(PROGRAM, place.path().join("bin/coco-initrd")).unwrap();
    symlink(PROGRAM, place.path().join("target/release/coco-initrd")).unwrap();
    let mut kernel = synthetic::kernel();
    kernel[0x24c..0x250].copy_from_slice(&0x1000_u32.to_le_bytes()); // the size of what it unpacks
    fs_err::write(place.path().join("vmlinuz"), kernel).unwrap();
    let firmware = synthetic::firmware(1 << 18, InitrdArgument::Prefix).build();
    fs_err::write(place.path().join("OVMF.fd"), firmware).unwrap();
    let cargo = place.path().join("bin/cargo");
    fs_err::write(&cargo, CARGO).unwrap();
    fs_err::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    for Step { command, shown } in steps(&text) {
        if LEFT_OUT.contains(&command.trim()) {
            continue;
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", place.path().join("bin").display());
        let output = Command::new("sh")
            .args(["-euc", &format!("exec 2>&1\n{command}")])
            .current_dir(place.path())
            .env("PATH", path)
            .env("XDG_CACHE_HOME", caches.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{document}: {command}{said}");
        let said = masked(&said);
        for line in shown {
            assert!(
                said.lines().any(|got| got == masked(&line)),
                "{document}: {command}no line `{line}` in:\n{said}"
            );
        }
    }
}

#[test]
fn the_readme() {
    run("README.md");
}

#[test]
fn the_cache() {
    run("docs/cache.md");
}

#[test]
fn the_diff() {
    run("docs/diff.md");
}

#[test]
fn locks() {
    run("docs/lock.md");
}

#[test]
fn the_debian_profiles() {
    run("docs/debian.md");
}

#[test]
fn customizing() {
    run("docs/customize.md");
}

#[test]
fn verifying() {
    run("docs/verify.md");
}

#[test]
fn measuring() {
    run("docs/measure.md");
}

#[test]
fn the_how_to() {
    run("docs/how-to.md");
}

#[test]
fn the_guard() {
    run("docs/guard.md");
}

#[test]
fn looking_into_an_initrd() {
    run("docs/inspect.md");
}

#[test]
fn checking_a_host() {
    run("docs/host-check.md");
}

#[test]
fn the_lint() {
    run("docs/lint.md");
}

#[test]
fn the_manifest() {
    run("docs/manifest.md");
}

#[test]
fn peer_pods() {
    run("docs/peer-pods.md");
}

#[test]
fn the_policy() {
    run("docs/policy.md");
}

#[test]
fn the_profile() {
    run("docs/profile.md");
}

#[test]
fn the_migration() {
    run("docs/migration.md");
}

#[test]
fn the_override() {
    run("docs/override.md");
}

#[test]
fn checking_policies() {
    run("docs/policy-check.md");
}

#[test]
fn secure_by_default() {
    run("docs/secure-by-default.md");
}

#[test]
fn the_security_model() {
    run("docs/security.md");
}

#[test]
fn troubleshooting() {
    run("docs/troubleshooting.md");
}

#[test]
fn every_document_with_a_console_block_is_run() {
    let source = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs.rs")).unwrap();
    for entry in fs_err::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        else {
            continue;
        };
        let left: Vec<Step> = steps(&fs_err::read_to_string(&path).unwrap());
        let has_commands = left.iter().any(|step| !LEFT_OUT.contains(&step.command.trim()));
        assert!(!has_commands || source.contains(&format!("run(\"docs/{name}\")")), "{name}");
    }
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut in_code = false;
    let headings = text.lines().filter_map(|line| {
        in_code ^= line.starts_with("```");
        line.strip_prefix('#').filter(|_| !in_code).map(|rest| rest.trim_start_matches('#').trim())
    });
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> =
        fs_err::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.push(root().join("README.md"));
    for document in documents {
        if document.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs_err::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", document.display());
            let found = anchor.is_empty()
                || anchors(&fs_err::read_to_string(&file).unwrap()).iter().any(|a| a == anchor);
            assert!(found, "{}: no heading for {target}", document.display());
        }
    }
}

/// Words of code in the documents: what stands between backquotes in a line.
fn code_words(text: &str) -> Vec<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// Claims rest on tests: a name with six underscores or more is one, and must be there.
#[test]
fn files_and_tests_that_documents_name_exist() {
    let sources: String = walkdir::WalkDir::new(root().join("crates"))
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| fs_err::read_to_string(entry.path()).unwrap())
        .collect();
    let mut tests = 0;
    for entry in fs_err::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs_err::read_to_string(&path).unwrap();
        for word in code_words(&text) {
            if word.starts_with("crates/") {
                assert!(root().join(word).exists(), "{}: no file {word}", path.display());
            } else if word.matches('_').count() >= 6 && !word.contains(' ') {
                tests += 1;
                assert!(sources.contains(&format!("fn {word}()")), "{}: no test {word}", path.display());
            }
        }
    }
    assert!(tests > 3, "the documents name {tests} tests");
}
