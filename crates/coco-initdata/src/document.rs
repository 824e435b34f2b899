//! The document: its text, which is what is measured, and what the text says. Not its wrappings.

use std::collections::BTreeMap;

use toml::{Table, Value};
use toml_parser::Source;

use crate::digest::{Algorithm, Digest};
use crate::{InitdataError, Registers, render};

/// The version of initdata all agents read (`INITDATA_VERSION` in `src/libs/kata-types/src/initdata.rs`).
pub const VERSION: &str = "0.1.0";

/// Longest document, in bytes: the longest policy an agent loads (16 MiB), and 1 MiB for the rest.
pub const TEXT_MAX: usize = 17 * 1024 * 1024;

/// Most tokens of a document, or of a configuration in it. Memory is taken by the token, some 100 bytes
/// each, and a long text is one token: without this, 17 MiB of `1,` took 1.2 GB. No guest needs a thousand.
const TOKENS_MAX: usize = 1 << 18;

/// The key of the attestation agent's configuration.
pub const AA_TOML: &str = "aa.toml";
/// The key of the confidential data hub's configuration.
pub const CDH_TOML: &str = "cdh.toml";
/// The key of the agent's policy.
pub const POLICY_REGO: &str = "policy.rego";

/// A document that every guest reads the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initdata {
    text: String,
    algorithm: Algorithm,
    data: BTreeMap<String, String>,
}

/// Where a text stops being TOML, counted from 1, and why.
struct SyntaxError {
    line: usize,
    column: usize,
    message: String,
}

impl SyntaxError {
    fn at(text: &str, offset: usize, message: String) -> SyntaxError {
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        SyntaxError {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            message,
        }
    }
}

impl Initdata {
    /// Makes a document with these keys; the same keys make the same bytes. An error if `aa.toml` or
    /// `cdh.toml` is not TOML, or the document would be too long.
    pub fn new(algorithm: Algorithm, data: BTreeMap<String, String>) -> Result<Initdata, InitdataError> {
        let text = render::document(algorithm, &data);
        if text.len() > TEXT_MAX {
            return Err(InitdataError::TextTooLong { name: "initdata".to_owned(), got: text.len() });
        }
        let initdata = Initdata { text, algorithm, data };
        match initdata.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(initdata),
        }
    }

    /// Reads a document and keeps its bytes. `name` is only for messages.
    ///
    /// What is under the keys of `data` is not looked at: see [`Initdata::faults`].
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Initdata, InitdataError> {
        let text = text(name, bytes)?;
        let mut table = toml(text).map_err(|SyntaxError { line, column, message }| {
            InitdataError::Syntax { name: name.to_owned(), line, column, message }
        })?;
        let mut take = |key: &'static str| {
            table.remove(key).ok_or_else(|| InitdataError::Missing { name: name.to_owned(), key })
        };
        let version = string(name, "version", take("version")?)?;
        let algorithm = string(name, "algorithm", take("algorithm")?)?;
        let data = match take("data")? {
            Value::Table(data) => data,
            other => return Err(kind(name, "data", &other, "a table")),
        };
        if let Some(key) = table.keys().next() {
            return Err(InitdataError::UnknownKey { name: name.to_owned(), key: key.clone() });
        }
        if version != VERSION {
            return Err(InitdataError::Version { name: name.to_owned(), got: version });
        }
        let algorithm = named(name, algorithm)?;
        let data = data.into_iter().map(|(key, value)| {
            let value = string(name, &format!("data.{key}"), value)?;
            Ok((key, value))
        });
        Ok(Initdata { text: text.to_owned(), algorithm, data: data.collect::<Result<_, _>>()? })
    }

    /// The TOML, byte for byte: what is measured.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it is measured.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What is in it, by key.
    pub fn data(&self) -> &BTreeMap<String, String> {
        &self.data
    }

    /// The agent's policy, where there is one.
    pub fn policy(&self) -> Option<&str> {
        self.data.get(POLICY_REGO).map(String::as_str)
    }

    /// Keys no guest does anything with. They are allowed, and measured.
    pub fn foreign_keys(&self) -> impl Iterator<Item = &str> {
        let is_known = |key: &str| [AA_TOML, CDH_TOML, POLICY_REGO].contains(&key);
        self.data.keys().map(String::as_str).filter(move |key| !is_known(key))
    }

    /// What is wrong with `aa.toml` and `cdh.toml`: all [`InitdataError::Configuration`].
    pub fn faults(&self) -> Vec<InitdataError> {
        let fault = |key| {
            let SyntaxError { line, column, message } = toml(self.data.get(key)?).err()?;
            Some(InitdataError::Configuration { key, line, column, message })
        };
        [AA_TOML, CDH_TOML].into_iter().filter_map(fault).collect()
    }

    /// The digest of the text, by its own algorithm.
    pub fn digest(&self) -> Digest {
        self.algorithm.digest(self.text.as_bytes())
    }

    /// What evidence of a guest shows that was given this document.
    pub fn registers(&self) -> Registers {
        Registers::of(&self.digest())
    }
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, InitdataError> {
    if bytes.len() > TEXT_MAX {
        return Err(InitdataError::TextTooLong { name: name.to_owned(), got: bytes.len() });
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(InitdataError::ByteOrderMark { name: name.to_owned() });
    }
    str::from_utf8(bytes)
        .map_err(|error| InitdataError::NotUtf8 { name: name.to_owned(), offset: error.valid_up_to() })
}

fn toml(text: &str) -> Result<Table, SyntaxError> {
    if let Some(token) = Source::new(text).lex().nth(TOKENS_MAX) {
        let message = format!("got over {TOKENS_MAX} tokens, expected fewer");
        return Err(SyntaxError::at(text, token.span().start(), message));
    }
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        SyntaxError::at(text, error.span().map_or(0, |span| span.start), message)
    })
}

fn named(name: &str, algorithm: String) -> Result<Algorithm, InitdataError> {
    if let Some(known) = Algorithm::named(&algorithm) {
        return Ok(known);
    }
    let name = name.to_owned();
    Err(match Algorithm::named(&algorithm.replacen("sha-", "sha", 1)) {
        Some(meant) => InitdataError::Hyphen { name, got: algorithm, expected: meant.name() },
        None => InitdataError::Algorithm { name, got: algorithm },
    })
}

fn string(name: &str, key: &str, value: Value) -> Result<String, InitdataError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(kind(name, key, &other, "a string")),
    }
}

fn kind(name: &str, key: &str, value: &Value, expected: &'static str) -> InitdataError {
    let got = match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date or time",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    };
    InitdataError::Kind { name: name.to_owned(), key: key.to_owned(), got, expected }
}
