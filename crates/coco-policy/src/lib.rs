//! Parses, checks, tests and derives agent policies with the engines the guests run. Opens no file.
//!
//! A kata-agent asks its policy about every request of the host: it looks up the rule named like the
//! request in `data.agent_policy`. This crate asks the same questions, of the same engines, with the
//! same settings, before the policy is measured into an image and cannot be changed any more.
//!
//! * [`Policy::parse`] refuses what would stop the agent at its start.
//! * [`Policy::decide`] answers one request.
//! * [`Policy::decisions`] answers all of them, for the record of a build.
//! * [`check::check`] says what is wrong with a policy, where, and what an agent would do: it stops a build.
//! * [`derive()`] makes a pod's own policy of a default; [`diff()`] compares two; [`explain()`] takes a denial
//!   apart.
//!
//! [`Enforcer`] is a policy in force, for those who answer requests themselves.
//!
//! The sample requests of [`cases`] are data, kept beside the policy they were written for.

mod advice;
mod agent;
mod bounds;
pub mod cases;
pub mod check;
mod derive;
mod diff;
mod enforcer;
mod engine;
mod error;
mod evaluation;
mod explain;
mod keywords;
mod opening;
mod policy;
mod request;

pub use advice::{Advice, Remedy};
pub use agent::{AgentVersion, AgentVersionError};
pub use derive::{DeriveError, Derived, derive};
pub use diff::{Change, Shift, diff, diff_over};
pub use enforcer::{Enforcer, Outcome, REPLACEMENT};
pub use engine::Engine;
pub use error::PolicyError;
pub use evaluation::{Evaluation, Finding, Verdict};
pub use explain::{Explanation, RuleLine, Said, explain};
pub use opening::{Command, CommandError, Opening, Toggle, UnknownToggle};
pub use policy::{Decision, Policy};
pub use request::{Request, UnknownRequest};

/// The policy of an image whose profile names no other: pods start and stop, and nothing is read out.
pub const DEFAULT_RESTRICTIVE: &str = include_str!("../../../policies/default-restrictive.rego");
