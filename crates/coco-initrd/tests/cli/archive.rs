//! A Debian archive made by code: packages, indices, and releases that a key of the test signs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use coco_image::digest::Sha256;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails, SignedPublicKey,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId};
use pgp::types::{KeyDetails as _, PacketHeaderVersion, Password, SignedUser, Tag, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::server::Server;

/// Where the archive is on a server.
pub(crate) const ROOT: &str = "/debian";
/// Its release, and its index, below the server's root.
pub(crate) const RELEASE: &str = "/debian/dists/stable/InRelease";
pub(crate) const INDEX: &str = "/debian/dists/stable/main/binary-amd64/Packages.xz";
/// When its key was made and signs: 2023-11-14.
const MADE: u32 = 1_700_000_000;

/// How the parts of a package are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Xz => "xz",
            Self::Zstd => "zst",
        }
    }

    fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                gzip.write_all(bytes).unwrap();
                gzip.finish().unwrap()
            }
            Self::Xz => xz(bytes),
            Self::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        }
    }
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(bytes).unwrap();
    xz.finish().unwrap()
}

/// A package that is made.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    depends: &'static str,
    packing: Packing,
    /// The version in its control file, if it is another one.
    claims: Option<&'static str>,
    /// Paths, targets of links, and bodies.
    files: Vec<(String, Option<&'static str>, Vec<u8>)>,
}

impl Package {
    /// A package with its copyright file.
    pub(crate) fn new(name: &'static str, version: &'static str) -> Self {
        let copyright = format!("./usr/share/doc/{name}/copyright");
        let text = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
            Files: *\nCopyright: Ann Example\nLicense: Expat\n";
        let files = vec![(copyright, None, text.to_vec())];
        Self { name, version, depends: "", packing: Packing::Xz, claims: None, files }
    }

    /// The same with what it depends on.
    pub(crate) fn depends(self, depends: &'static str) -> Self {
        Self { depends, ..self }
    }

