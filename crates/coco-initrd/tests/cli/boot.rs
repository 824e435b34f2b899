//! `boot` and `e2e` without a guest: what is checked before one is started, and what is said when none
//! comes up. Guests that do are `ci/e2e`'s.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use expect_test::{Expect, expect};

use crate::fixture::{Place, Ran};

/// A built image, a file for a kernel, and programs of the host in `bin`, QEMU not among them.
fn place() -> Place {
    let place = Place::new();
    assert_eq!(place.run("build --profile coco-dev --builtin-guest").code, 0);
    place.file("vmlinuz", "kernel");
    fs_err::create_dir(place.join("bin")).unwrap();
    for program in ["mktemp", "rm"] {
        let from = ["/bin", "/usr/bin"].map(|folder| std::path::Path::new(folder).join(program));
        symlink(from.iter().find(|path| path.exists()).unwrap(), place.join("bin").join(program)).unwrap();
    }
    place
}

const BOOT: &str = "boot --manifest dist/coco-dev/manifest.json --kernel vmlinuz --accel tcg";

fn script(place: &Place, name: &str, text: &str) {
    let path = place.file(&format!("bin/{name}"), format!("#!/bin/sh\n{text}\n"));
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A host where vsock works and QEMU does what `qemu` says.
fn host(qemu: &str) -> Place {
    let place = place();
    // Listening is all that is asked of it here: the folder of the socket is in its arguments.
    script(
        &place,
        "vhost-device-vsock",
        ": > \"$(echo \"$2\" | sed 's/.*socket=\\([^,]*\\),.*/\\1/')\"; read -r _",
    );
    script(&place, "qemu-system-x86_64", qemu);
    symlink("/bin/sed", place.join("bin/sed")).unwrap();
    place
}

fn run(place: &Place, words: &str) -> Ran {
    place.shell(&format!("PATH=$PWD/bin TMPDIR=$PWD $COCO {words}"))
}

/// What is said, without the lines before: those of the command line and the console.
fn refused(place: &Place, words: &str, expected: &Expect) {
    let Ran { code, data, words: said } = run(place, words);
    let from = said.find("error: ").unwrap_or_default();
    expected.assert_eq(&said[from..]);
    assert_eq!((code, data.as_str()), (2, ""));
    assert!(!place.names().iter().any(|name| name.contains("coco-initrd-")), "{:?}", place.names());
}

#[test]
fn an_image_that_is_not_the_manifests_is_not_booted() {
    let place = place();
    place.file("dist/coco-dev/coco-initrd-coco-dev.img", "x");
    let manifest = place.text("dist/coco-dev/manifest.json");
    let image = manifest.split_once("\"image\"").unwrap().1.split_once("\"sha256\": \"").unwrap().1;
    let Ran { code, words, .. } = run(&place, BOOT);
    assert_eq!(
        words.replace(&image[..64], "THE-MANIFESTS"),
        "error: dist/coco-dev/coco-initrd-coco-dev.img: SHA-256 got \
         2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, expected THE-MANIFESTS\n\
         hint: build again, or take image and manifest of the same build\n"
    );
    assert_eq!(code, 2);
}

#[test]
fn an_overlay_has_nothing_to_boot() {
    let place = Place::new();
    assert_eq!(place.run("build --profile peer-pods").code, 0);
    refused(
        &place,
        "boot --manifest dist/peer-pods/manifest.json --kernel vmlinuz",
        &expect![[r#"
            error: dist/peer-pods/manifest.json
              caused by: not a manifest: missing field `arch` at line 102 column 3
            hint: give the manifest.json that a build of this version wrote
        "#]],
    );
}

#[test]
fn an_unknown_scenario_is_answered_with_all_of_them() {
    refused(
        &place(),
        "e2e --manifest dist/coco-dev/manifest.json --kernel vmlinuz --only defualt",
        &expect![[r#"
            error: no scenario is called `defualt`
            hint: the scenarios are default, logs, exec, logs-and-exec, closed-again, guard-policy-file, unguarded-policy-file, guard-config-file, unguarded-config-file, guard-debug-console, unguarded-debug-console, guard-changed-policy, unguarded-changed-policy, broken-policy, damaged-initdata, unknown-algorithm
        "#]],
    );
}

#[test]
fn a_kernel_that_is_not_there_is_said_before_anything_starts() {
    refused(
        &place(),
        &BOOT.replace("vmlinuz", "vmlinux"),
        &expect![[r#"
        error: failed to open file `vmlinux`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
}

#[test]
fn a_missing_qemu_is_said_with_its_package() {
    let place = host("");
    fs_err::remove_file(place.join("bin/qemu-system-x86_64")).unwrap();
    refused(
        &place,
        BOOT,
        &expect![[r#"
        error: qemu-system-x86_64 can't be started
          caused by: No such file or directory (os error 2)
        hint: apt install qemu-system-x86, or dnf install qemu-system-x86
    "#]],
    );
}

#[test]
fn what_qemu_complains_of_is_said() {
    let qemu = "echo \"qemu-system-x86_64: could not load kernel 'vmlinuz'\" >&2; exit 1";
    refused(
        &host(qemu),
        BOOT,
        &expect![[r#"
        error: QEMU ended: could not load kernel 'vmlinuz'
        hint: try --accel tcg; the kernel must be an x86-64 bzImage that QEMU can boot
    "#]],
    );
}

#[test]
fn a_guest_that_is_refused_by_its_guard_is_told_by_the_guards_words() {
    let qemu = "echo 'coco-guard: refused: command line word `x` is not allowed'; echo 'reboot: Power down'";
    refused(
        &host(qemu),
        BOOT,
        &expect![[r#"
        error: the agent never answered: the guard refused: command line word `x` is not allowed
        hint: docs/guard.md has what the guard's lines mean
    "#]],
    );
}

#[test]
fn a_guest_that_only_ends_is_told_so_with_its_last_lines() {
    let place = host("echo '[    2.000000] Run /init as init process'; echo '[    2.1] reboot: Power down'");
    let words = run(&place, BOOT).words;
    let console = words.split_once("the console's last lines:\n").unwrap().1;
    expect![[r#"
          [    2.000000] Run /init as init process
          [    2.1] reboot: Power down
        error: the agent never answered: the guest powered off and did not say why
        hint: a guest without vsock ends so: a kernel with modules needs them in the profile; docs/boot.md has what the console's lines mean
    "#]].assert_eq(console);
}

#[test]
fn a_guest_that_never_answers_is_given_up() {
    let words = format!("{BOOT} --timeout 1");
    refused(
        &host("echo up; read -r _ < /dev/null; exec /bin/sleep 100"),
        &words,
        &expect![[r#"
        error: the agent does not answer after 1 s, and the guest still runs
        hint: give it more time with --timeout; docs/boot.md has what the console's lines mean
    "#]],
    );
}

#[test]
fn a_failed_scenario_is_exit_code_1_and_told_as_json() {
    let place = host("echo 'Kernel panic - not syncing: VFS: Unable to mount root fs'");
    let words =
        "e2e --manifest dist/coco-dev/manifest.json --kernel vmlinuz --accel tcg --only default --json";
    let Ran { code, data, .. } = run(&place, words);
    let json: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(code, 1);
    assert_eq!(json.pointer("/holds").unwrap(), false);
    assert_eq!(
        json.pointer("/scenarios/0/steps/0/got").unwrap(),
        "the kernel found no /init in the image: Unable to mount root fs"
    );
}

#[test]
fn a_failed_scenario_is_a_failed_case_for_pipelines() {
    let place = host("echo 'reboot: Power down'");
    let words = "e2e --manifest dist/coco-dev/manifest.json --kernel vmlinuz --accel tcg --only closed-again";
    let Ran { code, data, .. } = run(&place, &format!("{words} --junit results.xml --keep-consoles logs"));
    let seconds = data.rsplit_once(" (").unwrap().1.split_once(" s)").unwrap().0.to_owned();
    expect![[r#"
        FAIL closed-again               without initdata all is closed again (0.0 s)
               the agent answers: got the guest powered off and did not say why, expected an answer
               the console's last lines:
                 reboot: Power down
    "#]]
    .assert_eq(&data.replace(&seconds, "0.0"));
    let xml = place.text("results.xml");
    assert!(
        xml.contains("failures=\"1\"") && xml.contains("the guest powered off and did not say why"),
        "{xml}"
    );
    assert_eq!(place.text("logs/closed-again.log"), "reboot: Power down\n");
    assert_eq!(code, 1);
}

#[test]
fn results_that_could_not_be_written_are_said_before_anything_boots() {
    refused(
        &host("echo this must not run; exit 1"),
        "e2e --manifest dist/coco-dev/manifest.json --kernel vmlinuz --accel tcg --junit missing/results.xml",
        &expect![[r#"
            error: missing/results.xml can't be written
              caused by: failed to query resolved metadata `missing`: No such file or directory (os error 2)
            hint: check the path
        "#]],
    );
}
