//! Why a tree is not packed: one variant for each thing the user can do something about.

use std::io;

use super::INITRD_RELEASE;
use super::elf::NotElf;
use crate::assemble::{DEFAULT_POLICY, INIT, POLICY_DIRECTORY};
use crate::path::GuestPath;
use crate::profile::Role;
use crate::tree::FollowError;
use crate::units::{Arch, Method};

/// Why a tree is not packed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no agent.
    #[error("the image has no agent: {0} is missing")]
    NoAgent(GuestPath),
    /// A file of a component is nowhere: the agent would only warn, and run without attestation.
    #[error("{path} of the {role} is missing", role = .role.name())]
    NoComponent {
        /// The component.
        role: Role,
        /// Its file.
        path: GuestPath,
    },
    /// The agent was built without `agent-policy`: it would allow everything.
    #[error("{path} is an agent without policy support: it has no `{DEFAULT_POLICY}` in it")]
    NoPolicySupport {
        /// The agent.
        path: GuestPath,
    },
    /// A program is no ELF file.
    #[error("{path}: {error}")]
    NotElf {
        /// The program.
        path: GuestPath,
        /// The reason.
        error: NotElf,
    },
    /// A program is for another processor.
    #[error("{path} is for another processor: got {got}, expected {expected}")]
    Arch {
        /// The program.
        path: GuestPath,
        /// Its architecture.
        got: String,
        /// The profile's.
        expected: Arch,
    },
    /// A program needs a file that is not in the image.
    #[error("{path} needs {needs}, which is not in the image")]
    Needs {
        /// The program or library.
        path: GuestPath,
        /// Its interpreter or library.
        needs: String,
    },
    /// Another program was given as the guard: it does not read the plan.
    #[error("{INIT} is not the guard: it has not the guard's texts in it")]
    NotGuard,
    /// A file that must be there leads nowhere.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The kernel follows one symbolic link from `/init`, not two (kata-containers#10803).
    #[error("{INIT} is more than one symbolic link deep: {first} -> {second}")]
    InitTooDeep {
        /// What `/init` points to.
        first: GuestPath,
        /// What that points to.
        second: String,
    },
    /// Nothing makes systemd start the agent.
    #[error("systemd would not start the agent: {0} is missing")]
    NotStarted(GuestPath),
    /// The guard would refuse to go on without it.
    #[error("kernel module {0} of the profile is not in the image")]
    NoModule(GuestPath),
    /// systemd would try to switch root.
    #[error("{INITRD_RELEASE} is in the image: systemd would take it for a dracut initrd")]
    InitrdRelease,
    /// The agent would load other bytes than the ones that were evaluated.
    #[error("{DEFAULT_POLICY} leads to {got}, which is not the policy {expected} that was evaluated")]
    Policy {
        /// What it leads to.
        got: GuestPath,
        /// The policy's place.
        expected: String,
    },
    /// Something lies beside the policy, written there through a link.
    #[error("{0} is in {POLICY_DIRECTORY}, where only the policy may be")]
    SecondPolicy(GuestPath),
    /// A symbolic link climbs above the root.
    #[error("symbolic link {path} -> {target} climbs out of the image")]
    Climbs {
        /// The link.
        path: GuestPath,
        /// Its target.
        target: String,
    },
    /// A symbolic link points to a place of the machine it was made on.
    #[error("symbolic link {path} -> {target} points to a directory of the build host")]
    HostLink {
        /// The link.
        path: GuestPath,
        /// Its target.
        target: String,
    },
    /// The image leaves too little memory.
    #[error("the unpacked image takes {unpacked} bytes, over half of the guest's {memory_mib} MiB")]
    TooLarge {
        /// Whole pages of all files, in bytes.
        unpacked: u64,
        /// Memory of the guest, in MiB.
        memory_mib: u64,
    },
    /// The kernel would skip the layers.
    #[error("the guest's kernel can't read {method}: it reads {reads}")]
    Compression {
        /// The compression.
        method: Method,
        /// What it reads.
        reads: String,
    },
    /// A body can't be read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: GuestPath,
        /// The reason.
        error: io::Error,
    },
}
