//! Which packed bytes are the same, and where they may be kept. No file is opened here: the program does.

use std::fmt;
use std::io::Read;

use sha2::Digest as _;

use crate::compress;
use crate::digest::Sha256;
use crate::layer::End;
use crate::units::Method;

/// What goes into every key first. Raise it when packed bytes change and [`compress::description`] does not.
const FORMAT: &[u8] = b"coco-initrd group 1\n";

/// What the packed bytes of a group depend on, all of it and nothing else, as one digest: the compressor, each
/// member's header with its name and its body, and whether the trailer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey(Sha256);

impl GroupKey {
    /// The digest.
    pub fn digest(self) -> Sha256 {
        self.0
    }
}

impl From<Sha256> for GroupKey {
    fn from(digest: Sha256) -> Self {
        Self(digest)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A store of packed groups from earlier builds. Whatever fails in it is its own affair: a group it does not
/// have is packed, one it can't keep is packed again next time.
pub trait GroupCache: Sync {
    /// The packed bytes of `key`, if they are kept. Before they are given, they have been compared with the
    /// digest that was taken when they were kept. The memory of `buffer` may be used for them.
    fn get(&self, key: GroupKey, buffer: Vec<u8>) -> Option<Kept<'_>>;

    /// Starts to keep the packed bytes of `key`, unless nothing can be kept.
    fn keep(&self, key: GroupKey) -> Option<Box<dyn Keeping + '_>>;
}

/// Packed bytes that were kept.
pub enum Kept<'c> {
    /// Few enough to hold.
    Bytes(Vec<u8>),
    /// Read when their turn has come. The reader fails where they are no longer what was compared.
    Stream(Box<dyn Read + 'c>),
}

impl fmt::Debug for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Stream(_) => "Stream",
        })
    }
}

/// Packed bytes on their way into the cache. Nothing is kept if this is dropped before it is finished.
pub trait Keeping {
    /// Takes the next bytes.
    fn add(&mut self, bytes: &[u8]);

    /// All bytes are there: keeps them.
    fn finish(self: Box<Self>);
}

/// Makes the key of a group while it is read.
#[derive(Clone)]
pub(super) struct KeyMaker(sha2::Sha256);

impl KeyMaker {
    /// For groups that `method` compresses.
    pub(super) fn new(method: Method) -> Self {
        let mut hasher = sha2::Sha256::new_with_prefix(FORMAT);
        hasher.update(compress::description(method));
        hasher.update(b"\n");
        Self(hasher)
    }

    /// Adds a member: its header and name as they are written, which say where they end, and the digest of
    /// its body.
    pub(super) fn member(&mut self, head: &[u8], body: &Sha256) {
        self.0.update(head);
        self.0.update(body.as_bytes());
    }

    /// The key of the members so far.
    pub(super) fn finish(mut self, end: End) -> GroupKey {
        // No header starts with these.
        self.0.update(match end {
            End::Open => "open",
            End::Trailer => "trailer",
        });
        GroupKey(Sha256::finish(self.0))
    }
}
