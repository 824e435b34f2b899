//! Existing initrds with something changed: what is made, that it holds, and what is refused.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;
use serde_json::{Value, json};

use crate::fixture::{Place, Ran};

pub(crate) const BUILD: &str = "build --profile coco-dev --builtin-guest --no-cache --output-dir base";
pub(crate) const IMAGE: &str = "base/coco-initrd-coco-dev.img";
pub(crate) const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

/// A built image in `base/`, and another policy.
pub(crate) fn place() -> Place {
    let place = Place::new();
    let ran = place.run(BUILD);
    assert_eq!(ran.code, 0, "{}", ran.words);
    other_policy(&place);
    place
}

fn other_policy(place: &Place) {
    let policy = include_str!("../../../../policies/default-restrictive.rego");
    place.file("mine.rego", format!("{policy}\n# reviewed by us\n"));
}

/// An image that GNU cpio and gzip make of a small tree with an agent in it.
pub(crate) fn foreign(place: &Place) {
    place.program("root/usr/bin/kata-agent");
    place.file("root/etc/motd", "hello\n");
    place.file("root/usr/share/doc/a", "a");
    let line = "cd root && ln -s usr/bin/kata-agent init && mkdir -p etc/kata-opa && ln etc/motd etc/issue \
        && find . | cpio -o -H newc --quiet | gzip > ../foreign.img";
    assert_eq!(place.shell(line).code, 0);
}

fn manifest(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&place.read(name)).unwrap()
}

