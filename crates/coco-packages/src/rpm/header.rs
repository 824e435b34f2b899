//! A header of an RPM package: fields by number, each with values of one type. Knows what none of them means.
//!
//! After an intro come entries of 16 bytes (tag, type, offset, count; big-endian) and the data that they point into.
//! The checks are those of rpm (`hdrblobVerifyInfo`, `hdrblobVerifyRegion` in `lib/header.c`), and one more: all
//! entries are in the region that signatures cover. rpm lets others follow it.

use std::collections::BTreeMap;
use std::fmt;

/// What a header begins with: its magic, version 1, and four bytes that are reserved.
const MAGIC: [u8; 8] = [0x8E, 0xAD, 0xE8, 0x01, 0, 0, 0, 0];

/// Bytes of an entry.
const ENTRY_LEN: usize = 16;

/// Most entries of a header, as rpm has it.
const ENTRIES_MAX: u32 = 0xFFFF;

/// Most bytes of a header's data. rpm takes 256 MiB.
const DATA_MAX: u32 = 64 << 20;

/// One of a package's two headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Signatures and digests of the other.
    Signatures,
    /// What the package is.
    Main,
}

/// The number of a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(u32);

impl Tag {
    const REGION_SIGNATURES: Self = Self(62);
    const REGION_MAIN: Self = Self(63);
    pub(super) const SIGNATURES_DSA: Self = Self(267);
    pub(super) const SIGNATURES_RSA: Self = Self(268);
    pub(super) const SIGNATURES_SHA256: Self = Self(273);
    pub(super) const SIGNATURES_OPENPGP: Self = Self(278);
    pub(super) const NAME: Self = Self(1000);
    pub(super) const VERSION: Self = Self(1001);
    pub(super) const RELEASE: Self = Self(1002);
    pub(super) const EPOCH: Self = Self(1003);
    pub(super) const SIZE: Self = Self(1009);
    pub(super) const VENDOR: Self = Self(1011);
    pub(super) const LICENSE: Self = Self(1014);
    pub(super) const ARCH: Self = Self(1022);
    pub(super) const PAYLOAD_FORMAT: Self = Self(1124);
    pub(super) const PAYLOAD_COMPRESSOR: Self = Self(1125);
    pub(super) const LONG_SIZE: Self = Self(5009);
    pub(super) const PAYLOAD_SHA256: Self = Self(5092);
    pub(super) const PAYLOAD_SHA256_ALGO: Self = Self(5093);

    /// Scripts and triggers by their names in a spec file: the text, and the program that runs it. Either may be
    /// there without the other.
    pub(super) const SCRIPTS: [([Self; 2], &'static str); 12] = [
        ([Self(1151), Self(1153)], "%pretrans"),
        ([Self(1023), Self(1085)], "%pre"),
        ([Self(1024), Self(1086)], "%post"),
        ([Self(1025), Self(1087)], "%preun"),
        ([Self(1026), Self(1088)], "%postun"),
        ([Self(1152), Self(1154)], "%posttrans"),
        ([Self(5103), Self(5105)], "%preuntrans"),
        ([Self(5104), Self(5106)], "%postuntrans"),
        ([Self(1079), Self(1091)], "%verifyscript"),
        ([Self(1065), Self(1092)], "%trigger"),
        ([Self(5066), Self(5067)], "%filetrigger"),
        ([Self(5076), Self(5077)], "%transfiletrigger"),
    ];

    /// Those that errors speak of.
    fn name(self) -> &'static str {
        match self {
            Self::REGION_SIGNATURES => "HEADERSIGNATURES",
            Self::REGION_MAIN => "HEADERIMMUTABLE",
            Self::SIGNATURES_DSA => "DSAHEADER",
            Self::SIGNATURES_RSA => "RSAHEADER",
            Self::SIGNATURES_SHA256 => "SHA256HEADER",
            Self::SIGNATURES_OPENPGP => "OPENPGP",
            Self::NAME => "NAME",
            Self::VERSION => "VERSION",
            Self::RELEASE => "RELEASE",
            Self::EPOCH => "EPOCH",
            Self::SIZE => "SIZE",
            Self::VENDOR => "VENDOR",
            Self::LICENSE => "LICENSE",
            Self::ARCH => "ARCH",
            Self::PAYLOAD_FORMAT => "PAYLOADFORMAT",
            Self::PAYLOAD_COMPRESSOR => "PAYLOADCOMPRESSOR",
            Self::LONG_SIZE => "LONGSIZE",
            Self::PAYLOAD_SHA256 => "PAYLOADSHA256",
            Self::PAYLOAD_SHA256_ALGO => "PAYLOADSHA256ALGO",
            _ => "tag",
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signatures => "the header of signatures",
            Self::Main => "the header",
        })
    }
}

