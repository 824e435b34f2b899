//! Evidence of guests: event logs, and claims, quotes and reports.

use coco_measure::comparison::{Difference, Expected, ExpectedField, Labelled, compare};
use coco_measure::event_log::EventLog;
use coco_measure::evidence::Evidence;

/// An event log. What was read is read again from what is written, and a text is fit for a terminal.
pub fn event_log(bytes: &[u8]) {
    let Ok(log) = EventLog::parse(bytes) else { return };
    assert_eq!(EventLog::parse(&log.to_bytes()).as_ref(), Ok(&log), "what is written is read back");
    for event in &log.events {
        let text = event.text().unwrap_or_default();
        assert!(!text.contains(char::is_control), "{text:?} has control characters");
        let _ = event.measured();
    }
    assert_eq!(log.replay().len(), 4, "each register has a value");
}

/// Evidence in whatever form it comes. Compared with itself, nothing differs but a log from its registers.
pub fn evidence(bytes: &[u8]) {
    let Ok(evidence) = Evidence::parse(bytes) else { return };
    let field = |(field, value): (&_, &coco_measure::evidence::FieldValue)| ExpectedField {
        field: *field,
        values: vec![Labelled { label: "itself".to_owned(), value: value.clone() }],
        variants: Vec::new(),
        inputs: Vec::new(),
    };
    let expected = Expected { fields: evidence.fields.iter().map(field).collect(), events: Vec::new() };
    let comparison = compare(&expected, &evidence);
    let is_of_log = |difference: &Difference| matches!(difference, Difference::LogDisagrees { .. });
    assert!(comparison.differences.iter().all(is_of_log), "{:?}", comparison.differences);
    assert!(comparison.not_compared.is_empty(), "{:?}", comparison.not_compared);
    let _: Vec<String> = comparison.differences.iter().map(Difference::to_string).collect();
    let _ = compare(&Expected::default(), &evidence);
}
