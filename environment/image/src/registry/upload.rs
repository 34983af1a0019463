//! Blobs on their way out: taken from another repository where that is possible, sent in one piece where that works,
//! gone on with from where the registry says it is when a connection broke.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;

use nbvet_deps::Digest;
use url::Url;

use super::auth::Scope;
use super::{Descriptor, RegistryError, Repository, Source, locked};
use crate::http::{HttpError, Response, shown_url};

/// Failures after which a blob is given up.
const PATIENCE: u32 = 6;
/// So many bytes more are progress.
const HEADWAY: u64 = 1 << 20;
/// Pieces where a server (or a proxy in front of it) does not take all at once, or connections do not last.
const PIECE: u64 = 4 << 20;
/// Blobs up to this size go in one request that can be repeated as it is.
const SMALL: u64 = 64 << 10;
const ACTION: &str = "take the blob";

/// How a blob came to be in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Existed,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Sent,
}

/// An upload that has begun.
struct Upload {
    place: Url,
    offset: u64,
    /// The largest piece that is sent in one request.
    piece: u64,
    /// Whether it goes on from where the registry says that it is.
    is_resumed: bool,
}

/// What the registry did when asked for a place.
enum Begun {
    Mounted,
    Upload(Upload),
}

impl Repository {
    /// Puts a blob into the repository, if it is not there: out of `from`, a repository of the same registry that has
    /// it, or else by sending it.
    pub fn push_blob(
        &self,
        blob: &Descriptor,
        from: Option<&Self>,
        source: &(impl Source + ?Sized),
    ) -> Result<Pushed, RegistryError> {
        if self.has_blob(blob)? {
            self.count_skipped();
            return Ok(Pushed::Existed);
        }
        let mut failures = Failures::default();
        let mut upload = match self.begin_patiently(blob, from, &mut failures)? {
            Begun::Mounted => return self.mounted(blob),
            Begun::Upload(upload) => upload,
        };
        loop {
            let Err(error) = self.transfer(&mut upload, blob, source) else {
                return self.sent(blob);
            };
            // What was gone on with may not fit together: once more, from the beginning.
            let is_doubtful = upload.is_resumed && status(&error).is_some_and(|status| status == 400);
            let is_lost = status(&error).is_some_and(|status| matches!(status, 404 | 416));
            if is_doubtful || is_lost {
                failures.count(blob, self, self.upload_error(blob, error.bare(&self.image())))?;
            } else {
                failures.count(blob, self, error)?;
            }
            self.recover(&mut upload, blob, is_doubtful, &mut failures)?;
            // The answer to the last request may have been lost, and that alone.
            if self.has_blob(blob)? {
                return self.sent(blob);
            }
        }
    }

    /// Takes a blob out of another repository of the registry, if the registry does that.
    pub fn mount_blob(&self, blob: &Descriptor, from: &Self) -> Result<bool, RegistryError> {
        if self.has_blob(blob)? {
            self.count_skipped();
            return Ok(true);
        }
        match self.begin(blob, Some(from))? {
            Begun::Mounted => self.mounted(blob).map(|_| true),
            Begun::Upload(upload) => {
                // Nothing will be sent: what was begun is given back, as far as the registry knows how.
                let scope = Scope::push(self.name());
                let _ = self.ask(&scope, ACTION, |http| Ok(http.delete(upload.place.as_str())));
                Ok(false)
            }
        }
    }

    fn mounted(&self, blob: &Descriptor) -> Result<Pushed, RegistryError> {
        self.confirm(blob)?;
        let counters = self.registries().http().counters();
        counters.blobs_mounted.fetch_add(1, Relaxed);
        Ok(Pushed::Mounted)
    }

    fn sent(&self, blob: &Descriptor) -> Result<Pushed, RegistryError> {
        self.confirm(blob)?;
        let counters = self.registries().http().counters();
        counters.blobs_sent.fetch_add(1, Relaxed);
        Ok(Pushed::Sent)
    }

    /// What a registry says that it has taken is looked for.
    fn confirm(&self, blob: &Descriptor) -> Result<(), RegistryError> {
        if self.has_blob_at_last(blob)? {
            return Ok(());
        }
        Err(self.upload_error(
            blob,
            "the registry says that it has it, and does not find it".to_owned(),
        ))
    }

    fn begin_patiently(
        &self,
        blob: &Descriptor,
        from: Option<&Self>,
        failures: &mut Failures,
    ) -> Result<Begun, RegistryError> {
        loop {
            match self.begin(blob, from) {
                Ok(begun) => return Ok(begun),
                Err(error) => failures.count(blob, self, error)?,
            }
        }
    }

