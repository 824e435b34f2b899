//! The drop-in that makes a runtime boot an image of ours. Writing it is the program's business.

use std::fmt::Write as _;

use super::image_name;
use crate::digest::Sha256;
use crate::profile::Profile;
use crate::units::{Runtime, Tee};

/// Name of a drop-in; kata-deploy keeps 10 to 50 for itself.
pub const DROP_IN: &str = "60-coco-initrd.toml";

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
pub(super) fn config_directory(profile: &Profile, runtime: Runtime) -> String {
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
pub(super) fn quoted(text: &str) -> String {
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
