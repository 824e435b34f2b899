//! The modules of one kernel, as its package or `make modules_install` leaves them.
//!
//! Only `lib/modules/VERSION` and `usr/lib/modules/VERSION` are looked at; the rest of the input is not used.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};

use super::error::ModulesError;
use super::name::ModuleName;
use crate::archive::Member;
use crate::assemble;
use crate::path::GuestPath;
use crate::tree::{Bodies, Body, Entry, Node, Tree};

/// Where modules may be in the input; one may be a link to the other.
const PLACES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

/// Where they are in the image, in a directory of their kernel.
const PLACE: &str = "/usr/lib/modules";

/// What follows a module's name in that of its file (Linux `scripts/Makefile.modinst`).
const SUFFIXES: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// Largest list that is read, in bytes; those of a kernel with everything built in have some 100 KiB.
const LIST_MAX: u64 = 16 << 20;

/// How alike two names are that may be the same one with a slip, from 0 to 1.
const ALIKE: f64 = 0.85;

/// The modules of one kernel by name.
#[derive(Debug)]
pub(super) struct KernelTree {
    tree: Tree,
    directory: GuestPath,
    files: BTreeMap<ModuleName, Vec<GuestPath>>,
    built_in: BTreeSet<ModuleName>,
    built_in_aliases: BTreeSet<ModuleName>,
}

/// Where a module is.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// In the kernel itself.
    BuiltIn,
    /// A file.
    File(&'a GuestPath, &'a Body),
}

impl KernelTree {
    /// Finds the one kernel among `members`.
    pub(super) fn open(members: &[Member], bodies: &dyn Bodies) -> Result<Self, ModulesError> {
        let tree = assemble::as_found(members)?;
        let places: BTreeSet<GuestPath> =
            PLACES.into_iter().filter_map(|place| tree.follow(&GuestPath::fixed(place)).ok()).collect();
        let is_kernel = |path: &GuestPath, node: &Node| {
            matches!(node, Node::Directory(_)) && path.parent().is_some_and(|parent| places.contains(&parent))
        };
        let kernels: Vec<GuestPath> = tree
            .iter()
            .filter(|(path, entry)| is_kernel(path, &entry.node))
            .map(|(path, _)| path.clone())
            .collect();
        let directory = match kernels.as_slice() {
            [only] => only.clone(),
            [] => return Err(ModulesError::NoKernel),
            several => {
                let names = several.iter().map(|path| path.as_str().to_owned());
                return Err(ModulesError::Kernels(names.collect()));
            }
        };
        let mut files: BTreeMap<ModuleName, Vec<GuestPath>> = BTreeMap::new();
        for (path, entry) in tree.iter().filter(|(path, _)| path.is_below(&directory)) {
            if let Some(name) = module_name(path.file_name())
                && !matches!(entry.node, Node::Directory(_))
            {
                files.entry(name).or_default().push(path.clone());
            }
        }
        let built_in = read_built_in(&tree, &directory.join("modules.builtin")?, bodies)?;
        let built_in_aliases = read_aliases(&tree, &directory.join("modules.builtin.modinfo")?, bodies)?;
        Ok(Self { tree, directory, files, built_in, built_in_aliases })
    }

    /// The kernel's version, which its directory is called by.
    pub(super) fn version(&self) -> &str {
        self.directory.file_name()
    }

    /// Whether there is a module of this name; an alias is none.
    pub(super) fn has(&self, name: &str) -> bool {
        name.parse().is_ok_and(|name| self.files.contains_key(&name) || self.built_in.contains(&name))
    }

    /// Whether the kernel has what this name or alias means without loading anything.
    pub(super) fn has_built_in(&self, name: &ModuleName) -> bool {
        self.built_in.contains(name) || self.built_in_aliases.contains(name)
    }

