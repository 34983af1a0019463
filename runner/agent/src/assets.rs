//! Where the worker, its shim, the loader and the IPython kits are on this machine: a folder named by
//! `NBVET_ASSETS`, or the archive within this binary, unpacked once. Knows nothing of sessions.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::elf::Libc;

static ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/assets.tar.gz"));
const HASH: &str = env!("NBVET_ASSETS_HASH");

/// Why there is no worker to start.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// Built without an archive.
    #[error("this build of nbvet carries no worker")]
    NotBuiltIn,
    /// `NBVET_ASSETS` names something else.
    #[error("`NBVET_ASSETS` is {0}, which has no `loader.py`")]
    NotAssets(PathBuf),
    /// The archive cannot be unpacked anywhere.
    #[error("the worker could not be unpacked to {path}: {error}")]
    Unpack {
        /// The last folder that was tried.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl AssetsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuiltIn => {
                "run `cargo xtask assets` and build nbvet again, or set NBVET_ASSETS to a folder of assets"
            }
            Self::NotAssets(_) => "let NBVET_ASSETS name a folder made by `cargo xtask assets`, or unset it",
            Self::Unpack { .. } => "give nbvet a folder it can write, by HOME, XDG_CACHE_HOME or TMPDIR",
        }
    }
}

/// The folder of assets. Any number of processes may ask at once.
#[derive(Debug, Clone)]
pub struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// Finds the folder, unpacking it where that was not done yet.
    pub fn find() -> Result<Self, AssetsError> {
        if let Some(folder) = env::var_os("NBVET_ASSETS")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
        {
            return Self::in_folder(&folder);
        }
        if ARCHIVE.is_empty() {
            return Err(AssetsError::NotBuiltIn);
        }
        unpack_somewhere(ARCHIVE, HASH, &caches()).map(|folder| Self { folder })
    }

    /// Assets in a folder that exists.
    pub fn in_folder(folder: &Path) -> Result<Self, AssetsError> {
        match folder.canonicalize() {
            Ok(folder) if folder.join("loader.py").is_file() => Ok(Self { folder }),
            _ => Err(AssetsError::NotAssets(folder.to_owned())),
        }
    }

    /// The program given to `python -c`.
    pub(crate) fn loader(&self) -> io::Result<String> {
        fs::read_to_string(self.folder.join("loader.py"))
    }

    /// The worker for interpreters of this C library, if there is one.
    pub(crate) fn worker(&self, libc: Libc) -> Option<PathBuf> {
        let library = match libc {
            Libc::Gnu => "gnu",
            Libc::Musl => "musl",
        };
        Some(
            self.folder
                .join("worker")
                .join(library)
                .join("nbvet_worker.abi3.so"),
        )
        .filter(|path| path.is_file())
    }

    /// The package of the Python shim.
    pub(crate) fn shim(&self) -> PathBuf {
        self.folder.join("shim/nbvet_shim")
    }

    /// Whether any IPython kit is there.
    pub(crate) fn has_kits(&self) -> bool {
        self.folder.join("kit").is_dir()
    }

    /// The IPython kit for a version of Python.
    pub(crate) fn kit(&self, (major, minor): (u32, u32)) -> Option<PathBuf> {
        let name = match (major, minor) {
            (3, 9) => "py39",
            (3, 10) => "py310",
            (3, 11..) => "py311",
            _ => return None,
        };
        Some(self.folder.join("kit").join(name)).filter(|path| path.is_dir())
    }
}

/// Folders to unpack into, best first.
fn caches() -> Vec<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let temporary = env::temp_dir().join(format!("nbvet-{}", rustix::process::geteuid().as_raw()));
    cache
        .map(|cache| cache.join("nbvet"))
        .into_iter()
        .chain([temporary])
        .collect()
}

fn unpack_somewhere(archive: &[u8], hash: &str, caches: &[PathBuf]) -> Result<PathBuf, AssetsError> {
    let mut failed = AssetsError::NotBuiltIn;
    for cache in caches {
        let path = cache.join("assets").join(hash);
        match unpack(archive, &path) {
            Ok(()) => return Ok(path),
            Err(error) => failed = AssetsError::Unpack { path, error },
        }
    }
    Err(failed)
}

/// Unpacks beside the goal and renames: whoever sees the goal sees all of it.
fn unpack(archive: &[u8], goal: &Path) -> io::Result<()> {
    let parent = goal.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    // A folder of somebody else could hold anything: shared temporary folders are open to all.
    if fs::symlink_metadata(parent)?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder belongs to another user",
        ));
    }
    if goal.is_dir() {
        return Ok(());
    }
    let beside = tempfile::Builder::new()
        .prefix(".unpacking-")
        .tempdir_in(parent)?;
    tar::Archive::new(GzDecoder::new(archive)).unpack(beside.path())?;
    match fs::rename(beside.path(), goal) {
        // Another process was faster.
        Err(_) if goal.is_dir() => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt, thread};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in [("loader.py", "pass\n"), ("kit/py311/IPython/__init__.py", "")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .expect("memory takes it");
        }
        builder
            .into_inner()
            .expect("memory takes it")
            .finish()
            .expect("memory takes it")
    }

    #[test]
    fn many_may_unpack_at_once_and_all_see_everything() {
        let cache = tempfile::tempdir().expect("a folder");
        let (archive, caches) = (archive(), [cache.path().to_owned()]);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = unpack_somewhere(&archive, "abc", &caches).expect("it unpacks");
                    let assets = Assets::in_folder(&folder).expect("they are assets");
                    assert_eq!(assets.loader().expect("it is there"), "pass\n");
                    assert!(assets.kit((3, 14)).is_some() && assets.kit((3, 9)).is_none());
                });
            }
        });
        let left: Vec<_> = fs::read_dir(cache.path().join("assets"))
            .expect("a folder")
            .collect();
        assert_eq!(left.len(), 1, "nothing half done is left: {left:?}");
        let mode = fs::metadata(cache.path().join("assets"))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn where_the_cache_cannot_be_written_the_next_folder_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::File::create(&file)
            .and_then(|mut file| file.write_all(b"x"))
            .expect("it can be written");
        let unpacked = unpack_somewhere(&archive(), "abc", &[file, folder.path().join("second")]);
        assert_eq!(
            unpacked.expect("the second works"),
            folder.path().join("second/assets/abc")
        );
    }

    #[test]
    fn a_folder_without_a_loader_is_refused_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Assets::in_folder(folder.path()).expect_err("it is empty");
        assert!(
            error.to_string().contains(&*folder.path().to_string_lossy()),
            "{error}"
        );
    }
}
