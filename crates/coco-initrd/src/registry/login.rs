//! Logging in: where logins are on this machine, and what is given for one.
//!
//! Nobody is told a password but the registry itself and the token server that it names, both over https, or all on
//! this machine. Files and helpers are looked at only once a registry asks.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coco_registry::challenge::{Bearer, Challenge, TOKEN_MAX, token};
use coco_registry::credentials::{Credentials, LOGINS_MAX, Login, Logins};
use fs_err as fs;

use super::{Authorization, RegistryError, Repository, Whom, url};
use crate::http::{Body, HttpError, Method, Patience, Request, Response};

/// Longest answer of a credential helper, in bytes.
const ANSWER_MAX: u64 = 1 << 20;

impl Repository<'_> {
    /// What a registry is given that answers 401.
    pub(super) fn log_in(&self, response: &Response) -> Result<Authorization, RegistryError> {
        let registry = || self.reference.registry.to_string();
        let challenge = Challenge::parse(response.headers("www-authenticate"))
            .map_err(|error| RegistryError::Challenge { registry: registry(), error })?;
        let credentials = self.credentials()?;
        let header = match (challenge, &credentials) {
            (Challenge::Basic, None) => return Err(self.refused(401)),
            (Challenge::Basic, Some(credentials)) => {
                credentials.basic().ok_or_else(|| RegistryError::IdentityToken(registry()))?
            }
            (Challenge::Bearer(bearer), credentials) => {
                format!("Bearer {}", self.token(&bearer, credentials.as_ref())?)
            }
        };
        Ok(Authorization { header, is_login: credentials.is_some() })
    }

    /// A token of the server that the registry has named.
    fn token(&self, bearer: &Bearer, credentials: Option<&Credentials>) -> Result<String, RegistryError> {
        let Self { access, reference, .. } = self;
        let (registry, repository) = (reference.registry.to_string(), &reference.repository);
        if !bearer.is_https() && !reference.registry.is_loopback() {
            return Err(RegistryError::Unprotected { registry, server: bearer.server().to_owned() });
        }
        let (method, target, form) = match credentials {
            Some(Credentials::IdentityToken(identity)) => {
                (Method::Post, bearer.realm().to_owned(), Some(bearer.form(repository, *access, identity)))
            }
            _ => (Method::Get, bearer.url(repository, *access), None),
        };
        let target = url(&target)?;
        let basic = credentials.and_then(Credentials::basic).map(|it| ("authorization", it));
        let form_type =
            form.as_ref().map(|_| ("content-type", "application/x-www-form-urlencoded".to_owned()));
        let headers: Vec<_> = basic.into_iter().chain(form_type).collect();
        let mut patience = Patience::new();
        loop {
            let body = form.as_ref().map_or(Body::None, |form| Body::Bytes(form.as_bytes()));
            let answer = self.answer(&Request { method, url: &target, headers: &headers, body });
            match answer {
                Ok(answer) => {
                    return token(&answer).map_err(|error| RegistryError::Challenge { registry, error });
                }
                Err(HttpError::Status { status: 401, .. }) if credentials.is_some() => {
                    return Err(RegistryError::WrongLogin(registry));
                }
                Err(HttpError::Status { status: 401, .. }) => return Err(self.refused(401)),
                Err(HttpError::Status { status: 403, .. }) => return Err(self.refused(403)),
                Err(error) if !patience.lasts(error.wait()) => return Err(error.into()),
                Err(_) => {}
            }
        }
    }

    /// The body of a token server's answer.
    fn answer(&self, request: &Request<'_>) -> Result<Vec<u8>, HttpError> {
        let response = self.http.send(request)?;
        if response.status != 200 {
            return Err(HttpError::status(request.url, response));
        }
        let mut answer = Vec::new();
        let read = response.into_reader().take(TOKEN_MAX).read_to_end(&mut answer);
        read.map(|_| answer).map_err(|error| HttpError::body(request.url, &error))
    }

    /// The login for this repository: of the first file that has one.
    fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        let reference = &self.reference;
        for path in files() {
            let Some(logins) = read(&path)? else { continue };
            match logins.login(&reference.registry, &reference.repository) {
                Login::Here(credentials) => return Ok(Some(credentials)),
                Login::Helper { name, server } => {
                    if let Some(credentials) = ask(&format!("docker-credential-{name}"), &server)? {
                        return Ok(Some(credentials));
                    }
                }
                Login::None => {}
            }
        }
        Ok(None)
    }
}

/// Where logins may be: docker's file, then podman's.
fn files() -> Vec<PathBuf> {
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
    let podman = variable("REGISTRY_AUTH_FILE")
        .or_else(|| Some(variable("XDG_RUNTIME_DIR")?.join("containers/auth.json")));
    docker.map(|directory| directory.join("config.json")).into_iter().chain(podman).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "who asks makes no difference to what is asked for by its digest"
)]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn read(path: &Path) -> Result<Option<Logins>, RegistryError> {
    let failed = |error| RegistryError::LoginFile { path: path.to_owned(), error };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(LOGINS_MAX).read_to_string(&mut text).map_err(failed)?;
    let logins = Logins::parse(&text);
    logins.map(Some).map_err(|error| RegistryError::Login { whom: Whom::File(path.to_owned()), error })
}

/// Asks a credential helper (docker-credential-helpers: `get`, the server on standard input). It says by its exit
/// code that it has nothing.
fn ask(helper: &str, server: &str) -> Result<Option<Credentials>, RegistryError> {
    let failed = |problem: String| RegistryError::Helper {
        helper: helper.to_owned(),
        server: server.to_owned(),
        problem,
    };
    let mut command = Command::new(helper);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that ends without reading says why itself.
        let _ = input.write_all(server.as_bytes());
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(ANSWER_MAX).read_to_end(&mut answer).map_err(|error| failed(error.to_string()))?;
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        let whom = Whom::Helper(helper.to_owned());
        return Credentials::of_helper(&answer)
            .map(Some)
            .map_err(|error| RegistryError::Login { whom, error });
    }
    // The words of `credentials.NewErrCredentialsNotFound`, which all helpers use.
    let words = String::from_utf8_lossy(&answer).trim().to_owned();
    if words == "credentials not found in native keychain" { Ok(None) } else { Err(failed(words)) }
}
