//! Where the content store is: as an option says, else where the user keeps caches.

use std::path::PathBuf;

use crate::cache::users_caches;

/// The store's directory among the user's caches.
const NAME: &str = "coco-initrd-store";

/// Nobody says where the user's caches are.
#[derive(Debug, thiserror::Error)]
#[error("neither XDG_CACHE_HOME nor HOME is an absolute path: there is no place for a content store")]
pub(crate) struct NoPlace;

/// The directory that was given, else the user's own.
pub(crate) fn place(given: Option<&PathBuf>) -> Result<PathBuf, NoPlace> {
    given.cloned().or_else(|| Some(users_caches()?.join(NAME))).ok_or(NoPlace)
}
