//! From the keys of a complete profile to types: the one place where its texts are judged.

mod inputs;

use std::collections::BTreeMap;

use super::raw::{Raw, RawDeviceKind, RawFile};
use super::{
    ComponentFile, Extra, ExtraKind, Guard, OverlayProfile, PolicySource, Profile, ProfileError, Role, SCHEMA,
};
use crate::digest::{NotSha256, Sha256};
use crate::modules::{NotModuleName, WantedModule};
use crate::path::pattern::{PathPattern, PatternError};
use crate::path::{GuestPath, PathError};
use crate::tree::DeviceKind;
use crate::trim::Trim;
use crate::units::{Epoch, Mode, NotEpoch, NotMode, Tee};

/// Turns the text of one resolved profile into types.
pub(super) struct Reader<'a> {
    pub(super) profile: &'a str,
}

impl Reader<'_> {
    pub(super) fn profile(&self, raw: &Raw) -> Result<Profile, ProfileError> {
        self.schema(raw)?;
        let init = self.need("[init]", raw.init.clone())?;
        let policy = self.need("[policy]", raw.policy.clone())?;
        let host = self.need("[host]", raw.host.clone())?;
        let profile = Profile {
            name: self.profile.to_owned(),
            description: self.need("description", raw.description.clone())?,
            arch: self.need("arch", raw.arch)?,
            tee: self.need("tee", raw.tee)?,
            epoch: self.epoch(raw)?,
            compression: self.need("compression", raw.compression)?,
            kernel_reads: self.need("kernel-reads", raw.kernel_reads.clone())?,
            memory_mib: self.number("memory-mib", raw.memory_mib, 1 << 24)?,
            unpack_limit: self.number("unpack-limit-mib", raw.unpack_limit_mib, 1 << 24)? << 20,
            init: self.need("init.run", init.run)?,
            guard: if self.need("init.guard", init.guard)? { Guard::On } else { Guard::Off },
            modules: self
                .all("init.modules", init.modules.unwrap_or_default().iter(), |text| module(text))?,
            allow_words: init.allow_words.unwrap_or_default(),
            policy: PolicySource::of(&self.need("policy.source", policy.source)?),
            policy_sha256: self.pin("policy.sha256", policy.sha256.as_deref())?,
            runtimes: self.need("host.runtimes", host.runtimes)?,
            host_directory: self.path("host.directory", &self.need("host.directory", host.directory)?)?,
            kernel_params: self.words("host.kernel-params", host.kernel_params.unwrap_or_default())?,
            inputs: self.inputs(raw)?,
            trim: self.trim(raw)?,
            components: self.components(raw)?,
            extras: self.extras(raw)?,
            canonical: raw.canonical(),
        };
        if profile.tee == Tee::PodVm {
            return Err(self.wrong("tee", "a podvm boots no initrd".to_owned()));
        }
        if profile.guard == Guard::Off && !profile.modules.is_empty() {
            return Err(self.wrong("init.modules", "nobody loads them: the guard is off".to_owned()));
        }
        Ok(profile)
    }

    /// The profile of an overlay. A key that would make no difference is an error, not a comment.
    pub(super) fn overlay(&self, raw: &Raw) -> Result<OverlayProfile, ProfileError> {
        self.schema(raw)?;
        let about_images = [
            ("arch", raw.arch.is_some()),
            ("compression", raw.compression.is_some()),
            ("kernel-reads", raw.kernel_reads.is_some()),
            ("memory-mib", raw.memory_mib.is_some()),
            ("unpack-limit-mib", raw.unpack_limit_mib.is_some()),
            ("[init]", raw.init.is_some()),
            ("[host]", raw.host.is_some()),
            ("[inputs]", raw.inputs.is_some()),
            ("[trim]", raw.trim.is_some()),
            ("[component]", raw.component.is_some()),
            ("[[directory]]", raw.directory.is_some()),
            ("[[file]]", raw.file.is_some()),
            ("[[symlink]]", raw.symlink.is_some()),
            ("[[device]]", raw.device.is_some()),
        ];
        if let Some((key, _)) = about_images.into_iter().find(|(_, is_said)| *is_said) {
            return Err(ProfileError::NotForOverlay { profile: self.profile.to_owned(), key });
        }
        let policy = self.need("[policy]", raw.policy.clone())?;
        Ok(OverlayProfile {
            name: self.profile.to_owned(),
            description: self.need("description", raw.description.clone())?,
            epoch: self.epoch(raw)?,
            policy: PolicySource::of(&self.need("policy.source", policy.source)?),
            policy_sha256: self.pin("policy.sha256", policy.sha256.as_deref())?,
            canonical: raw.canonical(),
        })
    }

    fn schema(&self, raw: &Raw) -> Result<(), ProfileError> {
        match self.need("schema", raw.schema)? {
            SCHEMA => Ok(()),
            got => Err(ProfileError::Schema { profile: self.profile.to_owned(), got }),
        }
    }

    fn epoch(&self, raw: &Raw) -> Result<Epoch, ProfileError> {
        let seconds = self.need("epoch", raw.epoch)?;
        self.value("epoch", seconds.try_into().map_err(|e: NotEpoch| e.to_string()))
    }

    fn components(&self, raw: &Raw) -> Result<BTreeMap<Role, Vec<ComponentFile>>, ProfileError> {
        let mut components = BTreeMap::new();
        for (name, component) in raw.component.iter().flatten() {
            let key = format!("component.{name}");
            let role: Role = self.value(&key, name.parse())?;
            if !role.is_component() {
                return Err(self.wrong(&key, format!("`{name}` is not made of component files")));
            }
            let files = self.all(&key, component.files.iter(), |file| {
                Ok(ComponentFile {
                    name: file.name.clone(),
                    path: file.path.parse().map_err(|e: PathError| e.to_string())?,
                    mode: file.mode.parse().map_err(|e: NotMode| e.to_string())?,
                })
            })?;
            components.insert(role, files);
        }
        Ok(components)
    }

    fn extras(&self, raw: &Raw) -> Result<Vec<Extra>, ProfileError> {
        let mut extras = Vec::new();
        for directory in raw.directory.iter().flatten() {
            let kind = ExtraKind::Directory(self.mode("directory", &directory.mode)?);
            extras.push(Extra { path: self.path("directory", &directory.path)?, kind });
        }
        for file in raw.file.iter().flatten() {
            extras.push(Extra { path: self.path("file", &file.path)?, kind: self.file(file)? });
        }
        for symlink in raw.symlink.iter().flatten() {
            let kind = ExtraKind::Symlink(symlink.target.clone());
            extras.push(Extra { path: self.path("symlink", &symlink.path)?, kind });
        }
        for device in raw.device.iter().flatten() {
            let mode = self.mode("device", &device.mode)?;
            let kind = match device.kind {
                RawDeviceKind::Character => DeviceKind::Character,
                RawDeviceKind::Block => DeviceKind::Block,
            };
            let kind = ExtraKind::Device(kind, mode, device.major, device.minor);
            extras.push(Extra { path: self.path("device", &device.path)?, kind });
        }
        Ok(extras)
    }

    fn file(&self, file: &RawFile) -> Result<ExtraKind, ProfileError> {
        let mode = self.mode("file", &file.mode)?;
        match (&file.text, &file.source, &file.certificates) {
            (Some(text), None, None) => Ok(ExtraKind::Text(mode, text.clone())),
            (None, Some(source), None) => Ok(ExtraKind::Source(mode, source.clone())),
            (None, None, Some(pattern)) => {
                Ok(ExtraKind::Certificates(mode, self.value("file", self::pattern(pattern))?))
            }
            _ => {
                let problem = format!("{} needs exactly one of text, source and certificates", file.path);
                Err(self.wrong("file", problem))
            }
        }
    }

    fn trim(&self, raw: &Raw) -> Result<Trim, ProfileError> {
        let trim = raw.trim.clone().unwrap_or_default();
        Ok(Trim {
            remove: self.all("trim.remove", trim.remove.iter(), |text| pattern(text))?,
            keep: self.all("trim.keep", trim.keep.iter(), |text| pattern(text))?,
        })
    }

    fn need<T>(&self, key: &'static str, value: Option<T>) -> Result<T, ProfileError> {
        value.ok_or_else(|| ProfileError::Missing { profile: self.profile.to_owned(), key })
    }

    fn value<T>(&self, key: &str, value: Result<T, String>) -> Result<T, ProfileError> {
        value.map_err(|problem| self.wrong(key, problem))
    }

    fn all<'t, T: 't, U>(
        &self,
        key: &str,
        values: impl Iterator<Item = &'t T>,
        read: impl Fn(&T) -> Result<U, String>,
    ) -> Result<Vec<U>, ProfileError> {
        self.value(key, values.map(read).collect())
    }

    fn number(&self, key: &'static str, value: Option<u64>, max: u64) -> Result<u64, ProfileError> {
        let value = self.need(key, value)?;
        if value == 0 || value > max {
            return Err(self.wrong(key, format!("got {value}, expected 1 to {max}")));
        }
        Ok(value)
    }

    fn words(&self, key: &str, words: Vec<String>) -> Result<Vec<String>, ProfileError> {
        match words.iter().find(|word| {
            word.is_empty() || word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '*'))
        }) {
            Some(word) => Err(self.wrong(key, format!("`{word}` is not one word of a command line"))),
            None => Ok(words),
        }
    }

    fn path(&self, key: &str, path: &str) -> Result<GuestPath, ProfileError> {
        self.value(key, path.parse().map_err(|e: PathError| e.to_string()))
    }

    fn mode(&self, key: &str, mode: &str) -> Result<Mode, ProfileError> {
        self.value(key, mode.parse().map_err(|e: NotMode| e.to_string()))
    }

    fn pin(&self, key: &str, sha256: Option<&str>) -> Result<Option<Sha256>, ProfileError> {
        let sha256 = sha256.map(str::parse).transpose();
        self.value(key, sha256.map_err(|e: NotSha256| e.to_string()))
    }

    fn wrong(&self, key: &str, problem: String) -> ProfileError {
        ProfileError::Value { profile: self.profile.to_owned(), key: key.to_owned(), problem }
    }
}

/// A path begins with `/`, as no name can.
fn module(text: &str) -> Result<WantedModule, String> {
    if text.starts_with('/') {
        text.parse().map(WantedModule::File).map_err(|e: PathError| e.to_string())
    } else {
        let name = text.parse().map(WantedModule::Named);
        name.map_err(|e: NotModuleName| format!("{e}, nor an absolute path"))
    }
}

fn pattern(text: &str) -> Result<PathPattern, String> {
    text.parse().map_err(|e: PatternError| e.to_string())
}
