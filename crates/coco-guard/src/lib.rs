//! What the image's `/init` decides before anything else runs. Pure: the effects are in `main.rs`.
//!
//! The kernel hands words of its command line which it does not know to PID 1: `NAME=value` as
//! environment, others as arguments. kata-agent takes its policy file from the environment
//! (`KATA_AGENT_POLICY_FILE`), its whole configuration from an argument (`-c`), and from
//! `agent.config_file=` which it reads itself. Each of them replaces the policy the image was built
//! with. So the image starts `coco-guard` instead: it starts the agent only if every word is one the
//! image's [`Plan`] allows, with the policy the plan records, and hands neither environment nor
//! arguments on.
//!
//! * [`cmdline::words`] splits the command line as the kernel does.
//! * [`Pattern`] is what a plan may allow, [`FORBIDDEN`] what no plan may.
//! * [`review()`] finds the first word that is not allowed.
//!
//! The image builder uses the same [`Plan`], so that what it records is what the guard reads.
//!
//! # What the guard needs
//!
//! A kernel that can open its console, or else a file `/dev/null` in the image, which may be empty and
//! regular: the standard library of Rust ends a program that starts without open files and cannot
//! open that one, and the kernel panics over the end of PID 1. Nothing of the guard has run then.
//! That is the case where the driver of the only `console=` is a module.
//!
//! # What the guard cannot do
//!
//! It protects nothing when it does not run. `rdinit=` makes the kernel start another program of the
//! image; with a path that is not there, the kernel mounts the device of `root=`, a disk of the host,
//! and starts the host's `init=`. `initrdmem=`, or another initrd, replaces the guard itself. The
//! kernel's own parameters have acted before PID 1 starts. Only a measured command line, checked by
//! whoever releases secrets to the guest, stops those. The guard is the second lock: it makes a guest
//! whose command line nobody checked refuse the known ways in.

pub mod cmdline;
mod digest;
mod forbidden;
mod path;
mod pattern;
mod plan;
mod review;

pub use digest::{NotASha256, Sha256};
pub use forbidden::{FORBIDDEN, Forbidden, Matching, Rule, forbidden};
pub use path::{AbsolutePath, NotAnAbsolutePath};
pub use pattern::{Pattern, PatternError};
pub use plan::{Plan, PlanError};
pub use review::{Refusal, review};

/// Where the guard looks for its plan in the image.
pub const PLAN_PATH: &str = "/etc/coco-initrd/guard.toml";
