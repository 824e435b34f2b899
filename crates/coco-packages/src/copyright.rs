//! The file `copyright` of a Debian package, as an SPDX expression if it is machine-readable (format 1.0,
//! which was DEP-5). Nothing is guessed from texts: of a file that people have to read, the whole text is
//! what is known.

mod expression;
mod short_name;

use std::collections::{BTreeMap, BTreeSet};

use crate::deb::stanza::{Stanza, stanzas};
use expression::{Choice, Expression};

/// Longest file that is taken apart, in bytes: eight times the longest one of Debian 12's usual packages.
const TEXT_MAX: usize = 8 << 20;

/// What a package's licence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// All its files' licences.
    Expression {
        /// An SPDX expression (SPDX 2.3, annex D).
        spdx: String,
        /// The texts of what is `LicenseRef-...` in it, by that.
        texts: BTreeMap<String, String>,
    },
    /// The file, as it is not machine-readable.
    Text(String),
}

/// The licence of the package that `text` is the `copyright` of. `scope` goes into the names of licences that SPDX
/// does not have, `LicenseRef-SCOPE-NAME`, as one document may be about many packages.
pub fn licence(text: &str, scope: &str) -> Licence {
    machine_readable(text, scope).unwrap_or_else(|| Licence::Text(text.to_owned()))
}

/// `None` for whatever is not as the format has it: what is meant is not known.
fn machine_readable(text: &str, scope: &str) -> Option<Licence> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let stanzas = stanzas(text).collect::<Result<Vec<_>, _>>().ok()?;
    let (header, others) = stanzas.split_first()?;
    is_format(header.get("Format")?).then_some(())?;
    let (files, alone): (Vec<&Stanza<'_>>, Vec<_>) = others.iter().partition(|it| it.get("Files").is_some());
    let mut names =
        Names { scope, alone: texts_alone(&alone)?, own: BTreeMap::new(), texts: BTreeMap::new() };
    let mut all = BTreeSet::new();
    for stanza in files {
        let (names_line, own_text) = split(stanza.get("License")?);
        let choice = Choice::parse(names_line)?;
        all.insert(choice.into_expression(&mut |name, exception| names.spdx(name, exception, own_text))?);
    }
    let spdx = Expression::all(all)?.to_string();
    Some(Licence::Expression { spdx, texts: names.texts })
}

/// Whether the format is version 1.0.
fn is_format(value: &str) -> bool {
    let rest = value.strip_prefix("https").or_else(|| value.strip_prefix("http"));
    let place = rest.map(|rest| rest.trim_end_matches('/'));
    place == Some("://www.debian.org/doc/packaging-manuals/copyright-format/1.0")
}

/// The texts of paragraphs that are only about a licence, by its name in lower case.
fn texts_alone<'t>(stanzas: &[&Stanza<'t>]) -> Option<BTreeMap<String, &'t str>> {
    let mut texts = BTreeMap::new();
    for stanza in stanzas {
        let (name, text) = split(stanza.get("License")?);
        if texts.insert(name.to_ascii_lowercase(), text).is_some_and(|other| other != text) {
            return None;
        }
    }
    Some(texts)
}

/// The line with the names, and the text behind it.
fn split(value: &str) -> (&str, &str) {
    value.split_once('\n').unwrap_or((value, ""))
}

/// What the short names of a file are in SPDX.
struct Names<'t> {
    scope: &'t str,
    alone: BTreeMap<String, &'t str>,
    /// Names of our own that have been given, with how many texts each name has.
    own: BTreeMap<String, BTreeMap<&'t str, String>>,
    /// The texts by these.
    texts: BTreeMap<String, String>,
}

impl<'t> Names<'t> {
    /// The identifier of a licence, with its exception; a reference to its text if SPDX has none. `None` if there is no
    /// text either.
    fn spdx(&mut self, name: &str, exception: Option<&str>, own_text: &'t str) -> Option<String> {
        let known = match exception {
            None => short_name::licence(name),
            Some(exception) => short_name::licence(name)
                .zip(short_name::exception(exception))
                .map(|(licence, exception)| format!("{licence} WITH {exception}")),
        };
        if known.is_some() {
            return known;
        }
        let whole = match exception {
            None => name.to_owned(),
            Some(exception) => format!("{name} with {exception} exception"),
        };
        let alone = || {
            let lower = whole.to_ascii_lowercase();
            self.alone.get(&lower).or_else(|| self.alone.get(lower.strip_suffix(" exception")?)).copied()
        };
        let text = if own_text.is_empty() { alone()? } else { own_text };
        (!text.is_empty()).then(|| self.reference(&whole, text))
    }

    fn reference(&mut self, name: &str, text: &'t str) -> String {
        let first = format!("LicenseRef-{}-{}", short_name::plain(self.scope), short_name::plain(name));
        let given = self.own.entry(first.clone()).or_default();
        if let Some(reference) = given.get(text) {
            return reference.clone();
        }
        let numbered = (given.len() + 1..).map(|number| match number {
            1 => first.clone(),
            number => format!("{first}-{number}"),
        });
        let free = |reference: &String| !self.texts.contains_key(reference);
        let reference = numbered.take(TEXT_MAX).find(free).unwrap_or(first.clone());
        given.insert(text, reference.clone());
        self.texts.insert(reference.clone(), unfolded(text));
        reference
    }
}

/// The lines of a text without the blank that each begins with, and without the dots of empty ones.
fn unfolded(text: &str) -> String {
    let line = |line: &str| match line.get(1..).unwrap_or_default() {
        "." => String::new(),
        line => line.trim_end().to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
