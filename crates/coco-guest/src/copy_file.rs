//! CopyFile: files, folders and links of the host, written below one folder of the guest and nowhere else.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path};

use coco_agent_api::agent::CopyFileRequest;
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fchmod, fchown, fstat, mkdirat, openat,
    openat2, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::faults::Fault;

/// The bits of a mode that say what it is of, and three of their values (`inode(7)`).
const TYPE: u32 = 0o17_0000;
const REGULAR: u32 = 0o10_0000;
const DIRECTORY: u32 = 0o4_0000;
const SYMLINK: u32 = 0o12_0000;

/// What a folder made on the way may have of the mode asked for (`IMPLICIT_DIRECTORY_PERMISSION_MASK` of
/// `src/agent/src/rpc.rs`).
const IMPLICIT: u32 = 0o777;
/// What the thing itself may have of it (`FILE_PERMISSION_MASK`, same file).
const EXPLICIT: u32 = 0o7777;

/// What the policy sees of a request: no data, but what kind of thing it makes, and where a link leads
/// (`PolicyCopyFileRequest` of `src/agent/policy/src/policy.rs`).
pub(crate) fn input(request: &CopyFileRequest) -> Result<Value, Fault> {
    let kind = match request.file_mode & TYPE {
        REGULAR => "Regular",
        DIRECTORY => "Directory",
        SYMLINK => "Symlink",
        _ => "Unknown",
    };
    let target = match kind {
        "Symlink" => Some(str::from_utf8(&request.data).map_err(|_| {
            Fault::Failed(
                "parsing CopyFileRequest for policy\n\nCaused by:\n    invalid symlink content".to_owned(),
            )
        })?),
        _ => None,
    };
    Ok(json!({
        "path": request.path,
        "file_type": kind,
        "symlink_target": target,
        "file_size": request.file_size,
        "file_mode": request.file_mode,
        "dir_mode": request.dir_mode,
        "uid": request.uid,
        "gid": request.gid,
        "offset": request.offset,
    }))
}

/// Carries a request out, below `share`. A file comes in parts and gets its name with the last of them.
///
/// A path with `..` is refused. Links in `share` are followed as if it were `/`.
pub(crate) fn copy(request: &CopyFileRequest, share: &Path) -> Result<(), Fault> {
    let path = Path::new(&request.path);
    let inside = path.strip_prefix(share).map_err(|_| {
        let (share, path) = (share.display(), &request.path);
        Fault::Failed(format!("removing \"{share}/\" prefix from {path}\n\nCaused by:\n    prefix not found"))
    })?;
    if !inside.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Fault::Failed(format!("{} is not a plain path below {}", request.path, share.display())));
    }
    let name = inside.file_name().ok_or_else(|| Fault::Failed(format!("{} names nothing", request.path)))?;
    fs_err::create_dir_all(share)?;
    let root = openat(CWD, share, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let place = Place { request, parent: parents(&root, inside, request)?, name };
    match request.file_mode & TYPE {
        DIRECTORY => place.directory(),
        SYMLINK => place.symlink(),
        _ => place.file(),
    }
}

/// Where a thing is made.
struct Place<'a> {
    request: &'a CopyFileRequest,
    parent: OwnedFd,
    name: &'a OsStr,
}

impl Place<'_> {
    fn directory(&self) -> Result<(), Fault> {
        match unlinkat(&self.parent, self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
            Err(error) => return Err(error.into()),
        }
        match mkdirat(&self.parent, self.name, Mode::from_raw_mode(self.request.file_mode & IMPLICIT)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&self.parent, self.name, flags, Mode::empty())?;
        fchmod(&folder, Mode::from_raw_mode(self.request.file_mode & EXPLICIT))?;
        own(&folder, self.request)
    }

    fn symlink(&self) -> Result<(), Fault> {
        self.clear()?;
        symlinkat(OsStr::from_bytes(&self.request.data), &self.parent, self.name)?;
        let (uid, gid) = owner(self.request);
        Ok(chownat(&self.parent, self.name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn file(&self) -> Result<(), Fault> {
        let offset = u64::try_from(self.request.offset).map_err(|_| {
            Fault::Failed(format!("got offset {}, expected none below 0", self.request.offset))
        })?;
        let mut flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if offset == 0 {
            self.clear()?;
            flags |= OFlags::TRUNC;
        }
        let mode = Mode::from_raw_mode(self.request.file_mode & EXPLICIT);
        let unfinished = Path::new(self.name).with_extension("tmp");
        let file = std::fs::File::from(openat(&self.parent, &unfinished, flags, mode)?);
        file.write_all_at(&self.request.data, offset)?;
        if fstat(&file)?.st_size != self.request.file_size {
            return Ok(());
        }
        fchmod(&file, mode)?;
        own(&file, self.request)?;
        Ok(renameat(&self.parent, &unfinished, &self.parent, self.name)?)
    }

    /// Removes what is there under the name.
    fn clear(&self) -> Result<(), Fault> {
        match unlinkat(&self.parent, self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => {
                let parent = Path::new("/proc/self/fd").join(self.parent.as_raw_fd().to_string());
                Ok(fs_err::remove_dir_all(parent.join(self.name))?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens the folder a path is in, and makes it and those above where they are missing.
fn parents(root: &OwnedFd, inside: &Path, request: &CopyFileRequest) -> Result<OwnedFd, Fault> {
    let open = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        openat2(root, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
    };
    let parent = inside.parent().unwrap_or(Path::new(""));
    let mut folder = open(Path::new(""))?;
    let mut so_far = std::path::PathBuf::new();
    for part in parent {
        so_far.push(part);
        folder = match open(&so_far) {
            Err(Errno::NOENT) => {
                mkdirat(&folder, part, Mode::from_raw_mode(request.dir_mode & IMPLICIT))?;
                open(&so_far)?
            }
            opened => opened?,
        };
    }
    own(&folder, request)?;
    Ok(folder)
}

fn own(file: impl std::os::fd::AsFd, request: &CopyFileRequest) -> Result<(), Fault> {
    let (uid, gid) = owner(request);
    Ok(fchown(file, uid, gid)?)
}

/// Whose a thing is to be; -1 leaves it as it is (`chown(2)`).
fn owner(request: &CopyFileRequest) -> (Option<Uid>, Option<Gid>) {
    let id = |number: i32| (number != -1).then(|| number.cast_unsigned());
    (id(request.uid).map(Uid::from_raw), id(request.gid).map(Gid::from_raw))
}
