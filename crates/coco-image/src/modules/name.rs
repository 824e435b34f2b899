//! Names of kernel modules. Which of them there are is the kernel's business.

use std::fmt;
use std::str::FromStr;

/// Longest name of a module, in bytes (Linux `include/linux/module.h`, `MODULE_NAME_LEN` without the NUL).
const NAME_MAX: usize = 55;

/// The name of a kernel module as the kernel has it: with `_` where people may write `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModuleName(String);

/// A text that names no module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not the name of a kernel module", .0.escape_default())]
pub struct NotModuleName(String);

impl ModuleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModuleName {
    type Err = NotModuleName;

    fn from_str(name: &str) -> Result<Self, NotModuleName> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_part) {
            return Err(NotModuleName(name.to_owned()));
        }
        Ok(Self(name.replace('-', "_")))
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
