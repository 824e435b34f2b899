//! From a lock's keys to types. How its text is laid out is in [`render`](super::render).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Content, Lock, LockError, Locked, LockedDeb, LockedFile, LockedInput, LockedLayer, LockedOci,
    LockedPackage, LockedRelease, SCHEMA, SIZE_MAX, Shape,
};
use crate::digest::Sha256;
use crate::profile::Role;
use crate::profile::raw::place;
use crate::profile::source::{NotUrl, Url};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    schema: u32,
    profile_sha256: Sha256,
    #[serde(default)]
    inputs: BTreeMap<String, RawInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawInput {
    source_sha256: Sha256,
    url: Option<RawFile>,
    oci: Option<RawOci>,
    deb: Option<RawDeb>,
    rpm: Option<RawRpm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    url: String,
    size: u64,
    sha256: Sha256,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOci {
    reference: String,
    shape: RawShape,
    size: u64,
    sha256: Sha256,
    layers: Vec<RawLayer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawShape {
    Image,
    Artefact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawLayer {
    title: Option<String>,
    media_type: String,
    size: u64,
    sha256: Sha256,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeb {
    releases: Vec<RawRelease>,
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    url: String,
    suite: String,
    date: String,
    key: String,
    sha256: Sha256,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRpm {
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    name: String,
    version: String,
    arch: String,
    size: u64,
    sha256: Sha256,
    url: String,
}

pub(super) fn parse(text: &str) -> Result<Lock, LockError> {
    let raw: Raw = toml::from_str(text).map_err(|error| {
        let (line, column) = error.span().map_or((1, 1), |span| place(text, span.start));
        LockError::Syntax { line, column, message: error.message().replace('\n', " ") }
    })?;
    if raw.schema != SCHEMA {
        return Err(LockError::Schema(raw.schema));
    }
    let mut inputs = BTreeMap::new();
    for (name, input) in raw.inputs {
        let role: Role = name.parse().map_err(|problem| wrong(&name, problem))?;
        inputs.insert(role, self::input(&name, input)?);
    }
    Ok(Lock { profile: raw.profile_sha256, inputs })
}

fn input(name: &str, raw: RawInput) -> Result<LockedInput, LockError> {
    let locked = match (raw.url, raw.oci, raw.deb, raw.rpm) {
        (Some(it), None, None, None) => Locked::Url(file(name, &it.url, it.size, it.sha256)?),
        (None, Some(it), None, None) => Locked::Oci(oci(name, it)?),
        (None, None, Some(it), None) => Locked::Deb(LockedDeb {
            releases: it.releases.into_iter().map(|it| release(name, it)).collect::<Result<_, _>>()?,
            packages: packages(name, it.packages)?,
        }),
        (None, None, None, Some(it)) => Locked::Rpm(packages(name, it.packages)?),
        _ => return Err(wrong(name, "needs exactly one of url, oci, deb and rpm".to_owned())),
    };
    Ok(LockedInput { source: raw.source_sha256, locked })
}

fn oci(name: &str, raw: RawOci) -> Result<LockedOci, LockError> {
    let layers = raw.layers.into_iter().map(|it| {
        Ok(LockedLayer {
            content: Content { size: bounded(name, it.size)?, sha256: it.sha256 },
            media_type: it.media_type,
            title: it.title,
        })
    });
    let layers = layers.collect::<Result<Vec<_>, LockError>>()?;
    if layers.is_empty() {
        return Err(wrong(name, "has no layers".to_owned()));
    }
    Ok(LockedOci {
        reference: raw.reference,
        manifest: Content { size: bounded(name, raw.size)?, sha256: raw.sha256 },
        shape: match raw.shape {
            RawShape::Image => Shape::Image,
            RawShape::Artefact => Shape::Artefact,
        },
        layers,
    })
}

fn release(name: &str, raw: RawRelease) -> Result<LockedRelease, LockError> {
    Ok(LockedRelease {
        url: url(name, &raw.url)?,
        suite: raw.suite,
        date: raw.date,
        key: raw.key,
        sha256: raw.sha256,
    })
}

/// Packages in the order that the lock is written in: another one would be another lock of the same things.
fn packages(name: &str, raw: Vec<RawPackage>) -> Result<Vec<LockedPackage>, LockError> {
    let mut packages: Vec<LockedPackage> = Vec::new();
    for it in raw {
        let place = format!("{name}: {}", it.name);
        if packages.last().is_some_and(|before| before.name >= it.name) {
            return Err(wrong(&place, "is not in its place: packages are sorted, each once".to_owned()));
        }
        let file = file(&place, &it.url, it.size, it.sha256)?;
        packages.push(LockedPackage { name: it.name, version: it.version, arch: it.arch, file });
    }
    Ok(packages)
}

fn file(place: &str, text: &str, size: u64, sha256: Sha256) -> Result<LockedFile, LockError> {
    Ok(LockedFile { url: url(place, text)?, size: bounded(place, size)?, sha256 })
}

fn url(place: &str, text: &str) -> Result<Url, LockError> {
    Url::parse(text, &["https", "http"]).map_err(|error: NotUrl| wrong(place, error.to_string()))
}

fn bounded(place: &str, size: u64) -> Result<u64, LockError> {
    if size > SIZE_MAX {
        return Err(wrong(place, format!("size got {size}, expected {SIZE_MAX} at most")));
    }
    Ok(size)
}

fn wrong(place: &str, problem: String) -> LockError {
    LockError::Value { place: place.to_owned(), problem }
}
