//! What a host's configuration does to a guest's policy, as findings.
//!
//! Whether the files it names are there and right is asked by the program.

mod against;

use super::configuration::{Configuration, Key, keys};
use crate::units::{Runtime, Tee};
pub use against::against;

/// The bit of a guest policy that lets the host read the guest (SEV-SNP firmware ABI, section 4.3, DEBUG).
const SNP_DEBUG: u32 = 1 << 19;

/// The annotation that brings initdata, without its prefix.
const INITDATA: &str = "cc_init_data";

/// Annotations, without their prefix, by which a pod would choose what is booted.
const BOOT: &[&str] = &["firmware", "image", "initrd", "kernel", "path"];

/// Annotations, without their prefix, by which a pod adds words to the command line.
const WORDS: &[&str] = &["enable_iommu", "kernel_params"];

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// To be known; kata ships it so.
    Note,
    /// To be mended.
    Fault,
}

impl Weight {
    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Fault => "fault",
        }
    }
}

/// Something a configuration does to its guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, which stays the same from version to version.
    pub name: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// The key, as TOML has it, or what else it is about.
    pub key: String,
    /// The file that sets it; `None` where a default does it.
    pub file: Option<String>,
    /// What it does.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What the program knows beside the configuration.
pub struct Surroundings<'a> {
    /// What the host is to be for, if that is known.
    pub tee: Option<Tee>,
    /// Drop-ins that are no regular files.
    pub irregular: &'a [String],
    /// Why no image may let a word of a command line pass; `None` if one may.
    pub refused: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("tee", &self.tee)
            .field("irregular", &self.irregular)
            .finish_non_exhaustive()
    }
}

/// A key that weakens a guest when it is `true`.
struct Weakness {
    name: &'static str,
    key: Key,
    what: &'static str,
    remedy: &'static str,
}

const WEAKNESSES: &[Weakness] = &[
    Weakness {
        name: "debug-console",
        key: keys::DEBUG_CONSOLE,
        what: "gives the host a root shell in the guest, before any policy",
        remedy: "set it to false",
    },
    Weakness {
        name: "agent-debug",
        key: keys::AGENT_DEBUG,
        what: "adds agent.log=debug: the agent writes every request to its log",
        remedy: "set it to false",
    },
    Weakness {
        name: "agent-tracing",
        key: keys::AGENT_TRACING,
        what: "adds agent.trace=true: the agent sends traces of all requests to the host",
        remedy: "set it to false",
    },
    Weakness {
        name: "hypervisor-debug",
        key: keys::ENABLE_DEBUG,
        what: "makes the guest say more: runtime-rs adds agent.log_vport=1025, the Go runtime debug",
        remedy: "set it to false",
    },
];

/// All that there is to say about a configuration by itself, in a fixed order.
pub fn review(configuration: &Configuration, surroundings: &Surroundings<'_>) -> Vec<Finding> {
    let mut findings = booted(configuration);
    findings.extend(confined(configuration, surroundings.tee));
    findings.extend(weaknesses(configuration));
    findings.extend(words(configuration, surroundings));
    findings.extend(annotations(configuration));
    findings.extend(agent(configuration));
    findings.extend(drop_ins(configuration, surroundings));
    findings
}

/// What the guest is booted from.
fn booted(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fault = |name, key, what: &str, remedy| fault(configuration, name, key, what, remedy);
    match (configuration.image().is_empty(), configuration.initrd().is_empty()) {
        (false, false) => findings.push(fault(
            "image-and-initrd",
            keys::IMAGE,
            "an initrd is set as well: kata starts no pod with both",
            "set image = \"\" in a drop-in",
        )),
        (false, true) => findings.push(fault(
            "image",
            keys::IMAGE,
            "a disk image is booted, and no initrd",
            "copy the drop-in of a build into config.d",
        )),
        (true, true) => findings.push(fault(
            "no-initrd",
            keys::INITRD,
            "neither initrd nor image is set: kata starts no pod",
            "copy the drop-in of a build into config.d",
        )),
        (true, false) => {}
    }
    if !configuration.initrd().is_empty() && !configuration.extensions().is_empty() {
        findings.push(fault(
            "extension-images",
            keys::GUEST_EXTENSION_IMAGES,
            "guest components come from further images, and words for them into the command line",
            "set guest_extension_images = [] in a drop-in: the initrd has them",
        ));
    }
    if configuration.kernel().is_empty() {
        findings.push(fault(
            "no-kernel",
            keys::KERNEL,
            "the kernel is the one that the runtime was built with",
            "set kernel to the guest's",
        ));
    }
    findings
}

