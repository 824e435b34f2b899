//! `coco-initrd verify`: an image, and what is beside it, against its manifest.
//!
//! What is compared is in `coco_image::verify`; here files are read and the policy is evaluated again.

mod rebuild;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use coco_image::archive::initrd::{Digests, Initrd};
use coco_image::assemble::DEFAULT_POLICY;
use coco_image::customize;
use coco_image::digest::{Sha256, Sha384};
use coco_image::manifest::{AppendedRecord, LayerRecord, Manifest};
use coco_image::path::GuestPath;
use coco_image::policy_location;
use coco_image::tree::Bodies;
use coco_image::verify::{self, Difference, FoundBytes, FoundGuard, FoundInit, FoundPolicy};
use fs_err as fs;
use serde_json::json;
use sha2::Digest as _;

use crate::Outcome;
use crate::args::verify::VerifyArgs;
use crate::default_policy;
use crate::guard_plan;
use crate::initrd_file::{UNPACK_LIMIT_MIB, Unpacked};
use crate::measure;
use crate::named_file;
use crate::output::Output;
use crate::report::{one_line, plural};
use crate::sums::{self, SUMS};
pub(crate) use rebuild::RebuildError;

/// How many differences are shown; the first ones show what kind of image it is.
const SHOWN: usize = 10;

/// Compares an image with its manifest.
pub(crate) fn verify(args: &VerifyArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let text = named_file::text(&args.manifest)?;
    let manifest = Manifest::read(&text).with_context(|| args.manifest.display().to_string())?;
    let profile = rebuild::asked(args)?;
    let image = args.image.clone().unwrap_or_else(|| args.manifest.with_file_name(&manifest.image.file));
    let mut differences = image_differences(&manifest, &image)?;
    let sums = sums::read(&args.manifest.with_file_name(SUMS))?.unwrap_or_default();
    let beside = manifest.host_files.iter().chain(&sums).map(|(name, _)| name.as_str());
    let own = args.manifest.file_name().unwrap_or_default().to_string_lossy();
    let mut found = BTreeMap::new();
    for name in beside {
        // The manifest may have been given another name; what was sealed is this text.
        let sha256 = match name {
            "manifest.json" => Some(Sha256::of(text.as_bytes())),
            name if *name == manifest.image.file => Some(manifest.image.sha256),
            name => digest_beside(&args.manifest, name)?,
        };
        found.insert(name.to_owned(), sha256);
    }
    differences.extend(measure::differences(&manifest));
    differences.extend(verify::beside(&manifest.host_files, &found));
    differences.extend(verify::beside(&sums, &found).into_iter().map(|difference| Difference {
        what: "SHA-256 (SHA256SUMS)",
        path: if difference.path == "manifest.json" { own.to_string() } else { difference.path },
        ..difference
    }));
    if let Some(profile) = profile {
        match rebuild::rebuild(&manifest, profile, args, out)? {
            Some(more) => differences.extend(more),
            None => return Ok(Outcome::Wanting),
        }
    }
    let differences: Vec<String> =
        differences.iter().map(|difference| one_line(&difference.to_string())).collect();
    report(&manifest, &image, &differences, args, out)
}

/// All that differs in the image itself.
pub(crate) fn image_differences(manifest: &Manifest, image: &Path) -> anyhow::Result<Vec<Difference>> {
    let unpacked: u64 = manifest.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.unpacked));
    let limit_mib = (unpacked >> 20).saturating_add(1).max(UNPACK_LIMIT_MIB);
    let hash = |file| hash(file, &manifest.layers);
    let Unpacked { initrd, store, hashed } = Unpacked::read(image, limit_mib, Digests::Wanted, hash)?;
    let mut differences = verify::bytes(manifest, &hashed);
    let name = || image.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let initrd = match initrd {
        Ok(initrd) => initrd,
        Err(error) => {
            let expected = "an initrd that a kernel unpacks whole".to_owned();
            let got = error.error.to_string();
            differences.push(Difference { path: name(), what: "unpacking", got, expected });
            return Ok(differences);
        }
    };
    differences.extend(verify::contents(manifest, &initrd));
    match policy(&initrd, &store) {
        Ok(policy) => differences.extend(verify::policy(manifest, &policy)),
        Err(error) => differences.push(Difference {
            path: DEFAULT_POLICY.to_owned(),
            what: "policy",
            got: format!("{error:#}"),
            expected: manifest.policy.sha256.to_string(),
        }),
    }
    match init(&initrd, &store) {
        Ok(init) => differences.extend(verify::init(manifest, &init)),
        Err(error) => differences.push(Difference {
            path: "init".to_owned(),
            what: "program",
            got: format!("{error:#}"),
            expected: manifest.init.program.clone(),
        }),
    }
    Ok(differences)
}

