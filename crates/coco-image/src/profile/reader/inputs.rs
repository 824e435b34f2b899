//! `[inputs.ROLE]` to types: which of its sources an input has, and whether its pin fits.

use std::collections::BTreeMap;

use super::Reader;
use crate::digest::{NotSha256, Sha256};
use crate::profile::raw::{Raw, RawArchive, RawDeb, RawInput, RawRpm};
use crate::profile::source::{
    Archive, DebSource, KeySource, Moment, NotUrl, PackageName, Remote, RpmSource, Source, Url,
};
use crate::profile::{Input, ProfileError, Role};

/// What is signed may come over plain http as well: archives of packages, as Debian has them.
const SIGNED: &[&str] = &["https", "http"];
const HTTPS: &[&str] = &["https"];

impl Reader<'_> {
    pub(super) fn inputs(&self, raw: &Raw) -> Result<BTreeMap<Role, Input>, ProfileError> {
        let mut inputs = BTreeMap::new();
        for (name, input) in raw.inputs.iter().flatten() {
            let key = format!("inputs.{name}");
            let role: Role = self.value(&key, name.parse())?;
            let sha256 = self.pin(&format!("{key}.sha256"), input.sha256.as_deref())?;
            let source = self.source(&key, input, sha256)?;
            if let (Role::Guard, Some(Source::Remote(Remote::Deb(_) | Remote::Rpm(_)))) = (role, &source) {
                return Err(self.wrong(&key, "a guard is one program, not packages".to_owned()));
            }
            inputs.insert(role, Input { source, sha256, lock_key: input.canonical() });
        }
        Ok(inputs)
    }

    fn source(
        &self,
        key: &str,
        input: &RawInput,
        sha256: Option<Sha256>,
    ) -> Result<Option<Source>, ProfileError> {
        let mut found = Vec::new();
        if let Some(path) = &input.path {
            found.push(("path", Source::Path(path.clone())));
        }
        if let Some(url) = &input.url {
            let url = self.url(&format!("{key}.url"), url, HTTPS)?;
            let problem = || self.wrong(key, "a url needs the sha256 of what is there".to_owned());
            found.push(("url", Source::Remote(Remote::Url(url, sha256.ok_or_else(problem)?))));
        }
        if let Some(reference) = &input.oci {
            found.push(("oci", Source::Remote(Remote::Oci(reference.clone()))));
        }
        if let Some(deb) = &input.deb {
            found.push(("deb", Source::Remote(Remote::Deb(self.deb(&format!("{key}.deb"), deb)?))));
        }
        if let Some(rpm) = &input.rpm {
            found.push(("rpm", Source::Remote(Remote::Rpm(self.rpm(&format!("{key}.rpm"), rpm)?))));
        }
        match (found.pop(), found.pop()) {
            (None, _) => Ok(None),
            (Some((kind @ ("oci" | "deb" | "rpm"), _)), None) if sha256.is_some() => {
                let instead = if kind == "oci" {
                    "write @sha256:... in the reference"
                } else {
                    "the lock pins packages"
                };
                Err(self.wrong(key, format!("sha256 is for path and url: {instead}")))
            }
            (Some((_, source)), None) => Ok(Some(source)),
            (Some((second, _)), Some((first, _))) => {
                Err(self.wrong(key, format!("has both {first} and {second}, expected one")))
            }
        }
    }

    fn deb(&self, key: &str, deb: &RawDeb) -> Result<DebSource, ProfileError> {
        let names = |what: &str, names: &Option<Vec<String>>| {
            self.all(&format!("{key}.{what}"), names.iter().flatten(), |name| PackageName::parse(name))
        };
        let source = DebSource {
            packages: names("packages", &deb.packages)?,
            omit: names("omit", &deb.omit)?,
            archives: deb
                .archives
                .iter()
                .flatten()
                .map(|archive| self.archive(&format!("{key}.archives"), archive))
                .collect::<Result<_, _>>()?,
        };
        if source.packages.is_empty() || source.archives.is_empty() {
            return Err(self.wrong(key, "needs a package and an archive at least".to_owned()));
        }
        Ok(source)
    }

    fn archive(&self, key: &str, archive: &RawArchive) -> Result<Archive, ProfileError> {
        let url = self.url(key, &archive.url, SIGNED)?;
        let snapshot = archive.snapshot.as_deref().map(Moment::parse).transpose();
        let snapshot = self.value(key, snapshot)?;
        let is_plain = |text: &str, also: &[char]| {
            !text.is_empty()
                && !text.contains("..")
                && !text.starts_with('/')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(&c))
        };
        if !is_plain(&archive.suite, &['-', '.', '/', '_']) {
            return Err(self.wrong(key, format!("`{}` is not the name of a suite", archive.suite)));
        }
        if archive.components.is_empty() {
            return Err(self.wrong(key, format!("{} has no components", archive.suite)));
        }
        if let Some(component) = archive.components.iter().find(|it| !is_plain(it, &['-', '/'])) {
            return Err(self.wrong(key, format!("`{component}` is not the name of a component")));
        }
        Ok(Archive {
            url: snapshot.as_ref().map_or(url.clone(), |snapshot| url.below(snapshot.as_str())),
            snapshot,
            suite: archive.suite.clone(),
            components: archive.components.clone(),
            signed_by: KeySource::of(&archive.signed_by),
        })
    }

    fn rpm(&self, key: &str, rpm: &RawRpm) -> Result<RpmSource, ProfileError> {
        let mut files = Vec::new();
        for file in &rpm.files {
            let sha256: Result<Sha256, String> = file.sha256.parse().map_err(|e: NotSha256| e.to_string());
            files.push((self.url(key, &file.url, HTTPS)?, self.value(key, sha256)?));
        }
        if files.is_empty() {
            return Err(self.wrong(key, "needs a file at least".to_owned()));
        }
        Ok(RpmSource { signed_by: rpm.signed_by.as_deref().map(KeySource::of), files })
    }

    fn url(&self, key: &str, url: &str, schemes: &[&str]) -> Result<Url, ProfileError> {
        self.value(key, Url::parse(url, schemes).map_err(|e: NotUrl| e.to_string()))
    }
}
