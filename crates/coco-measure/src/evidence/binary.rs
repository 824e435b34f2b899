//! Quotes and reports as the hardware gives them: a few fields at fixed offsets. No signature is checked.

use std::collections::BTreeMap;

use super::{Evidence, EvidenceError, Field, FieldValue, Form};
use crate::event::Register;

/// Bytes of an SNP report (AMD 56860, SEV Secure Nested Paging Firmware ABI, `ATTESTATION_REPORT`).
const REPORT_BYTES: usize = 0x4a0;

/// Offset and length of `MEASUREMENT` and of `HOST_DATA` in it.
const REPORT_FIELDS: [(Field, usize, usize); 2] =
    [(Field::SnpMeasurement, 0x90, 48), (Field::InitData, 0xc0, 32)];

/// `tee_type` of TDX, at offset 4 of a quote's header (Intel TDX DCAP Quoting Library API, appendix A.3).
const TEE_TYPE_TDX: u32 = 0x81;

/// Where the TD's report begins in a quote: behind the header in version 4; behind type and size in version 5.
const BODY_IN_VERSION_4: usize = 48;
const BODY_IN_VERSION_5: usize = 54;

/// Offsets in a TD's report; each field has 48 bytes. TDX 1.0 and 1.5 have them at the same places.
const TD_FIELDS: [(Field, usize); 6] = [
    (Field::MrTd, 136),
    (Field::InitData, 184),
    (Field::Rtmr(Register::Rtmr0), 328),
    (Field::Rtmr(Register::Rtmr1), 376),
    (Field::Rtmr(Register::Rtmr2), 424),
    (Field::Rtmr(Register::Rtmr3), 472),
];

/// Bytes of a TD's report up to what was looked at.
const TD_REPORT_BYTES: usize = 584;

/// Whether the header is that of a quote of a TD.
pub(super) fn is_quote(bytes: &[u8]) -> bool {
    // An event log has its type there, and an SNP report the guest's SVN.
    u32_at(bytes, 4) == Some(TEE_TYPE_TDX) && bytes.get(2..4) == Some(&[2, 0])
}

/// Whether it can be nothing else than an SNP report.
pub(super) fn is_report(bytes: &[u8]) -> bool {
    bytes.len() == REPORT_BYTES
}

pub(super) fn quote(bytes: &[u8]) -> Result<Evidence, EvidenceError> {
    let version = bytes.first_chunk().map_or(0, |version| u16::from_le_bytes(*version));
    let at = match version {
        4 => BODY_IN_VERSION_4,
        // Type 2 is TDX 1.0, type 3 TDX 1.5.
        5 => match bytes.get(48..50) {
            Some([2 | 3, 0]) => BODY_IN_VERSION_5,
            got => {
                let number = |part: &[u8]| part.first_chunk().map_or(0, |c| u16::from_le_bytes(*c));
                let got = u32::from(got.map_or(0, number));
                let what = "TDX quote of type";
                return Err(EvidenceError::Version { what, got, expected: "2 (TDX 1.0) or 3 (TDX 1.5)" });
            }
        },
        got => {
            let what = "TDX quote of version";
            return Err(EvidenceError::Version { what, got: got.into(), expected: "4 or 5" });
        }
    };
    let wanted = at + TD_REPORT_BYTES;
    let body = bytes.get(at..wanted);
    let body = body.ok_or(EvidenceError::Short { what: "TDX quote", end: bytes.len(), wanted })?;
    let fields = fields(body, TD_FIELDS.into_iter().map(|(field, offset)| (field, offset, 48)));
    Ok(Evidence { form: Form::TdxQuote, fields, log: None, command_line: None })
}

pub(super) fn report(bytes: &[u8]) -> Result<Evidence, EvidenceError> {
    match u32_at(bytes, 0).unwrap_or(0) {
        2..=5 => {
            let fields = fields(bytes, REPORT_FIELDS.into_iter());
            Ok(Evidence { form: Form::SnpReport, fields, log: None, command_line: None })
        }
        got => Err(EvidenceError::Version { what: "SNP report of version", got, expected: "2 to 5" }),
    }
}

fn fields(bytes: &[u8], fields: impl Iterator<Item = (Field, usize, usize)>) -> BTreeMap<Field, FieldValue> {
    let value = |(field, offset, length)| {
        bytes.get(offset..offset + length).map(|bytes| (field, FieldValue::of(bytes)))
    };
    fields.filter_map(value).collect()
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}
