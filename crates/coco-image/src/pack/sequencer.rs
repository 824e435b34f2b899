//! Puts groups that are finished in any order into the image in theirs, and hashes the image.
//!
//! Whoever brings the next group writes it, and all that wait behind it. A thread that runs too far
//! ahead waits, so that a slow group does not fill the memory with its followers.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sha2::Digest as _;

use super::{PackError, Packed, PackedLayer};
use crate::digest::{Sha256, Sha384};
use crate::layer::Group;
use crate::path::GuestPath;
use crate::tree::Layer;

/// Most bytes that wait for their turn.
const QUEUE_BYTES: usize = 32 << 20;

/// Most bytes of memory that are kept for the next groups.
const SPARE_BYTES: usize = 12 << 20;

/// The ordered end of the packing threads.
pub(super) struct Sequencer<'a> {
    state: Mutex<State>,
    turn: Condvar,
    sink: Mutex<Sink<'a>>,
}

struct State {
    next: usize,
    waiting: BTreeMap<usize, (Layer, Vec<u8>)>,
    waiting_bytes: usize,
    /// Memory of groups that are written.
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    is_stopped: bool,
}

impl<'a> Sequencer<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                waiting: BTreeMap::new(),
                waiting_bytes: 0,
                spare: Vec::new(),
                spare_bytes: 0,
                is_stopped: false,
            }),
            turn: Condvar::new(),
            sink: Mutex::new(Sink::new(out)),
        }
    }

    /// Takes the packed bytes of group `index`.
    pub(super) fn put(&self, index: usize, layer: Layer, packed: Vec<u8>) -> Result<(), PackError> {
        let has_room = |state: &State| state.waiting_bytes + packed.len() <= QUEUE_BYTES;
        let mut state = self.wait(|state| index == state.next || has_room(state))?;
        let is_next = index == state.next;
        state.waiting_bytes += packed.len();
        state.waiting.insert(index, (layer, packed));
        if is_next { self.drain(state) } else { Ok(()) }
    }

    /// Lets `write` write group `index` itself, once all before it are written.
    pub(super) fn stream(
        &self,
        index: usize,
        layer: Layer,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), PackError> {
        drop(self.wait(|state| index == state.next)?);
        let mut sink = lock(&self.sink);
        sink.enter(layer);
        write(&mut *sink).map_err(PackError::Write)?;
        drop(sink);
        let mut state = lock(&self.state);
        state.next += 1;
        self.drain(state)
    }

    /// Memory that another group has had, empty.
    pub(super) fn spare(&self) -> Vec<u8> {
        let mut state = lock(&self.state);
        let spare = state.spare.pop().unwrap_or_default();
        state.spare_bytes -= spare.capacity();
        spare
    }

    /// Makes all threads give up: one has failed.
    pub(super) fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.turn.notify_all();
    }

    /// The record of the image, with the unpacked sizes of its `groups`.
    pub(super) fn finish(self, groups: &[Group], files: BTreeMap<GuestPath, Sha256>) -> Packed {
        let sink = self.sink.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (size, sha256, sha384, layers) = sink.finish();
        let mut end = 0;
        let layers = layers.into_iter().map(|(layer, packed, sha256)| {
            let of_layer = groups.iter().filter(|group| group.layer == layer);
            let offset = end;
            end += packed;
            PackedLayer {
                layer,
                offset,
                unpacked: of_layer.clone().map(|group| group.len).sum(),
                packed,
                sha256,
                members: of_layer.map(|group| group.members.len()).sum(),
            }
        });
        Packed { size, sha256, sha384, layers: layers.collect(), files }
    }

    /// Writes what waits, from the next group on. The state is not locked while it writes: the others
    /// go on. Nobody else writes meanwhile, since only the bringer of the next group does.
    fn drain<'s>(&'s self, mut state: MutexGuard<'s, State>) -> Result<(), PackError> {
        loop {
            let next = state.next;
            let Some((layer, packed)) = state.waiting.remove(&next) else {
                self.turn.notify_all();
                return Ok(());
            };
            drop(state);
            let mut sink = lock(&self.sink);
            sink.enter(layer);
            sink.write_all(&packed).map_err(PackError::Write)?;
            drop(sink);
            state = lock(&self.state);
            state.next += 1;
            state.waiting_bytes = state.waiting_bytes.saturating_sub(packed.len());
            state.keep_spare(packed);
            self.turn.notify_all();
        }
    }

    fn wait(&self, until: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, PackError> {
        let mut state = lock(&self.state);
        while !state.is_stopped && !until(&state) {
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_stopped { Err(PackError::Stopped) } else { Ok(state) }
    }
}

impl State {
    /// Keeps the memory of a group for the next, if that is not much: fresh memory is cleared by the kernel.
    fn keep_spare(&mut self, mut packed: Vec<u8>) {
        if self.spare_bytes + packed.capacity() <= SPARE_BYTES {
            packed.clear();
            self.spare_bytes += packed.capacity();
            self.spare.push(packed);
        }
    }
}

/// A lock that survives the panic of another thread; that thread's join reports it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The image file with the digests of all of it and of its layers.
struct Sink<'a> {
    out: &'a mut (dyn Write + Send),
    size: u64,
    sha256: sha2::Sha256,
    sha384: sha2::Sha384,
    current: Option<(Layer, u64, Option<sha2::Sha256>)>,
    finished: Vec<(Layer, u64, Sha256)>,
}

impl<'a> Sink<'a> {
    fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            out,
            size: 0,
            sha256: sha2::Sha256::new(),
            sha384: sha2::Sha384::new(),
            current: None,
            finished: Vec::new(),
        }
    }

    /// Starts `layer`, unless it is under way.
    fn enter(&mut self, layer: Layer) {
        if self.current.as_ref().is_none_or(|(current, ..)| *current != layer) {
            self.leave();
            // The first layer's digest is the image's so far: it need not be computed twice.
            let hasher = (self.size > 0).then(sha2::Sha256::new);
            self.current = Some((layer, 0, hasher));
        }
    }

    fn leave(&mut self) {
        if let Some((layer, len, hasher)) = self.current.take() {
            let hasher = hasher.unwrap_or_else(|| self.sha256.clone());
            self.finished.push((layer, len, Sha256::finish(hasher)));
        }
    }

    fn finish(mut self) -> (u64, Sha256, Sha384, Vec<(Layer, u64, Sha256)>) {
        self.leave();
        (self.size, Sha256::finish(self.sha256), Sha384::finish(self.sha384), self.finished)
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.sha256.update(bytes);
        self.sha384.update(bytes);
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.size += len;
        if let Some((_, layer_len, hasher)) = &mut self.current {
            *layer_len += len;
            if let Some(hasher) = hasher {
                hasher.update(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
