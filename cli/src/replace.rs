//! A notebook's own file, replaced by what it should hold: whole or not at all, and only if it is still the file that
//! was read.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaceError {
    #[error("the file is read-only")]
    ReadOnly,
    #[error("the file has {0} names (hard links), and the others would keep the old content")]
    HardLinks(u64),
    #[error("it was changed by something else meanwhile")]
    Changed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReplaceError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ReadOnly => Some("`chmod u+w` makes it writable"),
            Self::HardLinks(_) => Some("copy the notebook to a file of its own"),
            Self::Changed => Some("save it where it is open, and run nbvet again"),
            Self::Io(_) => None,
        }
    }
}

/// The file that was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// The ordinary file behind the path.
    pub(crate) path: PathBuf,
    /// The path is a link to it.
    pub(crate) is_link: bool,
}

/// Puts `new` in the place of `old`. Links are followed; permissions and, where that is allowed, the owner stay.
pub(crate) fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<Replaced, ReplaceError> {
    let is_link = fs::symlink_metadata(path)?.is_symlink();
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if metadata.permissions().readonly() {
        return Err(ReplaceError::ReadOnly);
    }
    let names = names(&metadata);
    if names > 1 {
        return Err(ReplaceError::HardLinks(names));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".nbvet-").tempfile_in(folder)?;
    file.write_all(new)?;
    keep_owner(file.as_file(), &metadata);
    file.as_file().set_permissions(metadata.permissions())?;
    file.as_file().sync_all()?;
    if fs::read(&path)? != old {
        return Err(ReplaceError::Changed);
    }
    file.persist(&path).map_err(|error| error.error)?;
    Ok(Replaced { path, is_link })
}

#[cfg(unix)]
fn names(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink()
}

#[cfg(not(unix))]
fn names(_: &fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn keep_owner(file: &fs::File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    // Only root may give files away; for others the owner is the same already.
    let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &fs::File, _: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ipynb");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    /// Nothing else is left in the folder.
    fn only(folder: &tempfile::TempDir, names: usize) {
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names);
    }

    #[test]
    fn a_file_that_something_else_has_changed_stays_as_it_is() {
        let (folder, path) = file("newer");
        let error = replace(&path, b"old", b"mended").unwrap_err();
        assert!(matches!(error, ReplaceError::Changed), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        only(&folder, 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_read_only_files_are_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, path) = file("old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(!replace(&path, b"old", b"new").unwrap().is_link);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = replace(&path, b"new", b"newer").unwrap_err();
        assert!(matches!(error, ReplaceError::ReadOnly), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        only(&folder, 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_hard_links_are_refused() {
        let (folder, path) = file("old");
        let link = folder.path().join("link.ipynb");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let replaced = replace(&link, b"old", b"new").unwrap();
        assert!(replaced.is_link && replaced.path == fs::canonicalize(&path).unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::hard_link(&path, folder.path().join("second.ipynb")).unwrap();
        let error = replace(&path, b"new", b"newer").unwrap_err();
        assert!(matches!(error, ReplaceError::HardLinks(2)), "{error}");
        only(&folder, 3);
    }
}
