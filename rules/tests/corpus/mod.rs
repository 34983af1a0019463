//! Real notebooks, where there are some.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The notebooks of the shared corpus, in the order of their paths; none where it is not there.
pub(crate) fn notebooks() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = env::var_os("NBVET_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut files = Vec::new();
    let mut folders = vec![shared.join("corpus/notebooks")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ipynb") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
