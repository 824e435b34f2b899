//! What comes from a registry by its digest: from any byte on, or whole into a file and compared.

use std::io::{self, Read, Write as _};
use std::path::Path;

use coco_image::profile::source::Url;
use coco_registry::{Content, Digest};
use fs_err as fs;
use indicatif::ProgressBar;
use sha2::Digest as _;

use super::{Ask, Item, RegistryError, Repository};
use crate::http::{Body, HttpError, Method, Patience, Response};

/// How much is read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// The status of an answer with a part of what was asked for.
const PARTIAL: u16 = 206;

impl Repository<'_> {
    /// Asks once for a manifest or blob from byte `from` on. The answer's status is 200, and then it has all of it, or
    /// 206. Nothing of it is compared: whoever reads it does that.
    pub(crate) fn open(&self, item: Item, digest: Digest, from: u64) -> Result<Response, RegistryError> {
        let url = self.item_url(item, digest)?;
        let accept = item.accept().map(|accept| ("accept", accept.to_owned()));
        let range = (from > 0).then(|| ("range", format!("bytes={from}-")));
        let headers: Vec<_> = accept.into_iter().chain(range).collect();
        let ask = Ask { method: Method::Get, url: &url, headers: &headers, body: &|| Ok(Body::None) };
        let response = self.attempt(&ask)?;
        match response.status {
            200 | PARTIAL => Ok(response),
            404 => Err(RegistryError::NotFound(url.to_string())),
            _ => Err(HttpError::status(&url, response).into()),
        }
    }

    /// Writes a blob into the new file `path`. Where a connection breaks off, the next one goes on.
    pub(crate) fn download(
        &self,
        content: Content,
        path: &Path,
        bar: &ProgressBar,
    ) -> Result<(), RegistryError> {
        let url = self.item_url(Item::Blob, content.digest)?;
        let file = fs::File::create_new(path).map_err(|error| at(path, error))?;
        let mut written = Written { file, path, bar, hasher: sha2::Sha256::new(), size: 0 };
        let mut patience = Patience::new();
        while written.size < content.size {
            let before = written.size;
            let rest = self.rest(&url, content, before);
            let rest = rest.and_then(|reader| written.take(reader, content.size, &url));
            if written.size > before {
                patience = Patience::new();
            }
            match rest {
                Err(error) if !patience.lasts(error.wait()) => return Err(error),
                _ => {}
            }
        }
        let (got, expected) = (Digest::from(<[u8; 32]>::from(written.hasher.finalize())), content.digest);
        if got != expected {
            return Err(RegistryError::Digest { what: url.to_string(), got, expected });
        }
        Ok(())
    }

    /// A blob from byte `from` on, if what comes is as long as it must be.
    pub(super) fn rest(
        &self,
        url: &Url,
        content: Content,
        from: u64,
    ) -> Result<impl Read + use<>, RegistryError> {
        let response = self.open(Item::Blob, content.digest, from)?;
        // A server that knows no ranges sends all of it again.
        let skipped = if response.status == PARTIAL { 0 } else { from };
        let expected = content.size - from.saturating_sub(skipped);
        if let Some(got) = response.size.filter(|got| *got != expected) {
            return Err(RegistryError::Size { what: url.to_string(), got, expected });
        }
        let mut reader = response.into_reader();
        // If the connection breaks off here, the reader that is left says so.
        let _ = io::copy(&mut reader.by_ref().take(skipped), &mut io::sink());
        Ok(reader)
    }
}

/// What has come of a blob.
struct Written<'a> {
    file: fs::File,
    path: &'a Path,
    bar: &'a ProgressBar,
    hasher: sha2::Sha256,
    size: u64,
}

impl Written<'_> {
    /// Adds what `reader` has, up to a size of `end`.
    fn take(&mut self, reader: impl Read, end: u64, url: &Url) -> Result<(), RegistryError> {
        let mut reader = reader.take(end - self.size);
        let mut buffer = vec![0; BUFFER];
        while self.size < end {
            let got = match reader.read(&mut buffer) {
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(HttpError::body(url, &error).into());
                }
                Ok(got) => buffer.get(..got).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(HttpError::body(url, &error).into()),
            };
            self.file.write_all(got).map_err(|error| at(self.path, error))?;
            self.hasher.update(got);
            let length = u64::try_from(got.len()).unwrap_or(u64::MAX);
            self.size += length;
            self.bar.inc(length);
        }
        Ok(())
    }
}

fn at(path: &Path, error: io::Error) -> RegistryError {
    RegistryError::File { path: path.to_owned(), error }
}
