//! What the command line can't bring about: large entries, file systems without nameless files, bad moments.

use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use coco_image::digest::Sha256;

use super::*;

fn key(name: &str) -> GroupKey {
    Sha256::of(name.as_bytes()).into()
}

/// A cache in a directory of its own, whose new files are made this way.
fn cache(way: Way) -> (tempfile::TempDir, Cache) {
    let place = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(place.path().join("cache")).unwrap();
    cache.directory = Directory::open(place.path().join("cache"), way).unwrap();
    (place, cache)
}

fn keep(cache: &Cache, key: GroupKey, parts: &[&[u8]]) {
    let mut keeping = cache.keep(key).unwrap();
    for part in parts {
        keeping.add(part);
    }
    keeping.finish();
}

/// The kept bytes, or why they can't be read.
fn get(cache: &Cache, key: GroupKey) -> Option<Result<Vec<u8>, String>> {
    Some(match cache.get(key, b"of an earlier group".to_vec())? {
        Kept::Bytes(bytes) => Ok(bytes),
        Kept::Stream(mut reader) => {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.to_string())
        }
    })
}

/// Number of entries, leftovers, and of files that are not of the cache.
fn counts(cache: &Cache) -> (usize, usize, usize) {
    let inventory = take(cache.directory.path()).unwrap();
    (inventory.entries().files, inventory.leftovers().files, inventory.foreign.len())
}

fn notes(cache: &Cache) -> Vec<String> {
    let place = cache.directory.path().display().to_string();
    cache.notes().iter().map(|note| note.replace(&place, "CACHE")).collect()
}

#[test]
fn what_is_kept_is_found_again_with_and_without_nameless_files() {
    for way in [Way::Nameless, Way::Named] {
        let (_place, cache) = cache(way);
        assert_eq!(get(&cache, key("a")), None);
        keep(&cache, key("a"), &[b"pack", b"", b"ed"]);
        keep(&cache, key("b"), &[]);
        assert_eq!(get(&cache, key("a")), Some(Ok(b"packed".to_vec())), "{way:?}");
        assert_eq!(get(&cache, key("b")), Some(Ok(Vec::new())), "{way:?}");
        assert_eq!((counts(&cache), notes(&cache)), ((2, 0, 0), Vec::new()), "{way:?}");
    }
}

#[test]
fn an_entry_that_two_have_made_is_there_once() {
    for way in [Way::Nameless, Way::Named] {
        let (_place, cache) = cache(way);
        let (mut a, mut b) = (cache.keep(key("a")).unwrap(), cache.keep(key("a")).unwrap());
        a.add(b"packed");
        b.add(b"packed");
        a.finish();
        b.finish();
        assert_eq!(get(&cache, key("a")), Some(Ok(b"packed".to_vec())), "{way:?}");
        assert_eq!((counts(&cache), notes(&cache)), ((1, 0, 0), Vec::new()), "{way:?}");
    }
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    for way in [Way::Nameless, Way::Named] {
        let (_place, cache) = cache(way);
        let mut keeping = cache.keep(key("a")).unwrap();
        keeping.add(b"pack");
        drop(keeping);
        assert_eq!((get(&cache, key("a")), counts(&cache)), (None, (0, 0, 0)), "{way:?}");
    }
}

#[test]
fn a_name_that_is_taken_by_a_directory_is_told_where_files_are_renamed() {
    let (_place, cache) = cache(Way::Named);
    let mut keeping = cache.keep(key("a")).unwrap();
    keeping.add(b"packed");
    fs_err::create_dir(cache.directory.place(key("a"))).unwrap();
    keeping.finish();
    assert_eq!(notes(&cache), ["the cache CACHE takes no more: Is a directory (os error 21)"]);
    assert_eq!(counts(&cache), (0, 0, 1));
    assert!(cache.keep(key("b")).is_none());
}

#[test]
fn a_cache_that_is_removed_under_a_build_is_told_once() {
    for (way, left) in [(Way::Nameless, 0), (Way::Named, 0)] {
        let (_place, cache) = cache(way);
        let (mut a, mut b) = (cache.keep(key("a")).unwrap(), cache.keep(key("b")).unwrap());
        fs_err::remove_dir_all(cache.directory.path()).unwrap();
        a.add(b"packed");
        b.add(b"packed");
        a.finish();
        b.finish();
        assert_eq!(
            notes(&cache),
            ["the cache CACHE takes no more: No such file or directory (os error 2)"],
            "{way:?}"
        );
        assert_eq!(counts(&cache).0, left);
    }
}

#[test]
fn a_leftover_is_swept_and_one_that_is_written_is_not() {
    let (_place, cache) = cache(Way::Named);
    let mut keeping = cache.keep(key("a")).unwrap();
    keeping.add(b"pack");
    assert_eq!(counts(&cache), (0, 1, 0));
    assert_eq!(sweep(cache.directory.path(), Size(0)).unwrap().leftovers.files, 0);
    keeping.finish();
    assert_eq!(get(&cache, key("a")), Some(Ok(b"packed"[..4].to_vec())));
    let killed = cache.directory.place(key("a")).with_file_name(".new-1-0");
    fs_err::write(&killed, "half").unwrap();
    assert_eq!(sweep(cache.directory.path(), Size(u64::MAX)).unwrap().leftovers.files, 1);
    assert_eq!(counts(&cache), (1, 0, 0));
}

/// Over 16 MiB: such an entry is not held, and read once more when its turn has come.
#[test]
fn a_large_entry_that_changes_after_it_was_compared_is_an_error() {
    let (_place, cache) = cache(Way::here());
    let mebibyte = vec![7; 1 << 20];
    keep(&cache, key("a"), &vec![mebibyte.as_slice(); 17]);
    assert_eq!(get(&cache, key("a")), Some(Ok(mebibyte.repeat(17))));
    let Some(Kept::Stream(mut reader)) = cache.get(key("a"), Vec::new()) else {
        panic!("17 MiB are held");
    };
    let file = fs_err::OpenOptions::new().write(true).open(cache.directory.place(key("a"))).unwrap();
    file.file().write_all_at(b"x", 9 << 20).unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("changed while it was read: SHA-256 got "), "{error}");
    assert_eq!(get(&cache, key("a")), None);
    assert!(notes(&cache)[0].contains(" is damaged (SHA-256 got "));
}

#[test]
fn an_image_has_the_room_it_needs_first() {
    let (_place, cache) = cache(Way::here());
    cache.reserve(u64::MAX);
    assert!(cache.keep(key("a")).is_none());
    let note = notes(&cache).remove(0);
    assert!(note.ends_with(" bytes free, expected 18446744073709551615 for the image alone"), "{note}");
}
