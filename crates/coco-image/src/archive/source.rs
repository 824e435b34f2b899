//! Bytes that can be read from any place: what several threads read an archive through.
//!
//! Files are opened by the program, which implements [`Source`] for them.

use std::io::{self, BufRead, Read};

/// How much is read at once, in bytes.
const READ_BYTES: usize = 128 << 10;

/// Something with a size, read by offset.
pub trait Source: Sync {
    /// Its size, in bytes.
    fn size(&self) -> u64;

    /// Fills the start of `buffer` with what is at `offset`; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.get(start..).unwrap_or_default().read(buffer)
    }
}

/// A buffered reader from one place on, which knows where it is.
pub struct SourceReader<'s> {
    source: &'s dyn Source,
    buffer: Vec<u8>,
    used: usize,
    filled: usize,
    /// Where the buffer ends in the source.
    end: u64,
}

impl std::fmt::Debug for SourceReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceReader").field("at", &self.at()).finish_non_exhaustive()
    }
}

impl<'s> SourceReader<'s> {
    /// Starts at `offset`.
    pub fn new(source: &'s dyn Source, offset: u64) -> Self {
        Self { source, buffer: vec![0; READ_BYTES], used: 0, filled: 0, end: offset }
    }

    /// The offset of the next byte.
    pub fn at(&self) -> u64 {
        self.end - u64::try_from(self.filled - self.used).unwrap_or(0)
    }
}

impl Read for SourceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buffer)?;
        self.consume(got);
        Ok(got)
    }
}

impl BufRead for SourceReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.filled {
            self.used = 0;
            self.filled = 0;
            self.filled = self.source.read_at(&mut self.buffer, self.end)?;
            self.end += u64::try_from(self.filled).unwrap_or(0);
        }
        Ok(self.buffer.get(self.used..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.used = (self.used + amount).min(self.filled);
    }
}
