//! `coco-initrd lock`: asks where a profile's inputs live what they are now, and writes that down.
//!
//! What is locked already, and still as the profile has it, stays as it is; then nothing is asked at all.

mod deb;
mod keys;
mod resolver;
mod rpm;

use std::collections::{BTreeMap, BTreeSet};

use coco_image::lock::{Change, Lock, Locked, LockedInput, changes};
use coco_image::profile::{Profile, Role};
use serde_json::json;

use crate::args::lock::LockArgs;
use crate::lock_file::{self, LockFile};
use crate::output::Output;
use crate::report::plural;
use crate::{Outcome, replace};
use deb::Versions;
use resolver::Resolver;

/// Something the person must say otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Neither an input nor a package of the lock.
    #[error("--update {0}: the lock has neither an input nor a package of this name")]
    UnknownUpdate(String),
}

/// Locks what a profile takes from elsewhere.
pub(crate) fn lock(args: &LockArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let profile = lock_file::locked_profile(&args.profile)?;
    let goal = lock_file::goal(&args.profile, args.lock.as_deref())?;
    replace::may_be_written(&goal)?;
    let old = LockFile::find(&args.profile, Some(&goal))?;
    let updates = Updates::new(&args.update, &profile, old.as_ref())?;
    let resolver = Resolver::new(args, &profile)?;
    let inputs = inputs(&profile, old.as_ref(), &updates, &resolver, out)?;
    let new = Lock { profile: profile.sha256(), inputs };
    let old = old.map(|old| old.lock);
    if old.as_ref() != Some(&new) {
        replace::file(&goal, new.to_toml().as_bytes())?;
    }
    report(&changes(old.as_ref(), &new), args, out)?;
    let contents: Vec<_> = new.inputs.values().flat_map(|input| input.locked.contents()).collect();
    let size: u64 = contents.iter().map(|(_, content)| content.size).sum();
    let files = plural(contents.len(), "file");
    out.note(&format!("{}: {files}, {size} bytes; `coco-initrd fetch` gets them", goal.display()));
    Ok(Outcome::Done)
}

/// What is to be looked at anew though it is locked.
struct Updates {
    roles: BTreeSet<Role>,
    packages: BTreeSet<String>,
}

impl Updates {
    fn new(names: &[String], profile: &Profile, old: Option<&LockFile>) -> Result<Self, LockError> {
        let mut updates = Self { roles: BTreeSet::new(), packages: BTreeSet::new() };
        let inputs = old.into_iter().flat_map(|old| old.lock.inputs.values());
        let packages: BTreeSet<&str> = inputs.flat_map(|input| packages(&input.locked)).collect();
        for name in names {
            let role = lock_file::remote_inputs(profile).find(|(role, _)| role.name() == name);
            match role {
                Some((role, _)) => drop(updates.roles.insert(role)),
                None if packages.contains(name.as_str()) => drop(updates.packages.insert(name.clone())),
                None => return Err(LockError::UnknownUpdate(name.clone())),
            }
        }
        Ok(updates)
    }

    /// Whether anything of `locked` is to be looked at anew.
    fn touch(&self, role: Role, locked: &Locked) -> bool {
        self.roles.contains(&role) || packages(locked).any(|name| self.packages.contains(name))
    }
}

fn packages(locked: &Locked) -> impl Iterator<Item = &str> {
    let packages = match locked {
        Locked::Deb(deb) => deb.packages.as_slice(),
        Locked::Rpm(packages) => packages.as_slice(),
        Locked::Url(_) | Locked::Oci(_) => &[],
    };
    packages.iter().map(|package| package.name.as_str())
}

/// What each input is: as it was locked, or as it is now.
fn inputs(
    profile: &Profile,
    old: Option<&LockFile>,
    updates: &Updates,
    resolver: &Resolver,
    out: &mut Output,
) -> anyhow::Result<BTreeMap<Role, LockedInput>> {
    let mut inputs = BTreeMap::new();
    for (role, input) in lock_file::remote_inputs(profile) {
        let Some(remote) = input.remote() else { continue };
        let before = old.and_then(|old| old.lock.inputs.get(&role));
        let source = lock_file::source_sha256(input);
        let kept = before.filter(|before| before.source == source && !updates.touch(role, &before.locked));
        let locked = if let Some(kept) = kept {
            kept.locked.clone()
        } else {
            out.note(&format!("looking at {}", role.name()));
            // Whoever asks for the whole input anew wants the newest of all its packages.
            let before = before.filter(|_| !updates.roles.contains(&role)).map(|it| &it.locked);
            let keep = before.map(|locked| kept_packages(locked, &updates.packages)).unwrap_or_default();
            resolver.resolve(remote, &keep, out)?
        };
        inputs.insert(role, LockedInput { source, locked });
    }
    Ok(inputs)
}

/// The packages of `locked` whose version is to stay if it can be had, with that version.
fn kept_packages(locked: &Locked, updates: &BTreeSet<String>) -> Versions {
    let packages = match locked {
        Locked::Deb(deb) => deb.packages.as_slice(),
        _ => &[],
    };
    let stays = packages.iter().filter(|package| !updates.contains(&package.name));
    stays.map(|package| (package.name.clone(), package.version.clone())).collect()
}

/// Says what is otherwise than it was, one line a thing.
fn report(changes: &[Change], args: &LockArgs, out: &mut Output) -> anyhow::Result<()> {
    if args.json {
        let change =
            |it: &Change| json!({"input": it.role.name(), "name": it.name, "new": it.new, "old": it.old});
        let mut value = json!(changes.iter().map(change).collect::<Vec<_>>());
        value.sort_all_objects();
        return Ok(out.data(&format!("{value:#}\n"))?);
    }
    for Change { role, name, old, new } in changes {
        let role = role.name();
        out.data(&match (old, new) {
            (None, Some(new)) => format!("+ {role} {name} {new}\n"),
            (Some(old), None) => format!("- {role} {name} {old}\n"),
            (old, new) => format!(
                "~ {role} {name} {} -> {}\n",
                old.as_deref().unwrap_or_default(),
                new.as_deref().unwrap_or_default()
            ),
        })?;
    }
    if changes.is_empty() {
        out.note("nothing has changed");
    }
    Ok(())
}
