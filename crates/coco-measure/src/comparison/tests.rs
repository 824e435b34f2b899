//! A boot that was predicted, and what is told of boots that differ from it.

use super::*;
use crate::event::Measured;
use crate::event_log::{EventLog, EventType, LoggedEvent};
use crate::evidence::Form;
use expect_test::{Expect, expect};

const COMMAND_LINE: &str = "initrd=initrd console=hvc0 panic=1";

fn load_options(text: &str) -> Sha384 {
    Sha384::of(&text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<_>>())
}

fn tag(id: u32) -> Vec<u8> {
    [id.to_le_bytes(), 0u32.to_le_bytes()].concat()
}

/// What is measured, its kind of event, its data, its digest, what it depends on.
type Row = (Measured, EventType, Vec<u8>, Sha384, Vec<Input>);

fn boot() -> Vec<Row> {
    let action = |measured, text: &[u8]| -> Row {
        (measured, EventType::ACTION_OF_EFI, text.to_vec(), Sha384::of(text), vec![])
    };
    let command_line = vec![Input::CommandLine, Input::InitrdArgument];
    vec![
        (
            Measured::Kernel,
            EventType::BOOT_SERVICES_APPLICATION,
            vec![],
            Sha384::of(b"kernel"),
            vec![Input::Kernel],
        ),
        action(Measured::CallingApplication, b"Calling EFI Application from Boot Option"),
        (Measured::Separator, EventType::SEPARATOR, vec![0; 4], Sha384::of(&[0; 4]), vec![]),
        (Measured::LoadOptions, EventType::TAG, tag(0x8F3B_22ED), load_options(COMMAND_LINE), command_line),
        (Measured::Initrd, EventType::TAG, tag(0x8F3B_22EC), Sha384::of(b"initrd"), vec![Input::Initrd]),
        action(Measured::ExitBootServicesInvocation, b"Exit Boot Services Invocation"),
        action(Measured::ExitBootServicesSuccess, b"Exit Boot Services Returned with Success"),
    ]
}

fn register(measured: Measured) -> Register {
    match measured {
        Measured::LoadOptions | Measured::Initrd => Register::Rtmr2,
        _ => Register::Rtmr1,
    }
}

fn log(rows: &[Row]) -> EventLog {
    let event = |(measured, kind, data, digest, _): &Row| LoggedEvent {
        register: Some(register(*measured)),
        kind: *kind,
        digest: *digest,
        data: data.clone(),
    };
    EventLog { events: rows.iter().map(event).collect() }
}

fn labelled(label: &str, value: &[u8]) -> Labelled {
    Labelled { label: label.to_owned(), value: FieldValue::of(value) }
}

fn expected() -> Expected {
    let event = |(measured, _, _, digest, inputs): Row| {
        let register = register(measured);
        let is_options = measured == Measured::LoadOptions;
        ExpectedEvent {
            event: Event { register, measured, digest, inputs },
            variants: is_options
                .then(|| {
                    (
                        "a firmware that puts initrd=initrd behind".to_owned(),
                        load_options("console=hvc0 panic=1 initrd=initrd"),
                    )
                })
                .into_iter()
                .collect(),
            text: is_options.then(|| COMMAND_LINE.to_owned()),
        }
    };
    let registers = log(&boot()).replay();
    let rtmr = |register, inputs: &[Input]| ExpectedField {
        field: Field::Rtmr(register),
        values: vec![labelled("this boot", registers[&register].as_bytes())],
        variants: vec![labelled("a kernel that measures nothing", &[0; 48])],
        inputs: inputs.to_vec(),
    };
    let mr_td = ExpectedField {
        field: Field::MrTd,
        values: vec![labelled("this firmware", &[1; 48])],
        variants: vec![],
        inputs: vec![Input::Firmware],
    };
    Expected {
        fields: vec![
            rtmr(Register::Rtmr2, &[Input::CommandLine, Input::Initrd]),
            rtmr(Register::Rtmr1, &[Input::Kernel]),
            mr_td,
        ],
        events: boot().into_iter().map(event).collect(),
    }
}

fn of_log(rows: &[Row]) -> Evidence {
    Evidence::parse(&log(rows).to_bytes()).unwrap()
}

fn told(evidence: &Evidence, expect: &Expect) {
    let comparison = compare(&expected(), evidence);
    let lines: Vec<String> = comparison.differences.iter().map(Difference::to_string).collect();
    expect.assert_eq(&lines.join("\n"));
    assert_eq!(comparison.verdict() == Verdict::Differs, !lines.is_empty());
}

