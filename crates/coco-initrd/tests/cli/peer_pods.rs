//! `coco-initrd build --profile peer-pods`: the overlay, its patches, and the policy it must have.

use expect_test::expect;
use serde_json::Value;

use crate::fixture::{FULL, Place};

const RESTRICTIVE: &str = include_str!("../../../../policies/default-restrictive.rego");

const INITDATA: &str = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"cdh.toml\" = '''\n'''\n";

/// A policy that decides the same, with other bytes.
fn own_policy(place: &Place) {
    place.file("own.rego", format!("{RESTRICTIVE}# our own\n"));
}

fn manifest(place: &Place, path: &str) -> Value {
    serde_json::from_slice(&place.read(path)).unwrap()
}

#[test]
fn an_overlay_needs_no_input_and_is_for_production() {
    let place = Place::new();
    let ran = place.run("build --profile peer-pods --check --json");
    assert_eq!((ran.code, ran.words.as_str()), (0, "built twice: the bytes are the same\n"),);
    let result: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(result["overlay"], "dist/peer-pods/podvm-overlay.tar");
    assert_eq!((&result["production"], &result["reproducible"]), (&true.into(), &true.into()));
    let found = place.shell("cd dist/peer-pods && find . -type f | sort && sha256sum -c --strict SHA256SUMS");
    expect![[r#"
        ./SHA256SUMS
        ./k8s/podvm-image-cm.patch.yaml
        ./manifest.json
        ./podvm-overlay.tar
        ./policy/default-restrictive.rego
        k8s/podvm-image-cm.patch.yaml: OK
        manifest.json: OK
        podvm-overlay.tar: OK
        policy/default-restrictive.rego: OK
    "#]]
    .assert_eq(&found.data);
}

#[test]
fn the_policy_is_everywhere_the_same() {
    let place = Place::new();
    assert_eq!(place.run("build --profile peer-pods --output-dir out").code, 0);
    let ran = place.shell(
        "tar -xOf out/podvm-overlay.tar etc/kata-opa/default-restrictive.rego | sha256sum
         sha256sum < out/policy/default-restrictive.rego
         sed -n 's/^  AGENT_POLICY: \"\\(.*\\)\"$/\\1/p' out/k8s/podvm-image-cm.patch.yaml | base64 -d | sha256sum",
    );
    let sums: Vec<&str> = ran.data.lines().collect();
    let expected =
        format!("{}  -", manifest(&place, "out/manifest.json")["policy"]["sha256"].as_str().unwrap());
    assert_eq!(sums, [expected.as_str(); 3]);
    assert_eq!(place.text("out/policy/default-restrictive.rego"), RESTRICTIVE);
}

#[test]
fn a_new_build_replaces_an_old_one_and_nothing_else() {
    let place = Place::new();
    for _ in 0..2 {
        assert_eq!(place.run("build --profile peer-pods --output-dir out").code, 0);
    }
    place.file("mine/k8s/deployment.yaml", "");
    let ran = place.run("build --profile peer-pods --output-dir mine");
    expect![[r#"
        error: mine/k8s is not of an earlier build: the directory would be replaced whole
        hint: give --output-dir a directory that is new, empty, or of an earlier build
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn initdata_is_in_a_patch_only_when_asked_for() {
    let place = Place::new();
    place.file("initdata.toml", INITDATA);
    let ran = place.run("build --profile peer-pods --initdata initdata.toml --output-dir out");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let note = "note: INITDATA in peer-pods-cm is for every peer pod that has no annotation of its own\n";
    assert!(ran.words.ends_with(note), "{}", ran.words);
    let patch = place.text("out/k8s/peer-pods-cm.patch.yaml");
    let annotation = place.run("initdata create --merge initdata.toml --annotation").data;
    assert!(patch.starts_with("# GLOBAL: "), "{patch}");
    assert!(patch.ends_with(&format!("data:\n  INITDATA: \"{}\"\n", annotation.trim_end())), "{patch}");
    assert!(manifest(&place, "out/manifest.json")["initdata"]["annotation_sha256"].is_string());
}

#[test]
fn initdata_is_taken_in_any_form() {
    let place = Place::new();
    place.file("initdata.toml", INITDATA);
    assert_eq!(place.shell("$COCO initdata create --merge initdata.toml --annotation > annotation").code, 0);
    for (file, out) in [("initdata.toml", "a"), ("annotation", "b")] {
        let words = format!("build --profile peer-pods --initdata {file} --output-dir {out}");
        assert_eq!(place.run(&words).code, 0);
    }
    let patch = "k8s/peer-pods-cm.patch.yaml";
    assert_eq!(place.text(&format!("a/{patch}")), place.text(&format!("b/{patch}")));
}

#[test]
fn what_is_no_initdata_is_refused() {
    let place = Place::new();
    place.file("initdata.toml", INITDATA.replace("sha256", "sha-256"));
    let ran = place.run("build --profile peer-pods --initdata initdata.toml");
    expect![[r#"
        error: initdata.toml: algorithm: got `sha-256` with a hyphen, expected sha256
        hint: leave the hyphen out: Kata's Go runtime panics on it, and no pod would start
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, place.names()), (2, vec!["initdata.toml".to_owned()]));
}

#[test]
fn options_about_images_are_refused() {
    for option in [
        "--agent x",
        "--guest-components x",
        "--pause-image x",
        "--base x",
        "--guard x",
        "--builtin-guest",
        "--compression gzip",
        "--kernel x",
        "--threads 1",
    ] {
        let ran = Place::new().run(&format!("build --profile peer-pods {option}"));
        let name = option.split(' ').next().unwrap();
        assert_eq!(
            ran.words,
            format!(
                "error: {name} is about images, and profile peer-pods makes an overlay for a podvm image\n\
                 hint: leave it out: a podvm image brings all but the policy\n"
            )
        );
        assert_eq!(ran.code, 2);
    }
}

#[test]
fn initdata_for_all_is_refused_on_bare_metal() {
    let ran = Place::new().run("build --profile tdx --builtin-guest --initdata x");
    expect![[r#"
        error: --initdata is for podvm overlays, and profile tdx makes an image
        hint: leave it out: on bare metal there is no initdata for all pods, each pod has its annotation
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_profile_for_a_podvm_that_inherits_an_image_is_refused() {
    let place = Place::new();
    place.file("p.toml", "extends = \"tdx\"\ntee = \"podvm\"\n");
    let ran = place.run("build --profile ./p.toml");
    expect![[r#"
        error: profile p: arch is about an image, and tee = "podvm" makes an overlay
        hint: leave it out, and what is inherited: extend "peer-pods"
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn another_policy_than_bare_metals_is_refused() {
    let place = Place::new();
    own_policy(&place);
    let ran = place.run("build --profile peer-pods --policy own.rego");
    assert!(
        ran.words.starts_with(
            "error: policy own.rego is not that of the built-in default-restrictive\n  SHA-256 got "
        ),
        "{}",
        ran.words
    );
    assert!(
        ran.words.ends_with(
            "\nhint: build both with the same policy; --same-policy-as takes the other build's manifest.json\n"
        ),
        "{}",
        ran.words
    );
    assert_eq!((ran.code, ran.words.lines().count(), place.names()), (1, 3, vec!["own.rego".to_owned()]));
}

#[test]
fn a_policy_of_ones_own_is_built_for_both_kinds_of_guest() {
    let place = Place::new();
    place.inputs();
    own_policy(&place);
    let metal = place.run(&format!("{FULL} --profile tdx --policy own.rego"));
    assert_eq!(metal.code, 0, "{}", metal.words);
    let words = "build --profile peer-pods --policy own.rego --same-policy-as dist/tdx/manifest.json";
    let ran = place.run(words);
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(place.read("dist/peer-pods/policy/own.rego"), place.read("own.rego"));
    let line = place.shell("tar -xOf dist/peer-pods/podvm-overlay.tar etc/tmpfiles.d/policy.conf").data;
    assert_eq!(line, "C /run/peerpod/policy.rego - - - - /etc/kata-opa/own.rego\n");

    let back = format!("{FULL} --profile snp --same-policy-as dist/peer-pods/manifest.json");
    let refused = place.run(&back);
    assert_eq!(refused.code, 1, "{}", refused.words);
    let message = "error: policy default-restrictive.rego is not that of dist/peer-pods/manifest.json\n";
    assert!(refused.words.starts_with(message), "{}", refused.words);
    assert_eq!(place.run(&format!("{back} --policy own.rego")).code, 0);
}

#[test]
fn what_is_no_manifest_can_not_be_compared_with() {
    let place = Place::new();
    place.file("m.json", "{}");
    let ran = place.run("build --profile peer-pods --same-policy-as m.json");
    expect![[r#"
        error: m.json
          caused by: not a manifest: missing field `schema` at line 1 column 2
        hint: give the manifest.json that a build of this version wrote
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_policy_whose_name_tmpfiles_would_read_otherwise_is_refused() {
    let place = Place::new();
    place.file("%h.rego", RESTRICTIVE);
    let ran = place.run("build --profile peer-pods --policy %h.rego");
    expect![[r#"
        error: the policy's file name `%h.rego` can't be used: letters, digits, `-`, `_` and `.`, at most 100, ending in .rego, and not default-policy.rego
        hint: rename the policy's file
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn the_time_of_the_files_is_as_asked() {
    let place = Place::new();
    let ran = place.run("build --profile peer-pods --source-date-epoch 1234567890");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(manifest(&place, "dist/peer-pods/manifest.json")["epoch"], 1_234_567_890);
    let listing = place.shell("tar --utc --full-time -tvf dist/peer-pods/podvm-overlay.tar").data;
    assert_eq!(listing.matches("2009-02-13 23:31:30").count(), 3, "{listing}");
}
