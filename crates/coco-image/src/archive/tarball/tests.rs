//! Tars of all dialects, and what in them an initrd can't hold.

use std::sync::Mutex;

use super::*;
use crate::tree::{DeviceKind, Extent};

/// Bodies in memory.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<u8>>);

impl Spool for Memory {
    fn keep(&self, _: &GuestPath, _: Place, body: &mut dyn Read, len: u64) -> io::Result<Extent> {
        let mut memory = self.0.lock().unwrap();
        let offset = u64::try_from(memory.len()).unwrap();
        body.take(len).read_to_end(&mut memory)?;
        Ok(Extent { store: 0, offset, len })
    }
}

/// A tar that is written member by member.
struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    /// The finished archive, with its end mark.
    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    /// A member of this type; the name and the target are taken as they are.
    fn member(mut self, kind: tar::EntryType, mode: u32, [name, target]: [&[u8]; 2], body: &[u8]) -> Self {
        let mut header = header(kind, mode, body);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target);
        header.set_cksum();
        self.0.append(&header, body).unwrap();
        self
    }

    fn file(self, name: &str, body: &[u8]) -> Self {
        self.member(tar::EntryType::Regular, 0o644, [name.as_bytes(), b""], body)
    }

    fn link(self, kind: tar::EntryType, name: &str, target: &str) -> Self {
        self.member(kind, 0o777, [name.as_bytes(), target.as_bytes()], b"")
    }

    fn device(mut self, kind: tar::EntryType, name: &str, major: u32, minor: u32) -> Self {
        let mut header = header(kind, 0o600, b"");
        header.set_path(name).unwrap();
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.0.append(&header, io::empty()).unwrap();
        self
    }

    /// A member as `tar --sparse` writes it, all of it a hole.
    fn sparse(mut self, name: &str) -> Self {
        let mut header = header(tar::EntryType::GNUSparse, 0o644, b"");
        header.set_path(name).unwrap();
        header.as_gnu_mut().unwrap().set_real_size(0);
        header.set_cksum();
        self.0.append(&header, io::empty()).unwrap();
        self
    }

    /// Pax records for the next member.
    fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }
}

fn header(kind: tar::EntryType, mode: u32, body: &[u8]) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(u64::try_from(body.len()).unwrap());
    header
}

fn listing(bytes: &[u8]) -> Vec<String> {
    let memory = Memory::default();
    let members = read(bytes, &memory).unwrap();
    members.iter().map(|member| line(member, &memory)).collect()
}

/// What a member is, in words: name, kind, mode, contents.
fn line(Member { path, node }: &Member, memory: &Memory) -> String {
    match node {
        Node::Directory(mode) => format!("{path}/ {mode}"),
        Node::File(mode, Body::Extent(extent)) => {
            let start = usize::try_from(extent.offset).unwrap();
            let len = usize::try_from(extent.len).unwrap();
            format!(
                "{path} {mode} {}",
                String::from_utf8_lossy(&memory.0.lock().unwrap()[start..start + len])
            )
        }
        Node::HardLink(first) => format!("{path} = {first}"),
        Node::Symlink(target) => format!("{path} -> {target}"),
        Node::Device(DeviceKind::Character, mode, major, minor) => format!("{path} c {mode} {major}:{minor}"),
        Node::Device(DeviceKind::Block, mode, major, minor) => format!("{path} b {mode} {major}:{minor}"),
        Node::Fifo(mode) => format!("{path} fifo {mode}"),
        other @ Node::File(..) => panic!("a body that was not kept: {other:?}"),
    }
}

fn refused(bytes: &[u8]) -> String {
    read(bytes, &Memory::default()).unwrap_err().to_string()
}

#[test]
fn every_type_of_file_is_read() {
    let tar = Tar::new()
        .member(tar::EntryType::Directory, 0o1777, [b"./tmp/", b""], b"")
        .file("usr/bin/tool", b"body")
        .member(tar::EntryType::Continuous, 0o4755, [b"su", b""], b"set-id")
        .link(tar::EntryType::Symlink, "bin", "usr/bin")
        .link(tar::EntryType::Link, "usr/bin/other", "./usr/bin/tool")
        .device(tar::EntryType::Char, "dev/console", 5, 1)
        .device(tar::EntryType::Block, "dev/sda", 8, 0)
        .member(tar::EntryType::Fifo, 0o640, [b"pipe", b""], b"");
    assert_eq!(
        listing(&tar.bytes()),
        [
            "/tmp/ 1777",
            "/usr/bin/tool 0644 body",
            "/su 4755 set-id",
            "/bin -> usr/bin",
            "/usr/bin/other = /usr/bin/tool",
            "/dev/console c 0600 5:1",
            "/dev/sda b 0600 8:0",
            "/pipe fifo 0640",
        ]
    );
}

