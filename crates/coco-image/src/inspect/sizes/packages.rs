//! Which package has which file, as dpkg's database says. Other databases are named and not read.
//!
//! The database is text of whoever made the image: names that climb out, that are not there or that several packages
//! have are told as such, and a database that can't be read whole is not read at all. Diversions are not followed: a
//! diverted file is with whoever lists the name that it has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use super::super::InspectError;
use super::Weight;
use super::stanza::{Stanza, lines, shown, stanzas};
use super::{DATABASE_MAX, DpkgError};
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, FollowError, Node, Tree};

/// dpkg's packages (`man 1 dpkg`, FILES).
const STATUS: &str = "/var/lib/dpkg/status";
/// The same, a file a package, in images that were made without dpkg (distroless).
const STATUS_PARTS: &str = "/var/lib/dpkg/status.d";
/// Lists of files, a file a package.
const INFO: &str = "/var/lib/dpkg/info";
/// What a list is called in [`STATUS_PARTS`]: `md5sum`'s lines (`deb-md5sums(5)`).
const SUMS: &str = ".md5sums";

/// Databases that are not read, with the kind: they are binary, or nobody has asked yet.
const UNREAD: [(&str, &str); 7] = [
    ("apk", "/lib/apk/db/installed"),
    ("pacman", "/var/lib/pacman/local"),
    ("rpm", "/usr/lib/sysimage/rpm/Packages.db"),
    ("rpm", "/usr/lib/sysimage/rpm/rpmdb.sqlite"),
    ("rpm", "/var/lib/rpm/Packages"),
    ("rpm", "/var/lib/rpm/Packages.db"),
    ("rpm", "/var/lib/rpm/rpmdb.sqlite"),
];

/// The packages of an image.
#[derive(Debug)]
pub struct Packages {
    /// What dpkg's database says, or why it is not read; none if there is none.
    pub dpkg: Option<Result<Dpkg, DpkgError>>,
    /// Databases that are there and not read: the kind, and where. What they own is not known.
    pub unread: Vec<(&'static str, GuestPath)>,
}

/// What dpkg's database says. The weights of all packages, [`several`](Self::several) and
/// [`unowned`](Self::unowned) together are all there is.
#[derive(Debug)]
pub struct Dpkg {
    /// The packages, largest first, then by name.
    pub packages: Vec<Package>,
    /// Files that two or more packages list: they are no one's.
    pub several: Weight,
    /// Files that no package lists.
    pub unowned: Weight,
    /// Packages without a list of their files.
    pub without_list: Oddity,
    /// Names in lists that are not in the image: a package was trimmed.
    pub missing: Oddity,
    /// Lines in lists that are no names of files.
    pub refused: Oddity,
    /// Who lists a file, by its first name: places in `names`.
    owners: BTreeMap<GuestPath, Vec<usize>>,
    names: Vec<String>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, with the architecture behind a colon where dpkg says it too.
    pub name: String,
    /// Its version, if one is given.
    pub version: Option<String>,
    /// The files that it alone has.
    pub weight: Weight,
}

/// Something in a database that is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddity {
    /// How often it was found.
    pub count: u64,
    /// The first one, shortened; there is one if there are any.
    pub example: Option<String>,
}

/// Why reading ended: the image's fault, or the disk's.
enum Stop {
    Database(DpkgError),
    Disk(InspectError),
}

impl Packages {
    /// The packages of `tree`.
    pub(super) fn read(tree: &Tree, bodies: &dyn Bodies) -> Result<Self, InspectError> {
        let dpkg = match Database::read(tree, bodies) {
            Ok(None) => None,
            Ok(Some(dpkg)) => Some(Ok(dpkg)),
            Err(Stop::Database(error)) => Some(Err(error)),
            Err(Stop::Disk(error)) => return Err(error),
        };
        let unread = UNREAD.iter().map(|(kind, path)| (*kind, GuestPath::fixed(path)));
        Ok(Self { dpkg, unread: unread.filter(|(_, path)| tree.lookup(path).is_ok()).collect() })
    }
}

impl Dpkg {
    /// The packages that list the file, which is given by the first of its names.
    pub fn owners(&self, path: &GuestPath) -> impl Iterator<Item = &str> {
        let owners = self.owners.get(path).into_iter().flatten();
        owners.filter_map(|owner| self.names.get(*owner)).map(String::as_str)
    }
}

