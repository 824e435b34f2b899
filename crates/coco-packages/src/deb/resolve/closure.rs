//! The choice itself: what is certain, what is open, and what does not go together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::catalogue::{Candidate, Catalogue};
use super::{Because, Chain, Chosen, Clash, Failure, Request, ResolveError};
use crate::deb::PackageName;
use crate::deb::index::Package;
use crate::deb::relation::{Alternatives, Relation};

/// A dependency of a chosen package. Their order is that of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open<'a> {
    has_alternatives: bool,
    by: &'a PackageName,
    place: usize,
}

struct Closure<'a, 'r> {
    request: &'r Request,
    catalogue: &'r Catalogue<'a>,
    chosen: BTreeMap<&'a PackageName, Chosen<'a>>,
    /// Chosen packages whose dependencies have not been looked at.
    waiting: VecDeque<&'a Package>,
    open: BTreeSet<Open<'a>>,
    /// Omitted names that were asked for.
    asked: BTreeSet<&'r PackageName>,
}

/// All that is wanted and needed, sorted by name.
pub(super) fn close<'a>(request: &Request, catalogue: &Catalogue<'a>) -> Result<Vec<Chosen<'a>>, Failure> {
    let mut closure = Closure {
        request,
        catalogue,
        chosen: BTreeMap::new(),
        waiting: VecDeque::new(),
        open: BTreeSet::new(),
        asked: BTreeSet::new(),
    };
    for name in &request.wanted {
        closure.take(wanted(request, catalogue, name)?, Because::Wanted)?;
    }
    loop {
        while let Some(package) = closure.waiting.pop_front() {
            closure.look_at(package)?;
        }
        let Some(open) = closure.open.pop_first() else { break };
        closure.decide(open)?;
    }
    if let Some(name) = request.omit.iter().find(|name| !closure.asked.contains(name)) {
        return Err(ResolveError::OmitUnasked(name.clone()).into());
    }
    closure.check_clashes()?;
    Ok(closure.chosen.into_values().collect())
}

fn wanted<'a>(
    request: &Request,
    catalogue: &Catalogue<'a>,
    name: &PackageName,
) -> Result<Candidate<'a>, ResolveError> {
    catalogue.candidate(name.as_str()).ok_or_else(|| match catalogue.provider_names(name) {
        by if by.is_empty() => ResolveError::Absent {
            name: name.clone(),
            architecture: request.architecture.clone(),
            indices: catalogue.index_names(),
        },
        by => ResolveError::OnlyProvided { name: name.clone(), by },
    })
}