    /// The same, packed otherwise.
    pub(crate) fn packed(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// The same with a control file that names another version.
    pub(crate) fn claiming(self, version: &'static str) -> Self {
        Self { claims: Some(version), ..self }
    }

    /// The same with a file.
    pub(crate) fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), None, bytes.into()));
        self
    }

    /// The same with a symbolic link.
    pub(crate) fn link(mut self, path: &str, target: &'static str) -> Self {
        self.files.push((path.to_owned(), Some(target), Vec::new()));
        self
    }

    fn control(&self) -> String {
        let depends =
            if self.depends.is_empty() { String::new() } else { format!("Depends: {}\n", self.depends) };
        format!(
            "Package: {}\nVersion: {}\nArchitecture: amd64\nMaintainer: Ann Example <ann@example.org>\n{depends}",
            self.name,
            self.claims.unwrap_or(self.version)
        )
    }

    /// The package's file (`deb(5)`).
    pub(crate) fn deb(&self) -> Vec<u8> {
        let control = tar(&[("./control".to_owned(), None, self.control().into_bytes())]);
        let extension = self.packing.extension();
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, body) in [
            ("debian-binary".to_owned(), b"2.0\n".to_vec()),
            (format!("control.tar.{extension}"), self.packing.pack(&control)),
            (format!("data.tar.{extension}"), self.packing.pack(&tar(&self.files))),
        ] {
            let size = body.len();
            writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`", 0, 0, 0, "100644").unwrap();
            bytes.extend(body);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    /// Where it is below the archive's root.
    pub(crate) fn path(&self) -> String {
        format!("pool/main/{}_{}_amd64.deb", self.name, self.version)
    }
}

/// A tar whose paths are as they are, also where no program would write them so.
fn tar(files: &[(String, Option<&'static str>, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, target, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(u64::try_from(bytes.len()).unwrap());
        if let Some(target) = target {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name_literal(target).unwrap();
        }
        header.set_cksum();
        tar.append(&header, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A key that signs releases.
pub(crate) struct Key(SecretKey);

impl Key {
    /// Another one for each number.
    pub(crate) fn new(number: u64) -> Self {
        let mut params = SecretKeyParamsBuilder::default();
        let made = Timestamp::from_secs(MADE);
        let curve = KeyType::ECDSA(ECCCurve::P256);
        params.key_type(curve).can_sign(true).created_at(made).primary_user_id(String::new());
        Self(params.build().unwrap().generate(StdRng::seed_from_u64(number)).unwrap().primary_key)
    }

    /// Its certificate in armour.
    pub(crate) fn public(&self) -> String {
        let public = self.0.public_key();
        let user = UserId::from_str(PacketHeaderVersion::default(), "archive@example.org").unwrap();
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        let certified = self
            .config(SignatureType::CertPositive, &[SubpacketData::KeyFlags(flags)])
            .sign_certification(&self.0, public, &Password::empty(), Tag::UserId, &user)
            .unwrap();
        let users = vec![SignedUser::new(user, vec![certified])];
        let details = SignedKeyDetails::new(vec![], vec![], users, vec![]);
        let certificate = SignedPublicKey::new(public.clone(), details, vec![]);
        certificate.to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// `text` with its signature.
    pub(crate) fn sign(&self, text: &str) -> String {
        let config = self.config(SignatureType::Text, &[]);
        let of_text = text.replace('\n', "\r\n");
        let signature = config.sign(&self.0, &Password::empty(), of_text.as_bytes()).unwrap();
        let message = CleartextSignedMessage::new_many(text, |_| Ok(vec![signature])).unwrap();
        message.to_armored_string(ArmorOptions::default()).unwrap()
    }

    fn config(&self, kind: SignatureType, parts: &[SubpacketData]) -> SignatureConfig {
        let mut config = SignatureConfig::v4(kind, self.0.algorithm(), HashAlgorithm::Sha256);
        let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(MADE));
        let issuer = SubpacketData::IssuerFingerprint(self.0.fingerprint());
        let all = [time, issuer].into_iter().chain(parts.iter().cloned());
        config.hashed_subpackets = all.map(|data| Subpacket::critical(data).unwrap()).collect();
        config
    }
}

/// An archive with one suite, `stable`, and one component, `main`.
pub(crate) struct Archive {
    pub(crate) key: Key,
    pub(crate) packages: Vec<Package>,
    /// The release's fields that have one line.
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Archive {
    /// An archive of these packages, of 2024.
    pub(crate) fn new(packages: Vec<Package>) -> Self {
        let fields = BTreeMap::from(
            [
                ("Architectures", "amd64"),
                ("Components", "main"),
                ("Date", "Mon, 01 Jan 2024 00:00:00 UTC"),
                ("Suite", "stable"),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
        Self { key: Key::new(1), packages, fields }
    }

    /// The text of the index.
    pub(crate) fn index(&self) -> String {
        let mut text = String::new();
        for package in &self.packages {
            let (control, deb) = (Package { claims: None, ..package.clone() }.control(), package.deb());
            let (path, size, sha256) = (package.path(), deb.len(), Sha256::of(&deb));
            writeln!(text, "{control}Filename: {path}\nSize: {size}\nSHA256: {sha256}\n").unwrap();
        }
        text
    }

    /// The text of the release, with the digest of the index.
    pub(crate) fn release(&self) -> String {
        let index = xz(self.index().as_bytes());
        let mut text = String::new();
        for (name, value) in &self.fields {
            writeln!(text, "{name}: {value}").unwrap();
        }
        let path = "main/binary-amd64/Packages.xz";
        writeln!(text, "SHA256:\n {} {} {path}", Sha256::of(&index), index.len()).unwrap();
        text
    }

    /// Gives all its files to a server.
    pub(crate) fn publish(&self, server: &Server) {
        server.file(RELEASE, self.key.sign(&self.release()));
        server.file(INDEX, xz(self.index().as_bytes()));
        for package in &self.packages {
            server.file(&format!("{ROOT}/{}", package.path()), package.deb());
        }
    }
}
