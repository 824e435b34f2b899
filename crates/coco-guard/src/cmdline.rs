//! Splits the kernel's command line into words, as the kernel does. Does not judge them.
//!
//! The rules are those of `next_arg` in the kernel's `lib/cmdline.c`: words end at white space outside
//! of double quotes; a quote cannot be escaped; the first `=` that is not the first byte ends the
//! name; quotes around a whole word, or around a whole value, are not part of it. They are stable
//! since Linux 2.6; the last correction, of a quoted word without `=`, is of 2021 (5.15).

/// One word of a command line, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'line> {
    /// The word as it stands in the line, with its quotes.
    pub raw: &'line str,
    /// What is before the `=`, or all of it; without a quote at its start.
    pub name: &'line str,
    /// What is after the `=`, without the quotes around it.
    pub value: Option<&'line str>,
}

/// The words of a command line, in their order.
pub fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (raw, after) = rest.split_at(end_of_word(rest));
        words.push(Word::of(raw));
        rest = after.trim_start_matches(is_space);
    }
    words
}

impl<'line> Word<'line> {
    /// Whether every reader takes these bytes for one and the same word.
    ///
    /// The kernel knows double quotes, systemd also single ones and the backslash, and kata-agent
    /// none at all: it splits at every space. A word with any of these means different things to them.
    pub fn is_plain(&self) -> bool {
        self.raw.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'))
    }

    fn of(raw: &'line str) -> Word<'line> {
        let inner = raw.strip_prefix('"');
        let quoted = inner.is_some();
        let text = inner.unwrap_or(raw);
        let equals = text.char_indices().skip(1).find(|(_, char)| *char == '=').map(|(at, _)| at);
        let Some((name, after)) = equals.and_then(|at| text.split_at_checked(at)) else {
            let name = if quoted { without_closing_quote(text) } else { text };
            return Word { raw, name, value: None };
        };
        let value = after.strip_prefix('=').unwrap_or(after);
        let value = match value.strip_prefix('"') {
            Some(value) => without_closing_quote(value),
            None if quoted => without_closing_quote(value),
            None => value,
        };
        Word { raw, name, value: Some(value) }
    }
}

/// What the kernel's `isspace` takes for white space, within ASCII.
///
/// Beyond ASCII it also takes the byte 0xa0, which here can only be part of a longer character. Such
/// a word is never allowed.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

fn end_of_word(text: &str) -> usize {
    let mut in_quotes = false;
    for (at, char) in text.char_indices() {
        if is_space(char) && !in_quotes {
            return at;
        }
        if char == '"' {
            in_quotes = !in_quotes;
        }
    }
    text.len()
}

fn without_closing_quote(text: &str) -> &str {
    text.strip_suffix('"').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word as `name` or `name -> value`, joined by `; `.
    fn split(line: &str) -> String {
        let word = |word: &Word<'_>| match word.value {
            Some(value) => format!("{} -> {value}", word.name),
            None => word.name.to_owned(),
        };
        words(line).iter().map(word).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn words_are_split_as_the_kernel_splits_them() {
        let cases = [
            ("", ""),
            (" \t\n", ""),
            ("quiet panic=1\n", "quiet; panic -> 1"),
            ("a\x0bb\x0cc\rd", "a; b; c; d"),
            ("a=b=c", "a -> b=c"),
            ("a=", "a -> "),
            ("=a", "=a"),
            ("==a", "= -> a"),
            (r#"a="b c" d"#, "a -> b c; d"),
            (r#""a=b c" d"#, "a -> b c; d"),
            (r#""a b" c"#, "a b; c"),
            (r#"a=b" c" d"#, r#"a -> b" c"; d"#),
            (r#"a=b" c"#, r#"a -> b" c"#),
            (r#"a=""#, "a -> "),
            (r#"a=""x"#, r#"a -> "x"#),
            (r#""a="b c"#, "a -> b; c"),
            (r#"a"b c"=d"#, r#"a"b c" -> d"#),
            ("a='b c'", "a -> 'b; c'"),
            (r"a=b\ c", r"a -> b\; c"),
            ("é=ü", "é -> ü"),
        ];
        for (line, expected) in cases {
            assert_eq!(split(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_raw_words_are_the_line() {
        let line = r#"dm-mod.create="dm-verity,,,ro,0 8 verity" "a b" =x"#;
        let raw: Vec<_> = words(line).iter().map(|word| word.raw).collect();
        assert_eq!(raw.join(" "), line);
    }

    #[test]
    fn a_word_that_two_readers_split_differently_is_not_plain() {
        for line in [r#"a="b""#, "a='b'", r"a=\x41", "a=\u{a0}", "a=\x07"] {
            assert!(!words(line).first().unwrap().is_plain(), "{line:?}");
        }
        assert!(words("console=ttyS0,115200n8").first().unwrap().is_plain());
    }
}
