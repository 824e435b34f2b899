//! Tells in which form initdata comes, and reads it. Files and pods' YAML are the caller's business.

use std::fmt;

use crate::{Initdata, InitdataError, gzip, image};

/// The longest input that can be initdata, in bytes: base64 of [`TEXT_MAX`](crate::TEXT_MAX) bytes that
/// do not compress has 4 bytes for 3, which is under 23 MiB.
pub const INPUT_MAX: usize = 24 * 1024 * 1024;

/// What every annotation begins with: base64 of gzip's magic and its only method.
const ANNOTATION_START: &[u8] = b"H4sI";

/// A form initdata comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The document itself.
    Toml,
    /// The value of an annotation; a file of it may end with one line feed.
    Annotation,
    /// The gzip data of an annotation or image alone.
    Gzip,
    /// The image of a disk.
    Image,
}

impl Form {
    /// The form of `bytes`, by how they look: whether they are right shows when they are read. `None`
    /// if it is no form of initdata.
    pub fn of(bytes: &[u8]) -> Option<Form> {
        let is_base64 =
            |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-_".contains(byte);
        if bytes.starts_with(image::MAGIC) {
            Some(Form::Image)
        } else if bytes.starts_with(gzip::MAGIC) {
            Some(Form::Gzip)
        } else if bytes.contains(&0) {
            None
        } else if bytes.starts_with(ANNOTATION_START)
            || (bytes.iter().all(is_base64) && !bytes.trim_ascii().is_empty())
        {
            // No document is such a text: its strings have quotes.
            Some(Form::Annotation)
        } else {
            Some(Form::Toml)
        }
    }
}

/// Reads initdata in whatever form it is in. `name` is only for messages.
///
/// Takes any bytes. No more than [`TEXT_MAX`](crate::TEXT_MAX) bytes are unpacked, and no text of very
/// many tokens is parsed: memory stays below 256 MiB.
pub fn read(name: &str, bytes: &[u8]) -> Result<(Form, Initdata), InitdataError> {
    if bytes.len() > INPUT_MAX {
        return Err(InitdataError::InputTooLong { name: name.to_owned(), limit: INPUT_MAX });
    }
    let form = Form::of(bytes).ok_or_else(|| InitdataError::Unrecognised { name: name.to_owned() })?;
    let initdata = match form {
        Form::Toml => Initdata::parse(name, bytes),
        Form::Annotation => Initdata::from_annotation(name, bytes.strip_suffix(b"\n").unwrap_or(bytes)),
        Form::Gzip => gzip::unpack(name, bytes).and_then(|text| Initdata::parse(name, &text)),
        Form::Image => Initdata::from_image(name, bytes),
    }?;
    Ok((form, initdata))
}

impl fmt::Display for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Form::Toml => "toml",
            Form::Annotation => "annotation",
            Form::Gzip => "gzip",
            Form::Image => "image",
        })
    }
}
