//! A YAML document as a tree with places. Aliases stay aliases: nothing is expanded or resolved.

/// One value with its place in the text.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where the value begins, in bytes; the header for `|` and `>`.
    pub(crate) start: usize,
    /// Where it ends, in bytes: behind the last character that is of the value.
    pub(crate) end: usize,
    pub(crate) place: Place,
    /// Whether other places of the document may refer to it.
    pub(crate) anchor: Option<usize>,
    pub(crate) tag: Option<String>,
    pub(crate) content: Content,
}

/// Line and column in characters, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Scalar { text: String, style: Style },
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, layout: Layout },
    Alias(usize),
}

/// A key with its value. Keys are scalars.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Its type is up to the reader: a string, a number, a boolean or null.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// `|` or `>`.
    Block,
}

/// How a mapping is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By indentation.
    Block,
    /// In braces.
    Flow,
}

/// What Kubernetes' reader takes a plain scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    String,
}

impl Node {
    /// The text, if this is a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The type Kubernetes sees, if this is a scalar.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.content {
            Content::Scalar { text, style: Style::Plain } => Some(kind(text)),
            Content::Scalar { .. } => Some(Kind::String),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.kind() == Some(Kind::Null)
    }

    /// Whether there is no character of it: `key:` with nothing behind.
    pub(crate) fn is_absent(&self) -> bool {
        self.is_null() && self.start == self.end
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The entry of this key, if this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key.text() == Some(key))
    }

    /// What it is, in a word for messages.
    pub(crate) fn word(&self) -> &'static str {
        match (&self.content, self.kind()) {
            (Content::Sequence(_), _) => "a list",
            (Content::Mapping { .. }, _) => "a mapping",
            (Content::Alias(_), _) => "an alias",
            (_, Some(Kind::Null)) => "nothing",
            (_, Some(Kind::Boolean)) => "a boolean",
            (_, Some(Kind::Number)) => "a number",
            (Content::Scalar { .. }, _) => "a string",
        }
    }

    /// Whether both mean the same, wherever they are written. Mappings keep their order.
    pub(crate) fn means(&self, other: &Self) -> bool {
        let same = match (&self.content, &other.content) {
            (Content::Scalar { text: a, .. }, Content::Scalar { text: b, .. }) => {
                a == b && self.kind() == other.kind()
            }
            (Content::Sequence(a), Content::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.means(b))
            }
            (Content::Mapping { entries: a, .. }, Content::Mapping { entries: b, .. }) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| a.key.means(&b.key) && a.value.means(&b.value))
            }
            (Content::Alias(a), Content::Alias(b)) => a == b,
            _ => false,
        };
        same && self.anchor == other.anchor && self.tag == other.tag
    }
}

/// The type of a plain scalar for Kubernetes' reader, which follows YAML 1.1 (`sigs.k8s.io/yaml`,
/// `goyaml.v2/resolve.go`).
fn kind(text: &str) -> Kind {
    const BOOLEANS: &[&str] = &["y", "yes", "true", "on", "n", "no", "false", "off"];
    let has_case = |text: &str| {
        let rest = text.get(1..).unwrap_or_default();
        let is_one_case = rest.chars().all(|c| c.is_ascii_lowercase());
        is_one_case || text.chars().all(|c| c.is_ascii_uppercase())
    };
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" => Kind::Null,
        "null" if has_case(text) => Kind::Null,
        word if BOOLEANS.contains(&word) && has_case(text) => Kind::Boolean,
        word if is_number(word) => Kind::Number,
        _ => Kind::String,
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    let has_radix = |prefix: &str, radix: u32| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    let is_decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-'))
        && digits.parse::<f64>().is_ok_and(f64::is_finite);
    let is_special = unsigned == ".inf" || text == ".nan";
    is_decimal || is_special || has_radix("0x", 16) || has_radix("0o", 8) || has_radix("0b", 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_what_kubernetes_takes_them_for() {
        let table: &[(&str, Kind)] = &[
            ("", Kind::Null),
            ("~", Kind::Null),
            ("Null", Kind::Null),
            ("nULL", Kind::String),
            ("yes", Kind::Boolean),
            ("OFF", Kind::Boolean),
            ("tRUE", Kind::String),
            ("0", Kind::Number),
            ("-1_000", Kind::Number),
            ("0x1F", Kind::Number),
            ("0b2", Kind::String),
            ("1e3", Kind::Number),
            (".5", Kind::Number),
            ("-.inf", Kind::Number),
            (".NaN", Kind::Number),
            ("1.2.3", Kind::String),
            (".", Kind::String),
            ("-", Kind::String),
            ("--probe", Kind::String),
            ("inf", Kind::String),
            ("/bin/sh", Kind::String),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), *expected, "{text}");
        }
    }
}
