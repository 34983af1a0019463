//! Where the worker, its shim, the loader and the IPython kits are on this machine: a folder named by
//! `NBVET_ASSETS`, or the archive within this binary, unpacked once and
//! again when what lies there is not what the binary carries. Knows nothing of sessions.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    elf::Libc,
    intact::{is_intact, is_private},
};

static ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/assets.tar.gz"));
/// Every file of the archive with its digest.
static LIST: &str = include_str!(concat!(env!("OUT_DIR"), "/assets.list"));
const HASH: &str = env!("NBVET_ASSETS_HASH");

/// Why there is no worker to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetsError {
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
    pub(crate) fn hint(&self) -> &'static str {
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
pub(crate) struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// Finds the folder, unpacking it where that was not done yet. `kit`: the version of Python whose kit is needed.
    pub(crate) fn find(kit: Option<(u32, u32)>) -> Result<Self, AssetsError> {
        if let Some(folder) = env::var_os("NBVET_ASSETS")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
        {
            return Self::in_folder(&folder);
        }
        if ARCHIVE.is_empty() {
            return Err(AssetsError::NotBuiltIn);
        }
        unpack_somewhere(ARCHIVE, LIST, HASH, kit.and_then(kit_name), &caches()).map(|folder| Self { folder })
    }

    /// Assets in a folder that exists.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, AssetsError> {
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

    /// The IPython kit for a version of Python.
    pub(crate) fn kit(&self, python: (u32, u32)) -> Option<PathBuf> {
        Some(self.folder.join("kit").join(kit_name(python)?)).filter(|path| path.is_dir())
    }
}

/// Why a folder did not get the assets.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Built without an archive.
    #[error("this build of nbvet carries no worker: run `cargo xtask assets` and build it again")]
    NotBuiltIn,
    /// The folder cannot be written.
    #[error("{}: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Puts the worker, its shim, the loader and all kits into a folder, for an agent that is told of it by `NBVET_ASSETS`: in
/// another container, which may neither write nor unpack anything. Whoever may read the folder above may read them.
pub fn install_assets(folder: &Path) -> Result<(), InstallError> {
    if ARCHIVE.is_empty() {
        return Err(InstallError::NotBuiltIn);
    }
    let written = || {
        let parent = folder.parent().unwrap_or(Path::new("/"));
        let beside = tempfile::Builder::new()
            .prefix(".unpacking-")
            .tempdir_in(parent)?;
        tar::Archive::new(GzDecoder::new(ARCHIVE)).unpack(beside.path())?;
        fs::set_permissions(beside.path(), fs::Permissions::from_mode(0o755))?;
        put_in_place(beside.path(), folder)
    };
    written().map_err(|error| InstallError::Folder {
        folder: folder.to_owned(),
        error,
    })
}

fn kit_name(python: (u32, u32)) -> Option<&'static str> {
    match python {
        (3, 9) => Some("py39"),
        (3, 10) => Some("py310"),
        (3, 11..) => Some("py311"),
        _ => None,
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

fn unpack_somewhere(
    archive: &[u8],
    list: &str,
    hash: &str,
    kit: Option<&str>,
    caches: &[PathBuf],
) -> Result<PathBuf, AssetsError> {
    let mut failed = AssetsError::NotBuiltIn;
    for cache in caches {
        let path = cache.join("assets").join(hash);
        match unpack(archive, list, kit, &path) {
            Ok(()) => return Ok(path),
            Err(error) => failed = AssetsError::Unpack { path, error },
        }
    }
    Err(failed)
}

/// Unpacks beside the goal and renames: whoever sees the goal sees all of it.
fn unpack(archive: &[u8], list: &str, kit: Option<&str>, goal: &Path) -> io::Result<()> {
    let parent = goal.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    // A folder that somebody else can write could hold anything: shared temporary folders are open to all.
    if !is_private(parent) || !parent.parent().is_some_and(is_private) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "another user can write to the folder, or it is a link",
        ));
    }
    if is_intact(goal, list, kit) {
        return Ok(());
    }
    let beside = tempfile::Builder::new()
        .prefix(".unpacking-")
        .tempdir_in(parent)?;
    tar::Archive::new(GzDecoder::new(archive)).unpack(beside.path())?;
    put_in_place(beside.path(), goal)?;
    if is_intact(goal, list, kit) {
        Ok(())
    } else {
        Err(io::Error::other(
            "what was unpacked there is not what was written",
        ))
    }
}

