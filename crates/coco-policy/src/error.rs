//! Why a policy cannot be loaded, with the place where it is wrong. Not whether it is a good policy.

/// Why the agent could not work with this policy. Every variant carries `name`, the caller's word for
/// the policy, usually its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Nothing but white space and comments. A dangling link or a failed edit leaves such a file.
    #[error("{name} is empty: got no statement, expected package {}", PACKAGE)]
    Empty {
        /// The policy.
        name: String,
    },
    /// The engine does not skip a byte order mark.
    #[error("{name} begins with a byte order mark, expected plain UTF-8")]
    ByteOrderMark {
        /// The policy.
        name: String,
    },
    /// The agent reads its policy as text.
    #[error("{name} is not UTF-8: got an invalid byte at offset {offset}")]
    NotUtf8 {
        /// The policy.
        name: String,
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
    /// More text than the agent's engine takes.
    #[error("{name} is too long: got {got} {unit}, expected at most {limit}")]
    TooLong {
        /// The policy.
        name: String,
        /// What is counted: `bytes` or `lines`.
        unit: &'static str,
        /// How many there are.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Not Rego, or not the version of it the agent reads.
    #[error("{name}:{line}:{column}: {message}")]
    Syntax {
        /// The policy.
        name: String,
        /// The line, counted from 1.
        line: u32,
        /// The column, counted from 1.
        column: u32,
        /// What the engine says.
        message: String,
    },
    /// The engine refuses the policy without naming a place. An agent would fail on it all the same.
    #[error("{name} cannot be loaded: {message}")]
    Refused {
        /// The policy.
        name: String,
        /// What the engine says.
        message: String,
    },
    /// An engine would hang on it, or overflow its stack, and the guest with it.
    #[error("{name}:{line}:{column}: too complex: got over {limit} {what}, and an engine could hang on it")]
    TooComplex {
        /// The policy.
        name: String,
        /// The line where it becomes too much, counted from 1.
        line: u32,
        /// The column, counted from 1.
        column: u32,
        /// What is counted.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// The older engine would take the keyword for a name, and lose the condition behind it.
    #[error(
        "{name}:{line}:{column}: `{keyword}` is used but not imported: regorus 0.2.8 takes it for a name"
    )]
    KeywordNotImported {
        /// The policy.
        name: String,
        /// The line, counted from 1.
        line: u32,
        /// The column, counted from 1.
        column: u32,
        /// The keyword.
        keyword: &'static str,
    },
    /// The agent asks only for `data.agent_policy`: it would find nothing, and deny every request.
    #[error("{name} is in the wrong package: got {got}, expected {}", PACKAGE)]
    WrongPackage {
        /// The policy.
        name: String,
        /// The package it declares.
        got: String,
    },
}

/// The only package the agent looks into (`src/agent/policy/src/policy.rs`, `allow_request`).
pub(crate) const PACKAGE: &str = "agent_policy";
