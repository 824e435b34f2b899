//! How files come: over TLS that somebody vouches for, through proxies, and never over less than was asked.

use expect_test::expect;

use crate::fixture::Ran;
use crate::pinned::Pinned;
use crate::server::{Fault, Proxy, Server};

/// A profile whose file is at the server's own URL, with its certificate in `ca.pem`.
fn secure() -> Pinned {
    let pinned = Pinned::url(Server::https(), b"some bytes");
    pinned.place.file("ca.pem", pinned.server.certificate());
    at(&pinned, &pinned.server.url("/base.tar"));
    pinned
}

/// Has the profile take its file from `url`.
fn at(pinned: &Pinned, url: &str) {
    let profile = pinned.place.text("my.toml");
    let before = profile.split('"').find(|it| it.starts_with("https://")).unwrap();
    pinned.place.file("my.toml", profile.replace(before, url));
}

/// Locks with this environment.
fn lock(pinned: &Pinned, environment: &str) -> Ran {
    let ran = pinned.place.shell(&format!("{environment} $COCO lock --profile ./my.toml"));
    let words = ran.words.replace(&pinned.server.address().to_string(), "SERVER");
    Ran { words, ..ran }
}

#[test]
fn a_certificate_counts_if_somebody_vouches_for_it() {
    let pinned = secure();
    let ran = lock(&pinned, "SSL_CERT_FILE=ca.pem");
    assert_eq!(ran.code, 0, "{}", ran.words);
    pinned.place.file("other.pem", Server::https().certificate());
    let other = lock(&pinned, "rm my.lock; SSL_CERT_FILE=other.pem");
    let none = lock(&pinned, "SSL_CERT_FILE=none.pem");
    expect![[r#"
        looking at base
        error: https://SERVER/base.tar: invalid peer certificate: BadSignature
        looking at base
        error: no certificates of authorities to trust: failed to read PEM from file: No such file or directory (os error 2) at 'none.pem'
        hint: install the distribution's certificates, or name a file of some in SSL_CERT_FILE
    "#]].assert_eq(&format!("{}{}", other.words, none.words));
    assert_eq!((other.code, none.code), (2, 2));
    assert!(!pinned.place.join("my.lock").exists());
}

#[test]
fn a_certificate_is_for_its_hosts() {
    let pinned = secure();
    let (proxy, name) = (Proxy::to(&pinned.server), "https://elsewhere.example.org/base.tar");
    at(&pinned, name);
    let ran = lock(&pinned, &format!("SSL_CERT_FILE=ca.pem HTTPS_PROXY={}", proxy.url()));
    expect![[r#"
        looking at base
        error: https://elsewhere.example.org/base.tar: invalid peer certificate: certificate not valid for name "elsewhere.example.org"; certificate is only valid for IpAddress(127.0.0.2) or DnsName("files.example.org")
    "#]].assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    assert_eq!(pinned.server.requests(), Vec::<String>::new());
}

#[test]
fn a_redirect_leads_to_https_or_nowhere() {
    let (pinned, plain) = (secure(), Server::http());
    plain.file("/base.tar", b"some bytes".to_vec());
    pinned.server.file("/other.tar", b"some bytes".to_vec());
    let to = |url: String| Fault::Status(302, format!("location: {url}\r\n"));
    pinned.server.always("/base.tar", to(pinned.server.url("/other.tar")));
    let ran = lock(&pinned, "SSL_CERT_FILE=ca.pem");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let again = "rm -r my.lock $STORE; SSL_CERT_FILE=ca.pem";
    pinned.server.always("/base.tar", to(plain.url("/base.tar")));
    let ran = lock(&pinned, again);
    expect![[r#"
        looking at base
        error: https://SERVER/base.tar redirects to http://PLAIN/base.tar, which is not https
    "#]]
    .assert_eq(&ran.words.replace(&plain.address().to_string(), "PLAIN"));
    assert_eq!(ran.code, 2);
    assert_eq!(plain.requests(), Vec::<String>::new());
}

#[test]
fn a_proxy_is_asked_for_all_but_the_exceptions() {
    let pinned = secure();
    let proxy = Proxy::to(&pinned.server);
    let again = "rm -rf my.lock $STORE; SSL_CERT_FILE=ca.pem";
    let address = pinned.server.address();
    let connect = format!("CONNECT {address}");
    for (environment, asked) in [
        ("HTTPS_PROXY=URL", true),
        ("https_proxy=URL", true),
        ("ALL_PROXY=URL", true),
        ("HTTP_PROXY=URL", false),
        ("HTTPS_PROXY=", false),
        ("HTTPS_PROXY=URL NO_PROXY=127.0.0.2", false),
        ("HTTPS_PROXY=URL no_proxy=other.example.org,127.0.0.2", false),
        ("HTTPS_PROXY=URL NO_PROXY=other.example.org", true),
        ("HTTPS_PROXY=URL NO_PROXY='*'", false),
    ] {
        let ran = lock(&pinned, &format!("{again} {}", environment.replace("URL", &proxy.url())));
        assert_eq!(ran.code, 0, "{environment}: {}", ran.words);
        let seen = proxy.asked();
        assert_eq!(!seen.is_empty(), asked, "{environment}");
        assert!(seen.iter().all(|it| *it == connect), "{environment}: {seen:?}");
    }
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    let pinned = Pinned::url(Server::http(), b"some bytes");
    let proxy = Proxy::to(&pinned.server);
    let line = format!("ALL_PROXY={} $COCO lock --profile ./my.toml$MIRROR", proxy.url());
    let ran = pinned.shell(&line);
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[test]
fn a_proxy_looks_up_the_host() {
    let pinned = secure();
    let proxy = Proxy::to(&pinned.server);
    at(&pinned, "https://files.example.org/base.tar");
    let ran = lock(&pinned, &format!("SSL_CERT_FILE=ca.pem HTTPS_PROXY={}", proxy.url()));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let asked = proxy.asked();
    assert!(asked.iter().all(|it| it == "CONNECT files.example.org:443"), "{asked:?}");
    assert!(!asked.is_empty());
}

#[test]
fn a_proxy_that_is_none_is_told_without_its_password() {
    let pinned = secure();
    let mut said = String::new();
    for proxy in ["hello world", "gopher://me:secret@proxy.example.org", "http://"] {
        let ran = lock(&pinned, &format!("SSL_CERT_FILE=ca.pem HTTPS_PROXY='{proxy}'"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{proxy}");
        said.push_str(&ran.words);
    }
    expect![[r#"
        looking at base
        error: HTTPS_PROXY of the environment is not the URL of a proxy
        hint: write it as http://HOST:PORT, or unset it
        looking at base
        error: HTTPS_PROXY of the environment is not the URL of a proxy
        hint: write it as http://HOST:PORT, or unset it
        looking at base
        error: HTTPS_PROXY of the environment is not the URL of a proxy
        hint: write it as http://HOST:PORT, or unset it
    "#]]
    .assert_eq(&said);
    assert!(!said.contains("secret"));
}
