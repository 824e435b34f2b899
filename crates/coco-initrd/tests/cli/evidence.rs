//! `coco-initrd measure --verify`: evidence that is as predicted, and what is told of evidence that is not.

use coco_measure::event::Register;
use coco_measure::event_log::{EventLog, EventType, LoggedEvent};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::fixture::Place;
use crate::measure::{GUEST, TDX, built, json as printed, refused};

/// Predictions of the Go runtime's launch.
fn predicted(place: &Place) -> Value {
    printed(place, &format!("{TDX} --runtime go --format json"))
}

/// The event log of a guest that does what was predicted.
fn log(prediction: &Value) -> EventLog {
    let events = prediction["launches"]["go"]["events"].as_array().unwrap();
    let event = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap();
        let (kind, data): (EventType, &[u8]) = match text("measured") {
            "kernel" => (EventType::BOOT_SERVICES_APPLICATION, b"kernel"),
            "separator" => (EventType::SEPARATOR, &[0; 4]),
            "load-options" => (EventType::TAG, b"\xed\x22\x3b\x8f\x1a\0\0\0LOADED_IMAGE::LoadOptions\0"),
            "initrd" => (EventType::TAG, b"\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd\0"),
            "calling-efi-application" => {
                (EventType::ACTION_OF_EFI, b"Calling EFI Application from Boot Option")
            }
            "exit-boot-services-invocation" => (EventType::ACTION_OF_EFI, b"Exit Boot Services Invocation"),
            _ => (EventType::ACTION_OF_EFI, b"Exit Boot Services Returned with Success"),
        };
        LoggedEvent {
            register: Some(if text("register") == "rtmr_1" { Register::Rtmr1 } else { Register::Rtmr2 }),
            kind,
            digest: text("digest").parse().unwrap(),
            data: data.to_vec(),
        }
    };
    EventLog { events: events.iter().map(event).collect() }
}

