//! Words for errors: the message with its causes, and the advice that goes with it.
//!
//! Advice is kept apart from the errors, which say what is wrong and where, not what to do.

mod boot;
mod customize;
mod host;
mod initdata;
mod initrd;
mod lock;
mod measure;
mod pod;
mod policy;
mod registry;

use std::io;

use coco_image::archive::ArchiveError;
use coco_image::assemble::AssembleError;
use coco_image::check::CheckError;
use coco_image::manifest::{ReadError, SummaryError};
use coco_image::modules::ModulesError;
use coco_image::overlay::OverlayError;
use coco_image::pack::PackError;
use coco_image::profile::{ProfileError, Role};

use crate::cache::{CacheError, NoPlace};
use crate::commands::build::BuildError;
use crate::commands::parity::NoGuest;
use crate::commands::verify::RebuildError;
use crate::inputs::InputError;
use crate::output::NotPrinted;
use crate::produce::{BaseChanged, PinError};
use crate::profiles::{BUILT_IN, POLICIES, UnknownName};
use crate::publish::PublishError;
use crate::replace::ReplaceError;

/// The error and its causes, one a line.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = one_line(&cause.to_string());
        // Some libraries repeat their cause in their own text.
        if !lines.last().is_some_and(|last| last.ends_with(&text)) {
            lines.push(text);
        }
    }
    lines.join("\n  caused by: ")
}

/// How many of something, in words.
pub(crate) fn plural(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// The text with control characters escaped: file names and YAML may hold any.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Whether the error is that nobody reads our output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    cause::<io::Error>(error).is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// What to do about it, where there is advice.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    if cause::<NotPrinted>(error).is_some() {
        return None; // advice about the output directory would be wrong
    }
    let hint = cause(error)
        .map(build_hint)
        .or_else(|| cause(error).map(name_hint))
        .or_else(|| cause(error).map(publish_hint))
        .or_else(|| cause(error).and_then(check_hint))
        .or_else(|| cause(error).and_then(modules_hint))
        .or_else(|| cause(error).and_then(assemble_hint))
        .or_else(|| cause(error).and_then(profile_hint))
        .or_else(|| cause(error).and_then(input_hint))
        .or_else(|| cause(error).and_then(initdata::hint))
        .or_else(|| cause(error).and_then(initdata::use_hint))
        .or_else(|| cause(error).and_then(pod::hint))
        .or_else(|| cause(error).and_then(pod::choice_hint))
        .or_else(|| policy::hint(error))
        .or_else(|| measure::hint(error))
        .or_else(|| boot::hint(error))
        .or_else(|| host::hint(error))
        .or_else(|| initrd::hint(error))
        .or_else(|| lock::hint(error))
        .or_else(|| registry::hint(error))
        .or_else(|| cause(error).map(rebuild_hint))
        .or_else(|| cause(error).map(replace_hint))
        .or_else(|| cause(error).and_then(cache_hint))
        .or_else(|| cause::<NoPlace>(error).map(|_| "give --cache-dir DIR".to_owned()))
        .or_else(|| cause::<PinError>(error).map(|_| PIN.to_owned()))
        .or_else(|| cause::<OverlayError>(error).map(|_| "rename the policy's file".to_owned()))
        .or_else(|| cause::<SummaryError>(error).map(|_| MANIFEST.to_owned()))
        .or_else(|| cause(error).map(read_hint))
        .or_else(|| cause(error).and_then(customize::fault_hint))
        .or_else(|| cause(error).map(customize::append_hint))
        .or_else(|| cause(error).map(customize::guard_hint))
        .or_else(|| cause::<BaseChanged>(error).map(|_| customize::AGAIN.to_owned()))
        .or_else(|| cause(error).and_then(customize::hint))
        .or_else(|| cause::<NoGuest>(error).map(|_| GUEST.to_owned()));
    hint.or_else(|| io_cause(error).and_then(io_hint))
}

const PIN: &str = "if the change is meant, put the new digest into the profile and review it";

const MANIFEST: &str = "give the manifest.json that a build of this version wrote";

const GUEST: &str = "give an image or overlay of a build, a tarball of a root file system, or its directory";

fn read_hint(error: &ReadError) -> String {
    match error {
        ReadError::Overlay => "overlays are compared with `sha256sum --check SHA256SUMS` beside the manifest",
        _ => MANIFEST,
    }
    .to_owned()
}

fn cause<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| cause.downcast_ref::<E>())
}

