//! Same inputs, same bytes: whatever the place, the umask, the user, the threads, the locale.

use crate::fixture::{FULL, Place};

/// All files of a build as one text of digests.
fn digests(place: &Place) -> String {
    place.shell("cd out && find . -type f | LC_ALL=C sort | xargs sha256sum").data
}

#[test]
fn check_builds_twice_and_says_so() {
    let place = Place::new();
    place.inputs();
    place.shell("mkdir -p base/a && echo x > base/a/x && ln base/a/x base/a/y && ln -s x base/a/z");
    let ran = place.run(&format!("{FULL} --profile tdx --base base --check --output-dir out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.words.contains("built twice: the bytes are the same"), "{}", ran.words);
    assert_eq!(place.names(), ["base", "in", "out"]);
}

#[test]
fn nothing_of_the_surroundings_is_in_the_bytes() {
    let mut seen = Vec::new();
    for setup in [
        "umask 022; exec",
        "umask 077; exec",
        "umask 000; exec env -i",
        "exec env LC_ALL=tr_TR.UTF-8 TZ=Pacific/Kiritimati SOURCE_DATE_EPOCH=5",
        "find in -exec touch -d @1000000000 {} +; exec",
    ] {
        let place = Place::new();
        // Copied under the umask, as a fresh unpack would be.
        place.inputs();
        let ran = place.shell(&format!("{setup} $COCO {FULL} --profile tdx --output-dir out"));
        assert_eq!(ran.code, 0, "{setup}: {}", ran.words);
        seen.push((setup, digests(&place)));
    }
    for (setup, digests) in &seen {
        assert_eq!(digests, &seen[0].1, "{setup}");
    }
}

#[test]
fn two_users_build_the_same_bytes() {
    let mut seen = Vec::new();
    for run_as in ["exec", RUN_AS_ANOTHER] {
        let place = Place::new();
        place.inputs();
        place.shell("chmod 777 .");
        let ran = place.shell(&format!(
            "cp $COCO ./program && {run_as} ./program {FULL} --profile tdx --output-dir out"
        ));
        assert_eq!(ran.code, 0, "{run_as}: {}", ran.words);
        seen.push(digests(&place));
    }
    assert_eq!(seen[0], seen[1]);
}

/// Root becomes nobody; anybody else becomes root of a user namespace of their own.
const RUN_AS_ANOTHER: &str = "if [ $(id -u) = 0 ]; then r='setpriv --reuid 65534 --regid 65534 --clear-groups'; \
     else r='unshare --user --map-root-user'; fi; exec $r";

#[test]
fn the_number_of_threads_is_not_in_the_bytes() {
    let place = Place::new();
    place.inputs();
    place.shell("mkdir base && for i in 1 2 3 4 5; do seq $i 400000 > base/$i; done");
    let mut seen = Vec::new();
    for threads in [1, 2, 7] {
        let words = format!("{FULL} --profile tdx --base base --threads {threads} --output-dir out");
        assert_eq!(place.run(&words).code, 0);
        seen.push(digests(&place));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}