impl Oddity {
    fn add(&mut self, example: &[u8]) {
        self.count += 1;
        self.example.get_or_insert_with(|| shown(example));
    }
}

impl<E: Into<DpkgError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// A database while it is read.
struct Database<'a> {
    tree: &'a Tree,
    bodies: &'a dyn Bodies,
    /// Bytes read so far.
    read: u64,
    /// The real names of directories that lists name; none of those that are not there.
    directories: BTreeMap<GuestPath, Option<GuestPath>>,
    seen: BTreeSet<(String, Option<String>)>,
    versions: Vec<Option<String>>,
    found: Dpkg,
}

/// How a list names files.
#[derive(Clone, Copy)]
enum ListForm {
    /// A name a line.
    Names,
    /// A digest, two spaces and a name without the first `/`.
    Sums,
}

impl<'a> Database<'a> {
    /// What the database of `tree` says, if there is one.
    fn read(tree: &'a Tree, bodies: &'a dyn Bodies) -> Result<Option<Dpkg>, Stop> {
        let empty = Weight::default();
        let none = Oddity::default;
        let found = Dpkg {
            packages: Vec::new(),
            several: empty,
            unowned: empty,
            without_list: none(),
            missing: none(),
            refused: none(),
            owners: BTreeMap::new(),
            names: Vec::new(),
        };
        let mut database = Self {
            tree,
            bodies,
            read: 0,
            directories: BTreeMap::new(),
            seen: BTreeSet::new(),
            versions: Vec::new(),
            found,
        };
        let is_whole = database.status()?;
        let is_parted = database.parts()?;
        Ok((is_whole || is_parted).then(|| database.weighed()))
    }

    /// Reads [`STATUS`] and its lists; whether it is there.
    fn status(&mut self) -> Result<bool, Stop> {
        let Some(path) = present(self.tree, STATUS)? else { return Ok(false) };
        let text = self.file(&path)?;
        let info = present(self.tree, INFO)?;
        for stanza in stanzas(&path, &text)? {
            let owner = self.package(&path, &stanza)?;
            let lists = [stanza.qualified(), Some(stanza.name.clone())];
            let list = lists.iter().flatten().find_map(|name| {
                let list = info.as_ref()?.join(&format!("{name}.list")).ok()?;
                self.tree.get(&list).map(|_| list)
            });
            self.list(owner, list.as_ref(), ListForm::Names)?;
        }
        Ok(true)
    }

    /// Reads [`STATUS_PARTS`]; whether it is there.
    fn parts(&mut self) -> Result<bool, Stop> {
        let Some(directory) = present(self.tree, STATUS_PARTS)? else { return Ok(false) };
        if !matches!(self.tree.get(&directory).map(|entry| &entry.node), Some(Node::Directory(_))) {
            return Err(kind(self.tree, &directory, "directory").into());
        }
        let names = self.tree.iter().map(|(path, _)| path);
        let is_part =
            |path: &&GuestPath| path.parent().as_ref() == Some(&directory) && !path.as_str().ends_with(SUMS);
        let parts: Vec<GuestPath> = names.filter(is_part).cloned().collect();
        for path in parts {
            let text = self.file(&path)?;
            let list = directory.join(&format!("{}{SUMS}", path.file_name())).ok();
            let list = list.filter(|list| self.tree.get(list).is_some());
            for stanza in stanzas(&path, &text)? {
                let owner = self.package(&path, &stanza)?;
                self.list(owner, list.as_ref(), ListForm::Sums)?;
            }
        }
        Ok(true)
    }

    /// Takes a package, and says its place in the names.
    fn package(&mut self, path: &GuestPath, stanza: &Stanza) -> Result<usize, DpkgError> {
        let name = stanza.qualified().unwrap_or_else(|| stanza.name.clone());
        if !self.seen.insert((stanza.name.clone(), stanza.architecture.clone())) {
            return Err(DpkgError::Twice { path: path.clone(), name });
        }
        self.found.names.push(name);
        self.versions.push(stanza.version.clone());
        Ok(self.found.names.len() - 1)
    }

