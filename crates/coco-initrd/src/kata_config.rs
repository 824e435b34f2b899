//! Finds and reads the configuration of a kata runtime on a host. What it means is in `coco_image::host`.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use coco_image::host::configuration::Configuration;
use coco_image::units::Runtime;
use fs_err as fs;

/// Largest configuration or drop-in, in bytes; kata's have some 40 000.
const FILE_MAX: u64 = 1 << 20;

/// Most symbolic links on the way to a file, as for the kernel (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// A configuration that was found and read.
#[derive(Debug)]
pub(crate) struct Found {
    /// What it says.
    pub(crate) configuration: Configuration,
    /// Drop-ins that are symbolic links.
    pub(crate) irregular: Vec<String>,
}

/// Where the files of a host are.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The host's `/`, as this machine sees it.
    root: PathBuf,
}

/// Why no configuration is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KataConfigError {
    /// None of the files that a runtime looks for.
    #[error("no configuration of kata was found: {}", .0.join(", "))]
    None(Vec<String>),
    /// Either may be the one that the Go runtime was built with.
    #[error("there are two configurations of kata: {0} and {1}")]
    Two(String, String),
    /// Neither runtime is known to read this path.
    #[error("{}: the path does not tell which runtime reads it", .0.display())]
    NoRuntime(PathBuf),
    /// A directory or something else.
    #[error("{} is no file", .0.display())]
    NotFile(PathBuf),
    /// A circle, most likely.
    #[error("{}: too many symbolic links on the way", .0.display())]
    Links(PathBuf),
    /// More than any configuration has.
    #[error("{} has more than the {FILE_MAX} bytes that a configuration may have", .0.display())]
    TooLarge(PathBuf),
}

/// The file that the Go runtime reads first, and those of which one is built into it (`src/runtime/Makefile`).
const GO_FIRST: &str = "/etc/kata-containers/configuration.toml";
const GO_BUILT_IN: [&str; 2] = [
    "/opt/kata/share/defaults/kata-containers/configuration.toml",
    "/usr/share/defaults/kata-containers/configuration.toml",
];

/// The files that runtime-rs looks for, in order (`src/libs/kata-types/src/config/default.rs`).
const RS_DEFAULTS: [&str; 3] = [
    "/etc/kata-containers/runtime-rs/configuration.toml",
    "/usr/share/defaults/kata-containers/runtime-rs/configuration.toml",
    "/opt/kata/share/defaults/kata-containers/runtime-rs/configuration.toml",
];

impl Host {
    /// The host whose `/` is at `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Reads the configuration at `path` and its drop-ins, as `runtime` does.
    pub(crate) fn read(&self, path: &Path, runtime: Runtime) -> anyhow::Result<Found> {
        let path = self.absolute(path)?;
        let unread = || format!("the configuration {} can't be read", path.display());
        let real = self.resolve(&path).with_context(unread)?;
        let main = self.bytes(&real)?;
        let mut drop_ins = Vec::new();
        let mut irregular = Vec::new();
        // Drop-ins lie beside the file itself, wherever links to it are.
        for path in self.drop_ins(&real)? {
            let name = path.display().to_string();
            if fs::symlink_metadata(self.on_disk(&path))?.is_symlink() {
                irregular.push(name.clone());
            }
            drop_ins.push((name, self.bytes(&self.resolve(&path)?)?));
        }
        let name = real.display().to_string();
        let configuration = Configuration::merge(runtime, (&name, &main), &drop_ins)?;
        irregular.sort();
        Ok(Found { configuration, irregular })
    }

    /// The configuration that `runtime` reads if nobody names one; `None` if there is none.
    pub(crate) fn default_of(&self, runtime: Runtime) -> anyhow::Result<Option<PathBuf>> {
        match runtime {
            Runtime::Rs => self.first(&RS_DEFAULTS),
            Runtime::Go => {
                if let Some(path) = self.first(&[GO_FIRST])? {
                    return Ok(Some(path));
                }
                let [one, other] = GO_BUILT_IN;
                match (self.first(&[one])?, self.first(&[other])?) {
                    (Some(_), Some(_)) => Err(KataConfigError::Two(one.to_owned(), other.to_owned()).into()),
                    (one, other) => Ok(one.or(other)),
                }
            }
        }
    }

