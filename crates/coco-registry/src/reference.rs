//! What people write to name an image: `REGISTRY/REPOSITORY[:TAG][@sha256:...]`.
//!
//! Nothing is guessed: no registry, no `library/`, no `latest`. Docker's short names mean another thing on every
//! machine, and a tag that nobody wrote is one that nobody meant.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::content::{Digest, DigestError};

/// Longest name, in bytes, registry included (distribution specification, "Pulling manifests").
const NAME_MAX: usize = 255;

/// Longest tag, in bytes (same place).
const TAG_MAX: usize = 128;

/// An image, or artefact, of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where it is.
    pub registry: Registry,
    /// In which repository.
    pub repository: Repository,
    /// Its name there. With a digest, only for people.
    pub tag: Option<String>,
    /// What it must be.
    pub digest: Option<Digest>,
}

/// A registry: a host, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registry(String);

/// A repository of a registry: a path of lower-case names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository(String);

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The first part is no host.
    #[error("`{0}` does not begin with a registry")]
    NoRegistry(String),
    /// Not `HOST[:PORT]`.
    #[error("`{0}` is not the host of a registry, with or without a port")]
    Registry(String),
    /// Not a path of lower-case names.
    #[error("`{0}` is not a repository: lower-case names with slashes between them")]
    Repository(String),
    /// Docker adds a part that is not written.
    #[error("docker.io/{0} is docker's short form, expected docker.io/library/{0}")]
    Library(String),
    /// Not a tag.
    #[error("`{0}` is not a tag: up to 128 letters, digits, `_`, `.` and `-`")]
    Tag(String),
    /// The digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Neither tag nor digest.
    #[error("`{0}` has neither a tag nor a digest")]
    NoVersion(String),
    /// A scheme in front.
    #[error("`{0}` is a URL, expected REGISTRY/REPOSITORY:TAG")]
    Url(String),
    /// Longer than registries take.
    #[error("the reference is longer than {NAME_MAX} bytes without tag and digest")]
    TooLong,
}

impl Reference {
    /// What the registry is asked for: the digest if there is one, or else the tag.
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_default(),
        }
    }

    /// The same image by `digest`, its tag kept for people.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        // What is shown of a text that nobody has checked is bounded.
        let shown = || text.chars().take(300).collect::<String>();
        if text.contains("://") {
            return Err(ReferenceError::Url(shown()));
        }
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
        };
        let (registry, rest) = match rest.split_once('/') {
            Some((first, rest)) if is_host_like(first) => (first.parse::<Registry>()?, rest),
            _ => return Err(ReferenceError::NoRegistry(shown())),
        };
        let (repository, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((repository, tag)) => (repository, Some(self::tag(tag)?)),
        };
        let repository: Repository = repository.parse()?;
        if registry.is_docker_hub() && !repository.0.contains('/') {
            return Err(ReferenceError::Library(repository.0));
        }
        if registry.0.len() + 1 + repository.0.len() > NAME_MAX {
            return Err(ReferenceError::TooLong);
        }
        if tag.is_none() && digest.is_none() {
            return Err(ReferenceError::NoVersion(shown()));
        }
        Ok(Self { registry, repository, tag, digest })
    }
}

/// Whether a first part is meant as a host, as docker decides it (distribution's `reference/normalize.go`).
fn is_host_like(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

fn tag(text: &str) -> Result<String, ReferenceError> {
    let is_first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_rest = |byte: u8| is_first(byte) || matches!(byte, b'.' | b'-');
    match text.as_bytes() {
        [first, rest @ ..]
            if is_first(*first) && rest.iter().all(|it| is_rest(*it)) && text.len() <= TAG_MAX =>
        {
            Ok(text.to_owned())
        }
        _ => Err(ReferenceError::Tag(text.chars().take(TAG_MAX + 1).collect())),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl Registry {
    /// As it is written, which is also how logins name it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its API is: the host of docker's own registry is not the name that people write
    /// (distribution's `reference/normalize.go`, moby's `registry/config.go`).
    pub fn api(&self) -> &str {
        if self.is_docker_hub() { "registry-1.docker.io" } else { &self.0 }
    }

    /// Whether it is docker's, whose names have a history.
    pub(crate) fn is_docker_hub(&self) -> bool {
        self.0 == "docker.io"
    }

    /// Whether it is on this machine: then plain HTTP is no risk, and is what registries there speak.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// Whether `authority` (a host, with or without a port) is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let Some((host, _)) = host_and_port(authority) else { return false };
    host == "localhost"
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || bracketed(host).is_some_and(|address| address.is_loopback())
}

/// `HOST` or `HOST:PORT`, the port as text.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(end)?;
    if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) }
}

