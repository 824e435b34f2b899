//! House rules that no lint knows, as tests.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::path::{Path, PathBuf};

/// Lines a source file may have before its tests.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below `directory` that end in `.extension`, sorted, with their text.
fn files(directory: &Path, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs_err::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let text = fs_err::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    ["crates", "fuzz"].iter().flat_map(|directory| files(&root().join(directory), "rs")).collect()
}

/// Names the files for which `is_wrong` holds.
fn wrong(is_wrong: impl Fn(&Path, &str) -> bool) -> Vec<PathBuf> {
    let wrong = |(path, text): (PathBuf, String)| is_wrong(&path, &text).then_some(path);
    sources().into_iter().filter_map(wrong).collect()
}

#[test]
fn every_file_opens_with_what_it_is() {
    let is_headless = |_: &Path, text: &str| {
        let first = text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.chars().count() > 110
    };
    assert_eq!(wrong(is_headless), Vec::<PathBuf>::new());
}

#[test]
fn no_file_is_longer_than_one_reading() {
    let is_long = |path: &Path, text: &str| {
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        let lines = text.lines().take_while(|line| !line.starts_with("mod tests")).count();
        !is_test && lines > LINES_MAX
    };
    assert_eq!(wrong(is_long), Vec::<PathBuf>::new());
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let drawers = ["utils.rs", "util.rs", "helpers.rs", "common.rs", "misc.rs"];
    assert_eq!(wrong(|path, _| drawers.iter().any(|name| path.ends_with(name))), Vec::<PathBuf>::new());
}

#[test]
fn no_test_is_ignored_or_expects_a_panic() {
    let (ignore, panic) = (concat!("#[", "ignore"), concat!("#[", "should_panic"));
    assert_eq!(wrong(|_, text| text.contains(ignore) || text.contains(panic)), Vec::<PathBuf>::new());
}

fn dependencies(krate: &str) -> Vec<String> {
    let text = fs_err::read_to_string(root().join("crates").join(krate).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest.get("dependencies").and_then(toml::Value::as_table).unwrap().keys().cloned().collect()
}

#[test]
fn the_libraries_do_not_know_each_other_and_open_no_file() {
    let crates = [
        "coco-bom",
        "coco-image",
        "coco-initdata",
        "coco-measure",
        "coco-packages",
        "coco-pod",
        "coco-policy",
        "coco-registry",
    ];
    for krate in crates {
        let dependencies = dependencies(krate);
        let strangers: Vec<_> =
            dependencies.iter().filter(|name| name.starts_with("coco-") || *name == "fs-err").collect();
        assert!(strangers.is_empty(), "{krate}: {strangers:?}");
    }
}

#[test]
fn versions_are_written_once_in_the_workspace() {
    let crates = fs_err::read_dir(root().join("crates")).unwrap().map(|krate| krate.unwrap().path());
    for path in crates.chain([root().join("fuzz")]).map(|krate| krate.join("Cargo.toml")) {
        let manifest: toml::Table = fs_err::read_to_string(&path).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                assert!(value.get("version").is_none() && !value.is_str(), "{}: {name}", path.display());
            }
        }
    }
}

#[test]
fn the_policy_engine_has_the_agents_features() {
    let manifest: toml::Table = fs_err::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let engine = &manifest["workspace"]["dependencies"]["regorus"];
    // kata-containers src/agent/policy/Cargo.toml
    let features: toml::Value = toml::Value::from(vec!["arc", "base64", "base64url", "regex", "std"]);
    assert_eq!((&engine["features"], &engine["default-features"]), (&features, &toml::Value::from(false)));
    assert_eq!(engine["version"].as_str(), Some("=0.10.0"));
}

#[test]
fn the_compressors_are_the_versions_the_manifest_names() {
    let manifest: toml::Table = fs_err::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let compress = fs_err::read_to_string(root().join("crates/coco-image/src/compress.rs")).unwrap();
    for name in ["libdeflater", "zlib-rs"] {
        let dependency = &manifest["workspace"]["dependencies"][name];
        let version = dependency.as_str().unwrap().trim_start_matches('=').to_owned();
        assert!(compress.contains(&format!("{name} {version}")), "{name} {version}");
    }
}

#[test]
fn the_changelog_has_an_unreleased_section_on_top() {
    let text = fs_err::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let first = text.lines().find(|line| line.starts_with("## ")).unwrap();
    assert_eq!(first, "## Unreleased");
}

#[test]
fn scripts_stay_short() {
    let mut waiting: Vec<PathBuf> = ["scripts", "ci", ".ci"].map(|directory| root().join(directory)).into();
    while let Some(directory) = waiting.pop() {
        for entry in fs_err::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let lines = fs_err::read_to_string(&path).unwrap().lines().count();
            let is_bench =
                ["ci/bench", "ci/bench-boot", "ci/bench-debian"].iter().any(|bench| path.ends_with(bench));
            assert!(lines <= 60 || is_bench, "{} has {lines} lines", path.display());
        }
    }
}
