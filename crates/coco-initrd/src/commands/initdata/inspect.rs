//! `coco-initrd initdata inspect`: what is in a document, and what a guest makes of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use coco_image::digest::Sha256;
use coco_initdata::{ANNOTATIONS_MAX, Form, Initdata, POLICY_REGO, VERSION};
use coco_policy::{Change, PolicyError};
use serde_json::{Value, json};

use super::InitdataUse;
use super::policy::{Judged, judge};
use crate::args::initdata::InspectArgs;
use crate::output::Output;
use crate::report::plural;
use crate::{Outcome, initdata, report};

/// Everything there is to say about a document.
struct Inspected {
    form: Form,
    initdata: Initdata,
    policy: Option<Result<Judged, PolicyError>>,
}

/// Says what is in a document, or shows one key of it.
pub(super) fn inspect(args: &InspectArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (form, initdata) = initdata::read(&args.file)?;
    if let Some(key) = &args.show {
        return show(key, &initdata, args, out);
    }
    let policy = initdata.policy().map(|text| judge(POLICY_REGO, text));
    let inspected = Inspected { form, initdata, policy };
    out.data(&if args.json { as_json(&inspected) } else { as_text(&inspected) })?;
    if inspected.initdata.annotation_len() > ANNOTATIONS_MAX {
        out.note("note: Kubernetes refuses a pod with so large an annotation");
    }
    let faults = initdata::faults(&inspected.initdata);
    for fault in &faults {
        let hint = "a guest must not be given this initdata; mend it and create it again";
        out.error(&report::one_line(fault), Some(hint.to_owned()));
    }
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::Wanting })
}

fn show(key: &str, initdata: &Initdata, args: &InspectArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let Some(value) = initdata.data().get(key) else {
        let (path, key) = (args.file.clone(), key.to_owned());
        return Err(InitdataUse::NoKey { path, key, keys: initdata.data().keys().cloned().collect() }.into());
    };
    out.data(value)?;
    Ok(Outcome::Done)
}

fn as_text(inspected: &Inspected) -> String {
    let Inspected { form, initdata, policy } = inspected;
    let mut text = format!(
        "form        {form}\nversion     {VERSION}\nalgorithm   {}\ndigest      {}\nsize        {} bytes\n\
         annotation  {} of {ANNOTATIONS_MAX} bytes\n",
        initdata.algorithm(),
        initdata.digest(),
        initdata.text().len(),
        initdata.annotation_len(),
    );
    let foreign: BTreeSet<&str> = initdata.foreign_keys().collect();
    // A String takes any write.
    for (key, value) in initdata.data() {
        let foreign = if foreign.contains(key.as_str()) { "  (no guest reads it)" } else { "" };
        let _ = writeln!(
            text,
            "key         {key:?}: {}, SHA-256 {}{foreign}",
            plural(value.len(), "byte"),
            Sha256::of(value.as_bytes())
        );
    }
    let verdict = match policy {
        None => "none: the guest keeps its default".to_owned(),
        Some(Err(_)) => "can't be loaded".to_owned(),
        Some(Ok(Judged { changes, .. })) if changes.is_empty() => {
            "decides as the built-in default".to_owned()
        }
        Some(Ok(Judged { changes, .. })) => {
            format!("differs from the built-in default in {}:", plural(changes.len(), "request"))
        }
    };
    let _ = writeln!(text, "policy      {verdict}");
    for Change { request, from, to, cases } in policy.iter().flatten().flat_map(|judged| &judged.changes) {
        let cases = plural(cases.len(), "case");
        let _ = writeln!(text, "            {request}: {to}, default {from} ({cases})");
    }
    text
}

fn as_json(inspected: &Inspected) -> String {
    let Inspected { form, initdata, policy } = inspected;
    let foreign: BTreeSet<&str> = initdata.foreign_keys().collect();
    let keys = initdata.data().iter().map(|(key, value)| {
        let foreign = foreign.contains(key.as_str());
        let entry = json!({"foreign": foreign, "sha256": Sha256::of(value.as_bytes()), "size": value.len()});
        (key.clone(), entry)
    });
    let mut value = json!({
        "algorithm": initdata.algorithm().name(),
        "annotation_limit": ANNOTATIONS_MAX,
        "annotation_size": initdata.annotation_len(),
        "digest": initdata.digest().to_string(),
        "faults": initdata::faults(initdata),
        "form": form.to_string(),
        "keys": keys.collect::<serde_json::Map<_, _>>(),
        "policy": policy.as_ref().and_then(|judged| judged.as_ref().ok()).map(judged_json),
        "size": initdata.text().len(),
        "version": VERSION,
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}

fn judged_json(judged: &Judged) -> Value {
    let decisions = judged
        .decisions
        .iter()
        .map(|(request, verdict)| (request.name().to_owned(), json!(verdict.to_string())));
    json!({
        "decisions": decisions.collect::<serde_json::Map<_, _>>(),
        "differs_from_default": judged.changes,
    })
}