    /// The runtime that reads `path`, by the directories it is in, or is really in.
    pub(crate) fn runtime_of(&self, path: &Path) -> anyhow::Result<Runtime> {
        let path = self.absolute(path)?;
        let unread = || format!("the configuration {} can't be read", path.display());
        let real = self.resolve(&path).with_context(unread)?;
        let told = [&path, &real].into_iter().find_map(|path| by_directory(path));
        Ok(told.ok_or(KataConfigError::NoRuntime(path))?)
    }

    /// The file at `path`, opened, and where it really is; `None` if there is none.
    pub(crate) fn open(&self, path: &Path) -> anyhow::Result<Option<fs::File>> {
        match self.resolve(path) {
            Ok(real) => Ok(Some(self.file(&real)?)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All that the runtimes look for, for the message.
    pub(crate) fn nothing(runtimes: &[Runtime]) -> KataConfigError {
        let paths = |runtime: &Runtime| match runtime {
            Runtime::Go => [GO_FIRST].into_iter().chain(GO_BUILT_IN).collect::<Vec<_>>(),
            Runtime::Rs => RS_DEFAULTS.to_vec(),
        };
        KataConfigError::None(runtimes.iter().flat_map(paths).map(ToOwned::to_owned).collect())
    }

    fn first(&self, paths: &[&str]) -> anyhow::Result<Option<PathBuf>> {
        for path in paths {
            match self.resolve(Path::new(path)) {
                Ok(_) => return Ok(Some(PathBuf::from(path))),
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A relative path is one of this machine: with another root it starts there.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        if self.root == Path::new("/") { std::path::absolute(path) } else { Ok(Path::new("/").join(path)) }
    }

    fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The path without symbolic links, which lead from the host's own root and never out of it.
    fn resolve(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let mut done = PathBuf::from("/");
        let mut rest = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            if !fs::symlink_metadata(self.on_disk(&next))?.is_symlink() {
                done = next;
                continue;
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(KataConfigError::Links(path.to_owned()).into());
            }
            let target = fs::read_link(self.on_disk(&next))?;
            if target.is_absolute() {
                done = PathBuf::from("/");
            }
            rest.extend(parts(&target));
        }
        Ok(done)
    }

    /// Everything in `config.d` beside `main`; no `config.d` is an empty one.
    fn drop_ins(&self, main: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let directory = main.with_file_name("config.d");
        let real = match self.resolve(&directory) {
            Ok(real) => real,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(self.on_disk(&real))? {
            paths.push(directory.join(entry?.file_name()));
        }
        Ok(paths)
    }

    fn bytes(&self, real: &Path) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(real)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() > usize::try_from(FILE_MAX).unwrap_or(usize::MAX) {
            return Err(KataConfigError::TooLarge(real.to_owned()).into());
        }
        Ok(bytes)
    }

    fn file(&self, real: &Path) -> anyhow::Result<fs::File> {
        let path = self.on_disk(real);
        // Opening a FIFO would wait for a writer.
        if !fs::metadata(&path)?.is_file() {
            return Err(KataConfigError::NotFile(real.to_owned()).into());
        }
        Ok(fs::File::open(path)?)
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The names in a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut parts: Vec<OsString> = path.components().filter_map(part).collect();
    parts.reverse();
    parts
}

/// kata keeps the files of runtime-rs in a directory of that name, below the one for both.
fn by_directory(path: &Path) -> Option<Runtime> {
    let has = |name: &str| path.parent().is_some_and(|parent| parent.iter().any(|part| part == name));
    match (has("runtime-rs"), has("kata-containers")) {
        (true, _) => Some(Runtime::Rs),
        (false, true) => Some(Runtime::Go),
        (false, false) => None,
    }
}