#[test]
fn the_root_directory_itself_is_no_member() {
    for name in [&b"."[..], b"./", b"/"] {
        let tar = Tar::new().member(tar::EntryType::Directory, 0o700, [name, b""], b"").file("./a", b"x");
        assert_eq!(listing(&tar.bytes()), ["/a 0644 x"]);
    }
}

#[test]
fn absolute_names_are_names_from_the_root() {
    let tar = Tar::new().file("/etc/passwd", b"x").link(tar::EntryType::Link, "/etc/copy", "/etc/passwd");
    assert_eq!(listing(&tar.bytes()), ["/etc/passwd 0644 x", "/etc/copy = /etc/passwd"]);
}

#[test]
fn long_names_and_targets_are_read_in_both_dialects() {
    let name = format!("{}/{}", "d".repeat(120), "n".repeat(200));
    let target = "t".repeat(300);
    let mut gnu = Tar::new();
    gnu.0.append_data(&mut header(tar::EntryType::Regular, 0o644, b"x"), &name, &b"x"[..]).unwrap();
    gnu.0.append_link(&mut header(tar::EntryType::Symlink, 0o777, b""), "link", &target).unwrap();
    let pax = Tar::new()
        .pax(&[("path", name.as_bytes())])
        .file("short", b"x")
        .pax(&[("linkpath", target.as_bytes())])
        .link(tar::EntryType::Symlink, "link", "short");
    for (dialect, tar) in [("gnu", gnu), ("pax", pax)] {
        assert_eq!(
            listing(&tar.bytes()),
            [format!("/{name} 0644 x"), format!("/link -> {target}")],
            "{dialect}"
        );
    }
}

#[test]
fn a_size_in_pax_records_counts() {
    let tar = Tar::new()
        .pax(&[("size", b"4"), ("mtime", b"1.5"), ("uid", b"1000")])
        .file("a", b"body")
        .file("b", b"next");
    assert_eq!(listing(&tar.bytes()), ["/a 0644 body", "/b 0644 next"]);
}

#[test]
fn a_comment_for_the_whole_archive_is_no_member() {
    let comment = b"52 comment=0123456789012345678901234567890123456789\n";
    let tar = Tar::new().member(tar::EntryType::XGlobalHeader, 0o666, [b"pax_global_header", b""], comment);
    assert_eq!(listing(&tar.file("a", b"").bytes()), ["/a 0644 "]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_an_image_cannot_hold_is_refused() {
    let file = |name: &[u8]| Tar::new().member(tar::EntryType::Regular, 0o644, [name, b""], b"");
    let long = "n/".repeat(2048);
    for (what, tar, error) in [
        ("climbing", file(b"../etc/passwd"), "`../etc/passwd` climbs out with `..`"),
        ("climbing inside", file(b"a/../../b"), "`a/../../b` climbs out with `..`"),
        (
            "a hard link that climbs",
            Tar::new().link(tar::EntryType::Link, "a", "../b"),
            "`../b` climbs out with `..`",
        ),
        ("no name", file(b""), "a file name is empty"),
        ("not UTF-8", file(b"a\xff"), "a file name is not UTF-8: a\\xff"),
        (
            "a target that is not UTF-8",
            Tar::new().member(tar::EntryType::Symlink, 0o777, [b"a", b"\xfe"], b""),
            "a file name is not UTF-8: \\xfe",
        ),
        ("a new line", file(b"a\nb"), "`a\\nb` has a NUL or control character in it"),
        (
            "the end of an archive",
            file(b"TRAILER!!!"),
            "`TRAILER!!!` is not a file name: it ends the archive",
        ),
        (
            "too long",
            Tar::new().pax(&[("path", long.as_bytes())]).file("a", b""),
            "a file name is 4096 bytes long, the kernel keeps at most 4095: `n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/...`",
        ),
        (
            "a link to nothing",
            Tar::new().link(tar::EntryType::Symlink, "a", ""),
            "/a is a link without a target, which an initrd can't hold",
        ),
        (
            "sparse in GNU's old way",
            Tar::new().sparse("a"),
            "/a is a sparse file (tar it without --sparse), which an initrd can't hold",
        ),
        (
            "sparse in pax records",
            Tar::new().pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]).file("a", b""),
            "/a is a sparse file (tar it without --sparse), which an initrd can't hold",
        ),
        (
            "capabilities of GNU tar",
            Tar::new()
                .pax(&[("SCHILY.xattr.security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0=")])
                .file("ping", b""),
            "/ping is a program with file capabilities (setcap), which an initrd can't hold",
        ),
        (
            "capabilities of bsdtar",
            Tar::new().pax(&[("LIBARCHIVE.xattr.security.capability", b"AQAAAg")]).file("ping", b""),
            "/ping is a program with file capabilities (setcap), which an initrd can't hold",
        ),
        (
            "a type nobody knows",
            Tar::new().member(tar::EntryType::new(b'V'), 0o644, [b"label", b""], b""),
            "/label is a tar member of type `V`, which an initrd can't hold",
        ),
    ] {
        assert_eq!(refused(&tar.bytes()), error, "{what}");
    }
}

