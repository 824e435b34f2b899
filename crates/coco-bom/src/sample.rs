//! A small bill for the tests: one item of each kind. Made up.

use std::collections::BTreeSet;

use crate::bill::{Bill, Content, Distribution, Image, Item, Kind, Package, Source, Tool, Unpacked};
use crate::licence::Licence;
use crate::url::Url;

/// An image of four items.
pub(crate) fn bill() -> Bill {
    Bill {
        image: Image {
            name: "coco-initrd-tdx.img".to_owned(),
            sha256: [0x11; 32],
            sha384: Some([0x22; 48]),
            size: 1000,
        },
        tool: Tool { name: "coco-initrd".to_owned(), version: "0.1.0".to_owned() },
        created: 1_795_974_078,
        items: BTreeSet::from([agent(), libc(), pause(), policy()]),
    }
}

fn libc() -> Item {
    let debian = Distribution { id: "debian".to_owned(), version: Some("13".to_owned()) };
    Item {
        version: Some("2.41-12".to_owned()),
        download: Some(Url::parse("https://example.org/pool/libc6_2.41-12_amd64.deb").unwrap()),
        licence: Licence::text("Copyright 1991-2025\nMay be copied.\n"),
        supplier: Some("Debian".to_owned()),
        homepage: Some(Url::parse("https://example.org/libc/").unwrap()),
        unpacked: Some(Unpacked { files: 3, bytes: 5000 }),
        ..item(
            "libc6",
            Kind::Deb(Package {
                distribution: debian,
                arch: "amd64".to_owned(),
                source: Some(Source { name: "glibc".to_owned(), version: "2.41-12".to_owned() }),
            }),
        )
    }
}

fn agent() -> Item {
    let licence = Licence::declared("Apache-2.0");
    Item { version: Some("3.29".to_owned()), licence, ..item("agent", Kind::File(Content::Program)) }
}

fn pause() -> Item {
    let repository = "registry.example.org/pause".to_owned();
    let licence = Licence::declared("Apache License, see LICENSE");
    Item { licence, ..item("pause-image", Kind::Oci { repository, tag: None }) }
}

fn policy() -> Item {
    item("policy", Kind::File(Content::Data))
}

/// An item of which no more than name, kind, digest and size are known.
pub(crate) fn item(name: &str, kind: Kind) -> Item {
    Item {
        name: name.to_owned(),
        version: None,
        kind,
        sha256: [0xab; 32],
        size: 100,
        download: None,
        licence: Licence::unknown(),
        supplier: None,
        homepage: None,
        unpacked: None,
    }
}
