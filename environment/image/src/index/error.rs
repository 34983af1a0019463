//! Why a locked package has no file here.

use std::{io, path::PathBuf};

use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::http::HttpError;

/// What can go wrong between a lock and its files. Messages hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not the URL of an index.
    #[error("`{url}` is not the URL of a package index; `https://HOST/simple` is expected")]
    BadIndex {
        /// Without credentials.
        url: String,
    },
    /// A folder of wheels cannot be listed.
    #[error("the folder of wheels {} cannot be read: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// No index has the name.
    #[error("{name} is on none of {asked}")]
    NoPackage {
        /// The package.
        name: PackageName,
        /// Indexes and folders.
        asked: String,
    },
    /// The index has other versions.
    #[error(
        "{name} {version} is not on {index}, which has {}; lock a version that is there",
        listed(known)
    )]
    NoVersion {
        /// The package.
        name: PackageName,
        /// The version of the lock.
        version: Version,
        /// Where it was looked for.
        index: String,
        /// The newest versions that are there.
        known: Vec<Version>,
    },
    /// The index has other files of this version.
    #[error(
        "no file of {name} {version} on {index} has a digest of the lock: expected {expected}, got {got}; if the lock was made from another index, make it anew, else do not use what is there"
    )]
    OtherFiles {
        /// The package.
        name: PackageName,
        /// The version of the lock.
        version: Version,
        /// Where it was looked for.
        index: String,
        /// A digest of the lock.
        expected: String,
        /// A digest of the index.
        got: String,
    },
    /// The files of the lock are for other platforms.
    #[error(
        "{name} {version}: none of the locked files fits {target}; lock it for that platform (`uv pip compile --python-version … --python-platform …`)"
    )]
    NoFit {
        /// The package.
        name: PackageName,
        /// The version of the lock.
        version: Version,
        /// What it should fit.
        target: String,
    },
    /// The file is not the one of the lock.
    #[error(
        "{file} from {from} has another digest than the lock allows: expected {expected}, got {got}; it is not used"
    )]
    WrongDigest {
        /// The file.
        file: String,
        /// Where it came from, without credentials.
        from: String,
        /// A digest of the lock.
        expected: String,
        /// That of the bytes.
        got: String,
    },
    /// Larger than anything that belongs into an image.
    #[error("{file} from {from} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// Where it came from, without credentials.
        from: String,
        /// The limit.
        limit: u64,
    },
    /// The answer broke off, again and again.
    #[error("{file} from {from} broke off: {error}")]
    BrokenOff {
        /// The file.
        file: String,
        /// Where it came from, without credentials.
        from: String,
        /// How.
        error: io::Error,
    },
    /// The cache cannot be written or read.
    #[error("the cache of wheels {} cannot be used: {error}", path.display())]
    Cache {
        /// Which part of it.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// An index gave a page that is none.
    #[error("{url}: {why}")]
    Page {
        /// The page.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The index wants other credentials.
    #[error("{url} wants {} (status {status})", if *.with { "other credentials" } else { "credentials" })]
    Credentials {
        /// The page.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Some were given.
        with: bool,
    },
    /// More is pinned than anybody installs.
    #[error(
        "{asked} distributions are pinned; an index is asked about at most {}",
        super::MAX_ASKED
    )]
    TooManyAsked {
        /// How many.
        asked: usize,
    },
    /// The index cannot be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
}

fn listed(versions: &[Version]) -> String {
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    match versions.len() {
        0 => "no file that can be used".to_owned(),
        _ => versions.join(", "),
    }
}
