//! A registry of a few answers: what is made of indices, redirects, ranges and lies.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is answered to a path: status, headers, body.
type Answer = (&'static str, u16, String, String);

/// A server that knows some answers.
struct Server {
    port: u16,
    /// Each request with its headers, names in lower case.
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = log.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(&stream).lines().map(Result::unwrap);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let found = answers.iter().find(|(known, ..)| path.ends_with(known));
                let (status, headers, body) = found.map_or((404, "", ""), |(_, status, headers, body)| {
                    (*status, headers.as_str(), body.as_str())
                });
                let length = body.len();
                let text = format!(
                    "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                seen.lock().unwrap().push(head.join("\n").to_ascii_lowercase());
                let _ = stream.write_all(text.as_bytes());
            }
        });
        Self { port, log }
    }

    fn reference(&self, rest: &str) -> Reference {
        format!("127.0.0.1:{}/{rest}", self.port).parse().unwrap()
    }

    /// What is said of an error, without the port.
    fn said(&self, error: &RegistryError) -> String {
        error.to_string().replace(&format!("127.0.0.1:{}", self.port), "HOST")
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn typed(media_type: &str) -> String {
    format!("content-type: {media_type}\r\n")
}

/// An image of one layer, and an index that has it for amd64.
fn image() -> (String, String) {
    let layer = Content::of(b"layer");
    let empty = Content::of(b"{}");
    let manifest = format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
         \"digest\":\"{}\",\"size\":2}},\"layers\":[{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\
         \"digest\":\"{}\",\"size\":{}}}]}}",
        empty.digest, layer.digest, layer.size
    );
    let Content { size, digest } = Content::of(manifest.as_bytes());
    let index = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"{MANIFEST}\",\"digest\":\"{digest}\",\"size\":{size},\
         \"platform\":{{\"os\":\"linux\",\"architecture\":\"amd64\"}}}}]}}"
    );
    (manifest, index)
}

fn resolve(server: &Server, rest: &str, architecture: &str) -> Result<Resolved, String> {
    let http = Client::default();
    let repository = Repository::new(&http, &server.reference(rest), Access::Pull);
    repository.resolve(architecture).map_err(|error| server.said(&error))
}

#[test]
fn an_index_leads_to_the_manifest_of_the_platform() {
    let (manifest, index) = image();
    let server = Server::new(vec![
        ("/manifests/v1", 200, typed(INDEX), index),
        ("", 200, typed(MANIFEST), manifest.clone()),
    ]);
    let found = resolve(&server, "a/b:v1", "amd64").unwrap();
    assert_eq!(found.fetched.bytes, manifest.as_bytes());
    assert_eq!(found.reference, server.reference("a/b:v1").pinned(Digest::of(manifest.as_bytes())));
    assert_eq!(found.manifest.layers.first().unwrap().content, Content::of(b"layer"));
    assert_eq!(
        resolve(&server, "a/b:v1", "arm64").unwrap_err(),
        "HOST/a/b:v1: the index has nothing for linux/arm64; it has linux/amd64"
    );
}

#[test]
fn other_bytes_than_the_digest_says_are_not_read() {
    let (manifest, index) = image();
    let lies = format!("docker-content-digest: {}\r\n{}", Digest::of(b"x"), typed(MANIFEST));
    let server = Server::new(vec![
        ("/manifests/index", 200, typed(INDEX), index),
        ("/manifests/lies", 200, lies, manifest.clone()),
        ("", 200, typed(MANIFEST), format!("{manifest} ")),
    ]);
    let (got, expected) = (Digest::of(format!("{manifest} ").as_bytes()), Digest::of(manifest.as_bytes()));
    assert_eq!(
        resolve(&server, "a/b:index", "amd64").unwrap_err(),
        format!(
            "HOST/a/b:index@{expected} is not what the registry says it is: got {got}, expected {expected}"
        )
    );
    let said = Digest::of(b"x");
    assert_eq!(
        resolve(&server, "a/b:lies", "amd64").unwrap_err(),
        format!("HOST/a/b:lies is not what the registry says it is: got {expected}, expected {said}")
    );
}

#[test]
fn a_page_that_is_no_manifest_is_said_with_its_media_type() {
    let server = Server::new(vec![("", 200, typed("text/html"), "<html>".to_owned())]);
    assert_eq!(
        resolve(&server, "a/b:v1", "amd64").unwrap_err(),
        "HOST/a/b:v1: media type `text/html` is no manifest or index that is known here"
    );
    let server = Server::new(vec![("", 200, typed(MANIFEST), " ".repeat((4 << 20) + 1))]);
    assert_eq!(
        resolve(&server, "a/b:v1", "amd64").unwrap_err(),
        "HOST/a/b:v1: the manifest is longer than 4194304 bytes"
    );
}

#[test]
fn what_the_registry_was_given_is_not_sent_on_when_it_redirects() {
    let storage = Server::new(vec![("/layer", 200, String::new(), "layer".to_owned())]);
    let location = format!("location: http://127.0.0.1:{}/layer\r\n", storage.port);
    let server = Server::new(vec![("", 307, location, String::new())]);
    let http = Client::default();
    let repository = Repository::new(&http, &server.reference("a/b:v1"), Access::Pull);
    let header = "Bearer t0ken".to_owned();
    *repository.authorization() = Some(Authorization { header, is_login: true });
    let mut text = String::new();
    let response = repository.open(Item::Blob, Digest::of(b"layer"), 0).unwrap();
    response.into_reader().read_to_string(&mut text).unwrap();
    assert_eq!(text, "layer");
    assert!(server.log().concat().contains("bearer t0ken"));
    assert!(!storage.log().concat().contains("t0ken"), "{:?}", storage.log());
}

#[test]
fn a_blob_begins_where_it_is_asked_to() {
    let layer = Content::of(b"layer");
    let from = |status, body: &str| {
        let server = Server::new(vec![("", status, String::new(), body.to_owned())]);
        let http = Client::default();
        let repository = Repository::new(&http, &server.reference("a/b:v1"), Access::Pull);
        let mut text = String::new();
        let url = repository.item_url(Item::Blob, layer.digest).unwrap();
        let opened = repository.rest(&url, layer, 2).map_err(|error| server.said(&error))?;
        opened.take(layer.size).read_to_string(&mut text).unwrap();
        assert!(server.log().concat().contains("range: bytes=2-"));
        Ok(text)
    };
    assert_eq!(from(206, "yer"), Ok("yer".to_owned()));
    assert_eq!(from(200, "layer"), Ok("yer".to_owned()), "by a server that knows no ranges");
    let url = format!("http://HOST/v2/a/b/blobs/{}", layer.digest);
    assert_eq!(
        from(206, "y"),
        Err(format!("{url} is not as long as the registry says: got 1 bytes, expected 3"))
    );
}

#[test]
fn a_password_is_not_told_to_a_server_without_https() {
    let challenge = "www-authenticate: Bearer realm=\"http://auth.example.org/token\"\r\n".to_owned();
    let server = Server::new(vec![("", 401, challenge, String::new())]);
    assert_eq!(
        resolve(&server, "a/b:v1", "amd64").unwrap_err(),
        "HOST: the registry's token server `http://auth.example.org/token` is not an https URL"
    );
    let server = Server::new(vec![("", 401, "www-authenticate: Negotiate\r\n".to_owned(), String::new())]);
    assert_eq!(
        resolve(&server, "a/b:v1", "amd64").unwrap_err(),
        "HOST: the registry wants negotiate, expected Bearer or Basic"
    );
}
