//! Bodies of files on the disk: beside their directory, in their archive, or in a spool file.

use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use coco_image::tree::{Bodies, Extent, Spool};

/// Everything that bodies of an image are read from.
#[derive(Debug, Default)]
pub(crate) struct Store {
    backings: Vec<Backing>,
}

/// One thing that can be opened.
#[derive(Debug)]
enum Backing {
    /// A file that is opened when it is read: there may be more of them than open files allowed.
    Path(PathBuf),
    /// An open file: an archive, or a spool without a name.
    File(std::fs::File),
}

impl Store {
    /// Takes the file at `path`, of `len` bytes, as one body.
    pub(crate) fn add_path(&mut self, path: PathBuf, len: u64) -> Extent {
        Extent { store: self.add(Backing::Path(path)), offset: 0, len }
    }

    /// The number of an open archive or spool.
    pub(crate) fn add_file(&mut self, file: std::fs::File) -> u32 {
        self.add(Backing::File(file))
    }

    fn add(&mut self, backing: Backing) -> u32 {
        self.backings.push(backing);
        u32::try_from(self.backings.len() - 1).unwrap_or(u32::MAX)
    }
}

impl Bodies for Store {
    fn open(&self, extent: Extent) -> io::Result<Box<dyn Read + '_>> {
        let index = usize::try_from(extent.store).unwrap_or(usize::MAX);
        match self.backings.get(index) {
            Some(Backing::Path(path)) => {
                let mut file = fs_err::File::open(path)?;
                if extent.offset > 0 {
                    file.seek(io::SeekFrom::Start(extent.offset))?;
                }
                Ok(Box::new(file))
            }
            Some(Backing::File(file)) => {
                let end = extent.offset.saturating_add(extent.len);
                Ok(Box::new(Window { file, at: extent.offset, end }))
            }
            None => Err(io::Error::other("a body of another store")),
        }
    }
}

/// Part of an open file, read without moving its position: threads share the file.
struct Window<'a> {
    file: &'a std::fs::File,
    at: u64,
    end: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let want = left.min(buffer.len());
        let got = self.file.read_at(buffer.get_mut(..want).unwrap_or_default(), self.at)?;
        self.at += u64::try_from(got).unwrap_or(0);
        Ok(got)
    }
}

/// A spool for an archive: bodies of a plain one stay where they are, others go to a file that has
/// no name, so that nothing of it is left however the program ends.
#[derive(Debug)]
pub(crate) struct DiskSpool {
    archive: u32,
    plain: Plain,
    spool: Option<SpoolFile>,
}

impl DiskSpool {
    /// For an archive that is open in `store`; `directory` is where a spool file can be.
    pub(crate) fn new(
        store: &mut Store,
        archive: std::fs::File,
        plain: Plain,
        directory: &Path,
    ) -> io::Result<Self> {
        let spool = match plain {
            Plain::Whole => None,
            Plain::Partly | Plain::Not => {
                let file = tempfile::tempfile_in(directory)?;
                Some(SpoolFile { store: store.add_file(file.try_clone()?), file, end: 0 })
            }
        };
        Ok(Self { archive: store.add_file(archive), plain, spool })
    }
}

/// How much of an archive is not compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    /// All of it.
    Whole,
    /// Some segments of an initrd may be.
    Partly,
    /// Nothing.
    Not,
}

impl Spool for DiskSpool {
    fn keep(&mut self, body: &mut dyn Read, offset: Option<u64>, len: u64) -> io::Result<Extent> {
        let in_place = offset.filter(|_| self.plain != Plain::Not);
        match (in_place, &mut self.spool) {
            (Some(offset), _) => Ok(Extent { store: self.archive, offset, len }),
            (None, Some(spool)) => spool.keep(body, len),
            (None, None) => Err(io::Error::other("a compressed body in a plain archive")),
        }
    }
}

/// A file without a name that takes one body after the other.
#[derive(Debug)]
struct SpoolFile {
    store: u32,
    file: std::fs::File,
    end: u64,
}

impl SpoolFile {
    fn keep(&mut self, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        let kept = io::copy(&mut body.take(len), &mut self.file)?;
        if kept != len {
            let message = format!("a body ends after {kept} of {len} bytes");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        let extent = Extent { store: self.store, offset: self.end, len };
        self.end += len;
        Ok(extent)
    }
}
