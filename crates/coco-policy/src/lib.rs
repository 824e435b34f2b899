//! Parses, checks and tests an agent policy with the engine the guest runs. Opens no file.
//!
//! A kata-agent asks its policy about every request of the host: it looks up the rule named like the
//! request in `data.agent_policy`. This crate asks the same questions, of the same engine, with the
//! same settings, before the policy is measured into an image and cannot be changed any more.
//!
//! * [`Policy::parse`] refuses what would stop the agent at its start.
//! * [`Policy::decide`] answers one request.
//! * [`Policy::decisions`] answers all of them, for the record of a build.
//! * [`Policy::gate`] says what a default policy must not be.
//!
//! The sample requests of [`cases`] are data, kept beside the policy they were written for.

pub mod cases;
mod error;
mod gate;
mod policy;
mod request;

pub use error::PolicyError;
pub use gate::{Evaluation, Finding, Verdict};
pub use policy::{Decision, Policy};
pub use request::{Request, UnknownRequest};

/// The policy of an image whose profile names no other: pods start and stop, and nothing is read out.
pub const DEFAULT_RESTRICTIVE: &str = include_str!("../../../policies/default-restrictive.rego");
