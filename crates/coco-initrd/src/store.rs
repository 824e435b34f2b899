//! Bodies of files on the disk: beside their directory, in their archive, or in a spool file.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use coco_image::archive::{Source, SourceReader};
use coco_image::decompress::{self, Format, Streams};
use coco_image::path::GuestPath;
use coco_image::tree::{Bodies, Extent, Place, Spool};

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
    /// A compressed segment of an initrd: unpacked again for each body that is opened.
    Segment(Arc<Opened>, u64),
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

    /// The number of the segment at this byte of an initrd.
    fn add_segment(&mut self, initrd: Arc<Opened>, segment: u64) -> u32 {
        self.add(Backing::Segment(initrd, segment))
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
            Some(Backing::Segment(initrd, segment)) => {
                let mut head = [0; 8];
                let got = initrd.read_at(&mut head, *segment)?;
                let format = Format::of(head.get(..got).unwrap_or_default());
                let input = SourceReader::new(initrd.as_ref(), *segment);
                let mut stream = decompress::reader(format, Streams::One, input)?;
                io::copy(&mut stream.by_ref().take(extent.offset), &mut io::sink())?;
                Ok(Box::new(stream.take(extent.len)))
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
            Plain::Partly | Plain::Not => Some(SpoolFile::new(store, directory)?),
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
    fn keep(&self, _: &GuestPath, place: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        match (place, &self.spool) {
            (Place::Archive(offset), _) if self.plain != Plain::Not => {
                Ok(Extent { store: self.archive, offset, len })
            }
            (_, Some(spool)) => spool.take(body, len),
            (_, None) => Err(io::Error::other("a compressed body in a plain archive")),
        }
    }
}

/// A file without a name that takes bodies, several at once.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    store: u32,
    file: std::fs::File,
    end: AtomicU64,
}

impl Spool for SpoolFile {
    fn keep(&self, _: &GuestPath, _: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        self.take(body, len)
    }
}

impl SpoolFile {
    /// An empty one in `directory`.
    pub(crate) fn new(store: &mut Store, directory: &Path) -> io::Result<Self> {
        Self::of(store, tempfile::tempfile_in(directory)?)
    }

    fn of(store: &mut Store, file: std::fs::File) -> io::Result<Self> {
        Ok(Self { store: store.add_file(file.try_clone()?), file, end: AtomicU64::new(0) })
    }

    /// Keeps a body at a place of its own: no two are at the same one, empty ones included.
    fn take(&self, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        let offset = self.end.fetch_add(len.max(1), Ordering::Relaxed);
        let mut place = At { file: &self.file, at: offset };
        let kept = io::copy(&mut body.take(len), &mut place)?;
        if kept != len {
            let message = format!("a body ends after {kept} of {len} bytes");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(Extent { store: self.store, offset, len })
    }
}

/// A place in a file to write to, without moving the position that others see.
struct At<'a> {
    file: &'a std::fs::File,
    at: u64,
}

impl io::Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A spool for looking at an initrd: small bodies are kept, large ones are unpacked again when they are
/// wanted, which is seldom.
#[derive(Debug)]
pub(crate) struct SmallSpool {
    initrd: Arc<Opened>,
    archive: u32,
    spool: SpoolFile,
    segments: Mutex<(Store, BTreeMap<u64, u32>)>,
}

/// Largest body that a [`SmallSpool`] keeps, in bytes: policies, units and scripts are smaller.
const SMALL: u64 = 1 << 20;

impl SmallSpool {
    /// For the initrd that is open as `initrd`.
    pub(crate) fn new(initrd: Arc<Opened>) -> io::Result<Self> {
        let mut store = Store::default();
        let archive = store.add_file(initrd.file.try_clone()?);
        let spool = SpoolFile::of(&mut store, tempfile::tempfile()?)?;
        Ok(Self { initrd, archive, spool, segments: Mutex::new((store, BTreeMap::new())) })
    }

    /// Where all bodies are.
    pub(crate) fn into_store(self) -> Store {
        self.segments.into_inner().unwrap_or_else(PoisonError::into_inner).0
    }

    fn segment(&self, segment: u64) -> u32 {
        let mut held = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, numbers) = &mut *held;
        *numbers.entry(segment).or_insert_with(|| store.add_segment(Arc::clone(&self.initrd), segment))
    }
}

impl Spool for SmallSpool {
    fn keep(&self, _: &GuestPath, place: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        match place {
            Place::Archive(offset) => Ok(Extent { store: self.archive, offset, len }),
            Place::Packed { .. } if len <= SMALL => self.spool.take(body, len),
            Place::Packed { segment, at } => Ok(Extent { store: self.segment(segment), offset: at, len }),
        }
    }
}

/// A file that archives are read from, by several threads.
#[derive(Debug)]
pub(crate) struct Opened {
    file: std::fs::File,
    size: u64,
}

impl Opened {
    /// The regular file `file`.
    pub(crate) fn new(file: std::fs::File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl Source for Opened {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}