fn io_cause(error: &anyhow::Error) -> Option<&io::Error> {
    let packing = cause::<PackError>(error).and_then(|error| match error {
        PackError::Body { error, .. }
        | PackError::Compress(error)
        | PackError::Write(error)
        | PackError::Cache(error) => Some(error),
        PackError::Stopped => None,
    });
    let checking = cause::<CheckError>(error).and_then(|error| match error {
        CheckError::Read { error, .. } => Some(error),
        _ => None,
    });
    packing.or(checking).or_else(|| cause::<io::Error>(error))
}

fn rebuild_hint(error: &RebuildError) -> String {
    match error {
        RebuildError::NotAsked => "add --rebuild, or leave them out",
        RebuildError::Customized => "run `coco-initrd customize` again and compare the digests",
        RebuildError::Overlay(_) => "give the profile that the manifest names",
    }
    .to_owned()
}

fn build_hint(error: &BuildError) -> String {
    match error {
        BuildError::NoAgent(_) => {
            "give --agent PATH (and --guest-components, --pause-image), or a --base that has them; \
             --builtin-guest tries the tool without any, not for production"
        }
        BuildError::StandIn(..) => "leave one of them",
        BuildError::PinnedAbsent(_) => "give the input, or take the pin out of the profile",
        BuildError::LockUnused { .. } => "leave --lock out, or give the input's source in the profile",
        BuildError::NotForOverlay(..) => "leave it out: a podvm image brings all but the policy",
        BuildError::NoTee(_) => "leave it out, or take a profile with a TEE: tdx, snp",
        BuildError::NotForImage(_) => {
            "leave it out: on bare metal there is no initdata for all pods, each pod has its annotation"
        }
    }
    .to_owned()
}

