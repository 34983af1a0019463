//! A copy of a notebook's folder to run in (`--isolated-copy`): what the notebook writes there changes nothing of the
//! user's, and goes away with the copy.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nbvet_report::{FailureKind, RunFailure};
use tempfile::TempDir;

use crate::usage::shown;

/// What may be copied at most.
const MOST_BYTES: u64 = 4 << 30;
const MOST_FILES: u64 = 200_000;

/// A copy of a folder, gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Copy {
    folder: Option<TempDir>,
}

impl Copy {
    /// Copies a folder for `--isolated-copy`.
    pub(crate) fn of(folder: &Path) -> Result<Self, RunFailure> {
        Self::at_most(folder, MOST_BYTES, MOST_FILES).map_err(|error| RunFailure {
            kind: FailureKind::Unwritable,
            message: format!("failed to copy {} for `--isolated-copy`: {error}", shown(folder)),
            hint: (error.kind() == io::ErrorKind::FileTooLarge)
                .then(|| "keep large data outside of the notebook's folder, or run without it".to_owned()),
        })
    }

    /// Copies a folder, but for virtual environments, git's own folder and Jupyter's checkpoints. Links stay links,
    /// and those that lead to a place within the folder by its own name stay within the copy. A folder with more in it
    /// than that is not copied.
    pub(crate) fn at_most(folder: &Path, bytes: u64, files: u64) -> io::Result<Self> {
        let source = fs::canonicalize(folder)?;
        let target = fs::canonicalize(std::env::temp_dir())
            .and_then(|folder| tempfile::Builder::new().prefix("nbvet-copy-").tempdir_in(folder))?;
        let copy = Self { folder: Some(target) };
        let mut copying = Copying {
            source: &source,
            target: copy.path(),
            most: (bytes, files),
            bytes: 0,
            files: 0,
        };
        copying.folder(Path::new(""))?;
        Ok(copy)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }
}

impl Drop for Copy {
    /// A notebook may have made folders that nobody may enter.
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else { return };
        let path = folder.keep();
        if fs::remove_dir_all(&path).is_err() {
            open_up(&path);
            // Nothing else can be done about it.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

struct Copying<'a> {
    source: &'a Path,
    target: &'a Path,
    /// Bytes and files that may be copied.
    most: (u64, u64),
    bytes: u64,
    files: u64,
}

impl Copying<'_> {
    fn folder(&mut self, within: &Path) -> io::Result<()> {
        for entry in fs::read_dir(self.source.join(within))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = within.join(entry.file_name());
            let (from, to) = (entry.path(), self.target.join(&name));
            if kind.is_symlink() {
                std::os::unix::fs::symlink(self.link(&from)?, &to)?;
            } else if kind.is_dir() {
                let is_left_out = from == self.target
                    || entry.file_name() == ".git"
                    || entry.file_name() == ".ipynb_checkpoints"
                    || from.join("pyvenv.cfg").is_file();
                if !is_left_out {
                    fs::create_dir(&to)?;
                    self.folder(&name)?;
                    fs::set_permissions(&to, entry.metadata()?.permissions())?;
                }
            } else if kind.is_file() {
                self.count(entry.metadata()?.len())?;
                fs::copy(&from, &to)?;
            }
            // A pipe, a socket or a device cannot be copied.
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> io::Result<()> {
        self.files += 1;
        self.bytes += bytes;
        let (bytes, files) = self.most;
        if self.bytes > bytes || self.files > files {
            let message = format!("it holds more than {} MiB or {files} files", bytes >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(())
    }

    /// Where a copied link leads: within the copy where it led within the folder.
    fn link(&self, from: &Path) -> io::Result<PathBuf> {
        let aim = fs::read_link(from)?;
        Ok(match aim.strip_prefix(self.source) {
            Ok(within) => self.target.join(within),
            // A relative link that leaves the folder would miss its aim.
            Err(_) if aim.is_relative() => {
                let whole = from.parent().unwrap_or(self.source).join(&aim);
                match fs::canonicalize(&whole) {
                    Ok(real) if !real.starts_with(self.source) => real,
                    Ok(_) | Err(_) => aim,
                }
            }
            Err(_) => aim,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_copied_without_environments_and_its_links_stay_within() {
        let there = tempfile::tempdir().unwrap();
        let folder = there.path().join("nbs");
        fs::create_dir_all(folder.join("data")).unwrap();
        fs::create_dir_all(folder.join(".venv/lib")).unwrap();
        fs::write(folder.join(".venv/pyvenv.cfg"), "").unwrap();
        fs::write(folder.join("data/a.csv"), "1").unwrap();
        fs::write(there.path().join("outside.csv"), "2").unwrap();
        symlink("data/a.csv", folder.join("relative")).unwrap();
        symlink(folder.join("data/a.csv"), folder.join("absolute")).unwrap();
        symlink("../outside.csv", folder.join("outside")).unwrap();

        let copy = Copy::of(&folder).unwrap();
        for link in ["relative", "absolute"] {
            fs::write(copy.path().join(link), "changed").unwrap();
            assert_eq!(
                fs::read_to_string(folder.join("data/a.csv")).unwrap(),
                "1",
                "{link}"
            );
        }
        assert_eq!(fs::read_to_string(copy.path().join("outside")).unwrap(), "2");
        assert!(!copy.path().join(".venv").exists());
    }

    #[test]
    fn nothing_of_a_copy_is_left_even_where_nobody_may_enter() {
        let folder = tempfile::tempdir().unwrap();
        let copy = Copy::of(folder.path()).unwrap();
        let (path, closed) = (copy.path().to_owned(), copy.path().join("closed/inner"));
        fs::create_dir_all(&closed).unwrap();
        fs::write(closed.join("a"), "").unwrap();
        fs::set_permissions(path.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        drop(copy);
        assert!(!path.exists());
    }
}