    /// Asks for a place to send a blob to, or for the blob out of another repository.
    fn begin(&self, blob: &Descriptor, from: Option<&Self>) -> Result<Begun, RegistryError> {
        let from = from.filter(|from| from.registry() == self.registry() && from.name() != self.name());
        let mut url = self.url("blobs/uploads/")?;
        let mut scope = Scope::push(self.name());
        if let Some(from) = from {
            let mut pairs = url.query_pairs_mut();
            pairs
                .append_pair("mount", blob.digest.as_str())
                .append_pair("from", from.name());
            scope = scope.and_pull(from.name());
        }
        let asked = self.ask(&scope, ACTION, |http| {
            Ok(http.post(url.as_str()).bytes(Vec::new()).repeatable())
        });
        let response = match asked {
            // Whoever may not read there may still write here.
            Err(RegistryError::Denied { .. }) if from.is_some() => return self.begin(blob, None),
            asked => asked?.checked().map_err(|error| self.error(ACTION, error))?,
        };
        if response.status() == 201 && from.is_some() {
            return Ok(Begun::Mounted);
        }
        Ok(Begun::Upload(Upload {
            place: self.place(&response, response.url())?,
            offset: 0,
            piece: u64::MAX,
            is_resumed: false,
        }))
    }

    /// Sends what is missing, and says that it is all.
    fn transfer(
        &self,
        upload: &mut Upload,
        blob: &Descriptor,
        source: &(impl Source + ?Sized),
    ) -> Result<(), RegistryError> {
        if upload.offset == 0 && blob.size <= SMALL {
            let mut content = Vec::new();
            let read = source
                .open(0)
                .and_then(|reader| reader.take(SMALL + 1).read_to_end(&mut content));
            let read = read.map_err(|error| source_error(blob, error))?;
            if read as u64 != blob.size {
                let why = format!("it does not have {} bytes", blob.size);
                return Err(source_error(
                    blob,
                    io::Error::new(io::ErrorKind::InvalidData, why),
                ));
            }
            return self.complete(upload, blob, &content);
        }
        while upload.offset < blob.size {
            self.send_piece(upload, blob, source)?;
        }
        self.complete(upload, blob, &[])
    }

    fn send_piece(
        &self,
        upload: &mut Upload,
        blob: &Descriptor,
        source: &(impl Source + ?Sized),
    ) -> Result<(), RegistryError> {
        let scope = Scope::push(self.name());
        let length = (blob.size - upload.offset).min(upload.piece);
        let end = upload.offset + length;
        let is_whole = length == blob.size;
        let failed = Mutex::new(None);
        let place = upload.place.clone();
        let sent = self.ask(&scope, ACTION, |http| {
            let reader = source
                .open(upload.offset)
                .map_err(|error| source_error(blob, error))?;
            let request = http
                .patch(place.as_str())
                .header("content-type", "application/octet-stream");
            let request = if is_whole {
                request
            } else {
                request.header("content-range", format!("{}-{}", upload.offset, end - 1))
            };
            let reader = Noticed {
                reader: reader.take(length),
                failed: &failed,
                left: length,
            };
            Ok(request.stream(reader, length))
        });
        if let Some(error) = locked(&failed).take() {
            return Err(source_error(blob, error));
        }
        let response = sent?;
        if response.status() == 413 && length > PIECE {
            upload.piece = PIECE;
            return Err(self.upload_error(blob, format!("the registry does not take {length} bytes at once")));
        }
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        upload.place = self.place(&response, &place)?;
        upload.offset = match told_offset(&response) {
            // One byte and none are told alike; so short a piece is not sent.
            None => end,
            Some(told) if told == end => end,
            Some(told) => return Err(self.upload_error(blob, lie(told, end))),
        };
        Ok(())
    }

