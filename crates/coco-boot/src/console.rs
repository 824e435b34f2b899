//! Bytes of a console to lines, each with the time it came. Understands none of them.

use std::time::Duration;

/// The longest line that is kept, in bytes. A guest that writes longer ones gets its lines broken.
const LONGEST: usize = 4096;

/// A line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When its last byte came, from the start of the machine.
    pub at: Duration,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// What has come of the line that is not yet at its end.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes that came `at` that time, and returns the lines they end.
    pub fn feed(&mut self, at: Duration, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.0.push(byte);
            }
            if byte == b'\n' || self.0.len() == LONGEST {
                lines.extend(self.end(at));
            }
        }
        lines
    }

    /// The last line, if it had no end. Empty lines are none.
    pub fn end(&mut self, at: Duration) -> Option<Line> {
        let bytes = std::mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned();
        (!text.is_empty()).then_some(Line { at, text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_line_ends_where_the_console_ends_it() {
        let mut lines = Lines::default();
        assert_eq!(
            lines.feed(Duration::ZERO, b"one\r\n\r\ntw"),
            [Line { at: Duration::ZERO, text: "one".into() }]
        );
        assert_eq!(texts(lines.feed(Duration::from_secs(1), b"o\n")), ["two"]);
        assert_eq!(lines.end(Duration::ZERO), None);
    }

    #[test]
    fn a_line_without_end_is_broken() {
        let mut lines = Lines::default();
        let lines = lines.feed(Duration::ZERO, &vec![b'x'; 2 * LONGEST + 1]);
        assert_eq!(lines.iter().map(|line| line.text.len()).collect::<Vec<_>>(), [LONGEST, LONGEST]);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(bytes: Vec<u8>, cut: prop::sample::Index) {
            let (mut whole, mut parts) = (Lines::default(), Lines::default());
            let mut expected = whole.feed(Duration::ZERO, &bytes);
            expected.extend(whole.end(Duration::ZERO));
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut got = parts.feed(Duration::ZERO, first);
            got.extend(parts.feed(Duration::ZERO, second));
            got.extend(parts.end(Duration::ZERO));
            prop_assert_eq!(got, expected);
        }
    }
}
