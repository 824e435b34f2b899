//! Advice about locks, and what they have pinned.

use std::io;

use coco_packages::deb::release::ReleaseError;

use super::registry::registry_hint;
use super::{archive_hint, cause};
use crate::content_store::{NoPlace, StoreError};
use crate::fetch::FetchError;
use crate::http::HttpError;
use crate::lock_file::LockFileError;

pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    cause(error)
        .and_then(file_hint)
        .or_else(|| cause(error).and_then(fetch_hint))
        .or_else(|| cause(error).and_then(store_hint))
        .or_else(|| cause::<NoPlace>(error).map(|_| PLACE.to_owned()))
        .or_else(|| cause(error).and_then(http_hint))
        .or_else(|| cause(error).and_then(release_hint))
        .or_else(|| cause(error).and_then(archive_hint))
}

fn fetch_hint(error: &FetchError) -> Option<String> {
    match error {
        FetchError::Http(error) => http_hint(error),
        FetchError::Registry(error) => registry_hint(error).map(str::to_owned),
        FetchError::Store(error) => store_hint(error),
        FetchError::Digest { .. } | FetchError::Size { .. } => Some(
            "it has changed since, or the server is wrong: take it from a --mirror, or pin what is there now"
                .to_owned(),
        ),
        FetchError::Part { .. } | FetchError::Stopped => None,
    }
}

const PLACE: &str = "give --store DIR";

fn store_hint(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::Absent { profile, .. } | StoreError::Damaged { profile, .. } => {
            format!("run `coco-initrd fetch --profile {}`", profile.as_ref()?)
        }
        StoreError::Foreign(_) | StoreError::Format(_) => {
            "give --store a directory that is new, empty, or a content store already".to_owned()
        }
        StoreError::NoPlace(_) => PLACE.to_owned(),
        StoreError::NoSpace { .. } => "make room, or give another --store".to_owned(),
        StoreError::Disk { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                "make room, or give another --store".to_owned()
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "give --store a directory that may be written to".to_owned()
            }
            _ => return None,
        },
    })
}

fn http_hint(error: &HttpError) -> Option<String> {
    Some(match error {
        HttpError::NoCertificates(_) => {
            "install the distribution's certificates, or name a file of some in SSL_CERT_FILE".to_owned()
        }
        HttpError::Proxy(_) => "write it as http://HOST:PORT, or unset it".to_owned(),
        _ => return None,
    })
}

fn release_hint(error: &ReleaseError) -> Option<String> {
    Some(match error {
        ReleaseError::Future { .. } => "set this machine's clock".to_owned(),
        ReleaseError::Expired { .. } => {
            "set this machine's clock, or take an archive that is kept up to date".to_owned()
        }
        ReleaseError::AfterSnapshot { .. } => "give a snapshot of a later moment".to_owned(),
        _ => return None,
    })
}

fn file_hint(error: &LockFileError) -> Option<String> {
    let lock = |profile: &str| format!("run `coco-initrd lock --profile {profile}`");
    Some(match error {
        LockFileError::Missing { profile, .. } | LockFileError::NotBuiltIn(profile) => lock(profile),
        LockFileError::OtherProfile { profile, .. } | LockFileError::Input { profile, .. } => {
            format!(
                "{}: it keeps every pin that still fits; then review the change of the lock",
                lock(profile)
            )
        }
        LockFileError::Text { .. } | LockFileError::TooLong(_) => {
            "take the lock from version control again, or remove it and run `coco-initrd lock`".to_owned()
        }
        LockFileError::NothingRemote(_) | LockFileError::Overlay(_) => return None,
        LockFileError::NoPlace(_) => "give --lock FILE".to_owned(),
    })
}
