//! Packing with a cache: the image is the same, and nothing is compressed twice.

use std::sync::Mutex;

use super::*;

/// Kept groups in memory, with a count of those that were found.
#[derive(Default)]
struct Shelf {
    kept: Mutex<BTreeMap<GroupKey, Vec<u8>>>,
    found: AtomicUsize,
    gives: Gives,
}

/// How kept bytes are given.
#[derive(Default, Clone, Copy)]
enum Gives {
    #[default]
    Whole,
    Streamed,
    /// Streamed, and the second half can't be read.
    Half,
}

impl GroupCache for Shelf {
    fn get(&self, key: GroupKey, _: Vec<u8>) -> Option<Kept<'_>> {
        let bytes = self.kept.lock().unwrap().get(&key).cloned()?;
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(match self.gives {
            Gives::Whole => Kept::Bytes(bytes),
            Gives::Streamed => Kept::Stream(Box::new(io::Cursor::new(bytes))),
            Gives::Half => {
                let half = bytes.len() / 2;
                Kept::Stream(Box::new(io::Cursor::new(bytes[..half].to_vec()).chain(Broken)))
            }
        })
    }

    fn keep(&self, key: GroupKey) -> Option<Box<dyn Keeping + '_>> {
        Some(Box::new(InMemory { cache: self, key, bytes: Vec::new() }))
    }
}

struct InMemory<'c> {
    cache: &'c Shelf,
    key: GroupKey,
    bytes: Vec<u8>,
}

impl Keeping for InMemory<'_> {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(self: Box<Self>) {
        let Self { cache, key, bytes } = *self;
        let before = cache.kept.lock().unwrap().insert(key, bytes);
        assert_eq!(before, None, "compressed twice");
    }
}

/// A cache that can't keep anything.
struct Full;

impl GroupCache for Full {
    fn get(&self, _: GroupKey, _: Vec<u8>) -> Option<Kept<'_>> {
        None
    }

    fn keep(&self, _: GroupKey) -> Option<Box<dyn Keeping + '_>> {
        None
    }
}

/// Bodies that are zeros when they are read first, and something else after that.
#[derive(Default)]
struct Changing(AtomicUsize);

impl Bodies for Changing {
    fn open(&self, extent: Extent) -> io::Result<Box<dyn Read + '_>> {
        let times = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(io::repeat(u8::try_from(times).unwrap()).take(extent.len)))
    }
}

fn with_cache(
    groups: &[Group],
    options: Options,
    bodies: &dyn Bodies,
    cache: &dyn GroupCache,
) -> Result<(Vec<u8>, Packed), PackError> {
    let mut image = Vec::new();
    let packed = pack_from(groups, options, Sources { bodies, cache: Some(cache) }, &mut image, &|_| ())?;
    Ok((image, packed))
}

/// The keys of all groups.
fn keys(groups: &[Group], method: Method) -> Vec<GroupKey> {
    let reader = GroupReader::new(&Synthetic, method);
    groups.iter().map(|group| reader.read(group, &mut Memory::default()).unwrap().key).collect()
}

#[test]
fn an_image_does_not_show_what_was_kept() {
    let groups = three_layers();
    for (method, threads) in each_way().filter(|(_, threads)| *threads != 8) {
        let expected = packed(groups.clone(), method, 1);
        for gives in [Gives::Whole, Gives::Streamed] {
            let cache = Shelf { gives, ..Shelf::default() };
            for found in [0, groups.len()] {
                let got = with_cache(&groups, options(method, threads), &Synthetic, &cache).unwrap();
                assert!(got == expected, "{method} {threads}");
                assert_eq!(cache.found.swap(0, Ordering::Relaxed), found, "{method} {threads}");
            }
        }
    }
}

#[test]
fn what_can_not_be_kept_is_packed_all_the_same() {
    let got = with_cache(&three_layers(), options(Method::Gzip, 2), &Synthetic, &Full).unwrap();
    assert!(got == packed(three_layers(), Method::Gzip, 1));
}

#[test]
fn groups_that_are_read_twice_or_streamed_are_kept_as_well() {
    let tree = tree(&[
        ("/a", Layer::Base, Body::bytes(b"before")),
        ("/b", Layer::Base, body(ZEROS, 0, ONE_SHOT_MAX)),
        ("/c", Layer::Base, body(ZEROS, 0, SMALL)),
    ]);
    let groups = groups(&tree, Epoch::default());
    for method in Method::ALL {
        let expected = packed(groups.clone(), *method, 1);
        let cache = Shelf { gives: Gives::Streamed, ..Shelf::default() };
        for found in [0, 3] {
            let got = with_cache(&groups, options(*method, 2), &Synthetic, &cache).unwrap();
            assert!(got == expected, "{method}");
            assert_eq!(cache.found.swap(0, Ordering::Relaxed), found, "{method}");
        }
    }
}

