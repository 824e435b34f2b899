//! The part of a manifest that says what evidence will show of a launch; how two of them differ.
//!
//! Nothing is computed here. A value says what it depends on, and whether it was computed and confirmed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Sha256, Sha384};

/// What evidence will show of a guest that is launched with an initrd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementsRecord {
    /// The firmware.
    pub firmware: ArtefactRecord,
    /// The kernel.
    pub kernel: ArtefactRecord,
    /// The initrd; absent if the guest boots without one.
    pub initrd: Option<MeasuredInitrdRecord>,
    /// What is taken for granted of the host.
    pub platform: PlatformRecord,
    /// One launch for each command line, by the name of the runtime that gives it, or `given`.
    pub launches: BTreeMap<String, LaunchRecord>,
    /// What evidence shows of a pod's initdata: first without any, then of each approved document.
    pub init_data: Vec<InitDataRecord>,
    /// Values that only a host can tell, and why.
    pub collect_on_host: BTreeMap<String, String>,
}

/// A file that is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtefactRecord {
    /// Its digest.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
}

/// The initrd as SNP and TDX measure it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredInitrdRecord {
    /// What SNP's table of hashes has.
    pub sha256: Sha256,
    /// What TDX extends RTMR2 with.
    pub sha384: Sha384,
    /// Its size, in bytes.
    pub size: u64,
}

/// What is taken for granted of the host, for each kind of TEE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tee", rename_all = "lowercase")]
pub enum PlatformRecord {
    /// AMD SEV-SNP.
    Snp(SnpPlatformRecord),
    /// Intel TDX.
    Tdx(TdxPlatformRecord),
}

/// What is taken for granted of a host with SEV-SNP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpPlatformRecord {
    /// Model of the vCPUs, as QEMU names it.
    pub vcpu_type: String,
    /// `SEV_FEATURES` of the save area, as `0x1`.
    pub guest_features: String,
}

/// What is taken for granted of a host with TDX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxPlatformRecord {
    /// Where the firmware puts `initrd=initrd`: `prefix` or `suffix`.
    pub initrd_argument: String,
    /// Whether QEMU writes into the kernel's header: `none` or `qemu-legacy`.
    pub kernel_patch: String,
    /// The guest's memory in MiB, where the kernel's header depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// In which order pages of the firmware are added: `single-pass` or `two-pass`.
    pub mrtd_order: String,
    /// The register into which the firmware puts its separator: `rtmr1` or `rtmr0`.
    pub tdvf_separator: String,
}

/// What evidence shows of a launch with one command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchRecord {
    /// The command line that the host gives QEMU.
    pub command_line: String,
    /// The values, in the order in which they are explained.
    pub values: Vec<ValueRecord>,
    /// What the registers of TDX are extended with, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventRecord>,
}

/// A value of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRecord {
    /// Its name, as Trustee's reference values have it.
    pub name: String,
    /// The number of vCPUs it is for; absent if it is the same for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u16>,
    /// Its bytes as lower-case hex digits.
    pub value: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// Why it is no surer, or what it holds for.
    pub reason: String,
    /// What it depends on.
    pub inputs: Vec<String>,
}

/// How sure a value is. What only a host can tell is no value: see [`MeasurementsRecord::collect_on_host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Computed; other implementations come to the same value.
    Computed,
    /// Computed; wants one confirmation on hardware.
    ComputedUnverified,
}

/// What a register of TDX is extended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// The register.
    pub register: String,
    /// What is measured.
    pub measured: String,
    /// Its digest.
    pub digest: Sha384,
    /// What the digest depends on.
    pub inputs: Vec<String>,
}

/// What evidence shows of a pod's initdata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitDataRecord {
    /// `none`, or the name of the document.
    pub name: String,
    /// `mrconfigid` of TDX, `hostdata` of SEV-SNP, `pcr8` of peer pods; each is its own machine's.
    pub values: Vec<ValueRecord>,
}

impl InitDataRecord {
    /// The value of this name, if there is one.
    pub fn value(&self, name: &str) -> Option<&ValueRecord> {
        self.values.iter().find(|value| value.name == name)
    }
}

impl PlatformRecord {
    /// The name of the value that shows initdata.
    pub fn init_data(&self) -> &'static str {
        match self {
            Self::Snp(_) => "hostdata",
            Self::Tdx(_) => "mrconfigid",
        }
    }

    /// The TEE's name.
    pub fn tee(&self) -> &'static str {
        match self {
            Self::Snp(_) => "snp",
            Self::Tdx(_) => "tdx",
        }
    }
}

impl std::fmt::Display for Certainty {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(match self {
            Self::Computed => "computed",
            Self::ComputedUnverified => "computed-unverified",
        })
    }
}
