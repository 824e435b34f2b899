//! From a source to what it is now, whatever its kind.

use std::io::Read as _;

use coco_image::lock::{Content, Locked, LockedFile, LockedOci, SIZE_MAX};
use coco_image::profile::Profile;
use coco_image::profile::source::{Remote, Url};
use coco_image::units::Arch;
use coco_registry::challenge::Access;

use super::deb::{self, Versions};
use super::rpm;
use crate::args::lock::LockArgs;
use crate::content_store::{self, ContentStore};
use crate::fetch::{Fetcher, Place, Wanted};
use crate::http::{Client, HttpError, Patience};
use crate::mirrors::{self, Mirror};
use crate::output::Output;
use crate::registry::{RegistryError, Repository};

/// Looks at sources; whatever is fetched on the way is in the content store afterwards.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub(super) client: Client,
    pub(super) store: ContentStore,
    pub(super) mirrors: &'a [Mirror],
    pub(super) arch: Arch,
    jobs: std::num::NonZeroUsize,
}

/// A server that has more than it should.
#[derive(Debug, thiserror::Error)]
#[error("{url} is longer than {limit} bytes, which it should not be")]
pub(crate) struct TooLong {
    url: Url,
    limit: u64,
}

impl<'a> Resolver<'a> {
    /// For a profile, with what the options say.
    pub(super) fn new(args: &'a LockArgs, profile: &Profile) -> anyhow::Result<Self> {
        let store = ContentStore::create(content_store::place(args.fetch.store.as_ref())?)?;
        let mirrors = args.fetch.mirror.as_slice();
        let sources = profile.inputs.values().filter_map(coco_image::profile::Input::remote);
        mirrors::check_use(mirrors, &sources.flat_map(urls).collect::<Vec<_>>())?;
        Ok(Self { client: Client::default(), store, mirrors, arch: profile.arch, jobs: args.fetch.jobs })
    }

    /// What `remote` is now. Packages of `keep` stay at their versions, as far as that goes.
    pub(super) fn resolve(
        &self,
        remote: &Remote,
        keep: &Versions,
        out: &mut Output,
    ) -> anyhow::Result<Locked> {
        match remote {
            Remote::Url(url, sha256) => self.url(url, *sha256, out),
            Remote::Deb(source) => deb::resolve(self, source, keep, out),
            Remote::Oci(reference) => Ok(Locked::Oci(self.oci(reference)?)),
            Remote::Rpm(source) => rpm::resolve(self, source, out),
        }
    }

    fn url(&self, url: &Url, sha256: coco_image::digest::Sha256, out: &mut Output) -> anyhow::Result<Locked> {
        let size = self.size(url)?;
        let content = Content { size, sha256 };
        self.fetch(&[Wanted { name: url.to_string(), content, place: Place::Url(url.clone()) }], out)?;
        Ok(Locked::Url(LockedFile { url: url.clone(), size, sha256 }))
    }

    /// What a registry has under `text`, for the profile's processor.
    fn oci(&self, text: &str) -> Result<LockedOci, RegistryError> {
        let architecture = match self.arch {
            Arch::X86_64 => "amd64",
            Arch::Aarch64 => "arm64",
        };
        let repository = Repository::new(&self.client, &text.parse()?, Access::Pull);
        Ok(repository.resolve(architecture)?.locked())
    }

    /// Gets `wanted` into the store.
    pub(super) fn fetch(&self, wanted: &[Wanted], out: &mut Output) -> anyhow::Result<()> {
        let Self { client, store, mirrors, jobs, .. } = self;
        Fetcher { client, store, mirrors, jobs: *jobs }.all(wanted, out)?;
        Ok(())
    }

    /// How large a file is; if the server does not say it, by counting. No more than a lock may name.
    pub(super) fn size(&self, url: &Url) -> anyhow::Result<u64> {
        let size = self.patiently(url, |url| {
            let response = self.client.get(url, &[])?;
            if let Some(size) = response.size {
                return Ok(size);
            }
            let mut reader = response.into_reader().take(SIZE_MAX.saturating_add(1));
            std::io::copy(&mut reader, &mut std::io::sink()).map_err(|error| HttpError::body(url, &error))
        })?;
        self.bounded(url, size, SIZE_MAX)?;
        Ok(size)
    }

    /// A small file of unknown size, such as a signed index, of `limit` bytes at most.
    pub(super) fn small(&self, url: &Url, limit: u64) -> anyhow::Result<Vec<u8>> {
        let bytes = self.patiently(url, |url| {
            let mut bytes = Vec::new();
            let mut reader = self.client.get(url, &[])?.into_reader().take(limit.saturating_add(1));
            reader.read_to_end(&mut bytes).map_err(|error| HttpError::body(url, &error))?;
            Ok(bytes)
        })?;
        self.bounded(url, u64::try_from(bytes.len()).unwrap_or(u64::MAX), limit)?;
        Ok(bytes)
    }

    fn bounded(&self, url: &Url, size: u64, limit: u64) -> Result<(), TooLong> {
        if size > limit {
            return Err(TooLong { url: mirrors::mirrored(url, self.mirrors), limit });
        }
        Ok(())
    }

    /// Asks for `url`, at its mirror if it has one, with all the tries there are.
    fn patiently<T>(&self, url: &Url, ask: impl Fn(&Url) -> Result<T, HttpError>) -> Result<T, HttpError> {
        let url = mirrors::mirrored(url, self.mirrors);
        let mut patience = Patience::new();
        loop {
            match ask(&url) {
                Err(error) if patience.lasts(error.wait()) => {}
                done => return done,
            }
        }
    }
}

/// Where a source is, or begins.
fn urls(remote: &Remote) -> Vec<&Url> {
    match remote {
        Remote::Url(url, _) => vec![url],
        Remote::Deb(deb) => deb.archives.iter().map(|archive| &archive.url).collect(),
        Remote::Rpm(rpm) => rpm.files.iter().map(|(url, _)| url).collect(),
        Remote::Oci(_) => Vec::new(),
    }
}
