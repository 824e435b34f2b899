//! Initrds of a few members, and what is told of them; the commands' tests see the rest.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::archive::initrd::{Digests, Options, read};
use crate::newc::{self, Header};
use crate::tree::{Extent, Place, Spool};

/// Bodies in memory.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Vec<u8>>>);

impl Spool for Memory {
    fn keep(&self, _: &GuestPath, _: Place, body: &mut dyn io::Read, len: u64) -> io::Result<Extent> {
        let mut bytes = Vec::new();
        body.take(len).read_to_end(&mut bytes)?;
        let mut held = self.0.lock().unwrap();
        held.push(bytes);
        Ok(Extent { store: u32::try_from(held.len() - 1).unwrap(), offset: 0, len })
    }
}

impl Bodies for Memory {
    fn open(&self, extent: Extent) -> io::Result<Box<dyn io::Read + '_>> {
        let bytes = self.0.lock().unwrap()[usize::try_from(extent.store).unwrap()].clone();
        Ok(Box::new(io::Cursor::new(bytes)))
    }
}

/// A file of this name with this header; the type is a regular file's unless the mode says otherwise.
fn member(header: Header, name: &str, body: &[u8]) -> Vec<u8> {
    let mode = if header.mode == 0 { 0o100_755 } else { header.mode };
    let nlink = header.nlink.max(1);
    let filesize = u32::try_from(body.len()).unwrap();
    let mut out = Vec::new();
    Header { mode, nlink, filesize, ..header }.write(name, &mut out);
    out.extend_from_slice(body);
    newc::pad(&mut out);
    out
}

fn segment(members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = members.concat();
    newc::trailer(&mut out);
    newc::pad(&mut out);
    out
}

fn inspected(image: &[u8]) -> Inspection {
    let memory = Memory::default();
    let options = Options { limit: 1 << 30, threads: NonZeroUsize::MIN, digests: Digests::Unwanted };
    let initrd = read(&image.to_vec(), &memory, &options).unwrap();
    inspect(&initrd, &memory).unwrap()
}

/// The faults of members with these headers, named `a`, `b` and so on.
fn faults(headers: &[Header]) -> String {
    let members = ('a'..).zip(headers).map(|(name, header)| member(*header, &name.to_string(), b"x"));
    let found = inspected(&segment(&members.collect::<Vec<_>>())).faults;
    let lines = found.iter().map(|fault| format!("{} {} {}", fault.kind.word(), fault.count, fault.example));
    lines.collect::<Vec<_>>().join("; ")
}

fn numbered(ino: u32) -> Header {
    Header { ino, ..Header::default() }
}

fn name_of(ino: u32) -> Header {
    Header { ino, nlink: 3, ..Header::default() }
}

#[test]
fn numbers_that_stay_or_go_up_by_one_are_no_fault() {
    for headers in [
        vec![numbered(0), numbered(0), numbered(0)],
        vec![numbered(721), numbered(722), numbered(723)],
        // Further names of a file: their own numbers are used up, or not.
        vec![name_of(1), name_of(1), name_of(1), numbered(4)],
        vec![name_of(1), name_of(1), name_of(1), numbered(2)],
        // Another device is numbered anew.
        vec![numbered(7), Header { dev_minor: 2, ..numbered(1) }],
    ] {
        assert_eq!(faults(&headers), "", "{headers:?}");
    }
}

#[test]
fn numbers_that_jump_are_the_hosts() {
    for (headers, said) in [
        (vec![numbered(1), numbered(3)], "inodes 1 /b has 3, the member before 1"),
        (vec![numbered(2), numbered(1)], "inodes 1 /b has 1, the member before 2"),
        (vec![name_of(1), name_of(1), numbered(4)], "inodes 1 /c has 4, the member before 1"),
        (vec![numbered(u32::MAX), numbered(0)], "inodes 1 /b has 0, the member before 4294967295"),
    ] {
        assert_eq!(faults(&headers), said);
    }
}

#[test]
fn every_fault_of_a_header_has_its_count_and_first_example() {
    let other = Header { mtime: 7, uid: 1000, gid: 100, ..Header::default() };
    assert_eq!(
        faults(&[Header::default(), other, other]),
        "times 2 /b has 7, the first member 0; owners 2 /b is 1000:100's"
    );
}

#[test]
fn a_segment_begins_its_own_order() {
    let (a, b) = (member(numbered(1), "a", b""), member(numbered(2), "b", b""));
    let swapped = inspected(&segment(&[b.clone(), a.clone()])).faults;
    assert_eq!(swapped.first().map(|fault| (fault.kind, fault.count)), Some((FaultKind::Order, 1)));
    assert_eq!(inspected(&[segment(&[b]), segment(&[a])].concat()).faults, []);
}

#[test]
fn only_real_keys_are_private_keys() {
    for (body, count) in [
        ("-----BEGIN PRIVATE KEY-----\n", 1),
        ("x\n-----BEGIN OPENSSH PRIVATE KEY-----\r\n", 1),
        ("-----BEGIN PUBLIC KEY-----\n", 0),
        ("-----BEGIN CERTIFICATE-----\n", 0),
        (" a line with -----BEGIN PRIVATE KEY-----\n", 0),
    ] {
        let found = inspected(&segment(&[member(numbered(1), "key", body.as_bytes())])).faults;
        assert_eq!(found.len(), count, "{body}: {found:?}");
    }
}

