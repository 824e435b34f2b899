//! What a kernel module says of itself: its processor, its kernel, the modules it needs.
//!
//! Only the section `.modinfo` is read (Linux `include/linux/moduleinfo.h`, `scripts/mod/modpost.c`), never
//! code or symbols. A packed module is unpacked in memory, within bounds.

use std::io::{self, BufReader, Read};

use object::elf::{self, FileHeader64};
use object::read::ReadCache;
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Endianness, ReadRef};

use super::error::ModulesError;
use super::name::ModuleName;
use crate::decompress::{self, Format, Streams};
use crate::path::GuestPath;
use crate::tree::{Bodies, Body};
use crate::units::Arch;

/// Most that all packed modules of an image may unpack to, in bytes: they are held in memory.
const UNPACKED_MAX: u64 = 256 << 20;

/// Largest `.modinfo` that is read, in bytes. Those of kernels have a few KiB: parameters and aliases.
const MODINFO_MAX: u64 = 1 << 20;

/// Most sections a module may have; those of kernels have some hundred.
const SECTIONS_MAX: u32 = 1 << 16;

/// How much of a file tells its compression, in bytes.
const MAGIC_LEN: u64 = 6;

/// What a module says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    /// Its processor; `None` for one no image of ours can have.
    pub(super) arch: Option<Arch>,
    /// The kernel it was built for: the first word of `vermagic`.
    pub(super) kernel: String,
    /// The modules whose symbols it uses (`depends`).
    pub(super) needs: Vec<ModuleName>,
    /// What should be loaded before it if it is there (`softdep`, `pre:`), names or aliases.
    pub(super) wants_before: Vec<String>,
    /// By which names it can be asked for besides its own, patterns of devices apart (`alias`).
    pub(super) aliases: Vec<ModuleName>,
    /// What else it wants: after it (`post:`), or without saying when, which modprobe does not look at.
    pub(super) wants: Vec<String>,
}

/// What is left for unpacking.
#[derive(Debug)]
pub(super) struct Room(u64);

impl Default for Room {
    fn default() -> Self {
        Self(UNPACKED_MAX)
    }
}

/// Reads the module at `path`. The body that comes back is the module, not compressed.
pub(super) fn read(
    path: &GuestPath,
    body: &Body,
    bodies: &dyn Bodies,
    room: &mut Room,
) -> Result<(Body, Info), ModulesError> {
    let unreadable = |error| ModulesError::Read { path: path.clone(), error };
    let mut head = Vec::new();
    body.cursor(bodies).take(MAGIC_LEN).read_to_end(&mut head).map_err(unreadable)?;
    match Format::of(&head) {
        Format::Plain => {
            let info = Info::parse(path, &ReadCache::new(body.cursor(bodies)));
            // The ELF reader says the same of a file that is no module and of one that can't be read.
            if matches!(info, Err(ModulesError::NotModule { .. })) {
                io::copy(&mut body.cursor(bodies), &mut io::sink()).map_err(unreadable)?;
            }
            Ok((body.clone(), info?))
        }
        packed => {
            let input = BufReader::new(body.open(bodies).map_err(unreadable)?);
            let stream = decompress::reader(packed, Streams::All, input).map_err(unreadable)?;
            let mut bytes = Vec::new();
            // One byte more shows that there is more.
            stream.take(room.0.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            room.0 = room
                .0
                .checked_sub(len)
                .ok_or_else(|| ModulesError::TooLarge { path: path.clone(), limit: UNPACKED_MAX })?;
            let info = Info::parse(path, bytes.as_slice())?;
            Ok((Body::bytes(&bytes), info))
        }
    }
}

impl Info {
    fn parse<'d>(path: &GuestPath, file: impl ReadRef<'d>) -> Result<Self, ModulesError> {
        let (arch, section) =
            modinfo(file).map_err(|problem| ModulesError::NotModule { path: path.clone(), problem })?;
        let text = String::from_utf8_lossy(section);
        let values = |key: &'static str| {
            text.split('\0').filter_map(move |entry| entry.strip_prefix(key)?.strip_prefix('='))
        };
        let kernel = values("vermagic").next().and_then(|value| value.split(' ').next());
        let kernel = kernel.filter(|kernel| !kernel.is_empty()).ok_or_else(|| ModulesError::NotModule {
            path: path.clone(),
            problem: "it does not say its kernel (vermagic)".to_owned(),
        })?;
        let needs = values("depends").flat_map(|value| value.split(',')).filter(|name| !name.is_empty());
        let needs = needs.map(str::parse).collect::<Result<_, _>>();
        let mut info = Self {
            arch,
            kernel: kernel.to_owned(),
            needs: needs.map_err(|error| ModulesError::Dependency { path: path.clone(), error })?,
            aliases: values("alias").filter_map(|alias| alias.parse().ok()).collect(),
            wants_before: Vec::new(),
            wants: Vec::new(),
        };
        for value in values("softdep") {
            info.read_softdep(value);
        }
        Ok(info)
    }

    fn read_softdep(&mut self, value: &str) {
        let mut is_before = false;
        for word in value.split_ascii_whitespace() {
            match word {
                "pre:" => is_before = true,
                "post:" => is_before = false,
                wanted if is_before => self.wants_before.push(wanted.to_owned()),
                wanted => self.wants.push(wanted.to_owned()),
            }
        }
    }
}

/// The processor of an ELF object, and its `.modinfo`.
fn modinfo<'d>(file: impl ReadRef<'d>) -> Result<(Option<Arch>, &'d [u8]), String> {
    let wrong = |error: object::Error| error.to_string();
    let header = FileHeader64::<Endianness>::parse(file).map_err(wrong)?;
    let endian = header.endian().map_err(wrong)?;
    if header.e_type(endian) != elf::ET_REL {
        return Err("an ELF file, but no relocatable object".to_owned());
    }
    let count = header.shnum(endian, file).map_err(wrong)?;
    if count > SECTIONS_MAX {
        return Err(format!("it has {count} sections, expected at most {SECTIONS_MAX}"));
    }
    let sections = header.sections(endian, file).map_err(wrong)?;
    let (_, section) = sections
        .section_by_name(endian, b".modinfo")
        .ok_or_else(|| "it has no section .modinfo".to_owned())?;
    let len = section.sh_size(endian);
    if len > MODINFO_MAX {
        return Err(format!("its .modinfo has {len} bytes, expected at most {MODINFO_MAX}"));
    }
    let arch = match header.e_machine(endian) {
        elf::EM_X86_64 => Some(Arch::X86_64),
        elf::EM_AARCH64 => Some(Arch::Aarch64),
        _ => None,
    };
    Ok((arch, section.data(endian, file).map_err(wrong)?))
}
