//! Can this tree boot to an agent with its policy? Asked before anything is packed.
//!
//! Each question has its own error, which names the file; advice is the program's. The policy's
//! contents are not judged here, only that the agent will load exactly the bytes that were.

mod customized;
pub mod elf;
mod error;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};

use memchr::memmem;
use object::read::ReadCache;

use crate::assemble::{AGENT, DEFAULT_POLICY, INIT, POLICY_DIRECTORY, PolicyFile, init_program};
use crate::inspect::{self, InspectError};
use crate::modules::WantedModule;
use crate::path::GuestPath;
use crate::profile::{Guard, Profile};
use crate::tree::{Bodies, Body, FollowError, Node, Tree, target_of};
use crate::units::{Arch, Init, Method};
pub use customized::{Changed, customized};
use elf::{Elf, NotElf};
pub use error::CheckError;

/// How much of a program is searched at once, in bytes.
const SEARCH_BYTES: u64 = 1 << 20;

/// systemd takes itself for an initrd's, and tries to switch to a root that isn't there.
const INITRD_RELEASE: &str = "/etc/initrd-release";

/// A string that only an agent with the `agent-policy` feature has: its `POLICY_DEFAULT_FILE`.
const POLICY_SUPPORT: &[u8] = DEFAULT_POLICY.as_bytes();

/// Where the loader looks besides a program's own list (ld.so(8)), the multiarch directory apart.
const LIBRARY_DIRECTORIES: &[&str] = &["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];

/// Where the agent's unit may be (kata `src/agent/Makefile`, systemd.unit(5)).
const AGENT_UNITS: &[&str] = &[
    "/usr/lib/systemd/system/kata-agent.service",
    "/lib/systemd/system/kata-agent.service",
    "/etc/systemd/system/kata-agent.service",
];

/// What may start it: kata's `rootfs.sh` makes the first, an image of one's own may do otherwise.
const AGENT_WANTS: &[&str] = &[
    "/etc/systemd/system/basic.target.wants/kata-containers.target",
    "/usr/lib/systemd/system/basic.target.wants/kata-containers.target",
    "/etc/systemd/system/multi-user.target.wants/kata-agent.service",
    "/etc/systemd/system/default.target.wants/kata-agent.service",
];

/// A page of the guest's memory, in bytes.
pub(crate) const PAGE: u64 = 4096;

/// The guest's software, as far as the checks must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// An agent with its guest components.
    Components,
    /// The built-in guest, which needs none.
    BuiltIn,
}

/// Checks `tree` against its profile and the policy it should have.
pub fn tree(
    profile: &Profile,
    tree: &Tree,
    policy: &PolicyFile,
    software: Software,
    bodies: &dyn Bodies,
) -> Result<(), CheckError> {
    symlinks(tree)?;
    init(profile, tree)?;
    effective_policy(tree, policy)?;
    let mut programs =
        vec![GuestPath::fixed(INIT), GuestPath::fixed(init_program(profile.init)), GuestPath::fixed(AGENT)];
    if software == Software::Components {
        programs.extend(components(profile, tree)?);
    }
    let mut seen = BTreeSet::new();
    for program in programs {
        executable(profile.arch, tree, &program, bodies, &mut seen)?;
    }
    if profile.guard == Guard::On {
        guard(tree, bodies)?;
    }
    policy_support(tree, bodies)?;
    memory(profile, tree)
}

/// Checks that the guest's kernel unpacks `method`; `reads` are what it can besides plain archives.
pub fn compression(method: Method, reads: &[Method]) -> Result<(), CheckError> {
    if method == Method::None || reads.contains(&method) {
        return Ok(());
    }
    let words: Vec<&str> = reads.iter().map(|method| method.word()).collect();
    let reads = match words.as_slice() {
        [] => "plain archives only".to_owned(),
        words => format!("{} and plain archives", words.join(", ")),
    };
    Err(CheckError::Compression { method, reads })
}

/// Checks that the unpacked files leave half of the guest's memory.
pub fn memory(profile: &Profile, tree: &Tree) -> Result<(), CheckError> {
    let unpacked = unpacked_memory(tree);
    let memory_mib = profile.memory_mib;
    if unpacked > (memory_mib << 20) / 2 {
        return Err(CheckError::TooLarge { unpacked, memory_mib });
    }
    Ok(())
}

/// Memory the unpacked files take, in bytes: whole pages, each file once.
pub fn unpacked_memory(tree: &Tree) -> u64 {
    let pages = |node: &Node| match node {
        Node::File(_, body) => body.len().next_multiple_of(PAGE),
        _ => 0,
    };
    tree.iter().map(|(_, entry)| pages(&entry.node)).sum()
}

