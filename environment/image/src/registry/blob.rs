//! Blobs on their way in: checked against digest and size while they are read, gone on with where a connection broke.

use std::io::{self, ErrorKind, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;

use nbvet_deps::Digest;
use sha2::{Digest as _, Sha256, Sha512};

use super::auth::Scope;
use super::{Descriptor, RegistryError, Repository};
use crate::http::{BodyReader, Response};

/// Times that one download is gone on with.
const RESUMES: u32 = 8;

impl Repository {
    /// The size of a blob; none where there is nothing.
    pub fn head_blob(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        const ACTION: &str = "tell of the blob";
        let url = self.url(&format!("blobs/{digest}"))?;
        let scope = Scope::pull(self.name());
        let response = self.ask(&scope, ACTION, |http| Ok(http.head(url.as_str())))?;
        if response.status() == 404 {
            return Ok(None);
        }
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        response
            .content_length()
            .map(Some)
            .ok_or_else(|| RegistryError::Unusable {
                image: self.image(),
                why: format!("the registry does not tell the size of {digest}"),
            })
    }

    /// Whether the repository has a blob. A blob of another size under its digest is an error.
    pub fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        if self.registries().is_confirmed(&self.image(), &blob.digest) {
            return Ok(true);
        }
        match self.head_blob(&blob.digest) {
            Ok(Some(size)) if size == blob.size => {
                self.registries().confirm(&self.image(), &blob.digest);
                Ok(true)
            }
            Ok(Some(found)) => Err(self.wrong_size(blob, found)),
            // While another builder puts the same blob in place, some registries find half of what they wrote.
            Ok(None) | Err(RegistryError::Refused { status: 400, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same for a blob that should be there: looked for more than once, for the reason above.
    pub(crate) fn has_blob_at_last(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        let retry = *self.registries().http().retry();
        for attempt in 1..retry.attempts {
            if self.has_blob(blob)? {
                return Ok(true);
            }
            sleep(retry.wait(attempt, None));
        }
        self.has_blob(blob)
    }

    /// The content of a blob. Nothing of it may be relied on before the reader has ended without an error.
    pub fn blob(&self, blob: &Descriptor) -> Result<BlobReader, RegistryError> {
        let hash = Hash::like(&blob.digest);
        let reader = self.open_blob(blob, 0)?;
        Ok(BlobReader {
            repository: self.clone(),
            blob: blob.clone(),
            reader,
            hash: Some(hash),
            done: 0,
            resumes: 0,
        })
    }

    /// The content of a small blob, if it has no more than `limit` bytes.
    pub fn blob_bytes(&self, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, RegistryError> {
        if blob.size > limit {
            return Err(RegistryError::Unusable {
                image: self.image(),
                why: format!(
                    "{} has {} bytes; at most {limit} are read",
                    blob.digest, blob.size
                ),
            });
        }
        let mut bytes = Vec::new();
        match self.blob(blob)?.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match error.downcast::<RegistryError>() {
                Ok(error) => error,
                Err(error) => RegistryError::Source {
                    digest: blob.digest.clone(),
                    error,
                },
            }),
        }
    }

    /// The bytes of a blob from an offset on, not checked against its digest.
    pub(super) fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<BodyReader, RegistryError> {
        const ACTION: &str = "give the blob";
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let scope = Scope::pull(self.name());
        let response = self.ask(&scope, ACTION, |http| {
            let request = http.get(url.as_str()).bulk();
            Ok(if offset > 0 {
                request.header("range", format!("bytes={offset}-"))
            } else {
                request
            })
        })?;
        if response.status() == 404 {
            return Err(RegistryError::Missing {
                image: self.image(),
                what: blob.digest.to_string(),
            });
        }
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        let begins = begin(&response, offset);
        if let Some(length) = response.content_length()
            && begins.checked_add(length) != Some(blob.size)
        {
            return Err(self.wrong_size(blob, begins.saturating_add(length)));
        }
        let mut reader = response.into_reader();
        // A server that knows no ranges begins anew.
        let before = offset.saturating_sub(begins);
        let skipped = io::copy(&mut (&mut reader).take(before), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == before => Ok(reader),
            _ => Err(self.wrong_size(blob, begins)),
        }
    }

    fn wrong_size(&self, blob: &Descriptor, found: u64) -> RegistryError {
        RegistryError::Size {
            image: self.image(),
            digest: blob.digest.clone(),
            expected: blob.size,
            found,
        }
    }
}

/// At which byte of the blob an answer begins: `offset`, or 0 where all of it came.
fn begin(response: &Response, offset: u64) -> u64 {
    let range = response.header("content-range").unwrap_or_default();
    let first = range
        .strip_prefix("bytes ")
        .and_then(|range| range.split_once('-'));
    let first = first.and_then(|(first, _)| first.trim().parse().ok());
    match response.status() {
        206 => first.unwrap_or(offset).min(offset),
        _ => 0,
    }
}

/// A blob while it is read.
#[derive(Debug)]
pub struct BlobReader {
    repository: Repository,
    blob: Descriptor,
    reader: BodyReader,
    /// None once the end was found to be right.
    hash: Option<Hash>,
    done: u64,
    resumes: u32,
}

impl BlobReader {
    fn left(&self) -> u64 {
        self.blob.size - self.done
    }

    /// Opens it anew where it broke.
    fn resume(&mut self, mut error: io::Error) -> io::Result<()> {
        loop {
            if self.resumes == RESUMES {
                return Err(error);
            }
            self.resumes += 1;
            sleep(
                self.repository
                    .registries()
                    .http()
                    .retry()
                    .wait(self.resumes, None),
            );
            match self.repository.open_blob(&self.blob, self.done) {
                Ok(reader) => {
                    self.reader = reader;
                    return Ok(());
                }
                Err(failed) if failed.is_passing() => error = io::Error::other(failed),
                Err(failed) => return Err(io::Error::other(failed)),
            }
        }
    }

    /// All bytes are there: they must be the right ones, and no more may follow.
    fn finish(&mut self) -> io::Result<usize> {
        let Some(hash) = self.hash.take() else {
            return Ok(0);
        };
        let found = hash.text();
        if found != self.blob.digest.as_str() {
            return Err(io::Error::other(RegistryError::Digest {
                image: self.repository.image(),
                what: "a blob",
                expected: self.blob.digest.to_string(),
                found,
            }));
        }
        if matches!(self.reader.read(&mut [0]), Ok(more) if more > 0) {
            return Err(io::Error::other(
                self.repository.wrong_size(&self.blob, self.blob.size + 1),
            ));
        }
        Ok(0)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left() == 0 {
            return self.finish();
        }
        loop {
            let most = usize::try_from(self.left()).map_or(buffer.len(), |left| left.min(buffer.len()));
            let error = match self.reader.read(&mut buffer[..most]) {
                Ok(0) => io::Error::new(ErrorKind::UnexpectedEof, "the blob ends early"),
                Ok(read) => {
                    if let Some(hash) = &mut self.hash {
                        hash.update(&buffer[..read]);
                    }
                    self.done += read as u64;
                    return Ok(read);
                }
                Err(error) => error,
            };
            self.resume(error)?;
        }
    }
}

/// A digest that is being taken.
#[derive(Debug)]
enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    fn like(digest: &Digest) -> Self {
        match digest.algorithm() {
            "sha512" => Self::Sha512(Sha512::new()),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Sha256(hash) => text("sha256", &hash.finalize()),
            Self::Sha512(hash) => text("sha512", &hash.finalize()),
        }
    }
}

/// A digest as it is written.
pub(super) fn text(algorithm: &str, hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{algorithm}:");
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Repository {
    /// Counts a blob that need not be sent.
    pub(super) fn count_skipped(&self) {
        let counters = self.registries().http().counters();
        counters.blobs_skipped.fetch_add(1, Relaxed);
    }
}
