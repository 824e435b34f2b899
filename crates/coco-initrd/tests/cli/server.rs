//! A server of files, in threads of the test: over http or TLS, with Range requests. It misbehaves on order,
//! and remembers what it was asked. Of HTTP it knows what these tests need: one request a connection.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is wrong with an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It ends after this many bytes of its body, fewer than it says.
    Cut(usize),
    /// It has another status, with these headers (each with its line end), and a text.
    Status(u16, String),
    /// It says this length, whatever it sends.
    Length(usize),
    /// It says no length, and ends when the connection does.
    NoLength,
    /// It says no length, and comes in chunks.
    Chunked,
    /// It has this body.
    Body(Vec<u8>),
    /// It is of a part, and says that it is of this one.
    Part(&'static str),
    /// It has the whole file, whichever part was asked for.
    Whole,
    /// It has no end: the file is sent again and again, without a length.
    Endless,
    /// It goes on behind the length that it says.
    Surplus,
    /// It stops for this long in the middle.
    Pause(Duration),
    /// It comes slowly: a piece of 16 KiB each 5 ms.
    Slow,
}

/// What the server has, what it is told, and what it has seen.
#[derive(Debug, Default)]
struct State {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    once: Mutex<BTreeMap<String, VecDeque<Fault>>>,
    always: Mutex<BTreeMap<String, Fault>>,
    requests: Mutex<Vec<String>>,
    served: AtomicUsize,
    is_stopped: AtomicBool,
}

/// A server on a port of its own. It ends with the test's process, or when it is stopped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    /// The certificate, as PEM; none of a server without TLS.
    certificate: Option<String>,
}

impl Server {
    /// A server without TLS.
    pub(crate) fn http() -> Self {
        Self::start("127.0.0.1:0", None, None)
    }

