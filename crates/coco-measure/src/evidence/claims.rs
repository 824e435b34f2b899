//! Claims of Trustee's verifiers as JSON: by themselves, as its policies see them, or in its tokens.
//!
//! `deps/verifier/src/{snp,tdx,az_snp_vtpm,az_tdx_vtpm,tpm}` make them, `transform_claims` of
//! `attestation-service/src/ear_token/broker.rs` puts them under the name of the kind of evidence, with
//! `init_data` beside. Claims that are not compared are not looked at; there are many, and more to come.

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;

use super::{Evidence, EvidenceError, Field, FieldValue, Form};
use crate::event::Register;
use crate::event_log::{self, EventLog, EventType, LoggedEvent};

/// Digits of the longest text from evidence that is repeated in an error.
const TOLD_MAX: usize = 40;

/// Where each register is in `quote.body`.
const TD_CLAIMS: [(Field, &str); 5] = [
    (Field::MrTd, "mr_td"),
    (Field::Rtmr(Register::Rtmr0), "rtmr_0"),
    (Field::Rtmr(Register::Rtmr1), "rtmr_1"),
    (Field::Rtmr(Register::Rtmr2), "rtmr_2"),
    (Field::Rtmr(Register::Rtmr3), "rtmr_3"),
];

pub(super) fn parse(text: &[u8]) -> Result<Evidence, EvidenceError> {
    let json: Value = serde_json::from_slice(text).map_err(|error| EvidenceError::Json(error.to_string()))?;
    // A token's payload holds what the policy saw.
    let annotated = json.pointer("/submods/cpu0/ear.veraison.annotated-evidence");
    of(annotated.unwrap_or(&json))
}

/// A JSON web token: header, payload and signature. The signature is not checked.
pub(super) fn parse_token(text: &[u8]) -> Result<Evidence, EvidenceError> {
    let payload = text.split(|byte| *byte == b'.').nth(1).ok_or(EvidenceError::Token)?;
    parse(&BASE64URL_NOPAD.decode(payload).map_err(|_| EvidenceError::Token)?)
}

fn of(json: &Value) -> Result<Evidence, EvidenceError> {
    for (kind, read) in KINDS {
        if let Some(claims) = json.get(kind) {
            return read(kind, claims, json);
        }
    }
    // What a verifier itself says: nothing is around it.
    if json.get("quote").is_some() {
        return tdx("tdx", json, json);
    }
    if let Some(events) = json.get("uefi_event_logs") {
        return Ok(Evidence::of_log(event_log(events)?));
    }
    if json.get("measurement").is_some() && json.get("tpm").is_none() {
        return snp("snp", json, json);
    }
    Err(EvidenceError::NoClaims)
}

/// Reads claims: the kind of evidence, its claims, and the object with `init_data`.
type Read = fn(&str, &Value, &Value) -> Result<Evidence, EvidenceError>;

const KINDS: [(&str, Read); 5] =
    [("snp", snp), ("tdx", tdx), ("az-snp-vtpm", vtpm), ("az-tdx-vtpm", vtpm), ("tpm", vtpm)];

fn snp(kind: &str, claims: &Value, around: &Value) -> Result<Evidence, EvidenceError> {
    let measurement = digits(claims, &format!("{kind}.measurement"), "/measurement", 48)?;
    let mut fields = BTreeMap::from([(Field::SnpMeasurement, measurement)]);
    fields.extend(init_data(around, 32)?);
    Ok(Evidence { form: Form::SnpClaims, fields, log: None, command_line: None })
}

fn tdx(kind: &str, claims: &Value, around: &Value) -> Result<Evidence, EvidenceError> {
    let mut fields = BTreeMap::new();
    for (field, name) in TD_CLAIMS {
        let (claim, pointer) = (format!("{kind}.quote.body.{name}"), format!("/quote/body/{name}"));
        fields.insert(field, digits(claims, &claim, &pointer, 48)?);
    }
    fields.extend(init_data(around, 48)?);
    let log = claims.get("uefi_event_logs").map(event_log).transpose()?;
    Ok(Evidence { form: Form::TdxClaims, fields, log, command_line: None })
}

