//! A hundred and more archives that somebody made to do harm. Each is refused with its place, or read as the
//! kernel reads it; none leads out of the tree, and none takes memory or time without bound.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]
#![expect(clippy::indexing_slicing, reason = "a failing test should panic where it fails")]

use std::io::{self, Read, Write as _};
use std::num::NonZeroUsize;

use coco_image::archive::initrd::{self, Digests, Options};
use coco_image::newc::{self, Header};
use coco_image::path::GuestPath;
use coco_image::tree::{Extent, Node, Place, Spool};

/// Most that an archive may unpack to, in bytes.
const LIMIT: u64 = 8 << 20;

/// Takes bodies and keeps nothing: the reader goes over them.
struct Nowhere;

impl Spool for Nowhere {
    fn keep(&self, _: &GuestPath, _: Place, _: &mut dyn Read, len: u64) -> io::Result<Extent> {
        Ok(Extent { store: 0, offset: 0, len })
    }
}

/// What comes of an archive: its names, or the error.
fn read(archive: &[u8]) -> Result<Vec<String>, String> {
    let options =
        Options { limit: LIMIT, threads: NonZeroUsize::new(2).unwrap(), digests: Digests::Unwanted };
    let initrd = initrd::read(&archive.to_vec(), &Nowhere, &options).map_err(|error| error.to_string())?;
    for (path, entry) in initrd.tree.iter() {
        assert!(!path.components().any(|part| part == ".."), "{path}");
        let parent = path.parent().map(|parent| initrd.tree.get(&parent).unwrap().node.clone());
        assert!(parent.is_none_or(|node| matches!(node, Node::Directory(_))), "{path} is in no directory");
        if let Node::HardLink(first) = &entry.node {
            assert!(
                matches!(initrd.tree.get(first).unwrap().node, Node::File(..)),
                "{path} links to {first}"
            );
        }
    }
    Ok(initrd.into_members().iter().map(|member| member.path.to_string()).collect())
}

fn member(header: Header, name: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Header { filesize: u32::try_from(body.len()).unwrap(), ..header }.write(name, &mut out);
    out.extend_from_slice(body);
    newc::pad(&mut out);
    out
}

fn of_mode(mode: u32) -> Header {
    Header { mode, nlink: 1, ..Header::default() }
}

fn file(name: &str, body: &str) -> Vec<u8> {
    member(of_mode(0o100_644), name, body.as_bytes())
}

fn dir(name: &str) -> Vec<u8> {
    member(of_mode(0o040_755), name, b"")
}

fn symlink(name: &str, target: &str) -> Vec<u8> {
    member(of_mode(0o120_777), name, target.as_bytes())
}

