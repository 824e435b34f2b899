//! From RPM packages at URLs to packages that are locked: fetched, their signatures checked, and asked what
//! they are.

use std::io::Read as _;

use anyhow::Context as _;
use coco_image::digest::Sha256;
use coco_image::lock::{Content, Locked, LockedFile, LockedPackage};
use coco_image::profile::source::{RpmSource, Url};
use coco_packages::openpgp::Keyring;
use coco_packages::rpm::Package;
use fs_err as fs;

use super::keys;
use super::resolver::Resolver;
use crate::fetch::{Place, Wanted};
use crate::output::Output;

/// The longest head of a package that is read for its headers, in bytes.
const HEAD_MAX: u64 = 192 << 20;

/// Packages of a profile that can't be had together, or are not what they say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpmLockError {
    /// Two packages with one name.
    #[error("package {name} is at {first} and at {second}")]
    Twice {
        /// The name.
        name: String,
        /// One of the places.
        first: Url,
        /// The other.
        second: Url,
    },
    /// Its files are not those that were signed.
    #[error("its payload has SHA-256 {got}, its header says {expected}")]
    Payload {
        /// Of what is there.
        got: Sha256,
        /// What was signed.
        expected: Sha256,
    },
    /// A signature that covers the header alone.
    #[error(
        "its header does not say what its payload must be: nothing that was signed vouches for its files"
    )]
    NoPayloadDigest,
}

/// Locks the packages of `source`, sorted by name.
pub(super) fn resolve(
    resolver: &Resolver<'_>,
    source: &RpmSource,
    out: &mut Output,
) -> anyhow::Result<Locked> {
    let keyring = source.signed_by.as_ref().map(keys::keyring).transpose()?;
    let mut wanted = Vec::new();
    for (url, sha256) in &source.files {
        let content = Content { size: resolver.size(url)?, sha256: *sha256 };
        wanted.push(Wanted { name: url.to_string(), content, place: Place::Url(url.clone()) });
    }
    resolver.fetch(&wanted, out)?;
    let mut packages: Vec<LockedPackage> = Vec::new();
    for (wanted, (url, _)) in wanted.iter().zip(&source.files) {
        let package = look_at(resolver, wanted, keyring.as_ref()).with_context(|| url.to_string())?;
        let file = LockedFile { url: url.clone(), size: wanted.content.size, sha256: wanted.content.sha256 };
        let Package { name, version, arch, .. } = package;
        if let Some(other) = packages.iter().find(|other| other.name == name) {
            let (first, second) = (other.file.url.clone(), url.clone());
            return Err(RpmLockError::Twice { name, first, second }.into());
        }
        packages.push(LockedPackage { name, version, arch, file });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Locked::Rpm(packages))
}

fn look_at(resolver: &Resolver<'_>, wanted: &Wanted, keyring: Option<&Keyring>) -> anyhow::Result<Package> {
    let mut file = fs::File::open(resolver.store.find(wanted.content, &wanted.name)?)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD_MAX).read_to_end(&mut head)?;
    let package = Package::parse(&head)?;
    if let Some(keyring) = keyring {
        package.verify(keyring, keys::now())?;
        let expected: Sha256 = package.payload.sha256.ok_or(RpmLockError::NoPayloadDigest)?.into();
        let mut payload = head.get(package.payload.offset..).unwrap_or_default().chain(file);
        let (got, _) = Sha256::of_reader(&mut payload)?;
        if got != expected {
            return Err(RpmLockError::Payload { got, expected }.into());
        }
    }
    Ok(package)
}
