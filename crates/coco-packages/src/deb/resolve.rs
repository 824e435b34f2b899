//! Chooses packages: those that are wanted, and what they depend on. Nothing is guessed, and nothing but
//! the names and the indices matters: not the order in which names are given.
//!
//! 1. The candidate of a name is its newest version in all indices, or the one to keep. No other is considered.
//! 2. What is wanted is taken, and every dependency that only one candidate satisfies, until there is no more.
//! 3. Then one open dependency is decided: the first by whether it has more than one alternative, by the name of who
//!    has it, and by its place there. It is settled if something chosen satisfies it. Otherwise its alternatives are
//!    gone through in their order: a package of that name is taken; if there is none, the only one that provides it. If
//!    several provide it, the next alternative is tried; if none is left, it is an error.
//! 4. Steps 2 and 3 are repeated until no dependency is open.
//! 5. At the end, nothing chosen may conflict with something chosen, or break it.
//!
//! `Recommends` are not followed, and packages are not added for being essential: a profile says what it wants. There
//! is no search: a conflict is an error, where another choice of alternatives might have avoided it.

mod catalogue;
mod closure;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::index::{Index, Package};
use super::relation::{Alternatives, Relation};
use super::{PackageName, Version};
use catalogue::Catalogue;

/// What is to be chosen.
#[derive(Debug, Clone)]
pub struct Request {
    /// Packages that must be there.
    pub wanted: BTreeSet<PackageName>,
    /// Names that are taken for there, with what they provide, and are not chosen.
    pub omit: BTreeSet<PackageName>,
    /// Versions to prefer to newer ones, if they are still to be had and everything else allows it.
    pub keep: BTreeMap<PackageName, Version>,
    /// The architecture, as Debian calls it: `amd64`.
    pub architecture: String,
}

/// What was chosen.
#[derive(Debug, Clone)]
pub struct Resolution<'a> {
    /// The packages, sorted by name.
    pub packages: Vec<Chosen<'a>>,
    /// Names whose version was to be kept and could not: another package needs or breaks it, or it does not go
    /// together with what is newer.
    pub released: BTreeSet<PackageName>,
}

/// A package that was chosen.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    /// The package.
    pub package: &'a Package,
    /// The index that it is in, from 0; the first, if it is in several.
    pub index: usize,
    /// Why.
    pub because: Because<'a>,
}

/// Why a package was chosen.
#[derive(Debug, Clone, Copy)]
pub enum Because<'a> {
    /// It is wanted.
    Wanted,
    /// A package depends on it.
    Needed {
        /// The package.
        by: &'a PackageName,
        /// The dependency.
        dependency: &'a Alternatives,
    },
}

/// A package, preceded by those that led to it; the first is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(pub Vec<PackageName>);

/// What became of an alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// There is no such package, and nothing provides it.
    Absent {
        /// The name.
        name: PackageName,
    },
    /// There is a package, and it does not do.
    Unfit {
        /// The name.
        name: PackageName,
        /// Its version.
        version: Version,
        /// The index that it is in.
        index: String,
    },
    /// There is no such package; others provide it, in a version that does not do or without one.
    Provided {
        /// The name.
        name: PackageName,
        /// Who provides it.
        by: Vec<PackageName>,
    },
}

/// How two packages don't go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// They must not be there at once.
    Conflicts,
    /// One makes the other useless.
    Breaks,
}

/// Why there is no such choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A name is in both lists.
    #[error("package {0} is wanted and omitted")]
    WantedAndOmitted(PackageName),
    /// A wanted package is nowhere.
    #[error("package {name} for {architecture} is not in {indices}")]
    Absent {
        /// The package.
        name: PackageName,
        /// The architecture.
        architecture: String,
        /// The names of the indices.
        indices: String,
    },
    /// A wanted name is no package's own.
    #[error("{name} is no package: it is provided by {}", list(.by))]
    OnlyProvided {
        /// The name.
        name: PackageName,
        /// Who provides it.
        by: Vec<PackageName>,
    },
    /// A dependency that nothing satisfies.
    #[error("{chain} needs {dependency}: {}", told(.misses))]
    Unsatisfied {
        /// Who has the dependency.
        chain: Chain,
        /// The dependency.
        dependency: String,
        /// What became of its alternatives.
        misses: Vec<Miss>,
    },
    /// A dependency that several packages satisfy, of which none is preferred.
    #[error("{chain} needs {dependency}, and nothing says which one: {}", list(.by))]
    SeveralProviders {
        /// Who has the dependency.
        chain: Chain,
        /// The dependency.
        dependency: String,
        /// Who satisfies it.
        by: Vec<PackageName>,
    },
    /// A name is omitted that nothing has asked for.
    #[error("package {0} is omitted, and nothing that was chosen asks for it")]
    OmitUnasked(PackageName),
    /// Two chosen packages that don't go together.
    #[error("{chain} {clash} {relation}, and {other} {version} is there")]
    Clash {
        /// Who says so.
        chain: Chain,
        /// How.
        clash: Clash,
        /// What it says.
        relation: Box<Relation>,
        /// What it means.
        other: Chain,
        /// Its version.
        version: Version,
    },
    /// Two files are the same version of one package.
    #[error("package {name} {version} is in {first} and in {second}, with different digests")]
    Ambiguous {
        /// The package.
        name: PackageName,
        /// The version.
        version: Version,
        /// The name of an index.
        first: String,
        /// The name of another one, or the same.
        second: String,
    },
}

/// An error, and the packages that might not be in the way if they were newer.
struct Failure {
    error: ResolveError,
    blamed: Vec<PackageName>,
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        Self { error, blamed: Vec::new() }
    }
}

/// Chooses packages of `indices`, whose order matters only where the same file is in several.
///
/// Versions to keep give way one by one, until there is a choice or none is in the way.
pub fn resolve<'a>(request: &Request, indices: &'a [Index]) -> Result<Resolution<'a>, ResolveError> {
    if let Some(name) = request.wanted.intersection(&request.omit).next() {
        return Err(ResolveError::WantedAndOmitted(name.clone()));
    }
    let mut catalogue = Catalogue::new(request, indices);
    let mut released = BTreeSet::new();
    loop {
        match closure::close(request, &catalogue) {
            Ok(packages) => return Ok(Resolution { packages, released }),
            Err(Failure { error, blamed }) => match blamed.into_iter().find(|name| catalogue.release(name)) {
                None => return Err(error),
                Some(name) => released.insert(name),
            },
        };
    }
}

fn list(names: &[PackageName]) -> String {
    names.iter().map(PackageName::as_str).collect::<Vec<_>>().join(", ")
}

fn told(misses: &[Miss]) -> String {
    misses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wanted => f.write_str("wanted"),
            Self::Needed { by, dependency } => write!(f, "{by} needs {dependency}"),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(PackageName::as_str).collect::<Vec<_>>().join(" -> "))
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflicts => "conflicts with",
            Self::Breaks => "breaks",
        })
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { name } => write!(f, "there is no {name}"),
            Self::Unfit { name, version, index } => write!(f, "the {name} to be had is {version} of {index}"),
            Self::Provided { name, by } => {
                write!(f, "{name} is provided in no such version, by {}", list(by))
            }
        }
    }
}

#[cfg(test)]
mod tests;
