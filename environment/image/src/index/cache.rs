//! Files of packages by digest, on this machine: `wheels/<sha256>/<file name>`. What is there is whole: files get their
//! name after their digest was checked. Several programs may use it at once.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nbvet_deps::{Digest, lock::Package, target::Target};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Chosen, IndexError, MAX_FILE, Source, Surroundings};

/// What files are called while they arrive.
const PART: &str = ".part-";
/// No download takes longer; what is older was interrupted.
const STALE: Duration = Duration::from_hours(24);

/// A cache of files by digest.
#[derive(Debug, Clone)]
pub struct WheelCache {
    folder: PathBuf,
}

/// How storing a file failed.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The source broke off.
    Source(io::Error),
    /// The bytes are not those that are allowed.
    Digest(Digest),
    /// There is no end of it.
    TooLarge,
    /// The cache failed.
    Cache(IndexError),
}

/// Which file a package got for a target.
#[derive(Serialize, Deserialize)]
struct Choice {
    filename: String,
    sha256: String,
    /// Of the file, where that was known.
    #[serde(default)]
    size: Option<u64>,
    yanked: Option<String>,
}

/// `$XDG_CACHE_HOME/nbvet/wheels`, else `~/.cache/nbvet/wheels`.
pub fn default_cache(surroundings: &dyn Surroundings) -> Option<PathBuf> {
    let variable = |name: &str| surroundings.variable(name).map(PathBuf::from);
    let caches = variable("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("nbvet/wheels"))
}

impl WheelCache {
    /// A cache in a folder, which is made where it is missing. What interrupted downloads left there is removed.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let cache = Self {
            folder: folder.to_owned(),
        };
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let entries = fs::read_dir(folder).map_err(|error| failed(folder, error))?;
        for entry in entries.flatten() {
            let is_part = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(PART));
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            let age = changed
                .ok()
                .and_then(|at| SystemTime::now().duration_since(at).ok());
            if is_part && age.is_some_and(|age| age > STALE) {
                // Another program may have been faster.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(cache)
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file is, or would be.
    pub fn path(&self, sha256: &Digest, filename: &str) -> PathBuf {
        self.folder.join(sha256.hex()).join(filename)
    }

    /// The file, if it is there and its bytes are right; a damaged one is removed.
    pub fn get(&self, sha256: &Digest, filename: &str) -> Option<PathBuf> {
        let path = self.path(sha256, filename);
        let got = digest_of(&path).ok()?;
        if got == *sha256 {
            return Some(path);
        }
        let _ = fs::remove_file(&path);
        None
    }

    /// Stores what a reader gives, if its digest is one of those allowed. `filename` was checked by
    /// [`nbvet_deps::lock::named`].
    pub(super) fn store(
        &self,
        filename: &str,
        reader: &mut dyn Read,
        allowed: &BTreeSet<Digest>,
        limit: u64,
        received: &dyn Fn(u64),
    ) -> Result<(Digest, PathBuf), StoreError> {
        let cache = |error| StoreError::Cache(failed(&self.folder, error));
        let mut part = tempfile::Builder::new()
            .prefix(PART)
            .tempfile_in(&self.folder)
            .map_err(cache)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let mut length = 0_u64;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoreError::Source(error)),
            };
            length += read as u64;
            if length > limit {
                return Err(StoreError::TooLarge);
            }
            hasher.update(&buffer[..read]);
            part.write_all(&buffer[..read]).map_err(cache)?;
            received(read as u64);
        }
        let got = Digest::of_sha256(hasher.finalize().into());
        if !allowed.contains(&got) {
            return Err(StoreError::Digest(got));
        }
        let path = self.path(&got, filename);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(cache)?;
        part.persist(&path).map_err(|error| cache(error.error))?;
        Ok((got, path))
    }

    /// The file that a package got for a target the last time, if it is still there and as long as it was.
    pub(super) fn choice(&self, package: &Package, target: &Target) -> Option<Chosen> {
        let text = fs::read(self.choice_path(package, target)).ok()?;
        let choice: Choice = serde_json::from_slice(&text).ok()?;
        let sha256: Digest = choice.sha256.parse().ok()?;
        let (name, version) = nbvet_deps::lock::named(&choice.filename)?;
        let is_this = name == package.name && version == package.version && package.allowed.contains(&sha256);
        if !is_this {
            return None;
        }
        let path = self.path(&sha256, &choice.filename);
        let length = fs::metadata(&path).ok()?.len();
        if choice.size.is_some_and(|size| size != length) {
            return None;
        }
        Some(Chosen {
            name,
            version,
            filename: choice.filename,
            sha256,
            size: Some(length),
            yanked: choice.yanked,
            source: Source::Cached(path, Box::new((package.clone(), target.clone()))),
        })
    }

    /// Keeps which file a package got. The lock's digests decide which files come into question, so that the answer
    /// does not age. A cache that cannot be written is told by who stores files.
    pub(super) fn keep_choice(&self, package: &Package, target: &Target, chosen: &Chosen) {
        let choice = Choice {
            filename: chosen.filename.clone(),
            sha256: chosen.sha256.to_string(),
            size: chosen.size,
            yanked: chosen.yanked.clone(),
        };
        let path = self.choice_path(package, target);
        let folder = path.parent().unwrap_or(&self.folder);
        let _ = fs::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|mut file| {
                serde_json::to_writer(&mut file, &choice)?;
                file.persist(&path).map_err(|error| error.error)
            });
    }

    fn choice_path(&self, package: &Package, target: &Target) -> PathBuf {
        let key = Digest::sha256(format!("{target}\n{package}").as_bytes());
        self.folder.join("chosen").join(key.hex())
    }
}

/// Opens a file that has an end, and not too late a one.
pub(super) fn ordinary(path: &Path) -> io::Result<fs::File> {
    // Without NONBLOCK a named pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    if metadata.len() > MAX_FILE {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(file)
}

pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = ordinary(path)?.take(MAX_FILE);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::of_sha256(hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

pub(super) fn failed(path: &Path, error: io::Error) -> IndexError {
    IndexError::Cache {
        path: path.to_owned(),
        error,
    }
}