fn vtpm(_kind: &str, _claims: &Value, around: &Value) -> Result<Evidence, EvidenceError> {
    Ok(Evidence {
        form: Form::VtpmClaims,
        fields: init_data(around, 32)?.into_iter().collect(),
        log: None,
        command_line: None,
    })
}

/// Verifiers leave the claim out when they have not looked at it.
fn init_data(around: &Value, bytes: usize) -> Result<Option<(Field, FieldValue)>, EvidenceError> {
    if around.get("init_data").is_none() {
        return Ok(None);
    }
    Ok(Some((Field::InitData, digits(around, "init_data", "/init_data", bytes)?)))
}

fn event_log(events: &Value) -> Result<EventLog, EvidenceError> {
    let Value::Array(events) = events else {
        return Err(wrong("uefi_event_logs".to_owned(), Some(events), "a list"));
    };
    if events.len() > event_log::EVENTS_MAX {
        let (got, limit) = (events.len(), event_log::EVENTS_MAX);
        return Err(event_log::EventLogError::TooLong { unit: "events", got, limit }.into());
    }
    let events = events.iter().enumerate().map(|(number, event)| logged(number, event));
    Ok(EventLog { events: events.collect::<Result<_, _>>()? })
}

fn logged(number: usize, event: &Value) -> Result<LoggedEvent, EvidenceError> {
    let claim = |name: &str| format!("uefi_event_logs[{number}].{name}");
    let get = |name: &str| event.get(name);
    let index = get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
    let register = index
        .and_then(|index| event_log::register_of(index).ok())
        .ok_or_else(|| wrong(claim("index"), get("index"), "0 (MRTD) or 1 to 4 (RTMR0 to RTMR3)"))?;
    let kind: Option<EventType> = get("type_name").and_then(Value::as_str).and_then(|name| name.parse().ok());
    let kind = kind.ok_or_else(|| wrong(claim("type_name"), get("type_name"), "a name of TCG's"))?;
    let digests = get("digests").and_then(Value::as_array).map(Vec::as_slice);
    let digest = match digests {
        Some([digest]) if digest.get("alg").and_then(Value::as_str) == Some("SHA-384") => digest,
        _ => return Err(wrong(claim("digests"), get("digests"), "one of SHA-384")),
    };
    let (name, digest) = (claim("digests[0].digest"), digest.get("digest"));
    let digest = digest
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| wrong(name, digest, "96 lower-case hex digits"))?;
    let data = get("event").and_then(Value::as_str).and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let data = data.ok_or_else(|| wrong(claim("event"), get("event"), "base64"))?;
    Ok(LoggedEvent { register, kind, digest, data })
}

/// The value of a claim that holds this many bytes in hex digits.
fn digits(json: &Value, claim: &str, pointer: &str, bytes: usize) -> Result<FieldValue, EvidenceError> {
    let value = json.pointer(pointer);
    let decoded = value.and_then(Value::as_str).and_then(|text| HEXLOWER.decode(text.as_bytes()).ok());
    match decoded {
        Some(decoded) if decoded.len() == bytes => Ok(FieldValue::of(&decoded)),
        _ => Err(wrong(claim.to_owned(), value, &format!("{} lower-case hex digits", 2 * bytes))),
    }
}

fn wrong(claim: String, got: Option<&Value>, expected: &str) -> EvidenceError {
    let got = match got {
        None => "nothing".to_owned(),
        Some(Value::Array(list)) => format!("a list of {}", list.len()),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(value) => {
            let text = value.to_string();
            let start: String = text.chars().take(TOLD_MAX).collect();
            if start.len() < text.len() { format!("{start}...") } else { start }
        }
    };
    EvidenceError::Claim { claim, got, expected: expected.to_owned() }
}