/// Why a header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each has the part concerned, and what was got and expected")]
pub enum HeaderError {
    /// The package ends within it.
    #[error("{part} is cut off: got {got} bytes, expected {expected}")]
    Cut { part: Part, got: usize, expected: usize },
    /// It does not begin as a header does.
    #[error("{part} does not begin with the magic of a header")]
    Magic { part: Part },
    /// It is larger than is read.
    #[error("{part} has {got} {what}, expected at most {max}")]
    TooLarge { part: Part, what: &'static str, got: u32, max: u32 },
    /// Its first entry does not make all of it the region that signatures cover.
    #[error("{part} is not covered whole by its region {tag}")]
    Region { part: Part, tag: Tag },
    /// An entry is malformed.
    #[error("{part} has {tag}, which {problem}")]
    Entry { part: Part, tag: Tag, problem: &'static str },
    /// An entry that is needed is not there.
    #[error("{part} has no {tag}")]
    Missing { part: Part, tag: Tag },
    /// What comes after it up to a multiple of eight is not zero.
    #[error("the padding after {part} is not zero")]
    Padding { part: Part },
}

/// The values of a field.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    kind: u32,
    count: usize,
    /// Their bytes, and no others.
    data: &'a [u8],
}

/// A header whose every entry is whole.
#[derive(Debug)]
pub(super) struct Header<'a> {
    part: Part,
    bytes: &'a [u8],
    entries: BTreeMap<Tag, Entry<'a>>,
}

/// Types of values (`rpmTagType`).
mod kind {
    pub(super) const INT32: u32 = 4;
    pub(super) const INT64: u32 = 5;
    pub(super) const STRING: u32 = 6;
    pub(super) const BIN: u32 = 7;
    pub(super) const STRING_ARRAY: u32 = 8;
    pub(super) const I18N_STRING: u32 = 9;
}

impl<'a> Header<'a> {
    /// Reads the header that `bytes` begin with. What is after it comes back.
    pub(super) fn parse(part: Part, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), HeaderError> {
        let cut = |expected| HeaderError::Cut { part, got: bytes.len(), expected };
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(cut(ENTRY_LEN))?;
        if *magic != MAGIC {
            return Err(HeaderError::Magic { part });
        }
        let (count, rest) = number(rest).ok_or(cut(ENTRY_LEN))?;
        let (data_len, rest) = number(rest).ok_or(cut(ENTRY_LEN))?;
        for (what, got, max) in [("entries", count, ENTRIES_MAX), ("bytes of data", data_len, DATA_MAX)] {
            if got > max {
                return Err(HeaderError::TooLarge { part, what, got, max });
            }
        }
        let entries_len = size(count) * ENTRY_LEN;
        let len = ENTRY_LEN + entries_len + size(data_len);
        let (header, after) = bytes.split_at_checked(len).ok_or(cut(len))?;
        let (entries, data) = rest
            .get(..entries_len + size(data_len))
            .and_then(|rest| rest.split_at_checked(entries_len))
            .ok_or(cut(len))?;
        Ok((Self { part, bytes: header, entries: self::entries(part, entries, data)? }, after))
    }

    /// All of it, from the magic to the end of its data: what is signed.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn has_any(&self, tags: [Tag; 2]) -> bool {
        tags.iter().any(|tag| self.entries.contains_key(tag))
    }

    /// The only value of a field of text.
    pub(super) fn string(&self, tag: Tag) -> Result<Option<&'a str>, HeaderError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        if entry.kind != kind::STRING {
            return Err(self.wrong(tag, "is not one text"));
        }
        self.texts(tag, entry).map(|texts| texts.first().copied())
    }

    /// The values of a field of texts.
    pub(super) fn strings(&self, tag: Tag) -> Result<Option<Vec<&'a str>>, HeaderError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        if entry.kind != kind::STRING_ARRAY {
            return Err(self.wrong(tag, "is not a list of texts"));
        }
        self.texts(tag, entry).map(Some)
    }

    /// The only value of a field of numbers of 32 or 64 bits.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<u64>, HeaderError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        let value = match (entry.kind, entry.count) {
            (kind::INT32, 1) => entry.data.try_into().ok().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            (kind::INT64, 1) => entry.data.try_into().ok().map(u64::from_be_bytes),
            _ => None,
        };
        value.map(Some).ok_or_else(|| self.wrong(tag, "is not one number"))
    }

    /// The value of a field of bytes.
    pub(super) fn binary(&self, tag: Tag) -> Result<Option<&'a [u8]>, HeaderError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        if entry.kind == kind::BIN { Ok(Some(entry.data)) } else { Err(self.wrong(tag, "is not of bytes")) }
    }

    fn texts(&self, tag: Tag, entry: &Entry<'a>) -> Result<Vec<&'a str>, HeaderError> {
        let text = std::str::from_utf8(entry.data).map_err(|_| self.wrong(tag, "is not UTF-8"))?;
        Ok(text.split_terminator('\0').collect())
    }

    fn wrong(&self, tag: Tag, problem: &'static str) -> HeaderError {
        HeaderError::Entry { part: self.part, tag, problem }
    }
}

