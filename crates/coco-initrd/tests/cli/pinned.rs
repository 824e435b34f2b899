//! A profile whose base is from elsewhere, the server that has it, and what the content store holds.

use std::path::Path;

use coco_image::digest::Sha256;

use crate::archive::Archive;
use crate::fixture::{Place, Ran};
use crate::server::Server;

/// A place with a profile, `my.toml`, and a server that has what the profile names.
pub(crate) struct Pinned {
    pub(crate) place: Place,
    pub(crate) server: Server,
}

/// The URL of a file in profiles; what is there is had from the server.
pub(crate) const FILE: &str = "https://files.example.org/base.tar";

impl Pinned {
    /// A base of `packages` from `archive`.
    pub(crate) fn deb(archive: &Archive, packages: &[&str]) -> Self {
        let pinned = Self { place: Place::new(), server: Server::http() };
        archive.publish(&pinned.server);
        pinned.place.file("key.asc", archive.key.public());
        pinned.wants(packages, "");
        pinned
    }

    /// Has the profile want these packages, from a suite with these further keys.
    pub(crate) fn wants(&self, packages: &[&str], keys: &str) {
        let profile = format!(
            "extends = \"coco-dev\"\n\n[inputs.base.deb]\npackages = {packages:?}\narchives = [\n  \
             {{ url = \"https://archive.example.org/debian\", suite = \"stable\", components = [\"main\"], \
             signed-by = \"key.asc\"{keys} }},\n]\n"
        );
        self.place.file("my.toml", profile);
    }

    /// A base of one file, `bytes`.
    pub(crate) fn url(server: Server, bytes: &[u8]) -> Self {
        let pinned = Self { place: Place::new(), server };
        pinned.server.file("/base.tar", bytes);
        let sha256 = Sha256::of(bytes);
        let profile =
            format!("extends = \"coco-dev\"\n\n[inputs.base]\nurl = \"{FILE}\"\nsha256 = \"{sha256}\"\n");
        pinned.place.file("my.toml", profile);
        pinned
    }

    /// The options that lead to the server.
    pub(crate) fn mirrors(&self) -> String {
        let profile = self.place.text("my.toml");
        let [archive, files] = [("archive", "/debian"), ("files", "")].map(|(host, path)| {
            let from = format!("https://{host}.example.org{path}");
            profile.contains(&from).then(|| format!(" --mirror {from}={}", self.server.url(path)))
        });
        archive.or(files).unwrap()
    }

    /// Runs the program; the server's address is shown as `SERVER`.
    pub(crate) fn run(&self, words: &str) -> Ran {
        self.clean(self.place.run(words))
    }

    /// Runs a line of shell; `$COCO` is the program, `$MIRROR` the options that lead to the server.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        self.clean(self.place.shell(&line.replace("$MIRROR", &self.mirrors())))
    }

    /// The text with the server's address as `SERVER`.
    fn clean(&self, ran: Ran) -> Ran {
        let clean = |text: String| text.replace(&self.server.address().to_string(), "SERVER");
        Ran { code: ran.code, data: clean(ran.data), words: clean(ran.words) }
    }

    /// Locks with these further words.
    pub(crate) fn lock(&self, words: &str) -> Ran {
        self.run(&format!("lock --profile ./my.toml{} {words}", self.mirrors()))
    }

    /// Locks, which must go well.
    pub(crate) fn locked(&self) {
        let ran = self.lock("");
        assert_eq!(ran.code, 0, "{}", ran.words);
    }

    /// Fetches with these further words.
    pub(crate) fn fetch(&self, words: &str) -> Ran {
        self.run(&format!("fetch --profile ./my.toml{} {words}", self.mirrors()))
    }

    /// Locks and fetches, which must go well; what the server was asked for is forgotten.
    pub(crate) fn fetched(&self) {
        self.locked();
        let ran = self.fetch("");
        assert_eq!(ran.code, 0, "{}", ran.words);
        self.server.requests();
    }

    /// Builds into `out` with these further words.
    pub(crate) fn build(&self, words: &str) -> Ran {
        self.run(&format!("{BUILD} {words}"))
    }

    /// The digests of all files of the store, each looked at, and the sizes of those on their way.
    pub(crate) fn store(&self) -> (Vec<String>, Vec<u64>) {
        store(&self.place.store())
    }
}

/// A build of the profile, without mirrors: it asks nobody.
pub(crate) const BUILD: &str = "build --profile ./my.toml --builtin-guest --output-dir out --no-cache";

/// The digests of all files of the store at `root`, each looked at, and the sizes of those on their way.
pub(crate) fn store(root: &Path) -> (Vec<String>, Vec<u64>) {
    let files = |name: &str| {
        let all = walkdir::WalkDir::new(root.join(name)).sort_by_file_name().into_iter().map(Result::unwrap);
        all.filter(|entry| entry.file_type().is_file()).collect::<Vec<_>>()
    };
    let whole = |entry: walkdir::DirEntry| {
        let name = entry.file_name().to_str().unwrap().to_owned();
        let got = Sha256::of(&fs_err::read(entry.path()).unwrap()).to_string();
        assert_eq!(got, name, "a file is what its name says");
        name
    };
    let whole = files("sha256").into_iter().map(whole).collect();
    (whole, files("partial").iter().map(|entry| entry.metadata().unwrap().len()).collect())
}

/// Bytes that no compression makes smaller, another lot for each seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The time by the clock, so many seconds from now, as releases write it.
pub(crate) fn date(seconds: i64) -> String {
    let ran = std::process::Command::new("date")
        .args(["-u", "-d", &format!("{seconds} seconds"), "+%a, %d %b %Y %H:%M:%S UTC"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    String::from_utf8(ran.stdout).unwrap().trim_end().to_owned()
}
