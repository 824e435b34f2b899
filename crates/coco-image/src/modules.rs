//! Kernel modules by name: the files of a kernel's module tree that a profile needs, in their order.
//!
//! What a module needs is asked of the module itself (its `.modinfo`), as `depmod` would write it down:
//! a kernel package that was only unpacked has no `modules.dep`. Aliases are not resolved, and nothing is
//! loaded that is not named or needed; they only tell whether a soft dependency is met.

mod error;
mod info;
mod kernel_tree;
mod name;

use std::collections::BTreeSet;

use crate::archive::Member;
use crate::path::GuestPath;
use crate::tree::{Bodies, Body};
use crate::units::Arch;
pub use error::ModulesError;
use info::{Info, Room};
use kernel_tree::{Found, KernelTree};
pub use name::{ModuleName, NotModuleName};

/// What a profile wants loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedModule {
    /// A file that is in the image, loaded as it is: what it needs is the profile's business.
    File(GuestPath),
    /// A module of the kernel-modules input, with everything it needs.
    Named(ModuleName),
}

/// The modules of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modules {
    /// The kernel whose modules were taken; `None` if none were.
    pub kernel: Option<String>,
    /// What is loaded, in this order.
    pub load: Vec<Module>,
    /// What was wanted or needed and is built into the kernel.
    pub built_in: BTreeSet<ModuleName>,
    /// What a loaded module would like to have with it, and which is neither loaded nor built in.
    pub not_loaded: BTreeSet<SoftDependency>,
}

/// A module that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its place in the image.
    pub path: GuestPath,
    /// Its contents, not compressed; `None` if it is in the image anyway.
    pub body: Option<Body>,
}

/// What a module works without, as its author says (`MODULE_SOFTDEP`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SoftDependency {
    /// The module that says so.
    pub module: ModuleName,
    /// A module's name or alias.
    pub wants: String,
}

/// Finds what is `wanted`, and everything that needs, in the members of the kernel-modules input.
pub fn resolve(
    wanted: &[WantedModule],
    arch: Arch,
    input: Option<&[Member]>,
    bodies: &dyn Bodies,
) -> Result<Modules, ModulesError> {
    let tree = input.map(|members| KernelTree::open(members, bodies)).transpose()?;
    let mut resolver = Resolver {
        arch,
        bodies,
        room: Room::default(),
        done: BTreeSet::new(),
        aliases: BTreeSet::new(),
        found: Modules::default(),
    };
    for module in wanted {
        match (module, &tree) {
            (WantedModule::File(path), _) => {
                resolver.found.load.push(Module { path: path.clone(), body: None });
            }
            (WantedModule::Named(name), None) => return Err(ModulesError::NoInput(name.clone())),
            (WantedModule::Named(name), Some(tree)) => resolver.add(tree, name)?,
        }
    }
    let Resolver { done, aliases, found, .. } = resolver;
    let is_built_in = |name: &ModuleName| tree.as_ref().is_some_and(|tree| tree.has_built_in(name));
    let is_met = |wish: &SoftDependency| {
        wish.wants
            .parse()
            .is_ok_and(|name| done.contains(&name) || aliases.contains(&name) || is_built_in(&name))
    };
    Ok(Modules {
        not_loaded: found.not_loaded.into_iter().filter(|wish| !is_met(wish)).collect(),
        kernel: tree.map(|tree| tree.version().to_owned()),
        ..found
    })
}

struct Resolver<'a> {
    arch: Arch,
    bodies: &'a dyn Bodies,
    room: Room,
    /// Modules that are in the list, or built in.
    done: BTreeSet<ModuleName>,
    /// Other names of what is in the list.
    aliases: BTreeSet<ModuleName>,
    found: Modules,
}

/// A module whose dependencies are being looked at.
struct Open {
    name: ModuleName,
    module: Module,
    needs: std::vec::IntoIter<ModuleName>,
}

impl Resolver<'_> {
    /// Adds `wanted` behind everything it needs. The way down is a list and no recursion, so that a
    /// long chain of modules is no deep stack.
    fn add(&mut self, tree: &KernelTree, wanted: &ModuleName) -> Result<(), ModulesError> {
        let mut way: Vec<Open> = Vec::new();
        let mut next = Some(wanted.clone());
        loop {
            if let Some(name) = next.filter(|name| !self.done.contains(name)) {
                if let Some(at) = way.iter().position(|open| open.name == name) {
                    let circle = way.iter().skip(at).map(|open| open.name.clone());
                    return Err(ModulesError::Cycle(circle.chain([name]).collect()));
                }
                match tree.find(&name, way.last().map(|open| &open.name))? {
                    Found::BuiltIn => {
                        self.found.built_in.insert(name.clone());
                        self.done.insert(name);
                    }
                    Found::File(path, body) => way.push(self.open(tree, name, path, body)?),
                }
            }
            let Some(open) = way.last_mut() else { return Ok(()) };
            next = open.needs.next();
            if next.is_none()
                && let Some(open) = way.pop()
            {
                self.done.insert(open.name);
                self.found.load.push(open.module);
            }
        }
    }

    /// Reads a module, and checks that the kernel will take it.
    fn open(
        &mut self,
        tree: &KernelTree,
        name: ModuleName,
        path: &GuestPath,
        body: &Body,
    ) -> Result<Open, ModulesError> {
        let (body, info) = info::read(path, body, self.bodies, &mut self.room)?;
        if info.arch != Some(self.arch) {
            let got = info.arch.map_or_else(|| "another".to_owned(), |arch| arch.to_string());
            return Err(ModulesError::Arch { path: path.clone(), got, expected: self.arch });
        }
        if info.kernel != tree.version() {
            let (got, expected) = (info.kernel, tree.version().to_owned());
            return Err(ModulesError::Kernel { path: path.clone(), got, expected });
        }
        let Info { needs, wants_before, wants, aliases, .. } = info;
        self.aliases.extend(aliases);
        let (before, unknown): (Vec<_>, Vec<_>) =
            wants_before.into_iter().partition(|wanted| tree.has(wanted));
        for wants in unknown.into_iter().chain(wants) {
            self.found.not_loaded.insert(SoftDependency { module: name.clone(), wants });
        }
        // In the order of modprobe: first what it needs, then what it would like to find.
        let before = before.iter().filter_map(|wanted| wanted.parse().ok());
        let needs: Vec<ModuleName> = needs.into_iter().chain(before).collect();
        let module = Module { path: tree.place(path)?, body: Some(body) };
        Ok(Open { name, module, needs: needs.into_iter() })
    }
}