impl<'a> Closure<'a, '_> {
    fn take(&mut self, candidate: Candidate<'a>, because: Because<'a>) -> Result<(), ResolveError> {
        let Candidate { package, index, .. } = candidate;
        if !self.chosen.contains_key(&package.name) {
            self.catalogue.check_one(candidate)?;
            self.chosen.insert(&package.name, Chosen { package, index, because });
            self.waiting.push_back(package);
        }
        Ok(())
    }

    /// Takes what is certain, and notes what is open.
    fn look_at(&mut self, package: &'a Package) -> Result<(), Failure> {
        for (place, dependency) in package.depends.iter().enumerate() {
            if self.is_omitted(dependency) {
                continue;
            }
            let mut candidates = self.candidates(dependency);
            candidates.dedup_by_key(|it| &it.package.name);
            match candidates.as_slice() {
                [] => return Err(self.unsatisfied(package, dependency)),
                [only] => self.take(*only, Because::Needed { by: &package.name, dependency })?,
                _ => {
                    let has_alternatives = dependency.iter().nth(1).is_some();
                    self.open.insert(Open { has_alternatives, by: &package.name, place });
                }
            }
        }
        Ok(())
    }

    /// Whether an omitted name does, or what its package provides.
    fn is_omitted(&mut self, dependency: &Alternatives) -> bool {
        let catalogue = self.catalogue;
        let does = |name: &&PackageName| {
            let package = catalogue.candidate(name.as_str()).map(|it| it.package);
            let does = |it: &Relation| {
                it.name == **name || package.is_some_and(|package| catalogue.satisfies(package, it))
            };
            dependency.iter().any(does)
        };
        let names: Vec<_> = self.request.omit.iter().filter(does).collect();
        let is_omitted = !names.is_empty();
        self.asked.extend(names);
        is_omitted
    }

    /// All that satisfy the dependency, sorted by name.
    fn candidates(&self, dependency: &Alternatives) -> Vec<Candidate<'a>> {
        let of =
            |relation| self.catalogue.real(relation).into_iter().chain(self.catalogue.provided(relation));
        let mut candidates: Vec<_> = dependency.iter().flat_map(of).collect();
        candidates.sort_by_key(|it| &it.package.name);
        candidates
    }

    /// Settles a dependency that several candidates satisfy.
    fn decide(&mut self, open: Open<'a>) -> Result<(), Failure> {
        let Some(package) = self.chosen.get(open.by).map(|it| it.package) else { return Ok(()) };
        let Some(dependency) = package.depends.get(open.place) else { return Ok(()) };
        let candidates = self.candidates(dependency);
        if candidates.iter().any(|it| self.chosen.contains_key(&it.package.name)) {
            return Ok(());
        }
        let taken = dependency.iter().find_map(|relation| {
            let one = |found: Vec<_>| match found.as_slice() {
                [only] => Some(*only),
                _ => None,
            };
            self.catalogue.real(relation).or_else(|| one(self.catalogue.provided(relation)))
        });
        if let Some(candidate) = taken {
            return Ok(self.take(candidate, Because::Needed { by: open.by, dependency })?);
        }
        let mut by: Vec<_> = candidates.iter().map(|it| it.package.name.clone()).collect();
        by.dedup();
        let (chain, dependency) = (self.chain(package), dependency.to_string());
        Err(ResolveError::SeveralProviders { chain, dependency, by }.into())
    }

    /// Nothing satisfies it: unless a candidate is kept, or who asks is.
    fn unsatisfied(&self, package: &Package, dependency: &Alternatives) -> Failure {
        let misses = dependency.iter().map(|relation| self.catalogue.miss(relation)).collect();
        let (chain, needs) = (self.chain(package), dependency.to_string());
        let names = dependency.iter().flat_map(|relation| {
            let providers = self.catalogue.provider_names(&relation.name);
            std::iter::once(relation.name.clone()).chain(providers)
        });
        Failure {
            error: ResolveError::Unsatisfied { chain, dependency: needs, misses },
            blamed: names.chain([package.name.clone()]).collect(),
        }
    }

    fn check_clashes(&self) -> Result<(), Failure> {
        for chosen in self.chosen.values() {
            let package = chosen.package;
            let of = |clash, relations: &'a [Relation]| relations.iter().map(move |it| (clash, it));
            let conflicts = of(Clash::Conflicts, &package.conflicts);
            for (clash, relation) in conflicts.chain(of(Clash::Breaks, &package.breaks)) {
                // A package may conflict with what it provides itself (Debian Policy 7.6.2).
                let is_meant = |it: &&Chosen<'_>| {
                    it.package.name != package.name && self.catalogue.satisfies(it.package, relation)
                };
                if let Some(other) = self.chosen.values().find(is_meant) {
                    return Err(self.clash(package, clash, relation, other.package));
                }
            }
        }
        Ok(())
    }

    fn clash(&self, package: &Package, clash: Clash, relation: &Relation, other: &Package) -> Failure {
        let error = ResolveError::Clash {
            chain: self.chain(package),
            clash,
            relation: Box::new(relation.clone()),
            other: self.chain(other),
            version: other.version.clone(),
        };
        Failure { error, blamed: vec![other.name.clone(), package.name.clone()] }
    }

    /// Who led to `package`. It ends, since whoever needs something was chosen before it.
    fn chain(&self, package: &Package) -> Chain {
        let mut names = vec![package.name.clone()];
        let mut at = self.chosen.get(&package.name);
        while let Some(Chosen { because: Because::Needed { by, .. }, .. }) = at {
            names.push((*by).clone());
            at = self.chosen.get(by);
        }
        names.reverse();
        Chain(names)
    }
}
