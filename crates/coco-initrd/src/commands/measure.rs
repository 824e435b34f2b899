//! `coco-initrd measure`: what evidence will show of a guest, in the forms that people and Trustee read.
//!
//! Predictions are made anew from kernel and firmware, or taken from a manifest that has them.

mod explain;
mod launches;
mod table;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::digest::{Sha256, Sha384};
use coco_image::manifest::{Manifest, MeasuredInitrdRecord, MeasurementsRecord};
use coco_initdata::{Registers, approval_of_any};
use coco_measure::trustee::{self, Expiration, ObjectName};

use crate::args::measure::{FormatArg, MeasureArgs, TeeArg};
use crate::measure::{self, Guest, reference_values};
use crate::named_file::{self, FileError};
use crate::output::Output;
use crate::{Outcome, initdata};

/// Something that must be said or left, or that is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// Nothing to compute with, and nothing computed.
    #[error("the manifest has no predictions, and neither kernel nor firmware was given")]
    NoPredictions,
    /// The manifest was made for the other one.
    #[error("the manifest's predictions are for {got}, expected {expected}")]
    Tee {
        /// That of the manifest.
        got: &'static str,
        /// That of the option.
        expected: &'static str,
    },
    /// An initrd alone says nothing about it.
    #[error("no kernel command line was given, and an initrd has none")]
    NoCommandLine,
    /// Another command line would be measured than the one that is wanted.
    #[error("{} boots an image or nothing, expected an initrd and no image", .0.display())]
    NoInitrd(PathBuf),
    /// A manifest that was built for the other runtime alone.
    #[error("the manifest has no command line of {0}")]
    NoRuntime(String),
    /// The manifest's line has words that the host decides.
    #[error("the command line of {runtime} is not exact: the host decides {words}")]
    NotExact {
        /// The runtime.
        runtime: String,
        /// The words.
        words: String,
    },
    /// Two files of one name, and a table of names; `none` is that of no initdata.
    #[error("got a second document of initdata named {0}, expected each name once")]
    SameName(String),
    /// Predictions that contradict themselves, or the image.
    #[error("the manifest's predictions do not hold: {0}")]
    Contradiction(String),
    /// A command line is compared with an event.
    #[error("--proc-cmdline counts only for evidence with an event log")]
    NoLog,
    /// A base for something that is not printed.
    #[error("--policy-base counts only with --format attestation-policy")]
    PolicyBase,
    /// Nothing in the evidence was predicted.
    #[error("got the evidence of another kind of guest, {got}, expected one of {expected}")]
    OtherGuest {
        /// The form of the evidence.
        got: String,
        /// The TEE that was predicted for.
        expected: &'static str,
    },
    /// A comparison has no such form.
    #[error("--verify prints a table or JSON, and --format asks for a form of predictions")]
    VerifyFormat,
    /// Neither of the two that have predictions.
    #[error("neither a manifest with predictions nor the output of measure --format json: {0}")]
    NotSince(serde_json::Error),
}

/// Predicts, prints, explains or compares.
pub(crate) fn measure(args: &MeasureArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    if args.policy_base.is_some() && !matches!(args.format, FormatArg::AttestationPolicy) {
        return Err(MeasureError::PolicyBase.into());
    }
    if args.verify.is_some() && !matches!(args.format, FormatArg::Table | FormatArg::Json) {
        return Err(MeasureError::VerifyFormat.into());
    }
    let documents = documents(args)?;
    let record = record(args, &documents)?;
    if let Some(path) = &args.verify {
        return verify::verify(&record, path, args, out);
    }
    let text = if args.explain {
        let since = args.since.as_deref().map(predictions).transpose()?;
        explain::text(&record, since.as_ref())
    } else {
        print(args, &record, &documents, out)?
    };
    out.data(&text)?;
    Ok(Outcome::Done)
}

/// The documents of `--initdata` by their file names.
fn documents(args: &MeasureArgs) -> anyhow::Result<Vec<(String, Registers)>> {
    let mut documents: Vec<(String, Registers)> = Vec::new();
    for path in &args.initdata {
        let (_, document) = initdata::read(path)?;
        let name = path.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into_owned());
        if name == "none" || documents.iter().any(|(other, _)| *other == name) {
            return Err(MeasureError::SameName(name).into());
        }
        documents.push((name, document.registers()));
    }
    Ok(documents)
}

