//! The programs of the guest, linked statically and embedded as bytes: guard, built-in guest, probe.
//!
//! They are built by this crate's build script from the same workspace, for the same architecture,
//! with the workspace's `guest` profile. They need nothing of the image: no interpreter and no shared
//! library. The same sources, compiler and C library give the same bytes, wherever the repository, the
//! registry and the target directory lie.
//!
//! This crate does not run them, and has no opinion on where an image puts them.

/// `coco-guard`, an ELF executable: the image's `/init`.
pub const GUARD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/coco-guard"));

/// `coco-guest`, an ELF executable: the built-in guest, which stands in for kata-agent.
pub const BUILTIN_GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/coco-guest"));

/// `coco-probe`, an ELF executable: what the end-to-end scenarios run in a guest.
pub const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/coco-probe"));

#[cfg(test)]
mod tests {
    use object::elf::{DT_NEEDED, ET_EXEC, PT_INTERP};
    use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _};
    use object::{Endianness, Object as _};

    const PROGRAMS: [(&str, &[u8]); 3] =
        [("coco-guard", super::GUARD), ("coco-guest", super::BUILTIN_GUEST), ("coco-probe", super::PROBE)];

    /// Of the machine that runs the test.
    const ARCHITECTURE: object::Architecture = if cfg!(target_arch = "x86_64") {
        object::Architecture::X86_64
    } else if cfg!(target_arch = "aarch64") {
        object::Architecture::Aarch64
    } else {
        object::Architecture::S390x
    };

    fn elf(program: &[u8]) -> ElfFile64<'_> {
        ElfFile64::parse(program).unwrap()
    }

    #[test]
    fn they_are_executables_of_this_architecture() {
        for (name, program) in PROGRAMS {
            let elf = elf(program);
            assert_eq!(elf.architecture(), ARCHITECTURE, "{name}");
            assert_eq!(elf.elf_header().e_type(elf.endian()), ET_EXEC, "{name}");
        }
    }

    #[test]
    fn they_need_no_interpreter_and_no_library() {
        for (name, program) in PROGRAMS {
            let elf = elf(program);
            let endian: Endianness = elf.endian();
            for header in elf.elf_program_headers() {
                assert_ne!(header.p_type(endian), PT_INTERP, "{name}");
                let entries = header.dynamic(endian, elf.data()).unwrap().unwrap_or_default();
                assert!(entries.iter().all(|entry| entry.d_tag(endian) != DT_NEEDED), "{name}");
            }
        }
    }

    #[test]
    fn they_name_no_folder_of_the_machine_that_built_them() {
        let folders = [env!("CARGO_MANIFEST_DIR"), env!("OUT_DIR"), "/.cargo/registry", "/.rustup/"];
        for (name, program) in PROGRAMS {
            for folder in folders {
                let found = program.windows(folder.len()).any(|bytes| bytes == folder.as_bytes());
                assert!(!found, "{name} holds {folder}");
            }
        }
    }
}
