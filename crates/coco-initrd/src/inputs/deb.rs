//! Debian packages from the content store: unpacked by all threads, united, and described as dpkg would. No
//! script of a package is run, and none is kept.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use coco_image::archive::{Member, tarball};
use coco_image::assemble::{self, Loaded};
use coco_image::decompress::{self, Budget, Format, Streams};
use coco_image::lock::{Content, LockedDeb, LockedPackage};
use coco_image::packages::{self, Unpacked};
use coco_image::path::GuestPath;
use coco_image::tree::{Body, Node, Tree};
use coco_image::units::Mode;
use coco_packages::copyright;
use coco_packages::deb::control::Control;
use coco_packages::deb::package_file::{self, PackageFile};

use super::package::{self, Licence, Package};
use super::{Identity, Input, Reader};
use crate::content_store::ContentStore;
use crate::store::{SpoolFile, Store};

/// Where images that were made without dpkg say what is in them, a file a package (as distroless does it, and as
/// scanners read it).
const STATUS: &str = "/var/lib/dpkg/status.d";
/// Longest text of a package that is read whole, in bytes: its control file, its copyright.
const TEXT_MAX: u64 = 4 << 20;

/// A package of which nothing has been read but the archives in it.
struct Opened {
    control: Vec<Member>,
    data: Vec<Member>,
}

impl Reader<'_> {
    /// Reads the packages of a lock as one root file system.
    pub(super) fn deb(&mut self, deb: &LockedDeb, contents: &ContentStore) -> anyhow::Result<Input> {
        let spool = SpoolFile::new(self.store, self.scratch)?;
        let opened = open_all(&deb.packages, contents, &spool, &Budget::new(self.unpack_limit))?;
        let mut members = Vec::new();
        let mut described = Vec::new();
        for (package, opened) in deb.packages.iter().zip(&opened) {
            let of_package = || package::name(package);
            described
                .push(describe(package, &opened.control, self.store, &mut members).with_context(of_package)?);
        }
        let unpacked = deb.packages.iter().zip(opened);
        let unpacked =
            unpacked.map(|(package, it)| Unpacked { name: package.name.clone(), members: it.data });
        let unpacked: Vec<Unpacked> = unpacked.collect();
        let bodies: Vec<_> = unpacked.iter().map(|it| Package::bodies(&it.members)).collect();
        members.extend(packages::unite(unpacked)?);
        let tree = assemble::as_found(&members)?;
        let mut packages = Vec::new();
        for ((package, control), bodies) in deb.packages.iter().zip(described).zip(bodies) {
            let licence = licence(&package.name, &tree, self.store)?;
            packages.push(Package {
                format: package::Format::Deb,
                locked: package.clone(),
                source: Some((control.source.name.to_string(), control.source.version.to_string())),
                homepage: control.homepage,
                licence,
                bodies,
            });
        }
        Ok(Input { loaded: Loaded::Members(members), identity: Identity::Packages(packages) })
    }
}

/// Opens all packages, several at once, the largest first.
fn open_all(
    packages: &[LockedPackage],
    contents: &ContentStore,
    spool: &SpoolFile,
    budget: &Budget,
) -> anyhow::Result<Vec<Opened>> {
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(packages.get(*at).map(|package| package.file.size)));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(package) = packages.get(*at) else { break };
            let opened = open(package, contents, spool, budget);
            let is_wrong = opened.is_err();
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*at, opened));
            if is_wrong {
                next.store(order.len(), Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(packages.len()) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, opened)| opened).collect()
}

fn open(
    package: &LockedPackage,
    contents: &ContentStore,
    spool: &SpoolFile,
    budget: &Budget,
) -> anyhow::Result<Opened> {
    let content = Content { size: package.file.size, sha256: package.file.sha256 };
    let path = contents.whole(content, &package::name(package))?;
    unpack(&path, content.size, spool, budget).with_context(|| package::name(package))
}

/// Unpacks both archives of the package at `path`.
fn unpack(path: &Path, size: u64, spool: &SpoolFile, budget: &Budget) -> anyhow::Result<Opened> {
    let file = fs_err::File::open(path)?.into_file();
    let parts = PackageFile::read(size, |offset, buffer| file.read_exact_at(buffer, offset))?;
    let read = |part: &package_file::Member| -> anyhow::Result<Vec<Member>> {
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(part.offset))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        file.seek(SeekFrom::Start(part.offset))?;
        let stream =
            decompress::reader(Format::of(&head), Streams::All, BufReader::new(file.take(part.size)))?;
        tarball::read(budget.bound(stream), spool).with_context(|| part.name.clone())
    };
    Ok(Opened { control: read(&parts.control)?, data: read(&parts.data)? })
}

/// What a package says of itself, which must be what the lock says; goes into `members` as dpkg's record of it.
fn describe(
    package: &LockedPackage,
    control: &[Member],
    store: &Store,
    members: &mut Vec<Member>,
) -> anyhow::Result<Control> {
    let of_control =
        |name: &str| control.iter().find(|member| member.path.as_str().trim_start_matches('/') == name);
    let body = of_control("control").context("it has no control file")?;
    let text = text(&body.node, store)?;
    let parsed = Control::parse(&text)?;
    parsed.check(&package.name, &package.version, &package.arch)?;
    let status: GuestPath = STATUS.parse()?;
    let mut record = |name: &str, node: Node| -> anyhow::Result<()> {
        members.push(Member { path: status.join(name)?, node });
        Ok(())
    };
    record(&package.name, Node::File(Mode::FILE, Body::bytes(text.as_bytes())))?;
    if let Some(Member { node: Node::File(_, body), .. }) = of_control("md5sums") {
        record(&format!("{}.md5sums", package.name), Node::File(Mode::FILE, body.clone()))?;
    }
    Ok(parsed)
}

/// The licence that a package's copyright file states (Debian Policy, section 12.5); its directory may be a link to that
/// of another package of the same source.
fn licence(name: &str, tree: &Tree, store: &Store) -> anyhow::Result<Licence> {
    let path: GuestPath = format!("/usr/share/doc/{name}/copyright").parse()?;
    let Ok(path) = tree.follow(&path) else { return Ok(Licence::Unknown) };
    let Some(entry) = tree.get(&path) else { return Ok(Licence::Unknown) };
    Ok(Licence::Copyright(copyright::licence(&text(&entry.node, store)?, name)))
}

fn text(node: &Node, store: &Store) -> anyhow::Result<String> {
    let Node::File(_, body) = node else { anyhow::bail!("a text of the package is no file") };
    let mut text = String::new();
    body.open(store)?.take(TEXT_MAX).read_to_string(&mut text)?;
    Ok(text)
}
