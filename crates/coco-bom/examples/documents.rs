//! Writes documents of made-up images for `ci/sbom`, each into a folder of its own below FOLDER.
//!
//! `rich` has one of everything. `odd` has names, versions and licences that nobody should have. `bare` has nothing.

#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use coco_bom::{
    Artifact, Bill, Content, Distribution, Image, Input, Item, Kind, Licence, Package, Provenance, Source,
    Tool, Unpacked, Url, cyclonedx, provenance, spdx,
};

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    for (name, items) in [("rich", rich()), ("odd", odd()), ("bare", BTreeSet::new())] {
        write(&Path::new(&folder).join(name), items);
    }
}

fn rich() -> BTreeSet<Item> {
    let copyright = "Files: *\nCopyright: 2026 Nobody\nLicense: Nobody's\n You may.\n";
    BTreeSet::from([
        deb("libc6", "2.41-12", Some(("glibc", "2.41-12")), Licence::text(copyright)),
        deb("libc-bin", "2.41-12", Some(("glibc", "2.41-12")), Licence::text(copyright)),
        deb("libstdc++6", "14.2.0-19", Some(("gcc-14", "14.2.0-19")), Licence::unknown()),
        deb("libselinux1", "3.8.1-1+b1", Some(("libselinux", "3.8.1-1")), Licence::unknown()),
        deb("attr", "1:2.5.2-3", None, Licence::text("Public domain.\n")),
        rpm("NetworkManager-libnm", "1:1.52.0-1.fc42", Licence::declared("LGPL-2.1-or-later")),
        rpm("systemd", "257.5-6.fc42", Licence::declared("LGPL-2.1-or-later AND MIT AND GPL-2.0-or-later")),
        rpm("old", "1.0-1.fc42", Licence::declared("GPLv2+ and (MIT or Artistic)")),
        rpm("deprecated", "1.0-1.fc42", Licence::declared("GPL-2.0+ WITH Classpath-exception-2.0")),
        item(
            "pause-image",
            Kind::Oci {
                repository: "registry.example.org/guest/pause".to_owned(),
                tag: Some("3.10".to_owned()),
            },
        ),
        Item {
            version: Some("3.29.0".to_owned()),
            download: Some(url("https://example.org/kata-static-3.29.0.tar.zst?a=b&c=d%20e")),
            licence: Licence::declared("Apache-2.0"),
            homepage: Some(url("https://example.org/kata")),
            ..item("kata-agent", Kind::File(Content::Archive))
        },
        Item {
            version: Some("0.1.0".to_owned()),
            licence: Licence::declared("Apache-2.0 OR MIT"),
            ..item("guard", Kind::File(Content::Program))
        },
        item("virtio_blk", Kind::File(Content::Modules)),
        item("default-restrictive.rego", Kind::File(Content::Data)),
    ])
}

fn odd() -> BTreeSet<Item> {
    let names =
        ["", " ", "a", "A", "a+", "a-", "größe", "a\nb", "\u{0}", "\"\\", "名前", "pkg:a/b@c?d=e#f", "%41"];
    let kinds = |name: &str| {
        let package = Package {
            distribution: Distribution { id: "Debian GNU".to_owned(), version: Some(name.to_owned()) },
            arch: name.to_owned(),
            source: Some(Source { name: name.to_owned(), version: name.to_owned() }),
        };
        [
            Kind::Deb(package.clone()),
            Kind::Rpm(package),
            Kind::Oci { repository: name.to_owned(), tag: Some(name.to_owned()) },
            Kind::File(Content::Program),
        ]
    };
    let of_name = |name: &'static str| {
        kinds(name).map(|kind| Item {
            version: Some(name.to_owned()),
            licence: if name.len().is_multiple_of(2) { Licence::text(name) } else { Licence::declared(name) },
            supplier: Some(format!("{name}Makers (of it)\nand others")),
            unpacked: Some(Unpacked { files: u64::MAX, bytes: u64::MAX }),
            ..item(name, kind)
        })
    };
    names.into_iter().flat_map(of_name).collect()
}

fn deb(name: &str, version: &str, source: Option<(&str, &str)>, licence: Licence) -> Item {
    let distribution = Distribution { id: "debian".to_owned(), version: Some("13".to_owned()) };
    package(name, version, licence, Kind::Deb(of(distribution, "amd64", source)))
}

fn rpm(name: &str, version: &str, licence: Licence) -> Item {
    let distribution = Distribution { id: "fedora".to_owned(), version: Some("42".to_owned()) };
    package(name, version, licence, Kind::Rpm(of(distribution, "x86_64", Some((name, version)))))
}

fn of(distribution: Distribution, arch: &str, source: Option<(&str, &str)>) -> Package {
    let source = source.map(|(name, version)| Source { name: name.to_owned(), version: version.to_owned() });
    Package { distribution, arch: arch.to_owned(), source }
}

fn package(name: &str, version: &str, licence: Licence, kind: Kind) -> Item {
    Item {
        version: Some(version.to_owned()),
        download: Some(url("https://example.org/pool/a.package")),
        licence,
        supplier: Some("A Distribution".to_owned()),
        homepage: Some(url("https://example.org/a")),
        unpacked: Some(Unpacked { files: 12, bytes: 3456 }),
        ..item(name, kind)
    }
}

fn item(name: &str, kind: Kind) -> Item {
    Item {
        name: name.to_owned(),
        version: None,
        kind,
        sha256: [0xab; 32],
        size: 1234,
        download: None,
        licence: Licence::unknown(),
        supplier: None,
        homepage: None,
        unpacked: None,
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn write(folder: &Path, items: BTreeSet<Item>) {
    let image = "coco-initrd-tdx.img".to_owned();
    let tool = Tool { name: "coco-initrd".to_owned(), version: "0.1.0".to_owned() };
    let statement = Provenance {
        image: Artifact { name: image.clone(), sha256: [0x11; 32] },
        manifest: Artifact { name: "manifest.json".to_owned(), sha256: [0x33; 32] },
        tool: tool.clone(),
        profile: "tdx".to_owned(),
        profile_sha256: [0x44; 32],
        options: BTreeMap::from([("compression".to_owned(), "zstd".to_owned())]),
        items: items.clone(),
        inputs: BTreeSet::from([Input {
            name: "tdx.lock".to_owned(),
            sha256: [0x55; 32],
            download: None,
            media_type: Some("application/toml".to_owned()),
        }]),
    };
    let image = Image { name: image, sha256: [0x11; 32], sha384: Some([0x22; 48]), size: 123_456_789 };
    let bill = Bill { image, tool, created: 1_795_974_078, items };
    fs_err::create_dir_all(folder).unwrap();
    fs_err::write(folder.join("sbom.spdx.json"), spdx(&bill)).unwrap();
    fs_err::write(folder.join("sbom.cdx.json"), cyclonedx(&bill)).unwrap();
    fs_err::write(folder.join("provenance.json"), provenance(&statement)).unwrap();
}
