//! From an image profile to a reproducible initrd, in one direction.
//!
//! ```text
//! profile -> inputs -> tree -> layers -> image -> manifest -> host files
//! ```
//!
//! Each stage is a function from values to a value. This crate opens no file, prints nothing and
//! knows no policy engine: bodies of files come through [`tree::Bodies`], which the program
//! implements, and what the policy decides is handed to the [`manifest`] as data.

pub mod archive;
pub mod assemble;
pub mod check;
pub mod compress;
pub mod decompress;
pub mod digest;
pub mod host;
pub mod kernel;
pub mod layer;
pub mod manifest;
pub mod newc;
pub mod pack;
pub mod path;
pub mod profile;
pub mod tree;
pub mod units;
