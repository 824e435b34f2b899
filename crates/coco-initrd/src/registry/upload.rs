//! What goes to a registry: blobs that it does not have, and then the manifest.
//!
//! A blob goes in one piece, POST and then PUT (distribution specification, "Pushing blobs"): that is what all
//! registries know.

use std::io::{Seek as _, SeekFrom};

use coco_image::profile::source::Url;
use coco_registry::{ACCEPTED, Content, Digest, OCI_MANIFEST, Reference};

use super::{Ask, Item, RegistryError, Repository, expect, origin, url};
use crate::http::{Body, HttpError, Method, Patience, Response};

/// What is uploaded.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// All of this file.
    File(&'a fs_err::File),
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// The registry has it now.
    Done,
    /// The registry had it.
    WasThere,
}

impl Repository<'_> {
    /// Uploads a blob, unless the registry has it.
    pub(crate) fn push_blob(&self, content: Content, source: &Source<'_>) -> Result<Upload, RegistryError> {
        let mut patience = Patience::new();
        loop {
            // After an upload that broke off, the registry may have it nevertheless.
            if self.has_blob(content)? {
                return Ok(Upload::WasThere);
            }
            match self.upload(content, source) {
                Ok(()) => return Ok(Upload::Done),
                Err(error) if patience.lasts(error.wait()) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the tag of the reference is this manifest already.
    pub(crate) fn has_manifest(&self, digest: Digest) -> Result<bool, RegistryError> {
        let url = self.url(&format!("manifests/{}", self.reference.version()))?;
        let accept = [("accept", ACCEPTED.to_owned())];
        let response =
            self.send(&Ask { method: Method::Head, url: &url, headers: &accept, body: &|| Ok(Body::None) })?;
        if response.status == 404 {
            return Ok(false);
        }
        let response = expect(&url, response, &[200])?;
        let said = response.header("docker-content-digest").and_then(|said| said.parse::<Digest>().ok());
        Ok(said == Some(digest))
    }

    /// Puts a manifest under the tag of the reference.
    pub(crate) fn push_manifest(&self, bytes: &[u8]) -> Result<Reference, RegistryError> {
        let url = self.url(&format!("manifests/{}", self.reference.version()))?;
        let headers = [("content-type", OCI_MANIFEST.to_owned())];
        let ask = Ask { method: Method::Put, url: &url, headers: &headers, body: &|| Ok(Body::Bytes(bytes)) };
        let response = expect(&url, self.send(&ask)?, &[201])?;
        let digest = Digest::of(bytes);
        is_said(&url, &response, digest)?;
        Ok(self.reference.pinned(digest))
    }

    fn has_blob(&self, content: Content) -> Result<bool, RegistryError> {
        let url = self.item_url(Item::Blob, content.digest)?;
        let response =
            self.send(&Ask { method: Method::Head, url: &url, headers: &[], body: &|| Ok(Body::None) })?;
        if response.status == 404 {
            return Ok(false);
        }
        expect(&url, response, &[200]).map(|_| true)
    }

    fn upload(&self, content: Content, source: &Source<'_>) -> Result<(), RegistryError> {
        let start = self.url("blobs/uploads/")?;
        let ask = Ask { method: Method::Post, url: &start, headers: &[], body: &|| Ok(Body::Bytes(&[])) };
        let response = expect(&start, self.send(&ask)?, &[202])?;
        let location = response.header("location").map(str::to_owned);
        let location = location.ok_or_else(|| RegistryError::NoLocation(start.to_string()))?;
        let target = target(&start, &location, content.digest)?;
        let headers = [("content-type", "application/octet-stream".to_owned())];
        let body = || match source {
            Source::Bytes(bytes) => Ok(Body::Bytes(bytes)),
            Source::File(file) => {
                let mut handle: &std::fs::File = file.file();
                let rewound = handle.seek(SeekFrom::Start(0));
                rewound.map_err(|error| RegistryError::File { path: file.path().to_owned(), error })?;
                Ok(Body::File(file.file(), content.size))
            }
        };
        // Once: after an upload that broke off, its session is not to be used again.
        let put = Ask { method: Method::Put, url: &target, headers: &headers, body: &body };
        let response = expect(&target, self.attempt(&put)?, &[201])?;
        is_said(&target, &response, content.digest)
    }
}

/// Where an upload goes, which ends with the digest. What begins over https goes on over https.
fn target(start: &Url, location: &str, digest: Digest) -> Result<Url, RegistryError> {
    let absolute =
        if location.starts_with('/') { format!("{}{location}", origin(start)) } else { location.to_owned() };
    let separator = if absolute.contains('?') { '&' } else { '?' };
    let found = url(&format!("{absolute}{separator}digest={digest}"))?;
    if start.as_str().starts_with("https:") && !found.as_str().starts_with("https:") {
        return Err(HttpError::Downgrade { url: start.clone(), to: Some(absolute) }.into());
    }
    Ok(found)
}

/// Fails if the registry says that it has taken something else.
fn is_said(url: &Url, response: &Response, expected: Digest) -> Result<(), RegistryError> {
    let said = response.header("docker-content-digest").and_then(|said| said.parse::<Digest>().ok());
    match said.filter(|said| *said != expected) {
        Some(got) => Err(RegistryError::Digest { what: url.to_string(), got, expected }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_where_the_registry_says_but_never_from_https_to_http() {
        let start = url("https://a.org/v2/b/blobs/uploads/").unwrap();
        let digest = Digest::of(b"{}");
        let goes = |location: &str| {
            target(&start, location, digest).map(|it| it.to_string()).map_err(|e| e.to_string())
        };
        assert_eq!(goes("/u/1"), Ok(format!("https://a.org/u/1?digest={digest}")));
        assert_eq!(goes("https://c.org/u?s=1"), Ok(format!("https://c.org/u?s=1&digest={digest}")));
        assert_eq!(
            goes("http://a.org/u"),
            Err("https://a.org/v2/b/blobs/uploads/ redirects to http://a.org/u, which is not https"
                .to_owned())
        );
    }
}
