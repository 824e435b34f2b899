//! Stanzas: fields with values, as all control files of Debian have them (`deb822(5)`, Debian Policy 5.1).
//!
//! What the fields mean is not known here. Comments are not taken: only sources of packages have them.

/// Longest line in bytes: thirteen times the longest one of Debian 12.
const LINE_MAX: usize = 1 << 20;

/// Most fields of one stanza: ten times what Debian 12 has.
const FIELDS_MAX: usize = 256;

/// Longest text of a file in a message, in characters.
const SHOWN_MAX: usize = 80;

/// A stanza.
#[derive(Debug, Clone)]
pub struct Stanza<'t> {
    /// Its first line, from 1.
    pub line: usize,
    fields: Vec<Field<'t>>,
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub struct Field<'t> {
    /// Its name, as it is written; letters count the same in both cases.
    pub name: &'t str,
    /// All lines of its value: the first without blanks at its ends, the others as they are.
    pub value: &'t str,
}

/// A text that is not made of stanzas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StanzaError {
    /// Neither a field, nor the continuation of one, nor empty.
    #[error("line {line}: got `{got}`, expected a field `Name: value`")]
    NoField {
        /// Line, from 1.
        line: usize,
        /// Its start.
        got: String,
    },
    /// A field is there twice: which one is meant is not known.
    #[error("line {line}: field {name} is there twice")]
    Repeated {
        /// Line, from 1.
        line: usize,
        /// The field's name.
        name: String,
    },
    /// A line only of blanks: some take it for the end of a stanza, some for a part of it.
    #[error("line {line}: only blanks")]
    Blank {
        /// Line, from 1.
        line: usize,
    },
    /// A line is too long.
    #[error("line {line}: {got} bytes, over {LINE_MAX}")]
    Long {
        /// Line, from 1.
        line: usize,
        /// Its length in bytes.
        got: usize,
    },
    /// Too many fields.
    #[error("line {line}: the stanza has over {FIELDS_MAX} fields")]
    Fields {
        /// Line, from 1.
        line: usize,
    },
    /// There should be one stanza.
    #[error("got {got} stanzas, expected 1")]
    Count {
        /// How many there are.
        got: usize,
    },
}

impl<'t> Stanza<'t> {
    /// The only stanza of `text`.
    pub fn only(text: &'t str) -> Result<Self, StanzaError> {
        let mut found = stanzas(text).collect::<Result<Vec<_>, _>>()?;
        match (found.pop(), found.len()) {
            (Some(stanza), 0) => Ok(stanza),
            (last, others) => Err(StanzaError::Count { got: others + usize::from(last.is_some()) }),
        }
    }

    /// The value of the field of this name, if it is there.
    pub fn get(&self, name: &str) -> Option<&'t str> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Its fields, in their order.
    pub fn fields(&self) -> &[Field<'t>] {
        &self.fields
    }
}

/// The stanzas of `text`; nothing comes after an error.
pub fn stanzas(text: &str) -> Stanzas<'_> {
    Stanzas { text, at: 0, line: 0 }
}

/// The stanzas of a text.
#[derive(Debug)]
pub struct Stanzas<'t> {
    text: &'t str,
    /// Where the next line starts.
    at: usize,
    /// Lines that have been read.
    line: usize,
}

impl<'t> Iterator for Stanzas<'t> {
    type Item = Result<Stanza<'t>, StanzaError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            self.at = self.text.len();
        }
        read.transpose()
    }
}

