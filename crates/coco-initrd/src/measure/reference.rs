//! From predictions to Trustee's reference values: which measurement is which, and whose initdata.

use anyhow::Context as _;
use coco_image::manifest::{MeasurementsRecord, PlatformRecord, ValueRecord};
use coco_measure::trustee::{InitDataKind, Measurement, ReferenceValues};

/// Reference values of all launches of a prediction.
pub(crate) fn reference_values(record: &MeasurementsRecord) -> anyhow::Result<ReferenceValues> {
    let mut values = ReferenceValues::default();
    for value in record.launches.values().flat_map(|launch| &launch.values) {
        let digest = value.value.parse().with_context(|| format!("value {}", value.name))?;
        values.add(measurement(value)?, &digest);
    }
    let kind = match record.platform {
        PlatformRecord::Snp(_) => InitDataKind::Snp,
        PlatformRecord::Tdx(_) => InitDataKind::Tdx,
    };
    let shown = record.init_data.iter().filter_map(|it| it.value(record.platform.init_data()));
    for value in shown {
        let bytes = data_encoding::HEXLOWER.decode(value.value.as_bytes());
        values.add_init_data(
            kind,
            &bytes.map_err(|error| anyhow::anyhow!("initdata {}: {error}", value.value))?,
        );
    }
    Ok(values)
}

/// A value whose name no measurement has; only a manifest that was edited has one.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no value that coco-initrd predicts")]
pub(crate) struct UnknownValue(String);

fn measurement(value: &ValueRecord) -> Result<Measurement, UnknownValue> {
    let known = [
        Measurement::SnpLaunchMeasurement,
        Measurement::MrTd,
        Measurement::Rtmr1,
        Measurement::Rtmr2,
        Measurement::TdvfKernel,
        Measurement::TdvfKernelParams,
    ];
    let found = known.into_iter().find(|measurement| measurement.name() == value.name);
    found.ok_or_else(|| UnknownValue(value.name.clone()))
}
