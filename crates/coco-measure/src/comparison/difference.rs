//! A difference, and how it is told in one line.

use std::fmt;

use super::Labelled;
use crate::digest::Sha384;
use crate::event::{Measured, Register};
use crate::event_log::EventType;
use crate::evidence::{Field, FieldValue};
use crate::input::Input;

/// Something in evidence that is not as predicted. Places of events are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The log does not give the value that the register has: one of the two is not of this boot, or forged.
    LogDisagrees {
        /// The register.
        register: Register,
        /// What the log's events give.
        log: FieldValue,
        /// What the register says.
        register_value: FieldValue,
    },
    /// An event has another digest.
    Event {
        /// The register that it extends.
        register: Register,
        /// What it measures.
        measured: Measured,
        /// Its place in the log.
        place: usize,
        /// The digest that was predicted.
        expected: Sha384,
        /// The digest in the log.
        found: Sha384,
        /// What the digest in the log is the digest of, if it is a variant that is known.
        found_is: Option<String>,
        /// The first word that differs, if it is a command line that is known.
        words: Option<WordDifference>,
        /// What the digest depends on.
        inputs: Vec<Input>,
    },
    /// An event was not logged.
    EventMissing {
        /// The register that it should extend.
        register: Register,
        /// What it should measure.
        measured: Measured,
        /// The digest that was predicted.
        expected: Sha384,
        /// What the digest depends on.
        inputs: Vec<Input>,
    },
    /// An event was logged that should not be there.
    EventExtra {
        /// The register that it extends.
        register: Register,
        /// Its place in the log.
        place: usize,
        /// Its kind.
        kind: EventType,
        /// What it measures, if that is known.
        measured: Option<Measured>,
        /// What the log says of it.
        text: Option<String>,
        /// Its digest.
        found: Sha384,
    },
    /// A field has another value.
    Field {
        /// Which one.
        field: Field,
        /// The acceptable values.
        expected: Vec<Labelled>,
        /// The value in the evidence.
        found: FieldValue,
        /// What the value in the evidence is the value of, if it is a variant that is known.
        found_is: Option<String>,
        /// What the field depends on.
        inputs: Vec<Input>,
    },
}

/// The first word in which two command lines differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordDifference {
    /// Which word, counted from 1.
    pub number: usize,
    /// The word that was predicted; none, if the command line should have ended.
    pub expected: Option<String>,
    /// The word that was measured; none, if the command line has ended.
    pub found: Option<String>,
}

impl WordDifference {
    /// The first one; none, if they differ in blanks alone or not at all.
    pub fn first(expected: &str, found: &str) -> Option<Self> {
        let (mut expected, mut found) = (expected.split_whitespace(), found.split_whitespace());
        let mut number = 0;
        loop {
            number += 1;
            let (expected, found) = (expected.next(), found.next());
            if expected.is_none() && found.is_none() {
                return None;
            }
            if expected != found {
                let owned = |word: Option<&str>| word.map(str::to_owned);
                return Some(Self { number, expected: owned(expected), found: owned(found) });
            }
        }
    }
}

impl Difference {
    /// The inputs behind it; the most likely reason for it is among them.
    pub fn inputs(&self) -> &[Input] {
        match self {
            Self::Event { inputs, .. } | Self::EventMissing { inputs, .. } | Self::Field { inputs, .. } => {
                inputs
            }
            Self::LogDisagrees { .. } | Self::EventExtra { .. } => &[],
        }
    }
}

/// One line. All digits of what was found, so that it can be looked for elsewhere.
impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogDisagrees { register, log, register_value } => {
                write!(out, "{register}: the log gives {log}, the register is {register_value}")?;
            }
            Self::Event { register, measured, place, expected, found, found_is, words, .. } => {
                write!(out, "{register}, event {place} ({measured}): got {found}, expected {expected}")?;
                tell_variant(out, found_is.as_deref())?;
                if let Some(words) = words {
                    write!(out, "; {words}")?;
                }
            }
            Self::EventMissing { register, measured, expected, .. } => {
                write!(out, "{register}: no event {measured}, expected it with {expected}")?;
            }
            Self::EventExtra { register, place, kind, measured, text, found } => {
                let name = measured.map(|known| known.to_string()).or_else(|| text.clone());
                let name = name.unwrap_or_else(|| kind.to_string());
                write!(out, "{register}, event {place} ({name}): got {found}, expected no such event")?;
            }
            Self::Field { field, expected, found, found_is, .. } => {
                write!(out, "{field}: got {found}, expected ")?;
                match expected.as_slice() {
                    [] => out.write_str("nothing")?,
                    [one] => write!(out, "{} ({})", one.value, one.label)?,
                    [first, .., last] => {
                        let count = expected.len();
                        write!(out, "one of {count} values ({} to {})", first.label, last.label)?;
                    }
                }
                tell_variant(out, found_is.as_deref())?;
            }
        }
        for (number, input) in self.inputs().iter().enumerate() {
            write!(out, "{}{input}", if number == 0 { "; depends on " } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for WordDifference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told =
            |word: &Option<String>| word.as_ref().map_or("no word".to_owned(), |word| format!("`{word}`"));
        let Self { number, expected, found } = self;
        write!(out, "word {number} is {}, expected {}", told(found), told(expected))
    }
}

fn tell_variant(out: &mut fmt::Formatter<'_>, label: Option<&str>) -> fmt::Result {
    label.map_or(Ok(()), |label| write!(out, "; what was found is the value for {label}"))
}
