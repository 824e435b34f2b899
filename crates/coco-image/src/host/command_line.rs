//! The kernel command line that a runtime of kata 4.1 gives an initrd. What boots an image is left out.
//!
//! One function composes it, from what a configuration says or from what kata ships for a profile. A host in FIPS
//! mode adds `fips=1` under the Go runtime, which no configuration shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::Profile;
use crate::units::{Runtime, Tee};

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

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(word) => f.write_str(word),
            Self::PerHost(name, _) => write!(f, "{name}=<per host>"),
        }
    }
}

/// A setting of a host that is on or off and shows in the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// `confidential_guest`: the processors of the host are not told.
    Confidential,
    /// `enable_debug` of the hypervisor.
    Debug,
    /// `enable_iommu`.
    Iommu,
    /// `use_legacy_serial`, which the Go runtime has.
    LegacySerial,
    /// Not `disable_guest_selinux`.
    GuestSelinux,
    /// `block_device_driver = "virtio-scsi"`, which the Go runtime has a word for.
    Scsi,
    /// `enable_debug` of the agent.
    AgentDebug,
    /// `enable_tracing` of the agent.
    AgentTrace,
    /// `debug_console_enabled`.
    DebugConsole,
    /// `visible_cdi_devices`.
    VisibleCdiDevices,
}

/// All that the words depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who composes the line.
    pub runtime: Runtime,
    /// What is on.
    pub on: BTreeSet<Switch>,
    /// How long a request to the confidential data hub may take, in seconds; `None` gives no word.
    pub cdh_api_timeout: Option<u64>,
    /// How long a guest component may take to start, in seconds; 0 gives no word.
    pub launch_process_timeout: u64,
    /// Size of a container's pipes, in bytes; 0 gives no word.
    pub container_pipe_size: u64,
    /// What the memory agent is told, by the whole name of the parameter; only runtime-rs has one.
    pub memory_agent: BTreeMap<String, String>,
    /// `kernel_params`, word by word.
    pub kernel_params: Vec<String>,
    /// Name and dm-verity parameters of each of `guest_extension_images`.
    pub extensions: Vec<(String, String)>,
}

/// The agent's log level (kata `src/agent/src/config.rs`), which both runtimes set for debugging.
const AGENT_DEBUG: &str = "agent.log=debug";

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

/// What runtime-rs begins with (`src/runtime-rs/crates/hypervisor/src/kernel_param.rs`).
const RS_START: &[&str] = &[
    "reboot=k",
    "panic=1",
    "systemd.unit=kata-containers.target",
    "systemd.mask=systemd-networkd.service",
    "systemd.mask=systemd-networkd.socket",
];

/// What both runtimes add for `enable_iommu`.
const IOMMU: &[&str] = &["intel_iommu=on", "iommu=pt"];

impl Settings {
    /// What kata ships for guests such as the profile's (`configuration-qemu-{tdx,snp,coco-dev}*.toml`), with the
    /// profile's `kernel-params`.
    pub fn shipped(profile: &Profile, runtime: Runtime) -> Self {
        let is_tee = profile.tee != Tee::None;
        let mut on = BTreeSet::from([Switch::Scsi]);
        if is_tee {
            on.insert(Switch::Confidential);
        }
        // Of the Go templates only that of coco-dev sets `cdh_api_timeout`; runtime-rs has a default.
        let is_timed = runtime == Runtime::Rs || !is_tee;
        Self {
            runtime,
            on,
            cdh_api_timeout: is_timed.then_some(50),
            launch_process_timeout: 6,
            container_pipe_size: 0,
            memory_agent: BTreeMap::new(),
            kernel_params: profile.kernel_params.clone(),
            extensions: Vec::new(),
        }
    }

    fn has(&self, switch: Switch) -> bool {
        self.on.contains(&switch)
    }
}

/// The command line that `runtime` of kata 4.1 gives an initrd, debugging off, default configuration.
pub fn command_line(profile: &Profile, runtime: Runtime) -> Vec<Word> {
    compose(&Settings::shipped(profile, runtime))
}

/// The command line for an initrd, under these settings.
pub fn compose(settings: &Settings) -> Vec<Word> {
    match settings.runtime {
        Runtime::Go => go(settings),
        Runtime::Rs => rs(settings),
    }
}

