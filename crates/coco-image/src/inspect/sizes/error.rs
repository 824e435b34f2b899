//! Why a database of packages is not read. It is told, and no failure.

use crate::path::GuestPath;
use crate::tree::FollowError;

/// Most of a database that is read, in bytes: of 3000 packages it is about 40 MiB.
pub(super) const DATABASE_MAX: u64 = 64 << 20;

/// A database that is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DpkgError {
    /// Something else is in its place.
    #[error("{path} is a {kind}, expected a {expected}")]
    Kind {
        /// Where.
        path: GuestPath,
        /// What is there.
        kind: &'static str,
        /// What should be.
        expected: &'static str,
    },
    /// A link on the way leads nowhere.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// More than anybody's.
    #[error("its files have {got} bytes up to {path}, at most {DATABASE_MAX} are read")]
    TooLarge {
        /// The file that is too much.
        path: GuestPath,
        /// All bytes so far.
        got: u64,
    },
    /// Not `Name: value`.
    #[error("{path} line {line} is no field: got `{got}`, expected `Name: value`")]
    NoField {
        /// The file.
        path: GuestPath,
        /// The line, from 1.
        line: usize,
        /// How it begins.
        got: String,
    },
    /// A value that no package has.
    #[error("{path} line {line}: `{got}` is no value of the field {what}")]
    Value {
        /// The file.
        path: GuestPath,
        /// The line, from 1.
        line: usize,
        /// The field, in lower case.
        what: &'static str,
        /// How it begins.
        got: String,
    },
    /// A field is there twice, so that it is not known which counts.
    #[error("{path} line {line}: the field {what} is there a second time")]
    Repeated {
        /// The file.
        path: GuestPath,
        /// The line, from 1.
        line: usize,
        /// The field, in lower case.
        what: &'static str,
    },
    /// A stanza of nobody.
    #[error("{path} line {line}: a package without a name ends here")]
    NoName {
        /// The file.
        path: GuestPath,
        /// The line behind it, from 1.
        line: usize,
    },
    /// A package is there twice.
    #[error("{path} has the package {name} a second time")]
    Twice {
        /// The file.
        path: GuestPath,
        /// The package.
        name: String,
    },
}
