//! Why a request is not carried out, and the status it is answered with. The words are the agent's.
//!
//! An agent answers most errors with `INTERNAL` and the error as Rust's `Debug` writes it: strings in
//! quotes, errors of its own as plain text (`ttrpc_error` and `ResultToTtrpcResult` of `src/agent/src/rpc.rs`).

use std::io;

use coco_agent_api::ttrpc::{Code, Error, get_status};
use coco_policy::Request;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The policy says no.
    #[error("{0:?}", format!("{request} is blocked by policy: {prints}"))]
    Blocked { request: Request, prints: String },
    /// The policy says nothing.
    #[error("{0:?}", format!("{request}: internal error {words}"))]
    Unanswered { request: Request, words: String },
    /// A new policy that does not load.
    #[error("{0}")]
    Policy(#[from] coco_policy::PolicyError),
    /// No container of this name, where the agent looks for a container.
    #[error("Invalid container id")]
    NoContainer,
    /// The same, where the agent answers it as the caller's mistake.
    #[error("\"invalid container id\"")]
    NoSuchContainer,
    /// The same, where the agent looks for a process.
    #[error("InvalidContainerId")]
    NoContainerOfProcess,
    /// The first process was waited for, and is forgotten.
    #[error("InitProcessNotFound")]
    NoInit,
    /// No process of this name.
    #[error("InvalidExecId")]
    NoExec,
    /// The first process was waited for, and can't be written to.
    #[error("Process not found: init process missing")]
    NoInitToWrite,
    /// No process of this name to write to.
    #[error("Process not found: invalid exec id")]
    NoExecToWrite,
    /// Its standard input was closed.
    #[error("Cannot get writer")]
    NoWriter,
    /// It has no terminal; here none has.
    #[error("\"no tty\"")]
    NoTty,
    /// The container's name can't be the name of a folder.
    #[error("invalid container ID {0}")]
    BadId(String),
    /// The name is taken.
    #[error("{0}")]
    Taken(String),
    /// The caller left out what can't be left out, or asked for what makes no sense.
    #[error("{0:?}")]
    BadRequest(String),
    /// It failed on the way.
    #[error("{0}")]
    Failed(String),
    /// A real agent could; this one can't.
    #[error("{0} not supported by the built-in guest")]
    Unsupported(String),
}

impl Fault {
    fn code(&self) -> Code {
        match self {
            Fault::Blocked { .. } => Code::PERMISSION_DENIED,
            Fault::NoSuchContainer
            | Fault::NoContainerOfProcess
            | Fault::BadRequest(_)
            | Fault::Policy(_) => Code::INVALID_ARGUMENT,
            Fault::NoInit | Fault::NoExec => Code::NOT_FOUND,
            Fault::NoTty => Code::UNAVAILABLE,
            Fault::Unsupported(_) => Code::UNIMPLEMENTED,
            Fault::Unanswered { .. }
            | Fault::NoContainer
            | Fault::NoInitToWrite
            | Fault::NoExecToWrite
            | Fault::NoWriter
            | Fault::BadId(_)
            | Fault::Taken(_)
            | Fault::Failed(_) => Code::INTERNAL,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::RpcStatus(get_status(fault.code(), fault))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Failed(error.to_string())
    }
}

impl From<rustix::io::Errno> for Fault {
    fn from(error: rustix::io::Errno) -> Fault {
        Fault::Failed(error.to_string())
    }
}
