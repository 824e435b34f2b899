//! Requests to the agent, as the bytes that go out. Answers are in `step`.

use coco_agent_api::Message;
use coco_agent_api::agent::{CopyFileRequest, ReadStreamRequest, WriteStreamRequest};
use std::fmt;

/// The agent's service.
const AGENT: &str = "grpc.AgentService";

/// The file types of `st_mode` (`inode(7)`).
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;

/// How much of a file goes into one request: a message of ttrpc has at most 4 MiB.
const PART: usize = 1 << 20;

/// How much a stream may bring at once, as the runtimes ask.
const READ: u32 = 32 << 10;

/// A call: service, method and request.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
    /// The request, encoded.
    pub request: Vec<u8>,
}

impl Call {
    /// A call of the agent's own service.
    pub(crate) fn agent(method: &'static str, request: &impl Message) -> Self {
        Self::of(AGENT, method, request)
    }

    /// A call of the health service.
    pub(crate) fn health(method: &'static str, request: &impl Message) -> Self {
        Self::of("grpc.Health", method, request)
    }

    fn of(service: &'static str, method: &'static str, request: &impl Message) -> Self {
        let request = request.write_to_bytes().expect("a proto3 message has no required field to lack");
        Self { service, method, request }
    }

    /// Reads a stream, `ReadStdout` or `ReadStderr`; an empty `process` is the container's own.
    pub(crate) fn read(method: &'static str, container: &str, process: &str) -> Self {
        let request = ReadStreamRequest {
            container_id: container.to_owned(),
            exec_id: process.to_owned(),
            len: READ,
            ..Default::default()
        };
        Self::agent(method, &request)
    }

    /// Writes to standard input; an empty `process` is the container's own.
    pub(crate) fn write(container: &str, process: &str, text: &str) -> Self {
        let request = WriteStreamRequest {
            container_id: container.to_owned(),
            exec_id: process.to_owned(),
            data: text.as_bytes().to_vec(),
            ..Default::default()
        };
        Self::agent("WriteStdin", &request)
    }

    /// Copies a directory.
    pub(crate) fn directory(path: &str) -> Self {
        Self::agent("CopyFile", &CopyFileRequest { file_mode: DIRECTORY | 0o755, ..copy(path) })
    }

    /// Copies a symbolic link.
    pub(crate) fn link(path: &str, target: &str) -> Self {
        let data = target.as_bytes().to_vec();
        let file_size = target.len().try_into().unwrap_or(i64::MAX);
        Self::agent(
            "CopyFile",
            &CopyFileRequest { file_mode: SYMLINK | 0o777, file_size, data, ..copy(path) },
        )
    }

    /// Copies a file, in as many calls as it takes.
    pub(crate) fn file(path: &str, mode: u32, bytes: &[u8]) -> Vec<Self> {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let mut calls = Vec::new();
        let mut offset = 0;
        for part in bytes.chunks(PART) {
            let request = CopyFileRequest {
                file_mode: REGULAR | mode,
                file_size: size,
                offset,
                data: part.to_vec(),
                ..copy(path)
            };
            calls.push(Self::agent("CopyFile", &request));
            offset += i64::try_from(part.len()).unwrap_or(i64::MAX);
        }
        calls
    }
}

impl fmt::Debug for Call {
    /// Without the bytes: a file may be among them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{} ({} bytes)", self.service, self.method, self.request.len())
    }
}

fn copy(path: &str) -> CopyFileRequest {
    CopyFileRequest { path: path.to_owned(), dir_mode: DIRECTORY | 0o755, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_goes_in_parts_that_join() {
        let bytes: Vec<u8> = (0..=255u8).cycle().take(2 * PART + 3).collect();
        let requests: Vec<CopyFileRequest> = Call::file("/f", 0o755, &bytes)
            .iter()
            .map(|call| CopyFileRequest::parse_from_bytes(&call.request).unwrap())
            .collect();
        let offsets: Vec<i64> = requests.iter().map(|request| request.offset).collect();
        assert_eq!(offsets, [0, 1 << 20, 2 << 20]);
        assert_eq!(requests.iter().flat_map(|request| request.data.clone()).collect::<Vec<_>>(), bytes);
        assert!(requests.iter().all(|request| request.file_size == (2 << 20) + 3));
    }

    #[test]
    fn every_copy_says_of_what_type_it_is() {
        let mode = |call: &Call| CopyFileRequest::parse_from_bytes(&call.request).unwrap().file_mode;
        assert_eq!(mode(&Call::directory("/d")), 0o040_755);
        assert_eq!(mode(&Call::link("/l", "t")), 0o120_777);
        assert_eq!(mode(&Call::file("/f", 0o600, b"x")[0]), 0o100_600);
    }
}
