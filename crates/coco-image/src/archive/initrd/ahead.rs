//! Unpacks segments before it is their turn: nothing says where the next one starts, so what looks like
//! a start is tried.
//!
//! Whoever reads the initrd in order comes to each true start and takes what was found there. A guess
//! inside another segment is given up once that is read: it costs time, never a different result.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use super::members::{Parsed, Task};
use super::{ArchiveError, Options, Source, SourceReader, format_at};
use crate::decompress::Format;
use crate::tree::Spool;

/// First bytes of the compressions that come in many segments: ours, and what tools write with threads.
const STARTS: [&[u8]; 3] =
    [&[0x1f, 0x8b, 0x08], &[0x28, 0xb5, 0x2f, 0xfd], &[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]];

/// How much is searched for a start at once, in bytes.
const WINDOW: u64 = 1 << 20;

/// Longest of [`STARTS`], less one: a start may lie across two windows.
const OVERLAP: u64 = 5;

/// How many guesses may wait for their turn, so that a file full of starts fills no memory.
const WAITING_MAX: usize = 64;

/// The position of the reader once it has ended: all guesses are behind it.
const ENDED: u64 = u64::MAX;

/// What the threads share.
pub(super) struct Ahead<'a> {
    source: &'a dyn Source,
    spool: &'a dyn Spool,
    options: &'a Options,
    /// Up to where the initrd has been read in order.
    position: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where the search for starts goes on.
    next: u64,
    running: BTreeSet<u64>,
    done: BTreeMap<u64, Result<Parsed, ArchiveError>>,
}

/// Takes a start off the list of those in the works, also in a panic.
struct Running<'s, 'a> {
    ahead: &'s Ahead<'a>,
    start: u64,
}

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        self.ahead.state().running.remove(&self.start);
        self.ahead.changed.notify_all();
    }
}

impl<'a> Ahead<'a> {
    pub(super) fn new(source: &'a dyn Source, spool: &'a dyn Spool, options: &'a Options) -> Self {
        let (position, state) = (AtomicU64::new(0), Mutex::default());
        Self { source, spool, options, position, state, changed: Condvar::new() }
    }

    /// Tries starts until there are no more, or nobody reads.
    pub(super) fn work(&self) {
        while self.position.load(Ordering::Relaxed) != ENDED {
            if !self.step() {
                let state = self.state();
                // Whoever reads moves on or ends, and says so.
                if self.position.load(Ordering::Relaxed) != ENDED {
                    drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    /// The segment at `start`, which is one for sure: what was found there, or else read now.
    pub(super) fn parsed(&self, start: u64, format: Format) -> Result<Parsed, ArchiveError> {
        self.position.store(start, Ordering::Relaxed);
        loop {
            let mut state = self.state();
            state.done = state.done.split_off(&start);
            self.changed.notify_all();
            if let Some(result) = state.done.remove(&start) {
                return result;
            }
            if !state.running.contains(&start) {
                state.next = state.next.max(start + 1);
                drop(state);
                return self.task(start, format, &|| false).parse();
            }
            drop(state);
            if !self.step() {
                let state = self.state();
                if state.running.contains(&start) {
                    drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    /// Lets all threads end.
    pub(super) fn stop(&self) {
        let state = self.state();
        self.position.store(ENDED, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    /// Tries the next start; false if there is none for now.
    fn step(&self) -> bool {
        let Some((start, format)) = self.claim() else { return false };
        let running = Running { ahead: self, start };
        let is_behind = || self.position.load(Ordering::Relaxed) > start;
        let result = self.task(start, format, &is_behind).parse();
        if !is_behind() {
            self.state().done.insert(start, result);
        }
        drop(running);
        true
    }

    fn task<'t>(&'t self, start: u64, format: Format, is_unwanted: &'t dyn Fn() -> bool) -> Task<'t> {
        let Self { source, spool, options, .. } = *self;
        Task { source, start, format, spool, options, is_unwanted }
    }

    /// The next start that nobody tries.
    fn claim(&self) -> Option<(u64, Format)> {
        let mut state = self.state();
        if state.running.len() + state.done.len() >= WAITING_MAX {
            return None;
        }
        loop {
            let from = state.next.max(self.position.load(Ordering::Relaxed));
            let start = self.find(from)?;
            state.next = start + 1;
            if let Ok(format) = format_at(self.source, start) {
                state.running.insert(start);
                return Some((start, format));
            }
        }
    }

    /// Where something that looks like a start is, from `at` on.
    fn find(&self, mut at: u64) -> Option<u64> {
        let mut window = Vec::new();
        while at < self.source.size() {
            window.clear();
            // A file that can't be read is told by whoever reads it in order.
            SourceReader::new(self.source, at).take(WINDOW + OVERLAP).read_to_end(&mut window).ok()?;
            let found = STARTS.iter().filter_map(|start| memmem::find(&window, start)).min();
            if let Some(found) = found {
                return at.checked_add(u64::try_from(found).ok()?);
            }
            at = at.checked_add(WINDOW)?;
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
