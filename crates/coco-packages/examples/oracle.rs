//! What we read, for `ci/oracle-packages` to compare: `oracle versions COUNT`, or `release|deb|copyright
//! FILE...`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "whoever runs it sees it"
)]

use coco_packages::copyright::{self, Licence};
use coco_packages::deb::Version;
use coco_packages::deb::package_file::PackageFile;
use coco_packages::deb::release::Release;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["versions", count] => versions(count.parse().unwrap()),
        ["release", files @ ..] => files.iter().for_each(|file| release(file)),
        ["deb", files @ ..] => files.iter().for_each(|file| deb(file)),
        ["copyright", files @ ..] => files.iter().for_each(|file| licence(file)),
        _ => panic!("got {arguments:?}, expected versions COUNT, or release|deb|copyright FILE..."),
    }
}

/// Prints `ONE OPERATOR OTHER` of versions that are nearly alike, always the same ones.
fn versions(count: usize) {
    let mut state = 7_u64; // Knuth's MMIX
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    let characters = [b'0', b'0', b'1', b'9', b'a', b'Z', b'+', b'.', b'~', b'~', b'-', b':'];
    let mut printed = 0;
    while printed < count {
        let mut one: Vec<u8> = (0..=below(9)).map(|_| characters[below(characters.len())]).collect();
        let length = one.len();
        let mut other = one.clone();
        other[below(length)] = characters[below(characters.len())];
        other.truncate(length - below(2).min(length - 1));
        if below(4) == 0 {
            one.insert(below(length), characters[below(characters.len())]);
        }
        let read = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().parse::<Version>();
        if let (Ok(one), Ok(other)) = (read(one), read(other)) {
            let operator = match one.cmp(&other) {
                std::cmp::Ordering::Less => "lt",
                std::cmp::Ordering::Equal => "eq",
                std::cmp::Ordering::Greater => "gt",
            };
            println!("{one} {operator} {other}");
            printed += 1;
        }
    }
}

/// Prints size, digest and path of the index of `main` for amd64.
fn release(path: &str) {
    let release = Release::parse(&fs_err::read_to_string(path).unwrap()).unwrap();
    let index = release.packages_index("main", "amd64").unwrap();
    println!("{path} {} {} {} {}", release.date.seconds(), index.size, index.sha256, index.path);
}

/// Prints the members of a package.
fn deb(path: &str) {
    let file = PackageFile::parse(&fs_err::read(path).unwrap()).unwrap();
    for member in [file.control, file.data] {
        println!("{path} {} {} {}", member.name, member.offset, member.size);
    }
}

/// Prints the licence of a package, if it is known.
fn licence(path: &str) {
    let text = String::from_utf8_lossy(&fs_err::read(path).unwrap()).into_owned();
    match copyright::licence(&text, "x") {
        Licence::Expression { spdx, texts } => println!("{path}: {spdx}, texts: {}", texts.len()),
        Licence::Text(_) => println!("{path}: text"),
    }
}
