//! What a program in the image needs to start, architecture, interpreter, libraries; and which build it is.
//!
//! Only the ELF headers and the dynamic section are read, never the host's loader.

use object::elf::{self, FileHeader64};
use object::read::ReadCache;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadRef, elf::ProgramHeader64};

use crate::tree::{Bodies, Body};
use crate::units::Arch;

/// The facts of an ELF executable or library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// The architecture; `None` for one no image of ours can have.
    pub arch: Option<Arch>,
    /// The interpreter (`PT_INTERP`).
    pub interpreter: Option<String>,
    /// Names of the libraries it needs (`DT_NEEDED`).
    pub needed: Vec<String>,
    /// Where it looks for them first (`DT_RUNPATH`, or else `DT_RPATH`), parts between colons.
    pub search: Vec<String>,
}

/// Why bytes are no program; the reason is the ELF reader's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a 64-bit ELF program: {0}")]
pub struct NotElf(pub String);

impl From<object::Error> for NotElf {
    fn from(error: object::Error) -> Self {
        Self(error.to_string())
    }
}

impl Elf {
    /// Reads the headers of a file, and no more of it than these.
    pub fn parse<'d>(file: impl ReadRef<'d>) -> Result<Self, NotElf> {
        let header = FileHeader64::<Endianness>::parse(file)?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, file)?;
        let mut found = Self {
            arch: match header.e_machine(endian) {
                elf::EM_X86_64 => Some(Arch::X86_64),
                elf::EM_AARCH64 => Some(Arch::Aarch64),
                _ => None,
            },
            interpreter: None,
            needed: Vec::new(),
            search: Vec::new(),
        };
        for segment in segments {
            if let Some(interpreter) = segment.interpreter(endian, file)? {
                found.interpreter = Some(text(interpreter));
            }
            if let Some(dynamic) = segment.dynamic(endian, file)? {
                found.read_dynamic(dynamic, endian, segments, file)?;
            }
        }
        Ok(found)
    }

    fn read_dynamic<'d>(
        &mut self,
        dynamic: &[elf::Dyn64<Endianness>],
        endian: Endianness,
        segments: &[ProgramHeader64<Endianness>],
        file: impl ReadRef<'d>,
    ) -> Result<(), NotElf> {
        let value = |tag: elf::DynamicTag| {
            let entry = dynamic.iter().find(|entry| entry.tag(endian) == tag);
            entry.map(|entry| entry.val(endian))
        };
        let Some(strings) = value(elf::DT_STRTAB) else {
            return Ok(());
        };
        let (start, end) = in_file(strings, segments, endian)
            .ok_or_else(|| NotElf("its string table is in no segment".to_owned()))?;
        let string = |offset: u64| {
            let first = start.saturating_add(offset);
            let bytes = file
                .read_bytes_at_until(first..end.max(first), 0)
                .map_err(|()| NotElf("a string is outside its table".to_owned()))?;
            Ok::<String, NotElf>(text(bytes))
        };
        for entry in dynamic.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED) {
            self.needed.push(string(entry.val(endian))?);
        }
        if let Some(search) = value(elf::DT_RUNPATH).or_else(|| value(elf::DT_RPATH)) {
            self.search = string(search)?.split(':').map(str::to_owned).collect();
        }
        Ok(())
    }
}

/// The build id of a program (`NT_GNU_BUILD_ID`) in hexadecimal, if it has one.
pub fn build_id(program: &Body, bodies: &dyn Bodies) -> Result<Option<String>, NotElf> {
    let file = &ReadCache::new(program.cursor(bodies));
    let header = FileHeader64::<Endianness>::parse(file)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, file)? {
        let Some(mut notes) = segment.notes(endian, file)? else { continue };
        while let Some(note) = notes.next()? {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                return Ok(Some(data_encoding::HEXLOWER.encode(note.desc())));
            }
        }
    }
    Ok(None)
}

/// Where in the file a virtual address is, and where its segment ends there.
fn in_file(address: u64, segments: &[ProgramHeader64<Endianness>], endian: Endianness) -> Option<(u64, u64)> {
    segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
        let into = address.checked_sub(segment.p_vaddr(endian))?;
        let (offset, len) = segment.file_range(endian);
        (into < len).then(|| Some((offset.checked_add(into)?, offset.checked_add(len)?)))?
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
