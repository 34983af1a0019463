//! Files by folder, in an order that is the same everywhere, and fingerprints over them.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// All files below a folder, sorted, without what Python leaves beside sources.
pub(crate) fn below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .sort_by_file_path(Path::cmp)
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| Error::File {
            path: folder.to_owned(),
            error: io::Error::other(error),
        })?;
        let path = entry.into_path();
        if path.is_file() && !path.components().any(|part| part.as_os_str() == "__pycache__") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads a file; the error names it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}

/// Writes a file whole or not at all, and leaves one alone that has these bytes already: its time is what
/// tells cargo to build again.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    // What is built is for everyone to read, unlike most temporary files.
    let everyone = Permissions::from_mode(0o644);
    let beside = tempfile::Builder::new()
        .permissions(everyone)
        .tempfile_in(folder)
        .map_err(Error::file(folder))?;
    fs::write(beside.path(), bytes).map_err(Error::file(beside.path()))?;
    beside.persist(path).map(drop).map_err(|error| Error::File {
        path: path.to_owned(),
        error: error.error,
    })
}

/// A digest of named bytes: same names, same bytes, same order, same fingerprint.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds bytes under a name.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// Adds a file, or every file of a folder.
    pub(crate) fn add_path(&mut self, path: &Path) -> Result<(), Error> {
        for file in below(path)? {
            self.add(&file.to_string_lossy(), &read(&file)?);
        }
        Ok(())
    }

    /// The digest, short enough for a folder's name.
    pub(crate) fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(12)
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[(&str, &str)]) -> String {
        let mut fingerprint = Fingerprint::default();
        for (name, bytes) in parts {
            fingerprint.add(name, bytes.as_bytes());
        }
        fingerprint.finish()
    }

    #[test]
    fn a_fingerprint_tells_names_from_contents() {
        assert_eq!(check(&[("a", "b")]), check(&[("a", "b")]));
        assert_ne!(check(&[("a", "b")]), check(&[("ab", "")]));
        assert_ne!(check(&[("a", ""), ("b", "")]), check(&[("b", ""), ("a", "")]));
    }

    #[test]
    fn a_file_with_the_same_bytes_keeps_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/file");
        let time = || {
            fs::metadata(&path)
                .expect("it was written")
                .modified()
                .expect("the system keeps times")
        };
        replace(&path, b"one").expect("it is written");
        let first = time();
        replace(&path, b"one").expect("it is left alone");
        assert_eq!(time(), first);
        replace(&path, b"two").expect("it is written");
        assert_eq!(fs::read(&path).expect("it is there"), b"two");
    }

    #[test]
    fn what_python_leaves_behind_is_no_source() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b/z.py", "a.py", "b/__pycache__/z.pyc"] {
            replace(&folder.path().join(name), b"").expect("it is written");
        }
        let names: Vec<_> = below(folder.path()).expect("it is a folder");
        assert_eq!(names, ["a.py", "b/z.py"].map(|name| folder.path().join(name)));
    }
}
