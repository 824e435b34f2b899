//! Why bytes are no initdata, with the place where they are wrong. Not what to do about it.

use crate::annotation::ANNOTATIONS_MAX;
use crate::document::{TEXT_MAX, VERSION};

/// Why there is no initdata to be had. `name` is the caller's word for the input, usually its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitdataError {
    /// More bytes than any form of a document can have.
    #[error("{name} is too long: got over {limit} bytes, which no initdata has")]
    InputTooLong {
        /// The input.
        name: String,
        /// How many bytes it may have.
        limit: usize,
    },
    /// No form that initdata comes in begins so.
    #[error("{name} is not initdata: expected TOML, an annotation's base64, gzip or a device image")]
    Unrecognised {
        /// The input.
        name: String,
    },
    /// A text that is longer than an agent could use.
    #[error("{name} is too long: got {got} bytes of TOML, expected at most {}", TEXT_MAX)]
    TextTooLong {
        /// The input.
        name: String,
        /// Its length in bytes.
        got: usize,
    },
    /// TOML readers do not agree whether to skip a byte order mark, and the digest is over it.
    #[error("{name} begins with a byte order mark, expected plain UTF-8")]
    ByteOrderMark {
        /// The input.
        name: String,
    },
    /// TOML is UTF-8.
    #[error("{name} is not UTF-8: got an invalid byte at offset {offset}")]
    NotUtf8 {
        /// The input.
        name: String,
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
    /// Not TOML.
    #[error("{name}:{line}:{column}: {message}")]
    Syntax {
        /// The input.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// What is under `aa.toml` or `cdh.toml` is not TOML: the component would not start.
    #[error("{key}:{line}:{column}: {message}")]
    Configuration {
        /// The key.
        key: &'static str,
        /// The line of its text, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A key that every document has.
    #[error("{name} has no {key}, expected keys algorithm, version and data")]
    Missing {
        /// The input.
        name: String,
        /// The key.
        key: &'static str,
    },
    /// A key no document has. Guests skip it, and what is skipped is measured all the same.
    #[error("{name}: got key `{key}`, expected only algorithm, version and data")]
    UnknownKey {
        /// The input.
        name: String,
        /// The key.
        key: String,
    },
    /// A value of the wrong kind.
    #[error("{name}: {key}: got {got}, expected {expected}")]
    Kind {
        /// The input.
        name: String,
        /// The key, with `data.` before those of the table.
        key: String,
        /// The kind it has.
        got: &'static str,
        /// The kind it must have.
        expected: &'static str,
    },
    /// Agents read one version.
    #[error("{name}: version: got `{got}`, expected {}", VERSION)]
    Version {
        /// The input.
        name: String,
        /// The version it states.
        got: String,
    },
    /// Kata's Go runtime falls over an algorithm it does not know, other readers refuse it.
    #[error("{name}: algorithm: got `{got}`, expected sha256, sha384 or sha512")]
    Algorithm {
        /// The input.
        name: String,
        /// The algorithm it states.
        got: String,
    },
    /// The spelling of Trustee's specification, which no runtime knows: Kata's Go runtime panics on it.
    #[error("{name}: algorithm: got `{got}` with a hyphen, expected {expected}")]
    Hyphen {
        /// The input.
        name: String,
        /// The algorithm it states.
        got: String,
        /// The same one as all readers spell it.
        expected: &'static str,
    },
    /// Go readers skip line ends in base64, Rust readers refuse them: pods would start here and not there.
    #[error("{name} has white space in its base64, at offset {offset}")]
    Space {
        /// The input.
        name: String,
        /// The place, counted from 0.
        offset: usize,
    },
    /// Not base64 with the standard alphabet and padding (RFC 4648, section 4).
    #[error("{name} is not base64: {what} at offset {offset}")]
    Base64 {
        /// The input.
        name: String,
        /// What is wrong.
        what: &'static str,
        /// The place, counted from 0.
        offset: usize,
    },
    /// Not gzip, or damaged (RFC 1952).
    #[error("{name} can't be unpacked: {message}")]
    Gzip {
        /// The input.
        name: String,
        /// What the decompressor says.
        message: String,
    },
    /// The gzip member has no end.
    #[error("{name} can't be unpacked: the gzip data ends too early")]
    GzipCut {
        /// The input.
        name: String,
    },
    /// Unpacks to more than a document can have; nothing more of it was unpacked.
    #[error("{name} unpacks to more than {} bytes, the most that initdata can have", TEXT_MAX)]
    Bomb {
        /// The input.
        name: String,
    },
    /// Go readers take all members for one text, Rust readers stop after the first.
    #[error("{name} has a second gzip member at offset {offset} of its gzip data, expected one")]
    SecondMember {
        /// The input.
        name: String,
        /// Where it begins, counted from 0.
        offset: usize,
    },
    /// Readers do not agree what to do about bytes after the gzip member.
    #[error("{name}: bytes after the gzip data: got {bytes}, expected none")]
    AfterGzip {
        /// The input.
        name: String,
        /// How many there are.
        bytes: usize,
    },
    /// A device image without the 16 bytes it begins with.
    #[error("{name} is cut off: got {got} bytes of a device image, expected at least 16")]
    ImageCut {
        /// The input.
        name: String,
        /// How many bytes there are.
        got: usize,
    },
    /// The agent would wait for bytes that are not there.
    #[error("{name} is cut off: its header announces {announced} bytes of gzip data, got {got}")]
    ImageLength {
        /// The input.
        name: String,
        /// The length in the header.
        announced: u64,
        /// How many bytes follow the header.
        got: usize,
    },
    /// Something is hidden behind the document: the digest does not cover it.
    #[error("{name} has data behind its gzip data, at offset {offset}, expected zeros")]
    ImagePadding {
        /// The input.
        name: String,
        /// The first byte that is not zero, counted from 0.
        offset: usize,
    },
    /// Kubernetes refuses the pod.
    #[error(
        "the annotation is too large: got {got} bytes with its name, expected at most {}",
        ANNOTATIONS_MAX
    )]
    AnnotationTooLarge {
        /// Its length in bytes.
        got: usize,
    },
}
