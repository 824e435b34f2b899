//! Requests over https and http: proxies, certificates, redirects, and what is worth another try.
//!
//! What a server's answer means is not known here, nor what its bytes must be. Nothing that is asked for over https
//! comes over anything less, also behind a redirect.

mod environment;
mod error;
mod names;
mod patience;

use std::sync::OnceLock;
use std::time::Duration;

use coco_image::profile::source::Url;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, AsSendBody, SendBody};

pub(crate) use error::HttpError;
use names::Names;
pub(crate) use patience::{Patience, Wait};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a server may think about an answer, and how long nothing may come of a body.
const SILENCE: Duration = Duration::from_mins(1);
/// How many connections are kept for the next request: as many as anybody fetches at once.
const IDLE: usize = 64;
/// How we call ourselves.
const USER_AGENT: &str = concat!("coco-initrd/", env!("CARGO_PKG_VERSION"));

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// What is there.
    Get,
    /// How large it is.
    Head,
    /// Something new.
    Post,
    /// Something under a name.
    Put,
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// Nothing.
    None,
    /// These bytes.
    Bytes(&'a [u8]),
    /// All of a file, and its size.
    File(&'a std::fs::File, u64),
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The method.
    pub(crate) method: Method,
    /// Where to.
    pub(crate) url: &'a Url,
    /// Headers besides those of the connection.
    pub(crate) headers: &'a [(&'a str, String)],
    /// The body.
    pub(crate) body: Body<'a>,
}

/// A server's answer, of whatever status.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status.
    pub(crate) status: u16,
    /// The size of the body in bytes, if the server says it.
    pub(crate) size: Option<u64>,
    inner: ureq::http::Response<ureq::Body>,
}

impl Response {
    /// The first value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// All values of a header that are text.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.inner.headers().get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The body, as it comes.
    pub(crate) fn into_reader(self) -> ureq::BodyReader<'static> {
        // No limit here: every reader has its own, from a lock, a manifest or a signed index.
        self.inner.into_body().into_with_config().limit(u64::MAX).reader()
    }
}

/// Sends requests. Threads share it: connections are kept for the next request.
#[derive(Debug, Default)]
pub(crate) struct Client {
    https: OnceLock<Agent>,
    http: OnceLock<Agent>,
}

impl Client {
    /// Sends `request` once and gives the answer, whatever its status.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let agent = self.agent(request.url)?;
        let failed = |error| HttpError::of(request.url, error);
        let sent = match &request.body {
            Body::None => run(agent, request, ()),
            Body::Bytes(bytes) => run(agent, request, *bytes),
            Body::File(file, size) => {
                let mut file: &std::fs::File = file;
                let length = ("content-length", size.to_string());
                let headers: Vec<_> = request.headers.iter().cloned().chain([length]).collect();
                let request = Request { headers: &headers, body: Body::None, ..*request };
                run(agent, &request, SendBody::from_reader(&mut file))
            }
        };
        let inner = sent.map_err(failed)?;
        Ok(Response { status: inner.status().as_u16(), size: inner.body().content_length(), inner })
    }

    /// Sends a GET and gives the answer if it is one of success; the others are errors.
    pub(crate) fn get(&self, url: &Url, headers: &[(&str, String)]) -> Result<Response, HttpError> {
        let response = self.send(&Request { method: Method::Get, url, headers, body: Body::None })?;
        if (200..300).contains(&response.status) {
            Ok(response)
        } else {
            Err(HttpError::status(url, response))
        }
    }

    fn agent(&self, url: &Url) -> Result<&Agent, HttpError> {
        let is_secure = url.as_str().starts_with("https:");
        let agent = if is_secure { &self.https } else { &self.http };
        if agent.get().is_none() {
            let new = new_agent(is_secure)?;
            // Another thread may have been first; both are the same.
            let _ = agent.set(new);
        }
        Ok(agent.get().expect("it was set above"))
    }
}

fn run(
    agent: &Agent,
    request: &Request<'_>,
    body: impl AsSendBody,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let method = match request.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let mut builder = ureq::http::Request::builder().method(method).uri(request.url.as_str());
    for (name, value) in request.headers {
        builder = builder.header(*name, value);
    }
    agent.run(builder.body(body)?)
}

/// An agent for https, which follows no redirect to anything else, or one for http.
fn new_agent(is_secure: bool) -> Result<Agent, HttpError> {
    let certificates = match certificates() {
        // A registry or mirror of this machine needs none; a redirect to https would fail then.
        Err(HttpError::NoCertificates(_)) if !is_secure => Vec::new(),
        found => found?,
    };
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build();
    let config = Agent::config_builder()
        .https_only(is_secure)
        .http_status_as_error(false)
        .max_redirects_will_error(true)
        .user_agent(USER_AGENT)
        .tls_config(tls)
        .proxy(environment::proxy(is_secure)?)
        .max_idle_connections(IDLE)
        .max_idle_connections_per_host(IDLE)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build();
    Ok(Agent::with_parts(config, DefaultConnector::default(), Names::default()))
}

/// Whom to trust: as OpenSSL and the distribution say.
fn certificates() -> Result<Vec<Certificate<'static>>, HttpError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none were found".to_owned(), ToString::to_string);
        return Err(HttpError::NoCertificates(reason));
    }
    Ok(found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}
