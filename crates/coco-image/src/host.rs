//! The host: command lines of runtimes, drop-ins, and what a configuration means.
//!
//! kata merges every file of `config.d` over its configuration, sorted by name; 60 is free for users. A
//! drop-in is enough to boot an initrd instead of the image that the configuration names. Nothing here is read
//! or written; the program does that.

mod command_line;
pub mod configuration;
mod drop_in;
pub mod review;

use crate::profile::Profile;
pub use command_line::{Settings, Switch, Word, allowed_words, command_line, compose, line};
pub use drop_in::{DROP_IN, drop_in};

/// File name of the image.
pub fn image_name(profile: &Profile) -> String {
    format!("coco-initrd-{}.img", profile.name)
}

#[cfg(test)]
mod tests;
