//! Names of documents: a UUID of what they say, so that equal documents have equal names and others do not.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// The UUID of nothing (RFC 9562, section 5.9). Stands in a document while its own is computed.
pub(crate) const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// The UUID of `text`: 122 bits of its SHA-256 (RFC 9562, section 5.8: version 8, and section 4.1: the variant).
pub(crate) fn of(text: &str) -> String {
    let mut bytes: [u8; 32] = Sha256::digest(text).into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let fields = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..16]];
    fields.map(|field| HEXLOWER.encode(field)).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_the_digest_with_version_and_variant_in_it() {
        // SHA-256 of "abc", FIPS 180-4: ba7816bf 8f01 cfea 4141 40de5dae2223...
        assert_eq!(of("abc"), "ba7816bf-8f01-8fea-8141-40de5dae2223");
    }

    #[test]
    fn the_nil_uuid_is_no_documents_name() {
        assert_eq!(NIL.len(), of("").len());
        assert_ne!(NIL, of(""));
    }
}