fn bracketed(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

impl FromStr for Registry {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
        };
        let is_port = |port: &str| {
            port.bytes().all(|it| it.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        match host_and_port(text) {
            Some((host, port))
                if (bracketed(host).is_some() || host.split('.').all(is_label))
                    && port.is_none_or(is_port) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ReferenceError::Registry(text.chars().take(NAME_MAX).collect())),
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Repository {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, with slashes between such (distribution specification, "Pulling manifests").
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Repository(text.chars().take(NAME_MAX).collect()))
        }
    }
}

fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let between: Vec<&str> = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
    // Nothing stands before the first letter or behind the last.
    let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return false };
    let is_separator = |it: &str| matches!(it, "" | "." | "_" | "__") || it.bytes().all(|byte| byte == b'-');
    is_word(first) && is_word(last) && between.into_iter().all(is_separator)
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn a_reference_reads_back_what_it_writes() {
        for text in [
            "registry.k8s.io/pause:3.10",
            "ghcr.io/confidential-containers/guest-components/coco-extension:v1_2.3-rc",
            "localhost/a:b",
            "127.0.0.1:5000/a/b__c/d.e/f---g:Latest",
            "[::1]:5000/a:b",
            "docker.io/library/debian:13",
            &format!("example.org/a@sha256:{HEX}"),
            &format!("example.org:443/a:b@sha256:{HEX}"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for (text, problem) in [
            ("debian:13", "`debian:13` does not begin with a registry"),
            ("library/debian:13", "`library/debian:13` does not begin with a registry"),
            ("", "`` does not begin with a registry"),
            (
                "docker.io/debian:13",
                "docker.io/debian is docker's short form, expected docker.io/library/debian",
            ),
            ("example.org/a", "`example.org/a` has neither a tag nor a digest"),
            (
                "docker://example.org/a:b",
                "`docker://example.org/a:b` is a URL, expected REGISTRY/REPOSITORY:TAG",
            ),
            ("example.org/A:b", "`A` is not a repository: lower-case names with slashes between them"),
            ("example.org/a/:b", "`a/` is not a repository: lower-case names with slashes between them"),
            (
                "example.org/a___b:c",
                "`a___b` is not a repository: lower-case names with slashes between them",
            ),
            ("example.org/../a:b", "`../a` is not a repository: lower-case names with slashes between them"),
            ("example.org/a:", "`` is not a tag: up to 128 letters, digits, `_`, `.` and `-`"),
            ("example.org/a:-b", "`-b` is not a tag: up to 128 letters, digits, `_`, `.` and `-`"),
            (
                "example.org:70000/a:b",
                "`example.org:70000` is not the host of a registry, with or without a port",
            ),
            (
                "me:secret@example.org/a:b",
                "digest `example.org/a:b` is not a SHA-256, the only algorithm that is taken here",
            ),
            ("-a.org/a:b", "`-a.org` is not the host of a registry, with or without a port"),
            ("[::1/a:b", "`[::1` is not the host of a registry, with or without a port"),
            (
                "example.org/a@sha512:00",
                "digest `sha512:00` is not a SHA-256, the only algorithm that is taken here",
            ),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap_err().to_string(), problem, "{text}");
        }
        let long = format!("example.org/{}:b", "a".repeat(250));
        assert_eq!(long.parse::<Reference>(), Err(ReferenceError::TooLong));
    }

    #[test]
    fn a_digest_is_asked_for_before_a_tag() {
        let reference: Reference = "example.org/a:b".parse().unwrap();
        assert_eq!(reference.version(), "b");
        assert_eq!(reference.pinned(Digest::of(b"{}")).version(), format!("sha256:{HEX}"));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |text: &str| text.parse::<Registry>().unwrap().is_loopback();
        for text in ["localhost", "localhost:5000", "127.0.0.1", "127.0.0.53:5000", "[::1]", "[::1]:80"] {
            assert!(loopback(text), "{text}");
        }
        for text in ["localhost.example.org", "10.0.0.1", "[::2]:5000", "127.0.0.1.example.org", "127.1"] {
            assert!(!loopback(text), "{text}");
        }
    }

    #[test]
    fn dockers_registry_is_asked_at_its_other_name() {
        let api = |text: &str| text.parse::<Registry>().unwrap().api().to_owned();
        assert_eq!(
            (api("docker.io"), api("a.org:1")),
            ("registry-1.docker.io".to_owned(), "a.org:1".to_owned())
        );
    }
}
