//! Why a file of pods cannot be read or edited, with the place. Not what a policy does to the pods.

use crate::workload::Target;

/// Why a pod's file was refused. Every variant that is about a file carries `name`, the caller's word for
/// it, usually its path. Lines and columns (in characters) count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// YAML comes as UTF-8 here; other encodings would change when written back.
    #[error("{name} is not UTF-8: got an invalid byte at offset {offset}")]
    NotUtf8 {
        /// The file.
        name: String,
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
    /// A mark in front of the text, which some tools take for a part of the first key.
    #[error("{name} begins with a byte order mark, expected plain UTF-8")]
    ByteOrderMark {
        /// The file.
        name: String,
    },
    /// More than anything Kubernetes takes.
    #[error("{name} is too large: got {got} {unit}, expected at most {limit}")]
    TooLarge {
        /// The file.
        name: String,
        /// What is counted: `bytes`, `values` or `levels`.
        unit: &'static str,
        /// How many there are, or were when reading stopped.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A character that one version of YAML takes for the end of a line and another for text.
    #[error("{name}:{line}:{column}: got U+{got:04X} outside a line break, expected LF or CRLF line breaks")]
    LineBreak {
        /// The file.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The character.
        got: u32,
    },
    /// Not YAML.
    #[error("{name}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// Two values for one key: readers differ in which they take.
    #[error("{name}:{line}:{column}: the key `{key}` is here a second time, expected once in a mapping")]
    DuplicateKey {
        /// The file.
        name: String,
        /// The line of the second one.
        line: usize,
        /// The column of the second one.
        column: usize,
        /// The key.
        key: String,
    },
    /// A value of another kind than Kubernetes has there.
    #[error("{name}:{line}:{column}: {place}: got {got}, expected {expected}")]
    Type {
        /// The file.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The path of the value, such as `spec.template`.
        place: String,
        /// What it is.
        got: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Something must be there and is not.
    #[error("{name}:{line}: {place} is missing")]
    Missing {
        /// The file.
        name: String,
        /// The line of the object it is missing from.
        line: usize,
        /// The path of the value, such as `spec.template`.
        place: String,
    },
    /// What stands there is written somewhere else, or is the original of something else.
    #[error("{name}:{line}:{column}: {place}: got {got}, expected the value itself")]
    Reference {
        /// The file.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The path of the value.
        place: String,
        /// What it is: an alias, an anchor, a tag or a merge key.
        got: &'static str,
    },
    /// Nothing in the file starts a pod.
    #[error("{name} has no workload: got {}, expected one of {expected}", kinds(.got))]
    NoWorkload {
        /// The file.
        name: String,
        /// The kinds that are in the file, each with its `apiVersion`.
        got: Vec<String>,
        /// The kinds that start pods, each with its API group.
        expected: String,
    },
    /// Not exactly one workload is called that.
    #[error("{name}: {matches} workloads are called {got}, expected one; there are: {}", .known.join(", "))]
    UnknownWorkload {
        /// The file.
        name: String,
        /// The name asked for.
        got: Target,
        /// How many have this name.
        matches: usize,
        /// All workloads of the file.
        known: Vec<String>,
    },
    /// Text that is not `all` and not `Kind/name`.
    #[error("got `{got}` for a workload, expected Kind/name or all")]
    Selection {
        /// The text.
        got: String,
    },
    /// Kubernetes would refuse the key.
    #[error("got the annotation key `{got}`, expected [prefix/]name of at most 253 and 63 characters")]
    Key {
        /// The key.
        got: String,
    },
    /// Kubernetes would refuse the annotations as too large.
    #[error("{name}:{line}: the annotations are too large: got {got} bytes, expected at most {limit}")]
    AnnotationsTooLarge {
        /// The file.
        name: String,
        /// The line of the workload.
        line: usize,
        /// Bytes of all keys and values together, with the new one.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The edited text was read again and was not the old one with this annotation.
    #[error("{name}:{line}:{column}: no edit found here that leaves everything else as it is")]
    NotEditable {
        /// The file.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
}

/// The kinds as a list of words.
fn kinds(got: &[String]) -> String {
    if got.is_empty() { "no object at all".to_owned() } else { got.join(", ") }
}
