//! Writes a firmware made by code, for both TEEs: `firmware FILE MIB`. It would not boot.

#![expect(clippy::unwrap_used, reason = "whoever runs it sees it")]

use coco_measure::command_line::InitrdArgument;
use coco_measure::synthetic;

fn main() {
    let mut words = std::env::args().skip(1);
    let path = words.next().unwrap();
    let mib: usize = words.next().unwrap().parse().unwrap();
    fs_err::write(path, synthetic::firmware(mib << 20, InitrdArgument::Prefix).build()).unwrap();
}
