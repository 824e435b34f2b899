//! A document's bytes: indented JSON with a line end, keys in the order of the structs.

use data_encoding::HEXLOWER;
use serde::Serialize;

/// The text of `document`.
pub(crate) fn text(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("all keys of a document are strings");
    text.push('\n');
    text
}

/// A digest in lower-case hex digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    HEXLOWER.encode(digest)
}
