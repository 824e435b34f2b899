//! The grammar of `WWW-Authenticate`: lists of schemes, each with a token or with parameters.
//!
//! The comma stands between parameters and between challenges alike, so a name is a parameter's if `=` and a
//! value follow it, and else the next scheme (RFC 9110, section 11.6.1).

/// A challenge as it is written; names in lower case, since theirs does not matter.
pub(super) struct RawChallenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl RawChallenge {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a header's value; `None` if it is not of the grammar, or names a parameter twice.
pub(super) fn challenges(header: &str) -> Option<Vec<RawChallenge>> {
    let mut rest = Rest(header);
    let mut all: Vec<RawChallenge> = Vec::new();
    loop {
        rest.skip(&[' ', '\t', ',']);
        if rest.0.is_empty() {
            return Some(all);
        }
        let name = rest.token()?.to_ascii_lowercase();
        if rest.takes_equals_sign() {
            let value = rest.value()?;
            let challenge = all.last_mut()?;
            if challenge.parameter(&name).is_some() {
                return None;
            }
            challenge.parameters.push((name, value));
        } else {
            all.push(RawChallenge { scheme: name, parameters: Vec::new() });
            rest.skip_token68();
            continue;
        }
        // Behind a parameter comes a comma, or nothing.
        rest.skip(&[' ', '\t']);
        if !rest.0.is_empty() && !rest.0.starts_with(',') {
            return None;
        }
    }
}

/// What is still to be read.
struct Rest<'h>(&'h str);

impl<'h> Rest<'h> {
    fn skip(&mut self, what: &[char]) {
        self.0 = self.0.trim_start_matches(what);
    }

    /// One or more characters of a token (RFC 9110, section 5.6.2).
    fn token(&mut self) -> Option<&'h str> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Reads `=` with the blanks around it, if that is what comes next.
    fn takes_equals_sign(&mut self) -> bool {
        let blanks = [' ', '\t'];
        let value = self.0.trim_start_matches(blanks).strip_prefix('=');
        value.inspect(|value| self.0 = value.trim_start_matches(blanks)).is_some()
    }

    /// A parameter's value: a token or a quoted string.
    fn value(&mut self) -> Option<String> {
        match self.0.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted),
            None => self.token().map(str::to_owned),
        }
    }

    /// A quoted string, its first quote read (RFC 9110, section 5.6.4).
    fn quoted(&mut self, text: &'h str) -> Option<String> {
        let mut value = String::new();
        let mut characters = text.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = text.get(at + 1..)?;
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    /// A token68 behind a scheme, such as `oYIB+a==`: one word that no `=` and value follow.
    fn skip_token68(&mut self) {
        let text = self.0.trim_start_matches([' ', '\t']);
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let Some((word, rest)) = text.split_at_checked(end) else { return };
        let bare = word.trim_end_matches('=');
        let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let is_last = matches!(rest.trim_start_matches([' ', '\t']).chars().next(), None | Some(','));
        if !bare.is_empty() && bare.chars().all(is_token68) && is_last {
            self.0 = rest;
        }
    }
}
