//! The event log that a TD's firmware and kernel leave in memory, the CCEL: bytes to events, and back.
//!
//! TCG PC Client Platform Firmware Profile 1.06, sections 10.2.2 (`TCG_PCR_EVENT2`) and 10.4.5.1 (`Spec ID
//! Event03`), with the measurement registers of UEFI 2.11, section 38.4.1. Linux shows it as
//! `/sys/firmware/acpi/tables/data/CCEL`. What events mean to a kernel's boot is told as far as it is known
//! ([`LoggedEvent::measured`]); that the log is honest is for the registers to say ([`EventLog::replay`]).

mod event_type;
mod text;

use std::collections::BTreeMap;

use crate::digest::Sha384;
use crate::event::{Measured, Register, replay};

pub use event_type::{EventType, UnknownEventType};

/// Bytes a log may have. Firmware sets 64 KiB aside for it.
pub const BYTES_MAX: usize = 4 << 20;

/// Events a log may have. A boot leaves some 20 to 60.
pub const EVENTS_MAX: usize = 10_000;

/// A log of events, in the order in which they were logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLog {
    /// The events. The one that says which version the log has is not among them.
    pub events: Vec<LoggedEvent>,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The register that was extended; none, if it is MRTD's index, which nothing can extend.
    pub register: Option<Register>,
    /// What kind of event.
    pub kind: EventType,
    /// What the register was extended with.
    pub digest: Sha384,
    /// What the log says of it. It is measured only in some kinds of events.
    pub data: Vec<u8>,
}

/// Why bytes are no event log of a TD. Offsets are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventLogError {
    /// More than a log has.
    #[error("the event log is too long: got {got} {unit}, expected at most {limit}")]
    TooLong {
        /// What is counted: `bytes` or `events`.
        unit: &'static str,
        /// How many there are.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The log ends where it should go on.
    #[error("the event log ends at offset {end}: expected {expected} of {wanted} bytes at offset {offset}")]
    Short {
        /// What should be there.
        expected: &'static str,
        /// How long it should be.
        wanted: usize,
        /// Where it should begin.
        offset: usize,
        /// Where the log ends.
        end: usize,
    },
    /// Something else than a log of this kind has there.
    #[error("the event log has {what} {got:#x} at offset {offset}, expected {expected}")]
    Unexpected {
        /// Which field.
        what: &'static str,
        /// What it is.
        got: u64,
        /// Where it is.
        offset: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// The first event does not say which version the log has.
    #[error("the event log does not begin with \"Spec ID Event03\"")]
    NoVersion,
}

impl EventLog {
    /// Reads a log. All after the last event must be of one byte, 0 or 0xff, as firmware fills the memory.
    ///
    /// Digests are SHA-384 alone, as TDX extends its registers with no other.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventLogError> {
        if bytes.len() > BYTES_MAX {
            let (got, limit) = (bytes.len(), BYTES_MAX);
            return Err(EventLogError::TooLong { unit: "bytes", got, limit });
        }
        let mut reader = Reader { bytes, at: 0 };
        version(&mut reader)?;
        let mut events = Vec::new();
        while !reader.is_at_fill() {
            if events.len() == EVENTS_MAX {
                let (got, limit) = (EVENTS_MAX + 1, EVENTS_MAX);
                return Err(EventLogError::TooLong { unit: "events", got, limit });
            }
            events.push(event(&mut reader)?);
        }
        Ok(Self { events })
    }

    /// The log as firmware writes it, without fill behind it.
    ///
    /// Data of 4 GiB or more can't be said; it is cut there.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [1, NO_ACTION, 0, 0, 0, 0, 0, 33] {
            bytes.extend(u32::to_le_bytes(field));
        }
        bytes.extend(SIGNATURE);
        bytes.extend([0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0]); // platform class, version 2.0, u64 words, 1 algorithm
        bytes.extend([SHA384.to_le_bytes(), SHA384_BYTES.to_le_bytes()].concat());
        bytes.push(0); // no information of the vendor
        for LoggedEvent { register, kind, digest, data } in &self.events {
            let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
            for field in [register_index(*register), kind.number(), 1] {
                bytes.extend(field.to_le_bytes());
            }
            bytes.extend(SHA384.to_le_bytes());
            bytes.extend(digest.as_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(data.iter().take(usize::try_from(size).unwrap_or(usize::MAX)));
        }
        bytes
    }

    /// The values that all events together give the registers; zeros for a register without events.
    ///
    /// Events of the kind `EV_NO_ACTION` extend nothing (section 10.4.5).
    pub fn replay(&self) -> BTreeMap<Register, Sha384> {
        [Register::Rtmr0, Register::Rtmr1, Register::Rtmr2, Register::Rtmr3]
            .map(|register| (register, replay(self.of(register).map(|(_, event)| &event.digest))))
            .into()
    }

    /// The events that extend `register`, each with its place among all, counted from 0.
    pub fn of(&self, register: Register) -> impl Iterator<Item = (usize, &LoggedEvent)> {
        let extends =
            move |event: &LoggedEvent| event.register == Some(register) && event.kind.number() != NO_ACTION;
        self.events.iter().enumerate().filter(move |(_, event)| extends(event))
    }
}

