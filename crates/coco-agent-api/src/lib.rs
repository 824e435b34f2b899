//! The agent's protocol: messages, and stubs for its clients and servers. Opens no connection itself.
//!
//! On the wire it is what kata-agent 4.1 speaks: ttrpc with the services `grpc.AgentService` and
//! `grpc.Health`, field numbers and types as in kata's `src/libs/protocols/protos`. Everything here is
//! generated from `proto/` by the build script. As JSON ([`serde::Serialize`]) a request is what the
//! agent gives its policy as `input`: fields by their names in the protocol, also those that are not
//! set; bytes as lists of numbers; enumerations as numbers; messages that are not there as `null`;
//! and a field called `type` as `type_`, since Rust can't call it otherwise.
//!
//! The one exception is `CopyFileRequest`, which a policy never sees whole.

mod json;

pub use protobuf::{Error as ProtobufError, Message, MessageField};
pub use ttrpc;

include!(concat!(env!("OUT_DIR"), "/modules.rs"));