/// A command line as text; a word that the host decides shows as `name=<per host>`.
pub fn line(words: &[Word]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
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

/// `kernelParameters` of `src/runtime/virtcontainers/qemu.go`, and what `SetKernelParams` of
/// `src/runtime/pkg/katautils/config.go` hands it.
fn go(settings: &Settings) -> Vec<Word> {
    let mut words = exact(GO_ARCH);
    if settings.has(Switch::Iommu) {
        words.extend(exact(IOMMU));
    }
    let legacy = settings.has(Switch::LegacySerial);
    words.extend(exact(if legacy { &["console=ttyS0"] } else { &["console=hvc0", "console=hvc1"] }));
    words.extend(exact(if settings.has(Switch::Debug) { &["debug"] } else { &["quiet"] }));
    words.extend(exact(&["panic=1"]));
    if !settings.has(Switch::Confidential) {
        words.push(Word::PerHost("nr_cpus", "the host's CPU count, for guests without a TEE"));
    }
    words.push(selinux(settings));
    if settings.has(Switch::Scsi) {
        words.extend(exact(&["scsi_mod.scan=none"]));
    }
    words.extend(agent_words(settings).into_iter().map(Word::Exact));
    words.extend(settings.kernel_params.iter().cloned().map(Word::Exact));
    words.extend(extensions(settings));
    words
}

/// `Kernel::new` and what devices append to it, of `src/runtime-rs/crates/hypervisor/src/qemu/cmdline_generator.rs`.
fn rs(settings: &Settings) -> Vec<Word> {
    let mut words = exact(RS_START);
    if settings.has(Switch::Debug) {
        words.extend(exact(&["agent.log_vport=1025"]));
    }
    let mut agent = agent_words(settings);
    agent.extend(settings.memory_agent.iter().map(|(name, value)| format!("{name}={value}")));
    // A map from name to value keeps them, sorted by name.
    agent.sort_by(|a, b| name(a).cmp(name(b)));
    words.extend(agent.into_iter().map(Word::Exact));
    words.extend(settings.kernel_params.iter().cloned().map(Word::Exact));
    words.push(selinux(settings));
    words.extend(extensions(settings));
    if settings.has(Switch::Iommu) {
        words.extend(exact(IOMMU));
    }
    words.extend(exact(&["console=hvc0"]));
    words
}

/// The agent's parameters in the order of `KataAgentKernelParams` of `src/runtime/virtcontainers/kata_agent.go`.
fn agent_words(settings: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    if settings.has(Switch::AgentDebug) {
        words.push(AGENT_DEBUG.to_owned());
    }
    if settings.has(Switch::AgentTrace) {
        words.push("agent.trace=true".to_owned());
    }
    if settings.container_pipe_size > 0 {
        words.push(format!("agent.container_pipe_size={}", settings.container_pipe_size));
    }
    if settings.has(Switch::DebugConsole) {
        words.push("agent.debug_console".to_owned());
        words.push("agent.debug_console_vport=1026".to_owned());
    }
    if let Some(seconds) = settings.cdh_api_timeout {
        words.push(format!("agent.cdh_api_timeout={seconds}"));
    }
    if settings.launch_process_timeout > 0 {
        words.push(format!("agent.launch_process_timeout={}", settings.launch_process_timeout));
    }
    if settings.has(Switch::VisibleCdiDevices) {
        words.push("agent.visible_cdi_devices=true".to_owned());
    }
    words
}

fn selinux(settings: &Settings) -> Word {
    Word::Exact(if settings.has(Switch::GuestSelinux) { "selinux=1" } else { "selinux=0" }.to_owned())
}

/// Without parameters the name alone: it still makes the guest mount the image.
fn extensions(settings: &Settings) -> impl Iterator<Item = Word> {
    settings.extensions.iter().map(|(name, parameters)| {
        let word = format!("kata.extension.{name}.verity_params");
        Word::Exact(if parameters.is_empty() { word } else { format!("{word}={parameters}") })
    })
}

fn exact(words: &[&str]) -> Vec<Word> {
    words.iter().map(|word| Word::Exact((*word).to_owned())).collect()
}

fn name(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}
