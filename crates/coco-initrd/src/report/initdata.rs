//! Advice about initdata. The errors themselves say what is wrong.

use coco_initdata::InitdataError;

use super::one_line;
use crate::commands::initdata::InitdataUse;

pub(super) fn hint(error: &InitdataError) -> Option<String> {
    Some(
        match error {
            InitdataError::Hyphen { .. } => {
                "leave the hyphen out: Kata's Go runtime panics on it, and no pod would start"
            }
            InitdataError::Algorithm { .. } => "take sha256, which is right for every platform",
            InitdataError::Version { .. } => "no released agent reads another version",
            InitdataError::UnknownKey { .. } => "files for the guest go under [data]; take other keys out",
            InitdataError::Missing { key: "data", .. } => {
                "put the files under a [data] table, or make the document with `coco-initrd initdata create`"
            }
            InitdataError::Missing { .. } | InitdataError::Syntax { .. } => {
                "`coco-initrd initdata create` makes a document that is right"
            }
            InitdataError::Configuration { .. } => "mend the file: the component would not start with it",
            InitdataError::Kind { got: "a table", expected: "a string", .. } => {
                "quote keys that have a dot in them, such as \"policy.rego\""
            }
            InitdataError::ByteOrderMark { .. } => "save the file without one",
            InitdataError::Space { .. } => "join the lines: base64 -w0 writes only one",
            InitdataError::SecondMember { .. } | InitdataError::AfterGzip { .. } => {
                "runtimes disagree what such data means: compress the whole document once"
            }
            InitdataError::Base64 { .. } | InitdataError::GzipCut { .. } | InitdataError::Gzip { .. } => {
                "get the value again, whole and unchanged"
            }
            InitdataError::ImageCut { .. } | InitdataError::ImageLength { .. } => {
                "get the image again: it was not written to its end"
            }
            InitdataError::Bomb { .. }
            | InitdataError::InputTooLong { .. }
            | InitdataError::TextTooLong { .. } => {
                "check that this is the right file: an agent loads a policy of at most 16 MiB"
            }
            InitdataError::AnnotationTooLarge { .. } => {
                "make the policy smaller: Kubernetes refuses an object whose annotations have more together"
            }
            _ => return None,
        }
        .to_owned(),
    )
}

pub(super) fn use_hint(error: &InitdataUse) -> Option<String> {
    match error {
        InitdataUse::NoKey { keys, .. } if keys.is_empty() => Some("it has no keys at all".to_owned()),
        InitdataUse::NoKey { keys, .. } => Some(one_line(&format!("it has {}", keys.join(", ")))),
        InitdataUse::NotText { .. } => None,
    }
}
