//! `coco-initrd measure`, and predictions of `build`: values, forms, what moved, what is not predicted.

use coco_measure::command_line::InitrdArgument;
use coco_measure::synthetic;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::fixture::{FULL, Place};

/// Kernel and firmware made by code, and a build of the profile `tdx` with their predictions in `dist/tdx`.
pub(crate) fn built() -> Place {
    let place = Place::new();
    place.inputs();
    place.file("vmlinuz", kernel());
    place.file("OVMF.fd", synthetic::firmware(1 << 18, InitrdArgument::Prefix).build());
    place.file("old.fd", synthetic::firmware(1 << 18, InitrdArgument::Suffix).build());
    place.file("initrd", synthetic::initrd());
    let ran = place.run(&format!("{FULL} --profile tdx {GUEST}"));
    assert_eq!((ran.code, ran.words.contains("error")), (0, false), "{}", ran.words);
    place
}

/// A kernel with a payload: `build` asks every kernel what it unpacks.
fn kernel() -> Vec<u8> {
    let mut kernel = synthetic::kernel();
    kernel[0x24c..0x250].copy_from_slice(&0x1000_u32.to_le_bytes()); // payload_length
    kernel
}

pub(crate) const GUEST: &str = "--kernel vmlinuz --firmware OVMF.fd";
pub(crate) const TDX: &str = "measure --tee tdx --manifest dist/tdx/manifest.json";

pub(crate) fn json(place: &Place, words: &str) -> Value {
    let ran = place.run(words);
    assert_eq!(ran.code, 0, "{}", ran.words);
    serde_json::from_str(&ran.data).unwrap()
}

fn manifest(place: &Place, directory: &str) -> Value {
    serde_json::from_str(&place.text(&format!("dist/{directory}/manifest.json"))).unwrap()
}

/// The value of this name in a launch.
fn value<'v>(record: &'v Value, launch: &str, name: &str) -> &'v str {
    let values = record["launches"][launch]["values"].as_array().unwrap();
    values.iter().find(|value| value["name"] == name).unwrap()["value"].as_str().unwrap()
}

pub(crate) fn refused(place: &Place, words: &str, expected: &Expect) {
    let ran = place.run(words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.words);
    expected.assert_eq(&ran.words);
}

#[test]
fn what_build_predicts_is_what_measure_predicts() {
    let place = built();
    let recorded = json(&place, &format!("{TDX} --format json"));
    let anew = json(&place, &format!("{TDX} {GUEST} --format json"));
    assert_eq!(recorded, anew);
    assert_eq!(recorded, manifest(&place, "tdx")["measurements"]);
}

#[test]
fn an_initrd_and_its_manifest_give_the_same_values() {
    let place = built();
    let line = manifest(&place, "tdx")["command_lines"]["go"]["line"].as_str().unwrap().to_owned();
    let mut command = place.command();
    command.args(["measure", "--tee", "tdx", "--initrd", "dist/tdx/coco-initrd-tdx.img"]);
    let ran = command.args(GUEST.split(' ')).args(["--cmdline", &line, "--format", "json"]).output().unwrap();
    let of_initrd: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let of_manifest = json(&place, &format!("{TDX} --format json"));
    assert_eq!(of_initrd["launches"]["given"], of_manifest["launches"]["go"]);
}

