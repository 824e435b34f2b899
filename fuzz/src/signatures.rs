//! What is read of packages: who signed a release, and the headers of RPM packages.

use std::sync::LazyLock;

use coco_packages::openpgp::{Keyring, built_in};
use coco_packages::rpm::Package;

/// Keys that have signed nothing a fuzzer could find.
static DEBIAN: LazyLock<Keyring> = LazyLock::new(|| {
    built_in("debian").and_then(|keys| Keyring::parse(keys).ok()).expect("a test reads the built-in keys")
});

/// The moment for which signatures are judged, in seconds since 1970. Debian's keys are valid then.
const NOW: u64 = 1_800_000_000;

/// A clear-signed message, with a keyring before it or without; and the same bytes as a keyring and a signature.
pub fn openpgp(bytes: &[u8]) {
    assert!(DEBIAN.verify_cleartext(bytes, NOW).is_err(), "nobody forges a signature");
    assert!(DEBIAN.verify_detached(b"data", bytes, NOW).is_err(), "nobody forges a signature");
    let begin = b"-----BEGIN PGP SIGNED MESSAGE-----";
    let middle = bytes.windows(begin.len()).position(|window| window == begin).unwrap_or(bytes.len());
    let (keys, message) = bytes.split_at(middle);
    let Ok(ring) = Keyring::parse(keys) else { return };
    assert!(!ring.fingerprints().is_empty(), "a ring has keys");
    let _ = ring.verify_detached(b"data", message, NOW);
    let Ok(verified) = ring.verify_cleartext(message, NOW) else { return };
    assert!(
        verified.signers.iter().all(|signer| ring.fingerprints().contains(signer)),
        "signers are in the ring"
    );
    assert!(!verified.text.contains('\r'), "lines end in a line feed");
}

/// An RPM package.
pub fn rpm_header(bytes: &[u8]) {
    let Ok(package) = Package::parse(bytes) else { return };
    assert!(package.payload.offset <= bytes.len(), "a payload is in its package");
    assert!(package.verify(&DEBIAN, NOW).is_err(), "nobody forges a signature");
    let headers = bytes.get(..package.payload.offset).unwrap_or_default();
    assert_eq!(Package::parse(headers), Ok(package), "the payload does not show");
}
