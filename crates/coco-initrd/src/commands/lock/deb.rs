//! From packages that are wanted to packages that are locked: signed releases, their indices, and what is
//! needed of them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use coco_image::decompress::{self, Budget, Format, Streams};
use coco_image::digest::Sha256;
use coco_image::lock::{Content, Locked, LockedDeb, LockedFile, LockedPackage, LockedRelease};
use coco_image::profile::source::{Archive, DebSource, Moment, PackageName};
use coco_image::units::Arch;
use coco_packages::deb::index::Index;
use coco_packages::deb::release::{IndexFile, Release};
use coco_packages::deb::resolve::{self, Chosen, Request, Resolution};
use fs_err as fs;

use super::keys;
use super::resolver::Resolver;
use crate::fetch::{Place, Wanted};
use crate::output::Output;

/// Versions of packages, by name.
pub(super) type Versions = BTreeMap<String, String>;

/// Longest `InRelease`, in bytes; that of Debian's unstable has 250 KiB.
const RELEASE_MAX: u64 = 16 << 20;
/// Longest index, unpacked, in bytes; that of Debian's main has 60 MB.
const INDEX_MAX: u64 = 512 << 20;

/// What one archive has.
struct Found {
    release: LockedRelease,
    indices: Vec<Index>,
}

/// Locks the packages of `source` and what they depend on.
pub(super) fn resolve(
    resolver: &Resolver<'_>,
    source: &DebSource,
    keep: &Versions,
    out: &mut Output,
) -> anyhow::Result<Locked> {
    let architecture = match resolver.arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    };
    let mut found = Vec::new();
    for archive in &source.archives {
        let of_archive = || format!("suite {} of {}", archive.suite, archive.url);
        found.push(look_at(resolver, archive, architecture, out).with_context(of_archive)?);
    }
    // Which archive each index is of, in the same order.
    let archives: Vec<&Archive> = source
        .archives
        .iter()
        .zip(&found)
        .flat_map(|(archive, found)| found.indices.iter().map(move |_| archive))
        .collect();
    let (releases, indices): (Vec<_>, Vec<_>) = found.into_iter().map(|it| (it.release, it.indices)).unzip();
    let indices = indices.concat();
    let request = request(source, keep, architecture)?;
    let Resolution { packages, released } = resolve::resolve(&request, &indices)?;
    for name in released {
        out.note(&format!("note: package {name} can't stay at its version"));
    }
    let packages = packages.iter().map(|chosen| locked(chosen, &archives)).collect::<Result<_, _>>()?;
    Ok(Locked::Deb(LockedDeb { releases, packages }))
}

fn request(source: &DebSource, keep: &Versions, architecture: &str) -> anyhow::Result<Request> {
    let names = |names: &[PackageName]| names.iter().map(|name| Ok(name.as_str().parse()?)).collect();
    let names = |list: &[PackageName]| -> anyhow::Result<_> { names(list) };
    let keep = keep.iter().map(|(name, version)| {
        let of_lock = || format!("package {name} of the lock");
        Ok((name.parse().with_context(of_lock)?, version.parse().with_context(of_lock)?))
    });
    Ok(Request {
        wanted: names(&source.packages)?,
        omit: names(&source.omit)?,
        keep: keep.collect::<anyhow::Result<_>>()?,
        architecture: architecture.to_owned(),
    })
}

fn locked(chosen: &Chosen<'_>, archives: &[&Archive]) -> anyhow::Result<LockedPackage> {
    let package = chosen.package;
    let archive = archives.get(chosen.index).context("a package is of no index")?;
    let file = LockedFile {
        url: archive.url.below(&package.filename),
        size: package.size,
        sha256: (*package.sha256.as_bytes()).into(),
    };
    Ok(LockedPackage {
        name: package.name.to_string(),
        version: package.version.to_string(),
        arch: package.architecture.clone(),
        file,
    })
}

/// Reads the release of a suite, and the indices of its components.
fn look_at(
    resolver: &Resolver<'_>,
    archive: &Archive,
    architecture: &str,
    out: &mut Output,
) -> anyhow::Result<Found> {
    // A wrong key is told before anybody is asked.
    let keyring = keys::keyring(&archive.signed_by)?;
    let root = archive.url.below(&format!("dists/{}", archive.suite));
    let signed = resolver.small(&root.below("InRelease"), RELEASE_MAX)?;
    let moment = archive.snapshot.as_ref().map(Moment::seconds);
    let now = moment.unwrap_or_else(keys::now);
    let verified = keyring.verify_cleartext(&signed, now)?;
    let release = Release::parse(&verified.text)?;
    release.check_suite(&archive.suite)?;
    match moment {
        Some(moment) => release.check_snapshot(moment)?,
        None => release.check(now)?,
    }
    let mut indices = Vec::new();
    for component in &archive.components {
        let file = release.packages_index(component, architecture)?;
        let path = file.by_hash.as_ref().unwrap_or(&file.path);
        let content = Content { size: file.size, sha256: (*file.sha256.as_bytes()).into() };
        let name = format!("{} of {}", file.path, archive.suite);
        resolver
            .fetch(&[Wanted { name: name.clone(), content, place: Place::Url(root.below(path)) }], out)?;
        let text = unpacked(&resolver.store.find(content, &name)?).with_context(|| file_name(&file))?;
        let name = match archive.components.as_slice() {
            [_] => archive.suite.clone(),
            _ => format!("{}/{component}", archive.suite),
        };
        indices.push(Index::parse(&name, &text)?);
    }
    let release = LockedRelease {
        url: archive.url.clone(),
        suite: archive.suite.clone(),
        date: release.date.to_string(),
        key: verified.signers.first().map(ToString::to_string).unwrap_or_default(),
        sha256: Sha256::of(&signed),
    };
    Ok(Found { release, indices })
}

fn file_name(file: &IndexFile) -> String {
    format!("index {}", file.path)
}

fn unpacked(path: &Path) -> anyhow::Result<String> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(8).read_to_end(&mut head)?;
    let budget = Budget::new(INDEX_MAX);
    let file = BufReader::new(fs::File::open(path)?);
    let mut text = String::new();
    budget.bound(decompress::reader(Format::of(&head), Streams::All, file)?).read_to_string(&mut text)?;
    Ok(text)
}
