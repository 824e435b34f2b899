//! An image against its manifest: that it holds, and what is named when it does not.

use expect_test::expect;
use serde_json::{Value, json};

use crate::fixture::{FULL, Place, Ran};

const BUILD: &str = "build --profile coco-dev --builtin-guest --no-cache --output-dir out";

fn built() -> Place {
    let place = Place::new();
    let ran = place.run(BUILD);
    assert_eq!(ran.code, 0, "{}", ran.words);
    place
}

fn verify(place: &Place) -> Ran {
    place.run("verify out/manifest.json")
}

#[test]
fn what_a_build_makes_holds() {
    let place = built();
    let ran = verify(&place);
    assert_eq!((ran.code, ran.words.as_str()), (0, ""), "{}", ran.data);
    assert!(ran.data.starts_with("out/coco-initrd-coco-dev.img: verified: "), "{}", ran.data);
    assert!(
        ran.data.ends_with(", policy /etc/kata-opa/default-restrictive.rego, 2 host files\n"),
        "{}",
        ran.data
    );
    place.file("my.toml", "extends = \"base\"\nkernel-reads = [\"zstd\"]\n");
    for compression in ["zstd", "none"] {
        let line = "build --profile ./my.toml --builtin-guest --no-cache --output-dir other --compression";
        let ran = place.run(&format!("{line} {compression}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
        let ran = place.run("verify other/manifest.json --json");
        assert_eq!(ran.code, 0, "{}", ran.data);
        let value: Value = serde_json::from_str(&ran.data).unwrap();
        assert_eq!(value["verified"], true);
    }
}

#[test]
fn one_byte_anywhere_is_found() {
    let place = built();
    let image = place.read("out/coco-initrd-coco-dev.img");
    for part in 0..8 {
        let mut bytes = image.clone();
        let at = (image.len() - 1) * part / 7;
        bytes[at] ^= 0x10;
        place.file("out/coco-initrd-coco-dev.img", bytes);
        let ran = verify(&place);
        assert_eq!(ran.code, 1, "byte {at}: {}{}", ran.data, ran.words);
        assert!(ran.data.contains("coco-initrd-coco-dev.img: SHA-256 got "), "{}", ran.data);
    }
}

#[test]
fn each_recorded_fact_that_is_changed_is_named() {
    let place = built();
    let manifest: Value = serde_json::from_slice(&place.read("out/manifest.json")).unwrap();
    fs_err::remove_file(place.join("out/SHA256SUMS")).unwrap();
    let zeros = "0".repeat(64);
    for (pointer, value, told) in [
        ("/image/size", json!(1), "coco-initrd-coco-dev.img: size got "),
        ("/image/sha256", json!(zeros), "coco-initrd-coco-dev.img: SHA-256 got "),
        ("/image/sha384", json!("0".repeat(96)), "coco-initrd-coco-dev.img: SHA-384 got "),
        ("/image/unpacked_memory", json!(4096), "image: unpacked_memory got "),
        ("/epoch", json!(1), "/: time got 0, expected 1"),
        ("/compression/method", json!("zstd"), "layer components: compression got gzip, expected zstd"),
        ("/layers/0/offset", json!(4), "layer components: offset got 0, expected 4"),
        ("/layers/0/sha256", json!(zeros), "layer components: SHA-256 got "),
        ("/layers/0/members", json!(1), "layer components: members got "),
        ("/layers/0/unpacked", json!(4), "layer components: unpacked size got "),
        ("/files/0/path", json!("/other"), "/other: file got nothing, expected directory"),
        ("/files/0/mode", json!("0700"), "/: mode got 0755, expected 0700"),
        ("/files/0/type", json!("fifo"), "/: type got directory, expected fifo"),
        ("/files/0/layer", json!("base"), "/: layer got components, expected base"),
        ("/files/0/size", json!(1), "/: size got none, expected 1"),
        ("/files/0/target", json!("x"), "/: target got none, expected x"),
        ("/files/0/device", json!([1, 3]), "/: device got none, expected 1:3"),
        ("/policy/sha256", json!(zeros), "/etc/kata-opa/default-restrictive.rego: SHA-256 got "),
        ("/policy/file", json!("/x"), "policy: file got /etc/kata-opa/default-restrictive.rego, expected /x"),
        (
            "/policy/decisions/ExecProcessRequest",
            json!("allow"),
            "policy.decisions.ExecProcessRequest: decision got deny, expected allow",
        ),
        ("/policy/findings", json!(["x"]), "policy: findings got none, expected x"),
        ("/production", json!(true), "manifest: production got true, expected false"),
        ("/init/guard", json!(false), "init: guard got true, expected false"),
        ("/init/program", json!("/lib/systemd/systemd"), "init: program got /usr/bin/kata-agent, expected "),
        ("/init/allowed_words", json!([]), "guard: allow got "),
        (
            "/host_files/host~1go~160-coco-initrd.toml",
            json!(zeros),
            "host/go/60-coco-initrd.toml: SHA-256 got ",
        ),
    ] {
        let mut changed = manifest.clone();
        match changed.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => changed["files"][0][pointer.rsplit('/').next().unwrap()] = value,
        }
        place.file("out/manifest.json", changed.to_string());
        // More than the first ten may differ; all are in the JSON.
        let ran = place.run("verify out/manifest.json out/coco-initrd-coco-dev.img --json");
        assert_eq!(ran.code, 1, "{pointer}: {}{}", ran.data, ran.words);
        let result: Value = serde_json::from_str(&ran.data).unwrap();
        let differences = result["differences"].as_array().unwrap();
        let is_named = differences.iter().any(|line| line.as_str().unwrap().starts_with(told));
        assert!(is_named, "{pointer}: {}", ran.data);
    }
}

#[test]
fn what_is_beside_the_manifest_is_compared_too() {
    let place = built();
    fs_err::remove_file(place.join("out/host/go/60-coco-initrd.toml")).unwrap();
    place.file("out/host/runtime-rs/60-coco-initrd.toml", "");
    let text = place.text("out/manifest.json");
    place.file("out/manifest.json", format!("{text}\n"));
    let ran = verify(&place);
    let what: Vec<&str> = ran.data.lines().map(|line| line.split(" got ").next().unwrap()).collect();
    assert_eq!(ran.code, 1);
    assert_eq!(
        what,
        [
            "host/go/60-coco-initrd.toml: file",
            "host/runtime-rs/60-coco-initrd.toml: SHA-256",
            "host/go/60-coco-initrd.toml: SHA-256 (SHA256SUMS)",
            "host/runtime-rs/60-coco-initrd.toml: SHA-256 (SHA256SUMS)",
            "manifest.json: SHA-256 (SHA256SUMS)",
        ]
    );
}

#[test]
fn what_can_not_be_verified_is_told() {
    let place = Place::new();
    assert_eq!(place.run("build --profile peer-pods --output-dir out").code, 0);
    place.file("x.json", "{}");
    place.file("key.json", r#"{"schema": 1, "key": 1}"#);
    let told: Vec<String> = ["out/manifest.json", "x.json", "nowhere.json"]
        .iter()
        .map(|manifest| {
            let ran = place.run(&format!("verify {manifest}"));
            assert_eq!((ran.code, ran.data.as_str()), (2, ""));
            ran.words
        })
        .collect();
    expect![[r#"
        error: out/manifest.json
          caused by: the manifest is of an overlay, expected an image
        hint: overlays are compared with `sha256sum --check SHA256SUMS` beside the manifest
        error: x.json
          caused by: not a manifest: missing field `schema` at line 1 column 2
        hint: give the manifest.json that a build of this version wrote
        error: failed to open file `nowhere.json`: No such file or directory (os error 2)
        hint: check the path
    "#]]
    .assert_eq(&told.concat());
}

/// A build of real inputs in `out`, and the options that say what it was made of.
fn built_of_inputs() -> (Place, String) {
    let place = Place::new();
    place.inputs();
    let ran = place.run(&format!("{FULL} --profile tdx --no-cache --output-dir out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    (place, FULL.replace("build ", "--rebuild --profile tdx "))
}

#[test]
fn an_image_that_is_built_again_has_the_same_bytes() {
    let (place, recipe) = built_of_inputs();
    let ran = place.run(&format!("verify out/manifest.json {recipe}"));
    assert_eq!((ran.code, ran.words.as_str()), (0, "built again: the bytes are the same\n"), "{}", ran.data);
    assert!(ran.data.starts_with("out/coco-initrd-tdx.img: verified: "), "{}", ran.data);
}

#[test]
fn another_input_is_named_by_its_role_before_the_files_it_changes() {
    let (place, recipe) = built_of_inputs();
    let mut agent = place.read("in/kata-agent");
    agent.push(0);
    place.file("in/kata-agent", agent);
    let ran = place.run(&format!("verify out/manifest.json {recipe}"));
    assert_eq!((ran.code, ran.words.as_str()), (1, ""));
    let told: Vec<&str> = ran.data.lines().map(|line| line.split(" got ").next().unwrap()).collect();
    expect![[r#"
        [
            "input agent: SHA-256",
            "coco-initrd-tdx.img: rebuilt SHA-256",
            "/usr/bin/kata-agent: rebuilt file",
        ]
    "#]]
    .assert_debug_eq(&told);
}

#[test]
fn another_profile_or_policy_is_named() {
    let (place, recipe) = built_of_inputs();
    for (change, line) in [
        (recipe.replace("tdx", "snp"), "profile: SHA-256 got "),
        (format!("{recipe} --compression none"), "compression: description got none, expected gzip: "),
        (format!("{recipe} --source-date-epoch 7"), "profile: SHA-256 got "),
    ] {
        let ran = place.run(&format!("verify out/manifest.json {change}"));
        assert_eq!(ran.code, 1, "{change}: {}", ran.words);
        assert!(ran.data.contains(line), "{change}: {}", ran.data);
    }
}

#[test]
fn what_can_not_be_built_again_is_told() {
    let (place, recipe) = built_of_inputs();
    let policy = "customize out/coco-initrd-tdx.img --profile tdx --policy default-restrictive -o custom";
    assert_eq!(place.run(policy).code, 0);
    for (words, message) in [
        (
            "verify out/manifest.json --builtin-guest".to_owned(),
            "error: inputs are for --rebuild, which is not given\n\
             hint: add --rebuild, or leave them out\n",
        ),
        (
            format!("verify custom/manifest.json {recipe}"),
            "error: the manifest is of a customized image, which build does not make\n\
             hint: run `coco-initrd customize` again and compare the digests\n",
        ),
        (
            "verify out/manifest.json --rebuild --profile peer-pods".to_owned(),
            "error: profile peer-pods makes an overlay for a podvm image, expected one for images\n\
             hint: give the profile that the manifest names\n",
        ),
    ] {
        let ran = place.run(&words);
        assert_eq!((ran.code, ran.data.as_str(), ran.words.as_str()), (2, "", message), "{words}");
    }
    for (words, needs) in [("--rebuild", "--profile <NAME|PATH>"), ("--profile tdx", "--rebuild")] {
        let ran = place.run(&format!("verify out/manifest.json {words}"));
        let expected = format!("error: the following required arguments were not provided:\n  {needs}\n");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        assert!(ran.words.starts_with(&expected), "{}", ran.words);
    }
}
