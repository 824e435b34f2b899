//! From predictions to what evidence is compared with: right values, and wrong ones that say what is wrong.

use coco_image::manifest::{EventRecord, LaunchRecord, MeasurementsRecord, PlatformRecord, ValueRecord};
use coco_measure::command_line::{CommandLine, InitrdArgument};
use coco_measure::comparison::{Expected, ExpectedEvent, ExpectedField, Labelled};
use coco_measure::digest::Sha384;
use coco_measure::event::{Event, Measured, Register, replay};
use coco_measure::evidence::{Field, FieldValue, Form};
use coco_measure::input::Input;

/// A value, register or event that no prediction has; only a manifest that was edited has one.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is nothing that coco-initrd predicts")]
pub(crate) struct Unknown(String);

/// What evidence of this form should say. `launch` is the one whose events are named where they differ; values of all
/// launches are acceptable.
pub(crate) fn expected(
    record: &MeasurementsRecord,
    launch: &LaunchRecord,
    form: Form,
) -> anyhow::Result<Expected> {
    let mut expected = Expected::default();
    for (name, launch) in &record.launches {
        for value in &launch.values {
            if let Some(field) = field(&value.name) {
                let label = match value.vcpus {
                    None => format!("launch {name}"),
                    Some(vcpus) => format!("launch {name}, vCPUs: {vcpus}"),
                };
                add(&mut expected, field, value, label)?;
            }
        }
    }
    let shown = match (form, &record.platform) {
        (Form::VtpmClaims, _) => "pcr8",
        (_, host) => host.init_data(),
    };
    for document in &record.init_data {
        if let Some(value) = document.value(shown) {
            add(&mut expected, Field::InitData, value, format!("initdata {}", document.name))?;
        }
    }
    for event in &launch.events {
        expected.events.push(expected_event(record, launch, event)?);
    }
    let rtmr_2 = |field: &&mut ExpectedField| field.field == Field::Rtmr(Register::Rtmr2);
    if let Some(field) = expected.fields.iter_mut().find(rtmr_2) {
        field.variants = variants_of_rtmr_2(&expected.events);
    }
    Ok(expected)
}

fn add(expected: &mut Expected, field: Field, value: &ValueRecord, label: String) -> Result<(), Unknown> {
    let bytes = data_encoding::HEXLOWER.decode(value.value.as_bytes());
    let bytes = bytes.map_err(|_| Unknown(value.value.clone()))?;
    let labelled = Labelled { label, value: FieldValue::of(&bytes) };
    if let Some(known) = expected.fields.iter_mut().find(|known| known.field == field) {
        known.values.push(labelled);
    } else {
        let (values, inputs) = (vec![labelled], inputs(&value.inputs)?);
        expected.fields.push(ExpectedField { field, values, variants: Vec::new(), inputs });
    }
    Ok(())
}

/// The field of a value; events that Trustee asks for by name are compared as events.
fn field(name: &str) -> Option<Field> {
    match name {
        "snp_launch_measurement" => Some(Field::SnpMeasurement),
        "mr_td" => Some(Field::MrTd),
        "rtmr_1" => Some(Field::Rtmr(Register::Rtmr1)),
        "rtmr_2" => Some(Field::Rtmr(Register::Rtmr2)),
        _ => None,
    }
}

fn inputs(names: &[String]) -> Result<Vec<Input>, Unknown> {
    let input = |name: &String| {
        let known = Input::ALL.into_iter().find(|input| input.to_string() == *name);
        known.ok_or_else(|| Unknown(name.clone()))
    };
    names.iter().map(input).collect()
}

fn expected_event(
    record: &MeasurementsRecord,
    launch: &LaunchRecord,
    event: &EventRecord,
) -> anyhow::Result<ExpectedEvent> {
    let registers = [Register::Rtmr1, Register::Rtmr2];
    let register = registers.into_iter().find(|register| register.to_string() == event.register);
    let measured = Measured::ALL.into_iter().find(|measured| measured.to_string() == event.measured);
    let (Some(register), Some(measured)) = (register, measured) else {
        return Err(Unknown(format!("{} {}", event.register, event.measured)).into());
    };
    let digest = Sha384::from(*event.digest.as_bytes());
    let event = Event { register, measured, digest, inputs: inputs(&event.inputs)? };
    let (text, variants) = match (measured, &record.platform) {
        (Measured::LoadOptions, PlatformRecord::Tdx(host)) => {
            let line: CommandLine = launch.command_line.parse()?;
            let argument = record.initrd.as_ref().map(|_| host.initrd_argument.parse()).transpose()?;
            (Some(line.load_options(argument)), load_options(&line, digest))
        }
        _ => (None, Vec::new()),
    };
    Ok(ExpectedEvent { event, variants, text })
}

/// The digests of the same command line with `initrd=initrd` elsewhere, or without it.
fn load_options(line: &CommandLine, right: Sha384) -> Vec<(String, Sha384)> {
    let ways = [
        ("initrd=initrd before the command line", Some(InitrdArgument::Prefix)),
        ("initrd=initrd after the command line", Some(InitrdArgument::Suffix)),
        ("a command line without initrd=initrd", None),
    ];
    let digest = |(label, argument): (&str, Option<InitrdArgument>)| {
        (label.to_owned(), line.load_options_digest(argument))
    };
    ways.into_iter().map(digest).filter(|(_, digest)| *digest != right).collect()
}

/// Values of RTMR2 that are wrong in a known way: command lines of other ways, and no event for the initrd.
fn variants_of_rtmr_2(events: &[ExpectedEvent]) -> Vec<Labelled> {
    let of = |measured| events.iter().find(|event| event.event.measured == measured);
    let Some(options) = of(Measured::LoadOptions) else { return Vec::new() };
    let initrd = of(Measured::Initrd).map(|event| &event.event.digest);
    let labelled = |label: &str, digests: Vec<&Sha384>| Labelled {
        label: label.to_owned(),
        value: FieldValue::of(replay(digests).as_bytes()),
    };
    let other =
        |(label, digest): &(String, Sha384)| labelled(label, std::iter::once(digest).chain(initrd).collect());
    let mut variants: Vec<Labelled> = options.variants.iter().map(other).collect();
    if initrd.is_some() {
        variants.push(labelled("a kernel that does not measure its initrd", vec![&options.event.digest]));
    }
    let nothing = "a kernel that measures nothing: Linux before 6.9, or no EFI stub";
    variants.push(labelled(nothing, Vec::new()));
    variants
}
