//! Logs that are made here, and what must be wrong with others. No log of a machine is kept.

use super::*;
use crate::digest::Sha384;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn tagged(id: u32, text: &[u8]) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap();
    [&id.to_le_bytes(), &size.to_le_bytes(), text].concat()
}

/// An event whose digest is of its own data.
fn plain(register: Register, kind: EventType, data: &[u8]) -> LoggedEvent {
    LoggedEvent { register: Some(register), kind, digest: Sha384::of(data), data: data.to_vec() }
}

fn logged(register: Register, kind: EventType, digest: &str, data: &[u8]) -> LoggedEvent {
    LoggedEvent { digest: digest.parse().unwrap(), ..plain(register, kind, data) }
}

/// RTMR1 and RTMR2 of a boot of kernel and initrd by an OVMF of 2024, whose separator is in RTMR0.
fn boot() -> EventLog {
    let kernel =
        "a2ccae1e7d6c668ca325bb09c882d8ce44d26d714ba6f58d2e8083fe291a704646afe24a2368bca3341728d78ec80a80";
    let options =
        "4230f84885a6f3f305e91a1955045398bd9edd8ffd2aaf2aab8ad3ac53476c4ac82a3675ef559c4ae949a06e84119fc2";
    let initrd =
        "b15af9286108d3d8c9f794a51409e55bad6334f5d96a1e4469f8df2d75fd69aac648d939e13daf6800e82e6c1f6628c4";
    let action = |text: &[u8]| plain(Register::Rtmr1, EventType::ACTION_OF_EFI, text);
    EventLog {
        events: vec![
            logged(Register::Rtmr1, EventType::BOOT_SERVICES_APPLICATION, kernel, &image("kernel")),
            action(b"Calling EFI Application from Boot Option"),
            plain(Register::Rtmr0, EventType::SEPARATOR, &[0; 4]),
            logged(
                Register::Rtmr2,
                EventType::TAG,
                options,
                &tagged(LOAD_OPTIONS, b"LOADED_IMAGE::LoadOptions\0"),
            ),
            logged(Register::Rtmr2, EventType::TAG, initrd, &tagged(INITRD, b"Linux initrd\0")),
            action(b"Exit Boot Services Invocation"),
            action(b"Exit Boot Services Returned with Success"),
        ],
    }
}

/// A `UEFI_IMAGE_LOAD_EVENT` with one node before the file's.
fn image(file: &str) -> Vec<u8> {
    let name: Vec<u8> = file.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let mut path = vec![4, 3, 20, 0];
    path.extend([7; 16]);
    path.extend([4, 4, u8::try_from(name.len() + 4).unwrap(), 0]);
    path.extend(name);
    path.extend([0x7f, 0xff, 4, 0]);
    let length = u64::try_from(path.len()).unwrap();
    [vec![0; 24], length.to_le_bytes().to_vec(), path].concat()
}

#[test]
fn registers_are_those_that_a_machine_showed() {
    let registers = boot().replay();
    assert_eq!(
        registers[&Register::Rtmr1].to_string(),
        "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6"
    );
    assert_eq!(
        registers[&Register::Rtmr2].to_string(),
        "94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a"
    );
    assert_eq!(registers[&Register::Rtmr3], Sha384::from([0; 48]));
}

#[test]
fn digests_of_fixed_texts_are_those_of_every_machine() {
    for (data, digest) in [
        (
            &[0; 4][..],
            "394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0",
        ),
        (
            b"Calling EFI Application from Boot Option",
            "77a0dab2312b4e1e57a84d865a21e5b2ee8d677a21012ada819d0a98988078d3d740f6346bfe0abaa938ca20439a8d71",
        ),
        (
            b"Exit Boot Services Invocation",
            "214b0bef1379756011344877743fdc2a5382bac6e70362d624ccf3f654407c1b4badf7d8f9295dd3dabdef65b27677e0",
        ),
        (
            b"Exit Boot Services Returned with Success",
            "0a2e01c85deae718a530ad8c6d20a84009babe6c8989269e950d8cf440c6e997695e64d455c4174a652cd080f6230b74",
        ),
    ] {
        assert_eq!(Sha384::of(data).to_string(), digest);
    }
}

#[test]
fn what_was_measured_is_known() {
    let told: Vec<(Option<Measured>, Option<String>)> =
        boot().events.iter().map(|event| (event.measured(), event.text())).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (Some(Measured::Kernel), text("kernel")),
            (Some(Measured::CallingApplication), text("Calling EFI Application from Boot Option")),
            (None, None),
            (Some(Measured::LoadOptions), text("LOADED_IMAGE::LoadOptions")),
            (Some(Measured::Initrd), text("Linux initrd")),
            (Some(Measured::ExitBootServicesInvocation), text("Exit Boot Services Invocation")),
            (Some(Measured::ExitBootServicesSuccess), text("Exit Boot Services Returned with Success")),
        ]
    );
}