fn name_hint(error: &UnknownName) -> String {
    let names =
        |table: &[(&'static str, &str)]| table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match error {
        UnknownName::Profile(_) => {
            format!(
                "built-in profiles: {}; a profile of your own is a path such as ./my.toml",
                names(BUILT_IN)
            )
        }
        UnknownName::Policy(_) => {
            format!(
                "built-in policies: {}; a policy of your own is a path such as ./my.rego",
                names(POLICIES)
            )
        }
        UnknownName::FileName(_) => "rename the profile's file".to_owned(),
    }
}

fn publish_hint(error: &PublishError) -> String {
    match error {
        PublishError::Foreign(_) | PublishError::NotDirectory(_) => {
            "give --output-dir a directory that is new, empty, or of an earlier build"
        }
        PublishError::Exchange { .. } => {
            "the file system can't exchange two directories: remove the old build first, or build elsewhere"
        }
    }
    .to_owned()
}

fn replace_hint(error: &ReplaceError) -> String {
    match error {
        ReplaceError::NotFile(_) => "give --output a file, new or old",
        ReplaceError::StandardOutput => {
            "give --output a file; what goes to standard output goes there without being asked"
        }
        ReplaceError::Dangling(_) => "make the file it leads to, or take the link away",
    }
    .to_owned()
}

fn cache_hint(error: &CacheError) -> Option<String> {
    match error {
        CacheError::Foreign(_) | CacheError::NotDirectory(_) => {
            Some("give --cache-dir a directory that is new, empty, or a cache already".to_owned())
        }
        CacheError::Io { error, .. } => io_hint(error),
    }
}

fn check_hint(error: &CheckError) -> Option<String> {
    Some(match error {
        CheckError::NoAgent(_) => {
            "give --agent PATH, a kata-agent or an archive that has it at this place".to_owned()
        }
        CheckError::NoComponent { role: Role::PauseImage, .. } => {
            "give --pause-image PATH: the pause bundle as a directory or an archive".to_owned()
        }
        CheckError::NoComponent { role, .. } => {
            format!("give --{} PATH; the agent would start without it, and without attestation", role.name())
        }
        CheckError::NoPolicySupport { .. } => {
            "build the kata-agent with AGENT_POLICY=yes (cargo feature agent-policy)".to_owned()
        }
        CheckError::Needs { .. } => {
            "take a statically linked program, or a --base whose libraries match it".to_owned()
        }
        CheckError::NotGuard => "leave out --guard, or give a coco-guard of this project".to_owned(),
        CheckError::InitTooDeep { .. } => "make /init point to the program itself".to_owned(),
        CheckError::InitrdRelease => "take the file out of the base".to_owned(),
        CheckError::TooLarge { .. } => {
            "make the image smaller, or raise memory-mib in the profile (and default_memory on the host)"
                .to_owned()
        }
        CheckError::Compression { .. } => {
            "take another --compression, a kernel that reads this one, or set kernel-reads in the profile"
                .to_owned()
        }
        CheckError::Climbs { .. } | CheckError::HostLink { .. } => "mend the link in the input".to_owned(),
        CheckError::NotElf { .. } => "give the program itself, not a script or a text about it".to_owned(),
        CheckError::Arch { .. } => "take the program built for the profile's arch".to_owned(),
        CheckError::NoModule(_) => {
            "give a --base that has the module, or take it out of init.modules".to_owned()
        }
        CheckError::NotStarted(_) => {
            "give an agent tarball that has its units, and link kata-containers.target into \
             /etc/systemd/system/basic.target.wants with a [[symlink]] of the profile"
                .to_owned()
        }
        CheckError::SecondPolicy(_) => "name the policy under [policy] or with --policy".to_owned(),
        CheckError::Follow(_) => "give a --base that has it".to_owned(),
        _ => return None,
    })
}

fn modules_hint(error: &ModulesError) -> Option<String> {
    Some(match error {
        ModulesError::NoInput(_) => {
            "give --kernel-modules PATH, what the guest's kernel package unpacks to".to_owned()
        }
        ModulesError::Unused => "name the modules in init.modules of a profile, or leave it out".to_owned(),
        ModulesError::SingleFile | ModulesError::NoKernel => {
            "unpack the guest's kernel package and give the directory (dpkg-deb -x PACKAGE DIRECTORY)"
                .to_owned()
        }
        ModulesError::Kernels(_) => "leave only those of the kernel the guest boots with".to_owned(),
        ModulesError::Unknown { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
        ModulesError::Unknown { nearest: None, .. } => {
            "names are those of the files: aliases are not looked up".to_owned()
        }
        ModulesError::Missing { .. } => {
            "get all packages of this kernel's modules, unpacked together".to_owned()
        }
        ModulesError::Twice { .. } => "leave one of them in the input".to_owned(),
        ModulesError::NotFile { .. } => "put the file itself there".to_owned(),
        ModulesError::NotModule { .. } | ModulesError::Kernel { .. } => {
            "take the modules as the kernel's package has them".to_owned()
        }
        ModulesError::Arch { .. } => "take the kernel built for the profile's arch".to_owned(),
        ModulesError::TooLarge { .. } => "name fewer modules, or unpack them before".to_owned(),
        _ => return None,
    })
}

fn assemble_hint(error: &AssembleError) -> Option<String> {
    Some(
        match error {
            AssembleError::ComponentFile { .. } | AssembleError::Unexpected { .. } => {
                "the input must be a root file system with the component in it, or only the component's own \
             files; `coco-initrd profile show` lists them under [component]"
            }
            AssembleError::PolicyName(_) => "rename the policy's file",
            AssembleError::Tree { .. } => {
                "a path may be there once: leave it out of one input, or of the archive"
            }
            AssembleError::BaseIsFile | AssembleError::ComponentIsFile { .. } => {
                "give a directory, a tar or an initrd"
            }
            AssembleError::ExtraPolicy(_) => "name the policy under [policy] or with --policy",
            _ => return None,
        }
        .to_owned(),
    )
}

fn profile_hint(error: &ProfileError) -> Option<String> {
    match error {
        ProfileError::Missing { .. } => {
            Some("extend a complete profile, such as: extends = \"base\"".to_owned())
        }
        ProfileError::NotForOverlay { .. } => {
            Some("leave it out, and what is inherited: extend \"peer-pods\"".to_owned())
        }
        _ => None,
    }
}

fn input_hint(error: &InputError) -> Option<String> {
    match error {
        InputError::Archive { error, .. } => archive_hint(error),
        InputError::Empty(_) => Some("get the file again: it was not written to its end".to_owned()),
        _ => None,
    }
}

fn archive_hint(error: &ArchiveError) -> Option<String> {
    Some(
        match error {
            ArchiveError::Name(_) => {
                "no such name can be in an image: rename the file, or get the archive from somewhere else"
            }
            ArchiveError::Read { error, .. } if error.kind() == io::ErrorKind::FileTooLarge => {
                "if the input is meant to be that large, raise unpack-limit-mib in the profile"
            }
            ArchiveError::Read { .. } | ArchiveError::Kernel { .. } => {
                "get the file again and compare its digest with its publisher's"
            }
            _ => return None,
        }
        .to_owned(),
    )
}

fn io_hint(error: &io::Error) -> Option<String> {
    Some(match error.kind() {
        io::ErrorKind::NotFound => "check the path".to_owned(),
        io::ErrorKind::PermissionDenied => "give yourself the permission; no build needs root".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or build into another --output-dir".to_owned()
        }
        _ => return None,
    })
}
