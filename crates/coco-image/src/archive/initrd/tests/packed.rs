//! Our own images, read back: what was packed is what the kernel will unpack.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::customize::{self, Addition, Edits};
use crate::layer::{self, GROUP_BYTES, groups};
use crate::pack::{self, pack};
use crate::tree::{Bodies, DeviceKind, Layer, Parents};
use crate::units::{Epoch, Method, Mode};

impl Bodies for Memory {
    fn open(&self, extent: Extent) -> io::Result<Box<dyn Read + '_>> {
        let start = usize::try_from(extent.offset).unwrap();
        let len = usize::try_from(extent.len).unwrap();
        Ok(Box::new(io::Cursor::new(self.0.lock().unwrap()[start..start + len].to_vec())))
    }
}

fn path(text: &str) -> GuestPath {
    text.parse().unwrap()
}

fn body(text: &str) -> Node {
    Node::File(Mode::FILE, Body::bytes(text.as_bytes()))
}

fn tree(entries: Vec<(&str, Node, Layer)>) -> Tree {
    let mut tree = Tree::default();
    for (name, node, layer) in entries {
        tree.insert(&path(name), node, layer, Parents::Implied).unwrap();
    }
    tree
}

fn image(tree: &Tree, method: Method) -> Vec<u8> {
    let mut image = Vec::new();
    let options = pack::Options { method, threads: NonZeroUsize::new(2).unwrap() };
    pack(&groups(tree, Epoch::default()), options, &Memory::default(), &mut image, &|_| ()).unwrap();
    image
}

/// The lines that reading the image of `tree` back should give. Of several names of a file the lowest
/// is the first there.
fn expected(tree: &Tree) -> Vec<String> {
    let first_of = |path: &GuestPath| match &tree.get(path).unwrap().node {
        Node::HardLink(first) => first.clone(),
        _ => path.clone(),
    };
    let mut lowest = BTreeMap::new();
    let mut lines = Vec::new();
    for (path, entry) in tree.iter().filter(|(path, _)| !path.is_root()) {
        let first = lowest.entry(first_of(path)).or_insert_with(|| path.clone());
        let node = match &entry.node {
            Node::File(..) | Node::HardLink(_) if first != path => Node::HardLink(first.clone()),
            Node::HardLink(first) => tree.get(first).unwrap().node.clone(),
            node => node.clone(),
        };
        let path = path.clone();
        lines.push(match &node {
            Node::File(mode, Body::Bytes(bytes)) => {
                format!("{path} {mode} {}", String::from_utf8_lossy(bytes))
            }
            _ => line(&Member { path, node }, &Memory::default()),
        });
    }
    lines.sort();
    lines
}

fn read_back(image: &[u8]) -> Vec<String> {
    let mut lines = read_with(image, 1 << 30).unwrap();
    lines.sort();
    lines
}

#[test]
fn every_method_reads_back_equal() {
    let link = || Node::HardLink(path("/usr/bin/tool"));
    let device = |kind| Node::Device(kind, Mode::of_stat(0o600), 5, 1);
    let tree = tree(vec![
        ("/usr/bin/tool", body("tool"), Layer::Base),
        ("/usr/bin/other", link(), Layer::Base),
        ("/zzz", link(), Layer::Base),
        ("/bin", Node::Symlink("usr/bin".to_owned()), Layer::Base),
        ("/bin/agent", body("agent"), Layer::Components),
        ("/dev/console", device(DeviceKind::Character), Layer::Configuration),
        ("/dev/disk", device(DeviceKind::Block), Layer::Configuration),
        ("/run/pipe", Node::Fifo(Mode::FILE), Layer::Configuration),
        ("/tmp", Node::Directory(Mode::of_stat(0o1777)), Layer::Configuration),
        ("/empty", body(""), Layer::Configuration),
    ]);
    for method in Method::ALL {
        assert_eq!(read_back(&image(&tree, *method)), expected(&tree), "{method}");
    }
}

#[test]
fn names_of_one_file_in_different_groups_stay_one_file() {
    let large = "x".repeat(usize::try_from(GROUP_BYTES).unwrap());
    let tree = tree(vec![
        ("/a", body("shared"), Layer::Base),
        ("/m", body(&large), Layer::Base),
        ("/z", Node::HardLink(path("/a")), Layer::Base),
    ]);
    assert!(groups(&tree, Epoch::default()).len() > 1);
    for method in Method::ALL {
        let lines = read_back(&image(&tree, *method));
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("/a 0644 shared", "/z = /a"), "{method}");
    }
}

/// `base` with the appendix of `tree` behind it.
fn appended(base: Vec<u8>, tree: &Tree, method: Method) -> Vec<u8> {
    let last = read(&base, &Memory::default(), &options(1 << 30, 1)).unwrap().segments.last().unwrap().format;
    let mut image = base;
    let offset = customize::appendix_offset(u64::try_from(image.len()).unwrap(), last);
    image.resize(usize::try_from(offset).unwrap(), 0);
    let options = pack::Options { method, threads: NonZeroUsize::MIN };
    let appendix = layer::appendix(tree, Epoch::default());
    pack(&[appendix], options, &Memory::default(), &mut image, &|_| ()).unwrap();
    image
}

