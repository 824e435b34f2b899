//! Initdata as the disk a runtime gives to a guest: what the agent looks for among its block devices.
//!
//! Layout (`prepareInitdataImage` in `src/runtime/virtcontainers/hypervisor.go` of Kata, read by
//! `src/agent/src/initdata.rs`): the magic, the length of the gzip data, the gzip data, zeros.

use crate::{Initdata, InitdataError, gzip};

/// What the agent knows the disk by.
pub(crate) const MAGIC: &[u8; 8] = b"initdata";

/// A disk has whole sectors.
const SECTOR: usize = 512;

/// The image of a disk that holds `text`, be it initdata or not: for trying what a guest does with it.
pub fn wrap(text: &[u8]) -> Vec<u8> {
    let packed = gzip::pack(text);
    let len = u64::try_from(packed.len()).expect("no machine has more than 64 address bits");
    let mut image = [MAGIC, len.to_le_bytes().as_slice(), &packed].concat();
    image.resize(image.len().next_multiple_of(SECTOR), 0);
    image
}

impl Initdata {
    /// The image of the disk: the same bytes for the same document, a multiple of 512.
    pub fn image(&self) -> Vec<u8> {
        wrap(self.text().as_bytes())
    }

    /// Reads the image of a disk, with any number of zeros at its end.
    pub fn from_image(name: &str, image: &[u8]) -> Result<Initdata, InitdataError> {
        let Some(rest) = image.strip_prefix(MAGIC) else {
            return Err(InitdataError::Unrecognised { name: name.to_owned() });
        };
        let Some((announced, rest)) = rest.split_first_chunk() else {
            return Err(InitdataError::ImageCut { name: name.to_owned(), got: image.len() });
        };
        let announced = u64::from_le_bytes(*announced);
        let Some((packed, padding)) =
            usize::try_from(announced).ok().and_then(|len| rest.split_at_checked(len))
        else {
            return Err(InitdataError::ImageLength { name: name.to_owned(), announced, got: rest.len() });
        };
        if let Some(place) = padding.iter().position(|byte| *byte != 0) {
            let offset = image.len() - padding.len() + place;
            return Err(InitdataError::ImagePadding { name: name.to_owned(), offset });
        }
        Initdata::parse(name, &gzip::unpack(name, packed)?)
    }
}
