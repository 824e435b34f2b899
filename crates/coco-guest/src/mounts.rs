//! The file systems an init mounts, as one table. Not those of containers.

use std::io;

use rustix::mount::{MountFlags, mount};

/// A file system and its place.
struct Place {
    kind: &'static str,
    target: &'static str,
    options: Option<&'static std::ffi::CStr>,
}

/// In the order of mounting: each target is in a file system before it, or in the image.
const PLACES: [Place; 7] = [
    Place { kind: "proc", target: "/proc", options: None },
    Place { kind: "sysfs", target: "/sys", options: None },
    Place { kind: "devtmpfs", target: "/dev", options: Some(c"mode=0755") },
    Place { kind: "devpts", target: "/dev/pts", options: Some(c"mode=0620,ptmxmode=0666") },
    Place { kind: "tmpfs", target: "/dev/shm", options: Some(c"mode=1777") },
    Place { kind: "tmpfs", target: "/run", options: Some(c"mode=0755") },
    Place { kind: "cgroup2", target: "/sys/fs/cgroup", options: None },
];

/// A file system that could not be mounted.
#[derive(Debug, thiserror::Error)]
#[error("mount {kind} on {target}: {error}")]
pub(crate) struct MountError {
    kind: &'static str,
    target: &'static str,
    error: io::Error,
}

/// Mounts what is not mounted yet.
pub(crate) fn mount_all() -> Result<(), MountError> {
    for Place { kind, target, options } in PLACES {
        let failed = |error| MountError { kind, target, error };
        // There is nothing to read before `/proc` is mounted, and then nothing else is either.
        let mounts = fs_err::read_to_string("/proc/self/mounts").unwrap_or_default();
        if is_mounted(&mounts, target) {
            continue;
        }
        fs_err::create_dir_all(target).map_err(failed)?;
        let flags = match kind {
            "devtmpfs" | "devpts" => MountFlags::NOSUID | MountFlags::NOEXEC,
            // Programs of containers are copied to /run.
            "tmpfs" => MountFlags::NOSUID | MountFlags::NODEV,
            _ => MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV,
        };
        mount(kind, target, kind, flags, options).map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

/// Whether `/proc/self/mounts` (`fstab(5)`) has something mounted there.
fn is_mounted(mounts: &str, target: &str) -> bool {
    mounts.lines().any(|line| line.split(' ').nth(1) == Some(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_mount_point_counts() {
        let mounts = "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n";
        for (target, expected) in [("/proc", true), ("/dev", true), ("/dev/pts", false), ("/pro", false)] {
            assert_eq!(is_mounted(mounts, target), expected, "{target}");
        }
        assert!(!is_mounted("", "/proc"));
    }

    #[test]
    fn a_target_comes_after_the_file_system_it_is_in() {
        for (at, place) in PLACES.iter().enumerate() {
            let parents = PLACES.iter().skip(at).filter(|other| place.target.starts_with(other.target));
            assert_eq!(parents.count(), 1, "{}", place.target);
        }
    }
}
