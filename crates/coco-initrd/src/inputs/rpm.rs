//! RPM packages from the content store, united to one root file system. No script of a package is run, and
//! none is kept.

use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::Context as _;
use coco_image::archive::Member;
use coco_image::archive::initrd;
use coco_image::assemble::Loaded;
use coco_image::decompress::{self, Budget, Format, Streams};
use coco_image::lock::{Content, LockedPackage};
use coco_image::packages::{self, Unpacked};
use coco_packages::rpm;

use super::package::{self, Licence, Package};
use super::{Identity, Input, InputError, Reader};
use crate::content_store::ContentStore;
use crate::store::{DiskSpool, Opened, Plain};

/// The longest head of a package that is read for its headers, in bytes.
const HEAD_MAX: u64 = 192 << 20;

impl Reader<'_> {
    /// Reads the packages of a lock as one root file system.
    pub(super) fn rpm(&mut self, locked: &[LockedPackage], contents: &ContentStore) -> anyhow::Result<Input> {
        let budget = Budget::new(self.unpack_limit);
        let (mut unpacked, mut described) = (Vec::new(), Vec::new());
        for package in locked {
            let of_package = || package::name(package);
            let (said, members) = self.open_rpm(package, contents, &budget).with_context(of_package)?;
            described.push(Package {
                format: package::Format::Rpm,
                locked: package.clone(),
                source: None,
                homepage: None,
                licence: Licence::Declared(said.license),
                bodies: Package::bodies(&members),
            });
            unpacked.push(Unpacked { name: package.name.clone(), members });
        }
        let members = packages::unite(unpacked)?;
        Ok(Input { loaded: Loaded::Members(members), identity: Identity::Packages(described) })
    }

    fn open_rpm(
        &mut self,
        package: &LockedPackage,
        contents: &ContentStore,
        budget: &Budget,
    ) -> anyhow::Result<(rpm::Package, Vec<Member>)> {
        let content = Content { size: package.file.size, sha256: package.file.sha256 };
        let path = contents.whole(content, "its file")?;
        let mut head = Vec::new();
        fs_err::File::open(&path)?.take(HEAD_MAX).read_to_end(&mut head)?;
        let said = rpm::Package::parse(&head)?;
        for (what, got, expected) in [
            ("name", &said.name, &package.name),
            ("version", &said.version, &package.version),
            ("architecture", &said.arch, &package.arch),
        ] {
            if got != expected {
                let (got, expected) = (got.clone(), expected.clone());
                return Err(InputError::OtherPackage { what, got, expected }.into());
            }
        }
        let offset = u64::try_from(said.payload.offset)?;
        let members = self.payload(&path, offset, budget).context("its payload can't be unpacked")?;
        Ok((said, members))
    }

    /// The members of the newc archive at `offset`, which goes to a file without a name: its bodies stay there.
    fn payload(&mut self, path: &Path, offset: u64, budget: &Budget) -> anyhow::Result<Vec<Member>> {
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut magic = Vec::new();
        (&mut file).take(8).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(offset))?;
        let stream = decompress::reader(Format::of(&magic), Streams::All, BufReader::new(file))?;
        let mut plain = BufWriter::new(tempfile::tempfile_in(self.scratch)?);
        std::io::copy(&mut budget.bound(stream), &mut plain)?;
        plain.flush()?;
        let plain = plain.into_inner()?;
        let source = Opened::new(plain.try_clone()?)?;
        let spool = DiskSpool::new(self.store, plain, Plain::Whole, self.scratch)?;
        Ok(initrd::payload(&source, &spool, self.unpack_limit)?)
    }
}
