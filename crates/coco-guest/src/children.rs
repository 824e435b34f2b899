//! All children of PID 1: started here, and waited for here by one waiter. Knows no container.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, WaitStatus, wait, waitid};

/// The children of this process. There is one such list, because `wait(2)` knows no other.
pub(crate) static CHILDREN: Children = Children::new();

/// How long the waiter sleeps when there is nobody to wait for and nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// Added to the number of the signal that ended a process (`exit_code_from_wait_status` of kata's
/// `src/agent/src/signal.rs`).
const SIGNALLED: i32 = 128;

/// The children of a process that somebody waits for, by PID.
#[derive(Debug)]
pub(crate) struct Children {
    waited: Mutex<BTreeMap<i32, Arc<Exit>>>,
    born: Condvar,
}

/// The end of a process, once it came.
#[derive(Debug, Default)]
pub(crate) struct Exit {
    code: Mutex<Option<i32>>,
    set: Condvar,
}

impl Children {
    const fn new() -> Children {
        Children { waited: Mutex::new(BTreeMap::new()), born: Condvar::new() }
    }

    /// Starts a process; `exit` will have its end.
    ///
    /// No child is collected meanwhile: the standard library waits for a child whose program it could
    /// not execute, and takes it for impossible that somebody else did.
    pub(crate) fn start(&self, command: &mut Command, exit: Arc<Exit>) -> io::Result<Pid> {
        let mut waited = lock(&self.waited);
        let pid = Pid::from_child(&command.spawn()?);
        waited.insert(pid.as_raw_nonzero().get(), exit);
        self.born.notify_one();
        Ok(pid)
    }

    /// Waits for children and for the orphans they leave, for as long as the process lives.
    pub(crate) fn reap(&self) -> Result<Infallible, Errno> {
        loop {
            match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Ok(_) => self.collect()?,
                Err(Errno::INTR) => {}
                Err(Errno::CHILD) => {
                    let waited = lock(&self.waited);
                    if waited.is_empty() {
                        drop(self.born.wait_timeout(waited, IDLE));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the exit codes that are there.
    fn collect(&self) -> Result<(), Errno> {
        let mut waited = lock(&self.waited);
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let Some(code) = code(status) else { continue };
                    if let Some(exit) = waited.remove(&pid.as_raw_nonzero().get()) {
                        exit.set(code);
                    }
                }
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Exit {
    /// The code, if the process has ended.
    pub(crate) fn code(&self) -> Option<i32> {
        *lock(&self.code)
    }

    /// Waits until the process ends.
    pub(crate) fn wait(&self) -> i32 {
        let mut code = lock(&self.code);
        loop {
            match *code {
                Some(code) => return code,
                None => code = self.set.wait(code).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Says that the process has ended, or will never begin.
    pub(crate) fn set(&self, code: i32) {
        lock(&self.code).get_or_insert(code);
        self.set.notify_all();
    }
}

/// Locks. A thread that panicked ends the guest, so no lock is left half way.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The code of a process that ended; `None` if it only stopped or went on.
fn code(status: WaitStatus) -> Option<i32> {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| SIGNALLED + signal))
}