    /// The module `name`, which `by` needs, or else the profile.
    pub(super) fn find(&self, name: &ModuleName, by: Option<&ModuleName>) -> Result<Found<'_>, ModulesError> {
        // As modprobe does: what is built in can't be loaded.
        if self.built_in.contains(name) {
            return Ok(Found::BuiltIn);
        }
        match (self.files.get(name).map(Vec::as_slice), by) {
            (None | Some([]), None) => Err(ModulesError::Unknown {
                name: name.clone(),
                kernel: self.version().to_owned(),
                nearest: self.nearest(name),
            }),
            (None | Some([]), Some(by)) => Err(ModulesError::Missing {
                name: name.clone(),
                by: by.clone(),
                kernel: self.version().to_owned(),
            }),
            (Some([only]), _) => self.file(only),
            (Some([first, second, ..]), _) => {
                Err(ModulesError::Twice { name: name.clone(), first: first.clone(), second: second.clone() })
            }
        }
    }

    /// Where the module at `path` of the input is in the image, once it is unpacked.
    pub(super) fn place(&self, path: &GuestPath) -> Result<GuestPath, ModulesError> {
        let below = path.as_str().strip_prefix(self.directory.as_str()).unwrap_or_default();
        let plain = SUFFIXES.iter().find_map(|suffix| below.strip_suffix(suffix)).unwrap_or(below);
        Ok(GuestPath::fixed(PLACE).join(&format!("{}{plain}.ko", self.version()))?)
    }

    fn file<'t>(&'t self, path: &'t GuestPath) -> Result<Found<'t>, ModulesError> {
        let node = self.tree.get(path).map(|entry| &entry.node);
        let node = match node {
            Some(Node::HardLink(first)) => self.tree.get(first).map(|entry| &entry.node),
            node => node,
        };
        match node {
            Some(Node::File(_, body)) => Ok(Found::File(path, body)),
            other => Err(ModulesError::NotFile {
                path: path.clone(),
                kind: other.map_or("link to nothing", Node::kind),
            }),
        }
    }

    /// The name that was probably meant.
    fn nearest(&self, name: &ModuleName) -> Option<ModuleName> {
        let likeness = |other: &ModuleName| strsim::jaro_winkler(name.as_str(), other.as_str());
        let known = self.files.keys().chain(&self.built_in);
        let best = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(best) >= ALIKE).then(|| best.clone())
    }
}

/// The module in a file of this name; `None` for files that are no modules.
fn module_name(file: &str) -> Option<ModuleName> {
    SUFFIXES.iter().find_map(|suffix| file.strip_suffix(suffix))?.parse().ok()
}

/// The names in `modules.builtin`, one path a line. A kernel without the list has nothing built in that
/// a name could mean.
fn read_built_in(
    tree: &Tree,
    path: &GuestPath,
    bodies: &dyn Bodies,
) -> Result<BTreeSet<ModuleName>, ModulesError> {
    let mut names = BTreeSet::new();
    for (number, line) in read_list(tree, path, bodies)?.lines().enumerate() {
        let file = line.rsplit('/').next().unwrap_or(line);
        let name = module_name(file).ok_or_else(|| ModulesError::BuiltIn {
            path: path.clone(),
            line: number + 1,
            got: line.to_owned(),
        })?;
        names.insert(name);
    }
    Ok(names)
}

/// The aliases in `modules.builtin.modinfo`: `NAME.alias=ALIAS`, each with a NUL behind it.
fn read_aliases(
    tree: &Tree,
    path: &GuestPath,
    bodies: &dyn Bodies,
) -> Result<BTreeSet<ModuleName>, ModulesError> {
    let text = read_list(tree, path, bodies)?;
    let alias = |entry: &str| entry.split_once(".alias=").and_then(|(_, alias)| alias.parse().ok());
    Ok(text.split('\0').filter_map(alias).collect())
}

/// The text of a list of the kernel's build; nothing if there is none.
fn read_list(tree: &Tree, path: &GuestPath, bodies: &dyn Bodies) -> Result<String, ModulesError> {
    let Ok(Entry { node: Node::File(_, body), .. }) = tree.lookup(path) else {
        return Ok(String::new());
    };
    let unreadable = |error| ModulesError::Read { path: path.clone(), error };
    if body.len() > LIST_MAX {
        let message = format!("got {} bytes, expected at most {LIST_MAX}", body.len());
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    let mut text = String::new();
    let mut reader = body.open(bodies).map_err(unreadable)?;
    reader.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}
