//! Reference values for Trustee, each in the shape in which its default policy compares it.
//!
//! The policy is `attestation-service/src/ear_token/ear_default_policy_cpu.rego` of Trustee. It compares
//! most values with `in`, which needs a list, and some with `==`, which needs the value itself. The wrong
//! shape is no error to it: the value just never matches.

mod forms;
mod init_data;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::digest::Sha384;

pub use forms::{BadExpiration, BadName, Expiration, ObjectName};
pub use init_data::{BasePolicyError, INIT_DATA_RULE, InitDataKind, with_init_data_rule};

/// Reference values by name: what [`ReferenceValues::rvps_message`] and its neighbours write.
///
/// The values of a name are in the order in which they were added, each once; names are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceValues(BTreeMap<&'static str, Value>);

/// A measurement that the policy compares; its name is the one the policy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measurement {
    /// SEV-SNP's launch digest; one for each number of vCPUs.
    SnpLaunchMeasurement,
    /// MRTD: the firmware of a TD.
    MrTd,
    /// RTMR1: the kernel, and how it was started.
    Rtmr1,
    /// RTMR2: command line and initrd.
    Rtmr2,
    /// The kernel's own event in the log.
    TdvfKernel,
    /// The command line's own event in the log.
    TdvfKernelParams,
}

/// The versions of an SNP host's firmware, as `snphost show tcb` prints them: nothing that can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnpTcb {
    /// Of the secure processor's boot loader.
    pub bootloader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the microcode.
    pub microcode: u8,
}

/// What an SNP guest's policy and its host allow. All six are asked for, or none: with fewer the policy says
/// configuration 3, as it does without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "six claims of a report, compared one by one")]
pub struct SnpConfiguration {
    /// `SMT` of the guest policy: the guest may run where SMT is on.
    pub smt_allowed: bool,
    /// `SINGLE_SOCKET` of the guest policy.
    pub single_socket: bool,
    /// `ABI_MAJOR` of the guest policy.
    pub abi_major: u8,
    /// `ABI_MINOR` of the guest policy.
    pub abi_minor: u8,
    /// SMT is on at the host.
    pub smt_enabled: bool,
    /// Transparent SME is on at the host.
    pub tsme_enabled: bool,
}

/// What a shape costs that could not be avoided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The name.
    pub name: &'static str,
    /// How many values it has; at least 2.
    pub values: usize,
}

/// A value in the shape in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    Number(u8),
    Numbers(Vec<u8>),
    /// Compared with `in`.
    Texts(Vec<String>),
    /// Compared with `==`: written as a text if it is one, and else as a list.
    #[serde(serialize_with = "as_one")]
    OneText(Vec<String>),
}

impl ReferenceValues {
    /// Adds an acceptable value of a measurement.
    pub fn add(&mut self, measurement: Measurement, digest: &Sha384) {
        let wanted = match measurement {
            Measurement::TdvfKernel | Measurement::TdvfKernelParams => Value::OneText,
            _ => Value::Texts,
        };
        self.add_text(measurement.name(), digest.to_string(), wanted);
    }

    /// Adds what the register of initdata may show, in the digits that evidence has: `bytes` are all of the
    /// register, with its padding. What is asked for is [`INIT_DATA_RULE`]'s; the default policy asks for none.
    pub fn add_init_data(&mut self, kind: InitDataKind, bytes: &[u8]) {
        let digits = data_encoding::HEXLOWER.encode(bytes);
        self.add_text(kind.reference_value(), digits, Value::Texts);
    }

    /// Adds an acceptable XFAM: the features a TD's vCPUs have. It depends on host and QEMU.
    pub fn add_xfam(&mut self, xfam: u64) {
        let digits = data_encoding::HEXLOWER.encode(&xfam.to_le_bytes());
        self.add_text("xfam", digits, Value::Texts);
    }

    /// Adds the acceptable firmware versions of an SNP host.
    ///
    /// The policy compares each version by itself. With two hosts' versions, a host with the one's boot
    /// loader and the other's microcode is accepted as well.
    pub fn add_snp_tcb(&mut self, tcb: SnpTcb) {
        let SnpTcb { bootloader, tee, snp, microcode } = tcb;
        for (name, version) in [
            ("snp_bootloader", bootloader),
            ("snp_tee_svn", tee),
            ("snp_snp_svn", snp),
            ("snp_microcode", microcode),
        ] {
            if let Value::Numbers(known) = self.0.entry(name).or_insert(Value::Numbers(Vec::new()))
                && !known.contains(&version)
            {
                known.push(version);
            }
        }
    }