impl<'t> Stanzas<'t> {
    fn read(&mut self) -> Result<Option<Stanza<'t>>, StanzaError> {
        let mut stanza = Stanza { line: 0, fields: Vec::with_capacity(24) };
        let mut value_at = 0;
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if stanza.fields.is_empty() {
                    continue;
                }
                break;
            }
            if line.starts_with([' ', '\t']) {
                if line.trim_ascii().is_empty() {
                    return Err(StanzaError::Blank { line: self.line });
                }
                let Some(field) = stanza.fields.last_mut() else { return Err(self.no_field(line)) };
                field.value = self.text.get(value_at..self.at).unwrap_or_default().trim_ascii_end();
            } else {
                let field = field(line).ok_or_else(|| self.no_field(line))?;
                if stanza.get(field.name).is_some() {
                    return Err(StanzaError::Repeated { line: self.line, name: shown(field.name) });
                }
                match stanza.fields.len() {
                    0 => stanza.line = self.line,
                    FIELDS_MAX => return Err(StanzaError::Fields { line: self.line }),
                    _ => {}
                }
                value_at = self.start_of(line) + (line.len() - field.value.len());
                stanza.fields.push(Field { value: field.value.trim_ascii_end(), ..field });
            }
        }
        Ok((!stanza.fields.is_empty()).then_some(stanza))
    }

    /// The next line without its end.
    fn next_line(&mut self) -> Result<Option<&'t str>, StanzaError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let end = memchr::memchr(b'\n', rest.as_bytes());
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += end.map_or(rest.len(), |end| end + 1);
        self.line += 1;
        match line.len() {
            got if got > LINE_MAX => Err(StanzaError::Long { line: self.line, got }),
            _ => Ok(Some(line)),
        }
    }

    /// Where the line starts that was just read.
    fn start_of(&self, line: &str) -> usize {
        let has_end = self.text.as_bytes().get(self.at.wrapping_sub(1)) == Some(&b'\n');
        self.at - line.len() - usize::from(has_end)
    }

    fn no_field(&self, line: &str) -> StanzaError {
        StanzaError::NoField { line: self.line, got: shown(line) }
    }
}

/// A line as a field; its value starts where the blanks after the colon end, and goes to the end of the line.
fn field(line: &str) -> Option<Field<'_>> {
    let (name, value) = line.split_once(':')?;
    let is_name = !name.starts_with('-') && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    (is_name && !name.is_empty()).then(|| Field { name, value: value.trim_ascii_start() })
}

/// The start of a text that may be anything, for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<(&str, &str)>>, String> {
        let all = stanzas(text).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(all.iter().map(|it| it.fields().iter().map(|it| (it.name, it.value)).collect()).collect())
    }

    #[test]
    fn stanzas_are_fields_between_empty_lines() {
        let text = "\n\nPackage: a\nSize:\t1 \n\n\nPackage:b\nTag:";
        let expected = vec![vec![("Package", "a"), ("Size", "1")], vec![("Package", "b"), ("Tag", "")]];
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read("\n\n"), Ok(vec![]));
    }

    #[test]
    fn a_value_goes_on_in_lines_with_a_blank_first() {
        let text = "Description: short\n long\n .\n end \nSHA256:\n 00 1 a\n 01 2 b";
        let expected = vec![("Description", "short\n long\n .\n end"), ("SHA256", "\n 00 1 a\n 01 2 b")];
        assert_eq!(read(text), Ok(vec![expected]));
    }

    #[test]
    fn letters_of_a_name_count_the_same_in_both_cases() {
        let stanza = Stanza::only("\n\npackage: a\n").unwrap();
        assert_eq!((stanza.line, stanza.get("Package"), stanza.get("Version")), (3, Some("a"), None));
    }

    #[test]
    fn what_is_no_stanza_is_told_by_its_line() {
        let long = format!("A: {}", "x".repeat(LINE_MAX));
        let many: Vec<String> = (0..257).map(|number| format!("F{number}: x")).collect();
        for (text, expected) in [
            ("A: b\nnonsense\n", "line 2: got `nonsense`, expected a field `Name: value`"),
            ("# A: b\n", "line 1: got `# A: b`, expected a field `Name: value`"),
            (": b\n", "line 1: got `: b`, expected a field `Name: value`"),
            ("-A: b\n", "line 1: got `-A: b`, expected a field `Name: value`"),
            ("\n a\n", "line 2: got ` a`, expected a field `Name: value`"),
            ("A: b\nC: d\na: e\n", "line 3: field a is there twice"),
            ("A: b\n \t\nC: d\n", "line 2: only blanks"),
            (&long, "line 1: 1048579 bytes, over 1048576"),
            (&many.join("\n"), "line 257: the stanza has over 256 fields"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()));
        }
        assert_eq!(Stanza::only("A: b\n\nA: c").unwrap_err().to_string(), "got 2 stanzas, expected 1");
        assert_eq!(Stanza::only("\n").unwrap_err().to_string(), "got 0 stanzas, expected 1");
    }

    proptest! {
        #[test]
        fn what_is_read_is_in_the_text(text in "([A-C]: ?[a-c \n\t]{0,4}\n?| [a-c]\n|\n|é|:){0,12}") {
            for stanza in stanzas(&text).map_while(Result::ok) {
                for field in stanza.fields() {
                    prop_assert!(text.contains(field.name) && text.contains(field.value));
                }
            }
        }
    }
}
