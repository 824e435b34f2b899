//! Reads and judges a package for `ci/oracle-rpm`: FOLDER KEYRING NOW PACKAGE.
//!
//! Into FOLDER go the package by the number 0, and with one byte of its header or payload changed in each of 50 ways
//! by their numbers; in `verdicts` is whether each is good, and in `fields` what the package says of itself.

#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::fmt::Write;
use std::path::Path;

use coco_packages::openpgp::Keyring;
use coco_packages::rpm::Package;
use sha2::{Digest, Sha256};

/// How many changes there are.
const CHANGES: u64 = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, keyring, now, package] = arguments.as_slice() else {
        panic!("got {arguments:?}, expected FOLDER KEYRING NOW PACKAGE");
    };
    let folder = Path::new(folder);
    let keyring = Keyring::parse(&fs_err::read(keyring).unwrap()).unwrap();
    let now = now.parse().unwrap();
    let bytes = fs_err::read(package).unwrap();
    fs_err::write(folder.join("fields"), fields(&Package::parse(&bytes).unwrap())).unwrap();
    let mut verdicts = String::new();
    for number in 0..=CHANGES {
        let bytes = changed(&bytes, number);
        fs_err::write(folder.join(number.to_string()), &bytes).unwrap();
        match judge(&bytes, &keyring, now) {
            Ok(()) => writeln!(verdicts, "{number} good").unwrap(),
            Err(error) => writeln!(verdicts, "{number} bad {error}").unwrap(),
        }
    }
    fs_err::write(folder.join("verdicts"), verdicts).unwrap();
}

fn judge(bytes: &[u8], keyring: &Keyring, now: u64) -> Result<(), String> {
    let package = Package::parse(bytes).map_err(|error| error.to_string())?;
    package.verify(keyring, now).map_err(|error| error.to_string())?;
    let digest = <[u8; 32]>::from(Sha256::digest(bytes.get(package.payload.offset..).unwrap()));
    if package.payload.sha256 == Some(digest) { Ok(()) } else { Err("the payload is another".to_owned()) }
}

/// As rpm's query of `ci/oracle-rpm` has them.
fn fields(package: &Package) -> String {
    let vendor = package.vendor.as_deref().unwrap_or("(none)");
    let sha256 = data_encoding::HEXLOWER.encode(&package.payload.sha256.unwrap());
    let scripts = package.scripts.join(" ");
    let Package { name, version, arch, license, size, payload, .. } = package;
    format!("{name}|{version}|{arch}|{license}|{vendor}|{size}|{}|{sha256}|{scripts}\n", payload.compressor)
}

/// `package` with the change of that number; the first is none.
fn changed(package: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = package.to_vec();
    if number == 0 {
        return bytes;
    }
    let is_header = |at: &usize| bytes.get(*at..*at + 4) == Some(b"\x8E\xAD\xE8\x01");
    let start = (0..bytes.len()).filter(is_header).nth(1).unwrap();
    let random =
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let at = start + usize::try_from(random >> 16).unwrap() % (bytes.len() - start);
    *bytes.get_mut(at).unwrap() ^= 1 << (random & 7);
    bytes
}