    /// Gives the files of a list to the package.
    fn list(&mut self, owner: usize, list: Option<&GuestPath>, form: ListForm) -> Result<(), Stop> {
        let Some(list) = list else {
            let name = self.found.names.get(owner).cloned().unwrap_or_default();
            self.found.without_list.add(name.as_bytes());
            return Ok(());
        };
        let text = self.file(list)?;
        for line in lines(&text) {
            let Some(path) = form.path(line) else {
                self.found.refused.add(line);
                continue;
            };
            match self.real(&path) {
                None => self.found.missing.add(path.as_str().as_bytes()),
                Some(real) => {
                    let owners = self.found.owners.entry(real).or_default();
                    // Packages come one after the other, so the same one can only be the last.
                    if owners.last() != Some(&owner) {
                        owners.push(owner);
                    }
                }
            }
        }
        Ok(())
    }

    /// The first name of what is at `path`, with links followed on the way and not at its end, as dpkg does.
    fn real(&mut self, path: &GuestPath) -> Option<GuestPath> {
        let Some(parent) = path.parent() else { return Some(path.clone()) };
        let tree = self.tree;
        let directory = match self.directories.get(&parent) {
            Some(known) => known.as_ref(),
            None => self.directories.entry(parent.clone()).or_insert(tree.follow(&parent).ok()).as_ref(),
        };
        let path = directory?.join(path.file_name()).ok()?;
        match &tree.get(&path)?.node {
            Node::HardLink(first) => Some(first.clone()),
            _ => Some(path),
        }
    }

    /// The text of one file of the database.
    fn file(&mut self, path: &GuestPath) -> Result<Vec<u8>, Stop> {
        let Node::File(_, body) = &self.tree.lookup(path)?.node else {
            return Err(kind(self.tree, path, "file").into());
        };
        self.read += body.len();
        if self.read > DATABASE_MAX {
            return Err(DpkgError::TooLarge { path: path.clone(), got: self.read }.into());
        }
        text(path, body, self.bodies).map_err(Stop::Disk)
    }

    /// Weighs all files.
    fn weighed(self) -> Dpkg {
        let Self { tree, versions, mut found, .. } = self;
        let mut weights = vec![Weight::default(); versions.len()];
        for (path, entry) in tree.iter() {
            let Node::File(_, body) = &entry.node else { continue };
            let weight = match found.owners.get(path).map(Vec::as_slice) {
                None | Some([]) => &mut found.unowned,
                Some([owner]) => weights.get_mut(*owner).expect("each owner was taken with a version"),
                Some(_) => &mut found.several,
            };
            *weight += Weight::of_file(body.len());
        }
        let packages = found.names.iter().zip(versions).zip(weights);
        found.packages = packages
            .map(|((name, version), weight)| Package { name: name.clone(), version, weight })
            .collect();
        found
            .packages
            .sort_by(|a, b| (Reverse(a.weight.bytes), &a.name).cmp(&(Reverse(b.weight.bytes), &b.name)));
        found
    }
}

impl ListForm {
    /// The name in a line, if there is one.
    fn path(self, line: &[u8]) -> Option<GuestPath> {
        match self {
            Self::Names => str::from_utf8(line).ok()?.parse().ok(),
            Self::Sums => {
                let (digest, rest) = line.split_at_checked(32)?;
                let name = rest.strip_prefix(b"  ")?;
                digest.iter().all(u8::is_ascii_hexdigit).then(|| GuestPath::from_member(name).ok())?
            }
        }
    }
}

/// The real name of `path`, if something is there.
fn present(tree: &Tree, path: &'static str) -> Result<Option<GuestPath>, DpkgError> {
    match tree.follow(&GuestPath::fixed(path)) {
        Ok(real) => Ok(tree.get(&real).map(|_| real)),
        Err(FollowError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn kind(tree: &Tree, path: &GuestPath, expected: &'static str) -> DpkgError {
    let kind = tree.lookup(path).map_or("link", |entry| entry.node.kind());
    DpkgError::Kind { path: path.clone(), kind, expected }
}

/// All of the file at `path`.
fn text(path: &GuestPath, body: &Body, bodies: &dyn Bodies) -> Result<Vec<u8>, InspectError> {
    let mut bytes = Vec::new();
    body.open(bodies)
        .and_then(|mut reader| reader.read_to_end(&mut bytes))
        .map_err(|error| InspectError { path: path.clone(), error })?;
    Ok(bytes)
}
