//! Logins: docker's `config.json` and podman's `auth.json`, which are one format.
//!
//! Only what is about logins is read; the rest of the file is docker's. Credential helpers are named here and run
//! by the program. A key of `auths` is a registry, as in `registry.example.org:5000`; podman also has one with a path
//! (`registry.example.org/team`), which fits the repositories below it; and docker has old ones that are URLs
//! (`https://index.docker.io/v1/`), whose path means nothing (docker-cli `cli/config/configfile/file.go`,
//! containers-auth.json(5)).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::reference::{Registry, Repository};

/// Largest file of logins, in bytes.
pub const LOGINS_MAX: u64 = 1 << 20;

/// The user name with which helpers and files mark an identity token (docker-credential-helpers, `client.go`).
const TOKEN_USER: &str = "<token>";

/// What docker's own registry is called where logins are kept.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A file of logins.
#[derive(Debug, Default)]
pub struct Logins {
    auths: BTreeMap<String, Option<Credentials>>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// A login.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that a token server takes for one of its own.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    // No secret is printed by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => write!(f, "Password({username})"),
            Self::IdentityToken(_) => f.write_str("IdentityToken"),
        }
    }
}

/// Where a registry's login is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// In the file.
    Here(Credentials),
    /// `docker-credential-NAME get` has it, given this server.
    Helper {
        /// Name of the helper.
        name: String,
        /// What it is asked for.
        server: String,
    },
    /// Nowhere.
    None,
}

/// Why a file of logins can't be used. No secret is in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Not JSON, or not this format.
    #[error("line {line}, column {column}: not a file of logins")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// `auth` is not base64 of `NAME:PASSWORD`.
    #[error("auth of {0} is not base64 of NAME:PASSWORD")]
    Auth(String),
    /// A name that would be a path.
    #[error("`{0}` is not the name of a credential helper")]
    Helper(String),
    /// A helper's answer.
    #[error("the credential helper's answer is not one")]
    HelperAnswer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    auths: BTreeMap<String, RawAuth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAuth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

impl Logins {
    /// Reads a file of logins.
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        // serde_json's own words would show the text around the place, which may be a secret.
        let syntax =
            |error: serde_json::Error| LoginError::Syntax { line: error.line(), column: error.column() };
        let raw: Raw = serde_json::from_str(text).map_err(syntax)?;
        let auths = raw.auths.into_iter().map(|(key, auth)| {
            let credentials = auth.credentials(&key)?;
            Ok((key, credentials))
        });
        let auths = auths.collect::<Result<_, LoginError>>()?;
        let store = raw.creds_store.filter(|it| !it.is_empty());
        for name in raw.cred_helpers.values().chain(&store) {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if !name.bytes().all(is_plain) {
                return Err(LoginError::Helper(name.clone()));
            }
        }
        Ok(Self { auths, helpers: raw.cred_helpers, store })
    }

    /// Where the login for `repository` is: with the registry's own helper, else in the file, the longest key
    /// that fits first, else in the common store.
    pub fn login(&self, registry: &Registry, repository: &Repository) -> Login {
        let names = names(registry);
        let server = if registry.is_docker_hub() { DOCKER_HUB } else { registry.as_str() }.to_owned();
        let is_ours = |key: &str| names.contains(&host_of(key));
        let of_registry = self.helpers.iter().find(|(key, name)| is_ours(key) && !name.is_empty());
        if let Some((_, name)) = of_registry {
            return Login::Helper { name: name.clone(), server };
        }
        let fitting = self.auths.iter().filter(|(key, _)| is_ours(key));
        let fitting =
            fitting.filter_map(|(key, found)| Some((prefix_length(key, repository)?, found.as_ref()?)));
        if let Some((_, credentials)) = fitting.max_by_key(|(length, _)| *length) {
            return Login::Here(credentials.clone());
        }
        match &self.store {
            Some(name) => Login::Helper { name: name.clone(), server },
            None => Login::None,
        }
    }
}

impl RawAuth {
    /// The login of entry `key`; nothing of one that is empty, as docker leaves it when a helper has the login.
    fn credentials(self, key: &str) -> Result<Option<Credentials>, LoginError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::IdentityToken(self.identitytoken)));
        }
        if !self.auth.is_empty() {
            let credentials = decoded(&self.auth).ok_or_else(|| LoginError::Auth(key.to_owned()))?;
            return Ok(Some(credentials));
        }
        let is_empty = self.username.is_empty() && self.password.is_empty();
        Ok((!is_empty).then(|| Credentials::of(&self.username, &self.password)))
    }
}

/// The login in base64 of `NAME:PASSWORD`.
fn decoded(auth: &str) -> Option<Credentials> {
    let bytes = data_encoding::BASE64.decode(auth.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    // docker pads the password with NUL.
    let (username, password) = text.trim_end_matches('\0').split_once(':')?;
    Some(Credentials::of(username, password))
}

impl Credentials {
    fn of(username: &str, password: &str) -> Self {
        if username == TOKEN_USER {
            Self::IdentityToken(password.to_owned())
        } else {
            Self::Password { username: username.to_owned(), password: password.to_owned() }
        }
    }

    /// Reads what a credential helper prints for `get` (docker-credential-helpers, `credentials.go`).
    pub fn of_helper(answer: &[u8]) -> Result<Self, LoginError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            username: String,
            secret: String,
        }
        let answer: Answer = serde_json::from_slice(answer).map_err(|_| LoginError::HelperAnswer)?;
        Ok(Self::of(&answer.username, &answer.secret))
    }

    /// The value of the header `Authorization` (RFC 7617); nothing for an identity token, which no registry takes.
    pub fn basic(&self) -> Option<String> {
        match self {
            Self::Password { username, password } => {
                let encoded = data_encoding::BASE64.encode(format!("{username}:{password}").as_bytes());
                Some(format!("Basic {encoded}"))
            }
            Self::IdentityToken(_) => None,
        }
    }
}

