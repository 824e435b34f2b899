//! One configuration for each finding, and what is left of a manifest.

use super::*;
use crate::host::configuration::tests::configured;

/// The names of the findings that a drop-in after ours leads to, but for the one on `kernel_params` that kata's
/// templates have.
fn found(runtime: Runtime, tee: &str, drop_in: &str) -> Vec<Finding> {
    let configuration = configured(runtime, tee, &[("70.toml", drop_in)]);
    let refused = |word: &str| (word == "agent.devmode").then(|| "keeps the guest up".to_owned());
    let surroundings =
        Surroundings { tee: None, irregular: &["config.d/link".to_owned()], refused: &refused };
    let mut findings = review(&configuration, &surroundings);
    findings.retain(|finding| !["params-annotation", "irregular-drop-in"].contains(&finding.name));
    findings
}

#[test]
fn each_weakness_has_its_finding() {
    let (go, rs) = (Runtime::Go, Runtime::Rs);
    let cases = [
        (go, "", ""),
        (rs, "", ""),
        (go, "[agent.kata]\ndebug_console_enabled = true", "debug-console"),
        (rs, "[agent.kata]\nenable_debug = true", "agent-debug"),
        (go, "[agent.kata]\nenable_tracing = true", "agent-tracing"),
        (rs, "[hypervisor.qemu]\nenable_debug = true", "hypervisor-debug"),
        (go, "[hypervisor.qemu]\nimage = \"/x\"", "image-and-initrd overridden"),
        (go, "[hypervisor.qemu]\nimage = \"/x\"\ninitrd = \"\"", "image overridden overridden"),
        (rs, "[hypervisor.qemu]\ninitrd = \"\"", "no-initrd overridden"),
        (rs, "[[hypervisor.qemu.guest_extension_images]]\nname = \"x\"", "extension-images overridden"),
        (go, "[hypervisor.qemu]\nkernel = \"\"", "no-kernel"),
        (go, "[hypervisor.qemu]\nfirmware = \"\"", "no-firmware"),
        (rs, "[hypervisor.qemu]\nconfidential_guest = false", "not-confidential"),
        (go, "[hypervisor.qemu]\nsnp_guest_policy = 720896", "snp-debug-policy"),
        (go, "[hypervisor.qemu]\nshared_fs = \"virtio-fs\"", "shared-fs"),
        (rs, "[hypervisor.qemu]\nguest_hook_path = \"/h\"", "guest-hooks"),
        (go, "[hypervisor.qemu]\nkernel_params = \"a agent.devmode\"", "kernel-params overridden"),
        (rs, "[hypervisor.qemu]\nenable_annotations = []", "no-initdata"),
        (go, "[hypervisor.qemu]\nenable_annotations = [\".*\"]", "boot-annotations"),
        (go, "[agent.kata]\nkernel_modules = [\"x\"]", "kernel-modules"),
        (rs, "[agent.kata]\npolicy = \"package agent_policy\"", "agent-policy"),
        (rs, "[hypervisor.qemu]\ninitdata = \"version = '0.1.0'\"", "host-initdata"),
        (rs, "[hypervisor.qemu]\ndefault_memory = 4096", "overridden"),
    ];
    for (runtime, drop_in, expected) in cases {
        let names: Vec<&str> = found(runtime, "snp", drop_in).iter().map(|finding| finding.name).collect();
        assert_eq!(names.join(" "), expected, "{runtime}: {drop_in}");
    }
}

#[test]
fn a_finding_names_key_file_reason_and_remedy() {
    let findings = found(Runtime::Rs, "snp", "[agent.kata]\ndebug_console_enabled = true");
    assert_eq!(
        findings,
        [Finding {
            name: "debug-console",
            weight: Weight::Fault,
            key: "[agent.kata] debug_console_enabled".to_owned(),
            file: Some("config.d/70.toml".to_owned()),
            what: "gives the host a root shell in the guest, before any policy".to_owned(),
            remedy: "set it to false",
        }]
    );
    let findings = found(Runtime::Go, "snp", "[hypervisor.qemu]\nkernel_params = \"agent.devmode\"");
    assert_eq!(
        findings.first().map(|finding| finding.what.as_str()),
        Some("`agent.devmode`: keeps the guest up")
    );
}

#[test]
fn a_link_in_place_of_a_drop_in_stops_only_runtime_rs() {
    for (runtime, expected) in [(Runtime::Go, 0), (Runtime::Rs, 1)] {
        let configuration = configured(runtime, "tdx", &[]);
        let irregular = ["config.d/link".to_owned()];
        let surroundings = Surroundings { tee: None, irregular: &irregular, refused: &|_| None };
        let findings = review(&configuration, &surroundings);
        let links = findings.iter().filter(|finding| finding.name == "irregular-drop-in").count();
        assert_eq!(links, expected, "{runtime}");
    }
}

#[test]
fn what_kata_ships_is_a_note_and_no_fault() {
    let configuration = configured(Runtime::Go, "coco-dev", &[]);
    let surroundings = Surroundings { tee: Some(Tee::None), irregular: &[], refused: &|_| None };
    let findings = review(&configuration, &surroundings);
    let told: Vec<_> = findings.iter().map(|finding| (finding.name, finding.weight.word())).collect();
    assert_eq!(told, [("not-confidential", "note"), ("params-annotation", "note")]);
}
