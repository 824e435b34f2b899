//! Initrds in all the shapes the kernel takes, and in those it only half takes.
//!
//! Archives are written here member by member, so that each can be wrong in one place. Whether other
//! tools read what we pack is asked by `tests/foreign.rs`.

mod packed;

use std::io::{Read, Write as _};
use std::sync::Mutex;

use super::*;
use crate::newc;
use crate::tree::Place;

/// Bodies in memory: what the reader keeps, a packer can open.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<u8>>);

impl Spool for Memory {
    fn keep(&self, _: &GuestPath, _: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        let mut bytes = Vec::new();
        body.take(len).read_to_end(&mut bytes)?;
        let mut memory = self.0.lock().unwrap();
        let offset = u64::try_from(memory.len()).unwrap();
        memory.extend(bytes);
        Ok(Extent { store: 0, offset, len })
    }
}

impl Memory {
    fn text(&self, body: &Body) -> String {
        let Body::Extent(extent) = body else { panic!("a body that was not kept: {body:?}") };
        let start = usize::try_from(extent.offset).unwrap();
        let len = usize::try_from(extent.len).unwrap();
        String::from_utf8_lossy(&self.0.lock().unwrap()[start..start + len]).into_owned()
    }
}

/// A member with this header, its checksum 0.
fn member(header: Header, name: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let filesize = u32::try_from(body.len()).unwrap();
    Header { filesize, ..header }.write(name, &mut out);
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

/// One of several names of the file with this inode number.
fn name_of(ino: u32, name: &str, body: &str) -> Vec<u8> {
    let header = Header { ino, nlink: 2, ..of_mode(0o100_644) };
    member(header, name, body.as_bytes())
}

fn trailer() -> Vec<u8> {
    let mut out = Vec::new();
    newc::trailer(&mut out);
    out
}

/// The members with a trailer.
fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), trailer()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// As `xz --check=crc32`.
fn xz(bytes: &[u8]) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(0, liblzma::stream::Check::Crc32).unwrap();
    let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Zeros up to a multiple of 4, as whoever appends a plain segment must write them.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    newc::pad(&mut bytes);
    bytes
}

fn options(limit: u64, threads: usize) -> Options {
    Options { limit, threads: NonZeroUsize::new(threads).unwrap(), digests: Digests::Wanted }
}

fn read_with(image: &[u8], limit: u64) -> Result<Vec<String>, ArchiveError> {
    let memory = Memory::default();
    let initrd = read(&image.to_vec(), &memory, &options(limit, 1))?;
    let members = initrd.into_members();
    Ok(members.iter().filter(|member| !member.path.is_root()).map(|member| line(member, &memory)).collect())
}

/// What a member is, in words: name, kind, mode, contents.
fn line(Member { path, node }: &Member, memory: &Memory) -> String {
    match node {
        Node::Directory(mode) => format!("{path}/ {mode}"),
        Node::File(mode, body) => format!("{path} {mode} {}", memory.text(body)),
        Node::HardLink(first) => format!("{path} = {first}"),
        Node::Symlink(target) => format!("{path} -> {target}"),
        Node::Device(kind, mode, major, minor) => format!("{path} {kind:?} {mode} {major}:{minor}"),
        Node::Fifo(mode) => format!("{path} fifo {mode}"),
    }
}

fn listing(image: &[u8]) -> Vec<String> {
    read_with(image, 1 << 20).unwrap()
}

