//! `coco-initrd initdata annotate`: gives a workload initdata, or takes it away. Nothing else changes.

use coco_initdata::ANNOTATION;

use crate::args::initdata::AnnotateArgs;
use crate::output::Output;
use crate::report::one_line;
use crate::{Outcome, initdata, pods, replace};

/// Writes the file with the annotation set or taken out.
pub(super) fn annotate(args: &AnnotateArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let (name, file) = pods::read(&args.file)?;
    let workload = pods::workload(&name, &file, args.workload.as_ref())?;
    let shown = one_line(&workload.to_string());
    let (text, note) = if let Some(path) = &args.initdata {
        let (_, initdata) = initdata::read(path)?;
        initdata::say_faults(&initdata, out);
        let text = file.set_annotation(workload, ANNOTATION, &initdata.annotation()?)?;
        (text, format!("{shown}: initdata {} {}", initdata.algorithm(), initdata.digest()))
    } else {
        // Taking away what is not there would be a mistake nobody sees; what is broken is there.
        if file.annotation(workload, ANNOTATION) == Ok(None) {
            return Err(pods::PodChoice::NoInitdata { name }.into());
        }
        (file.remove_annotation(workload, ANNOTATION)?, format!("{shown}: no initdata"))
    };
    match &args.output {
        Some(output) => replace::file(output, text.as_bytes())?,
        None => out.data(&text)?,
    }
    out.note(&note);
    Ok(Outcome::Done)
}
