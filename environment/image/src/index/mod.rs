//! Files of locked packages: found on package indexes or in local folders by their digest, chosen for a target, fetched
//! into a cache and checked on the way. Nothing of a package is run, and what an index says counts less than the lock.

mod cache;
mod choose;
mod config;
mod download;
mod error;
mod known;
pub(crate) mod parallel;
mod releases;
mod simple;

use std::path::{Path, PathBuf};

use nbvet_deps::{
    Digest, Lock,
    lock::Package,
    target::{Target, WheelName},
};
use pep440_rs::Version;
use pep508_rs::PackageName;
use url::Url;

pub use cache::{WheelCache, default_cache};
pub use config::{IndexConfig, PUBLIC_INDEX, Process, Surroundings};
pub use error::IndexError;
pub use releases::MAX_ASKED;

use crate::http::{Http, HttpOptions, Secret};

/// Bytes of one file of a package, at most.
pub const MAX_FILE: u64 = 8 << 30;
/// Files that are asked for at once.
const JOBS: usize = 8;

/// The indexes and folders that packages come from, with a cache for their files.
#[derive(Debug)]
pub struct PackageIndex {
    http: Http,
    /// With credentials, where there are any.
    indexes: Vec<(Url, Secret)>,
    folders: Vec<Folder>,
    cache: WheelCache,
}

/// A local folder of wheels, as it was when it was first looked at.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    files: Vec<String>,
}

/// The file of a locked package that an image of some target gets.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The file's name: of a wheel, or of a source distribution where no wheel fits ([`Chosen::is_wheel`]).
    pub filename: String,
    /// Its digest, one of those that the lock allows.
    pub sha256: Digest,
    /// Its size, where the index says it.
    pub size: Option<u64>,
    /// Its index says that it was withdrawn, and why (may be empty).
    pub yanked: Option<String>,
    source: Source,
}

/// Where a file is.
#[derive(Debug, Clone)]
enum Source {
    /// In the cache, of the right length; its bytes are looked at when they are needed. Most never are: the layer that
    /// holds them is known. The package and the target find the file again where they are wrong.
    Cached(PathBuf, Box<(Package, Target)>),
    Local(PathBuf),
    /// With credentials where they belong to the same server.
    Url(Secret),
}

/// What is being done, for who waits.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'p> {
    /// It is known which file a package gets.
    Chosen(&'p str),
    /// A file begins to arrive, with its size where that is known.
    Started(&'p str, Option<u64>),
    /// So many bytes more of a file.
    Received(&'p str, u64),
    /// A file is there, whole and with the right digest.
    Finished(&'p str),
}

/// Called from several threads.
pub type OnProgress<'p> = &'p (dyn Fn(Progress<'_>) + Sync);

impl IndexConfig {
    /// Options of a client that believes and asks whom these settings name.
    pub fn http_options(&self, mut options: HttpOptions) -> HttpOptions {
        options.ca_files.extend(self.ca_files.iter().cloned());
        options.insecure_hosts.extend(self.trusted_hosts.iter().cloned());
        options
    }
}

impl PackageIndex {
    /// Indexes by their settings, with a client made by [`IndexConfig::http_options`] and a cache.
    pub fn new(config: &IndexConfig, http: Http, cache: WheelCache) -> Result<Self, IndexError> {
        let indexes = config.indexes.iter().map(index_url).collect::<Result<_, _>>()?;
        let folders = config.folders.iter().map(|path| Folder::list(path));
        Ok(Self {
            http,
            indexes,
            folders: folders.collect::<Result<_, _>>()?,
            cache,
        })
    }

    /// The file of each package of a lock that fits a target best, in the order of the lock. Files whose digest no page
    /// tells are fetched for it; those chosen before are known without a question.
    pub fn choose(
        &self,
        lock: &Lock,
        target: &Target,
        progress: OnProgress<'_>,
    ) -> Result<Vec<Chosen>, IndexError> {
        let tags = target.tags();
        parallel::each(lock.packages(), JOBS, |package| {
            let chosen = self.choose_one(package, target, &tags, progress)?;
            progress(Progress::Chosen(&chosen.filename));
            Ok(chosen)
        })
    }

    /// The files, in the cache, in the same order.
    pub fn fetch(&self, chosen: &[Chosen], progress: OnProgress<'_>) -> Result<Vec<PathBuf>, IndexError> {
        parallel::each(chosen, JOBS, |chosen| self.fetch_one(chosen, progress))
    }

    /// The cache.
    pub const fn cache(&self) -> &WheelCache {
        &self.cache
    }
}

impl Chosen {
    /// It can be unpacked as it is; anything else would have to be built.
    pub fn is_wheel(&self) -> bool {
        self.filename.parse::<WheelName>().is_ok()
    }
}

impl Folder {
    fn list(path: &Path) -> Result<Self, IndexError> {
        let failed = |error| IndexError::Folder {
            folder: path.to_owned(),
            error,
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            files.extend(name.to_str().map(str::to_owned));
        }
        files.sort();
        Ok(Self {
            path: path.to_owned(),
            files,
        })
    }
}

/// For [`crate::hostile`].
pub(crate) fn page(body: &[u8], content_type: &str, base: &Url) -> Result<usize, String> {
    simple::page(body, Some(content_type), base).map(|offered| offered.len())
}

/// The URL of an index as it may be shown, and as it is asked: with credentials and a `/` at its end.
fn index_url(text: &Secret) -> Result<(Url, Secret), IndexError> {
    let bad = || IndexError::BadIndex {
        url: nbvet_deps::masked(text.reveal()).into_owned(),
    };
    let mut url = Url::parse(text.reveal()).map_err(|_| bad())?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(bad());
    }
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    let asked = Secret::new(url.as_str());
    // Fails for URLs without a host alone.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok((url, asked))
}
