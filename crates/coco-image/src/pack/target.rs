//! Where the bytes of a group go when it is read: into memory, or to a writer.

use std::io::Write;

use super::PackError;

/// How much of a file is read at once, in bytes: fits into a processor's cache.
const READ_BYTES: usize = 128 << 10;

/// Takes bytes one after the other. Files are read straight into it.
pub(super) trait Target {
    /// Where the next bytes can be read to; the same until they are taken.
    fn space(&mut self) -> &mut [u8];

    /// Takes the first `len` bytes of the space.
    fn take(&mut self, len: usize) -> Result<(), PackError>;

    /// Takes these bytes.
    fn add(&mut self, bytes: &[u8]) -> Result<(), PackError>;
}

/// Memory for a group, used again for the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// As long as the longest group and some space behind it.
    bytes: Vec<u8>,
    len: usize,
}

impl Memory {
    /// Forgets what it has, and makes room for `len` bytes.
    pub(super) fn clear(&mut self, len: u64) {
        self.len = 0;
        self.grow(usize::try_from(len).unwrap_or(0));
    }

    /// Gives the memory back, if what it has is more than `limit` bytes.
    pub(super) fn forget_large(&mut self, limit: u64) {
        if u64::try_from(self.len).is_ok_and(|len| len > limit) {
            *self = Self::default();
        }
    }

    /// What was taken.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn grow(&mut self, len: usize) {
        let len = len.saturating_add(READ_BYTES);
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
    }
}

impl Target for Memory {
    fn space(&mut self) -> &mut [u8] {
        self.grow(self.len);
        self.bytes.get_mut(self.len..self.len + READ_BYTES).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> Result<(), PackError> {
        self.len += len;
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        let end = self.len + bytes.len();
        self.grow(end);
        if let Some(space) = self.bytes.get_mut(self.len..end) {
            space.copy_from_slice(bytes);
        }
        self.len = end;
        Ok(())
    }
}

/// A writer, with a buffer before it.
pub(super) struct Through<'w, W: Write + ?Sized> {
    out: &'w mut W,
    buffer: Vec<u8>,
}

impl<'w, W: Write + ?Sized> Through<'w, W> {
    /// Passes all bytes on to `out`.
    pub(super) fn new(out: &'w mut W) -> Self {
        Self { out, buffer: vec![0; READ_BYTES] }
    }
}

impl<W: Write + ?Sized> Target for Through<'_, W> {
    fn space(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn take(&mut self, len: usize) -> Result<(), PackError> {
        let bytes = self.buffer.get(..len).unwrap_or_default();
        self.out.write_all(bytes).map_err(PackError::Write)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.out.write_all(bytes).map_err(PackError::Write)
    }
}