fn refused(image: &[u8]) -> String {
    match read_with(image, 1 << 20) {
        Ok(members) => panic!("read as {members:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_type_of_file_is_read() {
    let device = |mode, rdev_major, rdev_minor| Header { rdev_major, rdev_minor, ..of_mode(mode) };
    let image = archive(&[
        dir("."),
        dir("./dev"),
        member(device(0o020_600, 5, 1), "dev/console", b""),
        member(device(0o060_660, 8, 1), "/dev/sda1", b""),
        member(of_mode(0o010_640), "dev/pipe", b""),
        member(of_mode(0o104_755), "su", b"\x7fELF"),
        symlink("init", "su"),
        file("empty", ""),
    ]);
    assert_eq!(
        listing(&image),
        [
            "/dev/ 0755",
            "/dev/console Character 0600 5:1",
            "/dev/pipe fifo 0640",
            "/dev/sda1 Block 0660 8:1",
            "/empty 0644 ",
            "/init -> su",
            "/su 4755 \u{7f}ELF",
        ]
    );
}

#[test]
fn segments_of_all_kinds_follow_each_other() {
    let old = || archive(&[file("a", "old"), file("b", "base")]);
    let new = || archive(&[file("a", "new")]);
    let zeros = vec![0; 2048];
    for (name, image) in [
        ("plain, plain", [old(), new()].concat()),
        ("gzip, plain", [padded(gzip(&old())), new()].concat()),
        ("zstd, plain", [padded(zstd(&old())), new()].concat()),
        ("xz, plain", [padded(xz(&old())), new()].concat()),
        ("zstd, gzip unpadded", [zstd(&old()), gzip(&new())].concat()),
        ("gzip, zstd unpadded", [gzip(&old()), zstd(&new())].concat()),
        ("plain, zstd", [old(), zstd(&new())].concat()),
        ("plain, gzip", [old(), gzip(&new())].concat()),
        ("two archives in one stream", gzip(&[old(), new()].concat())),
        ("zeros between archives of a stream", gzip(&[old(), zeros.clone(), new()].concat())),
        (
            "zeros between members",
            archive(&[file("a", "old"), zeros.clone(), file("b", "base"), file("a", "new")]),
        ),
        ("zeros between segments", [gzip(&old()), zeros.clone(), zstd(&new())].concat()),
        ("zeros in front and behind", [zeros.clone(), old(), new(), zeros.clone()].concat()),
        ("odd number of zeros behind", [old(), gzip(&new()), vec![0; 3]].concat()),
        ("odd number of zeros in the stream", [old(), gzip(&[new(), vec![0; 3]].concat())].concat()),
        (
            "zeros only, then segments",
            [gzip(&zeros), old(), new()].iter().map(|s| padded(s.clone())).collect::<Vec<_>>().concat(),
        ),
        ("an empty stream between", [gzip(&old()), gzip(b""), gzip(&new())].concat()),
        ("stream without trailer", [gzip(&file("b", "base")), gzip(&new())].concat()),
    ] {
        assert_eq!(listing(&image), ["/a 0644 new", "/b 0644 base"], "{name}");
    }
}

#[test]
fn microcode_in_front_stays_in_the_tree() {
    let microcode = archive(&[
        dir("kernel"),
        dir("kernel/x86"),
        dir("kernel/x86/microcode"),
        file("kernel/x86/microcode/GenuineIntel.bin", "code"),
    ]);
    assert_eq!(
        listing(&[microcode, gzip(&archive(&[file("init", "x")]))].concat()),
        [
            "/init 0644 x",
            "/kernel/ 0755",
            "/kernel/x86/ 0755",
            "/kernel/x86/microcode/ 0755",
            "/kernel/x86/microcode/GenuineIntel.bin 0644 code",
        ]
    );
}

#[test]
fn an_input_without_segments_has_no_members() {
    for image in [vec![], vec![0; 512], archive(&[]), gzip(b""), gzip(&trailer())] {
        assert_eq!(listing(&image), Vec::<String>::new());
    }
}

#[test]
fn a_later_member_replaces_an_earlier_one() {
    let strict = |name: &str| member(of_mode(0o100_400), name, b"new");
    let private = |name: &str| member(of_mode(0o040_700), name, b"");
    for (what, first, second, expected) in [
        ("a file", vec![file("x", "old")], strict("x"), vec!["/x 0400 new"]),
        ("a link by a file", vec![symlink("x", "y")], strict("x"), vec!["/x 0400 new"]),
        ("a file by a link", vec![file("x", "old")], symlink("x", "y"), vec!["/x -> y"]),
        ("a link by a link", vec![symlink("x", "z")], symlink("x", "y"), vec!["/x -> y"]),
        ("an empty directory by a file", vec![dir("x")], strict("x"), vec!["/x 0400 new"]),
        ("a file by a directory", vec![file("x", "")], dir("x"), vec!["/x/ 0755"]),
        (
            "a link to a directory by a directory",
            vec![dir("y"), symlink("x", "y")],
            dir("x"),
            vec!["/x/ 0755", "/y/ 0755"],
        ),
        (
            "a directory keeps its files and takes the mode",
            vec![dir("x"), file("x/y", "kept")],
            private("x"),
            vec!["/x/ 0700", "/x/y 0644 kept"],
        ),
    ] {
        assert_eq!(listing(&archive(&[first.concat(), second])), expected, "{what}");
    }
}

#[test]
fn a_directory_with_files_is_not_replaced() {
    assert_eq!(
        refused(&archive(&[dir("x"), file("x/y", ""), file("x", "")])),
        "/x is a directory with files in it, a file can't replace it"
    );
}

#[test]
fn a_member_behind_a_link_lands_in_the_real_directory() {
    let usr_merge = [dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")].concat();
    assert_eq!(
        listing(&archive(&[usr_merge, file("lib/libc.so", "elf")])),
        ["/lib -> usr/lib", "/usr/ 0755", "/usr/lib/ 0755", "/usr/lib/libc.so 0644 elf"]
    );
}

#[test]
fn the_body_of_a_hard_linked_file_comes_with_any_name() {
    for (what, members) in [
        ("with the first", [name_of(7, "a", "body"), name_of(7, "b", "")]),
        ("with the last", [name_of(7, "a", ""), name_of(7, "b", "body")]),
        ("with both", [name_of(7, "a", "old!"), name_of(7, "b", "body")]),
    ] {
        assert_eq!(listing(&archive(&members)), ["/a 0644 body", "/b = /a"], "{what}");
    }
}

#[test]
fn equal_inode_numbers_link_only_files_with_several_names() {
    let single = |name| member(Header { ino: 7, ..of_mode(0o100_644) }, name, b"own");
    assert_eq!(listing(&archive(&[single("a"), single("b")])), ["/a 0644 own", "/b 0644 own"]);
}

#[test]
fn a_trailer_ends_hard_links() {
    let names = || [archive(&[name_of(7, "a", "1")]), archive(&[name_of(7, "b", "2")])].concat();
    for image in [names(), gzip(&names())] {
        assert_eq!(listing(&image), ["/a 0644 1", "/b 0644 2"]);
    }
}

#[test]
fn hard_links_reach_over_streams_without_a_trailer() {
    let (first, last) = (name_of(7, "a", ""), [name_of(7, "b", "body"), trailer()].concat());
    for image in [
        [gzip(&first), gzip(&last)].concat(),
        [zstd(&first), zstd(&last)].concat(),
        [padded(zstd(&first)), last.clone()].concat(),
    ] {
        assert_eq!(listing(&image), ["/a 0644 body", "/b = /a"]);
    }
}

#[test]
fn rewriting_one_name_of_a_file_rewrites_all() {
    let names = || [name_of(7, "a", "old"), name_of(7, "b", "")].concat();
    for name in ["a", "b"] {
        let image = [archive(&[names()]), archive(&[file(name, "new")])].concat();
        assert_eq!(listing(&image), ["/a 0644 new", "/b = /a"], "{name}");
    }
}

#[test]
fn replacing_one_name_of_a_file_by_a_link_keeps_the_other() {
    let names = || [name_of(7, "a", "old"), name_of(7, "b", "")].concat();
    for (name, expected) in [("a", ["/a -> x", "/b 0644 old"]), ("b", ["/a 0644 old", "/b -> x"])] {
        let image = [archive(&[names()]), archive(&[symlink(name, "x")])].concat();
        assert_eq!(listing(&image), expected, "{name}");
    }
}

#[test]
fn a_file_that_is_a_hard_link_to_itself_is_refused() {
    let merged = [dir("usr"), symlink("lib", "usr")].concat();
    for members in [
        [name_of(7, "a", "x"), name_of(7, "a", "x")].concat(),
        [merged, name_of(7, "lib/a", "x"), name_of(7, "usr/a", "x")].concat(),
    ] {
        let error = refused(&archive(&[members]));
        assert!(error.ends_with("is a hard link to itself"), "{error}");
    }
}

#[test]
fn a_name_may_be_padded_with_zeros() {
    // dracut-cpio moves bodies to block limits so: `namesize` counts the zeros.
    let mut image = Vec::new();
    of_mode(0o100_644).write("a\0\0\0\0\0", &mut image);
    newc::pad(&mut image);
    image.extend(trailer());
    assert_eq!(listing(&image), ["/a 0644 "]);
}

#[test]
fn what_the_kernel_stumbles_over_is_refused() {
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].to_vec();
    let plain = || archive(&[file("a", "x")]);
    for (what, image, error) in [
        (
            "garbage",
            b"garbage".to_vec(),
            "at byte 0 of the initrd: neither a cpio archive nor a compressed one: `garbag`",
        ),
        (
            "garbage behind",
            [plain(), b"junk".to_vec()].concat(),
            "at byte 240 of the initrd: neither a cpio archive nor a compressed one: `junk`",
        ),
        (
            "a skippable frame",
            [plain(), skippable, zstd(&plain())].concat(),
            "at byte 240 of the initrd: neither a cpio archive nor a compressed one: `P*M\\x18\\x00\\x00`",
        ),
        (
            "odc",
            b"070707000001000002100644".to_vec(),
            "at byte 24 of the segment at byte 0: the archive ends in the middle of a member",
        ),
        (
            "odc, long enough",
            [b"070707".to_vec(), vec![b'0'; 200]].concat(),
            "at byte 110 of the segment at byte 0: no cpio member: got `070707`, expected `070701` or `070702`",
        ),
        ("no trailer", file("a", "x"), "at byte 116 of the segment at byte 0: the archive has no trailer"),
        (
            "junk in a stream",
            gzip(&[plain(), vec![b'j'; 120]].concat()),
            "at byte 350 of the segment at byte 0: no cpio member: got `jjjjjj`, expected `070701` or `070702`",
        ),
    ] {
        assert_eq!(refused(&image), error, "{what}");
    }
    let unaligned = [padded(gzip(&plain())), vec![0]].concat();
    let at = unaligned.len();
    assert_eq!(
        refused(&[unaligned, plain()].concat()),
        format!("at byte {at} of the initrd: a plain segment must start at a multiple of 4")
    );
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A compressor.
type Pack = fn(&[u8]) -> Vec<u8>;

/// As `lz4 -l`.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let block = lz4_flex::block::compress(bytes);
    let len = u32::try_from(block.len()).unwrap().to_le_bytes();
    [&[0x02, 0x21, 0x4c, 0x18], len.as_slice(), &block].concat()
}

#[test]
fn every_compression_that_linux_has_is_read_alone_and_before_a_plain_segment() {
    let (old, new) = (|| archive(&[file("a", "old"), file("b", "base")]), archive(&[file("a", "new")]));
    let packers: [(Pack, Format); 6] = [
        (gzip, Format::Gzip),
        (zstd, Format::Zstd),
        (xz, Format::Xz),
        (lzma, Format::Lzma),
        (bzip2, Format::Bzip2),
        (lz4, Format::Lz4),
    ];
    for (pack, format) in packers {
        assert_eq!(listing(&pack(&old())), ["/a 0644 old", "/b 0644 base"], "{format}");
        // lz4 needs a word of zeros to end at.
        let image = [padded(pack(&old())), vec![0; 4], new.clone()].concat();
        assert_eq!(listing(&image), ["/a 0644 new", "/b 0644 base"], "{format}");
        let initrd = read(&image, &Memory::default(), &options(1 << 20, 2)).unwrap();
        let formats: Vec<Format> = initrd.segments.iter().map(|segment| segment.format).collect();
        assert_eq!(formats, [format, Format::Plain]);
    }
}

#[test]
fn what_the_kernel_does_not_unpack_is_refused_by_name() {
    let not_read = "compression is not read, only gzip, xz, zstd, bzip2, lzma and legacy lz4";
    let strange = |flags: u8| [&[0x1f, 0x8b, 8, flags], &[0; 20][..]].concat();
    let crc64 = {
        let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
        out.write_all(&archive(&[])).unwrap();
        out.finish().unwrap()
    };
    for (image, problem) in [
        (vec![0x89, b'L', b'Z', b'O'], format!("lzo {not_read}")),
        (vec![0x04, 0x22, 0x4d, 0x18], format!("lz4 frame {not_read}")),
        (
            strange(4),
            "a gzip header with flags 0x04, of which the kernel knows none but a file name".to_owned(),
        ),
        (
            strange(0x18),
            "a gzip header with flags 0x18, of which the kernel knows none but a file name".to_owned(),
        ),
        (
            crc64,
            "an xz stream with check 0x04, the kernel reads none but CRC32 (xz --check=crc32)".to_owned(),
        ),
    ] {
        assert_eq!(refused(&image), format!("at byte 0 of the initrd: {problem}"));
    }
}

#[test]
fn threads_change_nothing() {
    // Starts of segments inside a segment: a guess there must not show.
    let inner = [gzip(&archive(&[file("inner", "x")])), zstd(&archive(&[file("inner", "x")]))].concat();
    let held = member(of_mode(0o100_644), "held", &inner);
    let parts: Vec<Vec<u8>> =
        (0..40).map(|n| [file(&format!("f{n}"), &format!("body {n}")), held.clone()].concat()).collect();
    let streams: Vec<Vec<u8>> =
        parts.iter().enumerate().map(|(n, part)| if n % 2 == 0 { gzip(part) } else { zstd(part) }).collect();
    let plain = archive(std::slice::from_ref(&held));
    let zeros = vec![0; 4];
    for image in [
        [streams.concat(), gzip(&trailer())].concat(),
        [plain, streams.concat(), gzip(&trailer()), zeros].concat(),
        gzip(&[parts.concat(), trailer()].concat()),
        archive(&parts),
    ] {
        let facts = |threads| {
            let memory = Memory::default();
            let initrd = read(&image, &memory, &options(1 << 20, threads)).unwrap();
            let digests: Vec<_> = initrd.tree.iter().map(|(path, _)| initrd.digest(path)).collect();
            let (segments, members) = (initrd.segments.clone(), initrd.members.clone());
            let lines: Vec<String> =
                initrd.into_members().iter().map(|member| line(member, &memory)).collect();
            (segments, members, digests, lines)
        };
        let one = facts(1);
        assert_eq!(one.3.len(), 41);
        for threads in [2, 3, 8] {
            assert_eq!(facts(threads), one, "{threads} threads");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_damaged_member_is_refused() {
    let x = || of_mode(0o100_644);
    // A member whose header, written for `name`, has other bytes from `at` on.
    let patched = |name: &str, at: usize, bytes: &[u8]| {
        let mut out = member(x(), name, b"");
        out[at..at + bytes.len()].copy_from_slice(bytes);
        archive(&[out])
    };
    let namesize = 94;
    let long = "n/".repeat(2048);
    for (what, image, error) in [
        (
            "bad hex",
            patched("a", 14, b"0000-1A4"),
            "at byte 110 of the segment at byte 0: field c_mode of a cpio member is not a number: got `0000-1A4`, expected 8 hex digits",
        ),
        (
            "no name",
            patched("a", namesize, b"00000000"),
            "at byte 110 of the segment at byte 0: a member's name has 0 bytes, expected 1 to 4096",
        ),
        (
            "name too long",
            archive(&[member(x(), &long, b"")]),
            "at byte 110 of the segment at byte 0: a member's name has 4097 bytes, expected 1 to 4096",
        ),
        (
            "enormous name",
            patched("a", namesize, b"FFFFFFFF"),
            "at byte 110 of the segment at byte 0: a member's name has 4294967295 bytes, expected 1 to 4096",
        ),
        (
            "name without NUL",
            patched("ab", namesize, b"00000002"),
            "at byte 112 of the segment at byte 0: a member's name does not end with NUL",
        ),
        (
            "name with NUL inside",
            patched("abc", 111, b"\0"),
            "`a\\u{0}c` has a NUL or control character in it",
        ),
        (
            "climbing name",
            archive(&[file("a/../../etc/passwd", "")]),
            "`a/../../etc/passwd` climbs out with `..`",
        ),
        ("name that is not UTF-8", patched("ab", 110, b"\xff"), "a file name is not UTF-8: \\xffb"),
        (
            "trailer with another spelling",
            archive(&[file("./TRAILER!!!", "")]),
            "`TRAILER!!!` is not a file name: it ends the archive",
        ),
        (
            "no parent",
            archive(&[file("etc/passwd", "")]),
            "/etc/passwd needs directory /etc, which is not in the archive",
        ),
        (
            "file as parent",
            archive(&[file("etc", ""), file("etc/passwd", "")]),
            "/etc/passwd can't be below /etc, which is a file",
        ),
        (
            "dangling parent",
            archive(&[symlink("lib", "usr/lib"), file("lib/x", "")]),
            "/lib leads to /usr, which is not in the image",
        ),
        (
            "directory with a body",
            archive(&[member(of_mode(0o040_755), "d", b"body")]),
            "at byte 112 of the segment at byte 0: /d has a body of 4 bytes and is no regular file",
        ),
        (
            "device with a body",
            archive(&[member(of_mode(0o020_600), "d", b"body")]),
            "at byte 112 of the segment at byte 0: /d has a body of 4 bytes and is no regular file",
        ),
        (
            "link without a target",
            archive(&[symlink("l", "")]),
            "at byte 112 of the segment at byte 0: the target of /l has 0 bytes, expected 1 to 4096",
        ),
        (
            "link with a long target",
            archive(&[symlink("l", &"t".repeat(4097))]),
            "at byte 112 of the segment at byte 0: the target of /l has 4097 bytes, expected 1 to 4096",
        ),
        (
            "link with a target that is not UTF-8",
            archive(&[member(of_mode(0o120_777), "l", b"t\xfe")]),
            "a file name is not UTF-8: t\\xfe",
        ),
        (
            "socket",
            archive(&[member(of_mode(0o140_755), "s", b"")]),
            "/s is of type 140000, which an initrd can't hold",
        ),
        (
            "no type at all",
            archive(&[member(of_mode(0o755), "s", b"")]),
            "/s is of type 000000, which an initrd can't hold",
        ),
    ] {
        assert_eq!(refused(&image), error, "{what}, plain");
        assert_eq!(refused(&gzip(&image)), error, "{what}, in a stream");
    }
}

#[test]
fn the_root_keeps_its_mode_and_is_a_member_if_it_was_one() {
    for (members, mode, names) in [
        (vec![file("a", "x")], "0755", &["/a"][..]),
        (vec![member(of_mode(0o040_711), ".", b""), file("a", "x")], "0711", &["/", "/a"]),
    ] {
        let initrd = read(&archive(&members), &Memory::default(), &options(1 << 20, 1)).unwrap();
        let root = initrd.tree.get(&GuestPath::root()).unwrap();
        assert_eq!(root.node, Node::Directory(mode.parse().unwrap()));
        let members = initrd.into_members();
        assert_eq!(members.iter().map(|member| member.path.as_str()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn the_root_can_be_nothing_but_a_directory() {
    let error = "/ is there in place of the root directory, which an initrd can't hold";
    for member in [file(".", ""), symlink("/", "usr"), member(of_mode(0o010_600), "./", b"")] {
        assert_eq!(refused(&archive(&[member])), error);
    }
}

#[test]
fn the_longest_names_and_targets_are_read() {
    let target = "t".repeat(4096);
    let name = "n".repeat(255);
    assert_eq!(
        listing(&archive(&[symlink("l", &target), file(&name, "")])),
        [format!("/l -> {target}"), format!("/{name} 0644 ")]
    );
}

#[test]
fn a_trailer_in_the_middle_ends_a_plain_archive_only() {
    let image = [file("a", "1"), trailer(), vec![0; 388], file("b", "2"), trailer()].concat();
    for image in [image.clone(), gzip(&image)] {
        assert_eq!(listing(&image), ["/a 0644 1", "/b 0644 2"]);
    }
}

#[test]
fn checksums_of_bodies_are_checked() {
    let summed = |checksum| {
        let header = Header { checksum, ..of_mode(0o100_644) };
        let mut out = member(header, "a", b"ab");
        out[..6].copy_from_slice(newc::MAGIC_CRC);
        archive(&[out])
    };
    assert_eq!(listing(&summed(0xc3)), ["/a 0644 ab"]);
    assert_eq!(refused(&summed(0xc4)), "/a is damaged: checksum got 000000c3, expected 000000c4");
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let image = archive(&[file("zeros", &"\0".repeat(1 << 18))]);
    let len = u64::try_from(image.len()).unwrap();
    for packed in [image.clone(), gzip(&image), zstd(&image), xz(&image)] {
        assert_eq!(read_with(&packed, len).unwrap().len(), 1);
        let error = read_with(&packed, 200_000).unwrap_err().to_string();
        assert_eq!(
            error,
            "at byte 116 of the segment at byte 0: unpacks to more than 200000 bytes, the limit"
        );
    }
}

#[test]
fn all_segments_share_one_limit() {
    let image = archive(&[file("a", &"a".repeat(1000))]);
    let error = read_with(&gzip(&image).repeat(3), 3000).unwrap_err().to_string();
    assert!(error.ends_with("unpacks to more than 3000 bytes, the limit"), "{error}");
}

#[test]
fn a_plain_archive_cut_anywhere_is_refused() {
    let image = archive(&[dir("d"), file("d/f", "body"), symlink("l", "d/f"), name_of(3, "x", "12345")]);
    for end in 1..image.len() {
        let cut = read_with(&image[..end], 1 << 20);
        assert!(cut.is_err(), "cut after {end} bytes: {cut:?}");
    }
    // Zeros are not part of it: GNU cpio fills its last block with them.
    assert_eq!(listing(&[image.clone(), vec![0; 5]].concat()), listing(&image));
}

#[test]
fn a_compressed_archive_cut_anywhere_is_refused() {
    let image = archive(&[dir("d"), file("d/f", "body"), symlink("l", "d/f")]);
    for packed in [gzip(&image), zstd(&image), xz(&image)] {
        for end in 1..packed.len() {
            let cut = read_with(&packed[..end], 1 << 20);
            assert!(cut.is_err(), "cut after {end} of {} bytes: {cut:?}", packed.len());
        }
    }
}

#[test]
fn streams_that_are_cut_anywhere_are_no_initrd() {
    let (first, last) = ([dir("d"), file("d/f", "1")].concat(), archive(&[file("d/g", "2")]));
    for pack in [gzip, zstd] {
        let image = [pack(&first), pack(&last)].concat();
        for end in 1..image.len() {
            assert!(read_with(&image[..end], 1 << 20).is_err(), "{end} bytes");
        }
        // Between the two, the kernel would have no complaint.
        let border = pack(&first).len();
        assert_eq!(
            read_with(&image[..border], 1 << 20).unwrap_err().to_string(),
            format!("at byte {border} of the initrd: the initrd ends without a trailer, it is cut short")
        );
    }
}

#[test]
fn a_flipped_byte_never_panics_and_never_climbs() {
    let image = archive(&[dir("d"), file("d/f", "body"), symlink("l", "d/f"), name_of(3, "x", "12345")]);
    for at in 0..image.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut image = image.clone();
            image[at] ^= bit;
            let _ = read_with(&image, 1 << 20);
            let _ = read_with(&gzip(&image), 1 << 20);
        }
    }
}
