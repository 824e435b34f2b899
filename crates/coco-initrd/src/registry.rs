//! One repository of a registry, over HTTP (OCI distribution specification 1.1).
//!
//! Nothing that a registry says is taken for true: manifests and blobs are compared with their digests and sizes
//! before anybody sees them whole. Registries of this machine are asked over http, all others over https. What
//! the answers mean is known to `coco_registry`.

mod blob;
mod error;
mod locked;
mod login;
mod upload;

use std::io::Read as _;
use std::sync::{Mutex, PoisonError};

use coco_image::profile::source::Url;
use coco_registry::challenge::Access;
use coco_registry::{ACCEPTED, Content, Digest, Document, MANIFEST_MAX, Manifest, Reference};

use crate::http::{Body, Client, HttpError, Method, Patience, Request, Response};
pub(crate) use error::{RegistryError, Whom};
pub(crate) use locked::wanted;
pub(crate) use upload::{Source, Upload};

/// A repository, and who we are to it.
#[derive(Debug)]
pub(crate) struct Repository<'c> {
    http: &'c Client,
    /// The reference that it was opened for: its tag and digest don't matter here.
    reference: Reference,
    access: Access,
    /// The header `Authorization` that the registry has taken, once it has asked for one.
    authorization: Mutex<Option<Authorization>>,
}

/// What a registry has asked for.
#[derive(Clone)]
struct Authorization {
    /// The header `Authorization`.
    header: String,
    /// Whether somebody's login is behind it, and not a token that anybody is given.
    is_login: bool,
}

impl std::fmt::Debug for Authorization {
    // No secret is printed by accident.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authorization(is_login: {})", self.is_login)
    }
}

/// A manifest or index as it is in the registry, its digest compared.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Their digest and size.
    pub(crate) content: Content,
    /// What the registry says it is.
    media_type: Option<String>,
}

/// What a reference names, for one platform.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The reference, by the digest of the manifest.
    pub(crate) reference: Reference,
    /// Bytes, digest and size of the manifest.
    pub(crate) fetched: Fetched,
    /// What they say.
    pub(crate) manifest: Manifest,
}

/// What a repository has by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A manifest or index.
    Manifest,
    /// A blob: a layer, or a file.
    Blob,
}

impl Item {
    /// The header `Accept`: without it, registries give manifests of an older kind.
    fn accept(self) -> Option<&'static str> {
        match self {
            Self::Manifest => Some(ACCEPTED),
            Self::Blob => None,
        }
    }
}

/// What is sent besides the headers that all requests have.
struct Ask<'a> {
    method: Method,
    url: &'a Url,
    headers: &'a [(&'a str, String)],
    body: &'a dyn Fn() -> Result<Body<'a>, RegistryError>,
}

impl<'c> Repository<'c> {
    /// The repository of `reference`. Nothing is asked yet.
    pub(crate) fn new(http: &'c Client, reference: &Reference, access: Access) -> Self {
        Self { http, reference: reference.clone(), access, authorization: Mutex::new(None) }
    }

    /// What `reference` names: itself, or of an index the manifest for `linux/ARCHITECTURE` (in Go's words).
    pub(crate) fn resolve(&self, architecture: &str) -> Result<Resolved, RegistryError> {
        let fetched = self.manifest()?;
        let manifest = match document(&self.reference, &fetched)? {
            Document::Manifest(manifest) => {
                let reference = self.reference.pinned(fetched.content.digest);
                return Ok(Resolved { reference, fetched, manifest });
            }
            Document::Index(index) => index.choose(architecture),
        };
        let content = manifest
            .map_err(|error| RegistryError::Platform { reference: self.reference.to_string(), error })?;
        let reference = self.reference.pinned(content.digest);
        let fetched = self.fetch(&reference)?;
        if fetched.content.size != content.size {
            let (got, expected) = (fetched.content.size, content.size);
            return Err(RegistryError::Size { what: reference.to_string(), got, expected });
        }
        match document(&reference, &fetched)? {
            Document::Manifest(manifest) => Ok(Resolved { reference, fetched, manifest }),
            Document::Index(_) => Err(RegistryError::IndexInIndex(reference.to_string())),
        }
    }

    /// The manifest or index that the reference names, for whoever wants its bytes.
    pub(crate) fn manifest(&self) -> Result<Fetched, RegistryError> {
        self.fetch(&self.reference)
    }

    fn fetch(&self, reference: &Reference) -> Result<Fetched, RegistryError> {
        let url = self.url(&format!("manifests/{}", reference.version()))?;
        let accept = [("accept", ACCEPTED.to_owned())];
        let ask = Ask { method: Method::Get, url: &url, headers: &accept, body: &|| Ok(Body::None) };
        let mut patience = Patience::new();
        loop {
            let response = self.send(&ask)?;
            if response.status == 404 {
                return Err(RegistryError::NotFound(reference.to_string()));
            }
            let response = expect(&url, response, &[200])?;
            let media_type = response.header("content-type").map(str::to_owned);
            let said = response.header("docker-content-digest").map(str::to_owned);
            let mut bytes = Vec::new();
            match response.into_reader().take(MANIFEST_MAX + 1).read_to_end(&mut bytes) {
                Ok(_) => return checked(reference, bytes, media_type, said.as_deref()),
                Err(error) => {
                    let error = HttpError::body(&url, &error);
                    if !patience.lasts(error.wait()) {
                        return Err(error.into());
                    }
                }
            }
        }
    }

