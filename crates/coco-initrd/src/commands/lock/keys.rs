//! Whose signatures count, and at which time.

use anyhow::Context as _;
use coco_image::profile::source::KeySource;
use coco_packages::openpgp::{self, Keyring};

/// A name that is no key of this program.
#[derive(Debug, thiserror::Error)]
#[error("there are no built-in keys `{got}`, expected {} or a file", openpgp::BUILT_IN.join(", "))]
pub(crate) struct UnknownKeys {
    got: String,
}

/// The keys that `source` names.
pub(super) fn keyring(source: &KeySource) -> anyhow::Result<Keyring> {
    match source {
        KeySource::BuiltIn(name) => {
            let keys = openpgp::built_in(name).ok_or_else(|| UnknownKeys { got: name.clone() })?;
            Ok(Keyring::parse(keys)?)
        }
        KeySource::File(path) => {
            let bytes = fs_err::read(path).context("the keys can't be read")?;
            Keyring::parse(&bytes).with_context(|| format!("{}", path.display()))
        }
    }
}

/// Seconds since 1970, by the clock of this machine: signatures and releases are of a time. Nothing of it is written
/// anywhere.
#[expect(
    clippy::disallowed_methods,
    reason = "what is signed runs out; nothing that is written depends on it"
)]
pub(super) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
