//! Command lines, word by word, and drop-ins as kata reads them.

use std::path::Path;

use super::drop_in::{config_directory, quoted};
use super::*;
use crate::digest::Sha256;
use crate::profile::raw::Raw;
use crate::units::Runtime;

/// kata 4.1, Go runtime, qemu, amd64, an initrd, debugging off.
const GO: &str = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 \
    i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 \
    console=hvc0 console=hvc1 quiet panic=1 selinux=0 scsi_mod.scan=none agent.launch_process_timeout=6 \
    cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1";

/// kata 4.1, runtime-rs, the same.
const RS: &str = "reboot=k panic=1 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service \
    systemd.mask=systemd-networkd.socket agent.cdh_api_timeout=50 agent.launch_process_timeout=6 \
    cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1 selinux=0 console=hvc0";

/// A shipped profile with these lines in front.
fn profile_with(name: &str, lines: &str) -> Profile {
    let child = match name {
        "tdx" => include_str!("../../../../image-profiles/tdx.toml"),
        "snp" => include_str!("../../../../image-profiles/snp.toml"),
        _ => include_str!("../../../../image-profiles/coco-dev.toml"),
    };
    let parse = |text: &str| Raw::parse("test", text, Path::new("")).unwrap();
    let base = parse(include_str!("../../../../image-profiles/base.toml"));
    let raw = parse(lines).over(parse(child)).over(base);
    Profile::new(name, &raw).unwrap()
}

fn profile(name: &str) -> Profile {
    profile_with(name, "")
}

fn digest() -> Sha256 {
    Sha256::of(b"image")
}

/// What kata reads out of a drop-in.
fn parsed(profile: &Profile, runtime: Runtime, faults: &[&str]) -> toml::Table {
    let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
    drop_in(profile, runtime, digest(), &faults).parse().unwrap()
}

#[test]
fn the_command_lines_of_a_tee_are_katas() {
    for name in ["tdx", "snp"] {
        let profile = profile(name);
        assert_eq!(line(&command_line(&profile, Runtime::Go)), GO, "{name}");
        assert_eq!(line(&command_line(&profile, Runtime::Rs)), RS, "{name}");
    }
}

#[test]
fn without_a_tee_the_go_runtime_adds_the_hosts_processors() {
    let profile = profile("coco-dev");
    let expected = GO.replace("panic=1 selinux=0", "panic=1 nr_cpus=<per host> selinux=0");
    // kata's template for it sets this timeout, those for a TEE leave it out
    let expected = expected.replace("agent.launch", "agent.cdh_api_timeout=50 agent.launch");
    assert_eq!(line(&command_line(&profile, Runtime::Go)), expected);
    assert_eq!(line(&command_line(&profile, Runtime::Rs)), RS);
}

#[test]
fn parameters_of_the_profile_come_where_katas_would() {
    let profile = profile_with("tdx", "[host]\nkernel-params = [\"own=1\", \"two\"]");
    let users = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1";
    for (runtime, text) in [(Runtime::Go, GO), (Runtime::Rs, RS)] {
        assert_eq!(line(&command_line(&profile, runtime)), text.replace(users, "own=1 two"), "{runtime}");
    }
}

#[test]
fn the_guard_lets_pass_what_either_runtime_gives() {
    for name in ["tdx", "snp", "coco-dev"] {
        let words = allowed_words(&profile(name));
        assert!(words.is_sorted(), "{words:?}");
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{words:?}");
        assert!(words.contains(&"initrd=initrd".to_owned()), "{words:?}");
        for word in [GO, RS].iter().flat_map(|line| line.split(' ')) {
            assert!(words.contains(&word.to_owned()), "{name}: {word}");
        }
        assert_eq!(words.contains(&"nr_cpus=*".to_owned()), name == "coco-dev", "{name}");
    }
}

