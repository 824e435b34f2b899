//! Evidence of every form, made here, and what must be wrong with other texts.

use super::*;
use crate::digest::Sha384;
use crate::event_log::{EventType, LoggedEvent};
use data_encoding::BASE64URL_NOPAD;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};

fn digits(byte: u8, count: usize) -> String {
    FieldValue::of(&vec![byte; count]).to_string()
}

fn tdx() -> Value {
    let body = json!({
        "mr_td": digits(1, 48), "rtmr_0": digits(2, 48), "rtmr_1": digits(3, 48),
        "rtmr_2": digits(4, 48), "rtmr_3": digits(5, 48), "xfam": "e702060000000000",
    });
    let event = json!({
        "index": 2, "type_name": "EV_SEPARATOR", "event": "AAAAAA==", "details": {},
        "digests": [{"alg": "SHA-384", "digest": Sha384::of(&[0; 4]).to_string()}],
    });
    json!({"tdx": {"quote": {"body": body}, "uefi_event_logs": [event]}, "init_data": digits(6, 48)})
}

fn log() -> EventLog {
    let (kind, data) = (EventType::SEPARATOR, vec![0; 4]);
    let digest = Sha384::of(&data);
    EventLog { events: vec![LoggedEvent { register: Some(Register::Rtmr1), kind, digest, data }] }
}

/// Form and fields in one line.
fn told(bytes: &[u8]) -> String {
    let evidence = Evidence::parse(bytes).unwrap();
    let fields: Vec<String> =
        evidence.fields.iter().map(|(field, value)| format!("{field} {value:.4}")).collect();
    format!(
        "{}: {}; {} events",
        evidence.form,
        fields.join(", "),
        evidence.log.map_or(0, |log| log.events.len())
    )
}

fn refused(bytes: &[u8], error: &Expect) {
    error.assert_eq(&Evidence::parse(bytes).unwrap_err().to_string());
}

#[test]
fn claims_of_a_td_are_read_with_their_log() {
    expect![
        "TDX claims: mr_td 0101, rtmr_0 0202, rtmr_1 0303, rtmr_2 0404, rtmr_3 0505, init_data 0606; 1 events"
    ]
    .assert_eq(&told(tdx().to_string().as_bytes()));
    assert_eq!(Evidence::parse(tdx().to_string().as_bytes()).unwrap().log, Some(log()));
}

#[test]
fn a_verifier_s_own_claims_are_read_as_well() {
    let mut own = tdx()["tdx"].clone();
    own["init_data"] = json!(digits(6, 48));
    assert_eq!(told(own.to_string().as_bytes()), told(tdx().to_string().as_bytes()));
    let snp = json!({"measurement": digits(7, 48), "init_data": digits(8, 32), "chip_id": ""});
    expect!["SNP claims: measurement 0707, init_data 0808; 0 events"]
        .assert_eq(&told(snp.to_string().as_bytes()));
}

#[test]
fn a_token_is_read_whole_and_unpacked() {
    let payload = json!({"submods": {"cpu0": {"ear.veraison.annotated-evidence": tdx()}}}).to_string();
    assert_eq!(told(payload.as_bytes()), told(tdx().to_string().as_bytes()));
    let token = format!(
        "{}.{}.c2lnbmF0dXJl\n",
        BASE64URL_NOPAD.encode(b"{\"alg\":\"ES256\"}"),
        BASE64URL_NOPAD.encode(payload.as_bytes())
    );
    assert_eq!(told(token.as_bytes()), told(tdx().to_string().as_bytes()));
}

#[test]
fn of_a_peer_pod_only_initdata_is_read() {
    for kind in ["az-snp-vtpm", "az-tdx-vtpm", "tpm"] {
        let claims = json!({kind: {"measurement": "AAAA", "tpm": {}}, "init_data": digits(9, 32)});
        assert_eq!(told(claims.to_string().as_bytes()), "vTPM claims: init_data 0909; 0 events");
    }
}

#[test]
fn a_log_by_itself_gives_the_registers() {
    let evidence = Evidence::parse(&log().to_bytes()).unwrap();
    assert_eq!(evidence.form, Form::EventLog);
    let json = json!({"uefi_event_logs": tdx()["tdx"]["uefi_event_logs"]});
    assert_eq!(Evidence::parse(json.to_string().as_bytes()).as_ref(), Ok(&evidence));
    let rtmr1 = log().replay()[&Register::Rtmr1];
    assert_eq!(evidence.fields[&Field::Rtmr(Register::Rtmr1)], FieldValue::of(rtmr1.as_bytes()));
}

