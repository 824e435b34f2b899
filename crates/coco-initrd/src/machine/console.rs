//! The console of a running machine: read by a thread of its own, so that every byte has its true time.

use std::collections::VecDeque;
use std::io::{self, Read, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use coco_boot::{Line, Lines, Timeline};

/// How many lines are remembered for the report of a failure.
const REMEMBERED: usize = 2000;

/// How many reads may wait to be looked at. A guest that writes more has to wait itself.
const WAITING: usize = 64;

/// The console, as far as it was read.
#[derive(Debug)]
pub(crate) struct Console {
    chunks: Receiver<(Duration, Vec<u8>)>,
    lines: Lines,
    timeline: Timeline,
    last: VecDeque<Line>,
}

/// Whether more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The machine runs.
    Open,
    /// It has ended, and all it wrote was read.
    Ended,
}

impl Console {
    /// Reads `out`, the console of a machine that was started at `start`. What comes is also written to
    /// `copy`, byte for byte.
    pub(crate) fn read(out: impl Read + Send + 'static, start: Instant, copy: Option<fs_err::File>) -> Self {
        let (sender, chunks) = sync_channel(WAITING);
        thread::spawn(move || forward(out, start, copy, &sender));
        Self { chunks, lines: Lines::default(), timeline: Timeline::default(), last: VecDeque::new() }
    }

    /// Takes what came, waiting up to `patience` if nothing did.
    pub(crate) fn pump(&mut self, patience: Duration) -> Stream {
        let start = Instant::now();
        let mut next = self.chunks.recv_timeout(patience);
        loop {
            match next {
                Ok((at, bytes)) => {
                    for line in self.lines.feed(at, &bytes) {
                        self.note(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Stream::Open,
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(line) = self.lines.end(Duration::ZERO) {
                        self.note(line);
                    }
                    return Stream::Ended;
                }
            }
            // A guest that never stops must not keep the caller from looking at the time.
            if start.elapsed() > patience {
                return Stream::Open;
            }
            next = self.chunks.recv_timeout(Duration::ZERO);
        }
    }

    /// The phases that were seen.
    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The last lines.
    pub(crate) fn last(&self) -> &VecDeque<Line> {
        &self.last
    }

    fn note(&mut self, line: Line) {
        self.timeline.note(&line);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

/// Ends when the machine does, or when nobody listens any more.
fn forward(
    mut out: impl Read,
    start: Instant,
    mut copy: Option<fs_err::File>,
    sender: &SyncSender<(Duration, Vec<u8>)>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = match out.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return,
            Ok(len) => len,
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        // A full disk must not end the boot; the copy is then as long as the disk took it.
        if copy.as_mut().is_some_and(|copy| copy.write_all(bytes).is_err()) {
            copy = None;
        }
        if sender.send((start.elapsed(), bytes.to_vec())).is_err() {
            return;
        }
    }
}