/// The log of the boot after a change.
fn changed(change: impl FnOnce(&mut Vec<Row>)) -> Evidence {
    let mut rows = boot();
    change(&mut rows);
    of_log(&rows)
}

#[test]
fn the_boot_that_was_predicted_has_no_difference() {
    let comparison = compare(&expected(), &of_log(&boot()));
    let label = "this boot".to_owned();
    let matches = [Register::Rtmr1, Register::Rtmr2].map(|register| (Field::Rtmr(register), label.clone()));
    assert_eq!(comparison.matches, matches);
    assert_eq!(
        comparison.not_compared,
        [
            (Field::MrTd, NotCompared::NotInEvidence),
            (Field::Rtmr(Register::Rtmr0), NotCompared::NotPredicted),
            (Field::Rtmr(Register::Rtmr3), NotCompared::NotPredicted),
        ]
    );
    assert_eq!(comparison.verdict(), Verdict::Equal);
}

#[test]
fn another_kernel_is_named_and_what_follows_it_is_not() {
    told(
        &changed(|rows| rows[0].3 = Sha384::of(b"other")),
        &expect![
            "rtmr_1, event 0 (kernel): got 700da4e528466c3b334c52790c2c14cf448cefc8ebb732bec44c8c4050e23bb36a25b114f540ad6418ef83188452ab0a, expected e1685b6426d9c5be8691ff8f95eacdc11753355667394aa23124570b14baf68ab322a3aaeb3c599c448ad5016c709a49; depends on kernel"
        ],
    );
}

#[test]
fn another_initrd_is_named() {
    told(
        &changed(|rows| rows[4].3 = Sha384::of(b"other")),
        &expect![
            "rtmr_2, event 4 (initrd): got 700da4e528466c3b334c52790c2c14cf448cefc8ebb732bec44c8c4050e23bb36a25b114f540ad6418ef83188452ab0a, expected 0ea077a251cb5b89108623041521d525aa49452a84239b04232bd69ad66b2885b792748e445082253569dd304c50a110; depends on initrd"
        ],
    );
}

#[test]
fn a_command_line_of_another_firmware_is_recognised() {
    told(
        &changed(|rows| rows[3].3 = load_options("console=hvc0 panic=1 initrd=initrd")),
        &expect![
            "rtmr_2, event 3 (load-options): got 929f57e5ece1cb9dee4c69ba26a3a027284c99ad231ef030fb9773c5deb389ee0eec4332b4ef09de768cb23483c08833, expected 7d626bb130fa74bb208b15460a5db0c87d4e3883c4372efbb18e955865efed1d324e27bed0a3e9b8565f2b276ad102d7; what was found is the value for a firmware that puts initrd=initrd behind; depends on command-line, initrd-argument"
        ],
    );
}

#[test]
fn the_first_word_that_differs_is_told_if_the_guest_s_command_line_is_known() {
    let found = "initrd=initrd console=ttyS0 panic=1";
    let mut evidence = changed(|rows| rows[3].3 = load_options(found));
    evidence.command_line = Some(found.to_owned());
    told(
        &evidence,
        &expect![
            "rtmr_2, event 3 (load-options): got 50388b090389fcca371cce1e0ae0742769d7be5f4979c027a96637938a8bdcc9a412468883d292adcb14af6d63cc4789, expected 7d626bb130fa74bb208b15460a5db0c87d4e3883c4372efbb18e955865efed1d324e27bed0a3e9b8565f2b276ad102d7; word 2 is `console=ttyS0`, expected `console=hvc0`; depends on command-line, initrd-argument"
        ],
    );
}

#[test]
fn a_command_line_that_was_not_measured_is_not_believed() {
    let mut evidence = changed(|rows| rows[3].3 = load_options("other"));
    evidence.command_line = Some("initrd=initrd console=ttyS0 panic=1".to_owned());
    told(
        &evidence,
        &expect![
            "rtmr_2, event 3 (load-options): got 95bdc6a587a08a862076dee867f522eb61a35f0acbe5ab731cefc558bfe402736b68984552a0b511fa0fc391e6754396, expected 7d626bb130fa74bb208b15460a5db0c87d4e3883c4372efbb18e955865efed1d324e27bed0a3e9b8565f2b276ad102d7; depends on command-line, initrd-argument"
        ],
    );
}