/// A quote whose fields are filled with their own number.
fn quote(version: u8, body: usize) -> Vec<u8> {
    let mut bytes = vec![0; body + 584];
    bytes[..8].copy_from_slice(&[version, 0, 2, 0, 0x81, 0, 0, 0]);
    if version == 5 {
        bytes[48] = 3;
    }
    for (offset, number) in [(136, 1), (184, 6), (328, 2), (376, 3), (424, 4), (472, 5)] {
        bytes[body + offset..body + offset + 48].fill(number);
    }
    bytes
}

#[test]
fn quotes_and_reports_are_read_at_their_offsets() {
    for (version, body) in [(4, 48), (5, 54)] {
        let expected = "TDX quote: mr_td 0101, rtmr_0 0202, rtmr_1 0303, rtmr_2 0404, rtmr_3 0505, init_data 0606; 0 events";
        assert_eq!(told(&quote(version, body)), expected);
    }
    let mut report = vec![0; 0x4a0];
    report[0] = 3;
    report[0x90..0xc0].fill(7);
    report[0xc0..0xe0].fill(8);
    expect!["SNP report: measurement 0707, init_data 0808; 0 events"].assert_eq(&told(&report));
    report[0] = 9;
    refused(&report, &expect!["SNP report of version 9, expected 2 to 5"]);
}

#[test]
fn quotes_that_are_none_are_errors() {
    refused(&quote(3, 48), &expect!["TDX quote of version 3, expected 4 or 5"]);
    refused(
        &quote(4, 48)[..100],
        &expect!["TDX quote ends at offset 100, expected it to have 632 bytes at least"],
    );
    let mut other = quote(5, 54);
    other[48] = 9;
    refused(&other, &expect!["TDX quote of type 9, expected 2 (TDX 1.0) or 3 (TDX 1.5)"]);
}

#[test]
fn a_claim_that_is_wrong_is_named() {
    let changed = |pointer: &str, to: Value| {
        let mut claims = tdx();
        *claims.pointer_mut(pointer).unwrap() = to;
        claims.to_string().into_bytes()
    };
    refused(
        &changed("/tdx/quote/body/rtmr_1", json!("0A")),
        &expect![[r#"claim tdx.quote.body.rtmr_1: got "0A", expected 96 lower-case hex digits"#]],
    );
    refused(
        &changed("/tdx/quote", json!({})),
        &expect!["claim tdx.quote.body.mr_td: got nothing, expected 96 lower-case hex digits"],
    );
    refused(
        &changed("/init_data", json!("ab".repeat(32))),
        &expect![[
            r#"claim init_data: got "abababababababababababababababababababa..., expected 96 lower-case hex digits"#
        ]],
    );
    refused(
        &changed("/tdx/uefi_event_logs/0/index", json!(5)),
        &expect!["claim uefi_event_logs[0].index: got 5, expected 0 (MRTD) or 1 to 4 (RTMR0 to RTMR3)"],
    );
    refused(
        &changed("/tdx/uefi_event_logs/0/digests/0/alg", json!("SM3")),
        &expect!["claim uefi_event_logs[0].digests: got a list of 1, expected one of SHA-384"],
    );
}

#[test]
fn what_is_not_known_is_an_error_that_says_what_is() {
    refused(
        b"sh: not found",
        &expect![
            "not known as evidence; expected a CCEL event log, the claims of Trustee's verifiers as JSON, its token, a TDX quote or an SNP report"
        ],
    );
    refused(
        b"{}",
        &expect![
            "the JSON has no claims that are known; expected `snp`, `tdx`, `az-snp-vtpm`, `az-tdx-vtpm` or `tpm`, what their verifiers say of one, or an attestation token's payload"
        ],
    );
    refused(b"{", &expect!["not JSON: EOF while parsing an object at line 1 column 1"]);
    refused(b"eyJhbGciOi", &expect!["begins like a token, but its second part is not base64"]);
    refused(&vec![b'a'; BYTES_MAX + 1], &expect!["too long: got 16777217 bytes, expected at most 16777216"]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..700), start in 0usize..6) {
        let starts = [quote(4, 48), quote(5, 54), log().to_bytes(), b"{\"snp\":".to_vec(), b"eyJ.".to_vec(), vec![]];
        let mut whole = starts[start].clone();
        whole.extend(bytes);
        let _ = Evidence::parse(&whole);
    }
}
