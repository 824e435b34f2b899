//! Calls to the agent of a guest. Knows how to call, not what is worth calling.

use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::time::Duration;

use coco_agent_api::Message;
use coco_agent_api::ttrpc::{self, Client, Request};

/// The agent's port (`VSOCK_PORT` of kata-agent's `src/agent/src/config.rs`).
pub(crate) const PORT: u32 = 1024;

/// The services of the agent.
pub(crate) const AGENT: &str = "grpc.AgentService";
/// Answered whatever the policy says.
pub(crate) const HEALTH: &str = "grpc.Health";

/// A connection to an agent.
pub(crate) struct Agent(Client);

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The agent said no.
    #[error("{code}: {message}")]
    Refused {
        /// The name of the status.
        code: String,
        /// The agent's words.
        message: String,
    },
    /// It did not answer in time, or the connection is gone.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl Agent {
    /// Speaks to the agent through a connection to its port.
    pub(crate) fn new(connection: OwnedFd) -> ttrpc::Result<Self> {
        Client::new(connection.into_raw_fd()).map(Self)
    }

    /// Calls a method and waits for the answer.
    pub(crate) fn call(
        &self,
        service: &str,
        method: &str,
        payload: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let timeout = i64::try_from(patience.as_nanos()).unwrap_or(i64::MAX);
        let request = Request {
            service: service.to_owned(),
            method: method.to_owned(),
            payload,
            timeout_nano: timeout,
            ..Request::default()
        };
        self.0.request(request).map(|response| response.payload).map_err(CallError::of)
    }

    /// The same, with a message each way.
    pub(crate) fn ask<Q: Message, A: Message>(
        &self,
        (service, method): (&str, &str),
        request: &Q,
        patience: Duration,
    ) -> Result<A, CallError> {
        let broken = |error: coco_agent_api::ProtobufError| CallError::NoAnswer(error.to_string());
        let payload = request.write_to_bytes().map_err(broken)?;
        A::parse_from_bytes(&self.call(service, method, payload, patience)?).map_err(broken)
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Agent")
    }
}

impl CallError {
    fn of(error: ttrpc::Error) -> Self {
        match error {
            ttrpc::Error::RpcStatus(status) => Self::Refused {
                code: status
                    .code
                    .enum_value()
                    .map_or_else(|code| code.to_string(), |code| format!("{code:?}")),
                message: without_backtrace(&status.message).to_owned(),
            },
            error => Self::NoAnswer(error.to_string()),
        }
    }
}

/// The agent's words without the addresses it appends where it was built to.
fn without_backtrace(message: &str) -> &str {
    message.split_once("\n\nStack backtrace").map_or(message, |(words, _)| words)
}