/// What is after the header of signatures and the zeros that follow it, up to a multiple of eight.
pub(super) fn skip_padding<'a>(header: &Header<'_>, rest: &'a [u8]) -> Result<&'a [u8], HeaderError> {
    let part = header.part;
    let len = header.bytes.len().next_multiple_of(8) - header.bytes.len();
    let cut = HeaderError::Cut { part, got: rest.len(), expected: len };
    let (padding, rest) = rest.split_at_checked(len).ok_or(cut)?;
    if padding.iter().all(|&byte| byte == 0) { Ok(rest) } else { Err(HeaderError::Padding { part }) }
}

/// The entries of a header, but for that of its region.
fn entries<'a>(part: Part, entries: &[u8], data: &'a [u8]) -> Result<BTreeMap<Tag, Entry<'a>>, HeaderError> {
    let mut rest = region(part, entries, data)?;
    let mut found = BTreeMap::new();
    let mut end = 0;
    while let Some(([tag, kind, offset, count], after)) = numbers(rest) {
        rest = after;
        let tag = Tag(tag);
        let wrong = |problem| HeaderError::Entry { part, tag, problem };
        let (offset, count) = (size(offset), size(count));
        // Else one text could be a value of every entry, and be looked through as often.
        if offset < end {
            return Err(wrong("begins before the end of another"));
        }
        let at = data.get(offset..).ok_or_else(|| wrong("is outside of the data"))?;
        let len = value_len(kind, offset, count, at).map_err(wrong)?;
        let value = at.get(..len).ok_or_else(|| wrong("is outside of the data"))?;
        end = offset + len;
        if found.insert(tag, Entry { kind, count, data: value }).is_some() {
            return Err(wrong("is there twice"));
        }
    }
    Ok(found)
}

/// What follows the entry of the region, which must say that all entries and data are in it.
///
/// It points to a trailer at the end of the data, which looks like an entry: its offset is what is between it and
/// the first entry, negative.
fn region<'a>(part: Part, entries: &'a [u8], data: &[u8]) -> Result<&'a [u8], HeaderError> {
    let tag = match part {
        Part::Signatures => Tag::REGION_SIGNATURES,
        Part::Main => Tag::REGION_MAIN,
    };
    let wrong = HeaderError::Region { part, tag };
    let len = u32::try_from(ENTRY_LEN).unwrap_or(u32::MAX);
    let covers_all = |[region, kind, offset, count]: [u32; 4]| {
        let (_, trailer) = data.split_at_checked(size(offset))?;
        let ([end, end_kind, back, end_count], after) = numbers(trailer)?;
        let back = size(back.wrapping_neg());
        let same = (end, end_kind, end_count) == (region, kind, count) && after.is_empty();
        Some(same && (region, kind, count) == (tag.0, kind::BIN, len) && back == entries.len())
    };
    match numbers(entries) {
        Some((entry, rest)) if covers_all(entry) == Some(true) => Ok(rest),
        _ => Err(wrong),
    }
}

/// How many bytes the values of an entry have that begin with `at`, which is at `offset` of the data.
fn value_len(kind: u32, offset: usize, count: usize, at: &[u8]) -> Result<usize, &'static str> {
    let fixed = |size: usize| {
        let len = count.checked_mul(size).ok_or("is outside of the data")?;
        if offset.is_multiple_of(size) { Ok(len) } else { Err("is not aligned") }
    };
    if count == 0 {
        return Err("has no value");
    }
    match kind {
        // char, int8, int16 are there for completeness of the format.
        1 | 2 | kind::BIN => fixed(1),
        3 => fixed(2),
        kind::INT32 => fixed(4),
        kind::INT64 => fixed(8),
        kind::STRING if count != 1 => Err("is one text and has several"),
        kind::STRING | kind::STRING_ARRAY | kind::I18N_STRING => {
            let ends = (1..).zip(at).filter(|(_, byte)| **byte == 0).map(|(len, _)| len);
            ends.take(count)
                .enumerate()
                .last()
                .filter(|(last, _)| last + 1 == count)
                .map(|(_, len)| len)
                .ok_or("has a text without an end")
        }
        _ => Err("is of a type that is not known"),
    }
}

fn numbers(bytes: &[u8]) -> Option<([u32; 4], &[u8])> {
    let (first, rest) = number(bytes)?;
    let (second, rest) = number(rest)?;
    let (third, rest) = number(rest)?;
    let (fourth, rest) = number(rest)?;
    Some(([first, second, third, fourth], rest))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// Where a `usize` is smaller than 32 bits, more than there can be.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
