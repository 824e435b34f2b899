//! What a plan may allow: a whole word, or a name with any plain value. Nothing else matches.

use std::fmt;
use std::str::FromStr;

use crate::cmdline::{Word, words};
use crate::forbidden::{Forbidden, Rule, forbidden};

/// A word, or the words, a plan allows. Written as the word, or as `name=*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This word, byte for byte, quotes included.
    Exact(ExactWord),
    /// The words with this name, and any value that needs no quotes: [`Word::is_plain`].
    AnyValue(Name),
}

/// A word that was checked by [`Pattern::from_str`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactWord(String);

/// A name that was checked by [`Pattern::from_str`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is empty, or the kernel would take it for several words.
    #[error("not one word of a command line: `{}`", .0.escape_default())]
    NotOneWord(String),
    /// Only printable ASCII means the same to all who read a command line.
    #[error("not printable ASCII: `{}`", .0.escape_default())]
    NotPrintable(String),
    /// `*` stands for a whole value and for nothing else.
    #[error("`*` may only be the whole value, as in `name=*`: `{0}`")]
    Star(String),
    /// It would allow what no plan may.
    #[error("`{pattern}` may not be allowed: `{name}` {reason}")]
    Forbidden {
        /// The pattern.
        pattern: String,
        /// The forbidden name in it.
        name: String,
        /// What it would open.
        reason: &'static str,
    },
    /// It would allow any value where only some may be.
    #[error("`{name}=*` may not be allowed, only `{name}=` with one value: `{name}` {reason}")]
    TooWide {
        /// The name.
        name: String,
        /// What some of its values open.
        reason: &'static str,
    },
}

impl Pattern {
    /// Whether it allows this word.
    ///
    /// Names are compared byte for byte, without the folding of [`forbidden`]: what is allowed is
    /// spelled as it is written.
    pub fn allows(&self, word: &Word<'_>) -> bool {
        match self {
            Pattern::Exact(ExactWord(exact)) => word.raw == exact,
            Pattern::AnyValue(Name(name)) => word.name == name && word.value.is_some() && word.is_plain(),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let words = words(text);
        let [word] = words.as_slice() else {
            return Err(PatternError::NotOneWord(text.to_owned()));
        };
        if word.raw != text {
            return Err(PatternError::NotOneWord(text.to_owned()));
        }
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(PatternError::NotPrintable(text.to_owned()));
        }
        if text.contains('*') { any_value(word) } else { exact(word) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(ExactWord(word)) => out.write_str(word),
            Pattern::AnyValue(Name(name)) => write!(out, "{name}=*"),
        }
    }
}

/// By the bytes of the pattern as it is written, which is the order of the list in a plan.
impl Ord for Pattern {
    fn cmp(&self, other: &Pattern) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Pattern) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The forbidden word within `word`, by its name, for any of its readers.
///
/// kata-agent splits at every space and systemd drops single quotes and backslashes, so each part
/// between spaces is looked at too, without any of those.
pub(crate) fn forbidden_in(word: &Word<'_>) -> Option<(String, &'static Forbidden)> {
    if let Some(row) = forbidden(word.name).filter(|row| row.refuses(word.value)) {
        return Some((word.name.to_owned(), row));
    }
    word.raw.split_ascii_whitespace().find_map(|part| {
        let part = part.replace(['"', '\'', '\\'], "");
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part.as_str(), None),
        };
        forbidden(name).filter(|row| row.refuses(value)).map(|row| (name.to_owned(), row))
    })
}

fn any_value(word: &Word<'_>) -> Result<Pattern, PatternError> {
    let name = match word.raw.strip_suffix("=*") {
        Some(name) if !name.contains(['*', '=']) && !name.is_empty() && word.is_plain() => name,
        _ => return Err(PatternError::Star(word.raw.to_owned())),
    };
    match forbidden(name) {
        None => Ok(Pattern::AnyValue(Name(name.to_owned()))),
        Some(Forbidden { rule: Rule::Never, reason, .. }) => {
            Err(PatternError::Forbidden { pattern: word.raw.to_owned(), name: name.to_owned(), reason })
        }
        Some(Forbidden { rule: Rule::ExactOnly { .. }, reason, .. }) => {
            Err(PatternError::TooWide { name: name.to_owned(), reason })
        }
    }
}

