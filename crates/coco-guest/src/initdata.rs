//! Initdata: its disk is found, its files are written, its policy is put in force. No attestation.

use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use coco_initdata::{AA_TOML, CDH_TOML, Initdata, InitdataError};
use coco_policy::{Enforcer, PolicyError};

/// Where the agent looks for the disk.
pub(crate) const DEVICES: &str = "/dev";
/// Where it leaves what it found for the guest components (`INITDATA_PATH` of kata's
/// `src/agent/src/initdata.rs`).
pub(crate) const FOLDER: &str = "/run/confidential-containers/initdata";

/// What the disk begins with, before the length of what follows.
const MAGIC: &[u8; 8] = b"initdata";
/// The most bytes a disk is read for.
const LENGTH_MAX: u64 = 24 * 1024 * 1024;

/// Initdata, and the disk it came on.
#[derive(Debug)]
pub(crate) struct Found {
    device: PathBuf,
    initdata: Initdata,
}

/// Why initdata that is there can't be followed. The guest must not come up without it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// A disk can't be read, or a file can't be written; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It says that it is longer than initdata can be.
    #[error("{}: got {got} bytes announced, expected at most {LENGTH_MAX}", device.display())]
    Length { device: PathBuf, got: u64 },
    /// It is not initdata.
    #[error(transparent)]
    Initdata(#[from] InitdataError),
    /// Its policy is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Looks once at every disk in `devices` (virtio-blk and SCSI) for initdata.
pub(crate) fn find(devices: &Path) -> Result<Option<Found>, Unusable> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(devices)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_disk = [b"vd", b"sd"].iter().any(|kind| name.as_encoded_bytes().starts_with(*kind));
        if is_disk && fs_err::metadata(entry.path())?.file_type().is_block_device() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    for device in paths {
        let file = fs_err::File::open(&device)?;
        if let Some(found) = read(file, &device)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl Found {
    /// Leaves the files below `folder` and puts the policy, if there is one, in force.
    pub(crate) fn apply(&self, folder: &Path, enforcer: &mut Enforcer) -> Result<(), Unusable> {
        fs_err::create_dir_all(folder)?;
        fs_err::write(folder.join("initdata.toml"), self.initdata.text())?;
        for key in [AA_TOML, CDH_TOML] {
            if let Some(text) = self.initdata.data().get(key) {
                fs_err::write(folder.join(key), text)?;
            }
        }
        if let Some(policy) = self.initdata.policy() {
            enforcer.replace(policy.as_bytes())?;
        }
        Ok(())
    }

    /// The line about it: disk, digest, keys.
    pub(crate) fn line(&self) -> String {
        let keys: Vec<_> = self.initdata.data().keys().map(String::as_str).collect();
        let (device, algorithm, digest) =
            (self.device.display(), self.initdata.algorithm(), self.initdata.digest());
        format!("initdata {device} digest {algorithm} {digest} with {}", keys.join(" "))
    }
}

/// Reads a disk, if it begins as one with initdata does.
pub(crate) fn read(mut disk: impl Read, device: &Path) -> Result<Option<Found>, Unusable> {
    let mut head = [0; 16];
    match disk.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let Some(length) = head.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
    let length = u64::from_le_bytes(*length);
    if length > LENGTH_MAX {
        return Err(Unusable::Length { device: device.to_owned(), got: length });
    }
    let mut image = head.to_vec();
    disk.take(length).read_to_end(&mut image)?;
    let initdata = Initdata::from_image(&device.to_string_lossy(), &image)?;
    Ok(Some(Found { device: device.to_owned(), initdata }))
}
