//! One try to get what is missing of a content, and what of a server's answer is believed: nothing.

use std::io::{self, Read as _};
use std::sync::atomic::Ordering;

use coco_image::profile::source::Url;
use coco_registry::Digest;

use super::shift::Shift;
use super::{FetchError, Place, Wanted};
use crate::content_store::Partial;
use crate::http::{HttpError, Response};
use crate::mirrors;

/// How much is read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// What one try needs.
pub(super) struct Download<'a> {
    pub(super) shift: &'a Shift<'a>,
    pub(super) wanted: &'a Wanted,
}

impl Download<'_> {
    /// Gets what is missing of `partial`; whatever came before an error stays in it.
    pub(super) fn run(&self, partial: &mut Partial) -> Result<(), FetchError> {
        if partial.missing() == 0 {
            return Ok(());
        }
        let response = self.ask(partial)?;
        self.take(response, partial)
    }

    /// Where it is asked for.
    pub(super) fn url(&self) -> Url {
        match &self.wanted.place {
            Place::Url(url) => mirrors::mirrored(url, self.shift.fetcher.mirrors),
            Place::Registry { url, .. } => url.clone(),
        }
    }

    fn open(&self, from: u64) -> Result<Response, FetchError> {
        match &self.wanted.place {
            Place::Url(_) => {
                let range = ("range", format!("bytes={from}-"));
                let headers = if from > 0 { std::slice::from_ref(&range) } else { &[] };
                Ok(self.shift.fetcher.client.get(&self.url(), headers)?)
            }
            Place::Registry { reference, item, .. } => {
                let repository = self.shift.repositories.get(&reference.to_string());
                let repository = repository.ok_or(FetchError::Stopped)?;
                let digest = Digest::from(*self.wanted.content.sha256.as_bytes());
                Ok(repository.open(*item, digest, from)?)
            }
        }
    }

    /// Asks for what is missing, and fails unless that is what comes, as far as the server says it.
    fn ask(&self, partial: &mut Partial) -> Result<Response, FetchError> {
        let response = match self.open(partial.len()) {
            // There is no such part: then what is there can't be of this file.
            Err(FetchError::Http(HttpError::Status { status: 416, .. })) if partial.len() > 0 => {
                self.begin_again(partial)?;
                self.open(0)?
            }
            other => other?,
        };
        if response.status == 206 {
            let got = response.header("content-range").unwrap_or_default().to_owned();
            // `bytes 5-9/10` (RFC 9110, section 14.4)
            let first = got.strip_prefix("bytes ").and_then(|it| it.split('-').next()?.trim().parse().ok());
            if first != Some(partial.len()) {
                return Err(FetchError::Part { url: self.url(), got, expected: partial.len() });
            }
        } else if partial.len() > 0 {
            // The server gives the whole file, as it may.
            self.begin_again(partial)?;
        }
        match response.size {
            Some(size) if size != partial.missing() => Err(self.wrong_size(partial.len(), size)),
            _ => Ok(response),
        }
    }

    /// Takes what is missing from the answer, which may have less or more.
    fn take(&self, response: Response, partial: &mut Partial) -> Result<(), FetchError> {
        let mut reader = response.into_reader();
        let mut buffer = vec![0; BUFFER];
        loop {
            if self.shift.is_stopped.load(Ordering::Relaxed) {
                return Err(FetchError::Stopped);
            }
            // One byte more than is missing shows that there is more, however much that is.
            let most = usize::try_from(partial.missing().saturating_add(1)).unwrap_or(usize::MAX);
            let got = match reader.read(buffer.get_mut(..most.min(BUFFER)).unwrap_or_default()) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(HttpError::body(&self.url(), &error).into()),
            };
            let bytes = buffer.get(..got).unwrap_or_default();
            let size = u64::try_from(got).unwrap_or(u64::MAX);
            if size > partial.missing() {
                return Err(self.wrong_size(partial.len(), size));
            }
            if bytes.is_empty() {
                break;
            }
            partial.push(bytes).map_err(|error| self.shift.fetcher.store.disk(error))?;
            self.shift.bar.inc(size);
        }
        if partial.missing() > 0 {
            let problem = format!("it ends after {} of {} bytes", partial.len(), self.wanted.content.size);
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, problem);
            return Err(HttpError::body(&self.url(), &error).into());
        }
        Ok(())
    }

    fn begin_again(&self, partial: &mut Partial) -> Result<(), FetchError> {
        self.shift.bar.dec(partial.len());
        Ok(partial.restart().map_err(|error| self.shift.fetcher.store.disk(error))?)
    }

    fn wrong_size(&self, there: u64, more: u64) -> FetchError {
        let (got, expected) = (there.saturating_add(more), self.wanted.content.size);
        FetchError::Size { url: self.url(), got, expected }
    }
}
