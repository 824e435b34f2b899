//! Which command lines are measured: the one given, that of a host's configuration, or those of the manifest.

use std::collections::BTreeMap;
use std::path::Path;

use coco_image::host::configuration::Configuration;
use coco_image::host::{Word, line};
use coco_image::manifest::Manifest;
use coco_image::units::Runtime;

use super::MeasureError;
use crate::args::measure::MeasureArgs;
use crate::kata_config::Host;

/// The name of a line that was given.
const GIVEN: &str = "given";

/// Command lines by the name of the runtime that gives them.
pub(super) fn lines(
    args: &MeasureArgs,
    configuration: Option<&(Runtime, Configuration)>,
    manifest: Option<&Manifest>,
) -> anyhow::Result<BTreeMap<String, String>> {
    if let Some(line) = &args.cmdline {
        return Ok([(GIVEN.to_owned(), line.clone())].into());
    }
    if let Some((runtime, configuration)) = configuration {
        return of_host(*runtime, configuration);
    }
    let Some(manifest) = manifest else {
        return Err(MeasureError::NoCommandLine.into());
    };
    Ok(of_manifest(manifest, args.runtime.map(Runtime::from))?)
}

/// The configuration of `--kata-config`, with the runtime that reads it.
pub(super) fn configuration(args: &MeasureArgs) -> anyhow::Result<Option<(Runtime, Configuration)>> {
    let Some((path, runtime)) = args.kata_config.as_deref().zip(args.runtime) else { return Ok(None) };
    let runtime = runtime.into();
    let configuration = Host::at(Path::new("/")).read(path, runtime)?.configuration;
    if configuration.initrd().is_empty() || !configuration.image().is_empty() {
        return Err(MeasureError::NoInitrd(path.to_owned()).into());
    }
    Ok(Some((runtime, configuration)))
}

fn of_host(runtime: Runtime, configuration: &Configuration) -> anyhow::Result<BTreeMap<String, String>> {
    let words = configuration.command_line();
    let open: Vec<&str> = words
        .iter()
        .filter_map(|word| match word {
            Word::PerHost(name, _) => Some(*name),
            Word::Exact(_) => None,
        })
        .collect();
    if !open.is_empty() {
        return Err(MeasureError::NotExact { runtime: name(runtime), words: open.join(", ") }.into());
    }
    Ok([(name(runtime), line(&words))].into())
}

fn of_manifest(
    manifest: &Manifest,
    wanted: Option<Runtime>,
) -> Result<BTreeMap<String, String>, MeasureError> {
    let mut lines = BTreeMap::new();
    for (runtime, record) in &manifest.command_lines {
        if wanted.is_some_and(|wanted| wanted != *runtime) {
            continue;
        }
        if !record.exact {
            let words = record.per_host.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(MeasureError::NotExact { runtime: name(*runtime), words });
        }
        lines.insert(name(*runtime), record.line.clone());
    }
    match wanted {
        Some(wanted) if lines.is_empty() => Err(MeasureError::NoRuntime(name(wanted))),
        _ if lines.is_empty() => Err(MeasureError::NoCommandLine),
        _ => Ok(lines),
    }
}

/// The name of a runtime, as manifests have it.
pub(super) fn name(runtime: Runtime) -> String {
    runtime.to_string()
}
