//! What a guest's evidence says, in whatever form somebody has it. Nothing here checks a signature.
//!
//! Comparing is for the one who builds an image and wants to know why a guest does not attest. Whether
//! evidence is genuine is for a verifier to say.

mod binary;
mod claims;

use std::collections::BTreeMap;
use std::fmt;

use crate::event::Register;
use crate::event_log::{EventLog, EventLogError};

/// Bytes of evidence in any form.
pub const BYTES_MAX: usize = 16 << 20;

/// What a guest's evidence says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The form it was in.
    pub form: Form,
    /// The fields that were in it.
    pub fields: BTreeMap<Field, FieldValue>,
    /// The event log, if there was one.
    pub log: Option<EventLog>,
    /// The guest's `/proc/cmdline` without its line end, for whoever has it: no evidence holds it. It is
    /// believed if the log has its digest.
    pub command_line: Option<String>,
}

/// A form of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The event log of a TD: `/sys/firmware/acpi/tables/data/CCEL` in the guest.
    EventLog,
    /// A TDX quote, version 4 or 5.
    TdxQuote,
    /// An SNP attestation report as the secure processor gives it.
    SnpReport,
    /// Claims of Trustee's verifier for TDX.
    TdxClaims,
    /// Claims of Trustee's verifier for SNP.
    SnpClaims,
    /// Claims of a peer pod's vTPM: its firmware is the cloud's, so only initdata can be compared.
    VtpmClaims,
}

/// A field of evidence that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// SEV-SNP's launch digest.
    SnpMeasurement,
    /// MRTD.
    MrTd,
    /// A register that events extend.
    Rtmr(Register),
    /// The register of initdata: MRCONFIGID, `HOST_DATA`, or PCR 8.
    InitData,
}

/// The bytes of a field, in lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldValue(String);

/// Why something is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Nothing that is known.
    #[error(
        "not known as evidence; expected a CCEL event log, the claims of Trustee's verifiers as JSON, its token, \
         a TDX quote or an SNP report"
    )]
    Unknown,
    /// More than evidence has.
    #[error("too long: got {got} bytes, expected at most {}", BYTES_MAX)]
    TooLong {
        /// How many there are.
        got: usize,
    },
    /// An event log that is none.
    #[error(transparent)]
    EventLog(#[from] EventLogError),
    /// Begins as JSON, or as the payload of a token, and is none.
    #[error("not JSON: {0}")]
    Json(String),
    /// A token whose middle part is not base64.
    #[error("begins like a token, but its second part is not base64")]
    Token,
    /// JSON of another kind.
    #[error(
        "the JSON has no claims that are known; expected `snp`, `tdx`, `az-snp-vtpm`, `az-tdx-vtpm` or `tpm`, \
         what their verifiers say of one, or an attestation token's payload"
    )]
    NoClaims,
    /// A claim is there and is not what it should be.
    #[error("claim {claim}: got {got}, expected {expected}")]
    Claim {
        /// Its path.
        claim: String,
        /// What it is, in short.
        got: String,
        /// What it should be.
        expected: String,
    },
    /// A quote or a report of a version that is not known.
    #[error("{what} {got}, expected {expected}")]
    Version {
        /// Which field.
        what: &'static str,
        /// What it is.
        got: u32,
        /// What it should be.
        expected: &'static str,
    },
    /// A quote or a report that ends early.
    #[error("{what} ends at offset {end}, expected it to have {wanted} bytes at least")]
    Short {
        /// Which.
        what: &'static str,
        /// How long it is.
        end: usize,
        /// How long it should be.
        wanted: usize,
    },
}

impl Evidence {
    /// Reads evidence; its content tells which form it is in.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > BYTES_MAX {
            return Err(EvidenceError::TooLong { got: bytes.len() });
        }
        let text = bytes.trim_ascii();
        if text.starts_with(b"{") {
            return claims::parse(text);
        }
        // Every token begins with `{"` in base64.
        if text.starts_with(b"eyJ") {
            return claims::parse_token(text);
        }
        if binary::is_quote(bytes) {
            return binary::quote(bytes);
        }
        if binary::is_report(bytes) {
            return binary::report(bytes);
        }
        if bytes.get(EVENT_LOG_AT..).is_some_and(|rest| rest.starts_with(EVENT_LOG)) {
            return Ok(Self::of_log(EventLog::parse(bytes)?));
        }
        Err(EvidenceError::Unknown)
    }

    /// A log by itself: the registers are what its events give.
    fn of_log(log: EventLog) -> Self {
        let field = |(register, digest): (Register, crate::digest::Sha384)| {
            (Field::Rtmr(register), FieldValue::of(digest.as_bytes()))
        };
        let fields = log.replay().into_iter().map(field).collect();
        Self { form: Form::EventLog, fields, log: Some(log), command_line: None }
    }
}

impl FieldValue {
    /// The value with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(data_encoding::HEXLOWER.encode(bytes))
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// As Trustee's claims name it.
impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SnpMeasurement => out.pad("measurement"),
            Self::MrTd => out.pad("mr_td"),
            Self::Rtmr(register) => register.fmt(out),
            Self::InitData => out.pad("init_data"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::EventLog => "event log",
            Self::TdxQuote => "TDX quote",
            Self::SnpReport => "SNP report",
            Self::TdxClaims => "TDX claims",
            Self::SnpClaims => "SNP claims",
            Self::VtpmClaims => "vTPM claims",
        })
    }
}

/// Where a log's first event has the signature that tells logs of this version from others.
const EVENT_LOG_AT: usize = 32;
const EVENT_LOG: &[u8] = b"Spec ID Event";

#[cfg(test)]
mod tests;