#[test]
fn texts_are_told_without_their_control_characters() {
    let event = plain(Register::Rtmr2, EventType::IPL, b"a\x1b[2J\nb\0");
    assert_eq!(event.text().as_deref(), Some("a\\u{1b}[2J\\nb"));
    let units: Vec<u8> = "quiet é\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let event = plain(Register::Rtmr2, EventType::IPL, &units);
    assert_eq!(event.text().as_deref(), Some("quiet é"));
}

#[test]
fn fill_ends_a_log_and_is_of_one_kind() {
    let bytes = boot().to_bytes();
    for fill in [0, 0xff] {
        for length in [0, 1, 8, 1000] {
            assert_eq!(EventLog::parse(&[&bytes[..], &vec![fill; length]].concat()), Ok(boot()));
        }
    }
    let error = EventLog::parse(&[&bytes[..], &[0xff; 8], &[0; 100]].concat()).unwrap_err();
    expect!["the event log has register index 0xffffffff at offset 769, expected 0 (MRTD) or 1 to 4 (RTMR0 to RTMR3)"]
        .assert_eq(&error.to_string());
}

#[test]
fn an_event_that_is_no_action_extends_nothing() {
    let mut log = boot();
    let no_action = EventType::try_from(NO_ACTION).unwrap();
    log.events.insert(0, plain(Register::Rtmr1, no_action, b"locality"));
    assert_eq!(log.replay(), boot().replay());
}

fn refused(change: impl FnOnce(&mut Vec<u8>), error: &Expect) {
    let mut bytes = boot().to_bytes();
    change(&mut bytes);
    error.assert_eq(&EventLog::parse(&bytes).unwrap_err().to_string());
}

#[test]
fn a_log_that_ends_early_is_an_error() {
    refused(
        |bytes| bytes.truncate(bytes.len() - 1),
        &expect!["the event log ends at offset 768: expected event data of 40 bytes at offset 729"],
    );
    refused(
        |bytes| bytes.truncate(0),
        &expect!["the event log ends at offset 0: expected a register index of 4 bytes at offset 0"],
    );
}

#[test]
fn other_digests_and_unknown_events_are_errors() {
    refused(
        |bytes| bytes[60] = 0xb,
        &expect!["the event log has algorithm 0xb at offset 60, expected 0xc (SHA-384)"],
    );
    refused(
        |bytes| bytes[56] = 2,
        &expect!["the event log has number of algorithms 0x2 at offset 56, expected 1"],
    );
    refused(
        |bytes| bytes[69] = 0x55,
        &expect!["the event log has event type 0x80000055 at offset 69, expected one that TCG has named"],
    );
    refused(|bytes| bytes[47] = b'2', &expect![[r#"the event log does not begin with "Spec ID Event03""#]]);
    refused(
        |bytes| bytes[28] = 34,
        &expect![
            "the event log has size of the first event 0x22 at offset 28, expected the size of what is in it"
        ],
    );
}

#[test]
fn data_longer_than_the_log_are_an_error() {
    refused(
        |bytes| bytes[127..131].fill(0xff),
        &expect!["the event log ends at offset 769: expected event data of 4294967295 bytes at offset 131"],
    );
}

#[test]
fn a_log_is_bounded() {
    let error = EventLog::parse(&vec![0; BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error.to_string(), "the event log is too long: got 4194305 bytes, expected at most 4194304");
    let event = plain(Register::Rtmr0, EventType::SEPARATOR, b"");
    let log = EventLog { events: vec![event; EVENTS_MAX + 1] };
    let error = EventLog::parse(&log.to_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the event log is too long: got 10001 events, expected at most 10000");
}

prop_compose! {
    fn any_event()(
        register in prop::option::of(prop::sample::select(REGISTERS.map(|(_, register)| register).to_vec())),
        kind in prop::sample::select(EventType::all().collect::<Vec<_>>()),
        digest in any::<[u8; 32]>(),
        data in prop::collection::vec(any::<u8>(), 0..80),
    ) -> LoggedEvent {
        LoggedEvent { register, kind, digest: Sha384::of(&digest), data }
    }
}

proptest! {
    #[test]
    fn a_log_that_is_written_is_read_back(events in prop::collection::vec(any_event(), 0..20)) {
        let log = EventLog { events };
        for event in &log.events {
            let _ = (event.text(), event.measured());
        }
        prop_assert_eq!(EventLog::parse(&log.to_bytes()), Ok(log));
    }

    #[test]
    fn a_log_with_a_byte_changed_is_read_or_refused(at in 0..boot().to_bytes().len(), to in any::<u8>()) {
        let mut bytes = boot().to_bytes();
        bytes[at] = to;
        if let Ok(log) = EventLog::parse(&bytes) {
            prop_assert!(log.events.len() <= boot().events.len());
        }
    }
}
