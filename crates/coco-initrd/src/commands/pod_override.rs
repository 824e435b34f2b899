//! `coco-initrd override`: opens something for one pod, with one command, on bare metal and peer pods alike.
//!
//! The policy is derived and checked, put into initdata beside what the pod has there already, and the
//! initdata into the pod's annotation. Nothing is written before all of that has succeeded.

use std::collections::BTreeMap;
use std::path::Path;

use coco_image::digest::Sha256;
use coco_initdata::{
    AA_TOML, ANNOTATION, ANNOTATIONS_MAX, Algorithm, CDH_TOML, Initdata, POLICY_REGO, Registers, approval,
};
use coco_pod::{PodFile, Workload};
use coco_policy::Derived;
use serde_json::json;

use super::initdata::digest;
use super::policy::derive;
use crate::args::pod_override::OverrideArgs;
use crate::output::Output;
use crate::report::one_line;
use crate::{Outcome, initdata, pods, replace};

/// A pod that can't be given an override as it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OverrideError {
    /// What is in force for it is not the default.
    #[error("{name} has a policy of its own in its initdata, and an override replaces it whole")]
    OwnPolicy {
        /// The pod's file, or the initdata that was named.
        name: String,
    },
}

/// What a pod has had before its override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// No initdata of its own: without the annotation the pod is as it was.
    NoInitdata,
    /// Initdata of its own, which only the old file has.
    OwnInitdata,
}

impl Before {
    /// Looks only whether the annotation is there: it may be a broken one.
    fn of(file: &PodFile, workload: &Workload) -> Self {
        if file.annotation(workload, ANNOTATION) == Ok(None) { Self::NoInitdata } else { Self::OwnInitdata }
    }
}

/// An override, ready to be written.
struct Made {
    workload: String,
    before: Before,
    opens: String,
    derived: Derived,
    initdata: Initdata,
    annotation: String,
}

/// Makes the override, writes the pod, and prints what a verifier must know.
pub(crate) fn pod_override(args: &OverrideArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let derived = derive::derived(&args.opening)?;
    let (name, file) = pods::read(&args.file)?;
    let workload = pods::workload(&name, &file, args.workload.as_ref())?;
    // What --initdata takes the place of may be broken: nobody reads it.
    let existing = match &args.initdata {
        Some(path) => Some((initdata::name(path), initdata::read(path)?.1)),
        None => pods::own_initdata(&name, &file, workload)?.map(|initdata| (name.clone(), initdata)),
    };
    let before = Before::of(&file, workload);
    let initdata = with_policy(existing, &derived, args)?;
    let annotation = initdata.annotation()?;
    let text = file.set_annotation(workload, ANNOTATION, &annotation)?;
    let opens = opens(args, &derived)?;
    let made = Made { workload: workload.to_string(), before, opens, derived, initdata, annotation };
    let printed = if args.json { as_json(&made) } else { as_text(&made) };
    replace::file(&args.output, text.as_bytes())?;
    out.data(&printed)?;
    for line in words(&made, args) {
        out.note(&line);
    }
    Ok(Outcome::Done)
}

/// What the override opens, and what its base does already: whoever approves it approves both.
fn opens(args: &OverrideArgs, derived: &Derived) -> anyhow::Result<String> {
    let asked = args.opening.opening().to_string();
    let by_base = derive::opened_by_base(&args.opening, derived)?;
    Ok(if by_base.is_empty() { asked } else { format!("{asked}, and by its base {}", by_base.join(", ")) })
}

/// The initdata with the derived policy in it, and all else it has had.
fn with_policy(
    existing: Option<(String, Initdata)>,
    derived: &Derived,
    args: &OverrideArgs,
) -> anyhow::Result<Initdata> {
    let (mut algorithm, mut data) = (Algorithm::Sha256, BTreeMap::new());
    if let Some((name, existing)) = existing {
        if existing.policy().is_some() && !args.replace_policy {
            return Err(OverrideError::OwnPolicy { name }.into());
        }
        algorithm = existing.algorithm();
        data = existing.data().clone();
    }
    if let Some(word) = args.algorithm {
        algorithm = word.into();
    }
    data.insert(POLICY_REGO.to_owned(), derived.text.clone());
    Ok(Initdata::new(algorithm, data)?)
}

