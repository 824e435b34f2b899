//! RPM packages made by code, for tests: whole and well-formed, and as wrong as their fields are.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// A field of a header: its number and its values.
pub type Field = (u32, Value);

/// Values of a field.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number of 32 bits.
    Int32(u32),
    /// A number of 64 bits.
    Int64(u64),
    /// A text.
    String(String),
    /// Texts.
    Strings(Vec<String>),
    /// Bytes.
    Bin(Vec<u8>),
}

/// One text.
pub fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// The fields of a package `hello-1:2.10-3.x86_64` with this payload and one script.
pub fn fields(payload: &[u8]) -> Vec<Field> {
    vec![
        (1000, text("hello")),
        (1001, text("2.10")),
        (1002, text("3")),
        (1003, Value::Int32(1)),
        (1009, Value::Int32(5)),
        (1011, text("Example")),
        (1014, text("MIT AND Apache-2.0")),
        (1022, text("x86_64")),
        (1024, text("true")),
        (1124, text("cpio")),
        (1125, text("zstd")),
        (5092, Value::Strings(vec![HEXLOWER.encode(&Sha256::digest(payload))])),
        (5093, Value::Int32(8)),
    ]
}

/// The header of a package, as it is signed.
pub fn header(fields: &[Field]) -> Vec<u8> {
    with_region(63, fields)
}

/// A package: the fields beside its header, such as signatures, its header, and its payload.
pub fn rpm(beside: &[Field], header: &[u8], payload: &[u8]) -> Vec<u8> {
    // The lead: magic and format, then type, machine, name and system, the type of signatures, and what is reserved.
    let mut bytes = [&b"\xED\xAB\xEE\xDB\x03"[..], &[0; 73], b"\x00\x05", &[0; 16]].concat();
    bytes.extend(with_region(62, beside));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(header);
    bytes.extend(payload);
    bytes
}

fn with_region(region: u32, fields: &[Field]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::<u8>::new());
    for (tag, value) in fields {
        let (kind, alignment, count, bytes) = match value {
            Value::Int32(number) => (4, 4, 1, number.to_be_bytes().to_vec()),
            Value::Int64(number) => (5, 8, 1, number.to_be_bytes().to_vec()),
            Value::String(text) => (6, 1, 1, [text.as_bytes(), b"\0"].concat()),
            Value::Bin(bytes) => (7, 1, length(bytes.len()), bytes.clone()),
            Value::Strings(texts) => (
                8,
                1,
                length(texts.len()),
                texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect(),
            ),
        };
        data.resize(data.len().next_multiple_of(alignment), 0);
        entries.extend(entry(*tag, kind, length(data.len()), count));
        data.extend(bytes);
    }
    let first = entry(region, 7, length(data.len()), 16);
    let entries = [first, entries].concat();
    data.extend(entry(region, 7, length(entries.len()).wrapping_neg(), 16));
    let intro = entry(0x8EAD_E801, 0, length(entries.len() / 16), length(data.len()));
    [intro, entries, data].concat()
}

fn entry(tag: u32, kind: u32, offset: u32, count: u32) -> Vec<u8> {
    [tag, kind, offset, count].iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Tests make no header of 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