    /// Sets what an SNP guest's policy and its host must be. There is one; it replaces an earlier one.
    pub fn set_snp_configuration(&mut self, configuration: SnpConfiguration) {
        let SnpConfiguration { smt_allowed, single_socket, abi_major, abi_minor, smt_enabled, tsme_enabled } =
            configuration;
        self.0.extend([
            ("snp_smt_allowed", Value::Flag(smt_allowed)),
            ("snp_single_socket", Value::Flag(single_socket)),
            ("snp_guest_abi_major", Value::Number(abi_major)),
            ("snp_guest_abi_minor", Value::Number(abi_minor)),
            ("snp_smt_enabled", Value::Flag(smt_enabled)),
            ("snp_tsme_enabled", Value::Flag(tsme_enabled)),
        ]);
    }

    /// The names that have values, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// Which names have several values where the policy's best answer needs one.
    pub fn notes(&self) -> Vec<Note> {
        let note = |(name, value): (&&'static str, &Value)| match value {
            Value::OneText(texts) if texts.len() > 1 => Some(Note { name, values: texts.len() }),
            _ => None,
        };
        self.0.iter().filter_map(note).collect()
    }

    fn add_text(&mut self, name: &'static str, text: String, wanted: fn(Vec<String>) -> Value) {
        if let Value::Texts(known) | Value::OneText(known) =
            self.0.entry(name).or_insert_with(|| wanted(Vec::new()))
            && !known.contains(&text)
        {
            known.push(text);
        }
    }
}

impl Measurement {
    /// The name by which Trustee's default policy asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SnpLaunchMeasurement => "snp_launch_measurement",
            Self::MrTd => "mr_td",
            Self::Rtmr1 => "rtmr_1",
            Self::Rtmr2 => "rtmr_2",
            Self::TdvfKernel => "tdvfkernel",
            Self::TdvfKernelParams => "tdvfkernelparams",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, values } = self;
        write!(
            out,
            "{name} has {values} values, so it is a list: Trustee's default policy says executables 4, not 3 \
             (still affirming); reference values for one of them alone give 3"
        )
    }
}

fn as_one<S: serde::Serializer>(texts: &[String], to: S) -> Result<S::Ok, S::Error> {
    match texts {
        [text] => text.serialize(to),
        _ => texts.serialize(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(values: &ReferenceValues, name: &str) -> serde_json::Value {
        serde_json::to_value(values.0.get(name).unwrap()).unwrap()
    }

    #[test]
    fn a_single_kernel_is_a_text_and_a_single_rtmr_a_list() {
        let (mut values, digest) = (ReferenceValues::default(), Sha384::of(b"a"));
        values.add(Measurement::TdvfKernel, &digest);
        values.add(Measurement::Rtmr1, &digest);
        assert_eq!(value(&values, "tdvfkernel"), serde_json::json!(digest.to_string()));
        assert_eq!(value(&values, "rtmr_1"), serde_json::json!([digest.to_string()]));
        assert_eq!(values.notes(), []);
    }

    #[test]
    fn several_kernels_are_a_list_and_its_cost_is_said() {
        let mut values = ReferenceValues::default();
        for kernel in [b"b", b"a", b"b"] {
            values.add(Measurement::TdvfKernel, &Sha384::of(kernel));
        }
        let kernels = [Sha384::of(b"b").to_string(), Sha384::of(b"a").to_string()];
        assert_eq!(value(&values, "tdvfkernel"), serde_json::json!(kernels));
        let notes: Vec<String> = values.notes().iter().map(Note::to_string).collect();
        assert_eq!(
            notes,
            ["tdvfkernel has 2 values, so it is a list: Trustee's default policy says executables 4, not 3 \
              (still affirming); reference values for one of them alone give 3"]
        );
    }

    #[test]
    fn versions_of_firmware_are_lists_of_integers_and_a_configuration_is_scalars() {
        let mut values = ReferenceValues::default();
        values.add_snp_tcb(SnpTcb { bootloader: 3, tee: 0, snp: 8, microcode: 115 });
        values.add_snp_tcb(SnpTcb { bootloader: 4, tee: 0, snp: 8, microcode: 115 });
        values.set_snp_configuration(SnpConfiguration {
            smt_allowed: true,
            single_socket: false,
            abi_major: 0,
            abi_minor: 0,
            smt_enabled: true,
            tsme_enabled: false,
        });
        assert_eq!(value(&values, "snp_bootloader"), serde_json::json!([3, 4]));
        assert_eq!(value(&values, "snp_microcode"), serde_json::json!([115]));
        assert_eq!(value(&values, "snp_smt_allowed"), serde_json::json!(true));
        assert_eq!(value(&values, "snp_guest_abi_major"), serde_json::json!(0));
    }

    #[test]
    fn xfam_is_written_as_evidence_has_it_lowest_byte_first() {
        let mut values = ReferenceValues::default();
        values.add_xfam(0x0006_02e7);
        assert_eq!(value(&values, "xfam"), serde_json::json!(["e702060000000000"]));
    }
}