fn addition(name: &str, text: &[u8]) -> Addition {
    Addition { path: path(name), mode: Mode::FILE, body: Body::bytes(text) }
}

#[test]
fn an_appendix_is_read_behind_an_image_of_any_compression() {
    let base = tree(vec![("/init", body("init"), Layer::Base), ("/etc/a", body("old"), Layer::Base)]);
    let add = vec![addition("/etc/a", b"new"), addition("/etc/b/c", b"more")];
    let done = customize::append(&base, &Edits { add, ..Edits::default() }).unwrap();
    let plain = image(&base, Method::None);
    for pack in [|bytes: &[u8]| bytes.to_vec(), gzip, zstd, xz, lzma, bzip2, lz4] {
        for zeros in 0..6 {
            let base = [pack(&plain), vec![0; zeros]].concat();
            let format = Format::of(&base);
            for method in Method::ALL {
                let image = appended(base.clone(), &done.tree, *method);
                assert!(image.starts_with(&base));
                assert_eq!(read_back(&image), expected(&done.tree), "{format} {zeros} {method}");
            }
        }
    }
}

/// A node for a name, told by one number; names are such that directories may be in the way.
fn random_tree(choices: &[(u8, u8, u8, Vec<u8>)]) -> Tree {
    let mut tree = Tree::default();
    let mut files: Vec<(GuestPath, Layer)> = Vec::new();
    for (kind, place, layer, bytes) in choices {
        let layer = Layer::ALL[usize::from(layer % 3)];
        let directory = ["", "/usr", "/usr/lib", "/a b", "/über", "/lib"][usize::from(place % 6)];
        let path = path(&format!("{directory}/{}", place / 6 % 8));
        let mode = Mode::of_stat(u32::from(*kind) * 37);
        let node = match kind % 8 {
            0 => Node::Directory(mode),
            1 => Node::Symlink("../usr/./lib".to_owned()),
            2 => Node::Device(DeviceKind::Block, mode, u32::from(*place), 1),
            3 => Node::Fifo(mode),
            4 | 5 if !files.is_empty() => {
                let (first, layer_of_first) = &files[usize::from(*place) % files.len()];
                if *layer_of_first != layer {
                    continue;
                }
                Node::HardLink(first.clone())
            }
            _ => Node::File(mode, Body::bytes(bytes)),
        };
        let is_file = matches!(node, Node::File(..));
        // What can't be in a tree is not what is tested here.
        if tree.insert(&path, node, layer, Parents::Implied).is_ok() && is_file {
            files.push((path, layer));
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_reads_back_equal(
        choices in prop::collection::vec(
            (any::<u8>(), any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)),
            0..40,
        ),
    ) {
        let tree = random_tree(&choices);
        prop_assert_eq!(read_back(&image(&tree, Method::None)), expected(&tree));
        prop_assert_eq!(read_back(&image(&tree, Method::Zstd)), expected(&tree));
    }

    #[test]
    fn any_tree_with_an_appendix_reads_back_equal(
        choices in prop::collection::vec(
            (any::<u8>(), any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)),
            0..40,
        ),
        places in prop::collection::btree_set(any::<u8>(), 1..12),
    ) {
        let mut base = random_tree(&choices);
        base.insert(&path("/init"), body("init"), Layer::Base, Parents::Required).unwrap();
        let mut edits = Edits::default();
        for place in places {
            let directory = ["", "/usr", "/usr/lib", "/a b", "/lib", "/usr/0"][usize::from(place % 6)];
            edits.add.push(addition(&format!("{directory}/{}", place / 6 % 8), &[place]));
            // What can't be appended is not what is tested here.
            if customize::append(&base, &edits).is_err() {
                edits.add.pop();
            }
        }
        let done = customize::append(&base, &edits).unwrap();
        for (method, other) in [(Method::Zstd, Method::None), (Method::None, Method::Gzip)] {
            let image = appended(image(&base, method), &done.tree, other);
            prop_assert_eq!(read_back(&image), expected(&done.tree));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_with(&bytes, 1 << 20);
        for magic in [&b"070701"[..], b"070702", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0"] {
            let _ = read_with(&[magic, &bytes].concat(), 1 << 20);
        }
    }

    #[test]
    fn any_header_is_read_or_refused(fields in prop::collection::vec(0_u32..200, 13), body in any::<[u8; 32]>()) {
        let digits: Vec<String> = fields.iter().map(|field| format!("{field:08x}")).collect();
        let image = [b"070701".to_vec(), digits.concat().into_bytes(), body.to_vec()].concat();
        let _ = read_with(&image, 1 << 20);
    }
}
