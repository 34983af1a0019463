//! A chosen file, brought into the cache.

use std::{collections::BTreeSet, io::Read, path::PathBuf, thread};

use nbvet_deps::Digest;
use url::Url;

use super::{
    Chosen, IndexError, MAX_FILE, OnProgress, PackageIndex, Progress, Source,
    cache::{StoreError, ordinary},
};
use crate::http::{Secret, shown_url};

impl PackageIndex {
    /// The file in the cache, whole and with the digest of the lock.
    pub(super) fn fetch_one(&self, chosen: &Chosen, progress: OnProgress<'_>) -> Result<PathBuf, IndexError> {
        if let Some(path) = self.cache.get(&chosen.sha256, &chosen.filename) {
            return Ok(path);
        }
        let allowed = BTreeSet::from([chosen.sha256.clone()]);
        let stored = match &chosen.source {
            // What the cache had is damaged, and gone by now.
            Source::Cached(_, of) => {
                let (package, target) = &**of;
                let found = self.candidate(package, target, &target.tags())?;
                self.stored(&chosen.filename, &found.source, found.size, &allowed, progress)
            }
            source => self.stored(&chosen.filename, source, chosen.size, &allowed, progress),
        };
        stored.map(|(_, path)| path)
    }

    /// Stores a file whose digest is one of those allowed; tries again where an answer breaks off.
    pub(super) fn stored(
        &self,
        filename: &str,
        source: &Source,
        size: Option<u64>,
        allowed: &BTreeSet<Digest>,
        progress: OnProgress<'_>,
    ) -> Result<(Digest, PathBuf), IndexError> {
        let retry = *self.http.retry();
        let from = source.shown();
        let mut attempt = 1;
        loop {
            progress(Progress::Started(filename, size));
            let mut reader = self.opened(filename, source)?;
            let received = |bytes| progress(Progress::Received(filename, bytes));
            let outcome = self
                .cache
                .store(filename, &mut *reader, allowed, MAX_FILE, &received);
            let (file, from) = (filename.to_owned(), from.clone());
            match outcome {
                Ok(stored) => {
                    progress(Progress::Finished(filename));
                    return Ok(stored);
                }
                Err(StoreError::Source(_)) if attempt < retry.attempts => {}
                Err(StoreError::Source(error)) => return Err(IndexError::BrokenOff { file, from, error }),
                Err(StoreError::Digest(got)) => {
                    return Err(IndexError::WrongDigest {
                        file,
                        from,
                        expected: shown_digests(allowed),
                        got: got.to_string(),
                    });
                }
                Err(StoreError::TooLarge) => {
                    let limit = MAX_FILE;
                    return Err(IndexError::TooLarge { file, from, limit });
                }
                Err(StoreError::Cache(error)) => return Err(error),
            }
            thread::sleep(retry.wait(attempt, None));
            attempt += 1;
        }
    }

    fn opened(&self, filename: &str, source: &Source) -> Result<Box<dyn Read>, IndexError> {
        match source {
            Source::Url(url) => {
                let response = self.http.get(url.reveal()).bulk().send_ok()?;
                if response.content_length().is_some_and(|length| length > MAX_FILE) {
                    return Err(IndexError::TooLarge {
                        file: filename.to_owned(),
                        from: source.shown(),
                        limit: MAX_FILE,
                    });
                }
                Ok(Box::new(response.into_reader()))
            }
            Source::Local(path) | Source::Cached(path, _) => {
                let opened = ordinary(path).map_err(|error| IndexError::Folder {
                    folder: path.clone(),
                    error,
                });
                Ok(Box::new(opened?))
            }
        }
    }
}

impl Source {
    /// Without credentials.
    fn shown(&self) -> String {
        match self {
            Self::Url(url) => shown(url),
            Self::Local(path) | Self::Cached(path, _) => path.display().to_string(),
        }
    }
}

fn shown(url: &Secret) -> String {
    Url::parse(url.reveal()).map_or_else(|_| "an index".to_owned(), |url| shown_url(&url))
}

/// One digest, and how many more.
pub(super) fn shown_digests(digests: &BTreeSet<Digest>) -> String {
    match (digests.first(), digests.len()) {
        (Some(first), 1) => first.to_string(),
        (Some(first), more) => format!("{first} or one of {} more", more - 1),
        (None, _) => "none".to_owned(),
    }
}
