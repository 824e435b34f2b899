//! Does an existing image still run after a change? What was wrong before is told, and no reason to refuse.
//!
//! Such an image may be anybody's: only what was added, PID 1 and the agent are looked at.

use std::collections::BTreeSet;
use std::io::Read as _;

use super::{CheckError, executable, policy_support};
use crate::assemble::AGENT;
use crate::path::GuestPath;
use crate::tree::{Bodies, Node, Tree};
use crate::units::Arch;

/// An image before and after a change, and what must run.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Before.
    pub base: &'a Tree,
    /// After.
    pub tree: &'a Tree,
    /// Files that were added; programs among them must run.
    pub added: &'a [GuestPath],
    /// Programs that must run, and may have been in the image before.
    pub programs: &'a [GuestPath],
}

/// Checks what the change has brought; gives what is wrong and was so before.
pub fn customized(
    arch: Arch,
    changed: Changed<'_>,
    bodies: &dyn Bodies,
) -> Result<Vec<CheckError>, CheckError> {
    for path in changed.added {
        if is_program(changed.tree, path, bodies)? {
            executable(arch, changed.tree, path, bodies, &mut BTreeSet::new())?;
        }
    }
    let runs = |path: &GuestPath, tree: &Tree| {
        if is_script(tree, path, bodies)? {
            return Ok(());
        }
        executable(arch, tree, path, bodies, &mut BTreeSet::new())
    };
    let mut before = Vec::new();
    let programs: BTreeSet<GuestPath> =
        changed.programs.iter().map(|path| changed.tree.follow(path)).collect::<Result<_, _>>()?;
    for path in &programs {
        before.extend(same_before(changed, &|tree| runs(path, tree))?);
    }
    if changed.tree.lookup(&GuestPath::fixed(AGENT)).is_ok() {
        before.extend(same_before(changed, &|tree| policy_support(tree, bodies))?);
    }
    Ok(before)
}

/// What `check` finds, if it finds the same in the image before.
fn same_before(
    changed: Changed<'_>,
    check: &dyn Fn(&Tree) -> Result<(), CheckError>,
) -> Result<Option<CheckError>, CheckError> {
    let Err(error) = check(changed.tree) else { return Ok(None) };
    match check(changed.base) {
        Err(before) if before.to_string() == error.to_string() => Ok(Some(error)),
        _ => Err(error),
    }
}

fn is_program(tree: &Tree, path: &GuestPath, bodies: &dyn Bodies) -> Result<bool, CheckError> {
    let is_executable = matches!(&tree.lookup(path)?.node, Node::File(mode, _) if mode.is_executable());
    Ok(is_executable && starts_with(tree, path, b"\x7fELF", bodies)?)
}

/// Whether the kernel gives it to an interpreter. Which files that needs, only the script knows.
fn is_script(tree: &Tree, path: &GuestPath, bodies: &dyn Bodies) -> Result<bool, CheckError> {
    starts_with(tree, path, b"#!", bodies)
}

fn starts_with(tree: &Tree, path: &GuestPath, magic: &[u8], bodies: &dyn Bodies) -> Result<bool, CheckError> {
    let Node::File(_, body) = &tree.lookup(path)?.node else { return Ok(false) };
    let mut head = Vec::new();
    let limit = u64::try_from(magic.len()).unwrap_or(u64::MAX);
    body.open(bodies)
        .and_then(|reader| reader.take(limit).read_to_end(&mut head))
        .map_err(|error| CheckError::Read { path: path.clone(), error })?;
    Ok(head == magic)
}
