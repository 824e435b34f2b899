//! Small typed quantities of the image: permissions, time, architecture, compression, runtime.
//!
//! Each is read from text once, in a profile or an option, and is valid ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Permission bits of a file, 0 to 0o7777 (permissions, set-id and sticky bits), without its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(u16);

impl Mode {
    /// A directory everybody may enter.
    pub const DIRECTORY: Self = Self(0o755);
    /// A program everybody may run.
    pub const PROGRAM: Self = Self(0o755);
    /// A file everybody may read.
    pub const FILE: Self = Self(0o644);

    /// Takes the lowest twelve bits of a `st_mode`; the file type above them is dropped.
    pub fn of_stat(mode: u32) -> Self {
        Self(u16::try_from(mode & 0o7777).unwrap_or(0))
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }

    /// Whether the owner may execute it.
    pub fn is_executable(self) -> bool {
        self.0 & 0o100 != 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// A text that is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mode: four octal digits such as \"0755\"")]
pub struct NotMode(String);

impl FromStr for Mode {
    type Err = NotMode;

    fn from_str(text: &str) -> Result<Self, NotMode> {
        if text.len() != 4 || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            return Err(NotMode(text.to_owned()));
        }
        u16::from_str_radix(text, 8).map(Self).map_err(|_| NotMode(text.to_owned()))
    }
}

impl TryFrom<String> for Mode {
    type Error = NotMode;

    fn try_from(text: String) -> Result<Self, NotMode> {
        text.parse()
    }
}

/// The time of every file of an image: seconds since 1970-01-01 UTC, as newc holds it.
///
/// Signed 32-bit kernels and tools read it as signed, so at most 2^31 - 1 (January 2038).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "u64", into = "u32")]
pub struct Epoch(u32);

/// A number that is no epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("epoch {0} is out of range: seconds since 1970, 0 to 2147483647")]
pub struct NotEpoch(u64);

impl Epoch {
    /// Seconds since 1970-01-01 UTC.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for Epoch {
    type Error = NotEpoch;

    fn try_from(seconds: u64) -> Result<Self, NotEpoch> {
        u32::try_from(seconds)
            .ok()
            .filter(|seconds| i32::try_from(*seconds).is_ok())
            .map(Self)
            .ok_or(NotEpoch(seconds))
    }
}

impl From<Epoch> for u32 {
    fn from(epoch: Epoch) -> Self {
        epoch.0
    }
}

/// An enum whose values are words: one table gives reading, writing, and the list for messages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it in profiles, options and the manifest.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{word}` is none of: {}", [$($word),*].join(", "))),
                }
            }
        }
    };
}

words! {
    /// How a layer is compressed.
    Method {
        /// gzip: every kernel that boots kata reads it.
        Gzip = "gzip",
        /// zstd: needs `CONFIG_RD_ZSTD`.
        Zstd = "zstd",
        /// Plain newc.
        None = "none",
    }
}

words! {
    /// The processor the guest runs on.
    Arch {
        /// 64-bit x86.
        X86_64 = "x86_64",
        /// 64-bit ARM.
        Aarch64 = "aarch64",
    }
}

words! {
    /// The trusted execution environment a profile is for.
    Tee {
        /// None: development only.
        None = "none",
        /// Whatever the cloud instance of a pod VM has.
        PodVm = "podvm",
        /// Intel TDX.
        Tdx = "tdx",
        /// AMD SEV-SNP.
        Snp = "snp",
    }
}

words! {
    /// A kata runtime on the host, each with its own configuration and command line.
    Runtime {
        /// The Go runtime (`kata-go-static`, OpenShift).
        Go = "go",
        /// The Rust runtime, default since kata 4.0.
        Rs = "runtime-rs",
    }
}

words! {
    /// What runs as PID 1 after the guard.
    Init {
        /// The agent itself.
        Agent = "agent",
        /// systemd of the base, which starts the agent's unit.
        Systemd = "systemd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_four_octal_digits() {
        assert_eq!("4755".parse::<Mode>().unwrap().bits(), 0o4755);
        for text in ["755", "0o755", "0888", "07777", "-755"] {
            assert_eq!(
                text.parse::<Mode>().unwrap_err().to_string(),
                format!("`{text}` is not a mode: four octal digits such as \"0755\"")
            );
        }
    }

    #[test]
    fn an_epoch_ends_in_2038() {
        assert_eq!(Epoch::try_from(2_147_483_647).unwrap().seconds(), 2_147_483_647);
        assert_eq!(
            Epoch::try_from(2_147_483_648).unwrap_err().to_string(),
            "epoch 2147483648 is out of range: seconds since 1970, 0 to 2147483647"
        );
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        assert_eq!("xz".parse::<Method>().unwrap_err(), "`xz` is none of: gzip, zstd, none");
    }
}
