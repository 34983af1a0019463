//! The one form that every accepted dependency file becomes: each distribution with its version and the digests that
//! its file may have. Its bytes are part of an image's identity, so the same lock has the same bytes wherever it came
//! from.

mod complete;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::PackageName;

pub use complete::{Incomplete, Lacking, Why, is_plain_url, not_wheels, sha256};
pub use text::BadLock;

use crate::{Digest, target::WheelName};

/// Everything that is installed, resolved for one target: no ranges, no markers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    packages: Vec<Package>,
}

/// One distribution of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Where its file comes from.
    pub origin: Origin,
    /// The SHA-256 digests that its file may have; never empty in a lock.
    pub allowed: BTreeSet<Digest>,
    /// The file that the dependency file named for the target. Not in the lock's text: only digests count there.
    pub file: Option<LockedFile>,
}

/// Where a distribution's file comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The package index, by name.
    Index,
    /// This URL (`https:` or `http:`, without credentials and fragment).
    Url(String),
}

/// A file that a dependency file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// Its name.
    pub filename: String,
    /// Where it is, if that is said.
    pub url: Option<String>,
    /// Its digest.
    pub sha256: Digest,
    /// Its size, if that is said.
    pub size: Option<u64>,
}

impl Lock {
    /// A lock of these distributions; the last of those with one name counts.
    pub fn new(packages: impl IntoIterator<Item = Package>) -> Self {
        let by_name = packages
            .into_iter()
            .map(|package| (package.name.clone(), package));
        let by_name: BTreeMap<_, _> = by_name.collect();
        Self {
            packages: by_name.into_values().collect(),
        }
    }

    /// The distributions, by name.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// One of them.
    pub fn get(&self, name: &PackageName) -> Option<&Package> {
        let found = self.packages.binary_search_by(|package| package.name.cmp(name));
        found.ok().map(|at| &self.packages[at])
    }

    /// With what another lock holds besides; of two distributions with one name this lock's counts.
    #[must_use]
    pub fn with(&self, further: &Self) -> Self {
        Self::new(further.packages.iter().chain(&self.packages).cloned())
    }

    /// What it holds, in one line: `six==1.17.0 tzdata==2024.2`.
    pub fn pins(&self) -> String {
        let pin = |package: &Package| format!("{}=={}", package.name, package.version);
        self.packages.iter().map(pin).collect::<Vec<_>>().join(" ")
    }

    /// What the lock's text hashes to.
    pub fn digest(&self) -> Digest {
        Digest::sha256(self.to_string().as_bytes())
    }

    /// Distributions whose file is known to be source: making wheels of them runs their code.
    pub fn need_build(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.needs_build())
    }
}

impl Package {
    /// Its file is known, and is no wheel.
    pub fn needs_build(&self) -> bool {
        let name = match (&self.file, &self.origin) {
            (Some(file), _) => &*file.filename,
            (None, Origin::Url(url)) => file_name(url),
            (None, Origin::Index) => return false,
        };
        !is_wheel(name)
    }
}

fn is_wheel(name: &str) -> bool {
    name.parse::<WheelName>().is_ok()
}

/// The last part of a URL's path, with `%2B` and the like read.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

/// Name and version out of a file's name: of a wheel, or of a source distribution (`six-1.17.0.tar.gz`). A name that
/// tells them holds no `/` and nothing else that could lead out of a folder.
pub fn named(file: &str) -> Option<(PackageName, Version)> {
    let file = file.replace("%2B", "+").replace("%2b", "+").replace("%21", "!");
    if let Ok(wheel) = file.parse::<WheelName>() {
        return Some((wheel.name().clone(), wheel.version().clone()));
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"]
        .iter()
        .find_map(|end| file.strip_suffix(end))?;
    let (name, version) = stem.rsplit_once('-')?;
    if name.is_empty() {
        return None;
    }
    Some((PackageName::new(name.to_owned()).ok()?, version.parse().ok()?))
}