/// All names that `registry` has where logins are kept.
fn names(registry: &Registry) -> Vec<&str> {
    if registry.is_docker_hub() {
        vec!["docker.io", "index.docker.io", "registry-1.docker.io"]
    } else {
        vec![registry.as_str()]
    }
}

/// The registry of a key.
fn host_of(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.split('/').next().unwrap_or_default()
}

/// How much of `repository` a key names; nothing if it names another one.
fn prefix_length(key: &str, repository: &Repository) -> Option<usize> {
    if key.contains("://") {
        return Some(0);
    }
    let path = key.split_once('/').map_or("", |(_, path)| path.trim_end_matches('/'));
    let rest = repository.as_str().strip_prefix(path)?;
    (path.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `config` has for `registry/repository`.
    fn login(config: &str, registry: &str, repository: &str) -> Login {
        Logins::parse(config).unwrap().login(&registry.parse().unwrap(), &repository.parse().unwrap())
    }

    fn password(username: &str, password: &str) -> Login {
        Login::Here(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
    }

    fn helper(name: &str, server: &str) -> Login {
        Login::Helper { name: name.to_owned(), server: server.to_owned() }
    }

    #[test]
    fn a_login_is_found_by_its_registry() {
        // base64 of me:s3cret:x
        let config =
            r#"{"auths": {"registry.example.org:5000": {"auth": "bWU6czNjcmV0Ong="}}, "psFormat": "x"}"#;
        assert_eq!(login(config, "registry.example.org:5000", "a"), password("me", "s3cret:x"));
        for other in ["registry.example.org", "example.org", "registry.example.org:443"] {
            assert_eq!(login(config, other, "a"), Login::None);
        }
    }

    #[test]
    fn the_longest_path_that_fits_is_taken() {
        let entry = |name: &str| format!(r#"{{"username": "{name}", "password": "p"}}"#);
        let config = format!(
            r#"{{"auths": {{"a.org": {}, "a.org/team": {}, "a.org/team/x": {}, "https://b.org/v2/": {}}}}}"#,
            entry("all"),
            entry("team"),
            entry("x"),
            entry("b")
        );
        for (registry, repository, name) in [
            ("a.org", "other", "all"),
            ("a.org", "team", "team"),
            ("a.org", "teams/x", "all"),
            ("a.org", "team/x/y", "x"),
            ("b.org", "any", "b"),
        ] {
            assert_eq!(login(&config, registry, repository), password(name, "p"), "{repository}");
        }
    }

    #[test]
    fn dockers_own_registry_has_old_names() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"username": "me", "password": "p"}}}"#;
        assert_eq!(login(config, "docker.io", "library/a"), password("me", "p"));
        let config = r#"{"credsStore": "pass"}"#;
        assert_eq!(login(config, "docker.io", "library/a"), helper("pass", "https://index.docker.io/v1/"));
    }

    #[test]
    fn helpers_are_named_and_not_run() {
        let config = r#"{"auths": {"a.org": {}, "b.org": {"username": "me", "password": "p"}},
            "credHelpers": {"c.org": "gcloud"}, "credsStore": "secretservice"}"#;
        assert_eq!(login(config, "a.org", "x"), helper("secretservice", "a.org"));
        assert_eq!(login(config, "b.org", "x"), password("me", "p"));
        assert_eq!(login(config, "c.org", "x"), helper("gcloud", "c.org"));
    }

    #[test]
    fn identity_tokens_are_told_apart() {
        let token = Credentials::IdentityToken("t".to_owned());
        let config = r#"{"auths": {"a.org": {"auth": "bWU6eA==", "identitytoken": "t"}}}"#;
        assert_eq!(login(config, "a.org", "x"), Login::Here(token.clone()));
        assert_eq!(
            Credentials::of_helper(br#"{"ServerURL":"a.org","Username":"<token>","Secret":"t"}"#),
            Ok(token.clone())
        );
        assert_eq!(token.basic(), None);
    }

    #[test]
    fn a_password_is_sent_as_rfc_7617_has_it() {
        // RFC 7617, section 2
        let login = Credentials::of_helper(br#"{"Username":"Aladdin","Secret":"open sesame"}"#).unwrap();
        assert_eq!(login.basic().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn errors_show_no_secret() {
        for (config, problem) in [
            (r#"{"auths": {"a.org": {"auth": "s3cret!"}}}"#, "auth of a.org is not base64 of NAME:PASSWORD"),
            (r#"{"auths": {"a.org": {"auth": "bWU="}}}"#, "auth of a.org is not base64 of NAME:PASSWORD"),
            (r#"{"auths": {"a.org": "s3cret"}}"#, "line 1, column 28: not a file of logins"),
            (r#"{"credsStore": "../x"}"#, "`../x` is not the name of a credential helper"),
            ("", "line 1, column 0: not a file of logins"),
        ] {
            assert_eq!(Logins::parse(config).unwrap_err().to_string(), problem);
        }
        let shown = format!(
            "{:?}",
            login(r#"{"auths": {"a.org": {"username": "me", "password": "s3cret"}}}"#, "a.org", "x")
        );
        assert_eq!(shown, "Here(Password(me))");
        assert_eq!(
            Credentials::of_helper(b"s3cret").unwrap_err().to_string(),
            "the credential helper's answer is not one"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"a-z0-9]{0,200}") {
            let _ = Logins::parse(&text);
        }
    }
}
