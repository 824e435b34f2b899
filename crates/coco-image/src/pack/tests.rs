//! Packing with few and many threads, of bodies that are not what they were, to disks that are full.

mod cached;

use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::archive::initrd;
use crate::layer::{Contents, End, GROUP_BYTES, Member, groups};
use crate::newc::{self, Header};
use crate::tree::{Body, Extent, Node, Parents, Place, Spool, Tree};
use crate::units::{Epoch, Mode};

/// Bodies made up when they are read; the number of the store says how.
struct Synthetic;

const ZEROS: u32 = 0;
const NOISE: u32 = 1;
const SHORT: u32 = 2;
const LONG: u32 = 3;
const CLOSED: u32 = 4;
const BROKEN: u32 = 5;
const PANIC: u32 = 6;
const SLOW: u32 = 7;

impl Bodies for Synthetic {
    fn open(&self, extent: Extent) -> io::Result<Box<dyn Read + '_>> {
        let zeros = |len| Box::new(io::repeat(0).take(len));
        match extent.store {
            NOISE => Ok(Box::new(Noise(extent.offset | 1).take(extent.len))),
            SHORT => Ok(zeros(extent.len - 1)),
            LONG => Ok(zeros(extent.len + 1)),
            CLOSED => Err(io::Error::other("no such file")),
            BROKEN => Ok(Box::new(zeros(extent.len / 2).chain(Broken))),
            PANIC => panic!("a body that panics"),
            SLOW => {
                std::thread::sleep(Duration::from_millis(200));
                Ok(zeros(extent.len))
            }
            _ => Ok(zeros(extent.len)),
        }
    }
}

/// Bytes that look random and are the same each time (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(buffer.len())
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("bad sector"))
    }
}

/// A disk with room for so many bytes.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("disk full"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says where a body would be, and keeps nothing.
struct Nowhere;

impl Spool for Nowhere {
    fn keep(&self, _: &GuestPath, _: Place, _: &mut dyn Read, len: u64) -> io::Result<Extent> {
        Ok(Extent { store: ZEROS, offset: 0, len })
    }
}

fn body(store: u32, offset: u64, len: u64) -> Body {
    Body::Extent(Extent { store, offset, len })
}

/// A tree of files in this order of layers: name, layer, body.
fn tree(files: &[(&str, Layer, Body)]) -> Tree {
    let mut tree = Tree::default();
    for (name, layer, body) in files {
        let node = Node::File(Mode::FILE, body.clone());
        tree.insert(&name.parse().unwrap(), node, *layer, Parents::Implied).unwrap();
    }
    tree
}

/// One group with one file of this body.
fn group(index: usize, body: Body) -> Group {
    let name = format!("f{index}");
    let len = newc::member_len(&name, body.len());
    let header = Header {
        mode: 0o100_644,
        nlink: 1,
        filesize: u32::try_from(body.len()).unwrap(),
        ..Header::default()
    };
    let member = Member { path: format!("/{name}").parse().unwrap(), header, body, contents: Contents::File };
    Group { layer: Layer::Base, members: vec![member], end: End::Open, len }
}

fn options(method: Method, threads: usize) -> Options {
    let threads = NonZeroUsize::new(threads).unwrap();
    Options { method, threads }
}

/// Runs `work`, and fails where it would hang.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(work()));
    match receive.recv_timeout(Duration::from_mins(1)) {
        Ok(result) => result,
        Err(error) => panic!("packing hangs or panicked: {error}"),
    }
}

fn packed(groups: Vec<Group>, method: Method, threads: usize) -> (Vec<u8>, Packed) {
    in_time(move || {
        let mut image = Vec::new();
        let packed = pack(&groups, options(method, threads), &Synthetic, &mut image, &|_| ()).unwrap();
        (image, packed)
    })
}

fn failed(groups: Vec<Group>, method: Method, threads: usize, room: usize) -> String {
    in_time(move || {
        let error = pack(&groups, options(method, threads), &Synthetic, &mut Disk(room), &|_| ());
        error.unwrap_err().to_string()
    })
}

fn each_way() -> impl Iterator<Item = (Method, usize)> {
    Method::ALL.iter().flat_map(|method| [1, 2, 3, 8].map(|threads| (*method, threads)))
}