#[test]
fn microcode_is_a_plain_first_segment_with_nothing_else() {
    let directory = |name| member(Header { mode: 0o040_755, ..Header::default() }, name, b"");
    let microcode = [
        directory("kernel"),
        directory("kernel/x86"),
        directory("kernel/x86/microcode"),
        member(Header::default(), "kernel/x86/microcode/AuthenticAMD.bin", b"x"),
    ];
    let role = |image: &[u8]| inspected(image).segments.first().unwrap().1;
    assert_eq!(role(&segment(&microcode)), SegmentRole::EarlyMicrocode);
    let more = [&microcode[..], &[member(Header::default(), "z", b"x")]].concat();
    assert_eq!(role(&segment(&more)), SegmentRole::Files);
    assert_eq!(role(&segment(&[])), SegmentRole::Files);
}

/// What is told of an agent with these bytes.
fn agent(bytes: &[u8]) -> Agent {
    let directory = |name| member(Header { mode: 0o040_755, ..Header::default() }, name, b"");
    let image = segment(&[
        directory("usr"),
        directory("usr/bin"),
        member(Header::default(), "usr/bin/kata-agent", bytes),
    ]);
    inspected(&image).agent.unwrap()
}

#[test]
fn a_version_is_told_only_if_there_is_one_way_to_read_it() {
    for (text, version) in [
        ("xkata-agent4.1.00.0.1reseed", Some("4.1.0")),
        ("kata-agent3.20.0-rc10.0.1", Some("3.20.0-rc1")),
        ("kata-agent10.0.10.0.1", Some("10.0.1")),
        ("kata-agent4.1.0", None),
        ("kata-agent04.1.00.0.1", None),
        ("kata-agent4.10.0.1", None),
        ("kata-agent4.1.00.0.1 kata-agent4.1.00.0.1", Some("4.1.0")),
        ("kata-agent4.1.00.0.1 kata-agent4.2.00.0.1", None),
        ("kata-agent4.1.0-a0.0.10.0.1", None),
        ("memory4.1.0+coco-guest.0.1.0Invalid", Some("4.1.0+coco-guest.0.1.0")),
        ("+coco-guest.0.1.0", None),
    ] {
        assert_eq!(agent(text.as_bytes()).version.as_deref(), version, "{text}");
    }
}

#[test]
fn what_an_agent_was_built_with_is_what_its_texts_prove() {
    let told = |text: &str| {
        let agent = agent(text.as_bytes());
        format!("{:?} {:?}\n", agent.kind, agent.features)
    };
    let said = [
        told(""),
        told("src/agent/src/rpc.rs Initdata is disabled"),
        told(
            "src/agent/src/rpc.rs Found initdata device /etc/kata-opa/default-policy.rego \
             src/agent/src/storage/image_pull_handler.rs",
        ),
        told("4.1.0+coco-guest.0.1.0 /etc/kata-opa/default-policy.rego"),
    ];
    expect![[r#"
        Unknown {"agent-policy": Some(false), "guest-pull": None, "init-data": None}
        Kata {"agent-policy": Some(false), "guest-pull": None, "init-data": Some(false)}
        Kata {"agent-policy": Some(true), "guest-pull": Some(true), "init-data": Some(true)}
        BuiltIn {"agent-policy": Some(true), "guest-pull": None, "init-data": Some(true)}
    "#]]
    .assert_eq(&said.concat());
}

#[test]
fn the_window_of_a_frame_is_in_its_header() {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    for (rest, window) in [
        (&[0x00, 0x00][..], Some(1024)),
        (&[0x00, 0x58], Some(2 << 20)),
        (&[0x00, 0x89], Some((128 << 20) + (16 << 20))),
        (&[0x20, 0x07], Some(7)),
        (&[0x60, 0x00, 0x01], Some(512)),
        (&[0xa0, 0x00, 0x00, 0x00, 0x01], Some(1 << 24)),
        (&[0x21, 0xff, 0x07], Some(7)),
        (&[0x60, 0x00], None),
        (&[], None),
    ] {
        assert_eq!(zstd_window(&[&magic, rest].concat()), window, "{rest:02x?}");
    }
    assert_eq!(zstd_window(b"\x1f\x8b"), None);
    let packed = zstd::encode_all(&vec![0; 3 << 20][..], 3).unwrap();
    assert_eq!(zstd_window(&packed), Some(2 << 20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_version_is_found_wherever_it_lies(before in 0_usize..3_000, after in 0_usize..2_000) {
        // Around the border between two parts that are searched.
        let start = (1 << 20) - 1_500 + before;
        let bytes = [vec![b'x'; start], b"kata-agent4.1.00.0.1".to_vec(), vec![b'_'; after]].concat();
        let version = agent(&bytes).version;
        prop_assert_eq!(version.as_deref(), Some("4.1.0"));
    }
}
