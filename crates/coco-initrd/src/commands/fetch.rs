//! `coco-initrd fetch`: gets what a profile's lock names into the content store. What is there already is
//! hashed, and only what is missing or damaged is asked for.

use serde_json::json;

use crate::args::lock::FetchArgs;
use crate::content_store::{self, ContentStore};
use crate::fetch::{Fetcher, Wanted};
use crate::http::Client;
use crate::lock_file::{self, LockFile};
use crate::output::Output;
use crate::report::plural;
use crate::{Outcome, mirrors};

/// Gets what a profile's lock names.
pub(crate) fn fetch(args: &FetchArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let profile = lock_file::locked_profile(&args.profile)?;
    let lock = LockFile::open(&args.profile, profile.sha256(), args.lock.as_deref())?;
    let mut wanted = Vec::new();
    for (role, input) in lock_file::remote_inputs(&profile) {
        wanted.extend(Wanted::of(lock.input(role, input)?)?);
    }
    let urls: Vec<_> = wanted.iter().filter_map(Wanted::url).collect();
    mirrors::check_use(&args.fetch.mirror, &urls)?;
    let store = ContentStore::create(content_store::place(args.fetch.store.as_ref())?)?;
    let client = Client::default();
    let fetcher =
        Fetcher { client: &client, store: &store, mirrors: &args.fetch.mirror, jobs: args.fetch.jobs };
    let done = fetcher.all(&wanted, out)?;
    if args.json {
        let value = json!({"bytes": done.bytes, "fetched": done.count, "present": done.present});
        out.data(&format!("{value:#}\n"))?;
    }
    let (count, present) = (plural(done.count, "file"), plural(done.present, "file"));
    let place = store.root().display();
    out.note(&format!("{count} fetched ({} bytes), {present} present, in {place}", done.bytes));
    Ok(Outcome::Done)
}