/// Three layers with several groups each, one file larger than a group.
fn three_layers() -> Vec<Group> {
    let tree = tree(&[
        ("/usr/a", Layer::Base, body(NOISE, 1, 3 << 20)),
        ("/usr/b", Layer::Base, body(NOISE, 2, GROUP_BYTES + 5)),
        ("/usr/c", Layer::Base, body(ZEROS, 0, 3 << 20)),
        ("/opt/d", Layer::Components, body(NOISE, 3, 100_001)),
        ("/opt/e", Layer::Components, Body::bytes(b"")),
        ("/init", Layer::Configuration, Body::bytes(b"guard")),
    ]);
    groups(&tree, Epoch::default())
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    for method in Method::ALL {
        let expected = packed(three_layers(), *method, 1);
        for threads in [2, 3, 8] {
            assert!(packed(three_layers(), *method, threads) == expected, "{method}, {threads} threads");
        }
    }
}

#[test]
fn digests_are_of_the_image_and_of_its_slices() {
    for method in Method::ALL {
        let (image, packed) = packed(three_layers(), *method, 2);
        assert_eq!(packed.size, u64::try_from(image.len()).unwrap());
        assert_eq!((packed.sha256, packed.sha384), (Sha256::of(&image), Sha384::of(&image)));
        let mut rest = image.as_slice();
        for layer in &packed.layers {
            let (slice, behind) = rest.split_at(usize::try_from(layer.packed).unwrap());
            assert_eq!(layer.sha256, Sha256::of(slice), "{method} {:?}", layer.layer);
            rest = behind;
        }
        assert_eq!(rest.len(), 0);
    }
}

#[test]
fn layers_are_counted_in_order() {
    let (image, packed) = packed(three_layers(), Method::None, 3);
    let counts: Vec<(Layer, usize)> =
        packed.layers.iter().map(|layer| (layer.layer, layer.members)).collect();
    assert_eq!(counts, [(Layer::Base, 5), (Layer::Components, 3), (Layer::Configuration, 1)]);
    assert!(packed.layers.iter().all(|layer| layer.unpacked == layer.packed));
    assert_eq!(
        packed.layers.iter().map(|layer| layer.packed).sum::<u64>(),
        u64::try_from(image.len()).unwrap()
    );
}

#[test]
fn every_file_has_the_digest_of_its_body() {
    let (_, packed) = packed(three_layers(), Method::Zstd, 2);
    let noise = |seed, len| {
        let mut bytes = Vec::new();
        Noise(seed).take(len).read_to_end(&mut bytes).unwrap();
        Sha256::of(&bytes)
    };
    let expected = [
        ("/init", Sha256::of(b"guard")),
        ("/opt/d", noise(3, 100_001)),
        ("/opt/e", Sha256::of(b"")),
        ("/usr/a", noise(1, 3 << 20)),
        ("/usr/b", noise(3, GROUP_BYTES + 5)),
        ("/usr/c", Sha256::of(&vec![0; 3 << 20])),
    ];
    let got: Vec<(&str, Sha256)> =
        packed.files.iter().map(|(path, digest)| (path.as_str(), *digest)).collect();
    assert_eq!(got, expected);
}

#[test]
fn progress_is_told_for_every_group() {
    let groups = three_layers();
    let total: u64 = groups.iter().map(|group| group.len).sum();
    let told = AtomicUsize::new(0);
    let count = |bytes| {
        told.fetch_add(usize::try_from(bytes).unwrap(), Ordering::Relaxed);
    };
    pack(&groups, options(Method::None, 2), &Synthetic, &mut io::sink(), &count).unwrap();
    assert_eq!(told.into_inner(), usize::try_from(total).unwrap());
}

#[test]
fn an_image_without_groups_is_empty() {
    let (image, packed) = packed(Vec::new(), Method::Gzip, 2);
    assert_eq!((image.len(), packed.layers.len(), packed.sha256), (0, 0, Sha256::of(b"")));
}

#[test]
fn a_body_that_is_not_what_it_was_is_an_error_that_names_the_file() {
    for (store, error) in [
        (SHORT, "/f2: changed while it was read: got 999 bytes or more, expected 1000"),
        (LONG, "/f2: changed while it was read: got 1001 bytes or more, expected 1000"),
        (CLOSED, "/f2: no such file"),
        (BROKEN, "/f2: bad sector"),
    ] {
        for (method, threads) in each_way() {
            let groups =
                (0..20).map(|index| group(index, body(if index == 2 { store } else { ZEROS }, 0, 1000)));
            assert_eq!(failed(groups.collect(), method, threads, usize::MAX), error, "{method} {threads}");
        }
    }
}

