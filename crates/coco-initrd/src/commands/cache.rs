//! `coco-initrd cache`: says what is in the layer cache, or makes it smaller.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Outcome;
use crate::args::cache::{CacheArgs, CacheCommand};
use crate::cache::{self, Size};
use crate::output::Output;
use crate::report::plural;

/// How many files that are not of the cache are named.
const FOREIGN_SHOWN: usize = 10;

/// Looks into the cache, or sweeps it.
pub(crate) fn cache(args: &CacheArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        CacheCommand::Stat { cache_dir, json } => stat(&cache::place(cache_dir.as_ref())?, *json, out),
        CacheCommand::Gc { max_size, cache_dir, json } => {
            gc(&cache::place(cache_dir.as_ref())?, *max_size, *json, out)
        }
    }
}

fn stat(path: &Path, as_json: bool, out: &mut Output) -> anyhow::Result<Outcome> {
    let inventory = cache::take(path)?;
    let (entries, leftovers) = (inventory.entries(), inventory.leftovers());
    if as_json {
        print(
            json!({
                "bytes": entries.bytes,
                "directory": path,
                "entries": entries.files,
                "foreign": inventory.foreign,
                "leftover_bytes": leftovers.bytes,
                "leftovers": leftovers.files,
            }),
            out,
        )?;
    } else {
        out.data(&format!(
            "directory  {}\nentries    {}\nbytes      {}\nleftovers  {}\n",
            path.display(),
            entries.files,
            entries.bytes,
            leftovers.files
        ))?;
        note_foreign(path, &inventory.foreign, out);
    }
    Ok(Outcome::Done)
}

fn gc(path: &Path, max: Size, as_json: bool, out: &mut Output) -> anyhow::Result<Outcome> {
    let cache::Sweep { removed, kept, leftovers, foreign } = cache::sweep(path, max)?;
    if as_json {
        print(
            json!({
                "bytes": kept.bytes,
                "directory": path,
                "entries": kept.files,
                "foreign": foreign,
                "removed": removed.files,
                "removed_bytes": removed.bytes,
                "removed_leftovers": leftovers.files,
            }),
            out,
        )?;
    } else {
        let of = |total: cache::Total| format!("{} ({} bytes)", total.files, total.bytes);
        out.data(&format!(
            "removed    {}\nleftovers  {}\nstay       {}\n",
            of(removed),
            of(leftovers),
            of(kept)
        ))?;
        note_foreign(path, &foreign, out);
    }
    Ok(Outcome::Done)
}

fn print(mut value: Value, out: &mut Output) -> anyhow::Result<()> {
    value.sort_all_objects();
    Ok(out.data(&format!("{value:#}\n"))?)
}

fn note_foreign(directory: &Path, foreign: &[PathBuf], out: &mut Output) {
    for path in foreign.iter().take(FOREIGN_SHOWN) {
        let path = directory.join(path);
        out.note(&format!("note: {} is not of the cache, and is left alone", path.display()));
    }
    if foreign.len() > FOREIGN_SHOWN {
        let more = plural(foreign.len() - FOREIGN_SHOWN, "other");
        out.note(&format!("note: {more} as well"));
    }
}
