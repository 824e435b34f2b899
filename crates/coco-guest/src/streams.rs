//! The standard streams of a process: pipes of the kernel's usual size. Not who may read them.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::children::{Exit, lock};

/// The most that one read takes, in bytes. A pipe holds 64 KiB (`pipe(7)`), so no read can get more,
/// whatever length it asks for.
const READ_MAX: usize = 64 * 1024;

/// How often a read looks whether the process is still there.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long a read waits for more when the process has ended and somebody else holds the pipe open
/// (`DRAIN_DEADLINE_MS` of `do_read_stream`, kata's `src/agent/src/rpc.rs`).
const DRAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// What a process writes, at the end where it is read.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Mutex<PipeReader>,
    exit: Arc<Exit>,
}

/// What a process reads, at the end where it is written.
#[derive(Debug)]
pub(crate) struct Input(Mutex<PipeWriter>);

impl Output {
    /// The output of the process whose end is `exit`.
    pub(crate) fn new(pipe: PipeReader, exit: Arc<Exit>) -> Output {
        Output { pipe: Mutex::new(pipe), exit }
    }

    /// Waits for output and takes at most `len` bytes of it. No bytes mean there will be none, unless
    /// none were asked for.
    pub(crate) fn read(&self, len: u32) -> io::Result<Vec<u8>> {
        let len = usize::try_from(len).unwrap_or(READ_MAX).min(READ_MAX);
        if len == 0 {
            return Ok(Vec::new());
        }
        let pipe = lock(&self.pipe);
        loop {
            let ended = self.exit.code().is_some();
            let patience = if ended { &DRAIN } else { &TICK };
            match poll(&mut [PollFd::new(&*pipe, PollFlags::IN)], Some(patience)) {
                Ok(0) if ended => return Ok(Vec::new()),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let mut bytes = vec![0; len];
        let got = (&*pipe).read(&mut bytes)?;
        bytes.truncate(got);
        Ok(bytes)
    }
}

impl Input {
    /// The input of a process.
    pub(crate) fn new(pipe: PipeWriter) -> Input {
        Input(Mutex::new(pipe))
    }

    /// Writes all of it; waits for the process to read when the pipe is full.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        lock(&self.0).write_all(bytes)
    }
}
