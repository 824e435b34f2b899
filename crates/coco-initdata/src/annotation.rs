//! Initdata as the value of a pod's annotation: base64 of gzip of the TOML. Not the pod's YAML.

use data_encoding::{BASE64, DecodeKind};

use crate::{Initdata, InitdataError, gzip};

/// The annotation's name (`Initdata` in `src/runtime/virtcontainers/pkg/annotations/annotations.go` of
/// Kata). Peer pods have the same value, as `INITDATA` in the config map `peer-pods-cm`.
pub const ANNOTATION: &str = "io.katacontainers.config.hypervisor.cc_init_data";

/// How many bytes all annotations of an object may have, names and values together
/// (`TotalAnnotationSizeLimitB` in `pkg/api/validation/objectmeta.go` of apimachinery): 256 KiB.
pub const ANNOTATIONS_MAX: usize = 256 * 1024;

impl Initdata {
    /// The value of [`ANNOTATION`]: the same bytes for the same document. An error if Kubernetes would
    /// refuse a pod for this annotation alone.
    pub fn annotation(&self) -> Result<String, InitdataError> {
        let value = self.annotation_of_any_size();
        let got = ANNOTATION.len() + value.len();
        if got > ANNOTATIONS_MAX { Err(InitdataError::AnnotationTooLarge { got }) } else { Ok(value) }
    }

    /// How many bytes the annotation has, name and value, whether Kubernetes takes it or not.
    pub fn annotation_len(&self) -> usize {
        ANNOTATION.len() + self.annotation_of_any_size().len()
    }

    /// Reads the value of an annotation, without any white space around it.
    pub fn from_annotation(name: &str, value: &[u8]) -> Result<Initdata, InitdataError> {
        if let Some(offset) = value.iter().position(u8::is_ascii_whitespace) {
            return Err(InitdataError::Space { name: name.to_owned(), offset });
        }
        let packed = BASE64.decode(value).map_err(|error| InitdataError::Base64 {
            name: name.to_owned(),
            what: match error.kind {
                DecodeKind::Length => "got an incomplete group of 4",
                DecodeKind::Symbol => "got a character of no meaning",
                DecodeKind::Trailing => "got bits that are left over",
                DecodeKind::Padding => "got wrong padding",
            },
            offset: error.position,
        })?;
        Initdata::parse(name, &gzip::unpack(name, &packed)?)
    }

    fn annotation_of_any_size(&self) -> String {
        BASE64.encode(&gzip::pack(self.text().as_bytes()))
    }
}
