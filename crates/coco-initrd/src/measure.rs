//! What evidence will show of a guest: from files and options to the record that a manifest keeps.
//!
//! Formulas are `coco-measure`'s. Here is what is read, what is taken for granted, and how sure a value is.

mod evidence;
mod init_data;
mod launch;
mod platform;
mod recorded;
mod reference;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_image::host::{command_line, line};
use coco_image::manifest::{
    ArtefactRecord, InitDataRecord, LaunchRecord, MeasuredInitrdRecord, MeasurementsRecord, PlatformRecord,
    SnpPlatformRecord, TdxPlatformRecord,
};
use coco_image::profile::Profile;
use coco_image::units::Runtime;
use coco_measure::digest::Sha256;
use coco_measure::firmware::Firmware;
use coco_measure::kernel::Kernel;

use crate::args::measure::{PlatformArgs, TeeArg};
use crate::named_file;
pub(crate) use evidence::expected;
pub(crate) use init_data::init_data;
pub(crate) use platform::{Patch, Platform, PlatformError};
pub(crate) use recorded::differences;
pub(crate) use reference::reference_values;

/// Largest kernel or firmware that is read, in bytes.
const FILE_MAX: u64 = 512 << 20;

/// What is measured beside the initrd and the command line.
#[derive(Debug)]
pub(crate) struct Guest {
    firmware: Artefact,
    kernel: Artefact,
    platform: Platform,
}

/// A file that is measured.
#[derive(Debug)]
struct Artefact {
    path: PathBuf,
    bytes: Vec<u8>,
    record: ArtefactRecord,
}

impl Guest {
    /// Reads kernel and firmware, and decides what is taken for granted of the host. The memory in MiB counts where
    /// QEMU writes into the kernel's header: first what was given, then what is known otherwise.
    pub(crate) fn read(
        (kernel, firmware): (&Path, &Path),
        tee: TeeArg,
        args: &PlatformArgs,
        memory: (Option<u32>, Option<u32>),
    ) -> anyhow::Result<Self> {
        platform::check_options(tee, args, memory.0)?;
        let (firmware, kernel) = (Artefact::read(firmware)?, Artefact::read(kernel)?);
        let tables = firmware.name(Firmware::parse(&firmware.bytes))?;
        kernel.name(Kernel::parse(&kernel.bytes))?;
        let platform = firmware.name(Platform::new(tee, args, memory.0.or(memory.1), &tables))?;
        Ok(Self { firmware, kernel, platform })
    }

    /// Finds now what would be wrong with any initrd: a firmware that has no room for the kernel's digest, or a
    /// command line that is too long.
    pub(crate) fn check(&self, lines: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let any = MeasuredInitrdRecord { sha256: [0; 32].into(), sha384: [0; 48].into(), size: 1 };
        self.predict(Some(any), lines, Vec::new()).map(drop)
    }

    /// What evidence will show: a launch for each of `lines`, which are command lines by name.
    pub(crate) fn predict(
        &self,
        initrd: Option<MeasuredInitrdRecord>,
        lines: &BTreeMap<String, String>,
        init_data: Vec<InitDataRecord>,
    ) -> anyhow::Result<MeasurementsRecord> {
        let parts = launch::Parts {
            firmware: (&self.firmware, self.firmware.name(Firmware::parse(&self.firmware.bytes))?),
            kernel: (&self.kernel, self.kernel.name(Kernel::parse(&self.kernel.bytes))?),
            initrd: initrd.as_ref(),
        };
        let launches: anyhow::Result<BTreeMap<String, LaunchRecord>> = match &self.platform {
            Platform::Snp(snp) => {
                let launch =
                    |(name, line): (&String, &String)| Ok((name.clone(), launch::snp(&parts, snp, line)?));
                lines.iter().map(launch).collect()
            }
            Platform::Tdx(tdx) => {
                let shared = launch::Shared::new(&parts, tdx)?;
                let launch = |(name, line): (&String, &String)| {
                    Ok((name.clone(), launch::tdx(&parts, tdx, &shared, line)?))
                };
                lines.iter().map(launch).collect()
            }
        };
        Ok(MeasurementsRecord {
            firmware: self.firmware.record.clone(),
            kernel: self.kernel.record.clone(),
            initrd,
            platform: self.platform.record(),
            launches: launches?,
            init_data,
            collect_on_host: self.platform.collect_on_host(),
        })
    }
}

/// The command lines that the runtimes of `profile` are expected to give, by their names.
pub(crate) fn lines(profile: &Profile) -> BTreeMap<String, String> {
    let line = |runtime: &Runtime| (runtime.to_string(), line(&command_line(profile, *runtime)));
    profile.runtimes.iter().map(line).collect()
}

impl Platform {
    fn record(&self) -> PlatformRecord {
        match self {
            Self::Snp(snp) => PlatformRecord::Snp(SnpPlatformRecord {
                vcpu_type: snp.vcpu_type.to_string(),
                guest_features: snp.guest_features.to_string(),
            }),
            Self::Tdx(tdx) => PlatformRecord::Tdx(TdxPlatformRecord {
                initrd_argument: tdx.argument.to_string(),
                kernel_patch: tdx.patch.to_string(),
                memory_mib: match tdx.patch {
                    Patch::None => None,
                    Patch::QemuLegacy { memory_mib } => Some(memory_mib.into()),
                },
                mrtd_order: platform::order_name(tdx.order).to_owned(),
                tdvf_separator: platform::separator_name(tdx.separator).to_owned(),
            }),
        }
    }
}

impl Artefact {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = named_file::bytes(named_file::regular(path)?, path, FILE_MAX)?;
        let sha256 = (*Sha256::of(&bytes).as_bytes()).into();
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(Self { path: path.to_owned(), bytes, record: ArtefactRecord { sha256, size } })
    }

    /// Says of an error which file it is about.
    fn name<T, E: std::error::Error + Send + Sync + 'static>(
        &self,
        result: Result<T, E>,
    ) -> anyhow::Result<T> {
        result.with_context(|| self.path.display().to_string())
    }
}
