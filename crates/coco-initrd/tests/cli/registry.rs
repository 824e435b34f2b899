//! A registry on this machine: Debian's docker-registry, and a server in front of it that misbehaves.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// `me:s3cret`, in bcrypt: `python3 -c 'import crypt; print(crypt.crypt("s3cret", "$2y$05$abcdefghijklmnopqrstuu"))'`.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";

/// A docker-registry with a storage of its own; it ends with this.
pub(crate) struct Registry {
    directory: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Registry {
    /// One for everybody.
    pub(crate) fn open() -> Self {
        Self::start("")
    }

    /// One for `me` with the password `s3cret`.
    pub(crate) fn with_login() -> Self {
        Self::start("auth: {htpasswd: {realm: test, path: htpasswd}}\n")
    }

    fn start(auth: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("htpasswd"), HTPASSWD).unwrap();
        loop {
            let port = free_port();
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: storage}}}}\n\
                 http: {{addr: '127.0.0.1:{port}', secret: test}}\n{auth}"
            );
            fs_err::write(directory.path().join("config.yml"), config).unwrap();
            let log = fs_err::File::create(directory.path().join("log")).unwrap().into_parts().0;
            let mut process = Command::new("docker-registry")
                .args(["serve", "config.yml"])
                .current_dir(directory.path())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .expect("docker-registry runs: see scripts/install-test-tools");
            for _ in 0..1000 {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { directory, process, port };
                }
                if process.try_wait().unwrap().is_some() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            // Somebody else has taken the port meanwhile.
            process.kill().unwrap_or_default();
            process.wait().unwrap();
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The file in which it keeps a blob, by its hex digits.
    pub(crate) fn blob(&self, hex: &str) -> PathBuf {
        let blobs = self.directory.path().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// How many blobs it keeps, manifests included.
    pub(crate) fn blobs(&self) -> usize {
        let files = walkdir::WalkDir::new(self.directory.path().join("storage/docker/registry/v2/blobs"));
        files.into_iter().filter(|entry| entry.as_ref().unwrap().file_name() == "data").count()
    }

    /// Puts a blob, and gives its digest.
    pub(crate) fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", coco_image::digest::Sha256::of(bytes));
        let head = |line: &str, length: usize| {
            format!(
                "{line} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
                self.host()
            )
        };
        let answer = asked(self.port, head(&format!("POST /v2/{repository}/blobs/uploads/"), 0).as_bytes());
        let answer = String::from_utf8(answer).unwrap();
        let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let path = location.trim().split_once(&self.host()).unwrap().1;
        let put = head(&format!("PUT {path}&digest={digest}"), bytes.len());
        let answer = asked(self.port, &[put.as_bytes(), bytes].concat());
        assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&answer));
        digest
    }

    /// Puts a manifest as it is, and gives the answer's first line.
    pub(crate) fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, body: &str) -> String {
        let head = format!(
            "PUT /v2/{repository}/manifests/{tag} HTTP/1.1\r\nhost: {}\r\ncontent-type: {media_type}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.host(),
            body.len()
        );
        let answer = asked(self.port, head.as_bytes());
        String::from_utf8_lossy(&answer).lines().next().unwrap().to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Sends `bytes`, and gives all that comes.
fn asked(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// A request as the front has read it.
pub(crate) struct Asked {
    /// `GET /v2/...`.
    pub(crate) line: String,
    /// Lines of headers, names in lower case.
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Asked {
    /// Whether it is for a blob.
    pub(crate) fn is_blob(&self) -> bool {
        self.line.starts_with("GET ") && self.line.contains("/blobs/")
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What the front does with a request, given how many of its kind (for a blob, or not) came before.
pub(crate) enum Reaction {
    /// The registry's answer.
    Pass,
    /// The registry's answer to the request without this header.
    PassWithout(&'static str),
    /// These bytes instead.
    Say(String),
    /// The registry's answer, changed; the connection ends with it.
    Change(fn(&[u8]) -> Vec<u8>),
}

/// A server in front of a registry.
pub(crate) struct Front {
    port: u16,
    /// First line of each request, with its header `range`.
    log: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// Answers as `react` says.
    pub(crate) fn new(
        registry: &Registry,
        react: impl Fn(&Asked, usize) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (behind, seen) = (registry.port, log.clone());
        // It ends with the process of the tests.
        thread::spawn(move || {
            let mut blobs = 0;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(asked) = read(&stream) else { continue };
                let range = asked.header("range").map(|range| format!(" {range}")).unwrap_or_default();
                seen.lock().unwrap().push(format!("{}{range}", asked.line));
                let reaction = react(&asked, blobs);
                blobs += usize::from(asked.is_blob());
                // Who has heard enough goes away.
                let _ = stream.write_all(&answer(behind, &asked, reaction));
            }
        });
        Self { port, log }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it was asked.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<String> = lines[1..]
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            format!("{}: {}", name.to_ascii_lowercase(), value.trim())
        })
        .collect();
    let line = lines[0].strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let mut asked = Asked { line, headers, body: Vec::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn answer(behind: u16, asked: &Asked, reaction: Reaction) -> Vec<u8> {
    match reaction {
        Reaction::Pass => passed(behind, asked, "connection"),
        Reaction::PassWithout(header) => passed(behind, asked, header),
        Reaction::Say(text) => text.into_bytes(),
        Reaction::Change(change) => change(&passed(behind, asked, "connection")),
    }
}

/// What the registry answers.
fn passed(behind: u16, request: &Asked, without: &str) -> Vec<u8> {
    let kept =
        |line: &&String| ["connection", without].iter().all(|name| !line.starts_with(&format!("{name}: ")));
    let headers: Vec<&str> = request.headers.iter().filter(kept).map(String::as_str).collect();
    let head = format!("{} HTTP/1.1\r\n{}\r\nconnection: close\r\n\r\n", request.line, headers.join("\r\n"));
    asked(behind, &[head.as_bytes(), &request.body].concat())
}