/// What is said of this evidence, digests aside.
fn said(place: &Place, bytes: impl AsRef<[u8]>, words: &str) -> (i32, String) {
    place.file("evidence", bytes);
    let ran = place.run(&format!("{words} --verify evidence"));
    let mask = |word: &str| {
        let hex = word.trim_end_matches([',', ';']);
        let is_digest = [64, 96].contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { word.replace(hex, "DIGEST") } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(mask).collect::<Vec<_>>().join(" ") + "\n";
    (ran.code, ran.data.lines().map(line).collect::<String>() + &ran.words)
}

fn differs(found: &(i32, String), expected: &Expect) {
    assert_eq!(found.0, 1, "{}", found.1);
    expected.assert_eq(&found.1);
}

#[test]
fn a_log_with_the_predicted_events_is_as_predicted() {
    let place = built();
    let log = log(&predicted(&place));
    let (code, text) = said(&place, log.to_bytes(), TDX);
    expect![[r#"
        as predicted: rtmr_1 (launch go)
        as predicted: rtmr_2 (launch go)
        not compared: mr_td: it is not in the evidence
        not compared: init_data: it is not in the evidence
        not compared: rtmr_0: only a host can tell what it should be
        not compared: rtmr_3: only a host can tell what it should be
    "#]]
    .assert_eq(&text);
    assert_eq!(code, 0);
}

#[test]
fn another_initrd_is_told_by_its_event() {
    let place = built();
    let mut log = log(&predicted(&place));
    log.events[4].digest = [7; 48].into();
    differs(
        &said(&place, log.to_bytes(), TDX),
        &expect![[r#"
            differs: rtmr_2, event 4 (initrd): got DIGEST, expected DIGEST; depends on initrd
            as predicted: rtmr_1 (launch go)
            not compared: mr_td: it is not in the evidence
            not compared: init_data: it is not in the evidence
            not compared: rtmr_0: only a host can tell what it should be
            not compared: rtmr_3: only a host can tell what it should be
            note: values of all launches are acceptable; events were compared with those of go, --runtime takes another
        "#]],
    );
}

#[test]
fn another_command_line_is_told_by_its_first_word() {
    let place = built();
    let mut prediction = predicted(&place);
    let line = prediction["launches"]["go"]["command_line"].as_str().unwrap().to_owned();
    let other = format!("initrd=initrd {}", line.replace(" quiet ", " debug "));
    let measured: Vec<u8> = other.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let digest = coco_measure::digest::Sha384::of(&measured).to_string();
    prediction["launches"]["go"]["events"][3]["digest"] = json!(digest);
    place.file("cmdline", format!("{other}\n"));
    let log = log(&prediction).to_bytes();
    differs(
        &said(&place, log, &format!("{TDX} --runtime go --proc-cmdline cmdline")),
        &expect![[r#"
            differs: rtmr_2, event 3 (load-options): got DIGEST, expected DIGEST; word 16 is `debug`, expected `quiet`; depends on command-line, initrd-argument
            as predicted: rtmr_1 (launch go)
            not compared: mr_td: it is not in the evidence
            not compared: init_data: it is not in the evidence
            not compared: rtmr_0: only a host can tell what it should be
            not compared: rtmr_3: only a host can tell what it should be
        "#]],
    );
}

#[test]
fn an_initrd_argument_elsewhere_is_told_as_that() {
    let place = built();
    let suffix = printed(&place, &format!("{TDX} --runtime go {GUEST} --initrd-arg suffix --format json"));
    differs(
        &said(&place, log(&suffix).to_bytes(), &format!("{TDX} --runtime go")),
        &expect![[r#"
            differs: rtmr_2, event 3 (load-options): got DIGEST, expected DIGEST; what was found is the value for initrd=initrd after the command line; depends on command-line, initrd-argument
            as predicted: rtmr_1 (launch go)
            not compared: mr_td: it is not in the evidence
            not compared: init_data: it is not in the evidence
            not compared: rtmr_0: only a host can tell what it should be
            not compared: rtmr_3: only a host can tell what it should be
        "#]],
    );
}

#[test]
fn claims_of_a_quote_are_compared_field_by_field() {
    let place = built();
    let prediction = predicted(&place);
    let value = |index: usize| prediction["launches"]["go"]["values"][index]["value"].clone();
    let claims = |rtmr_2: Value, init_data: &str| {
        let body = json!({"mr_td": value(0), "rtmr_0": "00".repeat(48), "rtmr_1": value(1), "rtmr_2": rtmr_2, "rtmr_3": "00".repeat(48)});
        json!({"tdx": {"quote": {"body": body}}, "init_data": init_data}).to_string()
    };
    let right = said(&place, claims(value(2), &"0".repeat(96)), TDX);
    expect![[r#"
        as predicted: mr_td (launch go)
        as predicted: rtmr_1 (launch go)
        as predicted: rtmr_2 (launch go)
        as predicted: init_data (initdata none)
        not compared: rtmr_0: only a host can tell what it should be
        not compared: rtmr_3: only a host can tell what it should be
    "#]]
    .assert_eq(&right.1);
    assert_eq!(right.0, 0);
    differs(
        &said(&place, claims(json!("00".repeat(48)), &"1".repeat(96)), TDX),
        &expect![[r#"
            differs: rtmr_2: got DIGEST, expected one of 2 values (launch go to launch runtime-rs); what was found is the value for a kernel that measures nothing: Linux before 6.9, or no EFI stub; depends on command-line, initrd-argument, initrd
            differs: init_data: got DIGEST, expected DIGEST (initdata none); depends on initdata
            as predicted: mr_td (launch go)
            as predicted: rtmr_1 (launch go)
            not compared: rtmr_0: only a host can tell what it should be
            not compared: rtmr_3: only a host can tell what it should be
            note: values of all launches are acceptable; events were compared with those of go, --runtime takes another
        "#]],
    );
}

#[test]
fn claims_of_a_report_are_compared_with_every_number_of_vcpus() {
    let place = built();
    let snp = format!("measure --tee snp --manifest dist/tdx/manifest.json {GUEST} --runtime go");
    let prediction = printed(&place, &format!("{snp} --format json"));
    let claims = |index: usize| {
        let value = &prediction["launches"]["go"]["values"][index]["value"];
        json!({"snp": {"measurement": value}, "init_data": "0".repeat(64)}).to_string()
    };
    let right = said(&place, claims(2), &snp);
    expect![[r#"
        as predicted: measurement (launch go, vCPUs: 3)
        as predicted: init_data (initdata none)
    "#]]
    .assert_eq(&right.1);
    assert_eq!(right.0, 0);
    differs(
        &said(&place, claims(8), &format!("{snp} --vcpus 1-4")),
        &expect![[r#"
            differs: measurement: got DIGEST, expected one of 4 values (launch go, vCPUs: 1 to launch go, vCPUs: 4); depends on firmware, kernel, initrd, command-line, vcpu-count, vcpu-type, guest-features
            as predicted: init_data (initdata none)
        "#]],
    );
}

#[test]
fn a_difference_is_json_too() {
    let place = built();
    let mut log = log(&predicted(&place));
    log.events[0].digest = [7; 48].into();
    place.file("evidence", log.to_bytes());
    let ran = place.run(&format!("{TDX} --verify evidence --format json"));
    let found: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(ran.code, 1);
    assert_eq!(found["differences"][0]["inputs"], json!(["kernel", "kernel-patch"]));
    assert_eq!(found["form"], "event log");
}

#[test]
fn what_is_no_evidence_is_told() {
    let place = built();
    place.file("text", "no evidence");
    place.file("cut", log(&predicted(&place)).to_bytes().split_at(200).0);
    place.file("log", log(&predicted(&place)).to_bytes());
    place.file("claims", "{\"other\": 1}");
    for (words, expected) in [
        (
            format!("{TDX} --verify text"),
            expect![[r#"
                error: text
                  caused by: not known as evidence; expected a CCEL event log, the claims of Trustee's verifiers as JSON, its token, a TDX quote or an SNP report
                hint: give it whole, as guest or verifier has it: the CCEL, claims, a token, a quote or a report
            "#]],
        ),
        (
            format!("{TDX} --verify cut"),
            expect![[r#"
                error: cut
                  caused by: the event log ends at offset 200: expected the size of event data of 4 bytes at offset 199
                hint: give it whole, as guest or verifier has it: the CCEL, claims, a token, a quote or a report
            "#]],
        ),
        (
            format!("{TDX} --verify claims"),
            expect![[r#"
                error: claims
                  caused by: the JSON has no claims that are known; expected `snp`, `tdx`, `az-snp-vtpm`, `az-tdx-vtpm` or `tpm`, what their verifiers say of one, or an attestation token's payload
                hint: give it whole, as guest or verifier has it: the CCEL, claims, a token, a quote or a report
            "#]],
        ),
        (
            format!("{TDX} --verify none"),
            expect![[r#"
                error: failed to open file `none`: No such file or directory (os error 2)
                hint: check the path
            "#]],
        ),
        (
            format!("{TDX} --verify log --format list"),
            expect![[r#"
                error: --verify prints a table or JSON, and --format asks for a form of predictions
                hint: leave --format out, or say json
            "#]],
        ),
        (
            format!("measure --tee snp --manifest dist/tdx/manifest.json {GUEST} --verify log"),
            expect![[r#"
                error: log
                  caused by: got the evidence of another kind of guest, event log, expected one of snp
                hint: take the evidence of a guest of that kind, or the other --tee
            "#]],
        ),
    ] {
        refused(&place, &words, &expected);
    }
}
