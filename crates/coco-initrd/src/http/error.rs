//! Why a request came to nothing, and whether another try may help.

use std::fmt::Display;
use std::io::{self, Read as _};
use std::time::Duration;

use coco_image::profile::source::Url;

use super::Response;
use super::patience::Wait;

/// Most of a server's own words that are passed on, in bytes.
const WORDS: u64 = 200;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// No answer came, or it broke off.
    #[error("{place}: {problem}")]
    Connection {
        /// What was asked for.
        place: String,
        /// The reason.
        problem: String,
        /// Whether another try may help.
        is_passing: bool,
    },
    /// The way led from https to http.
    #[error("{url} redirects to {}, which is not https", to.as_deref().unwrap_or("another place"))]
    Downgrade {
        /// What was asked for.
        url: Url,
        /// Where it was sent, if that is known.
        to: Option<String>,
    },
    /// An answer that is none of success.
    #[error("{url}: the server answers {status}{words}")]
    Status {
        /// What was asked for.
        url: Url,
        /// Its status.
        status: u16,
        /// The beginning of what it says, or nothing.
        words: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// No certificate to trust.
    #[error("no certificates of authorities to trust: {0}")]
    NoCertificates(String),
    /// A proxy that is none.
    #[error("{0} of the environment is not the URL of a proxy")]
    Proxy(&'static str),
}

impl HttpError {
    /// What `error` means for the person who wanted `url`.
    pub(super) fn of(url: &Url, error: ureq::Error) -> Self {
        let url = url.clone();
        match error {
            ureq::Error::RequireHttpsOnly(to) => Self::Downgrade { url, to: (!to.is_empty()).then_some(to) },
            error => {
                let is_passing = is_passing(&error);
                // The crate's words for a file that ends early, and the like, begin with their kind.
                let problem = error.to_string();
                let problem = problem.strip_prefix("io: ").unwrap_or(&problem).to_owned();
                Self::Connection { place: url.to_string(), problem, is_passing }
            }
        }
    }

    /// What a body that broke off means.
    pub(crate) fn body(place: &dyn Display, error: &io::Error) -> Self {
        let problem = format!("the connection broke off: {error}");
        Self::Connection { place: place.to_string(), problem, is_passing: true }
    }

    /// An answer that the caller has no use for.
    pub(crate) fn status(url: &Url, response: Response) -> Self {
        let status = response.status;
        let seconds = response.header("retry-after").and_then(|text| text.trim().parse().ok());
        let mut words = Vec::new();
        // What can't be read is not needed: the status says enough.
        let _ = response.into_reader().take(WORDS).read_to_end(&mut words);
        let words = String::from_utf8_lossy(&words);
        let is_plain = |c: char| c == ' ' || c.is_ascii_graphic();
        let words: String =
            words.lines().next().unwrap_or_default().chars().filter(|c| is_plain(*c)).collect();
        let words =
            if words.is_empty() || words.starts_with('<') { String::new() } else { format!(": {words}") };
        Self::Status { url: url.clone(), status, words, retry_after: seconds.map(Duration::from_secs) }
    }

    /// Whether, and when, another try may help.
    pub(crate) fn wait(&self) -> Wait {
        match self {
            Self::Connection { is_passing: true, .. } => Wait::AsUsual,
            Self::Status { status: 408 | 425 | 429 | 500 | 502 | 503 | 504, retry_after, .. } => {
                retry_after.map_or(Wait::AsUsual, Wait::For)
            }
            _ => Wait::Never,
        }
    }
}

/// Whether it is the network's fault, and not the request's.
fn is_passing(error: &ureq::Error) -> bool {
    match error {
        // A certificate that is refused comes as an error of the socket too.
        ureq::Error::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
        _ => false,
    }
}
