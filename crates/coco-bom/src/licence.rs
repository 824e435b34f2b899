//! What is known of a licence: an expression, words, a text, or nothing. No text is recognized.

use std::collections::{BTreeMap, BTreeSet};

use ::spdx::ParseMode;
use ::spdx::expression::{Expression, ExpressionReq};
use sha2::{Digest as _, Sha256};

/// A licence, as the item itself declares it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Licence(Known);

/// How much is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// An expression of SPDX's list; nothing in it refers to another place.
    Expression(String),
    /// An expression that refers to these texts, by their references.
    Referring(String, BTreeSet<String>),
    /// Words that are no expression.
    Words(String),
    /// A text for people.
    Text(String),
}

/// SPDX 2.3, annex D. Identifiers that the list has deprecated, such as `GPL-2.0+`, are still identifiers.
const MODE: ParseMode =
    ParseMode { allow_deprecated: true, allow_postfix_plus_on_gpl: true, ..ParseMode::STRICT };

impl Licence {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self(Known::Nothing)
    }

    /// What a field such as RPM's `License` says: an expression of SPDX if it is one, else just words. Blank words
    /// say nothing.
    pub fn declared(words: &str) -> Self {
        let words = words.trim();
        Self(match words {
            "" => Known::Nothing,
            _ if is_expression(words) => Known::Expression(words.to_owned()),
            _ => Known::Words(words.to_owned()),
        })
    }

    /// An expression in which words such as `LicenseRef-zlib-variant` stand for texts, which are given by these words.
    /// In documents they have references of their own; words without a text are no expression.
    pub fn expression(spdx: &str, texts: &BTreeMap<String, String>) -> Self {
        if texts.is_empty() {
            return Self::declared(spdx);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | ':');
        let mut known = BTreeSet::new();
        let mut expression = String::new();
        // Words and what is between them, in turns.
        for word in spdx.split_inclusive(|c| !is_word(c)) {
            let (word, behind) = word.split_at(word.find(|c| !is_word(c)).unwrap_or(word.len()));
            match texts.get(word) {
                Some(text) => {
                    known.insert(text.clone());
                    expression.push_str(&Self::reference(text));
                }
                None if word.contains("Ref-") => return Self(Known::Words(spdx.to_owned())),
                None => expression.push_str(word),
            }
            expression.push_str(behind);
        }
        Self(Known::Referring(expression, known))
    }

    /// The whole text of a file such as Debian's `copyright`. A blank text says nothing.
    pub fn text(text: &str) -> Self {
        Self(if text.trim().is_empty() { Known::Nothing } else { Known::Text(text.to_owned()) })
    }

    /// Version of the list that expressions are of, as SPDX writes it: two numbers (clause 6.7).
    pub(crate) fn list_version() -> &'static str {
        let version = ::spdx::license_version();
        version.rsplit_once('.').map_or(version, |(minor, _)| minor)
    }

    pub(crate) fn known(&self) -> &Known {
        &self.0
    }

    /// The words and texts that references stand for.
    pub(crate) fn texts(&self) -> Vec<&String> {
        match &self.0 {
            Known::Nothing | Known::Expression(_) => Vec::new(),
            Known::Referring(_, texts) => texts.iter().collect(),
            Known::Words(text) | Known::Text(text) => vec![text],
        }
    }

    /// What stands for words or a text in SPDX (annex D, `license-ref`): equal texts have equal references.
    pub(crate) fn reference(text: &str) -> String {
        format!("LicenseRef-{}", data_encoding::HEXLOWER.encode(&Sha256::digest(text)))
    }
}

/// References are refused: what they refer to is not here.
fn is_expression(words: &str) -> bool {
    let Ok(expression) = Expression::parse_mode(words, MODE) else { return false };
    let is_listed = |it: &ExpressionReq| {
        // The crate's list has these two words, which are values of fields and no licences.
        it.req.license.id().is_some_and(|id| !["NONE", "NOASSERTION"].contains(&id.name))
            && it.req.addition.as_ref().is_none_or(|addition| addition.id().is_some())
    };
    // The crate takes `and`; the specification wants operators in capitals.
    let is_operator = |word: &&str| ["AND", "OR", "WITH"].iter().any(|it| it.eq_ignore_ascii_case(word));
    let words = words.split(|it: char| it.is_whitespace() || "()".contains(it));
    words.filter(is_operator).all(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
        && expression.requirements().all(is_listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_known_by_spdxs_list_and_grammar() {
        for words in [
            "MIT",
            "Apache-2.0 OR MIT",
            "(LGPL-2.1-or-later AND BSD-3-Clause) OR GPL-2.0-only WITH Classpath-exception-2.0",
            "GPL-2.0",
            "GPL-2.0+",
            "Apache-2.0+",
        ] {
            assert_eq!(Licence::declared(words).known(), &Known::Expression(words.to_owned()));
        }
    }

    #[test]
    fn what_only_looks_like_an_expression_is_words() {
        for words in [
            "GPLv2+",
            "mit",
            "MIT and BSD-3-Clause",
            "MIT/Apache-2.0",
            "MIT AND",
            "LicenseRef-Fedora-Public-Domain",
            "DocumentRef-a:LicenseRef-b",
            "GPL-2.0-only WITH AdditionRef-a",
            "NOASSERTION",
            "MIT OR NONE",
            "Public Domain",
        ] {
            assert_eq!(Licence::declared(words).known(), &Known::Words(words.to_owned()), "{words}");
        }
    }

    #[test]
    fn an_expression_refers_to_the_texts_that_it_is_given() {
        let texts = BTreeMap::from([("LicenseRef-a-b".to_owned(), "do as you like".to_owned())]);
        let reference = Licence::reference("do as you like");
        assert_eq!(
            Licence::expression("(MIT OR LicenseRef-a-b) AND LicenseRef-a-b", &texts).known(),
            &Known::Referring(
                format!("(MIT OR {reference}) AND {reference}"),
                BTreeSet::from(["do as you like".to_owned()])
            )
        );
        assert_eq!(
            Licence::expression("LicenseRef-other", &texts).known(),
            &Known::Words("LicenseRef-other".to_owned())
        );
        assert_eq!(Licence::expression("MIT", &BTreeMap::new()), Licence::declared("MIT"));
    }

    #[test]
    fn blank_words_and_texts_say_nothing() {
        assert_eq!(Licence::declared(" \n"), Licence::unknown());
        assert_eq!(Licence::text("\n\t"), Licence::unknown());
    }
}
