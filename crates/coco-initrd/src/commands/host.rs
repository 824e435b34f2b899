//! `coco-initrd host`: what a host boots, by the configuration of its kata runtimes.
//!
//! What a configuration means is in `coco_image::host`; here files are found and hashed.

mod json;
mod text;

use std::path::Path;

use coco_guard::{Pattern, PatternError};
use coco_image::digest::Sha256;
use coco_image::host::Word;
use coco_image::host::review::{self, Finding, Surroundings, Weight};
use coco_image::manifest::Manifest;
use coco_image::units::Runtime;
use coco_image::verify::Difference;

use crate::Outcome;
use crate::args::host::{CheckArgs, HostArgs, HostCommand};
use crate::kata_config::{Found, Host};
use crate::named_file;
use crate::output::Output;

/// Does something with a host.
pub(crate) fn host(args: &HostArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        HostCommand::Check(args) => check(args, out),
    }
}

/// A file that the configuration names.
struct Asset {
    key: &'static str,
    path: String,
    /// Digest and size, in bytes; `None` if it is not there.
    found: Option<(Sha256, u64)>,
}

/// One runtime, checked.
struct Checked {
    found: Found,
    assets: Vec<Asset>,
    /// `None` if no initrd is booted.
    command_line: Option<Vec<Word>>,
    differences: Vec<Difference>,
    findings: Vec<Finding>,
}

impl Checked {
    fn runtime(&self) -> Runtime {
        self.found.configuration.runtime()
    }

    fn asset(&self, key: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.key == key)
    }

    fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.weight == Weight::Fault).count()
    }

    fn is_in_order(&self) -> bool {
        self.differences.is_empty() && self.faults() == 0
    }
}

/// Checks the configuration of one runtime, or of each that has one.
fn check(args: &CheckArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let host = Host::at(&args.root);
    let manifest = args.manifest.as_deref().map(named_file::manifest).transpose()?;
    let asked = args.runtime.map(Runtime::from);
    let mut targets = Vec::new();
    if let Some(path) = &args.config {
        targets.push((asked.map_or_else(|| host.runtime_of(path), Ok)?, path.clone()));
    } else {
        let runtimes = asked.map_or_else(|| Runtime::ALL.to_vec(), |runtime| vec![runtime]);
        for runtime in &runtimes {
            targets.extend(host.default_of(*runtime)?.map(|path| (*runtime, path)));
        }
        if targets.is_empty() {
            return Err(Host::nothing(&runtimes).into());
        }
    }
    let mut checked = Vec::new();
    for (runtime, path) in targets {
        checked.push(one(&host, host.read(&path, runtime)?, manifest.as_ref())?);
    }
    out.data(&if args.json { json::print(&checked) } else { text::print(&checked) })?;
    let is_in_order = checked.iter().all(Checked::is_in_order);
    Ok(if is_in_order { Outcome::Done } else { Outcome::Wanting })
}

/// Checks one configuration and the files it names.
fn one(host: &Host, found: Found, manifest: Option<&Manifest>) -> anyhow::Result<Checked> {
    let configuration = &found.configuration;
    let assets = assets(host, &found)?;
    let surroundings = Surroundings {
        tee: manifest.map(|manifest| manifest.profile.tee),
        irregular: &found.irregular,
        refused: &refused,
    };
    let mut findings = review::review(configuration, &surroundings);
    findings.extend(assets.iter().filter_map(|asset| fault(&found, asset)));
    let mut differences = Vec::new();
    if let Some(manifest) = manifest {
        differences.extend(assets.iter().flat_map(|asset| file_differences(asset, manifest)));
        differences.extend(review::against(configuration, manifest));
    }
    let boots_initrd = !configuration.initrd().is_empty() && configuration.image().is_empty();
    let command_line = boots_initrd.then(|| configuration.command_line());
    Ok(Checked { found, assets, command_line, differences, findings })
}

/// The files that the configuration names, hashed.
fn assets(host: &Host, found: &Found) -> anyhow::Result<Vec<Asset>> {
    let configuration = &found.configuration;
    let named = [
        ("initrd", configuration.initrd()),
        ("image", configuration.image()),
        ("kernel", configuration.kernel()),
        ("firmware", configuration.firmware()),
    ];
    let mut assets = Vec::new();
    for (key, path) in named.into_iter().filter(|(_, path)| !path.is_empty()) {
        let file = if path.starts_with('/') { host.open(Path::new(path))? } else { None };
        let found = file.map(|mut file| Sha256::of_reader(&mut file)).transpose()?;
        assets.push(Asset { key, path: path.to_owned(), found });
    }
    Ok(assets)
}

/// What is wrong with a file itself.
fn fault(found: &Found, asset: &Asset) -> Option<Finding> {
    let (name, what, remedy) = match asset.found {
        Some((_, 0)) => ("empty-file", "is empty", "put the file there anew"),
        Some(_) => return None,
        None if asset.path.starts_with('/') => {
            ("no-file", "is not there: kata starts no pod", "put the file there, or mend the path")
        }
        None => {
            ("relative-path", "is looked for in whatever directory the runtime is in", "give the whole path")
        }
    };
    let key = format!("hypervisor.qemu.{}", asset.key);
    let effective = found.configuration.effective().into_iter().find(|effective| effective.key == key);
    Some(Finding {
        name,
        weight: Weight::Fault,
        key: format!("[hypervisor.qemu] {}", asset.key),
        file: effective.and_then(|effective| effective.file),
        what: format!("{} {what}", asset.path),
        remedy,
    })
}

/// Why no image may let the word pass.
fn refused(word: &str) -> Option<String> {
    match word.parse::<Pattern>() {
        Ok(_) => None,
        Err(PatternError::Forbidden { name, reason, .. }) => Some(format!("{name} {reason}")),
        Err(error) => Some(error.to_string()),
    }
}

/// Where a file is not the one that the manifest knows.
fn file_differences(asset: &Asset, manifest: &Manifest) -> Vec<Difference> {
    let Some((sha256, size)) = asset.found else { return Vec::new() };
    let image = &manifest.image;
    let measured = manifest.measurements.as_ref();
    let expected = match (asset.key, measured) {
        ("initrd", _) => (Some(image.size), Some(image.sha256)),
        ("kernel", Some(measured)) => (Some(measured.kernel.size), Some(measured.kernel.sha256)),
        ("kernel", None) => (None, manifest.compression.kernel_sha256),
        ("firmware", Some(measured)) => (Some(measured.firmware.size), Some(measured.firmware.sha256)),
        _ => return Vec::new(),
    };
    let size = expected.0.filter(|expected| *expected != size).map(|expected| Difference {
        path: asset.path.clone(),
        what: "size",
        got: size.to_string(),
        expected: expected.to_string(),
    });
    let sha256 = expected.1.filter(|expected| *expected != sha256).map(|expected| Difference {
        path: asset.path.clone(),
        what: "SHA-256",
        got: sha256.to_string(),
        expected: expected.to_string(),
    });
    size.into_iter().chain(sha256).collect()
}
