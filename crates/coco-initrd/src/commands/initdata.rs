//! `coco-initrd initdata`: makes, reads, wraps and measures initdata.

mod annotate;
mod create;
pub(crate) mod digest;
mod inspect;
mod policy;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::args::initdata::{InitdataArgs, InitdataCommand};
use crate::output::Output;
use crate::replace;

/// Something the person must say otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitdataUse {
    /// The key to show is not there.
    #[error("{} has no key `{key}`", path.display())]
    NoKey {
        /// The initdata.
        path: PathBuf,
        /// The key.
        key: String,
        /// The keys it has.
        keys: Vec<String>,
    },
    /// TOML is text.
    #[error("{} is not UTF-8: got an invalid byte at offset {offset}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
}

/// Does one thing with initdata.
pub(crate) fn initdata(args: &InitdataArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        InitdataCommand::Annotate(args) => annotate::annotate(args, out),
        InitdataCommand::Create(args) => create::create(args, out),
        InitdataCommand::Inspect(args) => inspect::inspect(args, out),
        InitdataCommand::Image { file, output } => image(file, output, out),
        InitdataCommand::Digest(args) => digest::digest(args, out),
    }
}

fn image(file: &Path, output: &Path, out: &mut Output) -> anyhow::Result<Outcome> {
    let (_, initdata) = crate::initdata::read(file)?;
    crate::initdata::say_faults(&initdata, out);
    let image = initdata.image();
    replace::file(output, &image)?;
    out.note(&format!(
        "{}: {} bytes, {} {}",
        output.display(),
        image.len(),
        initdata.algorithm(),
        initdata.digest()
    ));
    Ok(Outcome::Done)
}