fn symlinks(tree: &Tree) -> Result<(), CheckError> {
    for (path, entry) in tree.iter() {
        let Node::Symlink(target) = &entry.node else {
            continue;
        };
        let depth = path.components().count().saturating_sub(1);
        let climbs = |depth: usize, part: &str| match part {
            ".." => depth.checked_sub(1),
            "" | "." => Some(depth),
            _ => Some(depth + 1),
        };
        let start = if target.starts_with('/') { 0 } else { depth };
        if target.split('/').try_fold(start, climbs).is_none() {
            return Err(CheckError::Climbs { path: path.clone(), target: target.clone() });
        }
        let is_hosts = ["/tmp/", "/var/tmp/", "/home/"].iter().any(|place| target.starts_with(place));
        if is_hosts && tree.follow(path).is_err() {
            return Err(CheckError::HostLink { path: path.clone(), target: target.clone() });
        }
    }
    Ok(())
}

fn init(profile: &Profile, tree: &Tree) -> Result<(), CheckError> {
    let agent = GuestPath::fixed(AGENT);
    if tree.lookup(&agent).is_err() {
        return Err(CheckError::NoAgent(agent));
    }
    if tree.get(&GuestPath::fixed(INITRD_RELEASE)).is_some() {
        return Err(CheckError::InitrdRelease);
    }
    tree.lookup(&GuestPath::fixed(init_program(profile.init)))?;
    if profile.init == Init::Systemd {
        units(tree)?;
    }
    for module in &profile.modules {
        if let WantedModule::File(path) = module
            && tree.lookup(path).is_err()
        {
            return Err(CheckError::NoModule(path.clone()));
        }
    }
    if profile.guard == Guard::On {
        return Ok(());
    }
    if let Some(Node::Symlink(target)) = tree.get(&GuestPath::fixed(INIT)).map(|entry| &entry.node) {
        let first = target_of(&GuestPath::root(), target)
            .ok_or_else(|| FollowError::Missing { path: GuestPath::fixed(INIT) })?;
        let parent = tree.follow(&first.parent().unwrap_or_else(GuestPath::root))?;
        let real = parent.join(first.file_name()).unwrap_or_else(|_| first.clone());
        if let Some(Node::Symlink(second)) = tree.get(&real).map(|entry| &entry.node) {
            return Err(CheckError::InitTooDeep { first, second: second.clone() });
        }
    }
    Ok(())
}

/// The manifest says that the guard is there, and what it lets pass: it must be the one that reads the plan.
fn guard(tree: &Tree, bodies: &dyn Bodies) -> Result<(), CheckError> {
    let init = inspect::init(tree, bodies)
        .map_err(|InspectError { path, error }| CheckError::Read { path, error })?;
    if init.is_guard() { Ok(()) } else { Err(CheckError::NotGuard) }
}

/// The Go runtime names no `systemd.unit` for an initrd: the agent's target must be wanted in the tree.
fn units(tree: &Tree) -> Result<(), CheckError> {
    let there = |unit: &&str| unit.parse().is_ok_and(|unit| tree.lookup(&unit).is_ok());
    let missing = [AGENT_UNITS, AGENT_WANTS].into_iter().find(|units| !units.iter().any(there));
    match missing.and_then(|units| units.first()) {
        Some(first) => Err(CheckError::NotStarted(GuestPath::fixed(first))),
        None => Ok(()),
    }
}

fn effective_policy(tree: &Tree, policy: &PolicyFile) -> Result<(), CheckError> {
    let got = tree.follow(&GuestPath::fixed(DEFAULT_POLICY))?;
    let expected = format!("{POLICY_DIRECTORY}/{}", policy.name);
    match tree.get(&got).map(|entry| &entry.node) {
        Some(Node::File(_, body)) if *body == policy.body && got.as_str() == expected => {}
        _ => return Err(CheckError::Policy { got, expected }),
    }
    let directory = GuestPath::fixed(POLICY_DIRECTORY);
    let is_second = |path: &GuestPath| {
        path.is_below(&directory) && ![POLICY_DIRECTORY, DEFAULT_POLICY, &expected].contains(&path.as_str())
    };
    match tree.iter().find(|(path, _)| is_second(path)) {
        Some((path, _)) => Err(CheckError::SecondPolicy(path.clone())),
        None => Ok(()),
    }
}

/// The programs among the components' files, once all files are found to be there.
fn components(profile: &Profile, tree: &Tree) -> Result<Vec<GuestPath>, CheckError> {
    let mut programs = Vec::new();
    for (role, files) in &profile.components {
        for file in files {
            if tree.lookup(&file.path).is_err() {
                return Err(CheckError::NoComponent { role: *role, path: file.path.clone() });
            }
            if file.mode.is_executable() {
                programs.push(file.path.clone());
            }
        }
    }
    Ok(programs)
}