#[test]
fn other_extended_attributes_are_left_behind() {
    let tar =
        Tar::new().pax(&[("SCHILY.xattr.user.note", b"x"), ("SCHILY.acl.access", b"u::rw-")]).file("a", b"x");
    assert_eq!(listing(&tar.bytes()), ["/a 0644 x"]);
}

#[test]
fn a_tar_cut_anywhere_is_refused() {
    let zeros = [0; 1536];
    let whole = Tar::new().file("a", b"body").file("zeros", &zeros).bytes();
    let end_mark = whole.len() - 1024;
    assert_eq!(end_mark, 512 + 512 + 512 + 1536);
    for end in (0..end_mark + 512).step_by(64) {
        let cut = read(&whole[..end], &Memory::default());
        assert!(cut.is_err(), "cut after {end} of {} bytes: {cut:?}", whole.len());
    }
    for end in [end_mark + 512, whole.len()] {
        assert_eq!(read(&whole[..end], &Memory::default()).unwrap().len(), 2, "{end}");
    }
}

#[test]
fn a_tar_without_its_end_mark_is_refused() {
    let whole = Tar::new().file("a", b"body").bytes();
    assert_eq!(
        refused(&whole[..1024]),
        "at byte 1024 of the tar: the archive has no end mark, it is cut short"
    );
    assert_eq!(refused(b""), "at byte 0 of the tar: the archive has no end mark, it is cut short");
}

#[test]
fn a_damaged_header_is_refused() {
    let mut bytes = Tar::new().file("a", b"x").file("b", b"y").bytes();
    bytes[1024] = b'c';
    assert_eq!(refused(&bytes), "at byte 512 of the tar: archive header checksum mismatch");
}

#[test]
fn an_empty_tar_has_no_members() {
    assert_eq!(listing(&Tar::new().bytes()), Vec::<String>::new());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn any_changed_byte_is_read_or_refused(at in 0_usize..3584, byte in proptest::prelude::any::<u8>()) {
        let tar = Tar::new()
            .pax(&[("path", b"long"), ("size", b"4")])
            .file("a", b"body")
            .link(tar::EntryType::Link, "b", "a");
        let mut bytes = tar.bytes();
        bytes[at] = byte;
        let _ = read(bytes.as_slice(), &Memory::default());
    }
}

#[test]
fn what_follows_the_end_mark_is_not_dropped_silently() {
    let tar = Tar::new().file("a", b"1").bytes();
    let end = tar.len();
    let both = [tar.clone(), Tar::new().file("b", b"2").bytes()].concat();
    assert_eq!(
        read(both.as_slice(), &Memory::default()).unwrap_err().to_string(),
        format!("at byte {end} of the tar: something follows the archive's end mark")
    );
    let padded = [tar, vec![0; 9000]].concat();
    assert_eq!(read(padded.as_slice(), &Memory::default()).unwrap().len(), 1);
}