/// Puts the folder where the goal is, and what was there, if anything, to where the folder was.
fn put_in_place(folder: &Path, goal: &Path) -> io::Result<()> {
    if fs::rename(folder, goal).is_ok()
        || renameat_with(CWD, folder, CWD, goal, RenameFlags::EXCHANGE).is_ok()
    {
        return Ok(());
    }
    // A file system that cannot exchange two names: for a moment there is nothing.
    let before = folder.with_extension("before");
    fs::rename(goal, &before)?;
    fs::rename(folder, goal)?;
    fs::rename(before, folder)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt, thread};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const KIT: Option<&str> = Some("py311");
    const FILES: [(&str, &str); 2] = [("loader.py", "pass\n"), ("kit/py311/IPython/__init__.py", "")];

    fn list() -> String {
        use sha2::{Digest, Sha256};
        FILES.iter().fold(String::new(), |lines, (name, text)| {
            let digest = Sha256::digest(text);
            let hex = digest
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            format!("{lines}{hex} {} {name}\n", text.len())
        })
    }

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in FILES {
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
                    let folder =
                        unpack_somewhere(&archive, &list(), "abc", KIT, &caches).expect("it unpacks");
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
        let unpacked = unpack_somewhere(
            &archive(),
            &list(),
            "abc",
            KIT,
            &[file, folder.path().join("second")],
        );
        assert_eq!(
            unpacked.expect("the second works"),
            folder.path().join("second/assets/abc")
        );
    }

    #[test]
    fn whatever_was_done_to_the_unpacked_files_they_are_right_at_the_next_start() {
        let cache = tempfile::tempdir().expect("a folder");
        let unpacked = || {
            unpack_somewhere(&archive(), &list(), "abc", KIT, &[cache.path().to_owned()]).expect("it unpacks")
        };
        let (goal, elsewhere) = (unpacked(), cache.path().join("elsewhere"));
        let (loader, kit) = (goal.join("loader.py"), goal.join(FILES[1].0));
        let other = "evil\n";
        assert_eq!(other.len(), FILES[0].1.len(), "the size alone does not tell");
        let attacks: [&dyn Fn() -> io::Result<()>; 7] = [
            &|| fs::write(&loader, other),
            &|| fs::remove_file(&loader),
            &|| fs::set_permissions(&loader, fs::Permissions::from_mode(0o666)),
            &|| {
                fs::rename(&loader, &elsewhere)?;
                std::os::unix::fs::symlink(&elsewhere, &loader)
            },
            &|| fs::remove_file(&kit),
            &|| fs::write(&kit, "more"),
            &|| {
                fs::rename(&goal, cache.path().join("moved"))?;
                std::os::unix::fs::symlink(cache.path().join("moved"), &goal)
            },
        ];
        for (number, attack) in attacks.iter().enumerate() {
            attack().expect("it is ours to break");
            assert!(!is_intact(&goal, &list(), KIT), "attack {number} is seen");
            assert_eq!(unpacked(), goal);
            assert_eq!(
                fs::read_to_string(&loader).expect("it is there"),
                FILES[0].1,
                "{number}"
            );
            assert!(is_intact(&goal, &list(), KIT), "attack {number} is undone");
            let left = fs::read_dir(cache.path().join("assets")).expect("a folder");
            assert_eq!(left.count(), 1, "attack {number} leaves nothing");
        }
    }

    #[test]
    fn a_cache_that_others_can_write_is_not_used() {
        let cache = tempfile::tempdir().expect("a folder");
        fs::create_dir(cache.path().join("assets")).expect("it is ours");
        fs::set_permissions(cache.path().join("assets"), fs::Permissions::from_mode(0o777))
            .expect("it is ours");
        let error = unpack_somewhere(&archive(), &list(), "abc", KIT, &[cache.path().to_owned()])
            .expect_err("anybody could have put it there");
        assert!(error.to_string().contains("another user can write"), "{error}");
    }

    #[test]
    fn installed_assets_are_whole_and_read_by_all_who_may_read_the_folder() {
        let there = tempfile::tempdir().expect("a folder");
        let goal = there.path().join("assets");
        match install_assets(&goal) {
            Err(InstallError::NotBuiltIn) => return,
            installed => installed.expect("it can be written"),
        }
        // A container that was killed is started again.
        install_assets(&goal).expect("it can be written again");
        let assets = Assets::in_folder(&goal).expect("they are assets");
        assert!(assets.worker(Libc::Gnu).is_some() && assets.kit((3, 11)).is_some());
        let mode = fs::metadata(&goal).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(
            fs::read_dir(there.path()).expect("a folder").count(),
            1,
            "nothing else is left"
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
