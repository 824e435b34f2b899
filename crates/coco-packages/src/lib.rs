//! Packages of distributions: what signs, names and licenses them. Opens no file, fetches and unpacks
//! nothing.
//!
//! Whatever is read here came from elsewhere: every part has a bound, and what is wrong or unknown is an error.

pub mod copyright;
pub mod deb;
pub mod digest;
pub mod openpgp;
pub mod rpm;
#[cfg(any(test, feature = "synthetic"))]
pub mod synthetic;
