//! A directory to build in, inputs made by the test, and the program run in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How the environment says to reach the network: no test goes by what is set where it runs.
const NETWORK: [&str; 10] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// What the program did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) data: String,
    pub(crate) words: String,
}

/// A temporary directory to run the program in, and one that is the user's for caches: no test sees what
/// another has kept, nor the caches of whoever runs it.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    caches: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), caches: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the program keeps its cache, unless it is told otherwise.
    pub(crate) fn cache(&self) -> PathBuf {
        self.caches.path().join("coco-initrd")
    }

    /// Where it keeps what it has fetched, unless it is told otherwise.
    pub(crate) fn store(&self) -> PathBuf {
        self.caches.path().join("coco-initrd-store")
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, its directories as needed.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }

    /// Writes a program that the checks take for a kata-agent or a component: static, with policy.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let path = self.file(name, program(name));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Writes a program that is taken for the guard.
    pub(crate) fn guard(&self, name: &str) -> PathBuf {
        let path = self.program(name);
        let marks = b"coco-guard: /etc/coco-initrd/guard.toml";
        fs_err::write(&path, [&program(name)[..], marks].concat()).unwrap();
        path
    }

    /// Agent, guest components and pause bundle in `in/`.
    pub(crate) fn inputs(&self) {
        self.program("in/kata-agent");
        for name in ["attestation-agent", "confidential-data-hub", "api-server-rest"] {
            self.program(&format!("in/components/{name}"));
        }
        self.file("in/components/ocicrypt_config.json", "{}\n");
        self.file("in/pause/config.json", "{}\n");
        self.program("in/pause/rootfs/pause");
        self.guard("in/guard");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.join(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Runs the program with these words; the directory's own name is shown as `DIR`, those of
    /// cache and content store as `CACHE` and `STORE`.
    pub(crate) fn run(&self, words: &str) -> Ran {
        self.ran(self.command().args(words.split_whitespace()).output().unwrap())
    }

    /// Runs a line of shell; `$COCO` is the program.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.path()).env("COCO", env!("CARGO_BIN_EXE_coco-initrd"));
        shell.env("XDG_CACHE_HOME", self.caches.path()).env("CACHE", self.cache()).env("STORE", self.store());
        for name in NETWORK {
            shell.env_remove(name);
        }
        self.ran(shell.output().unwrap())
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coco-initrd"));
        command.current_dir(self.path()).env("XDG_CACHE_HOME", self.caches.path());
        for name in NETWORK {
            command.env_remove(name);
        }
        // No test logs in as whoever runs it.
        command.env("DOCKER_CONFIG", self.join(".docker"));
        command.env_remove("REGISTRY_AUTH_FILE").env_remove("XDG_RUNTIME_DIR");
        command
    }

    fn ran(&self, output: Output) -> Ran {
        let directory = self.path().to_str().unwrap();
        let (cache, store) = (self.cache(), self.store());
        let clean = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replace(directory, "DIR").replace(store.to_str().unwrap(), "STORE");
            text.replace(cache.to_str().unwrap(), "CACHE")
        };
        Ran {
            code: output.status.code().unwrap_or(-1),
            data: clean(output.stdout),
            words: clean(output.stderr),
        }
    }

    /// Names of everything here, sorted; nothing temporary may be left among them.
    pub(crate) fn names(&self) -> Vec<String> {
        let name =
            |entry: std::io::Result<fs_err::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs_err::read_dir(self.path()).unwrap().map(name).collect();
        names.sort();
        names
    }
}

/// The words of a build from [`Place::inputs`].
pub(crate) const FULL: &str = "build --agent in/kata-agent --guest-components in/components \
    --pause-image in/pause --guard in/guard";

/// The smallest ELF file that is a static x86-64 program, with a text that makes it an agent.
pub(crate) fn program(name: &str) -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00"); // 64 bits, little endian, version 1
    elf[16] = 2; // ET_EXEC
    elf[18] = 62; // EM_X86_64
    elf[20] = 1; // version
    elf[52] = 64; // size of this header
    elf[54] = 56; // size of a program header; there is none
    elf.extend_from_slice(b"/etc/kata-opa/default-policy.rego ");
    elf.extend_from_slice(name.as_bytes());
    elf
}
