//! Why a runtime would not take a configuration. What to do about it is the program's to say.

use crate::units::Runtime;

/// Why a runtime would not take a configuration, or why it can't be told what it makes of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// Not UTF-8.
    #[error("{file}: not UTF-8 at byte {offset}")]
    NotText {
        /// The file.
        file: String,
        /// Where, from 0.
        offset: usize,
    },
    /// Not TOML.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        message: String,
    },
    /// A key for which the runtime refuses the file.
    #[error("{file}: {} knows no key `{key}`, and starts no pod with it", called(*.runtime))]
    Unknown {
        /// The file.
        file: String,
        /// The key, with its tables.
        key: String,
        /// The runtime.
        runtime: Runtime,
    },
    /// A key in another case.
    #[error("{file}: `{key}` got upper case, expected lower case: kata's Go runtime reads it in part")]
    Case {
        /// The file.
        file: String,
        /// The key, with its tables.
        key: String,
    },
    /// A value of another type.
    #[error("{file}: {key} got {got}, expected {expected}")]
    Type {
        /// The file.
        file: String,
        /// The key, with its tables.
        key: String,
        /// What it is.
        got: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A table that the runtime asks for.
    #[error("no file has the section [{0}]")]
    NoSection(String),
    /// The Go runtime takes one of them, at random.
    #[error("sections [{0}] and [{1}]: kata's Go runtime takes either, at random")]
    Sections(String, String),
    /// A hypervisor that boots otherwise.
    #[error("hypervisor got {0}, expected qemu")]
    Hypervisor(String),
    /// A word without a name: both runtimes refuse it.
    #[error("{file}: kernel_params: `{word}` has no name before its `=`")]
    KernelParam {
        /// The file.
        file: String,
        /// The word.
        word: String,
    },
    /// A name that would not stay one word of the command line: both runtimes refuse it.
    #[error("{file}: guest_extension_images: name got `{name}`, expected letters, digits, `-`, `_`")]
    Extension {
        /// The file.
        file: String,
        /// The name.
        name: String,
    },
}

/// The runtime, in a sentence.
fn called(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Go => "kata's Go runtime",
        Runtime::Rs => "runtime-rs",
    }
}
