//! Which file a locked package gets: of those with a digest of the lock the one that fits the target best.

use std::{collections::BTreeSet, fs};

use nbvet_deps::{
    Digest,
    lock::{Origin, Package, named},
    target::{Tags, Target, WheelName},
};
use pep440_rs::Version;
use pep508_rs::PackageName;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    Chosen, Folder, IndexError, OnProgress, PackageIndex, Source,
    cache::digest_of,
    download::shown_digests,
    simple::{self, Offered},
};
use crate::http::{HttpError, Secret, is_same_server, shown_url};

/// Bytes of one package's page, at most; those of nightly builds have some ten MiB.
const MAX_PAGE: u64 = 64 << 20;
/// Versions that a message names.
const VERSIONS_SHOWN: usize = 5;

/// A file that could be taken.
pub(super) struct Candidate {
    filename: String,
    sha256: Option<Digest>,
    pub(super) size: Option<u64>,
    yanked: Option<String>,
    pub(super) source: Source,
}

impl PackageIndex {
    pub(super) fn choose_one(
        &self,
        package: &Package,
        target: &Target,
        tags: &Tags,
        progress: OnProgress<'_>,
    ) -> Result<Chosen, IndexError> {
        if let Some(chosen) = self.cache.choice(package, target) {
            return Ok(chosen);
        }
        let candidate = self.candidate(package, target, tags)?;
        let chosen = self.settled(package, candidate, progress)?;
        self.cache.keep_choice(package, target, &chosen);
        Ok(chosen)
    }

    pub(super) fn candidate(
        &self,
        package: &Package,
        target: &Target,
        tags: &Tags,
    ) -> Result<Candidate, IndexError> {
        if let Origin::Url(url) = &package.origin {
            return best(package, vec![at_url(url)], tags).ok_or_else(|| no_fit(package, target));
        }
        let mut other = None;
        for folder in &self.folders {
            let files = in_folder(package, folder)?;
            let of_lock = |file: &Candidate| is_possible(package, file.sha256.as_ref());
            if !files.is_empty() && !files.iter().any(of_lock) {
                let got = files[0].sha256.as_ref().map(ToString::to_string);
                other = Some(other_files(package, folder.path.display().to_string(), got));
            }
            if let Some(found) = best(package, files, tags) {
                return Ok(found);
            }
        }
        let locked = package.file.as_ref();
        // The lock names the place too: what the indexes of this machine do not have may still be there.
        let elsewhere = locked.and_then(|file| {
            let url = file.url.as_deref().filter(|url| url.contains("://"))?;
            best(package, vec![at_url(url)], tags)
        });
        match (self.on_indexes(package, target, tags), elsewhere) {
            (
                Err(
                    IndexError::NoPackage { .. }
                    | IndexError::NoVersion { .. }
                    | IndexError::OtherFiles { .. },
                ),
                Some(found),
            ) => Ok(found),
            // The folder's file is not the one that was locked: that says more than that no index has it.
            (Err(nowhere @ IndexError::NoPackage { .. }), None) => Err(other.unwrap_or(nowhere)),
            (found, _) => found,
        }
    }

    /// The best file on the first index that has the name: one that comes later could be a stranger's.
    fn on_indexes(&self, package: &Package, target: &Target, tags: &Tags) -> Result<Candidate, IndexError> {
        for (index, asked) in &self.indexes {
            let Some(offered) = self.page(index, asked, &package.name)? else {
                continue;
            };
            let of_version = |file: &Offered| {
                named(&file.filename)
                    .is_some_and(|(name, version)| name == package.name && version == package.version)
            };
            let (files, others): (Vec<_>, Vec<_>) = offered.into_iter().partition(of_version);
            if files.is_empty() {
                return Err(IndexError::NoVersion {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    index: shown_url(index),
                    known: newest(package, &others),
                });
            }
            let got = files.iter().find_map(|file| file.sha256.clone());
            let candidates: Vec<Candidate> = files
                .into_iter()
                .map(|file| from_index(asked, file))
                .filter(|file| is_possible(package, file.sha256.as_ref()))
                .collect();
            if candidates.is_empty() {
                let got = got.map(|got| got.to_string());
                return Err(other_files(package, shown_url(index), got));
            }
            return best(package, candidates, tags).ok_or_else(|| no_fit(package, target));
        }
        let indexes = self.indexes.iter().map(|(index, _)| shown_url(index));
        let folders = self
            .folders
            .iter()
            .map(|folder| folder.path.display().to_string());
        let asked: Vec<String> = folders.chain(indexes).collect();
        Err(IndexError::NoPackage {
            name: package.name.clone(),
            asked: match asked.len() {
                0 => "no index (pip's no-index is set)".to_owned(),
                _ => asked.join(", "),
            },
        })
    }