fn record(args: &MeasureArgs, documents: &[(String, Registers)]) -> anyhow::Result<MeasurementsRecord> {
    let manifest = args.manifest.as_deref().map(named_file::manifest).transpose()?;
    let init_data = measure::init_data(documents);
    let (Some(kernel), Some(firmware)) = (&args.kernel, &args.firmware) else {
        let mut record = recorded(args, manifest.as_ref())?;
        record.init_data = init_data;
        return Ok(record);
    };
    let initrd = match (&manifest, &args.initrd) {
        (Some(manifest), _) => MeasuredInitrdRecord {
            sha256: manifest.image.sha256,
            sha384: manifest.image.sha384,
            size: manifest.image.size,
        },
        (None, Some(path)) => initrd(path)?,
        (None, None) => return Err(MeasureError::NoPredictions.into()),
    };
    let configuration = launches::configuration(args)?;
    let lines = launches::lines(args, configuration.as_ref(), manifest.as_ref())?;
    let of_host = configuration.as_ref().map(|(_, configuration)| configuration.memory_mib());
    let of_manifest = manifest.as_ref().and_then(|manifest| u32::try_from(manifest.image.memory_mib).ok());
    let known = of_host.or(of_manifest);
    let given = args.memory.map(std::num::NonZeroU32::get);
    let guest = Guest::read((kernel, firmware), args.tee, &args.platform, (given, known))?;
    guest.predict(Some(initrd), &lines, init_data)
}

/// The predictions of the manifest; of one runtime, if that was said.
fn recorded(args: &MeasureArgs, manifest: Option<&Manifest>) -> anyhow::Result<MeasurementsRecord> {
    let Some((manifest, mut record)) =
        manifest.and_then(|manifest| Some((manifest, manifest.measurements.clone()?)))
    else {
        return Err(MeasureError::NoPredictions.into());
    };
    if let Some(first) = measure::differences(manifest).first() {
        return Err(MeasureError::Contradiction(first.to_string()).into());
    }
    let expected = match args.tee {
        TeeArg::Snp => "snp",
        TeeArg::Tdx => "tdx",
    };
    let got = record.platform.tee();
    if got != expected {
        return Err(MeasureError::Tee { got, expected }.into());
    }
    if let Some(runtime) = args.runtime {
        let wanted = launches::name(runtime.into());
        record.launches.retain(|name, _| *name == wanted);
        if record.launches.is_empty() {
            return Err(MeasureError::NoRuntime(wanted).into());
        }
    }
    Ok(record)
}

/// The digests of an initrd, whatever is in it.
fn initrd(path: &Path) -> anyhow::Result<MeasuredInitrdRecord> {
    let (sha256, size) = Sha256::of_reader(&mut named_file::regular(path)?)?;
    let (sha384, _) = Sha384::of_reader(&mut named_file::regular(path)?)?;
    if size == 0 {
        return Err(anyhow::Error::new(FileError::Empty).context(path.display().to_string()));
    }
    Ok(MeasuredInitrdRecord { sha256, sha384, size })
}

/// The predictions in a manifest, or in what was printed as JSON.
fn predictions(path: &Path) -> anyhow::Result<MeasurementsRecord> {
    let text = named_file::text(path)?;
    let found = match Manifest::read(&text) {
        Ok(manifest) => manifest.measurements.ok_or_else(|| MeasureError::NoPredictions.into()),
        Err(_) => serde_json::from_str(&text).map_err(|error| MeasureError::NotSince(error).into()),
    };
    found.map_err(|error: anyhow::Error| error.context(path.display().to_string()))
}

fn print(
    args: &MeasureArgs,
    record: &MeasurementsRecord,
    documents: &[(String, Registers)],
    out: &mut Output,
) -> anyhow::Result<String> {
    let expiration = Expiration::default();
    Ok(match args.format {
        FormatArg::Table => table::text(record),
        FormatArg::Json => {
            let mut value = serde_json::to_value(record)?;
            value.sort_all_objects();
            format!("{value:#}\n")
        }
        FormatArg::RvpsMessage => references(record, out)?.rvps_message(),
        FormatArg::Configmap => references(record, out)?.config_map(&ObjectName::default(), &expiration),
        FormatArg::List => references(record, out)?.list(&expiration),
        FormatArg::AttestationPolicy => match &args.policy_base {
            None => trustee::INIT_DATA_RULE.to_owned(),
            Some(path) => {
                let base = named_file::text(path)?;
                trustee::with_init_data_rule(&base).with_context(|| path.display().to_string())?
            }
        },
        FormatArg::ResourcePolicy => {
            let none = ("none", Registers::without_initdata());
            let given = documents.iter().map(|(name, registers)| (name.as_str(), *registers));
            approval_of_any(&std::iter::once(none).chain(given).collect::<Vec<_>>())
        }
    })
}

/// Reference values of the record; says what their shapes cost.
fn references(record: &MeasurementsRecord, out: &mut Output) -> anyhow::Result<trustee::ReferenceValues> {
    let values = reference_values(record)?;
    for note in values.notes() {
        out.note(&format!("note: {note}"));
    }
    for (name, why) in &record.collect_on_host {
        out.note(&format!("note: not here, to be collected on a host: {name}: {why}"));
    }
    Ok(values)
}
