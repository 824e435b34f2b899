//! The content store: what is kept, what is found, and what is refused.

use super::*;

fn content(bytes: &[u8]) -> Content {
    Content { size: u64::try_from(bytes.len()).unwrap(), sha256: Sha256::of(bytes) }
}

fn store() -> (tempfile::TempDir, ContentStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = ContentStore::create(directory.path().join("store")).unwrap();
    (directory, store)
}

#[test]
fn a_store_that_was_not_made_to_its_end_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT-17"), "coco").unwrap();
    ContentStore::create(directory.path().to_owned()).unwrap();
    fs::remove_file(directory.path().join("FORMAT")).unwrap();
    let error = ContentStore::create(directory.path().to_owned()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign(_)), "{error}");
}

fn put(store: &ContentStore, bytes: &[u8], named: Content) -> Result<(), Sha256> {
    let mut partial = store.partial(named).unwrap();
    partial.push(bytes).unwrap();
    match partial.finish().unwrap() {
        Finished::Whole(whole) => {
            store.keep(whole).unwrap();
            Ok(())
        }
        Finished::Wrong { got, .. } => Err(got),
    }
}

#[test]
fn what_was_kept_is_found_under_its_digest() {
    let (_directory, store) = store();
    put(&store, b"hello", content(b"hello")).unwrap();
    let path = store.find(content(b"hello"), "it").unwrap();
    assert_eq!(fs::read(path).unwrap(), b"hello");
    assert!(store.has(content(b"hello")).unwrap());
}

#[test]
fn wrong_bytes_are_never_kept_and_leave_nothing() {
    let (_directory, store) = store();
    assert_eq!(put(&store, b"jello", content(b"hello")), Err(Sha256::of(b"jello")));
    assert!(store.find(content(b"hello"), "it").is_err());
    assert_eq!(fs::read_dir(store.root().join(PARTIAL)).unwrap().count(), 0);
}

#[test]
fn a_partial_file_goes_on_where_it_ended() {
    let (_directory, store) = store();
    store.partial(content(b"hello")).unwrap().push(b"hel").unwrap();
    let mut partial = store.partial(content(b"hello")).unwrap();
    assert_eq!((partial.len(), partial.missing()), (3, 2));
    partial.push(b"lo").unwrap();
    assert!(matches!(partial.finish().unwrap(), Finished::Whole(_)));
}

#[test]
fn what_is_left_of_another_size_is_begun_anew() {
    let (_directory, store) = store();
    let path = store.root().join(PARTIAL).join(Sha256::of(b"hi").to_string());
    fs::write(path, b"too long").unwrap();
    assert_eq!(store.partial(content(b"hi")).unwrap().len(), 0);
}

#[test]
fn damaged_contents_are_not_there() {
    let (_directory, store) = store();
    put(&store, b"hello", content(b"hello")).unwrap();
    let path = store.find(content(b"hello"), "it").unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"hellO").unwrap();
    assert!(!store.has(content(b"hello")).unwrap());
}

#[test]
fn a_directory_of_somebody_else_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.tex"), "").unwrap();
    let error = ContentStore::create(directory.path().to_owned()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign(_)), "{error}");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FORMAT_FILE), "coco-initrd content store, format 2\n").unwrap();
    let error = ContentStore::create(directory.path().to_owned()).unwrap_err();
    assert!(matches!(error, StoreError::Format(_)), "{error}");
}

#[test]
fn more_than_the_disk_has_room_for_is_said_before() {
    let (_directory, store) = store();
    store.has_room(0).unwrap();
    assert!(matches!(store.has_room(u64::MAX), Err(StoreError::NoSpace { .. })));
}
