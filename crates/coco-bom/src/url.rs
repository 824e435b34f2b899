//! Addresses that both formats take: a checked text, nothing resolved.

use std::fmt;
use std::net::Ipv6Addr;

/// Longest address that is taken, in bytes.
pub const URL_MAX: usize = 8000;

/// An absolute `https` or `http` address, of characters that RFC 3986 has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url(String);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct NotUrl {
    /// The text, at most 200 characters of it.
    text: String,
    /// What is wrong with it.
    problem: &'static str,
}

impl Url {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, NotUrl> {
        match problem(text) {
            None => Ok(Self(text.to_owned())),
            Some(problem) => Err(NotUrl { text: text.chars().take(200).collect(), problem }),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let Some(("https" | "http", rest)) = text.split_once("://") else {
        return Some("does not begin with https:// or http://");
    };
    if text.len() > URL_MAX {
        return Some("is longer than 8000 bytes");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("has a user in it: documents are for everybody");
    }
    if !is_host_and_port(authority) {
        return Some("names no host");
    }
    // RFC 3986, appendix A: unreserved and reserved characters, but for the brackets of an IP literal
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    let path = rest.strip_prefix(authority).unwrap_or_default();
    if !path.bytes().all(is_legal) || !path.split('%').skip(1).all(opens_with_two_hex_digits) {
        return Some("has characters that no address has");
    }
    (path.matches('#').count() > 1).then_some("has two fragments")
}

/// A name, an IPv4 address, or an IPv6 address in brackets; then a port, if there is one.
fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, "443"),
    };
    let is_name =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    (is_name || literal.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()))
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
}

fn opens_with_two_hex_digits(text: &str) -> bool {
    text.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_they_are() {
        for text in [
            "https://example.org",
            "http://127.0.0.1:8080/pool/libstdc++6_14.2.0-19_amd64.deb",
            "http://[2001:db8::1]/a",
            "http://[2001:db8::1]:8080/a",
            "https://the_mirror/a",
            "https://example.org/a%20b?c=d&e=(f)#g",
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (text, problem) in [
            ("", "does not begin with https:// or http://"),
            ("ftp://example.org/", "does not begin with https:// or http://"),
            ("https:///a", "names no host"),
            ("https://exa mple.org/", "names no host"),
            ("https://example.org:port/", "names no host"),
            ("https://example.org:+80/", "names no host"),
            ("https://[example.org]/", "names no host"),
            ("https://[::1/", "names no host"),
            ("https://example.org:99999/", "names no host"),
            ("https://me:secret@example.org/", "has a user in it: documents are for everybody"),
            ("https://example.org/a b", "has characters that no address has"),
            ("https://example.org/ü", "has characters that no address has"),
            ("https://example.org/%2", "has characters that no address has"),
            ("https://example.org/[a]", "has characters that no address has"),
            ("https://example.org/<a>", "has characters that no address has"),
            ("https://example.org/#a#b", "has two fragments"),
        ] {
            assert_eq!(Url::parse(text).unwrap_err().to_string(), format!("`{text}` {problem}"));
        }
        let long = format!("https://example.org/{}", "a".repeat(URL_MAX));
        assert!(Url::parse(&long).unwrap_err().to_string().ends_with("is longer than 8000 bytes"));
    }
}
