//! What evidence shows of initdata: of none, and of each document that a pod may bring.

use coco_image::manifest::{Certainty, InitDataRecord, ValueRecord};
use coco_initdata::Registers;

/// The records of no initdata, and of each of these documents by name.
pub(crate) fn init_data(documents: &[(String, Registers)]) -> Vec<InitDataRecord> {
    let none = record("none", &Registers::without_initdata());
    std::iter::once(none).chain(documents.iter().map(|(name, it)| record(name, it))).collect()
}

fn record(name: &str, registers: &Registers) -> InitDataRecord {
    let Registers { mrconfigid, hostdata, pcr8 } = registers;
    let value = |name: &str, value: String, certainty, reason: String| ValueRecord {
        name: name.to_owned(),
        vcpus: None,
        value,
        certainty,
        reason,
        inputs: vec!["initdata".to_owned()],
    };
    let unseen = format!("{}; the podvm extends it, and if that fails, goes on", pcr8.fit);
    let values = vec![
        value("mrconfigid", mrconfigid.to_string(), Certainty::Computed, mrconfigid.fit.to_string()),
        value("hostdata", hostdata.to_string(), Certainty::Computed, hostdata.fit.to_string()),
        value("pcr8", pcr8.to_string(), Certainty::ComputedUnverified, unseen),
    ];
    InitDataRecord { name: name.to_owned(), values }
}