/// The policy that an agent would load, evaluated again.
fn policy(initrd: &Initrd, bodies: &dyn Bodies) -> anyhow::Result<FoundPolicy> {
    let located = policy_location::locate(&initrd.tree, bodies)?;
    let name = located.file.file_name().to_owned();
    let policy = default_policy::evaluate(name, located.policy, "file")?;
    Ok(FoundPolicy {
        file: located.file.to_string(),
        sha256: Sha256::of(&policy.bytes),
        sha384: Sha384::of(&policy.bytes),
        decisions: policy.decisions,
        findings: policy.findings,
    })
}

/// What runs as PID 1.
fn init(initrd: &Initrd, bodies: &dyn Bodies) -> anyhow::Result<FoundInit> {
    let plan = guard_plan::read(&initrd.tree, bodies)?;
    let exec = plan.as_ref().map(|plan| plan.exec.to_string().parse::<GuestPath>()).transpose()?;
    let (_, program) = customize::started(&initrd.tree, exec.as_ref())?;
    let guard = plan.map(|plan| FoundGuard {
        policy_sha256: plan.policy_sha256.to_string(),
        allowed_words: guard_plan::allowed_words(&plan),
        modules: plan.modules.iter().map(ToString::to_string).collect(),
    });
    Ok(FoundInit { program, guard })
}

/// Hashes an image once: as a whole, and each of its layers.
fn hash(mut file: fs::File, layers: &[LayerRecord]) -> io::Result<FoundBytes> {
    let (mut sha256, mut sha384) = (sha2::Sha256::new(), sha2::Sha384::new());
    let mut hashers = vec![sha2::Sha256::new(); layers.len()];
    let mut buffer = vec![0; 256 << 10];
    let mut size: u64 = 0;
    loop {
        let got = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..got).unwrap_or_default();
        sha256.update(bytes);
        sha384.update(bytes);
        for (hasher, layer) in hashers.iter_mut().zip(layers) {
            let part = |at: u64| usize::try_from(at.saturating_sub(size)).unwrap_or(usize::MAX).min(got);
            let end = part(layer.offset.saturating_add(layer.size));
            hasher.update(bytes.get(part(layer.offset)..end).unwrap_or_default());
        }
        size = size.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
    }
    Ok(FoundBytes {
        size,
        sha256: Sha256::finish(sha256),
        sha384: Sha384::finish(sha384),
        layers: hashers.into_iter().map(Sha256::finish).collect(),
    })
}

/// The digest of a file beside the manifest; `None` if it is not there.
fn digest_beside(manifest: &Path, name: &str) -> io::Result<Option<Sha256>> {
    match fs::File::open(manifest.with_file_name(name)) {
        Ok(mut file) => Ok(Some(Sha256::of_reader(&mut file)?.0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says what holds, or the first of what does not.
fn report(
    manifest: &Manifest,
    image: &Path,
    differences: &[String],
    args: &VerifyArgs,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let outcome = if differences.is_empty() { Outcome::Done } else { Outcome::Wanting };
    if args.json {
        let value = json!({"differences": differences, "image": image, "verified": differences.is_empty()});
        out.data(&format!("{value:#}\n"))?;
    } else if differences.is_empty() {
        out.data(&format!(
            "{}: verified: {} bytes, {}, {}, policy {}, {}\n",
            image.display(),
            manifest.image.size,
            plural(manifest.layers.len(), "layer"),
            plural(manifest.files.len(), "file"),
            manifest.policy.file,
            plural(manifest.host_files.len(), "host file"),
        ))?;
        if let (Some(AppendedRecord { offset, .. }), Some(base)) =
            (manifest.appended(), manifest.layers.first())
        {
            out.note(&format!("appended at byte {offset} to the image with SHA-256 {}", base.sha256));
        }
        if args.rebuild {
            out.note("built again: the bytes are the same");
        }
    } else {
        let mut lines: Vec<&str> = differences.iter().take(SHOWN).map(String::as_str).collect();
        let more = format!("and {} more", differences.len().saturating_sub(SHOWN));
        if differences.len() > SHOWN {
            lines.push(&more);
        }
        out.data(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(outcome)
}
