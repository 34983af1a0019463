//! Settings and baselines are read whole: only from ordinary files of a bounded size, since a pipe or a device may
//! never end; and where a repository is not ours, only from the folders of that repository.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::OnceLock,
};

const LARGEST: u64 = 256 << 20;

/// Where files that a repository names may be; unset: anywhere.
static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// From now on what a repository names is read from these folders alone: beside it there may be files that its author may
/// not see.
pub(crate) fn confine(folders: &[PathBuf]) -> io::Result<()> {
    let folders: io::Result<Vec<PathBuf>> = folders.iter().map(fs::canonicalize).collect();
    // A process does one step, and confines itself once.
    let _ = FOLDERS.set(folders?);
    Ok(())
}

/// Whether this file may be read, wherever its symlinks lead.
pub(crate) fn is_allowed(path: &Path) -> bool {
    FOLDERS.get().is_none_or(|folders| is_within(path, folders))
}

fn is_within(path: &Path, folders: &[PathBuf]) -> bool {
    let real = fs::canonicalize(path);
    real.is_ok_and(|real| folders.iter().any(|folder| real.starts_with(folder)))
}

pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    // What is not there is told as that.
    if path.exists() && !is_allowed(path) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is outside of the repository",
        ));
    }
    let found = fs::metadata(path)?;
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no ordinary file",
        ));
    }
    let mut text = String::new();
    // Some files do not say how long they are.
    let read = fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > LARGEST) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", LARGEST >> 20),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_lies_outside_of_the_folders_is_not_allowed_by_any_name() {
        let there = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(there.path()).unwrap();
        let tree = root.join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("inside"), "").unwrap();
        fs::write(root.join("outside"), "").unwrap();
        symlink(root.join("outside"), tree.join("link")).unwrap();
        let folders = [tree.clone()];
        assert!(is_within(&tree.join("inside"), &folders));
        for name in ["../outside", "link", "/etc/passwd", "not-there"] {
            assert!(!is_within(&tree.join(name), &folders), "{name}");
        }
    }
}
