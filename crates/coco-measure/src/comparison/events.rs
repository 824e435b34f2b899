//! The events of one register in a log against those that were predicted.

use super::ExpectedEvent;
use super::difference::{Difference, WordDifference};
use crate::digest::Sha384;
use crate::event::Register;
use crate::event_log::LoggedEvent;

/// What differs, in the order of the log. `logged` has each event's place in the whole log.
///
/// An event is taken for missing if what comes after it is there, and for one too many if what should be
/// in its place comes later.
pub(super) fn differences(
    register: Register,
    wanted: &[&ExpectedEvent],
    logged: &[(usize, &LoggedEvent)],
    command_line: Option<&str>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let (mut wanted, mut logged) = (wanted, logged);
    loop {
        match (wanted.split_first(), logged.split_first()) {
            (None, None) => return found,
            (Some((want, later_wanted)), Some(((place, event), later_logged))) => {
                let is_wanted =
                    |want: &ExpectedEvent, event: &LoggedEvent| event.measured() == Some(want.event.measured);
                if is_wanted(want, event) {
                    found.extend(digest(want, *place, event, command_line));
                    (wanted, logged) = (later_wanted, later_logged);
                } else if later_logged.iter().any(|(_, event)| is_wanted(want, event)) {
                    found.push(extra(register, *place, event));
                    logged = later_logged;
                } else {
                    found.push(missing(want));
                    wanted = later_wanted;
                }
            }
            (Some((want, later)), None) => {
                found.push(missing(want));
                wanted = later;
            }
            (None, Some(((place, event), later))) => {
                found.push(extra(register, *place, event));
                logged = later;
            }
        }
    }
}

fn digest(
    want: &ExpectedEvent,
    place: usize,
    event: &LoggedEvent,
    command_line: Option<&str>,
) -> Option<Difference> {
    let ExpectedEvent { event: wanted, variants, text } = want;
    if wanted.digest == event.digest {
        return None;
    }
    let is_it = |(_, variant): &&(String, Sha384)| *variant == event.digest;
    // A text is believed if its digest is the one that was logged.
    let measured = command_line.filter(|line| load_options(line) == event.digest);
    let words = measured.zip(text.as_deref());
    Some(Difference::Event {
        register: wanted.register,
        measured: wanted.measured,
        place,
        expected: wanted.digest,
        found: event.digest,
        found_is: variants.iter().find(is_it).map(|(label, _)| label.clone()),
        words: words.and_then(|(found, expected)| WordDifference::first(expected, found)),
        inputs: wanted.inputs.clone(),
    })
}

fn missing(want: &ExpectedEvent) -> Difference {
    let event = &want.event;
    Difference::EventMissing {
        register: event.register,
        measured: event.measured,
        expected: event.digest,
        inputs: event.inputs.clone(),
    }
}

fn extra(register: Register, place: usize, event: &LoggedEvent) -> Difference {
    Difference::EventExtra {
        register,
        place,
        kind: event.kind,
        measured: event.measured(),
        text: event.text(),
        found: event.digest,
    }
}

/// What a kernel's EFI stub measures of its command line: UTF-16 with a NUL behind it.
fn load_options(command_line: &str) -> Sha384 {
    let units = command_line.encode_utf16().chain([0]);
    Sha384::of(&units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}