#[test]
fn a_large_file_that_changes_between_its_two_readings_is_an_error() {
    for len in [SMALL, ONE_SHOT_MAX] {
        let groups = [group(0, body(ZEROS, 0, len))];
        let cache = Shelf::default();
        let error = with_cache(&groups, options(Method::Zstd, 1), &Changing::default(), &cache).unwrap_err();
        let digest = |byte| Sha256::of(&vec![byte; usize::try_from(len).unwrap()]);
        assert_eq!(
            error.to_string(),
            format!("/f0: changed while it was read: got SHA-256 {}, expected {}", digest(1), digest(0))
        );
        // What is kept has the key of what was packed: the bytes of the second reading, or nothing.
        let before = keys(&groups, Method::Zstd)[0];
        assert!(!cache.kept.lock().unwrap().contains_key(&before), "{len}");
    }
}

#[test]
fn kept_bytes_that_fail_half_way_are_an_error() {
    let cache = Shelf { gives: Gives::Half, ..Shelf::default() };
    let work = || with_cache(&three_layers(), options(Method::Gzip, 2), &Synthetic, &cache);
    work().unwrap();
    assert_eq!(work().unwrap_err().to_string(), "reading the cache: bad sector");
}

#[test]
fn every_byte_of_a_group_is_in_its_key() {
    let original = || group(1, Body::bytes(b"body"));
    let mut others = vec![(original(), Method::Gzip), (original(), Method::Zstd), (original(), Method::None)];
    let mut add = |change: &dyn Fn(&mut Group)| {
        let mut group = original();
        change(&mut group);
        others.push((group, Method::Gzip));
    };
    add(&|group| group.end = End::Trailer);
    add(&|group| group.members.clear());
    add(&|group| group.members.push(group.members[0].clone()));
    add(&|group| group.members[0].path = "/f2".parse().unwrap());
    add(&|group| group.members[0].body = Body::bytes(b"Body"));
    add(&|group| group.members[0].header.ino = 7);
    add(&|group| group.members[0].header.mode = 0o100_755);
    add(&|group| group.members[0].header.uid = 7);
    add(&|group| group.members[0].header.gid = 7);
    add(&|group| group.members[0].header.nlink = 7);
    add(&|group| group.members[0].header.mtime = 7);
    add(&|group| group.members[0].header.filesize = 7);
    add(&|group| group.members[0].header.dev_major = 7);
    add(&|group| group.members[0].header.dev_minor = 7);
    add(&|group| group.members[0].header.rdev_major = 7);
    add(&|group| group.members[0].header.rdev_minor = 7);
    let all: Vec<GroupKey> =
        others.iter().map(|(group, method)| keys(std::slice::from_ref(group), *method)[0]).collect();
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn where_a_group_is_in_an_image_is_not_in_its_key() {
    let mut other = group(1, Body::bytes(b"body"));
    other.layer = Layer::Configuration;
    let both = keys(&[group(1, Body::bytes(b"body")), other], Method::Gzip);
    assert_eq!(both[0], both[1]);
}

/// Kept groups are of use only as long as keys stay: a change here makes every cache worthless once.
#[test]
fn keys_stay_as_they_are() {
    let key = keys(&[group(1, Body::bytes(b"body"))], Method::None)[0];
    assert_eq!(key.to_string(), "312b89c9a4080c975adfd97376ca8d78de1ed0d80b3c8696deb5fdbbc1ddb8e9");
}

#[test]
fn one_cache_for_many_trees_never_shows() {
    let cache = Shelf::default();
    for seed in 1..40 {
        let mut dice = Noise(seed * 0x9e37_79b9);
        // Few different bodies and names: groups come back, whole and in parts.
        let groups: Vec<Group> = (0..=dice.below(12))
            .map(|_| {
                let index = usize::try_from(dice.below(3)).unwrap();
                let store = if dice.below(2) == 0 { NOISE } else { ZEROS };
                let mut group = group(index, body(store, dice.below(2), 1 + dice.below(3) * 1000));
                group.end = if dice.below(4) == 0 { End::Trailer } else { End::Open };
                group
            })
            .collect();
        let method = Method::ALL[usize::try_from(seed % 3).unwrap()];
        // One thread: with more, two may pack the same group at once, which is no harm but is counted here.
        let (image, _) = with_cache(&groups, options(method, 1), &Synthetic, &cache).unwrap();
        assert!(image == packed(groups, method, 2).0, "seed {seed}");
    }
    assert!(cache.found.into_inner() > 50);
}
