//! `coco-initrd diff`: what differs between two initrds, and what that means.

use expect_test::expect;
use serde_json::Value;

use crate::fixture::{FULL, Place};

/// Two builds, `dist/a` and `dist/b`, the second with these further options.
fn built(options: &str) -> Place {
    let place = Place::new();
    place.inputs();
    place.file("open.rego", format!("{}\nExecProcessRequest := true\n", default_policy()));
    for (name, options) in [("a", ""), ("b", options)] {
        let ran = place.run(&format!("{FULL} --profile tdx --output-dir dist/{name} {options}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
    }
    place
}

fn default_policy() -> String {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default-restrictive.rego");
    fs_err::read_to_string(path).unwrap()
}

const IMAGES: &str = "dist/a/coco-initrd-tdx.img dist/b/coco-initrd-tdx.img";

/// What is said, digests and sizes aside.
fn said(place: &Place, words: &str) -> (i32, String) {
    let ran = place.run(words);
    let mask = |word: &str| {
        let hex = word.trim_end_matches(',');
        let is_digest = hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { "DIGEST".to_owned() } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(mask).collect::<Vec<_>>().join(" ");
    (
        ran.code,
        ran.data.lines().flat_map(|text| [line(text), "\n".to_owned()]).collect::<String>() + &ran.words,
    )
}

#[test]
fn two_builds_of_the_same_are_the_same() {
    let place = built("");
    assert_eq!(said(&place, &format!("diff {IMAGES}")), (0, "the same bytes\n".to_owned()));
}

#[test]
fn another_policy_is_told_by_its_lines_its_decisions_and_what_is_measured() {
    let place = built("--policy open.rego --allow-permissive-policy");
    let (code, text) = said(&place, &format!("diff {IMAGES}"));
    assert_eq!(code, 1);
    let start = text.find("policy: ").unwrap();
    let measured = text.find("packing: ").unwrap_or(text.len()).min(text.find("measured: ").unwrap());
    expect![[r#"
        policy: /etc/kata-opa/default-restrictive.rego -> /etc/kata-opa/open.rego
          ExecProcessRequest: deny -> allow
            deny -> allow: a shell is opened in a container
            deny -> allow: a probe runs a command
            deny -> allow: a command without arguments is run
    "#]]
    .assert_eq(&text[start..measured]);
    for line in ["- /etc/kata-opa/default-restrictive.rego\n", "+ /etc/kata-opa/open.rego\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.contains("  target default-restrictive.rego -> open.rego\n"), "{text}");
    assert!(text.contains("measured: SEV-SNP launch digest changes: "), "{text}");
    assert!(text.contains("measured: TDX RTMR2 changes: "), "{text}");
    assert!(text.contains("measured: TDX MRTD stays: it is of the firmware\n"), "{text}");
}

#[test]
fn a_changed_text_is_told_line_by_line() {
    let place = Place::new();
    place.shell(
        "for side in a b; do mkdir -p $side/etc; echo first > $side/etc/conf; echo $side >> $side/etc/conf; \
         printf \"\\000$side\" > $side/etc/data; (cd $side && find . | LC_ALL=C sort | cpio -oH newc --quiet \
         --reproducible -R 0:0) > $side.img; done; touch -d @7 b/etc/conf",
    );
    let (code, text) = said(&place, "diff a.img b.img");
    assert_eq!(code, 1);
    let end = text.find("packing: ").unwrap_or(text.find("measured: ").unwrap());
    expect![[r#"
        ~ /etc/conf
          8 -> 8 bytes, SHA-256 DIGEST -> DIGEST
        --- a/etc/conf
        +++ b/etc/conf
        @@ -1,2 +1,2 @@
         first
        -a
        +b
        ~ /etc/data
          2 -> 2 bytes, SHA-256 DIGEST -> DIGEST
    "#]]
    .assert_eq(&text[..end]);
}

#[test]
fn equal_files_in_other_bytes_are_explained() {
    let place = Place::new();
    place.shell(
        "mkdir -p t/etc; echo x > t/etc/conf; touch -d @5 t t/etc t/etc/conf; \
         pack() { (cd t && find . | LC_ALL=C sort $1 | cpio -oH newc --quiet --reproducible -R 0:0); }; \
         pack > a.img; pack | gzip -n > gzip.img; gzip -nc a.img -9 > gzip9.img; touch -d @6 t/etc/conf; pack > time.img; \
         (cat a.img; head -c 512 /dev/zero) > zeros.img",
    );
    for (other, line) in [
        ("gzip.img", "packing: segments 1 plain of "),
        ("time.img", "packing: time of 1 member, such as /etc/conf: 5 -> 6\n"),
        ("zeros.img", "packing: members are the same: the compressor, or zeros between segments\n"),
    ] {
        let (code, text) = said(&place, &format!("diff a.img {other}"));
        assert_eq!(code, 1, "{other}");
        assert!(text.starts_with("the same files, packed differently\n"), "{other}: {text}");
        assert!(text.contains(line), "{other}: {text}");
    }
}

#[test]
fn the_json_has_all_of_it() {
    let place = built("--policy open.rego --allow-permissive-policy");
    let ran = place.run(&format!("diff --json {IMAGES}"));
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(ran.code, 1);
    assert_eq!(value["same_bytes"], false);
    assert_eq!(value["policy"]["decisions"][0]["request"], "ExecProcessRequest");
    assert_eq!(value["measurements"][0]["changes"], true);
    assert_eq!(value["added"][0], "/etc/kata-opa/open.rego");
}

#[test]
fn what_is_no_initrd_is_told_with_its_place() {
    let place = built("");
    place.shell("head -c -100 dist/a/coco-initrd-tdx.img > cut.img; echo junk > junk.img");
    for (image, message) in [
        (
            "junk.img",
            "error: junk.img is no initrd that a kernel unpacks whole: at byte 0 of the initrd: neither a cpio archive nor a compressed one: `junk\\n`\n",
        ),
        ("none.img", "error: failed to open file `none.img`\n"),
        ("dist", "error: dist is not a file\n"),
    ] {
        let ran = place.run(&format!("diff dist/a/coco-initrd-tdx.img {image}"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""));
        assert!(ran.words.starts_with(message.trim_end()), "{}", ran.words);
    }
    let ran = place.run("diff cut.img dist/a/coco-initrd-tdx.img");
    assert_eq!(ran.code, 2);
    assert!(
        ran.words.starts_with("error: cut.img is no initrd that a kernel unpacks whole: at byte "),
        "{}",
        ran.words
    );
}
