//! A limit on the bytes that all packing threads together have in the works.
//!
//! Most groups are small, and all threads work. A few large ones would need much memory at once: they
//! wait for each other. The bytes of the image do not depend on who waited.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Room for a number of bytes.
#[derive(Debug)]
pub(super) struct Room {
    size: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

impl Room {
    /// Room for `size` bytes.
    pub(super) fn new(size: u64) -> Self {
        Self { size, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Takes `len` bytes, as soon as they are free; more than there are, as soon as all are.
    pub(super) fn take(&self, len: u64) -> Taken<'_> {
        let mut used = self.used();
        while *used > 0 && used.saturating_add(len) > self.size {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += len;
        Taken { room: self, len }
    }

    fn used(&self) -> MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are given back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    room: &'a Room,
    len: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.used() -= self.len;
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let (room, now, most) = (Room::new(10), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for len in [1, 9, 4, 6, 10, 3] {
                        let taken = room.take(len);
                        most.fetch_max(now.fetch_add(len, Ordering::SeqCst) + len, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(len, Ordering::SeqCst);
                        drop(taken);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 10);
        assert_eq!(*room.used(), 0);
    }

    #[test]
    fn what_is_larger_than_the_room_has_it_alone() {
        let room = Room::new(10);
        drop(room.take(25));
        let small = room.take(1);
        std::thread::scope(|scope| {
            let large = scope.spawn(|| room.take(25).len);
            drop(small);
            assert_eq!(large.join().unwrap(), 25);
        });
    }
}
