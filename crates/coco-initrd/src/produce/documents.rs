//! The documents of a finished image: its bill of materials in two formats, where it all came from, and, if
//! launches were predicted, the reference values. What they say of the image is counted in its tree.
//! `docs/sbom.md` describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use coco_bom::{
    Artifact, Bill, Content, Distribution, Image, Item, Kind, Licence, Provenance, Source, Unpacked, Url,
};
use coco_image::check::Software;
use coco_image::digest::Sha256;
use coco_image::lock::{Locked, LockedRelease};
use coco_image::manifest::{InputRecord, Manifest};
use coco_image::profile::{ExtraKind, Role};
use coco_image::tree::{Body, Node, Tree};
use coco_measure::trustee::Expiration;
use coco_packages::copyright;
use coco_registry::Reference;

use super::Built;
use crate::inputs::package::{self, Format};
use crate::inputs::{Identity, Origin, Package};
use crate::measure::reference_values;
use crate::store::Store;

/// Largest `os-release` that is read, in bytes.
const OS_RELEASE_MAX: u64 = 64 << 10;
/// Licence of whatever is this project's own.
const OWN_LICENCE: &str = "Apache-2.0";

/// The documents, by the names of their files.
pub(super) fn documents(
    built: &Built<'_>,
    manifest: &Manifest,
    store: &Store,
) -> anyhow::Result<BTreeMap<String, String>> {
    let items = items(built, manifest, store)?;
    let tool = coco_bom::Tool { name: manifest.tool.name.clone(), version: manifest.tool.version.clone() };
    let image = Artifact { name: manifest.image.file.clone(), sha256: *manifest.image.sha256.as_bytes() };
    let provenance = Provenance {
        manifest: Artifact {
            name: "manifest.json".to_owned(),
            sha256: *Sha256::of(manifest.to_json().as_bytes()).as_bytes(),
        },
        tool: tool.clone(),
        profile: manifest.profile.name.clone(),
        profile_sha256: *manifest.profile.sha256.as_bytes(),
        options: options(built),
        inputs: inputs(built, &items),
        items: items.clone(),
        image: image.clone(),
    };
    let bill = Bill {
        image: Image {
            name: image.name,
            sha256: image.sha256,
            sha384: Some(*manifest.image.sha384.as_bytes()),
            size: manifest.image.size,
        },
        tool,
        created: manifest.epoch,
        items,
    };
    let mut documents = BTreeMap::from([
        ("provenance.json".to_owned(), coco_bom::provenance(&provenance)),
        ("sbom.cdx.json".to_owned(), coco_bom::cyclonedx(&bill)),
        ("sbom.spdx.json".to_owned(), coco_bom::spdx(&bill)),
    ]);
    if let Some(measurements) = &manifest.measurements {
        let list = reference_values(measurements)?.list(&Expiration::default());
        documents.insert("reference-values.json".to_owned(), list);
    }
    Ok(documents)
}

/// Options that decide over the bytes, and are not in the profile's digest.
fn options(built: &Built<'_>) -> BTreeMap<String, String> {
    let is_built_in = built.plan.software == Software::BuiltIn;
    BTreeMap::from([("builtin-guest".to_owned(), is_built_in.to_string())])
}

/// What is in the image: of packages those that have a file in it, or of whose files one is made; of other inputs each.
fn items(built: &Built<'_>, manifest: &Manifest, store: &Store) -> anyhow::Result<BTreeSet<Item>> {
    let mut os_release = os_release(&built.assembled.tree, store)?;
    // `linux` is what the manual page has for an image that does not say it.
    let id = os_release.remove("ID").unwrap_or_else(|| "linux".to_owned());
    let distribution = Distribution { id, version: os_release.remove("VERSION_ID") };
    let mut items = BTreeSet::new();
    for record in &manifest.inputs {
        let role = built.read.keys().copied().find(|role| role.name() == record.role);
        let identity = role.and_then(|role| built.read.get(&role)).map(|input| &input.identity);
        if let Some(Identity::Packages(packages)) = identity {
            let counted = packages.iter().map(|it| (it, unpacked(it, &built.assembled.tree)));
            let present = counted.filter(|(it, unpacked)| unpacked.files > 0 || is_source(it, built));
            items.extend(present.map(|(it, unpacked)| of_package(it, unpacked, &distribution)));
        } else {
            items.insert(of_record(record, role, built)?);
        }
    }
    Ok(items)
}

/// A whole input as one item.
fn of_record(record: &InputRecord, role: Option<Role>, built: &Built<'_>) -> anyhow::Result<Item> {
    let locked = role.and_then(|role| built.plan.origins.get(&role)).and_then(|origin| match origin {
        Origin::Locked(locked, _) => Some(locked),
        Origin::Path(_) => None,
    });
    let is_own = record.kind == "built-in";
    let kind = match (locked, record.role.as_str()) {
        (Some(Locked::Oci(oci)), _) => of_reference(&oci.reference.parse()?),
        (_, "kernel-modules") => Kind::File(Content::Modules),
        (_, "agent" | "guard") => Kind::File(Content::Program),
        (_, "policy") => Kind::File(Content::Data),
        (_, role) if role.starts_with("file ") => Kind::File(Content::Data),
        _ => Kind::File(Content::Archive),
    };
    let url = match locked {
        Some(Locked::Url(file)) => Url::parse(file.url.as_str()).ok(),
        _ => None,
    };
    Ok(Item {
        name: record.role.clone(),
        version: is_own.then(|| env!("CARGO_PKG_VERSION").to_owned()),
        kind,
        sha256: *record.sha256.as_bytes(),
        size: record.size,
        download: url,
        licence: if is_own { Licence::declared(OWN_LICENCE) } else { Licence::unknown() },
        supplier: None,
        homepage: None,
        unpacked: None,
    })
}

