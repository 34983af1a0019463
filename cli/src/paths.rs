//! Which notebooks the paths of the command line stand for.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};

use crate::usage::{UsageError, nearest, shown};

/// The notebooks to work on, and folders that held none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the order of the command line, those of a folder by name, each once.
    pub(crate) notebooks: Vec<PathBuf>,
    /// Folders without a notebook, for a warning.
    pub(crate) empty: Vec<String>,
}

/// Takes named files as they are and searches folders.
pub(crate) fn collect(paths: &[PathBuf]) -> Result<Found, UsageError> {
    let mut seen = HashSet::new();
    let mut found = Found {
        notebooks: Vec::new(),
        empty: Vec::new(),
    };
    for path in paths {
        let within = expand(path)?;
        if within.is_empty() {
            found.empty.push(format!("`{}`", shown(path)));
        }
        found.notebooks.extend(
            within
                .into_iter()
                .filter(|notebook| seen.insert(notebook.clone())),
        );
    }
    if found.notebooks.is_empty() {
        Err(UsageError::NoNotebooks(found.empty))
    } else {
        Ok(found)
    }
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, UsageError> {
    if path == Path::new("-") {
        return Err(UsageError::StandardInput);
    }
    if path.is_dir() {
        return Ok(search(path));
    }
    // A dangling link exists, and fails later with its own message; what cannot be looked at may exist.
    match path.symlink_metadata() {
        Err(error) if is_absent(&error) => Err(UsageError::NoSuchPath {
            path: shown(path),
            nearest: siblings(path),
        }),
        _ => Ok(vec![path.to_owned()]),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

/// The notebooks under a folder, by name.
fn search(folder: &Path) -> Vec<PathBuf> {
    let is_notebook = |path: &Path| path.extension() == Some(OsStr::new("ipynb"));
    WalkBuilder::new(folder)
        .filter_entry(|entry| entry.depth() == 0 || !is_environment(entry))
        .sort_by_file_path(Path::cmp)
        .build()
        .filter_map(Result::ok)
        .filter(|entry| !entry.path().is_dir() && is_notebook(entry.path()))
        .map(|entry| entry.path().strip_prefix(".").unwrap_or(entry.path()).to_owned())
        .collect()
}

/// A virtual environment or a folder of Jupyter's own copies. Hidden folders are left out by the walk.
fn is_environment(entry: &DirEntry) -> bool {
    entry.file_name() == ".ipynb_checkpoints" || entry.path().join("pyvenv.cfg").is_file()
}

/// Names beside a missing path that resemble it.
pub(crate) fn siblings(path: &Path) -> Vec<String> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Some(name) = path.file_name().map(OsStr::to_string_lossy) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    nearest(&name, names.iter().map(String::as_str))
        .into_iter()
        .map(|name| shown(&path.with_file_name(name)))
        .collect()
}
