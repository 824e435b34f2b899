//! A host's configuration: TOML files over each other, and the command line they lead to. Opens no file.

use coco_image::host::configuration::Configuration;
use coco_image::host::line;
use coco_image::host::review::{Surroundings, review};
use coco_image::units::Runtime;

/// A configuration and its drop-ins, each of which begins with a line `== NAME`.
pub fn kata_config(bytes: &[u8]) {
    let mut parts = split(bytes);
    let main = parts.next().unwrap_or_default();
    let mut drop_ins: Vec<(String, Vec<u8>)> = parts.map(file).collect();
    drop_ins.sort();
    drop_ins.dedup_by(|a, b| a.0 == b.0);
    for runtime in Runtime::ALL {
        let merged = Configuration::merge(*runtime, ("main", main), &drop_ins);
        let mut turned = drop_ins.clone();
        turned.reverse();
        let again = Configuration::merge(*runtime, ("main", main), &turned);
        let (merged, again) = match (merged, again) {
            (Ok(merged), Ok(again)) => (merged, again),
            (Err(error), Err(again)) => {
                assert_eq!(error, again, "the order of drop-ins does not show");
                continue;
            }
            (merged, again) => panic!("taken in one order: {merged:?} {again:?}"),
        };
        assert_eq!(merged.effective(), again.effective(), "the order of drop-ins does not show");
        let surroundings = Surroundings { tee: None, irregular: &[], refused: &|_| None };
        let _ = (review(&merged, &surroundings), line(&merged.command_line()));
    }
}

/// The parts of `bytes` between lines that begin with `== `, which stay at the start of their parts.
fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(4).position(|window| window == b"\n== ");
        rest = end.and_then(|end| bytes.get(end + 1..));
        end.map_or(Some(bytes), |end| bytes.get(..=end))
    })
}

fn file(part: &[u8]) -> (String, Vec<u8>) {
    let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
    let (name, body) = part.split_at(end);
    (String::from_utf8_lossy(name).into_owned(), body.to_vec())
}