impl LoggedEvent {
    /// What was measured, if it is an event of a kernel's boot that can be predicted.
    pub fn measured(&self) -> Option<Measured> {
        Some(match (self.kind, self.register?) {
            (EventType::BOOT_SERVICES_APPLICATION, Register::Rtmr1) => Measured::Kernel,
            (EventType::SEPARATOR, Register::Rtmr1) => Measured::Separator,
            (EventType::ACTION_OF_EFI, Register::Rtmr1) => match self.text()?.as_str() {
                "Calling EFI Application from Boot Option" => Measured::CallingApplication,
                "Exit Boot Services Invocation" => Measured::ExitBootServicesInvocation,
                "Exit Boot Services Returned with Success" => Measured::ExitBootServicesSuccess,
                _ => return None,
            },
            (EventType::TAG, Register::Rtmr2) => match text::tag(&self.data)? {
                (LOAD_OPTIONS, _) => Measured::LoadOptions,
                (INITRD, _) => Measured::Initrd,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// What the log says of it in words, for the kinds of events that do: control characters are escaped.
    pub fn text(&self) -> Option<String> {
        let text = text::of(self.kind, &self.data)?;
        let escaped = text.chars().flat_map(|c| {
            let is_plain = !c.is_control();
            is_plain
                .then_some(c)
                .into_iter()
                .chain((!is_plain).then(|| c.escape_default()).into_iter().flatten())
        });
        Some(escaped.collect())
    }
}

/// `EV_NO_ACTION`.
const NO_ACTION: u32 = 3;

/// Linux, `drivers/firmware/efi/libstub/efistub.h`: the tags of what the kernel's EFI stub measures.
const LOAD_OPTIONS: u32 = 0x8F3B_22ED;
const INITRD: u32 = 0x8F3B_22EC;

/// `TCG_EfiSpecIdEvent.signature`, with its NUL.
const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";

/// `TPM_ALG_SHA384`, and how many bytes its digests have.
const SHA384: u16 = 0xc;
const SHA384_BYTES: u16 = 48;

/// UEFI 2.11, section 38.4.1: index 0 is MRTD.
const REGISTERS: [(u32, Register); 4] =
    [(1, Register::Rtmr0), (2, Register::Rtmr1), (3, Register::Rtmr2), (4, Register::Rtmr3)];

fn register_index(register: Option<Register>) -> u32 {
    let is_it = |(index, known)| (Some(known) == register).then_some(index);
    REGISTERS.into_iter().find_map(is_it).unwrap_or(0)
}

/// The register of an index: `Ok(None)` for MRTD, an error for an index that TDX does not have.
pub(crate) fn register_of(index: u32) -> Result<Option<Register>, u32> {
    if index == 0 {
        return Ok(None);
    }
    REGISTERS.into_iter().find(|(known, _)| *known == index).map(|(_, register)| Some(register)).ok_or(index)
}

/// The first event, in the older format of TPM 1.2: it says which digests the others have.
fn version(reader: &mut Reader<'_>) -> Result<(), EventLogError> {
    reader.u32("a register index")?;
    let (offset, kind) = (reader.at, reader.u32("an event type")?);
    reader.take("a SHA-1 digest", 20)?;
    if kind != NO_ACTION {
        let got = u64::from(kind);
        return Err(unexpected("event type", got, offset, "3 (EV_NO_ACTION) for the first event"));
    }
    let size = reader.u32("the size of event data")?;
    let end = reader.at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    if reader.take("the log's version", SIGNATURE.len())? != SIGNATURE {
        return Err(EventLogError::NoVersion);
    }
    reader.take("the platform's class and version", 8)?;
    let (offset, count) = (reader.at, reader.u32("the number of algorithms")?);
    if count != 1 {
        return Err(unexpected("number of algorithms", count.into(), offset, "1"));
    }
    for (what, expected, in_words) in
        [("algorithm", SHA384, "0xc (SHA-384)"), ("digest size", SHA384_BYTES, "48")]
    {
        let (offset, got) = (reader.at, reader.u16(what)?);
        if got != expected {
            return Err(unexpected(what, got.into(), offset, in_words));
        }
    }
    let (vendor, _) =
        reader.take("the size of the vendor's information", 1)?.split_first().unwrap_or((&0, &[]));
    reader.take("the vendor's information", usize::from(*vendor))?;
    if reader.at != end {
        let got = u64::from(size);
        return Err(unexpected("size of the first event", got, 28, "the size of what is in it"));
    }
    Ok(())
}

/// `TCG_PCR_EVENT2`.
fn event(reader: &mut Reader<'_>) -> Result<LoggedEvent, EventLogError> {
    let offset = reader.at;
    let register = register_of(reader.u32("a register index")?).map_err(|got| {
        unexpected("register index", got.into(), offset, "0 (MRTD) or 1 to 4 (RTMR0 to RTMR3)")
    })?;
    let (offset, number) = (reader.at, reader.u32("an event type")?);
    let kind = EventType::try_from(number)
        .map_err(|error| unexpected("event type", error.number.into(), offset, "one that TCG has named"))?;
    let (offset, count) = (reader.at, reader.u32("the number of digests")?);
    if count != 1 {
        return Err(unexpected("number of digests", count.into(), offset, "1"));
    }
    let (offset, algorithm) = (reader.at, reader.u16("an algorithm")?);
    if algorithm != SHA384 {
        return Err(unexpected("algorithm", algorithm.into(), offset, "0xc (SHA-384)"));
    }
    let mut digest = [0; 48];
    digest.copy_from_slice(reader.take("a digest", SHA384_BYTES.into())?);
    let size = reader.u32("the size of event data")?;
    let data = reader.take("event data", usize::try_from(size).unwrap_or(usize::MAX))?.to_vec();
    Ok(LoggedEvent { register, kind, digest: digest.into(), data })
}

fn unexpected(what: &'static str, got: u64, offset: usize, expected: &'static str) -> EventLogError {
    EventLogError::Unexpected { what, got, offset, expected }
}

/// Bytes, and how far they are read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, expected: &'static str, wanted: usize) -> Result<&'a [u8], EventLogError> {
        let (offset, end) = (self.at, self.bytes.len());
        let taken = offset.checked_add(wanted).and_then(|to| self.bytes.get(offset..to));
        let taken = taken.ok_or(EventLogError::Short { expected, wanted, offset, end })?;
        self.at += wanted;
        Ok(taken)
    }

    fn u16(&mut self, expected: &'static str) -> Result<u16, EventLogError> {
        let mut number = [0; 2];
        number.copy_from_slice(self.take(expected, 2)?);
        Ok(u16::from_le_bytes(number))
    }

    fn u32(&mut self, expected: &'static str) -> Result<u32, EventLogError> {
        let mut number = [0; 4];
        number.copy_from_slice(self.take(expected, 4)?);
        Ok(u32::from_le_bytes(number))
    }

    /// Whether no event follows.
    fn is_at_fill(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        [0, 0xff].iter().any(|fill| rest.iter().all(|byte| byte == fill))
    }
}

#[cfg(test)]
mod tests;