#[test]
fn values_are_those_of_other_implementations() {
    // The vectors of coco-measure, here from files to the output: kernel, initrd and firmware are the same.
    let place = Place::new();
    place.file("vmlinuz", synthetic::kernel());
    place.file("initrd", synthetic::initrd());
    place.file("snp.fd", synthetic::snp_firmware().build());
    place.file("tdx.fd", synthetic::tdx_firmware().build());
    let measure = |words: &str| {
        let mut command = place.command();
        command.args(["measure", "--kernel", "vmlinuz", "--initrd", "initrd", "--format", "json"]);
        let ran =
            command.args(["--cmdline", "console=hvc0 panic=1"]).args(words.split(' ')).output().unwrap();
        serde_json::from_slice::<Value>(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    let snp = measure("--tee snp --firmware snp.fd --vcpus 2");
    assert_eq!(
        value(&snp, "given", "snp_launch_measurement"),
        "dcd2f5f62d8d5875491a869ff857dcf66f4693203c219ea49d7c06631a1bee5ed287ed2b1c26f08097893b0cd12a2617"
    );
    let tdx =
        measure("--tee tdx --firmware tdx.fd --initrd-arg suffix --kernel-patch qemu-legacy --memory 2048");
    for (name, expected) in [
        (
            "mr_td",
            "173078074f960ce09e87846f9b19b6633ba00f8287ad53379e23c68dca2af3c258cb24daa105b7f3a87d4177310fdbf2",
        ),
        (
            "rtmr_1",
            "a8160d835d6823c8469cf54cb2d74f6ec146b1120df5d3619cec445ccdaa8f4cd88e8e0b59b4f8c42a92880ebb9abad6",
        ),
        (
            "rtmr_2",
            "f32dc0b274cf296095fa8bbff31e9f5c06eca8ddad0e35f5b5a2177e821e3f01d8b3e25e3459b0e862db4f1553b33aee",
        ),
        (
            "tdvfkernel",
            "563e31d219ebfa466083083747de0f795a6084285165c978be5fee1b8afdfa3f9e046031ee0955241ba56a85077f006e",
        ),
        (
            "tdvfkernelparams",
            "929f57e5ece1cb9dee4c69ba26a3a027284c99ad231ef030fb9773c5deb389ee0eec4332b4ef09de768cb23483c08833",
        ),
    ] {
        assert_eq!(value(&tdx, "given", name), expected, "{name}");
    }
}

#[test]
fn a_table_has_every_value_with_its_certainty() {
    let place = built();
    let ran = place.run(&format!("{TDX} --runtime go"));
    let mask = |line: &str| {
        let words = line.split(' ').map(|word| match word.len() {
            64 | 96 if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => "DIGEST",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    let lines = ran.data.lines().filter(|line| !line.starts_with("cmdline"));
    expect![[r#"
        tee         tdx
        firmware    DIGEST
        kernel      DIGEST
        initrd      DIGEST
        host        initrd=initrd as prefix, kernel patch none, pages added single-pass

        launch      go
          mr_td                        computed             DIGEST
          rtmr_1                       computed-unverified  DIGEST
          rtmr_2                       computed-unverified  DIGEST
          tdvfkernel                   computed             DIGEST
          tdvfkernelparams             computed             DIGEST

        initdata    none
          mrconfigid                   computed             DIGEST
          hostdata                     computed             DIGEST
          pcr8                         computed-unverified  DIGEST

        collect-on-host
          mr_seam: the TDX module of the host
          rtmr_0: ACPI tables and memory layout: QEMU's version, devices, vCPUs, memory
          xfam: features of the host's processor
    "#]]
    .assert_eq(&lines.map(mask).collect::<String>());
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
}

#[test]
fn one_image_has_predictions_for_both_tees() {
    let place = built();
    let snp =
        json(&place, &format!("measure --tee snp --manifest dist/tdx/manifest.json {GUEST} --format json"));
    let values = snp["launches"]["go"]["values"].as_array().unwrap();
    let vcpus: Vec<u64> = values.iter().map(|value| value["vcpus"].as_u64().unwrap()).collect();
    assert_eq!(vcpus, (1..=64).collect::<Vec<u64>>());
}

#[test]
fn predictions_are_reproducible_with_the_build() {
    let place = built();
    let ran = place.run(&format!("{FULL} --profile snp {GUEST} --vcpus 1-2 --check --output-dir dist/snp"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let rebuild = format!(
        "verify dist/snp/manifest.json --rebuild --profile snp {} {GUEST} --vcpus 1-2",
        FULL.strip_prefix("build ").unwrap()
    );
    let ran = place.run(&rebuild);
    assert_eq!(ran.code, 0, "{}", ran.words);
}

#[test]
fn with_both_runtimes_a_note_says_what_the_list_costs() {
    let place = built();
    let ran = place.run(&format!("{TDX} --format list"));
    expect![[r#"
        note: tdvfkernelparams has 2 values, so it is a list: Trustee's default policy says executables 4, not 3 (still affirming); reference values for one of them alone give 3
        note: not here, to be collected on a host: mr_seam: the TDX module of the host
        note: not here, to be collected on a host: rtmr_0: ACPI tables and memory layout: QEMU's version, devices, vCPUs, memory
        note: not here, to be collected on a host: xfam: features of the host's processor
    "#]]
    .assert_eq(&ran.words);
    let one: Value = json(&place, &format!("{TDX} --runtime go --format list"));
    let shape = |name: &str| {
        let entry = one.as_array().unwrap().iter().find(|entry| entry["name"] == name);
        entry.unwrap()["value"].is_string()
    };
    assert_eq!((shape("tdvfkernelparams"), shape("rtmr_2")), (true, false));
}

#[test]
fn every_form_for_trustee_has_the_same_values() {
    let place = built();
    let list = json(&place, &format!("{TDX} --runtime go --format list"));
    let message = json(&place, &format!("{TDX} --runtime go --format rvps-message"));
    let payload = data_encoding::BASE64.decode(message["payload"].as_str().unwrap().as_bytes()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    for entry in list.as_array().unwrap() {
        assert_eq!(payload[entry["name"].as_str().unwrap()], entry["value"]);
    }
    let map = place.run(&format!("{TDX} --runtime go --format configmap")).data;
    assert!(
        map.contains("name: rvps-reference-values") || map.contains("name: \"rvps-reference-values\""),
        "{map}"
    );
    for entry in list.as_array().unwrap() {
        let value = &entry["value"];
        let digits = value.as_str().or_else(|| value[0].as_str()).unwrap();
        assert!(map.contains(digits), "{digits}");
    }
}

#[test]
fn approved_initdata_is_in_every_form() {
    let place = built();
    place.file("logs.toml", "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n");
    let digest = "b8f4f7a5";
    let record = json(&place, &format!("{TDX} --initdata logs.toml --format json"));
    let documents = record["init_data"].as_array().unwrap();
    let names: Vec<&str> = documents.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["none", "logs.toml"]);
    let shown = documents[1]["values"][0]["value"].as_str().unwrap();
    assert_ne!(shown, digest);
    for format in ["list", "resource-policy", "configmap"] {
        let text = place.run(&format!("{TDX} --initdata logs.toml --format {format}")).data;
        assert!(text.contains(shown), "{format}: {text}");
        let without = place.run(&format!("{TDX} --format {format}")).data;
        assert!(!without.contains(shown), "{format}: {without}");
    }
}

#[test]
fn the_attestation_policy_goes_behind_one_in_which_it_has_effect() {
    let place = built();
    let rule = place.run(&format!("{TDX} --format attestation-policy")).data;
    let base = "package policy\nimport rego.v1\ndefault sourced_data := 0\ntrust_claims := {\n\t\"sourced-data\": sourced_data,\n}\n";
    place.file("base.rego", base);
    place.file("other.rego", "package policy\nimport rego.v1\n");
    let made = place.run(&format!("{TDX} --format attestation-policy --policy-base base.rego")).data;
    assert_eq!(made, format!("{base}{rule}"));
    refused(
        &place,
        &format!("{TDX} --format attestation-policy --policy-base other.rego"),
        &expect![[r#"
            error: other.rego
              caused by: the policy has no `default sourced_data := 0`: the rule for initdata would have no effect in it
            hint: give Trustee's own policy, of release 0.17 or later
        "#]],
    );
}

#[test]
fn explain_names_inputs_and_events() {
    let place = built();
    let ran = place.run(&format!("{TDX} --runtime go --explain"));
    let lines: Vec<&str> = ran.data.lines().filter(|line| line.contains("depends on")).collect();
    assert_eq!(
        lines,
        [
            "    depends on firmware, mrtd-order",
            "    depends on kernel, kernel-patch, tdvf-separator",
            "    depends on command-line, initrd-argument, initrd",
            "    depends on kernel, kernel-patch",
            "    depends on command-line, initrd-argument",
        ]
    );
    let events = ran.data.lines().filter(|line| line.contains("the same in every guest")).count();
    assert_eq!(events, 4);
}

#[test]
fn each_input_moves_its_own_values() {
    let place = built();
    let mut kernel = kernel();
    *kernel.last_mut().unwrap() ^= 1;
    place.file("kernel2", kernel);
    let mut firmware = synthetic::firmware(1 << 18, InitrdArgument::Prefix);
    firmware.contents.push(0);
    place.file("firmware2", firmware.build());
    let initrd = "dist/tdx/coco-initrd-tdx.img";
    let since = |words: &str| {
        let ran =
            place.run(&format!("measure --tee tdx --cmdline quiet --explain --since before.json {words}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
        ran.data.split("moved\n").nth(1).unwrap().to_owned()
    };
    let before =
        place.run(&format!("measure --tee tdx --initrd {initrd} --cmdline quiet {GUEST} --format json"));
    place.file("before.json", before.data);
    let told = [
        ("the same", format!("--initrd {initrd} {GUEST}")),
        ("initrd", format!("--initrd initrd {GUEST}")),
        ("kernel", format!("--initrd {initrd} --kernel kernel2 --firmware OVMF.fd")),
        ("firmware", format!("--initrd {initrd} --kernel vmlinuz --firmware firmware2")),
        ("argument", format!("--initrd {initrd} {GUEST} --initrd-arg suffix")),
        ("order", format!("--initrd {initrd} {GUEST} --mrtd-order two-pass")),
        ("patch", format!("--initrd {initrd} {GUEST} --kernel-patch qemu-legacy --memory 2048")),
    ]
    .map(|(name, words)| format!("{name}\n{}", since(&words)));
    expect![[r#"
        the same
          nothing
        initrd
          given rtmr_2: by initrd
        kernel
          given rtmr_1: by kernel
          given tdvfkernel: by kernel
        firmware
          given mr_td: by firmware
        argument
          given rtmr_2: by initrd-argument
          given tdvfkernelparams: by initrd-argument
        order
          given mr_td: by mrtd-order
        patch
          given rtmr_1: by memory, kernel-patch
          given tdvfkernel: by memory, kernel-patch
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn diff_of_manifests_names_what_moved() {
    let place = built();
    let ran = place.run(&format!("{FULL} --profile tdx {GUEST} --compression none --output-dir dist/plain"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let ran = place.run("diff dist/tdx/manifest.json dist/plain/manifest.json");
    let predicted: Vec<&str> = ran.data.lines().filter(|line| line.starts_with("predicted")).collect();
    assert_eq!(
        (ran.code, predicted.as_slice()),
        (
            1,
            ["predicted: go: rtmr_2 moves by initrd", "predicted: runtime-rs: rtmr_2 moves by initrd"]
                .as_slice()
        )
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_can_not_be_predicted_is_told() {
    let place = built();
    place.file("text", "not a firmware, and not a kernel, but long enough to be looked into: ".repeat(90));
    place.file("tdx-only.fd", synthetic::tdx_firmware().build());
    for (words, expected) in [
        (
            "measure --tee snp --manifest dist/tdx/manifest.json",
            expect![[r#"
                error: the manifest's predictions are for tdx, expected snp
                hint: give --kernel and --firmware to predict for the other TEE
            "#]],
        ),
        (
            &format!("{TDX} --kernel text --firmware OVMF.fd"),
            expect![[r#"
                error: text
                  caused by: boot sector at offset 0x1fe: got 0x7265, expected 0xaa55: no bzImage with an EFI stub
                hint: give the kernel that the guest boots, vmlinuz with its EFI stub (CONFIG_EFI_STUB)
            "#]],
        ),
        (
            &format!("{TDX} --kernel vmlinuz --firmware text"),
            expect![[r#"
                error: text
                  caused by: got no table of OVMF at offset 0x1812, expected its GUID 96b582de-1fb2-45f7-baea-a366c55a082d
                hint: give the firmware file as it was installed, not its variables and no archive
            "#]],
        ),
        (
            &format!("{TDX} --kernel vmlinuz --firmware tdx-only.fd"),
            expect![[r#"
                error: tdx-only.fd
                  caused by: got neither ` initrd=initrd` nor `initrd=initrd ` in the firmware, expected one of them
                hint: look at /proc/cmdline of a guest with this firmware, and give --initrd-arg prefix or suffix
            "#]],
        ),
        (
            &format!("{TDX} --kernel vmlinuz --firmware old.fd"),
            expect![[r#"
                error: old.fd
                  caused by: the firmware does not ask for an unpatched kernel, so QEMU's version decides what is measured
                hint: give --kernel-patch none for QEMU 10.0 and later, or qemu-legacy for older ones (RHEL's 9.1)
            "#]],
        ),
        (
            &format!("{TDX} --kernel vmlinuz --firmware none.fd"),
            expect![[r#"
                error: failed to open file `none.fd`: No such file or directory (os error 2)
                hint: check the path
            "#]],
        ),
        (
            "measure --tee snp --manifest dist/tdx/manifest.json --kernel vmlinuz --firmware tdx-only.fd",
            expect![[r#"
                error: tdx-only.fd
                  caused by: got firmware without SEV metadata
                hint: take edk2's AmdSev build: kata's AMDSEV.fd, or OVMF.amdsev.fd of Debian's and Ubuntu's ovmf-amdsev
            "#]],
        ),
        (
            &format!("{TDX} {GUEST} --vcpus 1-4"),
            expect![[r#"
                error: --vcpus is about snp, and the guest is launched in another TEE
                hint: leave it out
            "#]],
        ),
        (
            &format!("{TDX} {GUEST} --memory 2048"),
            expect![[r#"
                error: --memory counts only with --kernel-patch qemu-legacy
                hint: leave it out
            "#]],
        ),
        (
            &format!("{TDX} {GUEST} --initrd dist/tdx/coco-initrd-tdx.img"),
            expect![[r#"
                error: the argument '--manifest <MANIFEST>' cannot be used with '--initrd <PATH>'

                Usage: coco-initrd measure --tee <TEE> --kernel <PATH> --firmware <PATH> <--manifest <MANIFEST>|--initrd <PATH>>

                For more information, try '--help'.
            "#]],
        ),
        (
            &format!("measure --tee tdx --initrd initrd {GUEST}"),
            expect![[r#"
                error: no kernel command line was given, and an initrd has none
                hint: give --cmdline LINE, --kata-config FILE, or a --manifest
            "#]],
        ),
        (
            &format!("{TDX} --vcpus 0"),
            expect![[r#"
            error: invalid value '0' for '--vcpus <RANGE>': got vCPUs `0`, expected a number from 1 to 512, or two as in 1-8

            For more information, try '--help'.
        "#]],
        ),
        (
            &format!("{FULL} --profile coco-dev {GUEST}"),
            expect![[r#"
            note: vmlinuz: the kernel has neither an embedded configuration nor a known decompressor; going by the profile's kernel-reads
            error: --firmware predicts what a TEE measures, and profile coco-dev has none
            hint: leave it out, or take a profile with a TEE: tdx, snp
        "#]],
        ),
        (
            &format!("{FULL} --profile snp --kernel vmlinuz --firmware tdx-only.fd --output-dir dist/none"),
            expect![[r#"
                note: vmlinuz: the kernel has neither an embedded configuration nor a known decompressor; going by the profile's kernel-reads
                error: tdx-only.fd
                  caused by: got firmware without SEV metadata
                hint: take edk2's AmdSev build: kata's AMDSEV.fd, or OVMF.amdsev.fd of Debian's and Ubuntu's ovmf-amdsev
            "#]],
        ),
    ] {
        refused(&place, words, &expected);
    }
    assert!(!place.join("dist/none").exists());
}

/// A host's configuration for TDX that boots an image, and the drop-in of the build beside it.
fn kata_config(place: &Place, directory: &str, confidential: bool) -> String {
    let path = format!("{directory}/configuration.toml");
    place.file(
        &path,
        format!(
            "[hypervisor.qemu]\nkernel = \"/k\"\nimage = \"/i\"\nfirmware = \"/f\"\nconfidential_guest = {confidential}\n\
             block_device_driver = \"virtio-scsi\"\ndisable_guest_selinux = true\n\
             [agent.kata]\nlaunch_process_timeout = 6\n"
        ),
    );
    let drop_in = place.read("dist/tdx/host/go/60-coco-initrd.toml");
    place.file(&format!("{directory}/config.d/60-coco-initrd.toml"), drop_in);
    format!("{TDX} {GUEST} --format json --runtime go --kata-config {path}")
}

#[test]
fn a_host_with_the_drop_in_has_the_predictions_of_the_manifest() {
    let place = built();
    let of_host = json(&place, &kata_config(&place, "etc", true));
    assert_eq!(of_host, json(&place, &format!("{TDX} --format json --runtime go")));
}

#[test]
fn a_host_that_boots_otherwise_is_refused() {
    let place = built();
    let image = kata_config(&place, "image", true);
    fs_err::remove_file(place.join("image/config.d/60-coco-initrd.toml")).unwrap();
    refused(
        &place,
        &image,
        &expect![[r#"
        error: image/configuration.toml boots an image or nothing, expected an initrd and no image
        hint: put the drop-in of a build into config.d beside it
    "#]],
    );
    refused(
        &place,
        &kata_config(&place, "open", false),
        &expect![[r#"
        error: the command line of go is not exact: the host decides nr_cpus
        hint: give the whole line with --cmdline, as the host gives it
    "#]],
    );
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let place = built();
    assert_eq!(place.shell("mkfifo pipe && : > empty").code, 0);
    for (words, named, told) in [
        (format!("{TDX} --kernel pipe --firmware OVMF.fd"), "pipe", "not a regular file"),
        (format!("{TDX} --kernel vmlinuz --firmware /dev/zero"), "/dev/zero", "not a regular file"),
        (format!("measure --tee tdx --initrd pipe --cmdline x {GUEST}"), "pipe", "not a regular file"),
        (
            format!("measure --tee tdx --initrd empty --cmdline x {GUEST}"),
            "empty",
            "got an empty file, expected an initrd",
        ),
    ] {
        let ran = place.run(&words);
        let lines: Vec<&str> = ran.words.lines().collect();
        let [error, cause, hint] = lines.as_slice() else { panic!("{words}: {}", ran.words) };
        assert_eq!((ran.code, *error), (2, format!("error: {named}").as_str()));
        assert_eq!(*cause, format!("  caused by: {told}"));
        assert!(hint.starts_with("hint: give "), "{hint}");
    }
}

#[test]
fn verify_notices_predictions_that_contradict_the_manifest() {
    let place = built();
    fs_err::remove_file(place.join("dist/tdx/SHA256SUMS")).unwrap();
    assert_eq!(place.run("verify dist/tdx/manifest.json").code, 0);
    let recorded = manifest(&place, "tdx");
    let (short, long) = (json!("0".repeat(64)), json!("0".repeat(96)));
    for (pointer, value, told) in [
        ("initrd/size", json!(1), "initrd: image"),
        ("initrd/sha256", short, "initrd: image"),
        ("initrd/sha384", long.clone(), "initrd: image"),
        ("launches/go/command_line", json!("debug"), "launches.go: command line"),
        ("launches/go/values/1/value", long.clone(), "launches.go: rtmr_1"),
        ("launches/go/values/2/value", long.clone(), "launches.go: rtmr_2"),
        ("launches/go/values/3/value", long.clone(), "launches.go: tdvfkernel"),
        ("launches/go/values/4/value", long.clone(), "launches.go: tdvfkernelparams"),
        ("launches/go/events/0/digest", long.clone(), "launches.go: rtmr_1"),
        ("launches/go/events/3/digest", long.clone(), "launches.go: event load-options"),
        ("launches/go/events/4/digest", long, "launches.go: event initrd"),
        ("launches", json!({}), "launches.go: command line"),
        ("platform/initrd_argument", json!("suffix"), "launches.go: event load-options"),
        ("init_data/0/values/0/value", json!("00"), "init_data: values"),
        ("init_data", json!([]), "init_data: values"),
    ] {
        let mut changed = recorded.clone();
        *changed.pointer_mut(&format!("/measurements/{pointer}")).unwrap() = value;
        place.file("dist/tdx/manifest.json", changed.to_string());
        let ran = place.run("verify dist/tdx/manifest.json");
        assert_eq!(ran.code, 1, "{pointer}: {}{}", ran.data, ran.words);
        let told = format!("measurements.{told} got ");
        assert!(ran.data.lines().any(|line| line.starts_with(&told)), "{pointer}: {}", ran.data);
    }
}

#[test]
fn predictions_are_not_rebuilt_without_what_they_were_made_of() {
    let place = built();
    let rebuild = FULL.replace("build ", "verify dist/tdx/manifest.json --rebuild --profile tdx ");
    let ran = place.run(&format!("{rebuild} {GUEST}"));
    assert_eq!(ran.code, 0, "{}{}", ran.data, ran.words);
    let ran = place.run(&rebuild);
    assert_eq!(ran.code, 1, "{}{}", ran.data, ran.words);
    expect!["measurements: rebuilt got nothing, expected predictions\n"].assert_eq(&ran.data);
}
