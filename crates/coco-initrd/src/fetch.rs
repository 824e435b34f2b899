//! Gets contents into the content store: several at once, from where an earlier fetch has ended, tried
//! again when a connection breaks, and every digest computed on the way. What has the wrong digest or size
//! is never kept.
//!
//! What is wanted, and where it is, comes from a lock or a signed index. Nothing is unpacked here.

mod download;
mod shift;
mod wanted;

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use coco_image::digest::Sha256;
use coco_image::lock::Content;
use coco_image::profile::source::Url;
use coco_registry::Reference;
use coco_registry::challenge::Access;

use crate::content_store::{ContentStore, StoreError};
use crate::http::{Client, HttpError, Wait};
use crate::mirrors::Mirror;
use crate::output::Output;
use crate::registry::{Item, RegistryError, Repository};
use shift::Shift;

/// How many are fetched at once unless an option says otherwise: enough to hide the time that requests take.
pub(crate) const JOBS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// Something that must get into the store.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// What it is, for people.
    pub(crate) name: String,
    /// Its size and digest.
    pub(crate) content: Content,
    /// Where it is.
    pub(crate) place: Place,
}

/// Where a content can be had.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// At a URL, or at a mirror of it.
    Url(Url),
    /// In a registry.
    Registry {
        /// The repository.
        reference: Reference,
        /// Of which kind it is there.
        item: Item,
        /// Where that is.
        url: Url,
    },
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The network, or the server.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A registry.
    #[error(transparent)]
    Registry(RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other bytes than were locked.
    #[error("{url}: SHA-256 got {got}, expected {expected}")]
    Digest {
        /// Where they came from.
        url: Url,
        /// Their digest.
        got: Sha256,
        /// The locked one.
        expected: Sha256,
    },
    /// Another size than was locked.
    #[error("{url}: size got {got}, expected {expected} bytes")]
    Size {
        /// Where it is said.
        url: Url,
        /// The server's, or what has come by then.
        got: u64,
        /// The locked one.
        expected: u64,
    },
    /// An answer to a request for a part that is not that part.
    #[error(
        "{url}: the server sends another part than was asked for: got `{got}`, expected from byte {expected}"
    )]
    Part {
        /// What was asked for.
        url: Url,
        /// What the server says it sends.
        got: String,
        /// Where the part was to begin.
        expected: u64,
    },
    /// Another one has failed meanwhile.
    #[error("stopped, since another fetch has failed")]
    Stopped,
}

impl From<RegistryError> for FetchError {
    fn from(error: RegistryError) -> Self {
        match error {
            // It is tried again for the same reasons as any other request.
            RegistryError::Http(error) => Self::Http(error),
            error => Self::Registry(error),
        }
    }
}

impl FetchError {
    /// Whether, and when, another try may help.
    fn wait(&self) -> Wait {
        match self {
            Self::Http(error) => error.wait(),
            Self::Registry(error) => error.wait(),
            _ => Wait::Never,
        }
    }
}

/// What a fetch has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// How many contents were fetched.
    pub(crate) count: usize,
    /// Their size in bytes.
    pub(crate) bytes: u64,
    /// How many were there already.
    pub(crate) present: usize,
}

/// What fetches need.
#[derive(Debug)]
pub(crate) struct Fetcher<'a> {
    /// For requests.
    pub(crate) client: &'a Client,
    /// Where contents go.
    pub(crate) store: &'a ContentStore,
    /// Other places that have the same.
    pub(crate) mirrors: &'a [Mirror],
    /// How many are fetched at once.
    pub(crate) jobs: NonZeroUsize,
}

impl Fetcher<'_> {
    /// Gets all of `wanted`, or says why the first of those that failed could not be had. Whatever is whole by then stays.
    pub(crate) fn all(&self, wanted: &[Wanted], out: &mut Output) -> Result<Fetched, FetchError> {
        let mut missing = Vec::new();
        for it in wanted {
            if !self.store.has(it.content)? {
                missing.push(it);
            }
        }
        missing.sort_by_key(|it| it.content.sha256);
        missing.dedup_by_key(|it| it.content.sha256);
        let bytes = missing.iter().map(|it| it.content.size).sum();
        self.store.has_room(bytes)?;
        // The largest first: so the end is not one worker's alone.
        missing.sort_by(|a, b| b.content.size.cmp(&a.content.size).then_with(|| a.name.cmp(&b.name)));
        let count = missing.len();
        let bar = out.progress("fetching", bytes);
        let repositories = missing.iter().filter_map(|it| it.place.reference());
        let repositories =
            repositories.map(|it| (it.to_string(), Repository::new(self.client, it, Access::Pull))).collect();
        let shift = Shift { fetcher: self, repositories, bar: &bar, is_stopped: AtomicBool::new(false) };
        let result = shift.work(missing);
        bar.finish_and_clear();
        result?;
        Ok(Fetched { count, bytes, present: wanted.len() - count })
    }
}