#[test]
fn an_event_that_is_missing_is_named() {
    told(
        &changed(|rows| drop(rows.remove(4))),
        &expect![
            "rtmr_2: no event initrd, expected it with 0ea077a251cb5b89108623041521d525aa49452a84239b04232bd69ad66b2885b792748e445082253569dd304c50a110; depends on initrd"
        ],
    );
    told(
        &changed(|rows| drop(rows.remove(2))),
        &expect![
            "rtmr_1: no event separator, expected it with 394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0"
        ],
    );
}

#[test]
fn an_event_too_many_is_named_by_what_is_known_of_it() {
    told(
        &changed(|rows| {
            rows.insert(
                1,
                (
                    Measured::Kernel,
                    EventType::PLATFORM_CONFIG_FLAGS,
                    b"shim".to_vec(),
                    Sha384::of(b""),
                    vec![],
                ),
            );
        }),
        &expect![
            "rtmr_1, event 1 (shim): got 38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b, expected no such event"
        ],
    );
}

#[test]
fn another_boot_that_is_acceptable_as_well_has_no_difference() {
    let mut rows = boot();
    rows[3].3 = load_options("initrd=initrd console=hvc0 agent.log=debug");
    let mut expected = expected();
    let other = labelled("the other runtime", log(&rows).replay()[&Register::Rtmr2].as_bytes());
    expected.fields[0].values.push(other);
    let comparison = compare(&expected, &of_log(&rows));
    assert_eq!(comparison.differences, []);
    assert_eq!(comparison.matches[1], (Field::Rtmr(Register::Rtmr2), "the other runtime".to_owned()));
}

#[test]
fn a_log_that_is_not_of_the_quote_is_told_before_all_else() {
    let mut evidence = of_log(&boot());
    evidence.fields.insert(Field::Rtmr(Register::Rtmr1), FieldValue::of(&[9; 48]));
    told(
        &evidence,
        &expect![
            "rtmr_1: the log gives 9410f3545548cde38974a9a2bb8d3aac339c8cec42de5ca92525072c3cc172878ca4c7197f7d9d1b95dea0ccf80a3b06, the register is 090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909"
        ],
    );
}

/// A quote without a log.
fn quote(rtmr2: &[u8; 48]) -> Evidence {
    let registers = log(&boot()).replay();
    let fields = [
        (Field::MrTd, FieldValue::of(&[1; 48])),
        (Field::Rtmr(Register::Rtmr1), FieldValue::of(registers[&Register::Rtmr1].as_bytes())),
        (Field::Rtmr(Register::Rtmr2), FieldValue::of(rtmr2)),
    ];
    Evidence { form: Form::TdxQuote, fields: fields.into(), log: None, command_line: None }
}

#[test]
fn without_a_log_the_register_is_compared_and_a_known_variant_is_named() {
    told(
        &quote(&[0; 48]),
        &expect![
            "rtmr_2: got 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, expected 36bf0d7cfedc53e439d14911436a2bd57d25aeb26fb2a53cc99e62ceda2c73dfee06843675b3ef54d561f4a78621018f (this boot); what was found is the value for a kernel that measures nothing; depends on command-line, initrd"
        ],
    );
    told(&quote(log(&boot()).replay()[&Register::Rtmr2].as_bytes()), &expect![[""]]);
}

#[test]
fn an_snp_guest_with_another_number_of_vcpus_is_recognised() {
    let vcpus = |count: u8| labelled(&format!("{count} vCPUs"), &[count; 48]);
    let field = ExpectedField {
        field: Field::SnpMeasurement,
        values: (2..=4).map(vcpus).collect(),
        variants: (5..=8).map(vcpus).collect(),
        inputs: vec![Input::Firmware, Input::VcpuCount],
    };
    let expected = Expected { fields: vec![field], events: vec![] };
    let found = |byte| {
        let fields = [(Field::SnpMeasurement, FieldValue::of(&[byte; 48]))];
        let evidence =
            Evidence { form: Form::SnpReport, fields: fields.into(), log: None, command_line: None };
        compare(&expected, &evidence)
    };
    assert_eq!(found(3).matches, [(Field::SnpMeasurement, "3 vCPUs".to_owned())]);
    expect!["measurement: got 070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707, expected one of 3 values (2 vCPUs to 4 vCPUs); what was found is the value for 7 vCPUs; depends on firmware, vcpu-count"].assert_eq(&found(7).differences[0].to_string());
    assert_eq!(compare(&expected, &quote(&[0; 48])).verdict(), Verdict::NothingCompared);
}
