//! Finds the files that a notebook runs by `%run`, so that the names they bind are known. Their code is read and never
//! run; nothing of them is shown but names.

use std::{fs, path::Path};

use nbvet_engine::Beside;
use nbvet_notebook::Reading;

use crate::ordinary;

/// A larger file is not looked at: it is no collection of helpers.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What the files bind that a notebook runs. `folder`: where its relative paths begin.
pub(crate) fn find(reading: &Reading, folder: &Path) -> Beside {
    Beside::of(reading, |file| {
        let path = folder.join(file);
        // A pipe or a device may never end.
        let found = fs::metadata(&path).ok()?;
        (found.is_file() && found.len() <= MOST_BYTES && ordinary::is_allowed(&path))
            .then(|| fs::read(&path).ok())?
    })
}

/// The folder of a notebook's file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
