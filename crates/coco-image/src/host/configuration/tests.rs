//! Configurations as kata's templates have them, drop-ins over them, and the lines they lead to.

use std::path::Path;

use super::*;
use crate::digest::Sha256;
use crate::host::{command_line, drop_in, line};
use crate::profile::Profile;
use crate::profile::raw::Raw;

/// The keys of kata's template for `tee` that are read here, with its values.
pub(in crate::host) fn template(runtime: Runtime, tee: &str) -> String {
    let mut text =
        String::from("[hypervisor.qemu]\nkernel = \"/k/vmlinuz.container\"\nimage = \"/k/kata.img\"\n");
    let mut add = |lines: &str| {
        text.push_str(lines);
        text.push('\n');
    };
    add(
        "rootfs_type = \"ext4\"\nkernel_verity_params = \"root_hash=00\"\ndefault_memory = 2048\ndefault_vcpus = 1",
    );
    add("kernel_params = \"cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1\"\ndefault_maxvcpus = 0");
    add(
        "enable_annotations = [\"enable_iommu\", \"kernel_params\", \"kernel_verity_params\", \"cc_init_data\"]",
    );
    add("shared_fs = \"none\"\nblock_device_driver = \"virtio-scsi\"\ndisable_guest_selinux = true");
    add("enable_debug = false\nenable_iommu = false\nguest_hook_path = \"\"");
    match tee {
        "tdx" => add("confidential_guest = true\nfirmware = \"/k/OVMF.inteltdx.fd\""),
        "snp" => add(
            "confidential_guest = true\nsev_snp_guest = true\nsnp_guest_policy = 196608\nfirmware = \"/k/AMDSEV.fd\"",
        ),
        _ => add("firmware = \"\""),
    }
    add("[agent.kata]\nenable_debug = false\nenable_tracing = false\nkernel_modules = []");
    add("debug_console_enabled = false\nlaunch_process_timeout = 6");
    match (runtime, tee) {
        (Runtime::Go, "coco-dev") => add("dial_timeout = 45\ncdh_api_timeout = 50"),
        (Runtime::Go, _) => add("dial_timeout = 60"),
        (Runtime::Rs, _) => {
            add("dial_timeout_ms = 100\nreconnect_timeout_ms = 45000\ncdh_api_timeout_ms = 50000");
        }
    }
    add("[runtime]\nenable_debug = false\nstatic_sandbox_resource_mgmt = true\nexperimental = []");
    if runtime == Runtime::Rs {
        add("hypervisor_name = \"qemu\"\nagent_name = \"kata\"");
        add("[[hypervisor.qemu.guest_extension_images]]\nname = \"coco\"\npath = \"/k/coco.img\"");
        add("verity_params = \"root_hash=00,salt=11\"");
    }
    text
}

pub(in crate::host) fn profile(name: &str) -> Profile {
    let child = match name {
        "tdx" => include_str!("../../../../../image-profiles/tdx.toml"),
        "snp" => include_str!("../../../../../image-profiles/snp.toml"),
        _ => include_str!("../../../../../image-profiles/coco-dev.toml"),
    };
    let parse = |text: &str| Raw::parse("test", text, Path::new("")).unwrap();
    let base = parse(include_str!("../../../../../image-profiles/base.toml"));
    Profile::new(name, &parse(child).over(base)).unwrap()
}

/// The template of `tee` with our drop-in, and these drop-ins, each a name and its text.
pub(in crate::host) fn configured(runtime: Runtime, tee: &str, more: &[(&str, &str)]) -> Configuration {
    let ours = drop_in(&profile(tee), runtime, Sha256::of(b""), &[]);
    let mut drop_ins = vec![("config.d/60-coco-initrd.toml".to_owned(), ours.into_bytes())];
    drop_ins.extend(more.iter().map(|(name, text)| (format!("config.d/{name}"), text.as_bytes().to_vec())));
    let main = template(runtime, tee);
    Configuration::merge(runtime, ("main.toml", main.as_bytes()), &drop_ins).unwrap()
}

