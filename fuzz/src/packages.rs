//! What distributions publish: releases, lists of packages, packages, and what is said of their licences.

use std::collections::BTreeMap;

use coco_packages::copyright::{self, Licence};
use coco_packages::deb::PackageName;
use coco_packages::deb::control::Control;
use coco_packages::deb::index::Index;
use coco_packages::deb::package_file::PackageFile;
use coco_packages::deb::relation;
use coco_packages::deb::release::{Date, Release};
use coco_packages::deb::resolve::{Request, resolve};

/// A release: its dates are read back, and its indices are among its files.
pub fn release(bytes: &[u8]) {
    let Ok(release) = Release::parse(&String::from_utf8_lossy(bytes)) else { return };
    let seconds = release.date.seconds();
    assert_eq!(Date::from_seconds(seconds).as_str().parse().map(|date: Date| date.seconds()), Ok(seconds));
    let _ = (release.check(seconds), release.check_snapshot(seconds)); // both are answers
    for component in &release.components {
        for architecture in &release.architectures {
            if let Ok(index) = release.packages_index(component, architecture) {
                assert_eq!(release.files.get(&index.path).map(|file| file.sha256), Some(index.sha256));
            }
        }
    }
}

/// An index: relations are read back, and what is chosen for its first and last package is sorted. A stanza is read as
/// that of a package too.
pub fn packages_index(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Control::parse(&text);
    let Ok(index) = Index::parse("index", &text) else { return };
    for dependency in index.packages.iter().flat_map(|package| &package.depends) {
        assert_eq!(
            relation::dependencies(&dependency.to_string()).as_deref(),
            Ok([dependency.clone()].as_slice())
        );
    }
    let (Some(first), Some(last)) = (index.packages.first(), index.packages.last()) else { return };
    let request = Request {
        wanted: [first, last].map(|package| package.name.clone()).into(),
        omit: first.provides.iter().map(|provided| provided.name.clone()).take(1).collect(),
        keep: BTreeMap::from([(last.name.clone(), last.version.clone())]),
        architecture: first.architecture.clone(),
    };
    let indices = [index];
    if let Ok(resolution) = resolve(&request, &indices) {
        assert!(resolution.packages.is_sorted_by(|one, other| one.package.name < other.package.name));
        let is_there = |name: &PackageName| resolution.packages.iter().any(|it| it.package.name == *name);
        assert!(request.wanted.iter().all(is_there), "what is wanted is there");
    }
}

/// A package: its members follow each other, and are in the file.
pub fn deb_file(bytes: &[u8]) {
    let Ok(file) = PackageFile::parse(bytes) else { return };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    assert!(file.control.offset + file.control.size <= file.data.offset);
    assert!(file.data.offset + file.data.size <= size);
}

/// A copyright file: a text is kept as it is, and texts are of what is in the expression.
pub fn copyright(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match copyright::licence(&text, "a+b") {
        Licence::Text(kept) => assert_eq!(kept, text),
        Licence::Expression { spdx, texts } => assert!(texts.keys().all(|name| spdx.contains(name.as_str()))),
    }
}
