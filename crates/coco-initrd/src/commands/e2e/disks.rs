//! The disks of a scenario: their bytes, made of the image's own policy.

use coco_acceptance::{Disk, Opened};
use coco_initdata::{Algorithm, Initdata};
use coco_policy::{Opening, Toggle};

use super::changes::open_policy;

/// The size of a block: QEMU shows no disk of less.
const BLOCK: usize = 512;

/// A policy that can't be made, or initdata that can't; the scenario can't be played.
#[derive(Debug, thiserror::Error)]
#[error("{what} can't be made from the image's policy: {reason}")]
pub(crate) struct NotMade {
    what: &'static str,
    reason: String,
}

/// The disk's bytes; `policy` is the default policy of the image.
pub(crate) fn bytes(disk: Disk, policy: &[u8]) -> Result<Vec<u8>, NotMade> {
    match disk {
        Disk::Initdata(opened) => Ok(initdata(opened, policy)?.image()),
        Disk::DamagedInitdata => {
            let mut image = initdata(Opened::Logs, policy)?.image();
            // Behind the magic word and the length are the first bytes of the gzip.
            if let Some(magic) = image.get_mut(16..18) {
                magic.fill(0xff);
            }
            Ok(image)
        }
        Disk::UnknownAlgorithm => unknown_algorithm(policy),
        Disk::OpenPolicy => Ok(padded(open_policy())),
        // Without the second line an agent that is booted with a runtime's command line ends.
        Disk::AgentConfiguration => {
            Ok(padded("policy_file = \"/dev/vdb\"\nunified_cgroup_hierarchy = true\n".to_owned()))
        }
    }
}

fn opening(opened: Opened) -> Opening {
    let toggles = match opened {
        Opened::Logs => vec![Toggle::Logs],
        Opened::Exec => vec![Toggle::Exec],
        Opened::LogsAndExec => vec![Toggle::Logs, Toggle::Exec],
    };
    Opening { toggles: toggles.into_iter().collect(), ..Opening::default() }
}

fn initdata(opened: Opened, policy: &[u8]) -> Result<Initdata, NotMade> {
    let what = "a policy that opens something";
    let failed = |reason: String| NotMade { what, reason };
    let default = str::from_utf8(policy).map_err(|error| failed(error.to_string()))?;
    let derived = coco_policy::derive("the image's", default, &opening(opened))
        .map_err(|error| failed(error.to_string()))?;
    Initdata::new(Algorithm::Sha256, [("policy.rego".to_owned(), derived.text)].into())
        .map_err(|error| failed(error.to_string()))
}

/// The same document, with a word that is no algorithm, wrapped as any other.
fn unknown_algorithm(policy: &[u8]) -> Result<Vec<u8>, NotMade> {
    let whole = initdata(Opened::Logs, policy)?;
    let text = whole.text().replacen("\"sha256\"", "\"md5\"", 1);
    Ok(coco_initdata::wrap(text.as_bytes()))
}

/// Text to whole blocks: an agent reads the device to its end, and takes empty lines.
fn padded(mut text: String) -> Vec<u8> {
    let missing = text.len().next_multiple_of(BLOCK) - text.len();
    text.extend(std::iter::repeat_n('\n', missing));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use coco_policy::DEFAULT_RESTRICTIVE;

    use super::*;

    fn read(disk: Disk) -> Result<(coco_initdata::Form, Initdata), coco_initdata::InitdataError> {
        coco_initdata::read("disk", &bytes(disk, DEFAULT_RESTRICTIVE.as_bytes()).unwrap())
    }

    #[test]
    fn good_initdata_is_read_back_and_bad_is_not() {
        assert!(read(Disk::Initdata(Opened::LogsAndExec)).unwrap().1.policy().is_some());
        for bad in [Disk::DamagedInitdata, Disk::UnknownAlgorithm] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn texts_fill_their_blocks() {
        for disk in [Disk::OpenPolicy, Disk::AgentConfiguration] {
            let bytes = bytes(disk, DEFAULT_RESTRICTIVE.as_bytes()).unwrap();
            assert!(bytes.len().is_multiple_of(BLOCK) && bytes.ends_with(b"\n"));
        }
    }
}
