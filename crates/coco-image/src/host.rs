//! Profile and image to what the host needs: command lines and configuration drop-ins.
//!
//! kata merges every regular file of `config.d` over its configuration, sorted by name; 60 is free
//! for users. A drop-in is enough to boot an initrd instead of the image that the configuration
//! names. Nothing here is written; the program does that.

use std::fmt::Write as _;

use crate::digest::Sha256;
use crate::profile::Profile;
use crate::units::{Runtime, Tee};

/// Name of a drop-in; kata-deploy keeps 10 to 50 for itself.
pub const DROP_IN: &str = "60-coco-initrd.toml";

/// One word of a kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Always this.
    Exact(String),
    /// A name whose value the host decides, and why.
    PerHost(&'static str, &'static str),
}

impl Word {
    /// The word as the guard's allow-list has it: any value, where the host decides.
    pub fn pattern(&self) -> String {
        match self {
            Self::Exact(word) => word.clone(),
            Self::PerHost(name, _) => format!("{name}=*"),
        }
    }
}

/// What the Go runtime puts before its own words for x86 (`src/runtime/virtcontainers/qemu_amd64.go`).
const GO_ARCH: &[&str] = &[
    "tsc=reliable",
    "no_timer_check",
    "rcupdate.rcu_expedited=1",
    "i8042.direct=1",
    "i8042.dumbkbd=1",
    "i8042.nopnp=1",
    "i8042.noaux=1",
    "noreplace-smp",
    "reboot=k",
    "cryptomgr.notests",
    "net.ifnames=0",
    "pci=lastbus=0",
];

/// What runtime-rs adds before the agent's parameters (`src/runtime-rs/crates/hypervisor/src/kernel_param.rs`).
const RS_START: &[&str] = &[
    "reboot=k",
    "panic=1",
    "systemd.unit=kata-containers.target",
    "systemd.mask=systemd-networkd.service",
    "systemd.mask=systemd-networkd.socket",
    "agent.cdh_api_timeout=50",
    "agent.launch_process_timeout=6",
];

/// The command line that `runtime` of kata 4.1 gives an initrd, debugging off, default configuration.
pub fn command_line(profile: &Profile, runtime: Runtime) -> Vec<Word> {
    let exact = |words: &[&str]| words.iter().map(|word| Word::Exact((*word).to_owned())).collect::<Vec<_>>();
    let user = profile.kernel_params.iter().cloned().map(Word::Exact);
    match runtime {
        Runtime::Go => {
            let mut words = exact(GO_ARCH);
            words.extend(exact(&["console=hvc0", "console=hvc1", "quiet", "panic=1"]));
            if profile.tee == Tee::None {
                words.push(Word::PerHost("nr_cpus", "the host's CPU count, for guests without a TEE"));
            }
            words.extend(exact(&["selinux=0", "scsi_mod.scan=none", "agent.launch_process_timeout=6"]));
            words.extend(user);
            words
        }
        Runtime::Rs => {
            let mut words = exact(RS_START);
            words.extend(user);
            words.extend(exact(&["selinux=0", "console=hvc0"]));
            words
        }
    }
}

/// A command line as text; a word that the host decides shows as `name=<per host>`.
pub fn line(words: &[Word]) -> String {
    let text = |word: &Word| match word {
        Word::Exact(word) => word.clone(),
        Word::PerHost(name, _) => format!("{name}=<per host>"),
    };
    words.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// The words a guard must let pass: what either runtime gives such a guest, and what the profile
/// adds. Both runtimes are in it whichever the profile writes configuration for: one image serves
/// both.
pub fn allowed_words(profile: &Profile) -> Vec<String> {
    let mut words: Vec<String> = profile.allow_words.clone();
    for runtime in Runtime::ALL {
        words.extend(command_line(profile, *runtime).iter().map(Word::pattern));
    }
    words.sort();
    words.dedup();
    words
}

/// File name of the image.
pub fn image_name(profile: &Profile) -> String {
    format!("coco-initrd-{}.img", profile.name)
}

/// The drop-in for `runtime`; `faults` say why the image is not fit for production.
pub fn drop_in(profile: &Profile, runtime: Runtime, image: Sha256, faults: &[String]) -> String {
    let mut text = String::new();
    let mut say = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if !faults.is_empty() {
        let faults = faults.join("; ").replace(char::is_control, " ");
        say(&format!("# NOT FOR PRODUCTION: {faults}"));
    }
    let name = image_name(profile);
    let path = format!("{}/{name}", profile.host_directory.as_str().trim_end_matches('/'));
    say(&format!("# Boots {name}, SHA-256 {image}"));
    say(&format!("# Copy this file (no symbolic link) to {}", config_directory(profile, runtime)));
    say("[hypervisor.qemu]");
    say(&format!("initrd = {}", quoted(&path)));
    say("# an image beside an initrd is an error");
    say("image = \"\"");
    say("kernel_verity_params = \"\"");
    if runtime == Runtime::Rs {
        say("# the guest components are in the initrd");
        say("guest_extension_images = []");
    }
    say("# replaces any earlier kernel_params: these are the ones the manifest's command line has");
    say(&format!("kernel_params = {}", quoted(&profile.kernel_params.join(" "))));
    say("# the unpacked image may take half of it");
    say(&format!("default_memory = {}", profile.memory_mib));
    text
}

/// Where kata-deploy's configuration of this kind of guest looks for drop-ins.
fn config_directory(profile: &Profile, runtime: Runtime) -> String {
    let shim = match profile.tee {
        Tee::Tdx => "qemu-tdx",
        Tee::Snp => "qemu-snp",
        Tee::None | Tee::PodVm => "qemu-coco-dev",
    };
    let defaults = "/opt/kata/share/defaults/kata-containers";
    match runtime {
        Runtime::Go => format!("{defaults}/runtimes/{shim}/config.d/"),
        Runtime::Rs => format!("{defaults}/runtime-rs/runtimes/{shim}-runtime-rs/config.d/"),
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // A String takes any write.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