fn of_reference(reference: &Reference) -> Kind {
    let repository = format!("{}/{}", reference.registry, reference.repository);
    Kind::Oci { repository, tag: reference.tag.clone() }
}

fn of_package(package: &Package, unpacked: Unpacked, distribution: &Distribution) -> Item {
    let source = package.source.clone().map(|(name, version)| Source { name, version });
    let arch = package.locked.arch.clone();
    let kind = match package.format {
        Format::Deb => Kind::Deb(coco_bom::Package { distribution: distribution.clone(), arch, source }),
        Format::Rpm => Kind::Rpm(coco_bom::Package { distribution: distribution.clone(), arch, source }),
    };
    Item {
        name: package.locked.name.clone(),
        version: Some(package.locked.version.clone()),
        kind,
        sha256: *package.locked.file.sha256.as_bytes(),
        size: package.locked.file.size,
        download: Url::parse(package.locked.file.url.as_str()).ok(),
        licence: match &package.licence {
            package::Licence::Unknown => Licence::unknown(),
            package::Licence::Declared(words) => Licence::declared(words),
            package::Licence::Copyright(copyright::Licence::Text(text)) => Licence::text(text),
            package::Licence::Copyright(copyright::Licence::Expression { spdx, texts }) => {
                Licence::expression(spdx, texts)
            }
        },
        supplier: None,
        homepage: package.homepage.as_deref().and_then(|url| Url::parse(url).ok()),
        unpacked: Some(unpacked),
    }
}

/// Whether a file of the image is made of files of the package: certificates, which are then in one file.
fn is_source(package: &Package, built: &Built<'_>) -> bool {
    let patterns = built.plan.profile.extras.iter().filter_map(|extra| match &extra.kind {
        ExtraKind::Certificates(_, pattern) => Some(pattern),
        _ => None,
    });
    let mut paths = patterns.flat_map(|pattern| package.bodies.values().map(move |path| (pattern, path)));
    paths.any(|(pattern, path)| pattern.matches(path))
}

/// How much of a package is in the image: files whose bodies are the package's own.
fn unpacked(package: &Package, tree: &Tree) -> Unpacked {
    let own = |node: &Node| match node {
        Node::File(_, Body::Extent(extent)) if package.bodies.contains_key(extent) => Some(extent.len),
        _ => None,
    };
    let lens = tree.iter().filter_map(|(_, entry)| own(&entry.node));
    lens.fold(Unpacked { files: 0, bytes: 0 }, |sum, len| Unpacked {
        files: sum.files + 1,
        bytes: sum.bytes + len,
    })
}

/// What was read for the image and is not in it: packages of which nothing stays, layers, and the releases that vouch for
/// packages.
fn inputs(built: &Built<'_>, items: &BTreeSet<Item>) -> BTreeSet<coco_bom::Input> {
    let present: BTreeSet<[u8; 32]> = items.iter().map(|item| item.sha256).collect();
    let mut inputs = BTreeSet::new();
    for origin in built.plan.origins.values() {
        let Origin::Locked(locked, _) = origin else { continue };
        if let Locked::Deb(deb) = locked {
            inputs.extend(deb.releases.iter().map(of_release));
        }
        let contents = locked.contents().into_iter();
        inputs.extend(contents.filter(|(_, it)| !present.contains(it.sha256.as_bytes())).map(
            |(name, it)| coco_bom::Input {
                name,
                sha256: *it.sha256.as_bytes(),
                download: None,
                media_type: None,
            },
        ));
    }
    inputs
}

fn of_release(release: &LockedRelease) -> coco_bom::Input {
    let url = release.url.below(&format!("dists/{}/InRelease", release.suite));
    coco_bom::Input {
        name: format!("InRelease of {}, {}", release.suite, release.date),
        sha256: *release.sha256.as_bytes(),
        download: Url::parse(url.as_str()).ok(),
        media_type: None,
    }
}

/// The image's `os-release(5)`: without one nothing is known of the distribution's version.
fn os_release(tree: &Tree, store: &Store) -> anyhow::Result<BTreeMap<String, String>> {
    let path = "/etc/os-release".parse()?;
    let node = tree.follow(&path).ok().and_then(|path| tree.get(&path)).map(|entry| &entry.node);
    let Some(Node::File(_, body)) = node else { return Ok(BTreeMap::new()) };
    let mut text = Vec::new();
    body.open(store)?.take(OS_RELEASE_MAX).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect())
}
