//! Images that others are appended to: that their bytes stay, that the result holds, and what is refused.

use expect_test::expect;
use serde_json::{Value, json};

use crate::customize::{IMAGE, PEM, customized, foreign, place};
use crate::fixture::{Place, Ran};

/// Whether `out/` has an image that begins with the bytes of `base`.
fn begins_with(place: &Place, base: &str) -> bool {
    let names = place.shell("ls out/*.img").data;
    place.read(names.trim()).starts_with(&place.read(base))
}

/// A foreign image with a policy, packed by a line of shell.
fn foreign_with_policy(place: &Place, policy: &str, line: &str) {
    foreign(place);
    place.file("root/etc/kata-opa/own.rego", policy);
    let tree = "cd root && ln -sf own.rego etc/kata-opa/default-policy.rego && ln -s nowhere dangling && \
        ln -sf usr/bin bin && find . | cpio -o -H newc --quiet";
    assert_eq!(place.shell(&format!("{tree} | {line} > ../own.img")).code, 0);
}

const RESTRICTIVE: &str = include_str!("../../../../policies/default-restrictive.rego");

#[test]
fn the_image_keeps_its_bytes_and_the_guard_gets_the_new_policy() {
    let place = place();
    place.file("note", "hello\n");
    let words = format!("{IMAGE} --append --policy mine.rego --add note:/opt/x/note --profile coco-dev");
    let manifest = customized(&place, &words);
    assert!(begins_with(&place, IMAGE));
    let base = place.read(IMAGE);
    let sha256 = place.shell(&format!("sha256sum < {IMAGE} | cut -c-64")).data;
    let offset = base.len().next_multiple_of(4);
    assert_eq!(manifest["customization"]["appended"], json!({"base_size": base.len(), "offset": offset}));
    let layers = manifest["layers"].as_array().unwrap();
    let layer = |at: usize| (&layers[at]["name"], &layers[at]["offset"], &layers[at]["members"]);
    assert_eq!(layer(0), (&json!("base"), &json!(0), &layers[0]["members"]));
    assert_eq!(layers[0]["sha256"], sha256.trim());
    assert_eq!(manifest["customization"]["base_sha256"], sha256.trim());
    assert_eq!(layer(1), (&json!("appendix"), &json!(offset), &json!(6)));
    let files = manifest["files"].as_array().unwrap().iter();
    let new = files.filter(|file| file["layer"] == "appendix");
    let new: Vec<&str> = new.map(|file| file["path"].as_str().unwrap()).collect();
    expect![[r#"
        [
            "/etc/coco-initrd/guard.toml",
            "/etc/kata-opa/default-policy.rego",
            "/etc/kata-opa/mine.rego",
            "/opt",
            "/opt/x",
            "/opt/x/note",
        ]
    "#]]
    .assert_debug_eq(&new);
    let plan = place.shell("$COCO cat out/*.img /etc/coco-initrd/guard.toml").data;
    let policy = place.shell("sha256sum < mine.rego | cut -c-64").data;
    assert!(plan.contains(&format!("policy_sha256 = \"{}\"", policy.trim())), "{plan}");
    let ran = place.run("verify out/manifest.json");
    assert_eq!(ran.words, format!("appended at byte {offset} to the image with SHA-256 {sha256}"));
}

#[test]
fn what_was_done_is_told() {
    let place = place();
    place.file("note", "hello\n");
    let words = "--append --policy mine.rego --add note:/opt/note --profile coco-dev -o out";
    let ran = place.run(&format!("customize {IMAGE} {words}"));
    let size = place.read(IMAGE).len();
    let offset = size.next_multiple_of(4);
    let end = place.read("out/coco-initrd-coco-dev.img").len() - offset;
    let told: Vec<&str> = ran.words.lines().skip(1).collect();
    assert_eq!(
        told,
        [
            "note: /etc/kata-opa/default-restrictive.rego stays in the image, without effect",
            "note: directory /opt was made",
            &format!("note: {size} bytes are kept, {end} are behind them from byte {offset} on"),
            "not for production: the built-in guest stands in for agent and guest components",
            "not for production: the profile has no TEE: the host can read the guest",
        ]
    );
}

#[test]
fn any_initrd_with_a_policy_can_be_appended_to() {
    for (line, compression) in [("gzip", "gzip"), ("cat", "none"), ("gzip", "none"), ("cat", "zstd")] {
        let place = Place::new();
        foreign_with_policy(&place, RESTRICTIVE, line);
        place.file("my.toml", "extends = \"base\"\nkernel-reads = [\"gzip\", \"zstd\"]\n");
        let profile = place.text("my.toml");
        place.file("my.toml", format!("{profile}compression = \"{compression}\"\n"));
        place.file("ca.pem", PEM);
        let words = "own.img --append --profile ./my.toml --add ca.pem:/bin/new --ca-bundle ca.pem";
        let manifest = customized(&place, words);
        assert!(begins_with(&place, "own.img"));
        assert_eq!(manifest["customization"]["policy_replaced"], false, "{line} {compression}");
        assert_eq!(manifest["layers"][1]["members"], 4, "{line} {compression}");
        let files = manifest["files"].as_array().unwrap();
        let is_linked = |path: &str| files.iter().any(|file| file["path"] == path);
        assert!(is_linked("/usr/bin/new") && !is_linked("/bin/new"), "{line} {compression}");
    }
}

#[test]
fn an_appended_image_can_be_appended_to() {
    let place = place();
    place.file("note", "hello\n");
    let words = "--append --profile coco-dev --add note:/etc/note";
    assert_eq!(place.run(&format!("customize {IMAGE} {words} -o first")).code, 0);
    let first = "first/coco-initrd-coco-dev.img";
    let manifest = customized(&place, &format!("{first} {words} --policy mine.rego"));
    assert!(begins_with(&place, first));
    assert_eq!(manifest["customization"]["added"]["/etc/note"]["replaced"], true);
}

#[test]
fn the_same_image_and_options_give_the_same_bytes() {
    let place = place();
    place.file("note", "hello\n");
    let words = "--append --policy mine.rego --profile coco-dev --add note:/etc/note";
    for out in ["a", "b"] {
        let ran = place.run(&format!("customize {IMAGE} {words} -o {out}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
    }
    assert_eq!(place.shell("diff -r a b"), Ran { code: 0, data: String::new(), words: String::new() });
}

#[test]
fn what_is_recorded_of_an_appended_image_is_compared() {
    let place = place();
    let manifest = customized(&place, &format!("{IMAGE} --append --policy mine.rego --profile coco-dev"));
    fs_err::remove_file(place.join("out/SHA256SUMS")).unwrap();
    let zeros = "0".repeat(64);
    for (pointer, value, told) in [
        ("/customization/base_sha256", json!(zeros), "customization: base_sha256 got "),
        ("/customization/appended/base_size", json!(8), "customization: base_size got "),
        ("/customization/appended/offset", json!(8), "customization: offset got "),
        ("/customization/appended", json!(null), "layer base: members got "),
        ("/layers/0/sha256", json!(zeros), "layer base: SHA-256 got "),
        ("/layers/0/members", json!(1), "layer base: members got "),
        ("/layers/0/unpacked", json!(4), "layer base: unpacked size got "),
        ("/layers/1/offset", json!(8), "layer appendix: offset got "),
        ("/layers/1/name", json!("base"), "layer base: members got "),
        ("/compression/method", json!("zstd"), "layer appendix: compression got gzip, expected zstd"),
        ("/epoch", json!(1), "/etc/coco-initrd/guard.toml: time got 0, expected 1"),
        ("/files/0/layer", json!("appendix"), "/: layer got base, expected appendix"),
    ] {
        let mut changed = manifest.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        place.file("out/manifest.json", changed.to_string());
        let ran = place.run("verify out/manifest.json --json");
        assert_eq!(ran.code, 1, "{pointer}: {}{}", ran.data, ran.words);
        let result: Value = serde_json::from_str(&ran.data).unwrap();
        let differences = result["differences"].as_array().unwrap();
        let is_named = differences.iter().any(|line| line.as_str().unwrap().starts_with(told));
        assert!(is_named, "{pointer}: {}", ran.data);
    }
}

#[test]
fn an_image_that_allows_more_on_its_own_is_refused() {
    let mut told = String::new();
    for policy in [
        &format!("{RESTRICTIVE}\nReadStreamRequest := true\n"),
        &format!("{RESTRICTIVE}\nExecProcessRequest if {{ input.process }}\n"),
        "package agent_policy\n\nAllowRequestsFailingPolicy := true\n",
        "",
        "package agent_policy\n\nExecProcessRequest :=\n",
        "package other\n",
    ] {
        let place = Place::new();
        foreign_with_policy(&place, policy, "gzip");
        let before = place.shell("find own.img -type f | xargs sha256sum").data;
        let ran = place.run("customize own.img --append --policy default-restrictive -o out");
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.words);
        told.push_str(&ran.words);
        assert_eq!(place.shell("find own.img -type f | xargs sha256sum").data, before);
        assert!(!place.join("out").exists());
    }
    expect![[r#"
        error: /etc/kata-opa/own.rego of the image allows ReadStreamRequest, which the new policy denies: the logs are read under the Go runtime
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: /etc/kata-opa/own.rego of the image allows ExecProcessRequest, which the new policy denies: a shell is opened in a container
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: /etc/kata-opa/own.rego of the image allows AllowRequestsFailingPolicy, which the new policy denies: the agent asks whether to let failing requests pass
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: what the image allows without the appendix is not known: /etc/kata-opa/own.rego is empty
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: what the image allows without the appendix is not known: /etc/kata-opa/own.rego:4:1: expecting expression
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: what the image allows without the appendix is not known: /etc/kata-opa/own.rego is in the wrong package: got other, expected agent_policy
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
    "#]].assert_eq(&told);
}

#[test]
fn what_an_appendix_can_not_do_is_refused_and_nothing_is_left() {
    let place = Place::new();
    foreign_with_policy(&place, RESTRICTIVE, "gzip");
    assert_eq!(
        place.shell("cd root && rm etc/kata-opa/* && find . | cpio -o -H newc --quiet > ../none.img").code,
        0
    );
    assert_eq!(place.shell("cd root && ln -s gone etc/kata-opa/default-policy.rego && find . | cpio -o -H newc --quiet > ../gone.img").code, 0);
    assert_eq!(place.shell("head -c 1000 own.img > cut.img").code, 0);
    place.file("note", "hello\n");
    place.file("ca.pem", PEM);
    place.file("zstd.toml", "extends = \"base\"\nkernel-reads = [\"zstd\"]\ncompression = \"zstd\"\n");
    let before = place.names();
    let mut told = String::new();
    for words in [
        "own.img --append --remove /usr/share --policy default-restrictive",
        "own.img --append --add note:/etc/motd",
        "own.img --append --add note:/etc/issue",
        "own.img --append --add note:/etc",
        "own.img --append --add note:/etc/kata-opa/a.rego",
        "own.img --append --add note:/dangling/note",
        "own.img --append --add note:/etc/motd/note",
        "own.img --append --add note:/etc/note --profile ./zstd.toml",
        "own.img --append",
        "none.img --append --policy default-restrictive",
        "gone.img --append --policy default-restrictive",
        "gone.img --append --add note:/etc/note",
        "cut.img --append --policy default-restrictive",
        "note --append --policy default-restrictive",
    ] {
        let ran = place.run(&format!("customize {words} -o out"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}: {}", ran.words);
        told.push_str(&ran.words);
    }
    expect![[r#"
        error: --remove /usr/share: an appendix can't remove a file
        hint: leave out --append: the image is packed anew without it
        error: /etc/motd and /etc/issue are one file of the image: an appendix would change both
        hint: leave out --append: the image is packed anew, and the other name keeps what it has
        error: /etc/issue and /etc/motd are one file of the image: an appendix would change both
        hint: leave out --append: the image is packed anew, and the other name keeps what it has
        error: --add /etc: a directory is there
        hint: name the file in it, or --remove the directory first
        error: --add /etc/kata-opa/a.rego: this file is not added by hand
        hint: give the policy with --policy; /init and the guard's plan stay
        error: --add /dangling/note: /dangling leads to /nowhere, which is not in the image
        error: --add /etc/motd/note: /etc/motd/note can't be below /etc/motd, which is a file
        error: the guest's kernel can't read gzip: it reads zstd and plain archives
        hint: take another --compression, a kernel that reads this one, or set kernel-reads in the profile
        error: nothing to change: give --policy, --add, --remove or --ca-bundle
        error: what the image allows without the appendix is not known: /etc/kata-opa/default-policy.rego is not in the image
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: what the image allows without the appendix is not known: /etc/kata-opa/default-policy.rego leads to /etc/kata-opa/gone, which is not in the image
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: what the image allows without the appendix is not known: /etc/kata-opa/default-policy.rego leads to /etc/kata-opa/gone, which is not in the image
        hint: leave out --append: a kernel that stumbles over an appendix boots with the image's own policy
        error: cut.img is no initrd that a kernel unpacks whole: at byte 884 of the segment at byte 0: incomplete deflate stream
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
        error: note is no initrd that a kernel unpacks whole: at byte 0 of the initrd: neither a cpio archive nor a compressed one: `hello\n`
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
    "#]].assert_eq(&told);
    assert_eq!(place.names(), before);
}
