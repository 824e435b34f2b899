//! Judges a clear-signed message for `ci/oracle-openpgp`: FOLDER KEYRING NOW MESSAGE.
//!
//! The message is judged as it is, and with one byte changed in each of 50 ways. Into FOLDER go all of them by
//! number, the text of those that are accepted, and the verdicts.

#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::fmt::Write;
use std::path::Path;

use coco_packages::openpgp::Keyring;

/// How many changes there are.
const CHANGES: u64 = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, keyring, now, message] = arguments.as_slice() else {
        panic!("got {arguments:?}, expected FOLDER KEYRING NOW MESSAGE");
    };
    let folder = Path::new(folder);
    let keyring = Keyring::parse(&fs_err::read(keyring).unwrap()).unwrap();
    let now = now.parse().unwrap();
    let message = fs_err::read(message).unwrap();
    let mut verdicts = String::new();
    for number in 0..=CHANGES {
        let bytes = changed(&message, number);
        fs_err::write(folder.join(number.to_string()), &bytes).unwrap();
        match keyring.verify_cleartext(&bytes, now) {
            Ok(verified) => {
                fs_err::write(folder.join(format!("{number}.text")), verified.text).unwrap();
                let signers: Vec<_> = verified.signers.iter().map(ToString::to_string).collect();
                writeln!(verdicts, "{number} good {}", signers.join(" ")).unwrap();
            }
            Err(error) => writeln!(verdicts, "{number} bad {error}").unwrap(),
        }
    }
    fs_err::write(folder.join("verdicts"), verdicts).unwrap();
}

/// `message` with the change of that number; the first is none. Every other is among the signatures at its end.
fn changed(message: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = message.to_vec();
    if number == 0 {
        return bytes;
    }
    let random =
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let range = if number.is_multiple_of(2) { bytes.len() } else { bytes.len().min(2048) };
    let from_end = usize::try_from(random >> 16).unwrap() % range;
    let index = bytes.len() - 1 - from_end;
    let bit = u8::try_from(random & 7).unwrap();
    *bytes.get_mut(index).unwrap() ^= 1 << bit;
    bytes
}