#[test]
fn a_drop_in_sets_exactly_what_an_initrd_needs() {
    for (name, runtime, expected) in [
        (
            "tdx",
            Runtime::Go,
            r#"[hypervisor.qemu]
            initrd = "/opt/kata/share/kata-containers/coco-initrd-tdx.img"
            image = ""
            kernel_verity_params = ""
            kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
            default_memory = 2048"#,
        ),
        (
            "snp",
            Runtime::Rs,
            r#"[hypervisor.qemu]
            initrd = "/opt/kata/share/kata-containers/coco-initrd-snp.img"
            image = ""
            kernel_verity_params = ""
            guest_extension_images = []
            kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
            default_memory = 2048"#,
        ),
    ] {
        let expected: toml::Table = expected.parse().unwrap();
        assert_eq!(parsed(&profile(name), runtime, &[]), expected, "{name} {runtime}");
        assert_eq!(parsed(&profile(name), runtime, &["a fault"]), expected, "{name} {runtime}");
    }
}

#[test]
fn a_drop_in_reads_like_this() {
    let text = drop_in(&profile("coco-dev"), Runtime::Rs, digest(), &["one".to_owned(), "two".to_owned()]);
    expect_test::expect![[r#"
        # NOT FOR PRODUCTION: one; two
        # Boots coco-initrd-coco-dev.img, SHA-256 6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
        # Copy this file (no symbolic link) to /opt/kata/share/defaults/kata-containers/runtime-rs/runtimes/qemu-coco-dev-runtime-rs/config.d/
        [hypervisor.qemu]
        initrd = "/opt/kata/share/kata-containers/coco-initrd-coco-dev.img"
        # an image beside an initrd is an error
        image = ""
        kernel_verity_params = ""
        # the guest components are in the initrd
        guest_extension_images = []
        # replaces any earlier kernel_params: these are the ones the manifest's command line has
        kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
        # the unpacked image may take half of it
        default_memory = 2048
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_fault_comes_first() {
    for runtime in Runtime::ALL {
        let text = drop_in(&profile("tdx"), *runtime, digest(), &["the guard is off".to_owned()]);
        assert_eq!(text.lines().next(), Some("# NOT FOR PRODUCTION: the guard is off"));
        let text = drop_in(&profile("tdx"), *runtime, digest(), &[]);
        assert!(!text.contains("PRODUCTION"), "{text}");
    }
}

#[test]
fn a_fault_of_several_lines_stays_in_its_comment() {
    let without = parsed(&profile("tdx"), Runtime::Go, &[]);
    assert_eq!(parsed(&profile("tdx"), Runtime::Go, &["one\nimage = \"/evil\"\r\n[x]"]), without);
}

#[test]
fn each_tee_has_its_directory_of_drop_ins() {
    for (name, go, rs) in [
        ("tdx", "runtimes/qemu-tdx", "runtime-rs/runtimes/qemu-tdx-runtime-rs"),
        ("snp", "runtimes/qemu-snp", "runtime-rs/runtimes/qemu-snp-runtime-rs"),
        ("coco-dev", "runtimes/qemu-coco-dev", "runtime-rs/runtimes/qemu-coco-dev-runtime-rs"),
    ] {
        for (runtime, place) in [(Runtime::Go, go), (Runtime::Rs, rs)] {
            let directory = format!("/opt/kata/share/defaults/kata-containers/{place}/config.d/");
            assert_eq!(config_directory(&profile(name), runtime), directory);
        }
    }
}

#[test]
fn a_directory_with_odd_characters_is_quoted() {
    let profile = profile_with("tdx", "[host]\ndirectory = '/a \"b\\c/ü/'");
    let table = parsed(&profile, Runtime::Go, &[]);
    assert_eq!(table["hypervisor"]["qemu"]["initrd"].as_str(), Some("/a \"b\\c/ü/coco-initrd-tdx.img"));
    assert_eq!(quoted("a\u{1}\t\u{7f}"), r#""a\u0001\u0009\u007F""#);
}

#[test]
fn the_root_directory_makes_no_double_slash() {
    let profile = profile_with("tdx", "[host]\ndirectory = \"/\"");
    let table = parsed(&profile, Runtime::Go, &[]);
    assert_eq!(table["hypervisor"]["qemu"]["initrd"].as_str(), Some("/coco-initrd-tdx.img"));
}
