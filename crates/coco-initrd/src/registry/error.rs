//! Why a registry does not give or take what it should.

use std::io;
use std::path::PathBuf;

use coco_registry::challenge::ChallengeError;
use coco_registry::credentials::LoginError;
use coco_registry::{Digest, ManifestError, PlatformError, ReferenceError};

use crate::http::{HttpError, Wait};

/// Why a registry does not give or take what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// No answer, or one of no use.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A reference that names nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It wants to know who we are, and nobody has logged in.
    #[error("{repository} of {registry} can't be {how} without a login")]
    NoLogin {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// What was to be done.
        how: &'static str,
    },
    /// It knows nobody of this name and password.
    #[error("{0} refuses the login")]
    WrongLogin(String),
    /// It knows who we are, or does not care, and says no.
    #[error("{registry} does not let {repository} be {how}")]
    Denied {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// What was to be done.
        how: &'static str,
    },
    /// It asks for a login in a way that can't be answered.
    #[error("{registry}: {error}")]
    Challenge {
        /// The registry.
        registry: String,
        /// The reason.
        error: ChallengeError,
    },
    /// The password would be readable on the way.
    #[error("{registry} sends logins to {server}, which is not https")]
    Unprotected {
        /// The registry.
        registry: String,
        /// The token server's host.
        server: String,
    },
    /// Only a token server takes an identity token.
    #[error("{0} asks for name and password, and its login is an identity token")]
    IdentityToken(String),
    /// A file of logins.
    #[error("{whom}: {error}")]
    Login {
        /// The file or the helper.
        whom: Whom,
        /// The reason.
        error: LoginError,
    },
    /// A file of logins that can't be read.
    #[error("{}: {error}", path.display())]
    LoginFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A credential helper that can't be run, or fails.
    #[error("{helper} has no login for {server}: {problem}")]
    Helper {
        /// The program.
        helper: String,
        /// What it was asked for.
        server: String,
        /// What it says.
        problem: String,
    },
    /// No such image.
    #[error("the registry has no {0}")]
    NotFound(String),
    /// A manifest that can't be used.
    #[error("{reference}: {error}")]
    Manifest {
        /// The reference.
        reference: String,
        /// The reason.
        error: ManifestError,
    },
    /// An index without the platform.
    #[error("{reference}: {error}")]
    Platform {
        /// The reference.
        reference: String,
        /// The reason.
        error: PlatformError,
    },
    /// An index that names another one.
    #[error("{0} is named as a manifest, and is an index")]
    IndexInIndex(String),
    /// Other bytes than those that were named.
    #[error("{what} is not what the registry says it is: got {got}, expected {expected}")]
    Digest {
        /// What was asked for.
        what: String,
        /// The digest of what came.
        got: Digest,
        /// The digest it must have.
        expected: Digest,
    },
    /// More or fewer bytes than were named.
    #[error("{what} is not as long as the registry says: got {got} bytes, expected {expected}")]
    Size {
        /// What was asked for.
        what: String,
        /// What came, or is announced, in bytes.
        got: u64,
        /// The size in the manifest, in bytes.
        expected: u64,
    },
    /// An upload that has no place.
    #[error("{0} does not say where the upload goes")]
    NoLocation(String),
    /// A text that should be a URL.
    #[error("the registry's URL {0}")]
    Url(String),
    /// A file on this side.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// Where a login comes from.
#[derive(Debug)]
pub(crate) enum Whom {
    /// A file of logins.
    File(PathBuf),
    /// A credential helper.
    Helper(String),
}

impl std::fmt::Display for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Helper(name) => f.write_str(name),
        }
    }
}

impl RegistryError {
    /// Whether, and when, another try may help.
    pub(crate) fn wait(&self) -> Wait {
        match self {
            Self::Http(error) => error.wait(),
            _ => Wait::Never,
        }
    }
}