/// Why the template of TDX with a drop-in `50.toml` is refused.
fn refused(runtime: Runtime, drop_in: &str) -> String {
    let main = template(runtime, "tdx");
    let drop_ins = [("50.toml".to_owned(), drop_in.as_bytes().to_vec())];
    let merged = Configuration::merge(runtime, ("main.toml", main.as_bytes()), &drop_ins);
    merged.map_or_else(|error| error.to_string(), |_| "taken".to_owned())
}

/// The command line of TDX with more in a drop-in.
fn line_with(runtime: Runtime, drop_in: &str) -> String {
    line(&configured(runtime, "tdx", &[("70.toml", drop_in)]).command_line())
}

#[test]
fn what_kata_ships_with_our_drop_in_leads_to_the_line_of_the_profile() {
    for runtime in Runtime::ALL {
        for tee in ["tdx", "snp", "coco-dev"] {
            let configuration = configured(*runtime, tee, &[]);
            let expected = command_line(&profile(tee), *runtime);
            assert_eq!(configuration.command_line(), expected, "{runtime} {tee}");
            assert_eq!((configuration.image(), configuration.memory_mib()), ("", 2048));
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_setting_that_has_a_word_puts_it_where_kata_does() {
    let rs = "reboot=k panic=1 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service \
        systemd.mask=systemd-networkd.socket";
    let user = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1";
    let timeouts = "agent.cdh_api_timeout=50 agent.launch_process_timeout=6";
    let arch = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 \
        i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0";
    let go = |console: &str, from: &str| format!("{arch} {console} {from}");
    let hvc = "console=hvc0 console=hvc1";
    let rest = format!("scsi_mod.scan=none agent.launch_process_timeout=6 {user}");
    let cases = [
        (
            Runtime::Go,
            "[hypervisor.qemu]\nenable_debug = true",
            go(hvc, &format!("debug panic=1 selinux=0 {rest}")),
        ),
        (
            Runtime::Go,
            "[hypervisor.qemu]\nenable_iommu = true\nuse_legacy_serial = true\ndisable_guest_selinux = false",
            go("intel_iommu=on iommu=pt console=ttyS0", &format!("quiet panic=1 selinux=1 {rest}")),
        ),
        (
            Runtime::Go,
            "[hypervisor.qemu]\nblock_device_driver = \"virtio-blk\"\nkernel_params = \"own=1\"",
            go(hvc, "quiet panic=1 selinux=0 agent.launch_process_timeout=6 own=1"),
        ),
        (
            Runtime::Go,
            "[agent.kata]\nenable_debug = true\nenable_tracing = true\ndebug_console_enabled = true\n\
             cdh_api_timeout = 9\nlaunch_process_timeout = 0\nvisible_cdi_devices = true",
            go(
                hvc,
                &format!(
                    "quiet panic=1 selinux=0 scsi_mod.scan=none agent.log=debug agent.trace=true \
                     agent.debug_console agent.debug_console_vport=1026 agent.cdh_api_timeout=9 \
                     agent.visible_cdi_devices=true {user}"
                ),
            ),
        ),
        (
            Runtime::Go,
            "[[hypervisor.qemu.guest_extension_images]]\nname = \"gpu\"",
            go(hvc, &format!("quiet panic=1 selinux=0 {rest} kata.extension.gpu.verity_params")),
        ),
        (
            Runtime::Rs,
            "[hypervisor.qemu]\nenable_debug = true\nenable_iommu = true\ndisable_guest_selinux = false",
            format!(
                "{rs} agent.log_vport=1025 {timeouts} {user} selinux=1 intel_iommu=on iommu=pt console=hvc0"
            ),
        ),
        (
            Runtime::Rs,
            "[agent.kata]\nenable_debug = true\nenable_tracing = true\ndebug_console_enabled = true\n\
             cdh_api_timeout_ms = 999\ncontainer_pipe_size = 4096\nvisible_cdi_devices = true",
            format!(
                "{rs} agent.cdh_api_timeout=0 agent.container_pipe_size=4096 agent.debug_console \
                 agent.debug_console_vport=1026 agent.launch_process_timeout=6 agent.log=debug agent.trace=true \
                 agent.visible_cdi_devices=true {user} selinux=0 console=hvc0"
            ),
        ),
        (
            Runtime::Rs,
            "[agent.kata.mem_agent]\nenable = true\nmemcg_swap = false\ncompact_order = 9",
            format!(
                "{rs} agent.cdh_api_timeout=50 agent.launch_process_timeout=6 agent.mem_agent_compact_order=9 \
                 agent.mem_agent_enable=1 agent.mem_agent_memcg_swap=false psi=1 {user} selinux=0 console=hvc0"
            ),
        ),
        (
            Runtime::Rs,
            "[[hypervisor.qemu.guest_extension_images]]\nname = \"coco\"\nverity_params = \"root_hash=00\"",
            format!(
                "{rs} {timeouts} {user} selinux=0 kata.extension.coco.verity_params=root_hash=00 console=hvc0"
            ),
        ),
    ];
    for (runtime, drop_in, expected) in cases {
        assert_eq!(line_with(runtime, drop_in), expected, "{runtime}: {drop_in}");
    }
}

#[test]
fn parameters_are_split_at_blanks_outside_of_quotes() {
    for (text, expected) in [
        ("", ""),
        ("  a  b ", "a|b"),
        ("a=\"b c\" d", "a=\"b c\"|d"),
        ("a= b", "a|b"),
        ("a=b=", "a=b="),
        ("\"a b", "\"a b"),
        ("a\tb\t c", "a\tb|c"),
    ] {
        assert_eq!(words(text).join("|"), expected, "{text:?}");
    }
}

#[test]
fn a_later_drop_in_replaces_by_the_name_of_its_file() {
    let memory = |mib: u32| format!("[hypervisor.qemu]\ndefault_memory = {mib}").into_bytes();
    for runtime in Runtime::ALL {
        let drop_ins = [("d/90".to_owned(), memory(900)), ("d/10~".to_owned(), memory(100))];
        let main = template(*runtime, "tdx");
        let read = Configuration::merge(*runtime, ("main", main.as_bytes()), &drop_ins).unwrap();
        assert_eq!(read.memory_mib(), 900, "{runtime}");
        assert_eq!(read.files(), ["main", "d/10~", "d/90"], "{runtime}");
        assert_eq!(read.file(keys::DEFAULT_MEMORY), Some("d/90"));
        assert_eq!(read.file(keys::KERNEL), Some("main"));
    }
}

#[test]
fn arrays_are_replaced_as_a_whole() {
    let text = "[hypervisor.qemu]\nenable_annotations = [\"initrd\"]";
    for runtime in Runtime::ALL {
        let read = configured(*runtime, "tdx", &[("70.toml", text)]);
        assert!(
            read.is_annotation_enabled("initrd") && !read.is_annotation_enabled("cc_init_data"),
            "{runtime}"
        );
    }
    let shipped = template(Runtime::Rs, "tdx");
    let shipped = Configuration::merge(Runtime::Rs, ("main", shipped.as_bytes()), &[]).unwrap();
    assert_eq!(shipped.extensions().len(), 1);
    assert!(configured(Runtime::Rs, "tdx", &[]).extensions().is_empty());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_a_runtime_refuses_is_refused_with_file_and_key() {
    let known = "50.toml: kata's Go runtime knows no key";
    let rs = "50.toml: runtime-rs knows no key";
    let cases = [
        (
            Runtime::Go,
            "[hypervisor.qemu]\nintrd = \"/x\"",
            format!("{known} `hypervisor.qemu.intrd`, and starts no pod with it"),
        ),
        (
            Runtime::Go,
            "[agent.kata]\ncdh_api_timeout_ms = 1",
            format!("{known} `agent.kata.cdh_api_timeout_ms`, and starts no pod with it"),
        ),
        (Runtime::Go, "[runtime]\nunheard_of = 1", "taken".to_owned()),
        (Runtime::Go, "[hypervisor.qemu]\nmsize_9p = 1", "taken".to_owned()),
        (
            Runtime::Go,
            "[hypervisor.qemu]\nInitrd = \"/x\"",
            format!("{known} `hypervisor.qemu.Initrd`, and starts no pod with it"),
        ),
        (
            Runtime::Go,
            "[Hypervisor.qemu]\ninitrd = \"/x\"",
            "50.toml: `Hypervisor` got upper case, expected lower case: kata's Go runtime reads it in part"
                .to_owned(),
        ),
        (Runtime::Rs, "[hypervisor.qemu]\nintrd = \"/x\"", "taken".to_owned()),
        (
            Runtime::Rs,
            "[agent.kata]\ndial_timeout = 1",
            format!("{rs} `agent.kata.dial_timeout`, and starts no pod with it"),
        ),
        (Runtime::Rs, "[agent.kata]\nserver_port = 1024", "taken".to_owned()),
        (
            Runtime::Rs,
            "[agent.kata.mem_agent]\nenabled = true",
            format!("{rs} `agent.kata.mem_agent.enabled`, and starts no pod with it"),
        ),
        (
            Runtime::Rs,
            "[runtime]\nhypervisor_name = \"remote\"",
            "hypervisor got remote, expected qemu".to_owned(),
        ),
        (
            Runtime::Rs,
            "[runtime]\nagent_name = \"other\"",
            "no file has the section [agent.other]".to_owned(),
        ),
        (
            Runtime::Rs,
            "[runtime]\nagent_name = 1",
            "50.toml: runtime.agent_name got integer, expected a string".to_owned(),
        ),
        (
            Runtime::Rs,
            "[runtime]\nhypervisor_name = \"\"",
            "hypervisor got dragonball, expected qemu".to_owned(),
        ),
        (
            Runtime::Go,
            "[hypervisor.clh]\nkernel = \"\"",
            "sections [hypervisor.clh] and [hypervisor.qemu]: kata's Go runtime takes either, at random"
                .to_owned(),
        ),
        (
            Runtime::Go,
            "[hypervisor.qemu]\ndefault_memory = \"2048\"",
            "50.toml: hypervisor.qemu.default_memory got string, expected an integer of 0 to 4294967295"
                .to_owned(),
        ),
        (
            Runtime::Rs,
            "[hypervisor.qemu]\nenable_annotations = [1]",
            "50.toml: hypervisor.qemu.enable_annotations got array, expected an array of strings".to_owned(),
        ),
        (
            Runtime::Rs,
            "a = 1\nb =",
            "50.toml:2:4: string values must be quoted, expected literal string".to_owned(),
        ),
        (
            Runtime::Go,
            "[hypervisor.qemu]\nkernel_params = \"a =b\"",
            "50.toml: kernel_params: `=b` has no name before its `=`".to_owned(),
        ),
        (
            Runtime::Rs,
            "[[hypervisor.qemu.guest_extension_images]]\nname = \"a b\"",
            "50.toml: guest_extension_images: name got `a b`, expected letters, digits, `-`, `_`".to_owned(),
        ),
    ];
    for (runtime, drop_in, expected) in cases {
        assert_eq!(refused(runtime, drop_in), expected, "{runtime}: {drop_in}");
    }
    let bytes = Configuration::merge(Runtime::Go, ("main.toml", b"a = 1\xff"), &[]).unwrap_err();
    assert_eq!(bytes.to_string(), "main.toml: not UTF-8 at byte 5");
    let empty = Configuration::merge(Runtime::Go, ("main.toml", b""), &[]).unwrap_err();
    assert_eq!(empty.to_string(), "no file has the section [hypervisor.qemu]");
    let empty = Configuration::merge(Runtime::Rs, ("main.toml", b""), &[]).unwrap_err();
    assert_eq!(empty.to_string(), "hypervisor got dragonball, expected qemu");
}

#[test]
fn an_unknown_key_of_the_configuration_itself_is_no_error_for_the_go_runtime() {
    let main = format!("{}unheard_of = 1", template(Runtime::Go, "tdx").replace("enable_iommu", "enable_x"));
    assert!(Configuration::merge(Runtime::Go, ("main", main.as_bytes()), &[]).is_ok());
}

#[test]
fn each_runtime_has_its_own_defaults() {
    let go = b"[hypervisor.qemu]\ninitrd = \"/i\"\ndefault_memory = 255";
    let go = Configuration::merge(Runtime::Go, ("main", go), &[]).unwrap();
    assert_eq!((go.memory_mib(), go.shared_fs()), (2048, "virtio-fs"));
    assert!(line(&go.command_line()).ends_with("nr_cpus=<per host> selinux=1 scsi_mod.scan=none"));
    let rs = b"[hypervisor.qemu]\ninitrd = \"/i\"\n[agent.kata]\n[runtime]\nhypervisor_name = \"qemu\"";
    let rs = Configuration::merge(Runtime::Rs, ("main", rs), &[]).unwrap();
    assert_eq!((rs.memory_mib(), rs.shared_fs()), (128, "none"));
    assert!(line(&rs.command_line()).ends_with("agent.cdh_api_timeout=50 selinux=0 console=hvc0"));
    assert_eq!((go.snp_guest_policy(), rs.snp_guest_policy()), (0x3_0000, 0x3_0000));
}

#[test]
fn processors_may_be_a_number_with_a_fraction_or_none() {
    for (value, expected) in [("2", "2"), ("1.5", "1.5"), ("0", "1"), ("-1", "-1")] {
        let text = format!("[hypervisor.qemu]\ndefault_vcpus = {value}");
        let read = configured(Runtime::Rs, "tdx", &[("70.toml", &text)]);
        assert_eq!(read.default_vcpus().to_string(), expected);
    }
}

#[test]
fn an_annotation_is_enabled_by_an_expression_that_matches_anywhere() {
    for (expressions, name, go, rs) in [
        (r#"["cc_init_data"]"#, "cc_init_data", true, true),
        (r#"["init"]"#, "cc_init_data", true, true),
        (r#"["^init"]"#, "cc_init_data", false, false),
        (r#"[".*"]"#, "initrd", true, true),
        (r#"["cc_init_data", "("]"#, "cc_init_data", true, false),
        ("[]", "cc_init_data", false, false),
    ] {
        let text = format!("[hypervisor.qemu]\nenable_annotations = {expressions}");
        for (runtime, expected) in [(Runtime::Go, go), (Runtime::Rs, rs)] {
            let read = configured(runtime, "tdx", &[("70.toml", &text)]);
            assert_eq!(read.is_annotation_enabled(name), expected, "{runtime} {expressions} {name}");
        }
    }
}

#[test]
fn effective_values_have_the_file_they_came_from() {
    let read = configured(Runtime::Rs, "snp", &[("70.toml", "[agent.kata]\nlog_port = 1")]);
    let found = |key: &str| {
        let effective = read.effective().into_iter().find(|effective| effective.key == key).unwrap();
        (effective.value.map(|value| value.to_string()), effective.file)
    };
    let file = |name: &str| Some(name.to_owned());
    assert_eq!(found("hypervisor.qemu.image"), (file("\"\""), file("config.d/60-coco-initrd.toml")));
    assert_eq!(found("hypervisor.qemu.snp_guest_policy"), (file("196608"), file("main.toml")));
    assert_eq!(found("agent.kata.log_port"), (file("1"), file("config.d/70.toml")));
    assert_eq!(found("agent.kata.policy"), (None, None));
    assert!(read.effective().iter().all(|effective| effective.key != "runtime.create_container_timeout"));
}
