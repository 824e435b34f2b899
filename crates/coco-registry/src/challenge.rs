//! What a registry asks of who is not logged in, and the token that its token server gives for it.
//!
//! The header `WWW-Authenticate` is of RFC 9110, section 11.6.1; what is in it for registries, of distribution's
//! `docs/spec/auth/token.md` and `oauth.md`. Requests are made as text; who sends them is the program, which also
//! decides whether the server may be told a password ([`Bearer::server`]).

mod parse;

use std::fmt::Write as _;

use serde::Deserialize;

use crate::reference::{Repository, is_loopback};

/// Longest answer of a token server, in bytes: tokens of large registries are some 5 KiB.
pub const TOKEN_MAX: u64 = 1 << 20;

/// How a registry wants to be convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// By a token.
    Bearer(Bearer),
    /// By name and password (RFC 7617).
    Basic,
}

/// Where there are tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// URL of the token server: https, or http on this machine.
    realm: String,
    /// What the registry calls itself there.
    service: Option<String>,
}

/// What a token is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    PullPush,
}

/// Why a challenge can't be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// Not as RFC 9110 has it.
    #[error("WWW-Authenticate `{0}` is not a list of challenges")]
    Syntax(String),
    /// Only other schemes, such as Negotiate.
    #[error("the registry wants {0}, expected Bearer or Basic")]
    Schemes(String),
    /// A token server that could be anybody.
    #[error("the registry's token server `{0}` is not an https URL")]
    Realm(String),
    /// No token server.
    #[error("the registry wants a token and does not say from where")]
    NoRealm,
    /// Not a token.
    #[error("the token server's answer has no token")]
    NoToken,
    /// A token that is no header's value.
    #[error("the token server's answer is not one: {0}")]
    Answer(String),
}

impl Challenge {
    /// Reads the values of all headers `WWW-Authenticate` of an answer, and takes the strongest that is known here.
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Result<Self, ChallengeError> {
        let mut all = Vec::new();
        for header in headers {
            let syntax = || ChallengeError::Syntax(header.chars().take(200).collect());
            all.extend(parse::challenges(header).ok_or_else(syntax)?);
        }
        if let Some(bearer) = all.iter().find(|it| it.scheme == "bearer") {
            return Bearer::new(bearer).map(Self::Bearer);
        }
        if all.iter().any(|it| it.scheme == "basic") {
            return Ok(Self::Basic);
        }
        let names: Vec<&str> = all.iter().map(|it| it.scheme.as_str()).collect();
        Err(ChallengeError::Schemes(if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }))
    }
}

impl Bearer {
    fn new(challenge: &parse::RawChallenge) -> Result<Self, ChallengeError> {
        let realm = challenge.parameter("realm").ok_or(ChallengeError::NoRealm)?.to_owned();
        let bearer = Self { realm, service: challenge.parameter("service").map(str::to_owned) };
        let (scheme, authority) = bearer.scheme_and_authority();
        let is_url = bearer.realm.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"'));
        let is_plain = !authority.is_empty() && !authority.contains('@') && is_url;
        match scheme {
            "https" if is_plain => Ok(bearer),
            "http" if is_plain && is_loopback(authority) => Ok(bearer),
            _ => Err(ChallengeError::Realm(bearer.realm.chars().take(200).collect())),
        }
    }

    fn scheme_and_authority(&self) -> (&str, &str) {
        let (scheme, rest) = self.realm.split_once("://").unwrap_or_default();
        (scheme, rest.split(['/', '?']).next().unwrap_or_default())
    }

    /// The token server's host, with its port if it has one: it is told a password.
    pub fn server(&self) -> &str {
        self.scheme_and_authority().1
    }

    /// Whether what is sent there can't be read on the way.
    pub fn is_https(&self) -> bool {
        self.scheme_and_authority().0 == "https"
    }

    /// URL of the token server, as the registry says it.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The URL that has a token for `repository`, to be asked with or without name and password.
    pub fn url(&self, repository: &Repository, access: Access) -> String {
        let separator = if self.realm.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.realm, self.query(repository, access))
    }

    /// The body of a form that gives an identity token for a token, to be posted to [`Bearer::realm`]
    /// (`oauth.md`, "Refresh token").
    pub fn form(&self, repository: &Repository, access: Access, identity_token: &str) -> String {
        let token = percent_encoded(identity_token);
        let query = self.query(repository, access);
        format!("grant_type=refresh_token&client_id=coco-initrd&refresh_token={token}&{query}")
    }

    /// What the token is for. The scope is ours, not the challenge's: no token is asked for that is good for more.
    fn query(&self, repository: &Repository, access: Access) -> String {
        let actions = match access {
            Access::Pull => "pull",
            Access::PullPush => "pull,push",
        };
        let scope = percent_encoded(&format!("repository:{repository}:{actions}"));
        let service = self.service.iter().map(|it| format!("service={}&", percent_encoded(it)));
        format!("{}scope={scope}", service.collect::<String>())
    }
}

