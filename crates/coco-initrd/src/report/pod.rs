//! Advice about the YAML of pods. The errors themselves say what is wrong.

use coco_pod::PodError;

use super::one_line;
use crate::pods::PodChoice;

pub(super) fn hint(error: &PodError) -> Option<String> {
    Some(
        match error {
            PodError::ByteOrderMark { .. } | PodError::NotUtf8 { .. } => {
                "save the file as UTF-8 without a mark"
            }
            PodError::LineBreak { .. } => "take the character out, or write it as an escape in double quotes",
            PodError::DuplicateKey { .. } => "leave one of them",
            PodError::Reference { .. } => {
                "write the value out at this place; aliases, anchors, tags and merge keys are not followed"
            }
            PodError::UnknownWorkload { matches: 0, .. } => "give the Kind/name of one that is there",
            PodError::UnknownWorkload { .. } => "put each workload into a file of its own",
            PodError::AnnotationsTooLarge { .. } => {
                "make the policy smaller: Kubernetes takes no larger annotations"
            }
            PodError::NotEditable { .. } => "put the annotation in by hand",
            _ => return None,
        }
        .to_owned(),
    )
}

pub(super) fn choice_hint(error: &PodChoice) -> Option<String> {
    Some(match error {
        PodChoice::Several { workloads, .. } => {
            format!("name one with --workload {}", one_line(workloads.first()?))
        }
        PodChoice::NoInitdata { .. } => "`coco-initrd initdata annotate` gives a pod initdata".to_owned(),
        PodChoice::EmptyInitdata { .. } => {
            "`coco-initrd initdata annotate` takes it out with --remove, or gives the pod another".to_owned()
        }
        PodChoice::Different { .. } => "put each workload into a file of its own".to_owned(),
    })
}
