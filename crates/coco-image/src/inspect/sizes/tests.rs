//! Small trees and what is told of them; hostile databases; rectangles; the picture as XML.

use std::fmt::Write as _;
use std::io;

use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::digest::Sha256;
use crate::tree::{Body, Extent, Layer, Parents};
use crate::units::Mode;

/// All bodies of these trees are in memory.
struct InMemory;

impl Bodies for InMemory {
    fn open(&self, _: Extent) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn path(name: &str) -> GuestPath {
    name.parse().unwrap()
}

fn file(body: &[u8]) -> Node {
    Node::File(Mode::FILE, Body::bytes(body))
}

fn link(target: &str) -> Node {
    Node::Symlink(target.to_owned())
}

fn tree(nodes: &[(&str, Node)]) -> Tree {
    let mut tree = Tree::default();
    for (name, node) in nodes {
        tree.insert(&path(name), node.clone(), Layer::Base, Parents::Implied).unwrap();
    }
    tree
}

/// A tree with these files, and with these files of dpkg's database.
fn with_database(files: &[(&str, Node)], database: &[(&str, &str)]) -> Tree {
    let mut tree = tree(files);
    for (name, text) in database {
        let name = path(&format!("/var/lib/dpkg/{name}"));
        tree.insert(&name, file(text.as_bytes()), Layer::Base, Parents::Implied).unwrap();
    }
    tree
}

fn sized(tree: &Tree) -> Sizes {
    Sizes { root: root(tree), packages: Packages::read(tree, &InMemory).unwrap() }
}

/// What is told of the packages, a line each; dpkg's own files are no package's.
fn told(tree: &Tree) -> String {
    let Packages { dpkg, unread } = sized(tree).packages;
    let mut out = String::new();
    for (kind, path) in unread {
        writeln!(out, "not read: {kind} {path}").unwrap();
    }
    match dpkg {
        None => out.push_str("none\n"),
        Some(Err(error)) => writeln!(out, "{error}").unwrap(),
        Some(Ok(dpkg)) => {
            for Package { name, version, weight } in &dpkg.packages {
                writeln!(out, "{name} {version:?} {} files {}", weight.bytes, weight.files).unwrap();
            }
            writeln!(out, "several {} files {}", dpkg.several.bytes, dpkg.several.files).unwrap();
            let oddities = [&dpkg.without_list, &dpkg.missing, &dpkg.refused];
            for (what, oddity) in ["without list", "missing", "refused"].into_iter().zip(oddities) {
                if let Some(example) = &oddity.example {
                    writeln!(out, "{what} {}: {example}", oddity.count).unwrap();
                }
            }
            let all: Weight = dpkg.packages.iter().map(|package| package.weight).sum();
            let all: Weight = [all, dpkg.several, dpkg.unowned].into_iter().sum();
            assert_eq!(all, root(tree).weight);
        }
    }
    out
}

/// What a database with this `status` and one list says.
fn of_status(status: &str) -> String {
    told(&with_database(&[], &[("status", status), ("info/a.list", "/.\n")]))
}

#[test]
fn directories_have_what_is_in_them_and_the_largest_is_first() {
    let tree = tree(&[
        ("/a", file(&[0; 10])),
        ("/a-b", file(&[0; 10])),
        ("/usr/empty", Node::Directory(Mode::DIRECTORY)),
        ("/usr/lib/small", file(&[0; 5000])),
        ("/usr/lib/large", file(&[0; 9000])),
        ("/usr/link", link("lib/large")),
        ("/usr/more", file(&[])),
        ("/z/name", Node::HardLink(path("/usr/lib/large"))),
    ]);
    let sizes = sized(&tree);
    let line = |item: &Item| {
        let Weight { files, bytes, memory } = item.weight;
        let kind = if item.held == Held::File { "file" } else { "directory" };
        format!("{bytes} {memory} {files} {kind} {}\n", item.path)
    };
    expect![[r#"
        14020 28672 5 directory /
        14000 20480 3 directory /usr
        14000 20480 2 directory /usr/lib
        9000 12288 1 file /usr/lib/large
        5000 8192 1 file /usr/lib/small
        0 0 0 directory /usr/empty
        0 0 1 file /usr/more
        10 4096 1 file /a
        10 4096 1 file /a-b
        0 0 0 directory /z
    "#]]
    .assert_eq(&sizes.items().map(line).collect::<String>());
    assert_eq!(sizes.root.weight.memory, crate::check::unpacked_memory(&tree));
}

#[test]
fn shares_are_rounded_to_the_nearest_tenth() {
    for (part, whole, said) in [
        (0, 0, "0.0%"),
        (0, 7, "0.0%"),
        (1, 3, "33.3%"),
        (2, 3, "66.7%"),
        (1, 2000, "0.1%"),
        (1, 2001, "0.0%"),
        (u64::MAX, u64::MAX, "100.0%"),
    ] {
        assert_eq!(Share::new(part, whole).to_string(), said, "{part} of {whole}");
    }
}

#[test]
fn a_file_is_its_packages_by_whatever_way_the_list_names_it() {
    let tree = with_database(
        &[
            ("/usr/lib/libc.so.6", file(&[0; 100])),
            ("/lib", link("usr/lib")),
            ("/usr/lib/libc.so", link("libc.so.6")),
            ("/usr/bin/sh", file(&[0; 7])),
            ("/usr/bin/zsh", Node::HardLink(path("/usr/bin/sh"))),
            ("/usr/share/both", file(&[0; 3])),
            ("/usr/share/none", file(&[0; 2])),
        ],
        &[
            (
                "status",
                "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.41-12\n\
                 Description: C\n library\n .\n\n\nPackage: sh\nversion: 1:1.0~rc1+b2\n\nPackage: docs\n",
            ),
            ("info/libc6:amd64.list", "/.\n/lib\n/lib/libc.so.6\n/usr/lib/libc.so.6\n/usr/share/both\n"),
            (
                "info/sh.list",
                "/usr/bin/zsh\n/usr/share/both\n/usr/lib/libc.so\n/usr/share/doc/sh/copyright\n",
            ),
        ],
    );
    expect![[r#"
        libc6:amd64 Some("2.41-12") 100 files 1
        sh Some("1:1.0~rc1+b2") 7 files 1
        docs None 0 files 0
        several 3 files 1
        without list 1: docs
        missing 1: /usr/share/doc/sh/copyright
    "#]]
    .assert_eq(&told(&tree));
    let Some(Ok(dpkg)) = sized(&tree).packages.dpkg else { unreachable!() };
    assert_eq!(dpkg.owners(&path("/usr/share/both")).collect::<Vec<_>>(), ["libc6:amd64", "sh"]);
    assert_eq!(dpkg.owners(&path("/usr/share/none")).count(), 0);
}

#[test]
fn images_made_without_dpkg_have_a_file_a_package() {
    let sums = "d41d8cd98f00b204e9800998ecf8427e  usr/lib/os-release\nnonsense\n";
    let tree = with_database(
        &[("/usr/lib/os-release", file(&[0; 9]))],
        &[("status.d/base", "Package: base-files\nVersion: 12\n"), ("status.d/base.md5sums", sums)],
    );
    expect![[r#"
        base-files Some("12") 9 files 1
        several 0 files 0
        refused 1: nonsense
    "#]]
    .assert_eq(&told(&tree));
}

#[test]
fn names_that_climb_out_or_are_none_are_counted_and_not_followed() {
    let long = format!("/{}", "x/".repeat(4000));
    let list = format!(
        "/../etc/passwd\netc/passwd\n\n/a\tb\n{long}\n/loop/x\n/out/passwd\n/etc/passwd/x\n/etc/passwd\n"
    );
    let tree = with_database(
        &[("/etc/passwd", file(b"root")), ("/loop", link("loop")), ("/out", link("../../../etc"))],
        &[("status", "Package: a1\n"), ("info/a1.list", &list)],
    );
    expect![[r#"
        a1 None 4 files 1
        several 0 files 0
        missing 2: /loop/x
        refused 5: /../etc/passwd
    "#]]
    .assert_eq(&told(&tree));
}

#[test]
fn a_database_that_can_t_be_read_whole_is_not_read() {
    for (status, said) in [
        ("Package: ../../x\n", "/var/lib/dpkg/status line 1: `../../x` is no value of the field package\n"),
        ("Package:\n", "/var/lib/dpkg/status line 1: `` is no value of the field package\n"),
        ("Version: 1\n\n", "/var/lib/dpkg/status line 2: a package without a name ends here\n"),
        (
            "Package: a\nVersion: \u{1b}[2J\n",
            "/var/lib/dpkg/status line 2: `\u{1b}[2J` is no value of the field version\n",
        ),
        (
            "Package: a\npackage: b\n",
            "/var/lib/dpkg/status line 2: the field package is there a second time\n",
        ),
        ("Package: a\n\nPackage: a\n", "/var/lib/dpkg/status has the package a a second time\n"),
        ("nonsense\n", "/var/lib/dpkg/status line 1 is no field: got `nonsense`, expected `Name: value`\n"),
        (" more\n", "/var/lib/dpkg/status line 1 is no field: got ` more`, expected `Name: value`\n"),
    ] {
        assert_eq!(of_status(status), said, "{status:?}");
    }
    let directory = [("/var/lib/dpkg/status", Node::Directory(Mode::DIRECTORY))];
    assert_eq!(told(&tree(&directory)), "/var/lib/dpkg/status is a directory, expected a file\n");
    let nowhere = [("/var/lib/dpkg/status", link("nowhere"))];
    assert_eq!(
        told(&tree(&nowhere)),
        "/var/lib/dpkg/status leads to /var/lib/dpkg/nowhere, which is not in the image\n"
    );
}

#[test]
fn a_database_larger_than_any_is_not_read() {
    let body = Body::Extent(Extent { store: 0, offset: 0, len: 1 << 31 });
    let tree = tree(&[("/var/lib/dpkg/status", Node::File(Mode::FILE, body))]);
    assert_eq!(
        told(&tree),
        "its files have 2147483648 bytes up to /var/lib/dpkg/status, at most 67108864 are read\n"
    );
}

#[test]
fn other_databases_are_named() {
    assert_eq!(
        told(&tree(&[("/var/lib/rpm/rpmdb.sqlite", file(b"x"))])),
        "not read: rpm /var/lib/rpm/rpmdb.sqlite\nnone\n"
    );
    assert_eq!(told(&tree(&[("/a", file(b"x"))])), "none\n");
}

proptest! {
    #[test]
    fn a_database_of_any_bytes_is_read_or_refused(status in proptest::collection::vec(any::<u8>(), 0..200),
        list in proptest::collection::vec(any::<u8>(), 0..200)) {
        let status = [b"Package: a\n".as_slice(), &status].concat();
        let tree = tree(&[("/var/lib/dpkg/status", file(&status)), ("/var/lib/dpkg/info/a.list", file(&list))]);
        told(&tree);
    }

    #[test]
    fn rectangles_fill_the_area_without_overlap_and_in_proportion(
        weights in proptest::collection::vec(1_u64..1 << 40, 1..60),
        (width, height) in (1_u64..200_000, 1_u64..200_000),
    ) {
        let area = Rect { x: 7, y: 9, width, height };
        let mut weights = weights;
        weights.sort_by_key(|weight| Reverse(*weight));
        let rects = layout(area, &weights);
        prop_assert_eq!(rects.len(), weights.len());
        prop_assert_eq!(rects.iter().map(|rect| rect.width * rect.height).sum::<u64>(), width * height);
        let whole: u64 = weights.iter().sum();
        for (number, (rect, weight)) in rects.iter().zip(&weights).enumerate() {
            prop_assert!(is_within(rect, &area), "{rect:?}");
            prop_assert!(rects[..number].iter().all(|other| !overlap(rect, other)), "{rect:?}");
            // Each of its four edges is at most the number of rows before it off, and a row is at least one weight.
            let want = u128::from(width) * u128::from(height) * u128::from(*weight) / u128::from(whole);
            let got = u128::from(rect.width) * u128::from(rect.height);
            let off = u128::try_from(weights.len()).unwrap() * u128::from(width + height);
            prop_assert!(got.abs_diff(want) <= off, "{rect:?} has {got}, expected {want}");
        }
    }

    #[test]
    fn tiles_lie_in_their_directories_and_weigh_what_is_in_them(
        files in proptest::collection::btree_map("(/[a-e]){1,4}/[f-h]", 0_usize..90_000, 0..40),
    ) {
        let files: Vec<(&str, Node)> = files.iter().map(|(name, len)| (name.as_str(), file(&vec![0; *len]))).collect();
        let root = root(&tree(&files));
        let area = Rect { x: 0, y: 0, width: 30_000, height: 20_000 };
        let tiles = tiles(&root, area);
        for tile in tiles.iter().filter(|tile| tile.kind == TileKind::Open) {
            let inside = |other: &&Tile<'_>| {
                let is_rest = matches!(other.kind, TileKind::Rest(_)) && other.path == tile.path;
                is_rest || other.path.parent().as_ref() == Some(tile.path) && !matches!(other.kind, TileKind::Rest(_))
            };
            let inside: Vec<&Tile<'_>> = tiles.iter().filter(inside).collect();
            prop_assert_eq!(inside.iter().map(|tile| tile.bytes).sum::<u64>(), tile.bytes);
            prop_assert!(inside.iter().all(|other| is_within(&other.rect, &tile.rect) && other.depth == tile.depth + 1));
        }
        let leaves: Vec<&Tile<'_>> = tiles.iter().filter(|tile| tile.kind != TileKind::Open).collect();
        prop_assert_eq!(leaves.iter().map(|tile| tile.bytes).sum::<u64>(), root.weight.bytes);
        let covered = leaves.iter().map(|tile| tile.rect.width * tile.rect.height).sum::<u64>();
        prop_assert_eq!(covered, area.width * area.height);
    }

    #[test]
    fn a_picture_of_any_names_is_xml(names in proptest::collection::btree_set("[^/\\p{Cc}]{1,40}", 1..8)) {
        let names = names.iter().filter(|name| !matches!(name.as_str(), "." | ".." | "TRAILER!!!"));
        let names: Vec<String> = names.map(|name| format!("/{name}")).collect();
        let files: Vec<(&str, Node)> = names.iter().map(|name| (name.as_str(), file(&[0; 9]))).collect();
        let picture = picture(&tree(&files));
        prop_assert_eq!(texts(&picture).iter().filter(|text| text.starts_with('/')).count(), names.len() + 2);
    }
}

fn is_within(inner: &Rect, outer: &Rect) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.x + inner.width <= outer.x + outer.width
        && inner.y + inner.height <= outer.y + outer.height
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn picture(tree: &Tree) -> String {
    let sizes = sized(tree);
    svg(&sizes, Subject { sha256: Sha256::of(b""), size: 1_234_567 })
}

/// The texts of all elements; panics at what is no XML.
fn texts(picture: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(picture);
    let (mut texts, mut open) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Text(text) => open.push_str(&text.decode().unwrap()),
            quick_xml::events::Event::GeneralRef(name) => open.push(match name.decode().unwrap().as_ref() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                other => panic!("{other:?}"),
            }),
            quick_xml::events::Event::End(_) => texts.push(std::mem::take(&mut open).trim().to_owned()),
            quick_xml::events::Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn weights_that_are_equal_make_squares() {
    let area = Rect { x: 0, y: 0, width: 300, height: 200 };
    let rects = layout(area, &[1; 6]);
    assert!(rects.iter().all(|rect| (rect.width, rect.height) == (100, 100)), "{rects:?}");
}

#[test]
fn the_example_of_the_papers_authors_is_laid_out_as_theirs() {
    let area = Rect { x: 0, y: 0, width: 600, height: 400 };
    let rects = layout(area, &[6, 6, 4, 3, 2, 2, 1]);
    let sides: Vec<(u64, u64)> = rects.iter().map(|rect| (rect.width, rect.height)).collect();
    expect![[r#"
        [
            (
                300,
                200,
            ),
            (
                300,
                200,
            ),
            (
                171,
                233,
            ),
            (
                129,
                233,
            ),
            (
                120,
                167,
            ),
            (
                120,
                167,
            ),
            (
                60,
                167,
            ),
        ]
    "#]]
    .assert_debug_eq(&sides);
}

#[test]
fn what_weighs_nothing_has_no_area_and_breaks_nothing() {
    let area = Rect { x: 0, y: 0, width: 10, height: 10 };
    assert!(layout(area, &[0, 0]).iter().all(|rect| rect.width * rect.height == 0));
    assert_eq!(layout(area, &[]), []);
    assert_eq!(layout(area, &[u64::MAX]), [area]);
    let flat = Rect { width: 0, ..area };
    assert_eq!(layout(flat, &[3, 2, 1]).len(), 3);
}

#[test]
fn the_picture_has_tiles_edges_labels_and_a_legend() {
    let tree = tree(&[
        ("/usr/lib/<a & b>", file(&[0; 6000])),
        (
            "/usr/bin/a-name-that-is-much-too-long-for-the-tile-that-it-has-in-this-picture-of-all-these-files",
            file(&[0; 900]),
        ),
        ("/usr/\u{202e}gpj", file(&[0; 100])),
        ("/etc/hosts", file(&[0; 3])),
        ("/etc/none", file(&[])),
    ]);
    let picture = picture(&tree);
    expect![[r##"
        <svg xmlns="http://www.w3.org/2000/svg" width="1220" height="923" viewBox="-10 -10 1220 923" font-family="monospace" font-size="12">
        <title>Sizes of the initrd e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</title>
        <g stroke="#1a1a1a" stroke-width="0.5">
        <rect x="1199.48" y="0" width="0.52" height="760" fill="#c9c9c9"><title>/etc/hosts, 3 bytes</title></rect>
        <rect x="1028.12" y="684" width="171.36" height="76" fill="#8ec7f2"><title>/usr/\u{202e}gpj, 100 bytes</title></rect>
        <rect x="1028.12" y="0" width="171.36" height="684" fill="#7fd1ae"><title>/usr/bin/a-name-that-is-much-too-long-for-the-tile-that-it-has-in-this-picture-of-all-these-files, 900 bytes</title></rect>
        <rect x="0" y="0" width="1028.12" height="760" fill="#f6c46b"><title>/usr/lib/&lt;a &amp; b&gt;, 6000 bytes</title></rect>
        </g>
        <g fill="none" stroke="#1a1a1a" pointer-events="none">
        <rect x="0" y="0" width="1200" height="760" stroke-width="4"><title>/, 7003 bytes</title></rect>
        <rect x="1199.48" y="0" width="0.52" height="760" stroke-width="3"><title>/etc/, 3 bytes</title></rect>
        <rect x="0" y="0" width="1199.48" height="760" stroke-width="3"><title>/usr/, 7000 bytes</title></rect>
        <rect x="1028.12" y="0" width="171.36" height="684" stroke-width="2"><title>/usr/bin/, 900 bytes</title></rect>
        <rect x="0" y="0" width="1028.12" height="760" stroke-width="2"><title>/usr/lib/, 6000 bytes</title></rect>
        </g>
        <g fill="#1a1a1a" pointer-events="none">
        <text x="1032.12" y="697" xml:space="preserve">\u{202e}gpj</text>
        <text x="1032.12" y="712" xml:space="preserve">100 B</text>
        <text x="1032.12" y="13" xml:space="preserve">a-name-that-is-much-…</text>
        <text x="1032.12" y="28" xml:space="preserve">900 B</text>
        <text x="4" y="13" xml:space="preserve">&lt;a &amp; b&gt;</text>
        <text x="4" y="28" xml:space="preserve">5.8 KiB</text>
        </g>
        <g fill="#777777">
        <rect x="0" y="770" width="14" height="14" fill="#f6c46b" stroke="#1a1a1a" stroke-width="0.5"><title>/usr/lib/, 6000 bytes</title></rect>
        <text x="22" y="782" xml:space="preserve">   5.8 KiB  85.7%  /usr/lib/</text>
        <rect x="0" y="792" width="14" height="14" fill="#7fd1ae" stroke="#1a1a1a" stroke-width="0.5"><title>/usr/bin/, 900 bytes</title></rect>
        <text x="22" y="804" xml:space="preserve">     900 B  12.9%  /usr/bin/</text>
        <rect x="0" y="814" width="14" height="14" fill="#8ec7f2" stroke="#1a1a1a" stroke-width="0.5"><title>/usr/, 100 bytes</title></rect>
        <text x="22" y="826" xml:space="preserve">     100 B   1.4%  /usr/</text>
        <rect x="0" y="836" width="14" height="14" fill="#c9c9c9" stroke="#1a1a1a" stroke-width="0.5"><title>/, 3 bytes</title></rect>
        <text x="22" y="848" xml:space="preserve">       3 B   0.0%  /</text>
        <text x="0" y="903" xml:space="preserve">6.8 KiB in 5 files, unpacked; the initrd has 1.1 MiB. A directory here is without those with a colour of their own.</text>
        </g>
        </svg>
    "##]].assert_eq(&picture);
    assert_eq!(picture, self::picture(&tree));
}

#[test]
fn an_initrd_without_bytes_has_a_picture() {
    let picture = picture(&tree(&[("/etc/none", file(&[]))]));
    assert!(texts(&picture).contains(&"/: 1 file, 0 bytes".to_owned()), "{picture}");
}

#[test]
fn a_thousand_directories_in_each_other_are_told_and_drawn() {
    let deep = format!("{}/file", "/d".repeat(1000));
    let tree = tree(&[(&deep, file(&[0; 10]))]);
    let picture = picture(&tree);
    assert!(texts(&picture).contains(&format!("{deep}, 10 bytes")));
    assert_eq!(sized(&tree).items().count(), 1002);
}
