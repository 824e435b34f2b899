//! Debian archives: from a release to the packages that are wanted, with what they depend on.
//!
//! ```text
//! Release -> Packages -> resolve -> .deb -> control
//! ```
//!
//! Signatures are not checked here: a release that comes in is one that somebody has signed.

pub mod control;
pub mod index;
pub mod name;
pub mod package_file;
pub mod relation;
pub mod release;
pub mod resolve;
pub mod stanza;
pub mod version;

pub use name::PackageName;
pub use version::Version;
