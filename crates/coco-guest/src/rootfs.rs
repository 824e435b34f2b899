//! Paths as a container sees them: links lead nowhere out of its root. Nothing is mounted or entered.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, ResolveFlags, accessat, openat2};
use rustix::io::Errno;

/// Where programs are when the environment does not say (`execvp(3)`, and the agent's own default).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The root of a container: a folder of the guest.
#[derive(Debug)]
pub(crate) struct Rootfs(OwnedFd);

impl Rootfs {
    /// Opens a folder as a root.
    pub(crate) fn open(folder: &Path) -> io::Result<Rootfs> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Rootfs(rustix::fs::openat(CWD, folder, flags, Mode::empty())?))
    }

    /// A folder of the container, as a path of the guest.
    pub(crate) fn folder(&self, path: &str) -> io::Result<PathBuf> {
        self.place(Path::new(path), OFlags::DIRECTORY)
    }

    /// A program of the container, as a path of the guest: `name` is looked up as the container would,
    /// in `path` (the value of `PATH`), or in `cwd` if it has a slash.
    pub(crate) fn program(&self, name: &str, path: Option<&str>, cwd: &str) -> io::Result<PathBuf> {
        if name.contains('/') {
            return self.executable(&Path::new(cwd).join(name));
        }
        let mut found = path.unwrap_or(PATH).split(':').map(|folder| Path::new(folder).join(name));
        found.find_map(|path| self.executable(&path).ok()).ok_or_else(|| Errno::NOENT.into())
    }

    fn executable(&self, path: &Path) -> io::Result<PathBuf> {
        let place = self.place(path, OFlags::empty())?;
        accessat(CWD, &place, Access::EXEC_OK, AtFlags::empty())?;
        if place.is_file() { Ok(place) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// Follows all links as if the root were `/`.
    fn place(&self, path: &Path, flags: OFlags) -> io::Result<PathBuf> {
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        let found = openat2(&self.0, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        fs_err::read_link(Path::new("/proc/self/fd").join(OsStr::new(&found.as_raw_fd().to_string())))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn root() -> (tempfile::TempDir, Rootfs, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs_err::create_dir(&bin).unwrap();
        fs_err::write(bin.join("probe"), "").unwrap();
        fs_err::set_permissions(bin.join("probe"), PermissionsExt::from_mode(0o755)).unwrap();
        fs_err::write(bin.join("text"), "").unwrap();
        let root = Rootfs::open(folder.path()).unwrap();
        let place = folder.path().canonicalize().unwrap();
        (folder, root, place)
    }

    #[test]
    fn a_program_is_found_by_path_by_name_and_from_where_one_is() {
        let (_folder, root, place) = root();
        let expected = place.join("bin/probe");
        assert_eq!(root.program("/bin/probe", None, "/").unwrap(), expected);
        assert_eq!(root.program("probe", None, "/").unwrap(), expected);
        assert_eq!(root.program("probe", Some("/nowhere:/bin"), "/").unwrap(), expected);
        assert_eq!(root.program("./probe", None, "/bin").unwrap(), expected);
        assert!(root.program("probe", Some("/nowhere"), "/").is_err());
    }

    #[test]
    fn what_cannot_run_is_no_program() {
        let (_folder, root, _) = root();
        for name in ["/bin/text", "/bin", "/bin/none", "", "/bin/pro\0be"] {
            assert!(root.program(name, None, "/").is_err(), "{name:?}");
        }
    }

    #[test]
    fn links_stay_in_the_root() {
        let (folder, root, place) = root();
        for (name, target) in [("absolute", "/bin/probe"), ("up", "../../../bin/probe")] {
            fs_err::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
            assert_eq!(root.program(&format!("/{name}"), None, "/").unwrap(), place.join("bin/probe"));
        }
        assert_eq!(root.folder("/../..").unwrap(), place);
    }
}
