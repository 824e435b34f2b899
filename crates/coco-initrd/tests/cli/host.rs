//! `host check`: hosts made of a few files, what is said of them, and with which exit code.

use std::os::unix::fs::symlink;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::fixture::{Place, Ran};

/// Where kata-deploy has the configurations for TDX.
const GO: &str = "root/opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx";
const RS: &str = "root/opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs";

/// The keys of kata's template for TDX that are read here, with its values.
fn template(runtime: &str) -> String {
    let hypervisor = r#"
[hypervisor.qemu]
kernel = "/opt/kata/share/kata-containers/vmlinuz.container"
image = "/opt/kata/share/kata-containers/kata.img"
kernel_verity_params = "root_hash=00"
kernel_params = "quiet"
confidential_guest = true
firmware = "/opt/kata/share/ovmf/OVMF.fd"
enable_annotations = ["kernel_params", "cc_init_data"]
shared_fs = "none"
block_device_driver = "virtio-scsi"
disable_guest_selinux = true
default_memory = 1024
"#;
    let agent = "[agent.kata]\nlaunch_process_timeout = 6\n";
    match runtime {
        "go" => format!("{hypervisor}{agent}dial_timeout = 60\n"),
        _ => format!(
            "{hypervisor}{agent}dial_timeout_ms = 100\n[runtime]\nhypervisor_name = \"qemu\"\n\
             agent_name = \"kata\"\n[[hypervisor.qemu.guest_extension_images]]\nname = \"coco\"\n"
        ),
    }
}

/// A host as kata-deploy leaves it: a configuration for each runtime, which links lead to.
fn host() -> Place {
    let place = Place::new();
    place.file("root/opt/kata/share/kata-containers/vmlinuz.container", "kernel");
    place.file("root/opt/kata/share/kata-containers/kata.img", "image");
    place.file("root/opt/kata/share/ovmf/OVMF.fd", "firmware");
    place.file(&format!("{GO}/configuration-qemu-tdx.toml"), template("go"));
    place.file(&format!("{RS}/configuration-qemu-tdx-runtime-rs.toml"), template("rs"));
    let defaults = "root/opt/kata/share/defaults/kata-containers";
    let real = "runtimes/qemu-tdx/configuration-qemu-tdx.toml";
    symlink(real, place.join(&format!("{defaults}/configuration.toml"))).unwrap();
    // an absolute link leads from the host's own root
    let real = "/opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/\
        configuration-qemu-tdx-runtime-rs.toml";
    symlink(real, place.join(&format!("{defaults}/runtime-rs/configuration.toml"))).unwrap();
    place
}

/// The same with a build for it, installed as the drop-in says.
fn installed() -> Place {
    let place = host();
    let ran = place.run("build --profile tdx --builtin-guest --no-cache --output-dir out");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let image = place.read("out/coco-initrd-tdx.img");
    place.file("root/opt/kata/share/kata-containers/coco-initrd-tdx.img", image);
    for (runtime, directory) in [("go", GO), ("runtime-rs", RS)] {
        let drop_in = place.read(&format!("out/host/{runtime}/60-coco-initrd.toml"));
        place.file(&format!("{directory}/config.d/60-coco-initrd.toml"), drop_in);
    }
    place
}

fn check(place: &Place, words: &str) -> Ran {
    place.run(&format!("host check --root root {words}"))
}

/// The text with digests and sizes made the same: they change with every version.
fn masked(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', ',']).map(|word| {
        let body = word.trim_end_matches([' ', '\n', ',']);
        let is_digest = body.len() == 64 && body.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_size = body.len() > 4 && body.bytes().all(|byte| byte.is_ascii_digit());
        if is_digest || is_size { word.replace(body, "#") } else { word.to_owned() }
    });
    words.collect()
}

/// Runs the words and compares all it says.
fn refused(place: &Place, words: &str, expected: &Expect) {
    let ran = check(place, words);
    expected.assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
}