    /// The files that an index has of a package; `None`: it does not know the name.
    pub(super) fn page(
        &self,
        index: &Url,
        asked: &Secret,
        name: &PackageName,
    ) -> Result<Option<Vec<Offered>>, IndexError> {
        let mut url = Url::parse(asked.reveal()).map_err(|_| IndexError::BadIndex {
            url: shown_url(index),
        })?;
        url.set_path(&format!("{}{}/", index.path(), name));
        let response = self
            .http
            .get(url.as_str())
            .header("accept", simple::ACCEPT)
            .send()?;
        match response.status() {
            404 | 410 => return Ok(None),
            status @ (401 | 403) => {
                return Err(IndexError::Credentials {
                    url: shown_url(&url),
                    status,
                    with: !url.username().is_empty(),
                });
            }
            _ => {}
        }
        let response = response.checked()?;
        let content_type = response.header("content-type").map(str::to_owned);
        // Links are relative to where the page came from in the end.
        let base = response.url().clone();
        let body = response.read_bounded(MAX_PAGE)?;
        let offered =
            simple::page(&body, content_type.as_deref(), &base).map_err(|why| IndexError::Page {
                url: shown_url(&base),
                why,
            })?;
        // A page must not send us where a redirect may not.
        let may_follow = |file: &Offered| self.http.check_way(index, &file.url).is_ok();
        let (followed, refused): (Vec<_>, Vec<_>) = offered.into_iter().partition(may_follow);
        match refused.first() {
            Some(file) if followed.is_empty() => Err(HttpError::Redirect {
                url: shown_url(&base),
                to: shown_url(&file.url),
                why: self
                    .http
                    .check_way(index, &file.url)
                    .err()
                    .unwrap_or_default()
                    .to_owned(),
            }
            .into()),
            _ => Ok(Some(followed)),
        }
    }

    /// The candidate with its digest, for which its bytes are needed where neither lock nor index tells it.
    fn settled(
        &self,
        package: &Package,
        candidate: Candidate,
        progress: OnProgress<'_>,
    ) -> Result<Chosen, IndexError> {
        let Candidate {
            filename,
            sha256,
            size,
            yanked,
            source,
        } = candidate;
        let only = || match package.allowed.len() {
            1 => package.allowed.first().cloned(),
            _ => None,
        };
        let sha256 = match sha256.or_else(only) {
            Some(sha256) => sha256,
            None => {
                self.stored(&filename, &source, size, &package.allowed, progress)?
                    .0
            }
        };
        Ok(Chosen {
            name: package.name.clone(),
            version: package.version.clone(),
            filename,
            sha256,
            size,
            yanked,
            source,
        })
    }
}

/// The best wheel, else a source distribution; of those with a digest of the lock, where there are any.
fn best(package: &Package, candidates: Vec<Candidate>, tags: &Tags) -> Option<Candidate> {
    let (sure, unsure): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .filter(|file| is_possible(package, file.sha256.as_ref()))
        .partition(|file| file.sha256.is_some());
    let candidates = if sure.is_empty() { unsure } else { sure };
    let wheels: Vec<WheelName> = candidates
        .iter()
        .filter_map(|file| file.filename.parse().ok())
        .collect();
    let wheel = tags.best_wheel(&wheels).map(|wheel| wheel.file_name().to_owned());
    let source = || {
        let sources = candidates.iter().map(|file| &file.filename);
        sources
            .filter(|file| file.parse::<WheelName>().is_err())
            .min()
            .cloned()
    };
    let filename = wheel.or_else(source)?;
    candidates.into_iter().find(|file| file.filename == filename)
}

/// Nothing speaks against it being a file of the lock.
fn is_possible(package: &Package, sha256: Option<&Digest>) -> bool {
    sha256.is_none_or(|sha256| package.allowed.contains(sha256))
}

fn from_index(asked: &Secret, file: Offered) -> Candidate {
    Candidate {
        filename: file.filename,
        sha256: file.sha256,
        size: file.size,
        yanked: file.yanked,
        source: Source::Url(with_credentials(file.url, asked)),
    }
}

/// The URL with the index's credentials, where it leads to the same server.
pub(super) fn with_credentials(mut url: Url, asked: &Secret) -> Secret {
    if let Ok(with) = Url::parse(asked.reveal())
        && is_same_server(&with, &url)
    {
        // Fails for URLs without a host alone.
        let _ = url.set_username(with.username());
        let _ = url.set_password(with.password());
    }
    Secret::new(url.as_str())
}

fn at_url(url: &str) -> Candidate {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    Candidate {
        filename: percent_decode_str(last).decode_utf8_lossy().into_owned(),
        sha256: None,
        size: None,
        yanked: None,
        source: Source::Url(Secret::new(url)),
    }
}

/// Files of a local folder with a digest of the lock.
fn in_folder(package: &Package, folder: &Folder) -> Result<Vec<Candidate>, IndexError> {
    let is_of_package = |file: &&String| {
        named(file).is_some_and(|(name, version)| name == package.name && version == package.version)
    };
    let mut found = Vec::new();
    for file in folder.files.iter().filter(is_of_package) {
        let path = folder.path.join(file);
        let sha256 = digest_of(&path).map_err(|error| IndexError::Folder {
            folder: path.clone(),
            error,
        })?;
        // Its length decides the plan of layers: who has it here need not copy it to learn that.
        let size = fs::metadata(&path).ok().map(|metadata| metadata.len());
        found.push(Candidate {
            filename: file.clone(),
            sha256: Some(sha256),
            size,
            yanked: None,
            source: Source::Local(path),
        });
    }
    Ok(found)
}

/// The newest versions among files, the newest first.
fn newest(package: &Package, files: &[Offered]) -> Vec<Version> {
    let versions = files.iter().filter_map(|file| named(&file.filename));
    let of_package = versions.filter(|(name, _)| *name == package.name);
    let versions: BTreeSet<Version> = of_package.map(|(_, version)| version).collect();
    versions.into_iter().rev().take(VERSIONS_SHOWN).collect()
}

fn other_files(package: &Package, index: String, got: Option<String>) -> IndexError {
    IndexError::OtherFiles {
        name: package.name.clone(),
        version: package.version.clone(),
        index,
        expected: shown_digests(&package.allowed),
        got: got.unwrap_or_default(),
    }
}

fn no_fit(package: &Package, target: &Target) -> IndexError {
    IndexError::NoFit {
        name: package.name.clone(),
        version: package.version.clone(),
        target: target.to_string(),
    }
}
