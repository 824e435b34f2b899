//! The parts of a bill, each with an identifier that both formats take and no other part has.

use std::collections::{BTreeMap, BTreeSet};

use crate::bill::{Bill, Distribution, Item, Source};
use crate::purl;

/// The image's own identifier. Those of parts have a `-` in them.
pub(crate) const IMAGE: &str = "image";

/// All that the documents of a bill list, in their order.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// What is in the image.
    pub(crate) items: Vec<Part<'a>>,
    /// The distributions of its packages.
    pub(crate) distributions: BTreeMap<&'a Distribution, String>,
    /// The source packages that its packages were built from, each once.
    pub(crate) sources: BTreeMap<SourcePackage<'a>, String>,
}

/// An item with its identifier.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) id: String,
    pub(crate) item: &'a Item,
    pub(crate) purl: Option<String>,
}

/// A source package. Its URL tells whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourcePackage<'a> {
    pub(crate) source: &'a Source,
    pub(crate) purl: Option<String>,
}

impl<'a> Parts<'a> {
    /// Items are named first, so that their identifiers do not depend on what follows from them.
    pub(crate) fn of(bill: &'a Bill) -> Self {
        let mut identifiers = Identifiers::default();
        let mut parts = Self { items: Vec::new(), distributions: BTreeMap::new(), sources: BTreeMap::new() };
        for item in &bill.items {
            let id = identifiers.hand_out(item.kind.word(), &item.name, item.version.as_deref());
            parts.items.push(Part { id, item, purl: purl::of(item) });
        }
        let distributions: BTreeSet<_> =
            bill.items.iter().filter_map(|item| item.kind.package()).map(|it| &it.distribution).collect();
        for it in distributions {
            parts.distributions.insert(it, identifiers.hand_out("os", &it.id, it.version.as_deref()));
        }
        let sources: BTreeSet<_> = bill.items.iter().filter_map(SourcePackage::of).collect();
        for it in sources {
            let id = identifiers.hand_out("source", &it.source.name, Some(&it.source.version));
            parts.sources.insert(it, id);
        }
        parts
    }
}

impl<'a> SourcePackage<'a> {
    /// What `item` was built from, if it is known.
    pub(crate) fn of(item: &'a Item) -> Option<Self> {
        let source = item.kind.package()?.source.as_ref()?;
        Some(Self { source, purl: purl::of_source(&item.kind, source) })
    }
}

/// Gives each identifier once: of letters, digits, `.` and `-` (SPDX 2.3, clause 7.2, has no more).
#[derive(Debug, Default)]
struct Identifiers(BTreeSet<String>);

impl Identifiers {
    /// `deb-bash-5.2.37-2`; if that is another's, `deb-bash-5.2.37-2-2` and so on.
    fn hand_out(&mut self, kind: &str, name: &str, version: Option<&str>) -> String {
        let plain: String = std::iter::once(name)
            .chain(version)
            .fold(kind.to_owned(), |id, word| id + "-" + word)
            .chars()
            .map(|it| if it.is_ascii_alphanumeric() || it == '.' { it } else { '-' })
            .collect();
        let mut id = plain.clone();
        let mut number = 2;
        while !self.0.insert(id.clone()) {
            id = format!("{plain}-{number}");
            number += 1;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_legal_and_given_once() {
        let mut identifiers = Identifiers::default();
        for (name, version, expected) in [
            ("bash", Some("5.2.37-2"), "deb-bash-5.2.37-2"),
            ("libstdc++6", Some("1:14~rc"), "deb-libstdc--6-1-14-rc"),
            ("libstdc--6", Some("1:14~rc"), "deb-libstdc--6-1-14-rc-2"),
            ("libstdc-+6", Some("1:14~rc"), "deb-libstdc--6-1-14-rc-3"),
            ("größe_a\n", None, "deb-gr--e-a-"),
            ("", None, "deb-"),
            ("", Some(""), "deb--"),
        ] {
            assert_eq!(identifiers.hand_out("deb", name, version), expected);
        }
    }

    #[test]
    fn no_part_is_called_as_the_image_is() {
        assert!(Identifiers::default().hand_out("file", "", None).contains('-'));
        assert!(!IMAGE.contains('-'));
    }
}