    /// A server with TLS, for `files.example.org` and an address of this machine that is not exempt from proxies.
    pub(crate) fn https() -> Self {
        let names = ["127.0.0.2", "files.example.org"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start("127.0.0.2:0", Some(Arc::new(config)), Some(made.cert.pem()))
    }

    fn start(place: &str, tls: Option<Arc<ServerConfig>>, certificate: Option<String>) -> Self {
        let listener = TcpListener::bind(place).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), state, tls) = (stream, Arc::clone(&shared), tls.clone()) else { continue };
                // A client that hangs up is no failure of the server.
                thread::spawn(move || match tls {
                    None => state.answer(stream),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        state.answer(StreamOwned::new(connection, stream))
                    }
                });
            }
        });
        Self { address, state, certificate }
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Its certificate, as PEM.
    pub(crate) fn certificate(&self) -> &str {
        self.certificate.as_deref().unwrap()
    }

    /// Has `bytes` at a path from now on.
    pub(crate) fn file(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.state.files.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    /// What is at a path.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        self.state.files.lock().unwrap()[path].clone()
    }

    /// Misbehaves at the next request for a path; several such orders are carried out in turn.
    pub(crate) fn once(&self, path: &str, fault: Fault) {
        self.state.once.lock().unwrap().entry(path.to_owned()).or_default().push_back(fault);
    }

    /// Misbehaves at every request for a path.
    pub(crate) fn always(&self, path: &str, fault: Fault) {
        self.state.always.lock().unwrap().insert(path.to_owned(), fault);
    }

    /// What was asked since the last call: `GET /path`, with ` from N` if a part was asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    /// How many bytes of bodies were sent, or were to be.
    pub(crate) fn served(&self) -> usize {
        self.state.served.load(Ordering::SeqCst)
    }

    /// Answers nobody any more.
    pub(crate) fn stop(&self) {
        self.state.is_stopped.store(true, Ordering::SeqCst);
        // The thread that waits for connections must see it; then it lets go of the port.
        drop(TcpStream::connect(self.address));
        while TcpStream::connect(self.address).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl State {
    /// Reads one request and answers it.
    fn answer(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut range) = (String::new(), None);
        stream.read_line(&mut line)?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            let from = header.strip_prefix("range: bytes=").and_then(|it| it.strip_suffix('-'));
            range = from.map(|from| from.parse::<usize>().unwrap()).or(range);
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let part = range.map(|from| format!(" from {from}")).unwrap_or_default();
        self.requests.lock().unwrap().push(format!("{method} {path}{part}"));
        let once = self.once.lock().unwrap().get_mut(path).and_then(VecDeque::pop_front);
        let fault = once.or_else(|| self.always.lock().unwrap().get(path).cloned());
        let file = self.files.lock().unwrap().get(path).cloned();
        self.send(stream.get_mut(), file, range, fault.as_ref())?;
        stream.get_mut().flush()
    }

    fn send(
        &self,
        stream: &mut impl Write,
        file: Option<Vec<u8>>,
        range: Option<usize>,
        fault: Option<&Fault>,
    ) -> std::io::Result<()> {
        let (file, status, headers) = match (file, fault) {
            (_, Some(Fault::Status(status, headers))) => (None, *status, headers.as_str()),
            (None, _) => (None, 404, ""),
            (file, _) => (file, 200, ""),
        };
        let Some(file) = file else {
            let close = "connection: close\r\ncontent-length: 8\r\n\r\nno luck\n";
            return write!(stream, "HTTP/1.1 {status} X\r\n{headers}{close}");
        };
        let is_whole = matches!(fault, Some(Fault::Whole));
        let from = range.filter(|from| *from < file.len() && !is_whole);
        let mut body = file[from.unwrap_or(0)..].to_vec();
        if let Some(Fault::Body(other)) = fault {
            body.clone_from(other);
        }
        let length = if let Some(Fault::Length(length)) = fault { *length } else { body.len() };
        let part = match (fault, from) {
            (Some(Fault::Part(part)), _) => Some((*part).to_owned()),
            (_, Some(from)) => Some(format!("bytes {from}-{}/{}", file.len() - 1, file.len())),
            _ => None,
        };
        match part {
            Some(part) => write!(stream, "HTTP/1.1 206 X\r\ncontent-range: {part}\r\n")?,
            None => write!(stream, "HTTP/1.1 {status} X\r\n")?,
        }
        match fault {
            Some(Fault::NoLength | Fault::Endless) => {}
            Some(Fault::Chunked) => write!(stream, "transfer-encoding: chunked\r\n")?,
            _ => write!(stream, "content-length: {length}\r\n")?,
        }
        write!(stream, "connection: close\r\n\r\n")?;
        self.send_body(stream, &body, fault)
    }

    fn send_body(&self, stream: &mut impl Write, body: &[u8], fault: Option<&Fault>) -> std::io::Result<()> {
        let mut send = |bytes: &[u8]| {
            // Before they are sent: a client that has them all may ask at once how many there were.
            self.served.fetch_add(bytes.len(), Ordering::SeqCst);
            stream.write_all(bytes)?;
            stream.flush()
        };
        match fault {
            Some(Fault::Cut(length)) => send(&body[..(*length).min(body.len())]),
            Some(Fault::Chunked) => {
                for piece in body.chunks(1000) {
                    send(format!("{:x}\r\n", piece.len()).as_bytes())?;
                    send(piece)?;
                    send(b"\r\n")?;
                }
                send(b"0\r\n\r\n")
            }
            Some(Fault::Endless) => loop {
                send(body)?;
            },
            Some(Fault::Surplus) => {
                send(body)?;
                send(body)
            }
            Some(Fault::Pause(time)) => {
                let (first, second) = body.split_at(body.len() / 2);
                send(first)?;
                thread::sleep(*time);
                send(second)
            }
            Some(Fault::Slow) => body.chunks(16 << 10).try_for_each(|piece| {
                send(piece)?;
                thread::sleep(Duration::from_millis(5));
                Ok(())
            }),
            _ => send(body),
        }
    }
}

/// A proxy that leads everybody to one server, whatever host they ask for, and counts them.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy in front of `server`.
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, goal) = (Arc::clone(&asked), server.address());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || lead(client, goal, &seen));
            }
        });
        Self { address, asked }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests since the last call, such as `CONNECT example.org:443`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Reads a CONNECT request and then passes on what comes from both sides.
fn lead(client: TcpStream, goal: SocketAddr, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let first = head.lines().next().unwrap_or_default();
    asked.lock().unwrap().push(first.trim_end_matches(" HTTP/1.1").to_owned());
    let server = TcpStream::connect(goal)?;
    let mut client = client;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || std::io::copy(&mut back, &mut to_client));
    std::io::copy(&mut reader, &mut &server)?;
    drop(answers.join());
    Ok(())
}
