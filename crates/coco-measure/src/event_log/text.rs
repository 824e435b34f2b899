//! What event data say in words. Data that are not of the form of their kind say nothing.

use super::EventType;

/// The text, without NULs at its end.
pub(super) fn of(kind: EventType, data: &[u8]) -> Option<String> {
    match kind {
        EventType::ACTION_OF_EFI | EventType::PLATFORM_CONFIG_FLAGS => utf8(data),
        EventType::TAG => tag(data).and_then(|(_, text)| utf8(text)),
        // UTF-16 has NULs between its letters, and so is no text in UTF-8.
        EventType::IPL => utf8(data).or_else(|| utf16(data)),
        EventType::BOOT_SERVICES_APPLICATION => file(data),
        EventType::HANDOFF_TABLES2 | EventType::FIRMWARE_BLOB2 => {
            let (length, rest) = data.split_first()?;
            utf8(rest.get(..usize::from(*length))?)
        }
        EventType::VARIABLE_DRIVER_CONFIG
        | EventType::VARIABLE_BOOT
        | EventType::VARIABLE_BOOT2
        | EventType::VARIABLE_AUTHORITY => variable(data),
        _ => None,
    }
}

/// Number and data of a `TCG_PCClientTaggedEvent` (section 10.4.2.1).
pub(super) fn tag(data: &[u8]) -> Option<(u32, &[u8])> {
    let (id, rest) = data.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    Some((u32::from_le_bytes(*id), rest.get(..size)?))
}

/// The name of a `UEFI_VARIABLE_DATA` (section 10.2.6): GUID, two sizes, the name in UTF-16.
fn variable(data: &[u8]) -> Option<String> {
    let (chars, rest) = data.get(16..)?.split_first_chunk()?;
    let chars = usize::try_from(u64::from_le_bytes(*chars)).ok()?;
    utf16(rest.get(8..)?.get(..chars.checked_mul(2)?)?)
}

/// The file of a `UEFI_IMAGE_LOAD_EVENT` (section 10.2.3): three numbers, the length of a device path, and
/// the path (UEFI 2.11, section 10.3). Its nodes are type, subtype, length, data; a file is 4, 4.
fn file(data: &[u8]) -> Option<String> {
    let (length, path) = data.get(24..)?.split_first_chunk()?;
    let mut path = path.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    while let [kind, subtype, low, high, ..] = *path {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let node = path.get(4..length)?;
        if (kind, subtype) == (4, 4) {
            return utf16(node);
        }
        path = path.get(length..)?;
    }
    None
}

fn utf8(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?.trim_end_matches('\0');
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}

fn utf16(data: &[u8]) -> Option<String> {
    let (units, rest) = data.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let text = String::from_utf16(&units).ok()?;
    let text = text.trim_end_matches('\0');
    (rest.is_empty() && !text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}