/// The answer of a token server.
#[derive(Deserialize)]
struct RawToken {
    token: Option<String>,
    access_token: Option<String>,
}

/// The token in the answer of a token server.
pub fn token(answer: &[u8]) -> Result<String, ChallengeError> {
    let raw: RawToken =
        serde_json::from_slice(answer).map_err(|error| ChallengeError::Answer(error.to_string()))?;
    let token = raw.token.or(raw.access_token).filter(|it| !it.is_empty()).ok_or(ChallengeError::NoToken)?;
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err(ChallengeError::Answer("the token has characters that no header has".to_owned()))
    }
}

/// `text` as a value of a query or form (RFC 3986, section 2.1).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            // A String takes any write.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Challenge, String> {
        Challenge::parse([header]).map_err(|error| error.to_string())
    }

    fn bearer(header: &str) -> Bearer {
        match read(header).unwrap() {
            Challenge::Bearer(bearer) => bearer,
            Challenge::Basic => panic!("Basic"),
        }
    }

    #[test]
    fn a_token_is_asked_for_with_our_scope() {
        let header = r#"Bearer realm="https://auth.example.org/token",service="registry.example.org",scope="registry:catalog:*""#;
        let repository: Repository = "a/b".parse().unwrap();
        let bearer = bearer(header);
        assert_eq!((bearer.server(), bearer.is_https()), ("auth.example.org", true));
        assert_eq!(
            bearer.url(&repository, Access::PullPush),
            "https://auth.example.org/token?service=registry.example.org&scope=repository%3Aa%2Fb%3Apull%2Cpush"
        );
        assert_eq!(
            bearer.form(&repository, Access::Pull, "x+y"),
            "grant_type=refresh_token&client_id=coco-initrd&refresh_token=x%2By\
             &service=registry.example.org&scope=repository%3Aa%2Fb%3Apull"
        );
    }

    #[test]
    fn a_realm_may_have_a_query_and_no_service() {
        let bearer = bearer(r#"bearer Realm = "http://127.0.0.1:5001/t?a=b""#);
        let url = bearer.url(&"c".parse().unwrap(), Access::Pull);
        assert_eq!(url, "http://127.0.0.1:5001/t?a=b&scope=repository%3Ac%3Apull");
    }

    #[test]
    fn the_strongest_known_scheme_is_taken() {
        assert_eq!(read(r#"Basic realm="a""#), Ok(Challenge::Basic));
        assert_eq!(read(r#"Negotiate, Basic realm="a, b=\"c\"", charset="UTF-8""#), Ok(Challenge::Basic));
        assert_eq!(bearer(r#"Basic realm=a, Bearer realm="https://b.org/""#).realm(), "https://b.org/");
        let headers = [r#"Negotiate oYIB+a=="#, r#"Bearer realm="https://b.org/""#];
        assert!(matches!(Challenge::parse(headers), Ok(Challenge::Bearer(_))));
    }

    #[test]
    fn a_challenge_that_cannot_be_met_is_an_error() {
        for (header, problem) in [
            ("Negotiate", "the registry wants negotiate, expected Bearer or Basic"),
            ("", "the registry wants nothing, expected Bearer or Basic"),
            ("Bearer service=a", "the registry wants a token and does not say from where"),
            (
                r#"Bearer realm="http://a.org/""#,
                "the registry's token server `http://a.org/` is not an https URL",
            ),
            (
                r#"Bearer realm="https://a@b.org/""#,
                "the registry's token server `https://a@b.org/` is not an https URL",
            ),
            (r#"Bearer realm="https://""#, "the registry's token server `https://` is not an https URL"),
            (
                r#"Bearer realm="https://a.org"#,
                r#"WWW-Authenticate `Bearer realm="https://a.org` is not a list of challenges"#,
            ),
            (
                "Bearer realm=a, realm=b",
                "WWW-Authenticate `Bearer realm=a, realm=b` is not a list of challenges",
            ),
        ] {
            assert_eq!(read(header), Err(problem.to_owned()));
        }
    }

    #[test]
    fn a_token_has_one_of_two_names() {
        assert_eq!(token(br#"{"token":"a","access_token":"b","expires_in":60}"#), Ok("a".to_owned()));
        assert_eq!(token(br#"{"access_token":"b"}"#), Ok("b".to_owned()));
        for (answer, problem) in [
            (r#"{"token":""}"#, "the token server's answer has no token"),
            (r#"{"errors":[]}"#, "the token server's answer has no token"),
            (
                r#"{"token":"a\r\nb"}"#,
                "the token server's answer is not one: the token has characters that no header has",
            ),
            ("<html>", "the token server's answer is not one: expected value at line 1 column 1"),
        ] {
            assert_eq!(token(answer.as_bytes()).unwrap_err().to_string(), problem);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(header in "[ -~\u{e9}]{0,80}", listed in "((a|Bearer)[ ,]*(b[ ]*=[ ]*(\"[^\"]{0,3}\"|c))?[ ,]*){0,4}") {
            let _ = Challenge::parse([header.as_str(), listed.as_str()]);
        }
    }
}
