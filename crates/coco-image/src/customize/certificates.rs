//! A bundle of CA certificates: that it is one, and where an image has its own. Trust is not judged.

use data_encoding::BASE64;

use crate::path::GuestPath;
use crate::tree::{Node, Tree};

/// Where programs look for certificates: Debian's place first, Fedora's second (OpenSSL and rustls-native-certs
/// know both).
pub const CERTIFICATES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The first byte of a certificate: an ASN.1 SEQUENCE (X.690, 8.9).
const SEQUENCE: u8 = 0x30;

/// PEM text (RFC 7468) with certificates and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The text as it was given.
    pub text: String,
    /// How many there are.
    pub number: usize,
}

/// Why a text is no bundle of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCertificates {
    /// Not text.
    #[error("not UTF-8")]
    NotText,
    /// No block at all.
    #[error("no `-----BEGIN CERTIFICATE-----` in it")]
    None,
    /// A private key has no business in an image.
    #[error("line {0}: a private key")]
    PrivateKey(usize),
    /// Another kind of block.
    #[error("line {0}: a block of `{1}`, expected CERTIFICATE")]
    Label(usize, String),
    /// A block that has no end, or an end without a block.
    #[error("line {0}: a block that is not closed")]
    Open(usize),
    /// Not base64, or no ASN.1 inside.
    #[error("line {0}: the block is no base64 of a certificate")]
    Damaged(usize),
}

impl Certificates {
    /// Reads PEM text; what is between blocks is comment.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotCertificates> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotCertificates::NotText)?;
        let mut open: Option<(usize, String)> = None;
        let mut number = 0;
        for (line, words) in (1..).zip(text.lines().map(str::trim_end)) {
            let label = |start: &str| words.strip_prefix(start).and_then(|rest| rest.strip_suffix("-----"));
            match (label("-----BEGIN "), label("-----END "), &mut open) {
                (Some(label), _, None) => {
                    known(line, label)?;
                    open = Some((line, String::new()));
                }
                (Some(_), _, Some((start, _))) => return Err(NotCertificates::Open(*start)),
                (None, Some("CERTIFICATE"), Some((start, base64))) => {
                    let decoded = BASE64.decode(base64.as_bytes());
                    let is_certificate = decoded.is_ok_and(|bytes| bytes.first() == Some(&SEQUENCE));
                    if !is_certificate {
                        return Err(NotCertificates::Damaged(*start));
                    }
                    number += 1;
                    open = None;
                }
                (None, Some(_), _) => return Err(NotCertificates::Open(line)),
                (None, None, Some((_, base64))) => base64.push_str(words.trim()),
                (None, None, None) => {}
            }
        }
        match open {
            Some((start, _)) => Err(NotCertificates::Open(start)),
            None if number == 0 => Err(NotCertificates::None),
            None => Ok(Self { text: text.to_owned(), number }),
        }
    }

    /// What is in a bundle once these are behind what it has.
    pub fn behind(&self, bundle: &[u8]) -> Vec<u8> {
        let mut bytes = bundle.to_vec();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(self.text.as_bytes());
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        bytes
    }
}

/// The real name of the bundle that `tree` has, or else of the one it should get.
pub fn bundle_place(tree: &Tree) -> GuestPath {
    let is_file =
        |path: &GuestPath| tree.lookup(path).is_ok_and(|entry| matches!(entry.node, Node::File(..)));
    let found = CERTIFICATES.into_iter().map(GuestPath::fixed).find(is_file);
    let path = found.unwrap_or_else(|| GuestPath::fixed(CERTIFICATES[0]));
    tree.follow(&path).unwrap_or(path)
}

fn known(line: usize, label: &str) -> Result<(), NotCertificates> {
    match label {
        "CERTIFICATE" => Ok(()),
        label if label.ends_with("PRIVATE KEY") => Err(NotCertificates::PrivateKey(line)),
        label => Err(NotCertificates::Label(line, label.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "# mine\n-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_counted_and_put_behind_what_is_there() {
        let found = Certificates::parse(format!("{ONE}{ONE}").as_bytes()).unwrap();
        assert_eq!(found.number, 2);
        let one = Certificates::parse(ONE.trim_end().as_bytes()).unwrap();
        assert_eq!(one.behind(b"old"), format!("old\n{ONE}").as_bytes());
    }

    #[test]
    fn what_is_no_bundle_of_certificates_is_refused() {
        for (from, to, told) in [
            ("MAMCAQE=", "MAMCAQE", "line 2: the block is no base64 of a certificate"),
            ("MAMCAQE=", "AAMCAQE=", "line 2: the block is no base64 of a certificate"),
            ("-----END CERTIFICATE-----", "", "line 2: a block that is not closed"),
            ("BEGIN CERTIFICATE", "BEGIN EC PRIVATE KEY", "line 2: a private key"),
            ("BEGIN CERTIFICATE", "BEGIN X509 CRL", "line 2: a block of `X509 CRL`, expected CERTIFICATE"),
            ("-----BEGIN CERTIFICATE-----", "", "line 4: a block that is not closed"),
        ] {
            assert_eq!(Certificates::parse(ONE.replace(from, to).as_bytes()).unwrap_err().to_string(), told);
        }
        assert_eq!(Certificates::parse(b"").unwrap_err(), NotCertificates::None);
        assert_eq!(Certificates::parse(b"\xff").unwrap_err(), NotCertificates::NotText);
    }
}
