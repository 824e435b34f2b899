//! Why the modules a profile names can't be had.

use std::io;

use super::name::{ModuleName, NotModuleName};
use crate::assemble::AssembleError;
use crate::path::{GuestPath, PathError};
use crate::units::Arch;

/// Why the modules a profile names can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// A name, and nothing to look it up in.
    #[error("kernel module {0} is named, and there is no input kernel-modules")]
    NoInput(ModuleName),
    /// An input that nobody has asked anything of.
    #[error("input kernel-modules is given, and init.modules names no module of it")]
    Unused,
    /// A program, or another single file.
    #[error("kernel-modules is a single file, expected a directory, a tar or an initrd")]
    SingleFile,
    /// The files of the input don't go together.
    #[error(transparent)]
    Tree(#[from] AssembleError),
    /// No kernel's modules are in the input.
    #[error("kernel-modules has no directory lib/modules/VERSION or usr/lib/modules/VERSION")]
    NoKernel,
    /// It can't be known whose modules are meant.
    #[error("kernel-modules has the modules of several kernels, expected one: {}", .0.join(", "))]
    Kernels(Vec<String>),
    /// There is no such module.
    #[error("kernel {kernel} has no module {name}, neither as a file nor built in")]
    Unknown {
        /// The name.
        name: ModuleName,
        /// The kernel.
        kernel: String,
        /// The most similar name there is.
        nearest: Option<ModuleName>,
    },
    /// A module says that it needs one that isn't there.
    #[error("module {by} needs {name}, and kernel {kernel} has it neither as a file nor built in")]
    Missing {
        /// What is missing.
        name: ModuleName,
        /// The module that needs it.
        by: ModuleName,
        /// The kernel.
        kernel: String,
    },
    /// It can't be known which is meant.
    #[error("module {name} is there twice: {first} and {second}")]
    Twice {
        /// The name.
        name: ModuleName,
        /// A file.
        first: GuestPath,
        /// Another.
        second: GuestPath,
    },
    /// A link to a module may lead to another kernel's.
    #[error("{path} is a {kind}, expected a regular file")]
    NotFile {
        /// The module.
        path: GuestPath,
        /// What it is.
        kind: &'static str,
    },
    /// Modules that need each other: none of them can be the first.
    #[error("modules need each other in a circle: {}", names(.0))]
    Cycle(Vec<ModuleName>),
    /// Not what the kernel's build makes.
    #[error("{path}: not a kernel module: {problem}")]
    NotModule {
        /// The file.
        path: GuestPath,
        /// What is wrong.
        problem: String,
    },
    /// A module says that it needs something that can't be a module.
    #[error("{path}: depends: {error}")]
    Dependency {
        /// The module.
        path: GuestPath,
        /// The reason.
        error: NotModuleName,
    },
    /// A module for another processor.
    #[error("{path} is for another processor: got {got}, expected {expected}")]
    Arch {
        /// The module.
        path: GuestPath,
        /// Its architecture.
        got: String,
        /// The profile's.
        expected: Arch,
    },
    /// A module of another kernel than its directory says.
    #[error("{path} is of another kernel: got {got}, expected {expected}")]
    Kernel {
        /// The module.
        path: GuestPath,
        /// The kernel of its `vermagic`.
        got: String,
        /// The kernel of its directory.
        expected: String,
    },
    /// A packed module, or all of them, would take too much memory.
    #[error("{path}: the packed modules take more than {limit} bytes once unpacked")]
    TooLarge {
        /// The module with which it became too much.
        path: GuestPath,
        /// Most that is unpacked.
        limit: u64,
    },
    /// `modules.builtin` is not the list the kernel's build makes.
    #[error("{path}:{line}: got `{got}`, expected the path of a module")]
    BuiltIn {
        /// The list.
        path: GuestPath,
        /// Line, from 1.
        line: usize,
        /// What is there.
        got: String,
    },
    /// A place that no file of an image can have.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file that can't be read or unpacked.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: io::Error,
    },
}

fn names(names: &[ModuleName]) -> String {
    names.iter().map(ModuleName::as_str).collect::<Vec<_>>().join(" -> ")
}