/// Whether the host is kept out of the guest.
fn confined(configuration: &Configuration, tee: Option<Tee>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fault = |name, key, what: &str, remedy| fault(configuration, name, key, what, remedy);
    if configuration.is_confidential() {
        if configuration.firmware().is_empty() {
            findings.push(fault(
                "no-firmware",
                keys::FIRMWARE,
                "a confidential guest boots with none but its own firmware",
                "set it to the OVMF for this TEE",
            ));
        }
        if configuration.is_snp() && configuration.snp_guest_policy() & SNP_DEBUG != 0 {
            findings.push(fault(
                "snp-debug-policy",
                keys::SNP_GUEST_POLICY,
                "allows debugging (bit 19): the host can read the guest's memory",
                "clear bit 19; kata's default is 196608",
            ));
        }
    } else {
        let finding = fault(
            "not-confidential",
            keys::CONFIDENTIAL_GUEST,
            "the host can read the guest",
            "take the configuration of a TEE, unless this host is for development",
        );
        let weight = if tee == Some(Tee::None) { Weight::Note } else { Weight::Fault };
        findings.push(Finding { weight, ..finding });
    }
    if configuration.shared_fs() != "none" {
        let what = format!("{}: the host serves the containers' files", configuration.shared_fs());
        findings.push(fault("shared-fs", keys::SHARED_FS, &what, "set it to \"none\""));
    }
    if !configuration.text(keys::GUEST_HOOK_PATH).is_empty() {
        findings.push(fault(
            "guest-hooks",
            keys::GUEST_HOOK_PATH,
            "programs of the guest run around its containers; the default policy refuses the sandbox",
            "set it to \"\"",
        ));
    }
    findings
}

fn weaknesses(configuration: &Configuration) -> Vec<Finding> {
    let set = WEAKNESSES.iter().filter(|weakness| configuration.flag(weakness.key));
    set.map(|weakness| fault(configuration, weakness.name, weakness.key, weakness.what, weakness.remedy))
        .collect()
}

/// Words of `kernel_params` that no image lets pass.
fn words(configuration: &Configuration, surroundings: &Surroundings<'_>) -> Vec<Finding> {
    let refused = |word: &String| Some((word.clone(), (surroundings.refused)(word)?));
    let refused = configuration.kernel_params().into_iter().filter_map(|word| refused(&word));
    refused
        .map(|(word, reason)| {
            let what = format!("`{word}`: {reason}");
            fault(configuration, "kernel-params", keys::KERNEL_PARAMS, &what, "take the word out")
        })
        .collect()
}

/// What a pod may bring or choose by annotations.
fn annotations(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fault = |name, what: &str, remedy| fault(configuration, name, keys::ENABLE_ANNOTATIONS, what, remedy);
    if !configuration.is_annotation_enabled(INITDATA) {
        let what = match configuration.runtime() {
            Runtime::Go => "cc_init_data is not in it: a pod that brings initdata does not start",
            Runtime::Rs => {
                "cc_init_data is not in it: the initdata of a pod is ignored without a word, and the pod runs \
                 under the default policy"
            }
        };
        findings.push(fault("no-initdata", what, "add \"cc_init_data\""));
    }
    let open = enabled(configuration, BOOT);
    if !open.is_empty() {
        let what = format!("a pod may choose {} of its own", open.join(", "));
        findings.push(fault("boot-annotations", &what, "leave these out, and expressions that match them"));
    }
    let words = enabled(configuration, WORDS);
    if !words.is_empty() {
        let what = format!(
            "a pod may change the kernel command line by {}: the guard refuses words it does not know, and what \
             attestation sees changes",
            words.join(", ")
        );
        let note = fault("params-annotation", &what, "leave these out, if no pod needs them");
        findings.push(Finding { weight: Weight::Note, ..note });
    }
    findings
}

/// Which of these annotations count.
fn enabled(configuration: &Configuration, names: &[&'static str]) -> Vec<&'static str> {
    names.iter().copied().filter(|name| configuration.is_annotation_enabled(name)).collect()
}

/// What the agent is told that the default policy has something against.
fn agent(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fault = |name, key, what: &str, remedy| fault(configuration, name, key, what, remedy);
    if !configuration.texts(keys::KERNEL_MODULES).is_empty() {
        findings.push(fault(
            "kernel-modules",
            keys::KERNEL_MODULES,
            "the host has the agent load modules; the default policy refuses the sandbox",
            "set it to [], and name modules in the profile",
        ));
    }
    if !configuration.text(keys::POLICY).is_empty() {
        findings.push(fault(
            "agent-policy",
            keys::POLICY,
            "the runtime sets this policy with SetPolicy; the default policy refuses, and no pod starts",
            "set it to \"\", and give pods initdata",
        ));
    }
    if !configuration.text(keys::INITDATA).is_empty() {
        findings.push(fault(
            "host-initdata",
            keys::INITDATA,
            "pods without initdata of their own get this one, and its policy",
            "set it to \"\", and give pods initdata",
        ));
    }
    findings
}

fn drop_ins(configuration: &Configuration, surroundings: &Surroundings<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if configuration.runtime() == Runtime::Rs {
        findings.extend(surroundings.irregular.iter().map(|file| Finding {
            name: "irregular-drop-in",
            weight: Weight::Fault,
            key: "config.d".to_owned(),
            file: Some(file.clone()),
            what: "a symbolic link: runtime-rs starts no pod beside it".to_owned(),
            remedy: "copy the file itself there",
        }));
    }
    findings.extend(configuration.overridden().into_iter().map(|(key, file)| Finding {
        name: "overridden",
        weight: Weight::Fault,
        key,
        file: Some(file),
        what: "sets again what the drop-in of a build has set".to_owned(),
        remedy: "take the key out, or rename the file so that it comes before the drop-in",
    }));
    findings
}

fn fault(
    configuration: &Configuration,
    name: &'static str,
    key: Key,
    what: &str,
    remedy: &'static str,
) -> Finding {
    Finding {
        name,
        weight: Weight::Fault,
        key: configuration.name(key),
        file: configuration.file(key).map(ToOwned::to_owned),
        what: what.to_owned(),
        remedy,
    }
}

#[cfg(test)]
mod tests;
