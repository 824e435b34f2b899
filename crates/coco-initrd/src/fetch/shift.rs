//! Workers that fetch one content after the other, until all are there or one can't be had.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

use super::download::Download;
use super::{FetchError, Fetcher, Wanted};
use crate::content_store::Finished;
use crate::http::Patience;
use crate::registry::Repository;

/// Whoever gets at least so many bytes further has all its tries again.
const PROGRESS: u64 = 1 << 20;

/// What the workers share.
pub(super) struct Shift<'a> {
    pub(super) fetcher: &'a Fetcher<'a>,
    /// The repositories that are asked, by the references of what is wanted.
    pub(super) repositories: BTreeMap<String, Repository<'a>>,
    pub(super) bar: &'a ProgressBar,
    /// Whether one has failed.
    pub(super) is_stopped: AtomicBool,
}

impl Shift<'_> {
    /// Gets all of `missing`.
    pub(super) fn work(&self, missing: Vec<&Wanted>) -> Result<(), FetchError> {
        let workers = self.fetcher.jobs.get().min(missing.len());
        let queue = Mutex::new(missing.into_iter().collect::<VecDeque<_>>());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let work = || {
            while let Some(wanted) = next() {
                if let Err(error) = self.obtain(wanted) {
                    self.is_stopped.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
            Ok(())
        };
        let results: Vec<Result<(), FetchError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let panicked = |_| Err(FetchError::Stopped);
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect()
        });
        // Whoever was stopped has nothing to say that helps.
        let (stopped, failed): (Vec<_>, Vec<_>) = results
            .into_iter()
            .filter_map(Result::err)
            .partition(|error| matches!(error, FetchError::Stopped));
        failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
    }

    /// Gets one content, with all the tries it has.
    fn obtain(&self, wanted: &Wanted) -> Result<(), FetchError> {
        let store = self.fetcher.store;
        let mut partial = store.partial(wanted.content)?;
        // Another fetch may have brought it while this one waited for the file.
        if store.has(wanted.content)? {
            self.bar.inc(wanted.content.size);
            return Ok(partial.abandon().map_err(|error| store.disk(error))?);
        }
        self.bar.inc(partial.len());
        let download = Download { shift: self, wanted };
        let mut patience = Patience::new();
        let mut is_second_time = false;
        loop {
            let before = partial.len();
            if let Err(error) = download.run(&mut partial) {
                if partial.len() >= before + PROGRESS {
                    patience = Patience::new();
                }
                if self.is_stopped.load(Ordering::Relaxed) || !patience.lasts(error.wait()) {
                    if partial.len() == 0 {
                        partial.abandon().map_err(|error| store.disk(error))?;
                    }
                    return Err(error);
                }
                continue;
            }
            match partial.finish().map_err(|error| store.disk(error))? {
                Finished::Whole(whole) => return Ok(store.keep(whole)?),
                // A disk may have lost what an earlier fetch wrote: the server is asked once for all of it.
                Finished::Wrong { was_resumed: true, .. } if !is_second_time => {
                    is_second_time = true;
                    self.bar.dec(wanted.content.size);
                    partial = store.partial(wanted.content)?;
                }
                Finished::Wrong { got, .. } => {
                    let (url, expected) = (download.url(), wanted.content.sha256);
                    return Err(FetchError::Digest { url, got, expected });
                }
            }
        }
    }
}
