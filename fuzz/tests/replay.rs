//! Every file of every corpus, through the function its fuzzer calls: the quick half of fuzzing.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longest time for one file. In a debug build and on a busy machine none takes a tenth of it.
const LONGEST: Duration = Duration::from_mins(1);

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs_err::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let names = fuzz::TARGETS.map(|(name, _)| name);
    let directories: Vec<String> = entries(&corpora())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(directories, names);
    let manifest = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let programs: Vec<&str> = manifest.lines().filter_map(|line| line.strip_prefix("path = ")).collect();
    assert_eq!(programs, names.map(|name| format!("\"src/bin/{name}.rs\"")));
}

/// Threads of tests have 2 MiB of stack, as the agent's have.
#[test]
fn no_file_of_a_corpus_makes_its_target_panic_or_hang() {
    for (name, target) in fuzz::TARGETS {
        for path in entries(&corpora().join(name)) {
            let bytes = fs_err::read(&path).unwrap();
            let (done, wait) = mpsc::channel();
            let run = thread::spawn(move || {
                target(&bytes);
                done.send(()).unwrap();
            });
            let ended = wait.recv_timeout(LONGEST);
            assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "{} hangs", path.display());
            assert!(run.join().is_ok(), "{} panics", path.display());
        }
    }
}
