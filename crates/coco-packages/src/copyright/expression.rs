//! Expressions of licences: read as Debian's format writes them, written as SPDX does. Names are given from
//! outside.

use std::collections::BTreeSet;
use std::fmt;

/// What a `License` line says: `GPL-2+ or Artistic, and Expat`. `and` is before `or`, unless there is a comma
/// (format 1.0, section 7.2).
#[derive(Debug)]
pub(super) enum Choice<'t> {
    Name { name: &'t str, exception: Option<String> },
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// An SPDX expression, whose members are sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expression {
    Licence(String),
    And(BTreeSet<Self>),
    Or(BTreeSet<Self>),
}

impl<'t> Choice<'t> {
    /// Reads a line; `None` if it is not as the format has it, or says nothing.
    pub(super) fn parse(line: &'t str) -> Option<Self> {
        let mut parts = line.split(',').map(|part| part.split_ascii_whitespace().collect::<Vec<_>>());
        let mut members = vec![Self::without_commas(&parts.next()?)?];
        let mut words = BTreeSet::new();
        for part in parts {
            let (word, rest) = part.split_first()?;
            words.insert(Word::of(word)?);
            members.push(Self::without_commas(rest)?);
        }
        match words.pop_last() {
            None => members.pop(),
            // `A, and B, or C` may mean either.
            Some(_) if !words.is_empty() => None,
            Some(Word::And) => Some(Self::And(members)),
            Some(Word::Or) => Some(Self::Or(members)),
        }
    }

    fn without_commas(words: &[&'t str]) -> Option<Self> {
        let is = |word: Word| move |it: &&str| Word::of(it) == Some(word);
        let of = |words: &[&'t str]| words.split(is(Word::And)).map(Self::name).collect::<Option<_>>();
        let members = words.split(is(Word::Or)).map(|it| of(it).map(Self::And)).collect::<Option<_>>();
        members.map(Self::Or)
    }

    /// `NAME [with EXCEPTION [exception]]`
    fn name(words: &[&'t str]) -> Option<Self> {
        let is_name = |it: &str| it.bytes().all(|byte| byte.is_ascii_graphic() && !b"()|&;".contains(&byte));
        let (name, rest) = words.split_first().filter(|_| words.iter().all(|it| is_name(it)))?;
        let exception = match rest {
            [] => None,
            [with, exception @ .., "exception"] | [with, exception @ ..]
                if with.eq_ignore_ascii_case("with") && !exception.is_empty() =>
            {
                Some(exception.join(" "))
            }
            _ => return None,
        };
        Some(Self::Name { name, exception })
    }

    /// The expression, with the names that SPDX has for these; `None` if there is none for one of them.
    pub(super) fn into_expression(
        self,
        spdx: &mut impl FnMut(&str, Option<&str>) -> Option<String>,
    ) -> Option<Expression> {
        match self {
            Self::Name { name, exception } => spdx(name, exception.as_deref()).map(Expression::Licence),
            Self::And(members) => Expression::all(
                members.into_iter().map(|it| it.into_expression(spdx)).collect::<Option<_>>()?,
            ),
            Self::Or(members) => Expression::any(
                members.into_iter().map(|it| it.into_expression(spdx)).collect::<Option<_>>()?,
            ),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    And,
    Or,
}

impl Word {
    fn of(text: &str) -> Option<Self> {
        match text {
            "and" | "AND" => Some(Self::And),
            "or" | "OR" => Some(Self::Or),
            _ => None,
        }
    }
}

impl Expression {
    /// That all of these hold; `None` of nothing.
    pub(super) fn all(members: BTreeSet<Self>) -> Option<Self> {
        let flat = |it| match it {
            Self::And(members) => members,
            other => BTreeSet::from([other]),
        };
        Self::one(members.into_iter().flat_map(flat).collect(), Self::And)
    }

    /// That one of these may be chosen; `None` of nothing.
    fn any(members: BTreeSet<Self>) -> Option<Self> {
        let flat = |it| match it {
            Self::Or(members) => members,
            other => BTreeSet::from([other]),
        };
        Self::one(members.into_iter().flat_map(flat).collect(), Self::Or)
    }

    fn one(mut members: BTreeSet<Self>, joined: impl Fn(BTreeSet<Self>) -> Self) -> Option<Self> {
        if members.len() < 2 { members.pop_first() } else { Some(joined(members)) }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (members, word) = match self {
            Self::Licence(name) => return f.write_str(name),
            Self::And(members) => (members, " AND "),
            Self::Or(members) => (members, " OR "),
        };
        for (index, member) in members.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { word })?;
            match member {
                Self::Licence(name) => f.write_str(name)?,
                member => write!(f, "({member})")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<String> {
        let mut name = |name: &str, exception: Option<&str>| match exception {
            None => Some(name.to_owned()),
            Some(exception) => Some(format!("{name} WITH {exception}")),
        };
        Some(Choice::parse(line)?.into_expression(&mut name)?.to_string())
    }

    #[test]
    fn and_is_before_or_unless_there_is_a_comma() {
        for (line, expected) in [
            ("A", "A"),
            ("B and A", "A AND B"),
            ("B or A or B", "A OR B"),
            ("A or B and C", "A OR (B AND C)"),
            ("A or B, and C", "C AND (A OR B)"),
            ("A and B, or C", "C OR (A AND B)"),
            ("A or B, and C, and D and A", "A AND C AND D AND (A OR B)"),
            ("A and B, and C", "A AND B AND C"),
            ("A with X exception and B", "A WITH X AND B"),
            ("A with X Y or B", "A WITH X Y OR B"),
        ] {
            assert_eq!(read(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_as_the_format_has_it_says_nothing() {
        for line in [
            "",
            "A B",
            "A or",
            "and A",
            "A, B",
            "A, and B, or C",
            "A,",
            "A with",
            "A with exception x or",
            "(A or B)",
            "A | B",
            "A and/or B",
            "Permission is hereby granted",
            "A, and",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
