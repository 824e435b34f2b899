//! The kernel command line as the host gives it to QEMU, and as the firmware hands it to the kernel.

use std::fmt;
use std::str::FromStr;

use crate::digest::Sha384;

/// A command line that arrives in the guest as it is written: ASCII, without NUL and without line feed.
///
/// QEMU takes any bytes (`-append`). The firmware makes UTF-16 of each byte, and Linux' EFI stub makes bytes of
/// that again and stops at a line feed (`efi_convert_cmdline` of `drivers/firmware/efi/libstub`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandLine(String);

/// Where the firmware puts `initrd=initrd`, by which Linux' EFI stub knows that there is an initrd.
///
/// `GenericQemuLoadImageLib` of edk2, and its copy for x86: behind the command line in what was made of
/// edk2-stable202502 and before, in front of it in edk2-stable202511 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InitrdArgument {
    /// `initrd=initrd console=hvc0`.
    Prefix,
    /// `console=hvc0 initrd=initrd`.
    Suffix,
}

/// Why a text is no command line, or no command line of this kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// A character that the guest would see as another one, or that would end the command line.
    #[error("got {got:?} at byte {offset} of the command line, expected ASCII without NUL and line feed")]
    Character {
        /// Its place, in bytes from 0.
        offset: usize,
        /// The character.
        got: char,
    },
    /// The kernel would cut it off, but what is measured is all of it.
    #[error("got a command line of {got} bytes, expected at most {limit}: the kernel takes no more")]
    TooLong {
        /// Bytes of the command line.
        got: usize,
        /// The most that fit, in bytes; if there is an initrd, its argument is already taken off.
        limit: usize,
    },
    /// No word for a place of the argument.
    #[error("got `{0}`, expected prefix or suffix")]
    Argument(String),
}

impl CommandLine {
    /// The text, as QEMU is given it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the firmware gives the kernel: with `argument` if there is an initrd.
    pub fn load_options(&self, argument: Option<InitrdArgument>) -> String {
        match argument {
            None => self.0.clone(),
            Some(InitrdArgument::Prefix) => format!("initrd=initrd {}", self.0),
            Some(InitrdArgument::Suffix) => format!("{} initrd=initrd", self.0),
        }
    }
}

impl CommandLine {
    /// SHA-384 of the load options as the kernel's EFI stub measures them: in UTF-16, with the NUL behind them.
    pub fn load_options_digest(&self, argument: Option<InitrdArgument>) -> Sha384 {
        let options = self.load_options(argument);
        Sha384::of(&options.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }
}

impl FromStr for CommandLine {
    type Err = CommandLineError;

    fn from_str(text: &str) -> Result<Self, CommandLineError> {
        match text.char_indices().find(|(_, char)| !char.is_ascii() || matches!(char, '\0' | '\n')) {
            Some((offset, got)) => Err(CommandLineError::Character { offset, got }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl FromStr for InitrdArgument {
    type Err = CommandLineError;

    fn from_str(text: &str) -> Result<Self, CommandLineError> {
        match text {
            "prefix" => Ok(Self::Prefix),
            "suffix" => Ok(Self::Suffix),
            _ => Err(CommandLineError::Argument(text.to_owned())),
        }
    }
}

impl fmt::Display for InitrdArgument {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn refused(text: &str, error: &Expect) {
        error.assert_eq(&text.parse::<CommandLine>().unwrap_err().to_string());
    }

    #[test]
    fn a_letter_outside_ascii_is_an_error() {
        refused(
            "quiet m\u{fc}ll",
            &expect!["got 'ü' at byte 7 of the command line, expected ASCII without NUL and line feed"],
        );
    }

    #[test]
    fn what_would_end_the_command_line_in_the_guest_is_an_error() {
        refused(
            "quiet\n",
            &expect![[r"got '\n' at byte 5 of the command line, expected ASCII without NUL and line feed"]],
        );
        refused(
            "\0",
            &expect![[r"got '\0' at byte 0 of the command line, expected ASCII without NUL and line feed"]],
        );
    }

    #[test]
    fn the_argument_is_where_the_firmware_puts_it() {
        let line: CommandLine = "quiet".parse().unwrap();
        assert_eq!(line.load_options(None), "quiet");
        assert_eq!(line.load_options(Some(InitrdArgument::Prefix)), "initrd=initrd quiet");
        assert_eq!(line.load_options(Some(InitrdArgument::Suffix)), "quiet initrd=initrd");
    }

    #[test]
    fn an_argument_is_read_as_it_is_written() {
        for argument in [InitrdArgument::Prefix, InitrdArgument::Suffix] {
            assert_eq!(argument.to_string().parse(), Ok(argument));
        }
        expect!["got `auto`, expected prefix or suffix"]
            .assert_eq(&"auto".parse::<InitrdArgument>().unwrap_err().to_string());
    }
}
