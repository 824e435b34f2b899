//! ASCII armour (RFC 9580, section 6): packets between lines that say what they are. No messages.

use data_encoding::BASE64;

/// What every line that begins or ends a block opens with.
const BEGIN: &str = "-----BEGIN PGP ";

/// Why a text is not armour, or not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmorError {
    /// A line is not what must be there.
    #[error("line {line} {problem}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A block holds something else.
    #[error("line {line} begins a `{got}`, expected a `{expected}`")]
    Kind {
        /// Where it begins, from 1.
        line: usize,
        /// What it says it is.
        got: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The text ends within a block.
    #[error("the text ends within a block")]
    Cut,
    /// What is between two lines is not base64.
    #[error("the block at line {line} is not base64")]
    Base64 {
        /// Where the block begins, from 1.
        line: usize,
    },
    /// A block's checksum is of something else.
    #[error("the block at line {line} has a wrong checksum")]
    Checksum {
        /// Where the block begins, from 1.
        line: usize,
    },
    /// There are several blocks, or none.
    #[error("got {got} blocks, expected one")]
    Count {
        /// How many there are.
        got: usize,
    },
}

/// Whether `text` is meant to be armour.
pub(super) fn is_armored(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

/// What is in the only block of `text`, which says that it is a `PGP {kind}`.
pub(super) fn block(text: &str, kind: &'static str) -> Result<Vec<u8>, ArmorError> {
    match <[Vec<u8>; 1]>::try_from(blocks(text, kind)?) {
        Ok([block]) => Ok(block),
        Err(blocks) => Err(ArmorError::Count { got: blocks.len() }),
    }
}

/// What is in each block of `text`. Between blocks are only empty lines.
pub(super) fn blocks(text: &str, kind: &'static str) -> Result<Vec<Vec<u8>>, ArmorError> {
    let mut lines = (1..).zip(text.lines().map(str::trim_ascii_end));
    let mut blocks = Vec::new();
    while let Some((line, begin)) = lines.next() {
        if begin.is_empty() {
            continue;
        }
        let Some(got) = begin.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix("-----")) else {
            return Err(ArmorError::Line { line, problem: "is outside of a block" });
        };
        if got != kind {
            return Err(ArmorError::Kind { line, got: got.to_owned(), expected: kind });
        }
        headers(&mut lines)?;
        blocks.push(body(line, &mut lines, kind)?);
    }
    Ok(blocks)
}

/// Passes over the headers, which say nothing that counts, and the empty line after them.
fn headers<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<(), ArmorError> {
    for (line, text) in lines {
        if text.is_empty() {
            return Ok(());
        }
        // Empty ones lose the blank after the colon to `trim_ascii_end`.
        if !(text.contains(": ") || text.ends_with(':')) {
            return Err(ArmorError::Line { line, problem: "is neither a header nor empty" });
        }
    }
    Err(ArmorError::Cut)
}

/// The packets of the block that began at line `first`, and nothing after its end.
fn body<'a>(
    first: usize,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    kind: &str,
) -> Result<Vec<u8>, ArmorError> {
    let end = format!("-----END PGP {kind}-----");
    let (mut text, mut checksum) = (String::new(), None);
    for (line, part) in lines {
        if part == end {
            let bytes = BASE64.decode(text.as_bytes()).map_err(|_| ArmorError::Base64 { line: first })?;
            return match checksum {
                Some(sum) if sum != BASE64.encode(&crc24(&bytes)) => {
                    Err(ArmorError::Checksum { line: first })
                }
                _ => Ok(bytes),
            };
        }
        match part.strip_prefix('=') {
            _ if checksum.is_some() => {
                return Err(ArmorError::Line {
                    line,
                    problem: "is between the checksum and the end of a block",
                });
            }
            // Of a quantum that is padded, a line of padding only could be the rest.
            Some(sum) if sum.len() == 4 => checksum = Some(sum.to_owned()),
            _ => text.push_str(part),
        }
    }
    Err(ArmorError::Cut)
}

/// The checksum of RFC 9580, section 6.1. It keeps from accidents, not from anybody: signatures do that.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    const INITIAL: u32 = 0x00B7_04CE;
    const GENERATOR: u32 = 0x0086_4CFB;
    let sum = bytes.iter().fold(INITIAL, |sum, &byte| {
        (0..8).fold(sum ^ (u32::from(byte) << 16), |sum, _| {
            let sum = sum << 1;
            if sum & 0x0100_0000 == 0 { sum } else { sum ^ (GENERATOR | 0x0100_0000) }
        })
    });
    let [_, high, middle, low] = sum.to_be_bytes();
    [high, middle, low]
}

#[cfg(test)]
mod tests {
    use super::{ArmorError, blocks, crc24};

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        assert_eq!(crc24(b""), [0xB7, 0x04, 0xCE]);
        assert_eq!(crc24(b"123456789"), [0x21, 0xCF, 0x02]); // CRC-24/OPENPGP in the catalogue of CRCs
    }

    #[test]
    fn a_text_holds_blocks_and_nothing_else() {
        let cases = [
            ("", Ok(vec![])),
            ("-----BEGIN PGP X-----\n\nAAEC\n-----END PGP X-----\n", Ok(vec![vec![0, 1, 2]])),
            (
                "-----BEGIN PGP X-----\r\nVersion: 1\r\nComment:\r\n\r\nAAEC\r\n-----END PGP X-----",
                Ok(vec![vec![0, 1, 2]]),
            ),
            (
                "-----BEGIN PGP X-----\n\nAA\nEC\n-----END PGP X-----\n\n-----BEGIN PGP X-----\n\n-----END PGP X-----\n",
                Ok(vec![vec![0, 1, 2], vec![]]),
            ),
            ("\n-----BEGIN PGP Y-----\n", Err("line 2 begins a `Y`, expected a `X`")),
            (
                "-----BEGIN PGP X-----\nAAEC\n\n-----END PGP X-----\n",
                Err("line 2 is neither a header nor empty"),
            ),
            ("-----BEGIN PGP X-----\n\nAAE\n-----END PGP X-----\n", Err("the block at line 1 is not base64")),
            (
                "-----BEGIN PGP X-----\n\nAAEC\n=AAAA\n-----END PGP X-----\n",
                Err("the block at line 1 has a wrong checksum"),
            ),
            (
                "-----BEGIN PGP X-----\n\nAAEC\n=AAAA\nAAEC\n-----END PGP X-----\n",
                Err("line 5 is between the checksum and the end of a block"),
            ),
            (
                "-----BEGIN PGP X-----\n\nAAEC\n-----END PGP X-----\nAAEC\n",
                Err("line 5 is outside of a block"),
            ),
            ("-----BEGIN PGP X-----\n\nAAEC\n", Err("the text ends within a block")),
            ("-----BEGIN PGP X-----\nVersion: 1", Err("the text ends within a block")),
        ];
        for (text, expected) in cases {
            let got = blocks(text, "X").map_err(|error: ArmorError| error.to_string());
            assert_eq!(got, expected.map_err(str::to_owned), "{text}");
        }
    }
}