    /// Ends an upload, with what is still to be sent.
    fn complete(&self, upload: &Upload, blob: &Descriptor, rest: &[u8]) -> Result<(), RegistryError> {
        let scope = Scope::push(self.name());
        let mut url = upload.place.clone();
        url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
        let response = self.ask(&scope, ACTION, |http| {
            let request = http
                .put(url.as_str())
                .header("content-type", "application/octet-stream");
            // Not repeated as it is: whether it was the first that got through is looked up.
            Ok(request.bytes(rest.to_vec()).once().bulk())
        })?;
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        let told = response
            .header("docker-content-digest")
            .and_then(|told| told.parse::<Digest>().ok());
        match told {
            Some(told) if told.algorithm() == blob.digest.algorithm() && told != blob.digest => {
                Err(RegistryError::Digest {
                    image: self.image(),
                    what: "a blob",
                    expected: blob.digest.to_string(),
                    found: told.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// After a failure: where the registry is, or a new beginning.
    fn recover(
        &self,
        upload: &mut Upload,
        blob: &Descriptor,
        anew: bool,
        failures: &mut Failures,
    ) -> Result<(), RegistryError> {
        // What breaks as a whole twice may get through in pieces, of which none is lost again.
        let piece = if failures.seen >= 2 { PIECE } else { upload.piece };
        if let Some(found) = self.look_up(upload, blob).filter(|_| !anew) {
            failures.headway(found.offset);
            *upload = found;
        } else if let Begun::Upload(begun) = self.begin_patiently(blob, None, failures)? {
            *upload = begun;
        }
        upload.piece = piece;
        Ok(())
    }

    /// The state of an upload, if it can be gone on with.
    fn look_up(&self, upload: &Upload, blob: &Descriptor) -> Option<Upload> {
        let scope = Scope::push(self.name());
        let response = self.ask(&scope, ACTION, |http| Ok(http.get(upload.place.as_str())));
        let response = response.ok().filter(|response| response.status() == 204)?;
        let offset = told_offset(&response)?;
        // More than was ever sent is a lie; nothing, or one byte, is not worth going on with.
        if offset > blob.size || offset <= 1 {
            return None;
        }
        let place = self.place(&response, &upload.place).ok()?;
        Some(Upload {
            place,
            offset,
            piece: upload.piece,
            is_resumed: true,
        })
    }

    /// Where the next request of an upload goes. An answer without a place leaves it as it was.
    fn place(&self, response: &Response, now: &Url) -> Result<Url, RegistryError> {
        let Some(location) = response.header("location") else {
            return Ok(now.clone());
        };
        let refused = |to: String, why: &str| {
            let url = shown_url(response.url());
            let why = why.to_owned();
            self.error(ACTION, HttpError::Redirect { url, to, why })
        };
        let mut to = response
            .url()
            .join(location)
            .map_err(|_| refused("somewhere".to_owned(), "it is no URL"))?;
        if response.url().scheme() == "https" && to.scheme() == "http" && to.host() == response.url().host() {
            // Behind a proxy that ends TLS, a registry does not know by what name it is called.
            let _ = to.set_scheme("https");
            let _ = to.set_port(response.url().port());
        }
        let http = self.registries().http();
        http.check_way(response.url(), &to)
            .map_err(|why| refused(shown_url(&to), why))?;
        Ok(to)
    }

    fn upload_error(&self, blob: &Descriptor, why: String) -> RegistryError {
        RegistryError::Upload {
            image: self.image(),
            digest: blob.digest.clone(),
            why,
        }
    }
}

/// Failures in a row.
#[derive(Default)]
struct Failures {
    seen: u32,
    farthest: u64,
}

impl Failures {
    /// Counts one and waits; the error itself, where there is no use in going on.
    fn count(
        &mut self,
        blob: &Descriptor,
        repository: &Repository,
        error: RegistryError,
    ) -> Result<(), RegistryError> {
        let is_passing = error.is_passing() || matches!(error, RegistryError::Upload { .. });
        if !is_passing {
            return Err(error);
        }
        self.seen += 1;
        if self.seen >= PATIENCE {
            return Err(match error {
                RegistryError::Upload { .. } => error,
                error => repository.upload_error(blob, error.bare(&repository.image())),
            });
        }
        sleep(repository.registries().http().retry().wait(self.seen, None));
        Ok(())
    }

    /// Forgets failures where much more has arrived than ever before.
    fn headway(&mut self, offset: u64) {
        if offset >= self.farthest + HEADWAY {
            self.farthest = offset;
            self.seen = 0;
        }
    }
}

fn status(error: &RegistryError) -> Option<u16> {
    match error {
        RegistryError::Refused { status, .. } => Some(*status),
        _ => None,
    }
}

/// `Range: 0-N`: N is the last byte that is there.
fn told_offset(response: &Response) -> Option<u64> {
    let range = response.header("range")?.trim();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let last: u64 = range.split_once('-')?.1.trim().parse().ok()?;
    last.checked_add(1)
}

fn lie(told: u64, sent: u64) -> String {
    format!("after {sent} bytes the registry says that it has {told}")
}

fn source_error(blob: &Descriptor, error: io::Error) -> RegistryError {
    match error.downcast::<RegistryError>() {
        Ok(error) => error,
        Err(error) => RegistryError::Source {
            digest: blob.digest.clone(),
            error,
        },
    }
}

/// A source whose own failures are told from those of the connection.
struct Noticed<'a, R> {
    reader: R,
    failed: &'a Mutex<Option<io::Error>>,
    left: u64,
}

impl<R: Read> Read for Noticed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.reader.read(buffer) {
            Ok(0) if self.left > 0 && !buffer.is_empty() => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("it ends {} bytes early", self.left),
            )),
            read => read,
        };
        read.inspect(|read| self.left -= *read as u64).map_err(|error| {
            let kind = error.kind();
            *locked(self.failed) = Some(error);
            io::Error::new(kind, "the source failed")
        })
    }
}