fn as_text(made: &Made) -> String {
    let Made { workload, opens, derived, initdata, .. } = made;
    let registers = initdata.registers();
    let Registers { mrconfigid, hostdata, pcr8 } = &registers;
    let row = |name: &str, value: &str| format!("{name:<12}{value}\n");
    [
        row("workload", &one_line(workload)),
        row("opens", opens),
        row("policy", &format!("sha256 {}", Sha256::of(derived.text.as_bytes()))),
        row("initdata", &format!("{} {}", initdata.algorithm(), initdata.digest())),
        row("MRCONFIGID", &format!("{mrconfigid}  {}", mrconfigid.fit)),
        row("HOSTDATA", &format!("{hostdata}  {}", hostdata.fit)),
        row("PCR8", &format!("{pcr8}  {}", pcr8.fit)),
        row("annotation", &format!("{} of {ANNOTATIONS_MAX} bytes", initdata.annotation_len())),
        format!("\n{}", rule(made)),
    ]
    .concat()
}

/// The rule that lets a key broker approve exactly this override.
fn rule(made: &Made) -> String {
    approval(&made.opens, &made.initdata.registers())
}

fn as_json(made: &Made) -> String {
    let Made { workload, opens, derived, initdata, annotation, .. } = made;
    let Registers { mrconfigid, hostdata, pcr8 } = initdata.registers();
    let mut value = json!({
        "annotation": annotation,
        "annotation_size": initdata.annotation_len(),
        "approval": rule(made),
        "changes": derived.changes,
        "hostdata": hostdata.to_string(),
        "initdata": {"algorithm": initdata.algorithm().name(), "digest": initdata.digest().to_string()},
        "mrconfigid": mrconfigid.to_string(),
        "opens": opens,
        "pcr8": pcr8.to_string(),
        "policy_sha256": Sha256::of(derived.text.as_bytes()),
        "workload": workload,
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}

/// What a person should know besides.
fn words(made: &Made, args: &OverrideArgs) -> Vec<String> {
    let mut lines = vec![derive::changes(&made.derived).trim_end().to_owned()];
    if args.initdata.is_some() && made.before == Before::OwnInitdata {
        lines.push(format!("note: --initdata takes the place of what {} has", one_line(&made.workload)));
    }
    let data = made.initdata.data();
    if !data.contains_key(AA_TOML) && !data.contains_key(CDH_TOML) {
        lines.push(
            "note: the initdata has no aa.toml and cdh.toml: if the cluster gives pods its own initdata, name that \
             with --initdata, or the guest no longer knows its key broker"
                .to_owned(),
        );
    }
    lines.extend(digest::platforms(made.initdata.algorithm()));
    let output = shown(&args.output);
    lines.push(format!("apply {output}; the pod must be made anew, a running one keeps its policy"));
    lines.push(way_back(made.before, args));
    lines
}

/// How to be rid of the override. To be called when it is written: then the files can be told apart.
fn way_back(before: Before, args: &OverrideArgs) -> String {
    let output = shown(&args.output);
    let mut ways = Vec::new();
    if is_kept(&args.file, &args.output) {
        ways.push(format!("{} again", shown(&args.file)));
    }
    if before == Before::NoInitdata {
        let named = args.workload.as_ref().map(|target| format!(" --workload {target}")).unwrap_or_default();
        ways.push(format!(
            "what `coco-initrd initdata annotate {output} --remove{}` prints",
            one_line(&named)
        ));
    }
    if ways.is_empty() {
        // Without its annotation the pod would lose the initdata it has had.
        return "take it back: only with a copy of what was read; no file has the pod's earlier initdata"
            .to_owned();
    }
    format!("take it back: apply {}", ways.join(", or "))
}

/// Whether what was read is a file, and still the one that was read.
fn is_kept(from: &Path, to: &Path) -> bool {
    let place = |path| fs_err::canonicalize(path).ok();
    let is_file = from != Path::new("-") && fs_err::metadata(from).is_ok_and(|metadata| metadata.is_file());
    is_file && place(from) != place(to)
}

fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}
