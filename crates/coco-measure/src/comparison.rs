//! Evidence against prediction: the first event or field that differs, and the inputs behind it.
//!
//! A register says only that something differs; its events say what. So where there is a log, its events are
//! compared, and a register only if they do not account for it.

mod difference;
mod events;

use crate::digest::Sha384;
use crate::event::{Event, Register, replay};
use crate::evidence::{Evidence, Field, FieldValue};
use crate::input::Input;

pub use difference::{Difference, WordDifference};

/// What evidence should say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The fields that were predicted. What a host alone can tell is not among them, and not compared.
    pub fields: Vec<ExpectedField>,
    /// The events of RTMR1 and RTMR2, in the order in which they are logged.
    pub events: Vec<ExpectedEvent>,
}

/// A field that was predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedField {
    /// Which one.
    pub field: Field,
    /// Its acceptable values, each with what it is the value of: `4 vCPUs`, `no initdata`.
    pub values: Vec<Labelled>,
    /// Values that are not acceptable, and tell what is wrong if one is found: `5 vCPUs`.
    pub variants: Vec<Labelled>,
    /// What it depends on.
    pub inputs: Vec<Input>,
}

/// A value and what it is the value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What it is the value of.
    pub label: String,
    /// The value.
    pub value: FieldValue,
}

/// An event that was predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedEvent {
    /// The event.
    pub event: Event,
    /// Digests that it must not have, and that tell what is wrong if it has one: `initrd=initrd behind`.
    pub variants: Vec<(String, Sha384)>,
    /// What the digest is of, if it is a text: the command line of load options.
    pub text: Option<String>,
}

/// How evidence compares with what was predicted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What differs; what comes first is behind what follows.
    pub differences: Vec<Difference>,
    /// The fields that are as predicted, and what each is the value of.
    pub matches: Vec<(Field, String)>,
    /// The fields that were not compared.
    pub not_compared: Vec<(Field, NotCompared)>,
}

/// Why a field was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCompared {
    /// It is in the evidence, and cannot be predicted.
    NotPredicted,
    /// It was predicted, and is not in evidence of this form.
    NotInEvidence,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All that was compared is as predicted.
    Equal,
    /// Something differs.
    Differs,
    /// The evidence has nothing of what was predicted: it is of another kind of guest.
    NothingCompared,
}

/// Compares evidence with what was predicted.
pub fn compare(expected: &Expected, found: &Evidence) -> Comparison {
    let mut comparison = Comparison::default();
    let mut fields: Vec<&ExpectedField> = expected.fields.iter().collect();
    fields.sort_by_key(|field| field.field);
    for field in fields {
        let explained = match field.field {
            Field::Rtmr(register) => comparison.compare_log(expected, field, found, register),
            _ => Explained::No,
        };
        comparison.compare_field(field, found, explained);
    }
    let is_predicted = |field: &Field| expected.fields.iter().any(|known| known.field == *field);
    let others = found.fields.keys().filter(|field| !is_predicted(field));
    comparison.not_compared.extend(others.map(|field| (*field, NotCompared::NotPredicted)));
    comparison
}

impl Comparison {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match (self.differences.as_slice(), self.matches.as_slice()) {
            ([], []) => Verdict::NothingCompared,
            ([], _) => Verdict::Equal,
            _ => Verdict::Differs,
        }
    }

    /// Compares the events of a register; says whether they account for its value.
    fn compare_log(
        &mut self,
        expected: &Expected,
        field: &ExpectedField,
        found: &Evidence,
        register: Register,
    ) -> Explained {
        let Some(log) = &found.log else { return Explained::No };
        let logged: Vec<_> = log.of(register).collect();
        let replayed = FieldValue::of(replay(logged.iter().map(|(_, event)| &event.digest)).as_bytes());
        if let Some(value) = found.fields.get(&Field::Rtmr(register))
            && *value != replayed
        {
            let (log, register_value) = (replayed, value.clone());
            self.differences.push(Difference::LogDisagrees { register, log, register_value });
            return Explained::Yes;
        }
        // No other events give this value; those of the prediction may be of another acceptable boot.
        if field.values.iter().any(|known| known.value == replayed) {
            return Explained::No;
        }
        let wanted: Vec<_> =
            expected.events.iter().filter(|event| event.event.register == register).collect();
        // Nothing is known of the events: the register alone can be compared.
        if wanted.is_empty() {
            return Explained::No;
        }
        let before = self.differences.len();
        self.differences.extend(events::differences(
            register,
            &wanted,
            &logged,
            found.command_line.as_deref(),
        ));
        if self.differences.len() > before { Explained::Yes } else { Explained::No }
    }

    fn compare_field(&mut self, expected: &ExpectedField, found: &Evidence, explained: Explained) {
        let ExpectedField { field, values, variants, inputs } = expected;
        let Some(value) = found.fields.get(field) else {
            self.not_compared.push((*field, NotCompared::NotInEvidence));
            return;
        };
        let label = |known: &[Labelled]| {
            known.iter().find(|known| known.value == *value).map(|known| known.label.clone())
        };
        match (label(values), explained) {
            (Some(label), Explained::No) => self.matches.push((*field, label)),
            // The events that differ are told already.
            (_, Explained::Yes) => {}
            (None, Explained::No) => self.differences.push(Difference::Field {
                field: *field,
                expected: values.clone(),
                found: value.clone(),
                found_is: label(variants),
                inputs: inputs.clone(),
            }),
        }
    }
}

/// Whether events account for a register's value.
#[derive(Clone, Copy)]
enum Explained {
    Yes,
    No,
}

#[cfg(test)]
mod tests;
