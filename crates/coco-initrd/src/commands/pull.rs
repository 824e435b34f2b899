//! `coco-initrd pull`: a build out of a registry, whole and compared, into a directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coco_registry::artefact::ArtefactError;
use coco_registry::challenge::Access;
use coco_registry::{BuildArtefact, Reference};
use fs_err as fs;
use serde_json::json;

use crate::Outcome;
use crate::args::pull::PullArgs;
use crate::http::Client;
use crate::output::Output;
use crate::publish::Staging;
use crate::registry::Repository;
use crate::report::plural;
use crate::sums;

/// What was found under a reference is something else.
#[derive(Debug, thiserror::Error)]
#[error("{reference} is no build of coco-initrd")]
pub(crate) struct NotBuild {
    reference: String,
    #[source]
    error: ArtefactError,
}

/// Pulls a build.
pub(crate) fn pull(args: &PullArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let reference: Reference = args.reference.parse()?;
    let staging = Staging::new(&args.output_dir)?;
    let http = Client::default();
    let repository = Repository::new(&http, &reference, Access::Pull);
    let fetched = repository.manifest()?;
    let artefact = BuildArtefact::parse(&fetched.bytes)
        .map_err(|error| NotBuild { reference: reference.to_string(), error })?;
    let image = artefact.image().as_str();
    download(&repository, &artefact, &staging.path(), out)?;
    // The registry's digests hold; that they are those of a build says the build's own list.
    let files = sums::whole(&staging.path())?;
    let sha256 = files.get(image).with_context(|| format!("{reference} has no {image}"))?.sha256;
    staging.publish()?;
    let pulled = Pulled {
        image: args.output_dir.join(image),
        sha256: sha256.to_string(),
        reference: reference.pinned(fetched.content.digest),
        number: files.len(),
        size: files.values().map(|file| file.size).sum(),
    };
    report(&pulled, reference.digest.is_none(), args, out)?;
    Ok(Outcome::Done)
}

/// What is there now.
struct Pulled {
    image: PathBuf,
    sha256: String,
    reference: Reference,
    number: usize,
    size: u64,
}

fn download(
    repository: &Repository<'_>,
    artefact: &BuildArtefact,
    directory: &Path,
    out: &mut Output,
) -> anyhow::Result<()> {
    let bar = out.progress("pulling", artefact.files().values().map(|content| content.size).sum());
    for (title, content) in artefact.files() {
        let path = directory.join(title.as_str());
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        repository.download(*content, &path, &bar).with_context(|| format!("{title} can't be pulled"))?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Says what was pulled, and by which digest it is the same tomorrow.
fn report(pulled: &Pulled, is_by_tag: bool, args: &PullArgs, out: &mut Output) -> anyhow::Result<()> {
    let Pulled { image, sha256, reference, number, size } = pulled;
    if args.json {
        let value = json!({
            "digest": reference.digest.map(|it| it.to_string()),
            "image": image,
            "manifest": args.output_dir.join("manifest.json"),
            "reference": reference.to_string(),
            "sha256": sha256,
        });
        out.data(&format!("{value:#}\n"))?;
    } else {
        out.data(&format!("{sha256}  {}\n", image.display()))?;
    }
    out.note(&format!("{}, {size} bytes, all as their digests say", plural(*number, "file")));
    if is_by_tag {
        out.note(&format!("by a tag, which may mean another build tomorrow; this one is {reference}"));
    }
    Ok(())
}