    /// The URL of `path` in this repository.
    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let Reference { registry, repository, .. } = &self.reference;
        let scheme = if registry.is_loopback() { "http" } else { "https" };
        url(&format!("{scheme}://{}/v2/{repository}/{path}", registry.api()))
    }

    /// The URL of what has `digest` in this repository.
    pub(crate) fn item_url(&self, item: Item, digest: Digest) -> Result<Url, RegistryError> {
        let directory = match item {
            Item::Manifest => "manifests",
            Item::Blob => "blobs",
        };
        self.url(&format!("{directory}/{digest}"))
    }

    /// Sends a request again and again, until there is an answer that another try would not change.
    fn send(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut patience = Patience::new();
        loop {
            match self.attempt(ask) {
                Err(error) if patience.lasts(error.wait()) => {}
                done => return done,
            }
        }
    }

    /// Sends a request; logs in if the registry asks for it, also when it no longer takes what it has given.
    fn attempt(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut response = self.send_once(ask)?;
        if response.status == 401 && self.is_own(ask.url) {
            let authorization = self.log_in(&response)?;
            *self.authorization() = Some(authorization);
            response = self.send_once(ask)?;
        }
        match response.status {
            status @ (401 | 403) => Err(self.refused(status)),
            408 | 425 | 429 | 500.. => Err(HttpError::status(ask.url, response).into()),
            _ => Ok(response),
        }
    }

    fn send_once(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut headers = ask.headers.to_vec();
        // An upload may lead to another host, which has no business with what this one has taken.
        if self.is_own(ask.url) {
            headers.extend(self.authorization().clone().map(|it| ("authorization", it.header)));
        }
        let request = Request { method: ask.method, url: ask.url, headers: &headers, body: (ask.body)()? };
        Ok(self.http.send(&request)?)
    }

    fn refused(&self, status: u16) -> RegistryError {
        let Reference { registry, repository, .. } = &self.reference;
        let (registry, repository) = (registry.to_string(), repository.to_string());
        let how = match self.access {
            Access::Pull => "read",
            Access::PullPush => "written",
        };
        let has_login = self.authorization().as_ref().is_some_and(|it| it.is_login);
        match (status, has_login) {
            (401, false) => RegistryError::NoLogin { registry, repository, how },
            (401, true) => RegistryError::WrongLogin(registry),
            _ => RegistryError::Denied { registry, repository, how },
        }
    }

    /// Whether `url` is of the registry itself.
    fn is_own(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| origin(&own) == origin(url))
    }

    fn authorization(&self) -> std::sync::MutexGuard<'_, Option<Authorization>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bytes say.
fn document(reference: &Reference, fetched: &Fetched) -> Result<Document, RegistryError> {
    Document::parse(&fetched.bytes, fetched.media_type.as_deref())
        .map_err(|error| RegistryError::Manifest { reference: reference.to_string(), error })
}

/// Scheme, host and port.
fn origin(url: &Url) -> &str {
    let text = url.as_str();
    let authority = text.find("://").map_or(0, |at| at + 3);
    let end =
        text.get(authority..).and_then(|rest| rest.find(['/', '?'])).map_or(text.len(), |at| authority + at);
    text.get(..end).unwrap_or(text)
}

fn url(text: &str) -> Result<Url, RegistryError> {
    Url::parse(text, &["https", "http"]).map_err(|error| RegistryError::Url(error.to_string()))
}

/// The answer, if its status is one that is `expected`.
fn expect(url: &Url, response: Response, expected: &[u16]) -> Result<Response, RegistryError> {
    if expected.contains(&response.status) {
        Ok(response)
    } else {
        Err(HttpError::status(url, response).into())
    }
}

/// A manifest's bytes, once they are those that the reference and the registry itself say.
fn checked(
    reference: &Reference,
    bytes: Vec<u8>,
    media_type: Option<String>,
    said: Option<&str>,
) -> Result<Fetched, RegistryError> {
    let content = Content::of(&bytes);
    if content.size > MANIFEST_MAX {
        let error = coco_registry::ManifestError::TooLong;
        return Err(RegistryError::Manifest { reference: reference.to_string(), error });
    }
    let got = content.digest;
    let is_said = said.and_then(|said| said.parse::<Digest>().ok());
    for expected in reference.digest.iter().chain(&is_said).copied() {
        if expected != got {
            return Err(RegistryError::Digest { what: reference.to_string(), got, expected });
        }
    }
    Ok(Fetched { bytes, content, media_type })
}

#[cfg(test)]
mod tests;