pub(crate) fn customized(place: &Place, words: &str) -> Value {
    let ran = place.run(&format!("customize {words} -o out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let verified = place.run("verify out/manifest.json");
    assert_eq!(verified.code, 0, "{}{}", verified.data, verified.words);
    let manifest = manifest(place, "out/manifest.json");
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&manifest).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    manifest
}

#[test]
fn another_policy_renews_the_guards_plan_and_the_result_holds() {
    let place = place();
    let manifest = customized(&place, &format!("{IMAGE} --policy mine.rego --profile coco-dev"));
    let sum = place.shell("sha256sum mine.rego base/coco-initrd-coco-dev.img").data;
    let digests: Vec<&str> = sum.lines().map(|line| &line[..64]).collect();
    assert_eq!(manifest["policy"]["sha256"], digests[0]);
    assert_eq!(manifest["policy"]["file"], "/etc/kata-opa/mine.rego");
    assert_eq!(manifest["customization"]["base_sha256"], digests[1]);
    assert_eq!(manifest["customization"]["policy_replaced"], true);
    assert_eq!(
        manifest["removed"],
        json!(["/etc/kata-opa/default-policy.rego", "/etc/kata-opa/default-restrictive.rego"])
    );
    let plan = "gzip -dc out/*.img | cpio -i --to-stdout --quiet etc/coco-initrd/guard.toml";
    assert!(place.shell(plan).data.contains(&format!("policy_sha256 = \"{}\"", digests[0])));
}

#[test]
fn the_same_image_and_options_give_the_same_bytes() {
    let place = place();
    place.file("note", "hello\n");
    let words = "--policy mine.rego --profile coco-dev --add note:/etc/note";
    for out in ["a", "b"] {
        let ran = place.run(&format!("customize {IMAGE} {words} -o {out}"));
        assert_eq!(ran.code, 0, "{}", ran.words);
    }
    assert_eq!(place.shell("diff -r a b"), Ran { code: 0, data: String::new(), words: String::new() });
}

#[test]
fn an_image_of_gnu_cpio_gets_files_certificates_and_a_policy() {
    let place = Place::new();
    foreign(&place);
    place.file("ca.pem", PEM);
    let tool = place.file("tool", "#!/bin/true\n");
    fs_err::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = customized(
        &place,
        "foreign.img --policy default-restrictive --add tool:/opt/bin/tool --add ca.pem:/etc/motd:600 \
         --remove /usr/share --ca-bundle ca.pem",
    );
    let file = |path: &str| {
        let files = manifest["files"].as_array().unwrap();
        files.iter().find(|file| file["path"] == path).cloned().unwrap_or_default()
    };
    assert_eq!(file("/opt/bin/tool")["mode"], "0755");
    assert_eq!(file("/etc/motd")["mode"], "0600");
    // It was a further name of /etc/motd, and has its old contents still.
    assert_eq!(file("/etc/issue")["size"], 6);
    assert_eq!(file("/usr/share"), Value::Null);
    assert_eq!(file("/etc/ssl/certs/ca-certificates.crt")["size"], PEM.len());
    assert_eq!(manifest["customization"]["added"]["/etc/motd"]["replaced"], true);
    assert_eq!(manifest["customization"]["removed"], json!(["/usr/share"]));
    assert_eq!(
        manifest["production_faults"],
        json!([
            "the image has no guard: the host's command line can replace the policy",
            "the profile has no TEE: the host can read the guest"
        ])
    );
}

#[test]
fn what_is_kept_is_recorded() {
    let place = place();
    place.file("note", "hello\n");
    let manifest = customized(&place, &format!("{IMAGE} --add note:/etc/note --profile coco-dev"));
    assert_eq!(manifest["customization"]["policy_replaced"], false);
    assert_eq!(manifest["policy"]["file"], "/etc/kata-opa/default-restrictive.rego");
    assert_eq!(manifest["init"]["guard"], true);
    let roles: Vec<&str> =
        manifest["inputs"].as_array().unwrap().iter().map(|input| input["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["base", "file /etc/note", "policy"]);
}

#[test]
fn what_can_not_be_done_is_refused_and_the_output_stays_as_it_was() {
    let place = place();
    foreign(&place);
    place.file("note", "hello\n");
    place.file("key.pem", PEM.replace("CERTIFICATE", "PRIVATE KEY"));
    let open = "package agent_policy\ndefault AllowRequestsFailingPolicy := true\n";
    place.file("open.rego", open);
    assert_eq!(place.run(&format!("customize {IMAGE} --policy mine.rego --profile coco-dev -o out")).code, 0);
    let before = place.shell("find out base -type f | sort | xargs sha256sum").data;
    let mut told = String::new();
    for words in [
        "foreign.img --add note:/etc/note",
        "foreign.img",
        "note --policy mine.rego",
        "base/coco-initrd-coco-dev.img --policy mine.rego --profile peer-pods",
        "base/coco-initrd-coco-dev.img --policy mine.rego --profile coco-dev --remove /init",
        "base/coco-initrd-coco-dev.img --profile coco-dev --remove /usr/bin/kata-agent",
        "base/coco-initrd-coco-dev.img --profile coco-dev --remove /nothing",
        "base/coco-initrd-coco-dev.img --profile coco-dev --add note:/a --remove /a",
        "base/coco-initrd-coco-dev.img --profile coco-dev --add note:/etc/coco-initrd/guard.toml",
        "base/coco-initrd-coco-dev.img --profile coco-dev --add nowhere:/a",
        "base/coco-initrd-coco-dev.img --profile coco-dev --ca-bundle key.pem",
    ] {
        let ran = place.run(&format!("customize {words} -o out"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}: {}", ran.words);
        told.push_str(&ran.words);
    }
    expect![[r#"
        error: the image has no policy that its agent is sure to load: /etc/kata-opa/default-policy.rego is not in the image
        hint: give --policy FILE, or --policy default-restrictive
        error: nothing to change: give --policy, --add, --remove or --ca-bundle
        error: note is not an initrd
        hint: give an initrd; `build --base` takes directories and tars
        error: profile peer-pods makes an overlay for a podvm image, expected one for images
        hint: give --profile base, coco-dev, tdx or snp, or one of your own
        error: --remove /init: /init is needed, as init
        hint: the guest does not start without it: leave it in
        error: --remove /usr/bin/kata-agent: /usr/bin/kata-agent is needed, as agent
        hint: the guest does not start without it: leave it in
        error: --remove /nothing: it is not in the image
        hint: check the path; the manifest's files say what is there
        error: /a is given more than once with --add and --remove
        hint: leave one of them; --add alone replaces a file
        error: --add /etc/coco-initrd/guard.toml: this file is not added by hand
        hint: give the policy with --policy; /init and the guard's plan stay
        error: failed to query resolved metadata `nowhere`: No such file or directory (os error 2)
        hint: check the path
        error: key.pem: line 1: a private key
        hint: give CA certificates as PEM, and nothing else
    "#]].assert_eq(&told);
    let ran = place.run("customize foreign.img --policy open.rego -o out");
    assert_eq!((ran.code, ran.data.as_str()), (1, ""), "{}", ran.words);
    assert!(ran.words.starts_with("error: policy open.rego is not fit for a default\n"), "{}", ran.words);
    assert_eq!(place.shell("find out base -type f | sort | xargs sha256sum").data, before);
}

#[test]
fn a_command_line_that_the_guard_would_refuse_is_not_recorded() {
    let place = Place::new();
    assert_eq!(place.run("build --profile tdx --builtin-guest --no-cache --output-dir tdx").code, 0);
    let words = "customize tdx/coco-initrd-tdx.img --policy default-restrictive -o out";
    let ran = place.run(words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    expect![[r#"
        error: the image's guard does not let `nr_cpus=*` pass, which the command line of profile base has
        hint: give --profile the profile that the image was built with
    "#]]
    .assert_eq(&ran.words);
    let ran = place.run(&format!("{words} --profile tdx"));
    assert_eq!(ran.code, 0, "{}", ran.words);
}

#[test]
fn half_a_guard_is_named() {
    let place = place();
    foreign(&place);
    let lines = [
        format!("$COCO extract --without-devices {IMAGE} guest"),
        "mkdir -p root/etc/coco-initrd && cp guest/etc/coco-initrd/guard.toml root/etc/coco-initrd"
            .to_owned(),
        "cd root && find . | cpio -o -H newc --quiet > ../plan.img".to_owned(),
        "rm guest/etc/coco-initrd/guard.toml".to_owned(),
        "cd guest && find . | cpio -o -H newc --quiet > ../guard.img".to_owned(),
    ];
    for line in &lines {
        assert_eq!(place.shell(line).code, 0, "{line}");
    }
    let mut told = String::new();
    for image in ["plan.img", "guard.img"] {
        let ran = place.run(&format!("customize {image} --policy mine.rego --profile coco-dev -o out"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.words);
        told.push_str(&ran.words);
        let ran = place.run(&format!("verify base/manifest.json {image} --json"));
        let found: Value = serde_json::from_str(&ran.data).unwrap();
        let lines = found["differences"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        told.extend(lines.filter(|line| line.starts_with("init: ")).map(|line| format!("{line}\n")));
    }
    expect![[r#"
        error: /etc/coco-initrd/guard.toml is a plan for the guard, and /init is another program: /usr/bin/kata-agent (kata-agent)
        hint: if there is to be no guard, take the plan out with --remove /etc/coco-initrd/guard.toml
        init: program got /etc/coco-initrd/guard.toml is a plan for the guard, and /init is another program: /usr/bin/kata-agent (kata-agent), expected /usr/bin/kata-agent
        error: /init is the guard, and its plan /etc/coco-initrd/guard.toml is not there
        hint: the guest would power off: give an image that was built with its guard
        init: program got /init is the guard, and its plan /etc/coco-initrd/guard.toml is not there, expected /usr/bin/kata-agent
    "#]].assert_eq(&told);
    let words = "plan.img --policy mine.rego --remove /etc/coco-initrd/guard.toml";
    assert_eq!(customized(&place, words)["init"]["guard"], false);
}

#[test]
fn of_several_names_of_a_file_the_lowest_is_recorded_as_the_file() {
    let place = Place::new();
    foreign(&place);
    // As GNU cpio comes upon them, /etc/motd is the first.
    let line = "cd root && printf '%s\\n' . init usr usr/bin usr/bin/kata-agent etc etc/motd etc/issue | \
        cpio -o -H newc --quiet > ../two.img";
    assert_eq!(place.shell(line).code, 0);
    place.file("note", "hello\n");
    for words in
        ["two.img --policy default-restrictive -o first", "first/*.img --append --add note:/n -o out"]
    {
        assert_eq!(place.shell(&format!("$COCO customize {words}")).code, 0);
        let name = words.rsplit(' ').next().unwrap();
        let ran = place.run(&format!("verify {name}/manifest.json"));
        assert_eq!(ran.code, 0, "{}", ran.data);
        let manifest = manifest(&place, &format!("{name}/manifest.json"));
        let files = manifest["files"].as_array().unwrap();
        let file = |path: &str| files.iter().find(|file| file["path"] == path).unwrap();
        assert_eq!(file("/etc/issue")["size"], 6);
        assert_eq!(file("/etc/motd")["target"], "/etc/issue");
    }
}

#[test]
fn a_program_that_would_not_run_is_refused_and_one_that_did_not_is_told() {
    let place = place();
    let program = place.program("tool");
    let mut bytes = place.read("tool");
    bytes[18] = 183; // EM_AARCH64
    fs_err::write(&program, bytes).unwrap();
    let mut told = String::new();
    for words in ["--add tool:/opt/tool", "--append --add tool:/opt/tool", "--add tool:/usr/bin/kata-agent"] {
        let ran = place.run(&format!("customize {IMAGE} {words} --profile coco-dev -o out"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.words);
        told.push_str(&ran.words);
    }
    expect![[r#"
        error: /opt/tool is for another processor: got aarch64, expected x86_64
        hint: take the program built for the profile's arch
        error: /opt/tool is for another processor: got aarch64, expected x86_64
        hint: take the program built for the profile's arch
        error: /usr/bin/kata-agent is for another processor: got aarch64, expected x86_64
        hint: take the program built for the profile's arch
    "#]]
    .assert_eq(&told);
    place.file("root/usr/bin/kata-agent", "not a program");
    let line = "cd root && ln -s usr/bin/kata-agent init && find . | cpio -o -H newc --quiet > ../text.img";
    assert_eq!(place.shell(line).code, 0);
    let manifest = customized(&place, "text.img --policy mine.rego");
    expect![[r#"
        [
          "the image has no guard: the host's command line can replace the policy",
          "/usr/bin/kata-agent: not a 64-bit ELF program: Invalid ELF header size or alignment",
          "/usr/bin/kata-agent is an agent without policy support: it has no `/etc/kata-opa/default-policy.rego` in it",
          "the profile has no TEE: the host can read the guest"
        ]"#]].assert_eq(&format!("{:#}", manifest["production_faults"]));
}

#[test]
fn the_root_directory_keeps_its_mode() {
    let place = Place::new();
    foreign(&place);
    let line = "chmod 711 root && cd root && find . | cpio -o -H newc --quiet > ../own.img";
    assert_eq!(place.shell(line).code, 0);
    let manifest = customized(&place, "own.img --policy default-restrictive");
    assert_eq!(manifest["files"][0]["mode"], "0711");
    let told = place.shell(
        "chmod 755 root && cd root && find . | cpio -o -H newc --quiet > ../other.img; \
        cd .. && $COCO diff own.img other.img",
    );
    assert!(told.data.contains("mode 0711 -> 0755"), "{}", told.data);
}