fn policy_support(tree: &Tree, bodies: &dyn Bodies) -> Result<(), CheckError> {
    let agent = GuestPath::fixed(AGENT);
    let body = program_body(tree, &agent)?;
    let unreadable = |error| CheckError::Read { path: agent.clone(), error };
    let has_support = contains(body.cursor(bodies), POLICY_SUPPORT).map_err(unreadable)?;
    if has_support { Ok(()) } else { Err(CheckError::NoPolicySupport { path: agent }) }
}

fn program_body(tree: &Tree, path: &GuestPath) -> Result<Body, CheckError> {
    match &tree.lookup(path)?.node {
        Node::File(_, body) => Ok(body.clone()),
        _ => Ok(Body::bytes(&[])),
    }
}

/// Whether `needle` is anywhere in what `reader` has; keeps little of it in memory.
fn contains(mut reader: impl Read, needle: &[u8]) -> io::Result<bool> {
    let mut window = Vec::new();
    loop {
        let got = reader.by_ref().take(SEARCH_BYTES).read_to_end(&mut window)?;
        if memmem::find(&window, needle).is_some() {
            return Ok(true);
        }
        if got == 0 {
            return Ok(false);
        }
        // The needle may lie across the border.
        window.drain(..window.len().saturating_sub(needle.len()));
    }
}

/// Checks a program and everything it loads.
fn executable(
    arch: Arch,
    tree: &Tree,
    program: &GuestPath,
    bodies: &dyn Bodies,
    seen: &mut BTreeSet<GuestPath>,
) -> Result<(), CheckError> {
    // As ld.so(8) loads them: in breadth, and what is loaded under a name is not looked for again.
    let mut waiting = VecDeque::from([program.clone()]);
    let mut loaded = BTreeSet::new();
    while let Some(path) = waiting.pop_front() {
        let real = tree.follow(&path)?;
        if !seen.insert(real.clone()) {
            continue;
        }
        let body = program_body(tree, &real)?;
        let headers = ReadCache::new(body.cursor(bodies));
        let elf = Elf::parse(&headers).map_err(|error| not_elf(&path, &body, bodies, error))?;
        if elf.arch != Some(arch) {
            let got = elf.arch.map_or_else(|| "another".to_owned(), |arch| arch.to_string());
            return Err(CheckError::Arch { path, got, expected: arch });
        }
        let needs = |needs: &str| CheckError::Needs { path: path.clone(), needs: needs.to_owned() };
        if let Some(interpreter) = &elf.interpreter {
            let found = interpreter.parse().ok().filter(|found| tree.lookup(found).is_ok());
            waiting.push_back(found.ok_or_else(|| needs(interpreter))?);
        }
        for library in elf.needed.iter().filter(|library| loaded.insert((*library).clone())) {
            let found = find_library(arch, tree, &real, &elf.search, library);
            waiting.push_back(found.ok_or_else(|| needs(library))?);
        }
    }
    Ok(())
}

/// The ELF reader says the same of a file that is no program and of one that can't be read.
fn not_elf(path: &GuestPath, body: &Body, bodies: &dyn Bodies, error: NotElf) -> CheckError {
    let path = path.clone();
    match io::copy(&mut body.cursor(bodies), &mut io::sink()) {
        Ok(_) => CheckError::NotElf { path, error },
        Err(error) => CheckError::Read { path, error },
    }
}

fn find_library(
    arch: Arch,
    tree: &Tree,
    program: &GuestPath,
    search: &[String],
    library: &str,
) -> Option<GuestPath> {
    if library.starts_with('/') {
        return library.parse().ok().filter(|path| tree.lookup(path).is_ok());
    }
    let origin = program.parent().unwrap_or_else(GuestPath::root);
    let own = search.iter().map(|place| {
        let place = place.replace("${ORIGIN}", "$ORIGIN");
        place.replace("$ORIGIN", origin.as_str().trim_end_matches('/'))
    });
    let multiarch = ["/lib", "/usr/lib"].map(|directory| format!("{directory}/{arch}-linux-gnu"));
    let standard = LIBRARY_DIRECTORIES.iter().map(|directory| (*directory).to_owned());
    own.chain(multiarch).chain(standard).find_map(|directory| {
        let directory = target_of(&GuestPath::root(), &directory)?;
        directory.join(library).ok().filter(|path| tree.lookup(path).is_ok())
    })
}

#[cfg(test)]
mod tests;
