//! `coco-initrd push`: a build into a registry, as an artefact whose digest follows from its files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use coco_registry::artefact::EMPTY_CONFIG;
use coco_registry::challenge::Access;
use coco_registry::{BuildArtefact, Content, Digest, Reference, Title};
use fs_err as fs;
use serde_json::json;

use crate::Outcome;
use crate::args::push::PushArgs;
use crate::http::Client;
use crate::output::Output;
use crate::registry::{Repository, Source, Upload};
use crate::report::plural;
use crate::sums::{self, BuiltFile};

/// Something the person must say otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// The digest is what comes out.
    #[error("{0} has a digest, expected a tag alone")]
    ToDigest(Reference),
}

/// Pushes a build.
pub(crate) fn push(args: &PushArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let reference: Reference = args.reference.parse()?;
    if reference.digest.is_some() {
        return Err(PushError::ToDigest(reference).into());
    }
    let files = sums::whole(&args.directory)?;
    let artefact = artefact(&args.directory, &files)?;
    let manifest = artefact.to_json();
    let http = Client::default();
    let repository = Repository::new(&http, &reference, Access::PullPush);
    // A registry that has the manifest has all that it names.
    let uploaded = if repository.has_manifest(Digest::of(&manifest))? {
        Uploaded::default()
    } else {
        let uploaded = upload(&repository, &artefact, &files, out)?;
        repository.push_manifest(&manifest)?;
        uploaded
    };
    report(&reference.pinned(Digest::of(&manifest)), &files, uploaded, args, out)?;
    Ok(Outcome::Done)
}

/// What was not in the registry.
#[derive(Debug, Clone, Copy, Default)]
struct Uploaded {
    files: usize,
    bytes: u64,
}

fn artefact(directory: &Path, files: &BTreeMap<String, BuiltFile>) -> anyhow::Result<BuildArtefact> {
    let content =
        |file: &BuiltFile| Content { size: file.size, digest: Digest::from(*file.sha256.as_bytes()) };
    let titled = files.iter().map(|(name, file)| Ok((Title::parse(name)?, content(file))));
    let artefact = titled.collect::<Result<_, _>>().and_then(BuildArtefact::new);
    artefact.with_context(|| format!("{} can't be pushed", directory.display()))
}

/// Uploads the files, and the configuration that every manifest has.
fn upload(
    repository: &Repository<'_>,
    artefact: &BuildArtefact,
    files: &BTreeMap<String, BuiltFile>,
    out: &mut Output,
) -> anyhow::Result<Uploaded> {
    let mut uploaded = Uploaded::default();
    let bar = out.progress("pushing", files.values().map(|file| file.size).sum());
    for (title, content) in artefact.files() {
        let Some(file) = files.get(title.as_str()) else { continue };
        let opened = fs::File::open(&file.path)?;
        if repository.push_blob(*content, &Source::File(&opened))? == Upload::Done {
            uploaded.files += 1;
            uploaded.bytes += content.size;
        }
        bar.inc(content.size);
    }
    bar.finish_and_clear();
    repository.push_blob(Content::of(EMPTY_CONFIG), &Source::Bytes(EMPTY_CONFIG))?;
    Ok(uploaded)
}

/// Says what was pushed, and under which digest.
fn report(
    pinned: &Reference,
    files: &BTreeMap<String, BuiltFile>,
    uploaded: Uploaded,
    args: &PushArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let size: u64 = files.values().map(|file| file.size).sum();
    if args.json {
        let value = json!({
            "digest": pinned.digest.map(|it| it.to_string()),
            "files": files.len(),
            "reference": pinned.to_string(),
            "size": size,
            "uploaded": uploaded.files,
        });
        out.data(&format!("{value:#}\n"))?;
    } else {
        out.data(&format!("{pinned}\n"))?;
    }
    let (all, new) = (plural(files.len(), "file"), plural(uploaded.files, "file"));
    out.note(&format!("{all}, {size} bytes; uploaded {new}, {} bytes", uploaded.bytes));
    Ok(())
}
