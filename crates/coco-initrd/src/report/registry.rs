//! Advice about registries: references, logins, what they hold.

use coco_registry::ReferenceError;

use super::cause;
use crate::commands::pull::NotBuild;
use crate::commands::push::PushError;
use crate::registry::RegistryError;
use crate::sums::SumsError;

pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    let hint = cause(error)
        .and_then(reference_hint)
        .or_else(|| cause(error).and_then(registry_hint))
        .or_else(|| cause(error).map(sums_hint))
        .or_else(|| {
            cause::<PushError>(error).map(|_| "leave the digest out: push prints the one it has then")
        })
        .or_else(|| cause::<NotBuild>(error).map(|_| "give a reference that `coco-initrd push` printed"));
    hint.map(str::to_owned)
}

fn reference_hint(error: &ReferenceError) -> Option<&'static str> {
    Some(match error {
        ReferenceError::NoRegistry(_) => {
            "write the registry too, such as registry.example.org/team/image:tag; none is taken for granted"
        }
        ReferenceError::NoVersion(_) => "add :TAG or @sha256:DIGEST; latest is not taken for granted",
        ReferenceError::Library(_) | ReferenceError::Url(_) => "write the reference in full",
        _ => return None,
    })
}

pub(super) fn registry_hint(error: &RegistryError) -> Option<&'static str> {
    Some(match error {
        RegistryError::NoLogin { .. } | RegistryError::WrongLogin(_) => {
            "log in with `docker login` or `podman login`, or give REGISTRY_AUTH_FILE"
        }
        RegistryError::Denied { .. } => "ask the registry's owner, or log in as somebody who may",
        RegistryError::Login { .. } | RegistryError::LoginFile { .. } => "mend the file, or log in again",
        RegistryError::Helper { .. } => "install the helper, or take it out of the file of logins",
        RegistryError::Digest { .. } | RegistryError::Size { .. } => {
            "nothing was written; ask the registry's owner what has happened to it, and compare with another copy"
        }
        RegistryError::NotFound(_) => {
            "look at the registry's list of tags: it may be a slip, or have been deleted"
        }
        _ => return None,
    })
}

fn sums_hint(error: &SumsError) -> &'static str {
    match error {
        SumsError::Missing(_) => "give what `coco-initrd build --output-dir DIR` wrote",
        _ => "build again: only a whole build, and nothing else, is pushed or pulled",
    }
}
