//! `measure --verify`: compares evidence with predictions, and names the first thing that differs.

use std::path::Path;

use anyhow::Context as _;
use coco_image::manifest::MeasurementsRecord;
use coco_measure::comparison::{Comparison, Difference, NotCompared, Verdict, compare};
use coco_measure::evidence::{BYTES_MAX, Evidence};
use fs_err as fs;
use serde_json::{Value, json};

use super::MeasureError;
use crate::Outcome;
use crate::args::measure::{FormatArg, MeasureArgs};
use crate::measure::expected;
use crate::named_file;
use crate::output::Output;
use crate::report::one_line;

/// Compares `evidence`; wanting if something differs.
pub(super) fn verify(
    record: &MeasurementsRecord,
    evidence: &Path,
    args: &MeasureArgs,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = named_file::bytes(fs::File::open(evidence)?, evidence, limit)?;
    let name = || evidence.display().to_string();
    let mut found = Evidence::parse(&bytes).with_context(name)?;
    if let Some(path) = &args.proc_cmdline {
        if found.log.is_none() {
            return Err(MeasureError::NoLog.into());
        }
        let text = named_file::text(path)?;
        found.command_line = Some(text.strip_suffix('\n').unwrap_or(&text).to_owned());
    }
    let Some((launch_name, launch)) = record.launches.first_key_value() else {
        return Err(MeasureError::NoPredictions.into());
    };
    let comparison = compare(&expected(record, launch, found.form)?, &found);
    if comparison.verdict() == Verdict::NothingCompared {
        let (got, expected) = (found.form.to_string(), record.platform.tee());
        return Err(anyhow::Error::new(MeasureError::OtherGuest { got, expected }).context(name()));
    }
    if matches!(args.format, FormatArg::Json) {
        out.data(&as_json(&comparison, &found))?;
    } else {
        out.data(&words(&comparison))?;
        let has_several = record.launches.len() > 1 && !comparison.differences.is_empty();
        if has_several {
            out.note(&format!(
                "note: values of all launches are acceptable; events were compared with those of {launch_name}, \
                 --runtime takes another"
            ));
        }
    }
    let is_equal = comparison.verdict() == Verdict::Equal;
    Ok(if is_equal { Outcome::Done } else { Outcome::Wanting })
}

fn words(comparison: &Comparison) -> String {
    let mut lines: Vec<String> =
        comparison.differences.iter().map(|difference| format!("differs: {difference}")).collect();
    lines.extend(comparison.matches.iter().map(|(field, label)| format!("as predicted: {field} ({label})")));
    lines.extend(comparison.not_compared.iter().map(|(field, why)| {
        let why = match why {
            NotCompared::NotPredicted => "only a host can tell what it should be",
            NotCompared::NotInEvidence => "it is not in the evidence",
        };
        format!("not compared: {field}: {why}")
    }));
    lines.iter().flat_map(|line| [one_line(line), "\n".to_owned()]).collect()
}

fn as_json(comparison: &Comparison, found: &Evidence) -> String {
    let difference = |difference: &Difference| {
        let inputs: Vec<String> = difference.inputs().iter().map(ToString::to_string).collect();
        json!({"what": difference.to_string(), "inputs": inputs})
    };
    let not_compared: Vec<Value> = comparison
        .not_compared
        .iter()
        .map(|(field, why)| {
            let is_predicted = *why == NotCompared::NotInEvidence;
            json!({"field": field.to_string(), "predicted": is_predicted})
        })
        .collect();
    let matches = comparison.matches.iter();
    let mut value = json!({
        "form": found.form.to_string(),
        "differences": comparison.differences.iter().map(difference).collect::<Vec<Value>>(),
        "matches": matches
            .map(|(field, label)| json!({"field": field.to_string(), "is": label}))
            .collect::<Vec<Value>>(),
        "not_compared": not_compared,
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}