#[test]
fn what_a_build_wrote_is_in_order_once_it_is_installed() {
    let ran = check(&installed(), "--manifest out/manifest.json");
    expect![[r#"
        runtime: go
        configuration: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/configuration-qemu-tdx.toml
        drop-in: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/60-coco-initrd.toml
        initrd: /opt/kata/share/kata-containers/coco-initrd-tdx.img, # bytes, SHA-256 #
        image: none
        kernel: /opt/kata/share/kata-containers/vmlinuz.container, 6 bytes, SHA-256 #
        firmware: /opt/kata/share/ovmf/OVMF.fd, 8 bytes, SHA-256 #
        memory: 2048 MiB
        initdata: pods may bring it
        command line: tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 console=hvc0 console=hvc1 quiet panic=1 selinux=0 scsi_mod.scan=none agent.launch_process_timeout=6 cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1
        note params-annotation: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/configuration-qemu-tdx.toml: [hypervisor.qemu] enable_annotations: a pod may change the kernel command line by kernel_params: the guard refuses words it does not know, and what attestation sees changes; leave these out, if no pod needs them
        result: in order

        runtime: runtime-rs
        configuration: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/configuration-qemu-tdx-runtime-rs.toml
        drop-in: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/config.d/60-coco-initrd.toml
        initrd: /opt/kata/share/kata-containers/coco-initrd-tdx.img, # bytes, SHA-256 #
        image: none
        kernel: /opt/kata/share/kata-containers/vmlinuz.container, 6 bytes, SHA-256 #
        firmware: /opt/kata/share/ovmf/OVMF.fd, 8 bytes, SHA-256 #
        memory: 2048 MiB
        initdata: pods may bring it
        command line: reboot=k panic=1 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket agent.cdh_api_timeout=50 agent.launch_process_timeout=6 cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1 selinux=0 console=hvc0
        note params-annotation: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/configuration-qemu-tdx-runtime-rs.toml: [hypervisor.qemu] enable_annotations: a pod may change the kernel command line by kernel_params: the guard refuses words it does not know, and what attestation sees changes; leave these out, if no pod needs them
        result: in order
    "#]].assert_eq(&masked(&ran.data));
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
}

#[test]
fn a_host_without_the_drop_in_boots_something_else() {
    let place = installed();
    fs_err::remove_dir_all(place.join(&format!("{RS}/config.d"))).unwrap();
    let ran = check(&place, "--runtime rs --manifest out/manifest.json");
    expect![[r#"
        runtime: runtime-rs
        configuration: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/configuration-qemu-tdx-runtime-rs.toml
        initrd: none
        image: /opt/kata/share/kata-containers/kata.img, 5 bytes, SHA-256 #
        kernel: /opt/kata/share/kata-containers/vmlinuz.container, 6 bytes, SHA-256 #
        firmware: /opt/kata/share/ovmf/OVMF.fd, 8 bytes, SHA-256 #
        memory: 1024 MiB
        initdata: pods may bring it
        command line: not known: no initrd is booted
        difference: [hypervisor.qemu] default_memory: value got 1024, expected 2048
        fault image: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/configuration-qemu-tdx-runtime-rs.toml: [hypervisor.qemu] image: a disk image is booted, and no initrd; copy the drop-in of a build into config.d
        note params-annotation: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/configuration-qemu-tdx-runtime-rs.toml: [hypervisor.qemu] enable_annotations: a pod may change the kernel command line by kernel_params: the guard refuses words it does not know, and what attestation sees changes; leave these out, if no pod needs them
        result: 1 difference, 1 fault
    "#]].assert_eq(&masked(&ran.data));
    assert_eq!((ran.code, ran.words.as_str()), (1, ""));
}

#[test]
fn what_differs_from_the_manifest_is_named() {
    let place = installed();
    place.file("root/opt/kata/share/kata-containers/coco-initrd-tdx.img", "another");
    place.file(
        &format!("{GO}/config.d/70-debug.toml"),
        "[hypervisor.qemu]\ndefault_memory = 4096\n[agent.kata]\nenable_debug = true\ndebug_console_enabled = true\n",
    );
    let ran = check(&place, "--runtime go --manifest out/manifest.json");
    let told: Vec<&str> = ran
        .data
        .lines()
        .filter(|line| ["difference", "fault", "note", "result"].iter().any(|word| line.starts_with(word)))
        .collect();
    expect![[r#"
        difference: /opt/kata/share/kata-containers/coco-initrd-tdx.img: size got 7, expected #
        difference: /opt/kata/share/kata-containers/coco-initrd-tdx.img: SHA-256 got #, expected #
        difference: [hypervisor.qemu] default_memory: value got 4096, expected 2048
        difference: command_lines.go, word 19: word got `agent.log=debug`, expected `agent.launch_process_timeout=6`
        fault debug-console: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/70-debug.toml: [agent.kata] debug_console_enabled: gives the host a root shell in the guest, before any policy; set it to false
        fault agent-debug: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/70-debug.toml: [agent.kata] enable_debug: adds agent.log=debug: the agent writes every request to its log; set it to false
        note params-annotation: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/configuration-qemu-tdx.toml: [hypervisor.qemu] enable_annotations: a pod may change the kernel command line by kernel_params: the guard refuses words it does not know, and what attestation sees changes; leave these out, if no pod needs them
        fault overridden: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/70-debug.toml: hypervisor.qemu.default_memory: sets again what the drop-in of a build has set; take the key out, or rename the file so that it comes before the drop-in
        result: 4 differences, 3 faults
    "#]].assert_eq(&masked(&format!("{}\n", told.join("\n"))));
    assert_eq!(ran.code, 1);
}

#[test]
fn kernel_and_firmware_are_those_of_the_predictions() {
    let place = crate::measure::built();
    for (from, to) in [
        ("dist/tdx/coco-initrd-tdx.img", "root/opt/kata/share/kata-containers/coco-initrd-tdx.img"),
        ("vmlinuz", "root/opt/kata/share/kata-containers/vmlinuz.container"),
        ("OVMF.fd", "root/opt/kata/share/ovmf/OVMF.fd"),
    ] {
        place.file(to, place.read(from));
    }
    place.file(&format!("{GO}/configuration-qemu-tdx.toml"), template("go"));
    let drop_in = place.read("dist/tdx/host/go/60-coco-initrd.toml");
    place.file(&format!("{GO}/config.d/60-coco-initrd.toml"), drop_in);
    let config = format!("{}/configuration-qemu-tdx.toml", GO.strip_prefix("root").unwrap());
    let words = format!("--config {config} --manifest dist/tdx/manifest.json");
    let ran = check(&place, &words);
    assert_eq!(ran.code, 0, "{}{}", ran.data, ran.words);
    for path in ["/opt/kata/share/kata-containers/vmlinuz.container", "/opt/kata/share/ovmf/OVMF.fd"] {
        let mut bytes = place.read(&format!("root{path}"));
        *bytes.last_mut().unwrap() ^= 1;
        place.file(&format!("root{path}"), bytes);
        let ran = check(&place, &words);
        let told = format!("difference: {path}: SHA-256 got ");
        assert_eq!(ran.code, 1);
        assert!(ran.data.lines().any(|line| line.starts_with(&told)), "{}", ran.data);
    }
}

#[test]
fn the_answer_is_also_json() {
    let place = installed();
    place.file(&format!("{RS}/config.d/70.toml"), "[hypervisor.qemu]\nenable_debug = true\n");
    let ran = check(&place, "--json --manifest out/manifest.json");
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, &value["in_order"]), (1, &json!(false)));
    let [go, rs] = value["runtimes"].as_array().unwrap().as_slice() else { panic!("{value}") };
    assert_eq!(
        (&go["runtime"], &go["in_order"], &go["memory_mib"]),
        (&json!("go"), &json!(true), &json!(2048))
    );
    let line = go["command_line"]["line"].as_str().unwrap();
    assert!(
        line.starts_with("tsc=reliable ") && line.ends_with(" systemd.unified_cgroup_hierarchy=1"),
        "{line}"
    );
    assert_eq!(rs["assets"]["kernel"]["size"], 6);
    assert_eq!(rs["assets"]["image"], Value::Null);
    assert_eq!(rs["initdata_enabled"], true);
    let names: Vec<_> = rs["findings"].as_array().unwrap().iter().map(|finding| &finding["name"]).collect();
    assert_eq!(names, ["hypervisor-debug", "params-annotation"]);
    assert_eq!(
        rs["differences"],
        json!([
            "command_lines.runtime-rs, word 6: word got `agent.log_vport=1025`, expected `agent.cdh_api_timeout=50`"
        ])
    );
    let set =
        |key: &str| rs["effective"].as_array().unwrap().iter().find(|e| e["key"] == key).unwrap().clone();
    let file =
        "/opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/config.d/70.toml";
    assert_eq!(
        set("hypervisor.qemu.enable_debug"),
        json!({"file": file, "key": "hypervisor.qemu.enable_debug", "value": true})
    );
}

#[test]
fn a_link_in_config_d_stops_runtime_rs_and_not_the_go_runtime() {
    let place = installed();
    for directory in [GO, RS] {
        place.file("root/elsewhere.toml", "[hypervisor.qemu]\nenable_iommu = false\n");
        symlink("/elsewhere.toml", place.join(&format!("{directory}/config.d/10-link.toml"))).unwrap();
    }
    assert_eq!(check(&place, "--runtime go --manifest out/manifest.json").code, 0);
    let ran = check(&place, "--runtime rs --manifest out/manifest.json");
    assert_eq!(ran.code, 1);
    let told = ran.data.lines().find(|line| line.starts_with("fault")).unwrap();
    expect!["fault irregular-drop-in: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/config.d/10-link.toml: config.d: a symbolic link: runtime-rs starts no pod beside it; copy the file itself there"].assert_eq(told);
}

#[test]
fn files_that_are_missing_empty_or_named_in_part_are_faults() {
    let place = installed();
    fs_err::remove_file(place.join("root/opt/kata/share/kata-containers/vmlinuz.container")).unwrap();
    place.file("root/opt/kata/share/ovmf/OVMF.fd", "");
    place.file(&format!("{GO}/config.d/50.toml"), "[hypervisor.qemu]\nkernel = \"vmlinuz\"\n");
    for (runtime, expected) in [
        (
            "go",
            "fault relative-path: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml: \
             [hypervisor.qemu] kernel: vmlinuz is looked for in whatever directory the runtime is in; give the whole path",
        ),
        (
            "rs",
            "fault no-file: /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-tdx-runtime-rs/\
             configuration-qemu-tdx-runtime-rs.toml: [hypervisor.qemu] kernel: \
             /opt/kata/share/kata-containers/vmlinuz.container is not there: kata starts no pod; \
             put the file there, or mend the path",
        ),
    ] {
        let ran = check(&place, &format!("--runtime {runtime}"));
        assert_eq!(ran.code, 1);
        assert!(ran.data.lines().any(|line| line == expected), "{}", ran.data);
        assert!(ran.data.contains("OVMF.fd is empty; put the file there anew\n"), "{}", ran.data);
    }
}

#[test]
fn the_directory_tells_the_runtime() {
    let place = host();
    for (config, runtime) in [
        ("/opt/kata/share/defaults/kata-containers/configuration.toml", "go"),
        ("opt/kata/share/defaults/kata-containers/runtime-rs/configuration.toml", "runtime-rs"),
    ] {
        let ran = check(&place, &format!("--config {config}"));
        assert!(ran.data.starts_with(&format!("runtime: {runtime}\n")), "{}", ran.data);
    }
    place.file("root/my.toml", template("go"));
    refused(
        &place,
        "--config my.toml",
        &expect![[r#"
        error: /my.toml: the path does not tell which runtime reads it
        hint: give --runtime go or --runtime rs
    "#]],
    );
    assert!(check(&place, "--config my.toml --runtime go").data.starts_with("runtime: go\n"));
}

#[test]
fn without_a_configuration_nothing_is_checked() {
    let place = Place::new();
    place.file("root/etc/hosts", "");
    refused(
        &place,
        "",
        &expect![[r#"
        error: no configuration of kata was found: /etc/kata-containers/configuration.toml, /opt/kata/share/defaults/kata-containers/configuration.toml, /usr/share/defaults/kata-containers/configuration.toml, /etc/kata-containers/runtime-rs/configuration.toml, /usr/share/defaults/kata-containers/runtime-rs/configuration.toml, /opt/kata/share/defaults/kata-containers/runtime-rs/configuration.toml
        hint: give --config the file that the RuntimeClass names, or --root
    "#]],
    );
    refused(
        &place,
        "--config /etc/kata.toml --runtime go",
        &expect![[r#"
            error: the configuration /etc/kata.toml can't be read
              caused by: failed to query raw metadata `root/etc/kata.toml`: No such file or directory (os error 2)
            hint: check the path
        "#]],
    );
    refused(
        &place,
        "--config /etc --runtime rs",
        &expect![[r#"
            error: /etc is no file
            hint: give a file; in config.d, take it out: neither runtime starts a pod beside it
        "#]],
    );
}

#[test]
fn two_configurations_may_both_be_the_go_runtimes() {
    let place = host();
    place.file("root/usr/share/defaults/kata-containers/configuration.toml", template("go"));
    refused(
        &place,
        "",
        &expect![[r#"
        error: there are two configurations of kata: /opt/kata/share/defaults/kata-containers/configuration.toml and /usr/share/defaults/kata-containers/configuration.toml
        hint: give --config the one that the runtime was built with
    "#]],
    );
}

#[test]
fn what_the_runtime_would_refuse_is_told_with_its_file() {
    let place = host();
    let drop_in = format!("{GO}/config.d/50.toml");
    place.file(&drop_in, "[hypervisor.qemu]\ninitrd = /x\n");
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
        error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml:2:10: string values must be quoted, expected literal string
        hint: mend the file: no pod starts with it
    "#]],
    );
    place.file(&drop_in, "[hypervisor.qemu]\nguest_extension = []\n");
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
            error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml: kata's Go runtime knows no key `hypervisor.qemu.guest_extension`, and starts no pod with it
            hint: take the key out, or mend its name; the runtimes' keys differ
        "#]],
    );
    place.file(&drop_in, "[hypervisor.qemu]\ndefault_memory = \"2 GiB\"\n");
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
        error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml: hypervisor.qemu.default_memory got string, expected an integer of 0 to 4294967295
        hint: mend the value: no pod starts with it
    "#]],
    );
    place.file(&drop_in, vec![b' '; (1 << 20) + 1]);
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
        error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml has more than the 1048576 bytes that a configuration may have
        hint: give a configuration of kata
    "#]],
    );
    fs_err::remove_file(place.join(&drop_in)).unwrap();
    fs_err::create_dir(place.join(&drop_in)).unwrap();
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
            error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml is no file
            hint: give a file; in config.d, take it out: neither runtime starts a pod beside it
        "#]],
    );
    fs_err::remove_dir(place.join(&drop_in)).unwrap();
    symlink("50.toml", place.join(&drop_in)).unwrap();
    refused(
        &place,
        "--runtime go",
        &expect![[r#"
            error: /opt/kata/share/defaults/kata-containers/runtimes/qemu-tdx/config.d/50.toml: too many symbolic links on the way
            hint: mend the link: it leads back to itself
        "#]],
    );
}

#[test]
fn the_kernel_is_compared_if_the_build_was_given_one() {
    let place = installed();
    let manifest = place.text("out/manifest.json");
    let known =
        manifest.replace("\"kernel_sha256\": null", &format!("\"kernel_sha256\": \"{}\"", "0".repeat(64)));
    assert_ne!(known, manifest);
    place.file("out/manifest.json", known);
    let ran = check(&place, "--runtime go --manifest out/manifest.json");
    let told = ran.data.lines().find(|line| line.starts_with("difference")).unwrap();
    expect!["difference: /opt/kata/share/kata-containers/vmlinuz.container: SHA-256 got #, expected #"]
        .assert_eq(&masked(told));
    assert_eq!(ran.code, 1);
}

#[test]
fn with_what_is_no_manifest_nothing_is_compared() {
    let place = host();
    place.file("manifest.json", "{}");
    refused(
        &place,
        "--manifest manifest.json",
        &expect![[r#"
        error: manifest.json
          caused by: not a manifest: missing field `schema` at line 1 column 2
        hint: give the manifest.json that a build of this version wrote
    "#]],
    );
}

#[test]
fn without_a_tee_the_profile_says_so() {
    let place = host();
    let ran = place.run("build --profile coco-dev --builtin-guest --no-cache --output-dir out");
    assert_eq!(ran.code, 0, "{}", ran.words);
    place.file(
        "root/opt/kata/share/kata-containers/coco-initrd-coco-dev.img",
        place.read("out/coco-initrd-coco-dev.img"),
    );
    place.file(&format!("{GO}/config.d/60-coco-initrd.toml"), place.read("out/host/go/60-coco-initrd.toml"));
    let settings = "[hypervisor.qemu]\nconfidential_guest = false\n[agent.kata]\ncdh_api_timeout = 50\n";
    place.file(&format!("{GO}/config.d/50-coco-dev.toml"), settings);
    let ran = check(&place, "--runtime go --manifest out/manifest.json");
    assert!(ran.data.contains(" nr_cpus=<per host> "), "{}", ran.data);
    assert!(
        ran.data.contains("\nnote not-confidential: ") && ran.data.ends_with("result: in order\n"),
        "{}",
        ran.data
    );
    assert_eq!(ran.code, 0);
    assert_eq!(check(&place, "--runtime go").code, 1);
}
