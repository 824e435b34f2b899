//! Prints what is chosen of `Packages` files, and why: `resolve ARCHITECTURE PACKAGES[,-OMITTED]... FILE...`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever runs it sees it"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use coco_packages::deb::index::Index;
use coco_packages::deb::resolve::{Request, resolve};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [architecture, names, files @ ..] = arguments.as_slice() else {
        panic!("got {arguments:?}, expected ARCHITECTURE PACKAGES[,-OMITTED]... FILE...");
    };
    let (omit, wanted) = names.split(',').partition::<Vec<_>, _>(|name| name.starts_with('-'));
    let request = Request {
        wanted: wanted.iter().map(|name| name.parse().unwrap()).collect(),
        omit: omit.iter().map(|name| name.trim_start_matches('-').parse().unwrap()).collect(),
        keep: BTreeMap::new(),
        architecture: architecture.clone(),
    };
    let texts: Vec<_> = files.iter().map(|path| fs_err::read_to_string(path).unwrap()).collect();
    let start = Instant::now();
    let indices: Vec<_> =
        files.iter().zip(&texts).map(|(path, text)| Index::parse(path, text).unwrap()).collect();
    let read = start.elapsed();
    let start = Instant::now();
    let resolution = resolve(&request, &indices);
    let chosen = start.elapsed();
    let packages: usize = indices.iter().map(|index| index.packages.len()).sum();
    eprintln!("{packages} packages: read in {read:.0?}, chosen from in {chosen:.0?}");
    match resolution {
        Ok(resolution) => {
            for it in resolution.packages {
                println!("{} {} {}", it.package.name, it.package.version, it.because);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
