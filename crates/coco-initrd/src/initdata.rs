//! Where initdata and what goes into it come from: files and standard input, read no further than needed.

use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;
use coco_initdata::{Form, INPUT_MAX, Initdata, InitdataError, POLICY_REGO};

use coco_pod::PodFile;

use coco_policy::check::{self, Agents, Level, Role};

use crate::commands::initdata::InitdataUse;
use crate::commands::policy::line;
use crate::output::Output;
use crate::pods;
use crate::report::one_line;

/// Reads initdata from a file, or standard input if it is `-`.
///
/// This is the one place where every command gets its initdata. Kubernetes objects are asked for their
/// annotation.
pub(crate) fn read(path: &Path) -> anyhow::Result<(Form, Initdata)> {
    let bytes = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        fs_err::File::open(path).and_then(bounded)
    };
    let bytes = bytes.context("the initdata can't be read")?;
    if pods::is_objects(&bytes) {
        let file = PodFile::parse(&name(path), &bytes)?;
        return Ok((Form::Annotation, pods::initdata(&name(path), &file)?));
    }
    Ok(coco_initdata::read(&name(path), &bytes)?)
}

/// What a guest would fail on, or must not be given, in initdata: configurations that are no TOML, and what
/// is wrong with the policy as a pod's own, under every engine. One line each; none if it may go out.
pub(crate) fn faults(initdata: &Initdata) -> Vec<String> {
    let mut faults: Vec<String> = initdata.faults().iter().map(ToString::to_string).collect();
    if let Some(policy) = initdata.policy() {
        let report = check::check(POLICY_REGO, policy.as_bytes(), Role::Override, Agents::All);
        let errors = report.diagnostics.iter().filter(|found| found.level == Level::Error);
        faults.extend(errors.map(|found| line(POLICY_REGO, found)));
    }
    faults
}

/// Says what is wrong with initdata; whether nothing is.
pub(crate) fn is_fit(initdata: &Initdata, out: &mut Output) -> bool {
    let faults = faults(initdata);
    if let Some(first) = faults.first() {
        let more = match faults.len() {
            1 => String::new(),
            all => format!("; and {} more", all.saturating_sub(1)),
        };
        let hint = "`coco-initrd initdata inspect` shows all; a policy is mended with `policy check --role override`";
        out.error(&format!("this initdata is not fit for a guest: {first}{more}"), Some(hint.to_owned()));
    }
    faults.is_empty()
}

/// Says what is wrong with initdata that is only wrapped: whoever made it was told, and may have meant it.
pub(crate) fn say_faults(initdata: &Initdata, out: &mut Output) {
    for fault in faults(initdata) {
        out.note(&format!("note: {}", one_line(&fault)));
    }
}

/// Reads a file that goes into initdata as it is.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = fs_err::File::open(path).and_then(bounded)?;
    if bytes.len() > INPUT_MAX {
        return Err(InitdataError::InputTooLong { name: name(path), limit: INPUT_MAX }.into());
    }
    String::from_utf8(bytes).map_err(|error| {
        InitdataUse::NotText { path: path.to_owned(), offset: error.utf8_error().valid_up_to() }.into()
    })
}

/// The word for an input in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

/// One byte more than initdata can have is enough to know that it is none.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(u64::try_from(INPUT_MAX).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
