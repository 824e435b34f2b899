//! Advice about overrides and their policies. The errors themselves say what is wrong.

use coco_policy::DeriveError;

use super::cause;
use crate::commands::pod_override::OverrideError;
use crate::commands::policy::{CaseDirectory, Unfit};

pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    let derive_hint = |error: &DeriveError| match error {
        DeriveError::Load { .. } => Some("`coco-initrd policy check` on the base says more"),
        DeriveError::NotAsMeant { .. } => {
            Some("deny by `default X := false` in the base: a rule that says false contradicts what opens")
        }
        DeriveError::Nothing => None,
    };
    let advice = None
        .or_else(|| cause::<OverrideError>(error).map(|_| OWN_POLICY))
        .or_else(|| {
            cause::<Unfit>(error)
                .map(|_| "`coco-initrd policy check --role override` on the base says where; mend it there")
        })
        .or_else(|| {
            cause::<CaseDirectory>(error)
                .map(|_| "give a directory such as policies/default-restrictive/cases")
        })
        .or_else(|| cause(error).and_then(derive_hint));
    advice.map(ToOwned::to_owned)
}

const OWN_POLICY: &str =
    "look at it with `coco-initrd initdata inspect`; --base derives from it, --replace-policy drops it";
