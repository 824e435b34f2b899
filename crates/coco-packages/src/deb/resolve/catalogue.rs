//! What is to be had: the candidate of every name, and who provides what. Nothing is chosen here.

use std::collections::{BTreeMap, BTreeSet};

use super::{Miss, Request, ResolveError};
use crate::deb::PackageName;
use crate::deb::index::{Index, MultiArch, Package};
use crate::deb::relation::{Qualifier, Relation};

/// A package that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) package: &'a Package,
    pub(super) index: usize,
    /// The index of another file of the same version.
    ambiguous: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Catalogue<'a> {
    indices: &'a [Index],
    architecture: String,
    newest: BTreeMap<&'a str, Candidate<'a>>,
    /// Candidates that are older than the newest.
    kept: BTreeMap<&'a str, Candidate<'a>>,
    /// Who provides a name, in any version of either.
    providers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(request: &Request, indices: &'a [Index]) -> Self {
        let mut catalogue = Self {
            indices,
            architecture: request.architecture.clone(),
            newest: BTreeMap::new(),
            kept: BTreeMap::new(),
            providers: BTreeMap::new(),
        };
        for (index, packages) in indices.iter().enumerate() {
            let fits = |it: &&Package| ["all", &request.architecture].contains(&it.architecture.as_str());
            for package in packages.packages.iter().filter(fits) {
                catalogue.insert(request, Candidate { package, index, ambiguous: None });
            }
        }
        let newest = &catalogue.newest;
        catalogue.kept.retain(|name, kept| newest.get(name).is_some_and(|it| it.is_newer_than(kept)));
        catalogue
    }

    fn insert(&mut self, request: &Request, candidate: Candidate<'a>) {
        let name = candidate.package.name.as_str();
        for provided in &candidate.package.provides {
            self.providers.entry(provided.name.as_str()).or_default().insert(name);
        }
        if request.keep.get(name) == Some(&candidate.package.version) {
            self.kept.entry(name).and_modify(|old| old.meet(candidate)).or_insert(candidate);
        }
        self.newest.entry(name).and_modify(|old| old.meet(candidate)).or_insert(candidate);
    }

    /// Forgets that an older version was to be kept; whether it was.
    pub(super) fn release(&mut self, name: &PackageName) -> bool {
        self.kept.remove(name.as_str()).is_some()
    }

    /// The candidate of a name.
    pub(super) fn candidate(&self, name: &str) -> Option<Candidate<'a>> {
        self.kept.get(name).or_else(|| self.newest.get(name)).copied()
    }

    /// The candidate that has the name of `relation`, if it does.
    pub(super) fn real(&self, relation: &Relation) -> Option<Candidate<'a>> {
        self.candidate(relation.name.as_str()).filter(|it| self.is_it(it.package, relation))
    }

    /// The candidates that provide `relation` without having its name, sorted by their own.
    pub(super) fn provided(&self, relation: &Relation) -> Vec<Candidate<'a>> {
        let providers = self.providers.get(relation.name.as_str());
        let candidates = providers.into_iter().flatten().filter_map(|name| self.candidate(name));
        candidates
            .filter(|it| !self.is_it(it.package, relation) && self.provides(it.package, relation))
            .collect()
    }

    /// Whether `package` is what `relation` asks for, by its name or by what it provides.
    pub(super) fn satisfies(&self, package: &Package, relation: &Relation) -> bool {
        self.is_it(package, relation) || self.provides(package, relation)
    }

    fn is_it(&self, package: &Package, relation: &Relation) -> bool {
        let fits = relation.versions.as_ref().is_none_or(|range| range.contains(&package.version));
        package.name == relation.name && fits && self.is_qualified(package, relation)
    }

    fn provides(&self, package: &Package, relation: &Relation) -> bool {
        let fits = |version: Option<&_>| match &relation.versions {
            None => true,
            Some(range) => version.is_some_and(|version| range.contains(version)),
        };
        let mut provides = package.provides.iter();
        provides.any(|it| it.name == relation.name && fits(it.version.as_ref()))
            && self.is_qualified(package, relation)
    }

    fn is_qualified(&self, package: &Package, relation: &Relation) -> bool {
        match &relation.qualifier {
            Qualifier::Same => true,
            Qualifier::Any => package.multi_arch == MultiArch::Allowed,
            Qualifier::Architecture(asked) => **asked == *self.architecture,
        }
    }

    /// What became of a relation that nothing satisfies.
    pub(super) fn miss(&self, relation: &Relation) -> Miss {
        let name = relation.name.clone();
        if let Some(Candidate { package, index, .. }) = self.candidate(name.as_str()) {
            return Miss::Unfit { name, version: package.version.clone(), index: self.index_name(index) };
        }
        match self.provider_names(&name) {
            by if by.is_empty() => Miss::Absent { name },
            by => Miss::Provided { name, by },
        }
    }

    /// All that provide `name`, in any version.
    pub(super) fn provider_names(&self, name: &PackageName) -> Vec<PackageName> {
        let providers = self.providers.get(name.as_str()).into_iter().flatten();
        providers.filter_map(|it| self.candidate(it)).map(|it| it.package.name.clone()).collect()
    }

    fn index_name(&self, index: usize) -> String {
        self.indices.get(index).map(|index| index.name.clone()).unwrap_or_default()
    }

    /// The names of all indices.
    pub(super) fn index_names(&self) -> String {
        self.indices.iter().map(|index| index.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// An error if it is not known which file the candidate is.
    pub(super) fn check_one(&self, candidate: Candidate<'_>) -> Result<(), ResolveError> {
        let Some(second) = candidate.ambiguous else { return Ok(()) };
        Err(ResolveError::Ambiguous {
            name: candidate.package.name.clone(),
            version: candidate.package.version.clone(),
            first: self.index_name(candidate.index),
            second: self.index_name(second),
        })
    }
}

impl Candidate<'_> {
    fn is_newer_than(&self, other: &Self) -> bool {
        self.package.version > other.package.version
    }

    /// Takes the place of an older one; of the same version, the first stays.
    fn meet(&mut self, other: Self) {
        if other.is_newer_than(self) {
            *self = other;
        } else if !self.is_newer_than(&other) && self.package.sha256 != other.package.sha256 {
            self.ambiguous.get_or_insert(other.index);
        }
    }
}
