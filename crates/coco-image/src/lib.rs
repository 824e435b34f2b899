//! From an image profile to a reproducible initrd, in one direction.
//!
//! ```text
//! profile -> inputs -> tree -> layers -> image -> manifest -> host files
//! ```
//!
//! Beside it, [`overlay`] makes the policy files of a podvm image, and [`policy_location`] finds the
//! default policy in whatever was built. [`archive::initrd`] reads images, and [`comparison`] says how two differ.
//!
//! Each stage is a function from values to a value. This crate opens no file, prints nothing and
//! knows no policy engine: bodies of files come through [`tree::Bodies`], which the program
//! implements, and what the policy decides is handed to the [`manifest`] as data.

pub mod archive;
pub mod assemble;
pub mod check;
pub mod comparison;
pub mod compress;
pub mod config_map;
pub mod customize;
pub mod decompress;
pub mod digest;
pub mod host;
pub mod inspect;
pub mod kernel;
pub mod layer;
pub mod lock;
pub mod manifest;
pub mod modules;
pub mod newc;
pub mod overlay;
pub mod pack;
pub mod packages;
pub mod path;
pub mod policy_location;
pub mod profile;
pub mod tree;
pub mod trim;
pub mod units;
pub mod verify;
