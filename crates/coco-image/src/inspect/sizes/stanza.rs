//! The text of dpkg's database: stanzas and lines. What files are whose is not decided here.

use std::collections::BTreeMap;

use super::DpkgError;
use crate::path::GuestPath;

/// Longest text of a database in a message, in characters.
const SHOWN_MAX: usize = 60;

/// What is told of a package.
#[derive(Debug)]
pub(super) struct Stanza {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) multi_arch: Option<String>,
}

impl Stanza {
    /// The name with the architecture, as dpkg calls packages that may be there for several.
    pub(super) fn qualified(&self) -> Option<String> {
        let is_same = self.multi_arch.as_deref() == Some("same");
        let architecture = self.architecture.as_ref().filter(|_| is_same)?;
        Some(format!("{}:{architecture}", self.name))
    }
}

/// The fields of a stanza that are wanted, by their name in lower case.
type Fields = BTreeMap<&'static str, String>;

/// The fields that are wanted, with what may be in their values beside letters and digits (`deb-version(7)`,
/// `deb-control(5)`; old packages have underscores).
const FIELDS: [(&str, &[u8]); 4] =
    [("package", b"+-._"), ("version", b"+-._~:"), ("architecture", b"-"), ("multi-arch", b"-")];

/// The stanzas of `text`, which is at `path` (`deb822(5)`).
pub(super) fn stanzas(path: &GuestPath, text: &[u8]) -> Result<Vec<Stanza>, DpkgError> {
    let mut stanzas = Vec::new();
    let mut open: Option<Fields> = None;
    let mut end = 1;
    for (number, line) in (1..).zip(lines(text)) {
        end = number + 1;
        if line.trim_ascii().is_empty() {
            stanzas.extend(open.take().map(|fields| closed(path, number, fields)).transpose()?);
        } else if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            field(path, number, line, open.get_or_insert_default())?;
        } else if open.is_none() {
            return Err(DpkgError::NoField { path: path.clone(), line: number, got: shown(line) });
        }
    }
    stanzas.extend(open.map(|fields| closed(path, end, fields)).transpose()?);
    Ok(stanzas)
}

fn closed(path: &GuestPath, line: usize, mut fields: Fields) -> Result<Stanza, DpkgError> {
    let name = fields.remove("package").ok_or_else(|| DpkgError::NoName { path: path.clone(), line })?;
    let [version, architecture, multi_arch] =
        ["version", "architecture", "multi-arch"].map(|what| fields.remove(what));
    Ok(Stanza { name, version, architecture, multi_arch })
}

/// Takes a field if it is wanted.
fn field(path: &GuestPath, number: usize, line: &[u8], fields: &mut Fields) -> Result<(), DpkgError> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
        return Err(DpkgError::NoField { path: path.clone(), line: number, got: shown(line) });
    };
    let wanted = FIELDS.iter().find(|(what, _)| name.eq_ignore_ascii_case(what.as_bytes()));
    let Some((what, others)) = wanted.copied() else { return Ok(()) };
    let value = value.trim_ascii();
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || others.contains(byte);
    let fits = value.first().is_some_and(u8::is_ascii_alphanumeric) && value.iter().all(is_fit);
    let text = str::from_utf8(value).ok().filter(|_| fits).ok_or_else(|| DpkgError::Value {
        path: path.clone(),
        line: number,
        what,
        got: shown(value),
    })?;
    match fields.insert(what, text.to_owned()) {
        None => Ok(()),
        Some(_) => Err(DpkgError::Repeated { path: path.clone(), line: number, what }),
    }
}

/// The lines, without an end that is none.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let is_empty = text.is_empty();
    text.split(|byte| *byte == b'\n').skip(usize::from(is_empty))
}

/// The start of a text that may be anything.
pub(super) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..SHOWN_MAX * 4).unwrap_or(text)).chars().take(SHOWN_MAX).collect()
}