fn name_of(ino: u32, name: &str, body: &str) -> Vec<u8> {
    member(Header { ino, nlink: 2, ..of_mode(0o100_644) }, name, body.as_bytes())
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = members.concat();
    newc::trailer(&mut out);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// One of each type of member.
fn every_type() -> Vec<Vec<u8>> {
    vec![
        dir("d"),
        file("d/f", "contents"),
        symlink("l", "d/f"),
        name_of(7, "one", ""),
        name_of(7, "two", "shared"),
        member(Header { rdev_major: 5, rdev_minor: 1, ..of_mode(0o020_600) }, "console", b""),
        member(of_mode(0o010_600), "pipe", b""),
    ]
}

/// The first member with other bytes in its header field number `field`.
fn patched(first: &[u8], field: usize, digits: [u8; 8]) -> Vec<u8> {
    let mut out = first.to_vec();
    let at = newc::MAGIC.len() + 8 * field;
    out[at..at + 8].copy_from_slice(&digits);
    archive(&[out])
}

/// An archive and what its error says, somewhere.
type Refused = (String, Vec<u8>, &'static str);

/// Cut behind each header, each name and each body, plain and in a stream.
fn truncations() -> Vec<Refused> {
    let (mut ends, mut start) = (Vec::new(), 0);
    for member in every_type() {
        let body = member.len() - 4;
        ends.extend([
            start + newc::HEADER_LEN,
            start + newc::HEADER_LEN + 2,
            start + body,
            start + member.len(),
        ]);
        start += member.len();
    }
    ends.extend([start + newc::HEADER_LEN, start + newc::HEADER_LEN + 4]);
    let whole = archive(&every_type());
    let cut = |end: &usize| {
        let plain = whole[..*end].to_vec();
        let packed = gzip(&plain);
        [(format!("cut after {end}"), plain, ""), (format!("cut after {end}, in a stream"), packed, "")]
    };
    ends.iter().flat_map(cut).collect()
}

/// Numbers that wrap, are signed, or are none.
fn numbers() -> Vec<Refused> {
    let not_hex = "expected 8 hex digits";
    let mut out = Vec::new();
    for field in 0..13 {
        for digits in [b"-0000001", b"+0000001", b"0x000001", b" 0000001", b"0000001\0"] {
            let name = format!("field {field} is {}", digits.escape_ascii());
            out.push((name, patched(&file("a", ""), field, *digits), not_hex));
        }
    }
    let (filesize, namesize) = (6, 11);
    for (what, first) in [("file", file("a", "x")), ("directory", dir("a")), ("link", symlink("a", "x"))] {
        for digits in [b"FFFFFFFF", b"80000000", b"7fffffff"] {
            let image = patched(&first, filesize, *digits);
            out.push((format!("a {what} of size {}", digits.escape_ascii()), image.clone(), " bytes"));
            out.push((
                format!("a {what} of size {} in a stream", digits.escape_ascii()),
                gzip(&image),
                " bytes",
            ));
        }
    }
    for digits in [b"FFFFFFFF", b"80000000", b"00001001", b"00000000"] {
        out.push((
            "a long name".to_owned(),
            patched(&file("a", ""), namesize, *digits),
            "a member's name has",
        ));
    }
    out
}

/// Names and links that lead elsewhere, or round.
fn ways_out() -> Vec<Refused> {
    let one = |name: &str, members: &[Vec<u8>], error| (name.to_owned(), archive(members), error);
    vec![
        one("a name with ..", &[file("../etc/passwd", "")], "climbs out"),
        one("a name with .. inside", &[dir("a"), file("a/../../b", "")], "climbs out"),
        one("an absolute name with ..", &[file("/../../b", "")], "climbs out"),
        one(
            "a name through a link that leads nowhere",
            &[symlink("l", "../../tmp"), file("l/x", "")],
            "/tmp",
        ),
        one("a name through a link to itself", &[symlink("l", "l"), file("l/x", "")], "symbolic links"),
        one(
            "a name through links in a circle",
            &[symlink("a", "b"), symlink("b", "a"), file("a/x", "")],
            "symbolic links",
        ),
        one("a file in a file", &[file("f", ""), file("f/x", "")], "which is a file"),
        one("a file in a device", &[member(of_mode(0o020_600), "n", b""), file("n/x", "")], "can't be below"),
        one("a hard link to itself", &[name_of(7, "a", ""), name_of(7, "a", "x")], "hard link to itself"),
        one(
            "a hard link to what a directory has replaced",
            &[name_of(7, "a", "x"), dir("a"), name_of(7, "b", "y")],
            "hard link",
        ),
        one(
            "a hard link to what a link has replaced",
            &[name_of(7, "a", "x"), symlink("a", "/etc"), name_of(7, "b", "")],
            "hard link",
        ),
        one("the root as a link", &[symlink(".", "/tmp")], "in place of the root"),
        one("a link to nothing", &[symlink("l", "")], "0 bytes"),
        one("a link with NUL in its target", &[symlink("l", "a\0b")], "no NUL"),
        one("a name with a newline", &[file("a\nb", "")], "control character"),
        one("an escape sequence", &[file("\u{1b}[2J", "")], "control character"),
        one("a directory in place of its files", &[dir("d"), file("d/x", ""), file("d", "")], "files in it"),
    ]
}

fn refused() -> Vec<Refused> {
    let mut all = truncations();
    all.extend(numbers());
    all.extend(ways_out());
    all
}

#[test]
fn there_are_a_hundred_and_they_differ() {
    let mut all: Vec<Vec<u8>> = refused().into_iter().map(|(_, image, _)| image).collect();
    all.sort();
    all.dedup();
    assert!(all.len() >= 100, "{}", all.len());
}

#[test]
fn each_is_refused_with_its_reason() {
    for (what, image, reason) in refused() {
        match read(&image) {
            Ok(names) => panic!("{what}: read as {names:?}"),
            Err(error) => assert!(error.contains(reason), "{what}: {error}"),
        }
    }
}

#[test]
fn links_that_point_out_of_the_tree_stay_links() {
    let up = "../".repeat(40);
    let image = archive(&[
        dir("etc"),
        symlink("up", &format!("{up}etc")),
        symlink("passwd", "/etc/passwd"),
        // Through the link, and still in the tree: `..` at the root is the root.
        file("up/x", "in the tree"),
    ]);
    assert_eq!(read(&image).unwrap(), ["/etc", "/etc/x", "/passwd", "/up"]);
}

/// `len` zeros in an archive, packed by `pack`.
fn bomb(pack: Pack, len: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    let filesize = u32::try_from(len).unwrap();
    Header { filesize, ..of_mode(0o100_644) }.write("zeros", &mut plain);
    plain.resize(plain.len() + len, 0);
    newc::trailer(&mut plain);
    pack(&plain)
}

/// A compressor.
type Pack = fn(&[u8]) -> Vec<u8>;

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 19).unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, liblzma::stream::Check::Crc32).unwrap();
    let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_bomb_of_any_kind_stops_at_the_limit() {
    let packers: [Pack; 4] = [gzip, zstd, bzip2, xz];
    for pack in packers {
        let image = bomb(pack, 64 << 20);
        let error = read(&image).unwrap_err();
        assert!(error.ends_with("unpacks to more than 8388608 bytes, the limit"), "{error}");
    }
}

#[test]
fn a_bomb_of_one_to_a_hundred_thousand_stops_at_the_limit() {
    // bzip2 packs runs first, then blocks of what is left: forty million zeros are one block.
    let len = 40_000_000;
    let image = bomb(bzip2, len);
    assert!(image.len() * 100_000 < len, "{} bytes", image.len());
    assert!(read(&image).unwrap_err().contains("unpacks to more than"));
}

#[test]
fn many_small_members_stop_at_the_limit_too() {
    // Four hundred thousand names in a few kilobytes.
    let member = file("a", "");
    let plain = [member.repeat((8 << 20) / member.len() + 1), archive(&[])].concat();
    let image = zstd(&plain);
    assert!(image.len() < 4096, "{} bytes", image.len());
    assert!(read(&image).unwrap_err().contains("unpacks to more than"), "{:?}", read(&image));
}

#[test]
fn a_file_full_of_starts_is_read_in_time() {
    // Each looks like the start of a segment, and none is one.
    let starts = [[0x1f, 0x8b, 8, 0].repeat(1 << 17), [0x28, 0xb5, 0x2f, 0xfd].repeat(1 << 17)].concat();
    let held = member(of_mode(0o100_644), "starts", &starts);
    assert_eq!(read(&archive(std::slice::from_ref(&held))).unwrap(), ["/starts"]);
    assert_eq!(read(&[gzip(&held), gzip(&archive(&[file("b", "")]))].concat()).unwrap(), ["/b", "/starts"]);
}
