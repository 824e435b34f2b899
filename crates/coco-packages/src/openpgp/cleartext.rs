//! The frame of a clear-signed message (RFC 9580, section 7): its text and signatures, unverified.
//!
//! The message is the whole file: text before or after it would look signed and is not, so it is an error.

use super::armor;
use super::error::SignatureError;

/// The line that begins it.
const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";

/// The line after what was signed.
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// What is in a message; nothing is verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// What the signatures are of: its lines end in a line feed, but for the last.
    pub(super) text: String,
    /// The packets of the signatures.
    pub(super) signatures: Vec<u8>,
}

/// Takes a message apart.
pub(super) fn parse(bytes: &[u8]) -> Result<Message, SignatureError> {
    let message = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        wrong(before.split(|&byte| byte == b'\n').count(), "is not UTF-8")
    })?;
    let mut lines = Lines { line: 0, rest: message };
    if lines.next()? != BEGIN {
        return Err(wrong(1, "does not begin a signed message"));
    }
    headers(&mut lines)?;
    let (text, signatures) = signed(&mut lines)?;
    Ok(Message { text, signatures: armor::block(signatures, "SIGNATURE")? })
}

/// Passes over the headers and the empty line after them. Signatures name their digests themselves.
fn headers(lines: &mut Lines<'_>) -> Result<(), SignatureError> {
    loop {
        match lines.next()? {
            "" => return Ok(()),
            header if header.starts_with("Hash: ") => {}
            _ => return Err(wrong(lines.line, "is neither a `Hash` header nor empty")),
        }
    }
}

/// What was signed, and the text of the signatures, which begins with its first line.
fn signed<'a>(lines: &mut Lines<'a>) -> Result<(String, &'a str), SignatureError> {
    let mut text = String::with_capacity(lines.rest.len());
    let mut first = true;
    loop {
        let signatures = lines.rest;
        let line = lines.next()?;
        if line == SIGNATURE {
            return Ok((text, signatures));
        }
        let line = match line.strip_prefix('-') {
            None => line,
            Some(escaped) => escaped
                .strip_prefix(' ')
                .ok_or_else(|| wrong(lines.line, "begins with a dash that is not escaped"))?,
        };
        if line.contains('\r') {
            return Err(wrong(lines.line, "has a carriage return in it"));
        }
        if !first {
            text.push('\n');
        }
        first = false;
        text.push_str(line.trim_end_matches([' ', '\t']));
    }
}

/// Lines of a text, without their ends: a line feed, or a carriage return and one.
struct Lines<'a> {
    /// The number of the last, from 1.
    line: usize,
    /// What is after it.
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, SignatureError> {
        self.line += 1;
        if self.rest.is_empty() {
            return Err(wrong(self.line, "is not there: the message ends before its signature"));
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }
}

fn wrong(line: usize, problem: &'static str) -> SignatureError {
    SignatureError::Framing { line, problem }
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// A message of `body` with a signature of no packets.
    fn message(body: &str) -> String {
        let signature = "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n";
        format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{body}{signature}")
    }

    #[test]
    fn the_text_is_what_the_signature_covers() {
        let cases = [
            ("", ""),
            ("\n", ""),
            ("a\n", "a"),
            ("a\n\n", "a\n"),
            ("\na\n", "\na"),
            ("a \t\nb \r\n", "a\nb"),
            ("- -----BEGIN PGP SIGNATURE-----\n- From me\n", "-----BEGIN PGP SIGNATURE-----\nFrom me"),
            ("- \n- - a\n", "\n- a"),
        ];
        for (body, text) in cases {
            assert_eq!(parse(message(body).as_bytes()).unwrap().text, text, "{body:?}");
        }
    }

    #[test]
    fn a_message_is_the_whole_file() {
        let good = message("a\n");
        let cases = [
            (String::new(), "line 1 is not there: the message ends before its signature"),
            (format!("b\n{good}"), "line 1 does not begin a signed message"),
            (format!("\n{good}"), "line 1 does not begin a signed message"),
            (format!("{good}b\n"), "the signature's armour: line 4 is outside of a block"),
            (
                format!("{good}{good}"),
                "the signature's armour: line 4 begins a `SIGNED MESSAGE`, expected a `SIGNATURE`",
            ),
            (good.replace("Hash: SHA512", "Charset: UTF-8"), "line 2 is neither a `Hash` header nor empty"),
            (message("a\n-b\n"), "line 5 begins with a dash that is not escaped"),
            (message("a\n-----BEGIN PGP SIGNATURE----- \n"), "line 5 begins with a dash that is not escaped"),
            (message("a\rb\n"), "line 4 has a carriage return in it"),
            (message("a"), "line 6 begins with a dash that is not escaped"),
            (good[..51].to_owned(), "line 5 is not there: the message ends before its signature"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, expected, "{text}");
        }
        assert_eq!(parse(b"a\n\xFF").unwrap_err().to_string(), "line 2 is not UTF-8");
    }
}