fn exact(word: &Word<'_>) -> Result<Pattern, PatternError> {
    match forbidden_in(word) {
        None => Ok(Pattern::Exact(ExactWord(word.raw.to_owned()))),
        Some((name, row)) => {
            Err(PatternError::Forbidden { pattern: word.raw.to_owned(), name, reason: row.reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, word: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().allows(words(word).first().unwrap())
    }

    #[test]
    fn a_pattern_allows_its_word_or_its_name_and_nothing_else() {
        let cases = [
            ("quiet", "quiet", true),
            ("quiet", "quiet=1", false),
            ("quiet", "quieter", false),
            ("nr_cpus", "nr_cpus=4", false),
            ("nr_cpus=*", "nr_cpus=4", true),
            ("nr_cpus=*", "nr_cpus=", true),
            ("nr_cpus=*", "nr_cpus", false),
            ("nr_cpus=*", "nr-cpus=4", false),
            ("nr_cpus=*", "nr_cpus2=4", false),
            ("nr_cpus=*", r#"nr_cpus="4 agent.debug_console""#, false),
            ("nr_cpus=*", r"nr_cpus=\4", false),
            ("nr_cpus=*", "nr_cpus=4\u{a0}x", false),
            ("console=hvc0", "console=hvc0", true),
            ("console=hvc0", r#"console="hvc0""#, false),
            (r#"dm-mod.create="a b""#, r#"dm-mod.create="a b""#, true),
            ("systemd.unit=kata-containers.target", "systemd.unit=kata-containers.target", true),
            ("agent.log=info", "agent.log=info", true),
        ];
        for (pattern, word, expected) in cases {
            assert_eq!(allows(pattern, word), expected, "{pattern} {word}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_written() {
        for text in ["quiet", "console=hvc0", "nr_cpus=*", r#"dm-mod.create="a b""#] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused_with_its_reason() {
        let star = "`*` may only be the whole value, as in `name=*`: ";
        let cases = [
            ("", "not one word of a command line: ``".to_owned()),
            ("a b", "not one word of a command line: `a b`".to_owned()),
            (" a", "not one word of a command line: ` a`".to_owned()),
            ("ä=1", r"not printable ASCII: `\u{e4}=1`".to_owned()),
            ("*", format!("{star}`*`")),
            ("agent.*", format!("{star}`agent.*`")),
            ("console=hvc*", format!("{star}`console=hvc*`")),
            ("a=b=*", format!("{star}`a=b=*`")),
            ("=*", format!("{star}`=*`")),
            ("'a'=*", format!("{star}`'a'=*`")),
            (
                "systemd.unit=*",
                "`systemd.unit=*` may not be allowed, only `systemd.unit=` with one value: \
                 `systemd.unit` chooses what systemd starts"
                    .to_owned(),
            ),
            (
                "agent.log=trace",
                "`agent.log=trace` may not be allowed: `agent.log` writes requests to the log".to_owned(),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Pattern>().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn no_pattern_opens_a_forbidden_name() {
        let texts = [
            "agent.config_file=*",
            "agent.config-file=/dev/vda",
            "agent.debug_console_vport=1026",
            "KATA_AGENT_POLICY_FILE=*",
            "systemd.mask=*",
            "systemd.unit=rescue.target",
            "rd.systemd.debug-shell",
            "--",
            "-c",
            "sysctl.kernel.core_pattern=|/bin/sh",
            r#"dm-mod.create="x agent.config_file=/dev/vda""#,
            r#"a=b'"c' systemd'.'run=/bin/sh d="e""#,
        ];
        for text in texts {
            let error = text.parse::<Pattern>().unwrap_err();
            let refused = matches!(error, PatternError::Forbidden { .. } | PatternError::TooWide { .. });
            assert!(refused, "{text}: {error}");
        }
    }
}