#[test]
fn a_huge_body_that_is_not_what_it_was_is_an_error_too() {
    for (store, got) in [(SHORT, ONE_SHOT_MAX - 1), (LONG, ONE_SHOT_MAX + 1)] {
        let groups = vec![
            group(0, body(ZEROS, 0, 10)),
            group(1, body(store, 0, ONE_SHOT_MAX)),
            group(2, body(ZEROS, 0, 10)),
        ];
        assert_eq!(
            failed(groups, Method::Zstd, 2, usize::MAX),
            format!("/f1: changed while it was read: got {got} bytes or more, expected {ONE_SHOT_MAX}")
        );
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for (method, threads) in each_way() {
        let groups = (0..20).map(|index| group(index, body(NOISE, 1, 10_000)));
        assert_eq!(
            failed(groups.collect(), method, threads, 50_000),
            "writing the image: disk full",
            "{method} {threads}"
        );
    }
}

#[test]
fn a_disk_that_fills_up_with_a_huge_file_is_an_error() {
    for method in Method::ALL {
        let groups = vec![group(0, body(NOISE, 1, ONE_SHOT_MAX)), group(1, body(ZEROS, 0, 10))];
        assert_eq!(failed(groups, *method, 2, 50_000), "writing the image: disk full", "{method}");
    }
}

#[test]
fn a_panic_ends_all_threads_and_is_passed_on() {
    let groups = vec![group(0, body(PANIC, 0, 10)), group(1, body(ZEROS, 0, ONE_SHOT_MAX))];
    let panic = in_time(move || {
        let mut image = io::sink();
        let work = || pack(&groups, options(Method::None, 2), &Synthetic, &mut image, &|_| ());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err()
    });
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a body that panics"));
}

#[test]
fn a_group_over_the_limit_is_streamed_and_reads_back() {
    for method in Method::ALL {
        for len in [ONE_SHOT_MAX - 200, ONE_SHOT_MAX, ONE_SHOT_MAX + (1 << 20)] {
            let tree = tree(&[
                ("/a", Layer::Base, Body::bytes(b"before")),
                ("/b", Layer::Base, body(ZEROS, 0, len)),
                ("/c", Layer::Base, Body::bytes(b"behind")),
            ]);
            let (image, _) = packed(groups(&tree, Epoch::default()), *method, 2);
            let options = initrd::Options {
                limit: 1 << 30,
                threads: NonZeroUsize::new(2).unwrap(),
                digests: initrd::Digests::Unwanted,
            };
            let members = initrd::read(&image, &Nowhere, &options).unwrap().into_members();
            let below = members.iter().filter(|member| !member.path.is_root());
            let sizes = below.map(|member| match &member.node {
                Node::File(_, body) => (member.path.as_str(), body.len()),
                other => panic!("{other:?}"),
            });
            assert_eq!(sizes.collect::<Vec<_>>(), [("/a", 6), ("/b", len), ("/c", 6)], "{method}");
        }
    }
}

#[test]
fn a_slow_first_group_makes_the_others_wait_and_no_more() {
    let groups: Vec<Group> =
        (0..24).map(|index| group(index, body(if index == 0 { SLOW } else { ZEROS }, 0, 4 << 20))).collect();
    let (image, _) = packed(groups.clone(), Method::None, 4);
    assert!(image == packed(groups, Method::None, 1).0);
}

#[test]
fn groups_of_any_size_come_out_in_order() {
    for seed in 1..30 {
        let mut dice = Noise(seed * 0x9e37_79b9);
        let groups: Vec<Group> = (0..usize::try_from(dice.below(80)).unwrap())
            .map(|index| {
                let len = [0, dice.below(10), dice.below(5_000), dice.below(200_000)];
                let store = if dice.below(3) == 0 { NOISE } else { ZEROS };
                group(index, body(store, seed, len[usize::try_from(dice.below(4)).unwrap()]))
            })
            .collect();
        let method = Method::ALL[usize::try_from(seed % 3).unwrap()];
        let expected = packed(groups.clone(), method, 1);
        let threads = usize::try_from(2 + seed % 7).unwrap();
        assert!(packed(groups, method, threads) == expected, "seed {seed}");
    }
}
