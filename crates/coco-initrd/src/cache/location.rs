//! Where the cache is: as the options say, else where the user keeps caches. What is in it is not known here.

use std::path::PathBuf;

use super::{Cache, CacheError};
use crate::args::cache::CacheOptions;
use crate::output::Output;

/// The cache's directory among the user's caches.
const NAME: &str = "coco-initrd";

/// Nobody says where the user's caches are.
#[derive(Debug, thiserror::Error)]
#[error("neither XDG_CACHE_HOME nor HOME is an absolute path: there is no place for a cache")]
pub(crate) struct NoPlace;

/// The directory that was given, else the user's own.
pub(crate) fn place(given: Option<&PathBuf>) -> Result<PathBuf, NoPlace> {
    given.cloned().map_or_else(users_own, Ok)
}

/// Opens the cache of a build. Only a directory that was given and is something else is an error; whatever
/// else goes wrong is said, and the build does without.
pub(crate) fn open(options: &CacheOptions, out: &mut Output) -> Result<Option<Cache>, CacheError> {
    if options.no_cache {
        return Ok(None);
    }
    let opened = match place(options.cache_dir.as_ref()) {
        Ok(path) => Cache::open(path),
        Err(no_place) => {
            out.note(&format!("note: building without a cache: {no_place}"));
            return Ok(None);
        }
    };
    match opened {
        Ok(cache) => Ok(Some(cache)),
        Err(error @ (CacheError::Foreign(_) | CacheError::NotDirectory(_)))
            if options.cache_dir.is_some() =>
        {
            Err(error)
        }
        Err(error) => {
            out.note(&format!("note: building without a cache: {error}"));
            Ok(None)
        }
    }
}

fn users_own() -> Result<PathBuf, NoPlace> {
    users_caches().map(|caches| caches.join(NAME)).ok_or(NoPlace)
}

/// Where the user keeps caches, by the XDG Base Directory Specification 0.8: `$XDG_CACHE_HOME`, else `$HOME/.cache`;
/// what is not absolute does not count.
pub(crate) fn users_caches() -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the environment; where kept bytes are makes no difference to an image"
)]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}
