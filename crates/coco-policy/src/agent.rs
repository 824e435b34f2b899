//! What each release of kata-agent asks its policy, and with which engine. Not how it is built or booted.
//!
//! Read from the tags 3.13.0 to 4.1.0: the calls of `is_allowed` and `do_set_policy` in
//! `src/agent/src/rpc.rs`, the input in `src/agent/policy/src/policy.rs`, the engine in `Cargo.lock`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::{Engine, Request};

/// A release of kata-agent, major and minor: patch releases ask the same questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentVersion {
    major: u16,
    minor: u16,
}

/// Not a release we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentVersionError {
    /// Not two or three numbers with dots.
    #[error("got agent version {0}, expected two or three numbers, such as 4.1")]
    Format(String),
    /// A release nobody has looked into. Guessing would be worse than saying so.
    #[error(
        "got agent version {got}, expected {} to 3.32, 4.0 or {}",
        AgentVersion::OLDEST,
        AgentVersion::NEWEST
    )]
    Unknown {
        /// What was asked for.
        got: String,
    },
}

impl AgentVersion {
    /// The oldest release in the table: the first with an engine of the 0.2 line that is still shipped.
    pub const OLDEST: AgentVersion = AgentVersion { major: 3, minor: 13 };
    /// The newest.
    pub const NEWEST: AgentVersion = AgentVersion { major: 4, minor: 1 };
    /// The last of the third major version.
    const LAST_OF_3: u16 = 32;

    const fn new(major: u16, minor: u16) -> AgentVersion {
        AgentVersion { major, minor }
    }

    /// The engine in it.
    pub fn engine(self) -> Engine {
        if self < AgentVersion::new(3, 30) { Engine::Regorus028 } else { Engine::Regorus09 }
    }

    /// Whether it asks about this request. It looks `AllowRequestsFailingPolicy` up in any case.
    pub fn asks(self, request: Request) -> bool {
        let since = match request {
            Request::AddSwapPath => AgentVersion::new(3, 15),
            Request::GetDiagnosticData => AgentVersion::new(3, 29),
            Request::MemAgentCompactConfig | Request::MemAgentMemcgConfig | Request::ResizeVolume => {
                AgentVersion::new(4, 0)
            }
            _ => AgentVersion::OLDEST,
        };
        self >= since
    }

    /// Whether it tells the policy what kind of file is copied. Without it no rule can tell a file from a
    /// symbolic link (CVE-2026-41326).
    pub fn tells_file_type(self) -> bool {
        self >= AgentVersion::new(3, 29)
    }

    /// Whether its engine was built without a function that the engine of this program has: up to 3.27 the
    /// features `base64` and `base64url` were off (`src/agent/policy/Cargo.toml`).
    pub fn lacks(self, function: &str) -> bool {
        let is_base64 = function.starts_with("base64.") || function.starts_with("base64url.");
        is_base64 && self < AgentVersion::new(3, 28)
    }

    /// The input as this agent gives it, from the input of the newest.
    pub fn input(self, request: Request, newest: &Value) -> Value {
        let mut input = newest.clone();
        if request == Request::CopyFile
            && !self.tells_file_type()
            && let Some(fields) = input.as_object_mut()
        {
            fields.remove("file_type");
            fields.remove("symlink_target");
        }
        input
    }
}

impl FromStr for AgentVersion {
    type Err = AgentVersionError;

    fn from_str(text: &str) -> Result<AgentVersion, AgentVersionError> {
        let format = || AgentVersionError::Format(text.to_owned());
        let numbers: Vec<u16> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| format())?;
        let version = match numbers.as_slice() {
            [major, minor] | [major, minor, _] => AgentVersion::new(*major, *minor),
            _ => return Err(format()),
        };
        let is_gap = version.major == 3 && version.minor > AgentVersion::LAST_OF_3;
        if version < AgentVersion::OLDEST || version > AgentVersion::NEWEST || is_gap {
            return Err(AgentVersionError::Unknown { got: text.to_owned() });
        }
        Ok(version)
    }
}

impl fmt::Display for AgentVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> AgentVersion {
        text.parse().unwrap()
    }

    #[test]
    fn a_patch_release_is_its_minor_release() {
        assert_eq!(version("3.29.1"), version("3.29"));
    }

    #[test]
    fn the_engine_changed_with_3_30() {
        let engines = ["3.13", "3.21", "3.29", "3.30", "4.0", "4.1"].map(|text| version(text).engine());
        let (old, new) = (Engine::Regorus028, Engine::Regorus09);
        assert_eq!(engines, [old, old, old, new, new, new]);
    }

    #[test]
    fn requests_were_added_over_time() {
        let asked = |text| Request::all().filter(|request| version(text).asks(*request)).count();
        // one of them is the setting AllowRequestsFailingPolicy
        assert_eq!(["3.13", "3.15", "3.29", "4.0", "4.1"].map(asked), [37, 38, 39, 42, 42]);
    }

    #[test]
    fn an_older_agent_tells_no_file_type() {
        let newest = serde_json::json!({"path": "/a", "file_type": "Regular", "symlink_target": null});
        let older = version("3.28").input(Request::CopyFile, &newest);
        assert_eq!(older, serde_json::json!({"path": "/a"}));
        assert_eq!(version("3.29").input(Request::CopyFile, &newest), newest);
    }

    #[test]
    fn base64_came_with_3_28() {
        let lacks = |text| ["base64.decode", "base64url.encode", "count"].map(|f| version(text).lacks(f));
        assert_eq!(lacks("3.27"), [true, true, false]);
        assert_eq!(lacks("3.28"), [false; 3]);
    }

    #[test]
    fn what_is_not_in_the_table_is_an_error() {
        for (text, message) in [
            ("4", "got agent version 4, expected two or three numbers, such as 4.1"),
            ("v4.1", "got agent version v4.1, expected two or three numbers, such as 4.1"),
            ("3.12", "got agent version 3.12, expected 3.13 to 3.32, 4.0 or 4.1"),
            ("3.33", "got agent version 3.33, expected 3.13 to 3.32, 4.0 or 4.1"),
            ("4.2", "got agent version 4.2, expected 3.13 to 3.32, 4.0 or 4.1"),
        ] {
            assert_eq!(text.parse::<AgentVersion>().unwrap_err().to_string(), message);
        }
    }
}
