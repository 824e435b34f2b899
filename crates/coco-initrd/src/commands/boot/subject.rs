//! What is booted: a manifest, its image, a kernel. Checked before a machine is started.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use coco_boot::{CommandLine, CommandLineError};
use coco_image::digest::Sha256;
use coco_image::manifest::Bootable;
use coco_image::units::{Arch, Runtime};

use crate::args::boot::MachineArgs;
use crate::machine::{Acceleration, Guest};

/// An image that is what its manifest says, and how to boot it.
#[derive(Debug)]
pub(crate) struct Subject {
    /// What the manifest says.
    pub(crate) manifest: Bootable,
    /// The image.
    pub(crate) image: PathBuf,
    /// Whose command line it is booted with.
    pub(crate) runtime: Runtime,
    /// What may execute it.
    pub(crate) acceleration: Acceleration,
    /// How long it may take to come up.
    pub(crate) patience: Duration,
    kernel: PathBuf,
    memory_mib: u64,
}

/// Why it can't be booted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubjectError {
    /// The image is not the one of the manifest.
    #[error("{}: SHA-256 got {got}, expected {expected}", image.display())]
    Image {
        /// The image.
        image: PathBuf,
        /// Its digest.
        got: Sha256,
        /// The manifest's.
        expected: Sha256,
    },
    /// Another processor than the one machines are made for.
    #[error("guests of {0} can't be booted, only those of x86_64")]
    Arch(Arch),
    /// No command line for this runtime.
    #[error("the manifest has no command line for {asked}: it has {}", known(.has))]
    Runtime {
        /// The runtime.
        asked: Runtime,
        /// Those it has.
        has: Vec<Runtime>,
    },
    /// A console would be written over what is booted.
    #[error("{} is needed for the boot: the console can't be written to it", .0.display())]
    Console(PathBuf),
    /// A word of the command line that the host decides.
    #[error(transparent)]
    Word(#[from] CommandLineError),
}

impl Subject {
    /// Reads the manifest and compares the image with it.
    pub(crate) fn read(args: &MachineArgs) -> anyhow::Result<Self> {
        let text = crate::named_file::text(&args.manifest)?;
        let manifest = Bootable::read(&text).with_context(|| args.manifest.display().to_string())?;
        if manifest.arch != Arch::X86_64 {
            return Err(SubjectError::Arch(manifest.arch).into());
        }
        let image = args.manifest.with_file_name(&manifest.file);
        let got = Sha256::of(&fs_err::read(&image)?);
        if got != manifest.sha256 {
            return Err(SubjectError::Image { image, got, expected: manifest.sha256 }.into());
        }
        // That it can be read is told now, and not by QEMU.
        fs_err::File::open(&args.kernel)?;
        Ok(Self {
            runtime: runtime(&manifest, args.runtime.map(Into::into))?,
            memory_mib: args.memory.map_or(manifest.memory_mib, Into::into),
            acceleration: args.accel.into(),
            patience: Duration::from_secs(args.timeout.into()),
            kernel: args.kernel.clone(),
            manifest,
            image,
        })
    }

    /// Refuses to write the console over the image or one of the `inputs`, by whatever name.
    pub(crate) fn refuse_input<'a>(
        &self,
        console: &Path,
        inputs: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<(), SubjectError> {
        let identity = |path: &Path| fs_err::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        let Some(known) = identity(console) else { return Ok(()) };
        let image = identity(&self.image) == Some(known);
        if image || inputs.into_iter().any(|input| identity(input) == Some(known)) {
            return Err(SubjectError::Console(console.to_owned()));
        }
        Ok(())
    }

    /// The image as it is, with the expected command line, made visible.
    pub(crate) fn guest(&self) -> Result<Guest, SubjectError> {
        let line = self.manifest.command_lines.get(&self.runtime).map_or("", String::as_str);
        // The one word that is left to hosts: this one's machines have one processor.
        let values = BTreeMap::from([("nr_cpus", "1".to_owned())]);
        Ok(Guest {
            kernel: self.kernel.clone(),
            image: self.image.clone(),
            appended: Vec::new(),
            command_line: CommandLine::watched(line, &values)?,
            memory_mib: self.memory_mib,
            disks: Vec::new(),
            console: None,
        })
    }
}

fn runtime(manifest: &Bootable, asked: Option<Runtime>) -> Result<Runtime, SubjectError> {
    let has: Vec<Runtime> = manifest.command_lines.keys().copied().collect();
    let asked = asked.or_else(|| has.first().copied()).unwrap_or(Runtime::Go);
    if has.contains(&asked) { Ok(asked) } else { Err(SubjectError::Runtime { asked, has }) }
}

fn known(runtimes: &[Runtime]) -> String {
    if runtimes.is_empty() {
        return "none".to_owned();
    }
    runtimes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
