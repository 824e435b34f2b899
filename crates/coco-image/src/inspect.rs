//! What is in an initrd that was read: segments, files, policy, init, agent, faults, needs. Judges nothing.
//!
//! The reader has replayed the kernel's rules by then: what is told here is what a guest has. Facts that the
//! bytes don't prove are `None`, and whoever prints them says that they are not known.

mod faults;
mod needs;
mod policy;
mod programs;
pub mod sizes;

use std::collections::BTreeMap;
use std::io::{self, Read as _};

pub use faults::{Fault, FaultKind};
pub use needs::{Needs, zstd_window};
pub use policy::{Effective, Link, Overridden, PolicyFound};
pub use programs::{Agent, AgentKind, Init, InitKind, init};

use crate::archive::initrd::{Initrd, Segment};
use crate::decompress::Format;
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, Node, Tree};

/// Below this the kernel looks for processor microcode before it unpacks anything (Linux
/// `Documentation/arch/x86/microcode.rst`).
const MICROCODE: &str = "/kernel/x86/microcode";

/// All that is told of an initrd.
#[derive(Debug)]
pub struct Inspection {
    /// The segments in order.
    pub segments: Vec<(Segment, SegmentRole)>,
    /// The files a guest has.
    pub files: Files,
    /// The policies.
    pub policy: PolicyFound,
    /// What the kernel starts.
    pub init: Init,
    /// The agent, if there is one.
    pub agent: Option<Agent>,
    /// What keeps the image from being the same next time, or should not be in an image.
    pub faults: Vec<Fault>,
    /// What it needs of the kernel and of memory.
    pub needs: Needs,
}

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentRole {
    /// The first one, plain, with nothing but processor microcode.
    EarlyMicrocode,
    /// Files of the guest.
    Files,
}

impl SegmentRole {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::EarlyMicrocode => "early-microcode",
            Self::Files => "files",
        }
    }
}

/// How many files there are, once everything is unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// By kind ([`Node::kind`]), the root directory left out.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Sum of the sizes of regular files, in bytes; each file once.
    pub bytes: u64,
}

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} can't be read: {error}")]
pub struct InspectError {
    /// The file.
    pub path: GuestPath,
    /// The reason.
    pub error: io::Error,
}

/// Looks at `initrd`, whose bodies are in `bodies`.
pub fn inspect(initrd: &Initrd, bodies: &dyn Bodies) -> Result<Inspection, InspectError> {
    let tree = &initrd.tree;
    let agent = programs::agent(tree, bodies)?;
    Ok(Inspection {
        segments: initrd.segments.iter().cloned().zip(roles(initrd)).collect(),
        files: files(tree),
        policy: policy::find(initrd, bodies),
        init: programs::init(tree, bodies)?,
        faults: faults::find(initrd, agent.as_ref(), bodies)?,
        agent,
        needs: Needs::of(initrd),
    })
}

fn files(tree: &Tree) -> Files {
    let mut files = Files::default();
    for (_, entry) in tree.iter().filter(|(path, _)| !path.is_root()) {
        *files.kinds.entry(entry.node.kind()).or_default() += 1;
        if let Node::File(_, body) = &entry.node {
            files.bytes += body.len();
        }
    }
    files
}

fn roles(initrd: &Initrd) -> impl Iterator<Item = SegmentRole> {
    let directory = GuestPath::fixed(MICROCODE);
    let is_plain = initrd.segments.first().is_some_and(|segment| segment.format == Format::Plain);
    let mut first = initrd.members.iter().filter(|member| member.segment == 0).peekable();
    let is_microcode = is_plain
        && first.peek().is_some()
        && first.all(|member| member.path.is_below(&directory) || directory.is_below(&member.path));
    let role = if is_microcode { SegmentRole::EarlyMicrocode } else { SegmentRole::Files };
    std::iter::once(role).chain(std::iter::repeat(SegmentRole::Files))
}

/// The first bytes of the file at `path`, at most `limit`.
fn head(path: &GuestPath, body: &Body, bodies: &dyn Bodies, limit: u64) -> Result<Vec<u8>, InspectError> {
    let mut bytes = Vec::new();
    body.open(bodies)
        .and_then(|reader| reader.take(limit).read_to_end(&mut bytes))
        .map_err(|error| InspectError { path: path.clone(), error })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
