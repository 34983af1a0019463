//! Which program a name stands for: the first in the absolute folders of PATH. What lies in the folder that the user
//! stands in may be anybody's. Knows nothing of what is started.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The first file of a name in the absolute folders of a PATH: its empty and relative parts are passed over.
pub fn on_path(path: &OsStr, name: &str) -> Option<PathBuf> {
    all_on_path(path, name).next()
}

fn all_on_path(path: &OsStr, name: &str) -> impl Iterator<Item = PathBuf> {
    env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(move |folder| folder.join(name))
        .filter(|file| file.is_file())
}

/// Every file of a name in the absolute folders of this process's PATH, the first first.
pub fn programs(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    all_on_path(&path, name).collect()
}

/// The program that a user's word means: a path as it stands, a name by this process's PATH.
pub fn program(word: &str) -> Option<PathBuf> {
    if word.contains('/') {
        return Some(Path::new(word).to_owned());
    }
    on_path(&env::var_os("PATH")?, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_comes_from_the_absolute_folders_of_path_alone() {
        // The folder that tests run in holds this file; an empty and a relative part of PATH mean that folder.
        let here = env::current_dir().unwrap();
        assert!(here.join("Cargo.toml").is_file());
        for path in ["", ":", ".", "./", "src/..", ":.:"] {
            assert_eq!(on_path(OsStr::new(path), "Cargo.toml"), None, "{path:?}");
        }
        let path = env::join_paths([Path::new("."), &here]).unwrap();
        assert_eq!(on_path(&path, "Cargo.toml"), Some(here.join("Cargo.toml")));
        assert_eq!(program("./podman"), Some(PathBuf::from("./podman")));
        assert_eq!(program("no-such-program-of-nbvet"), None);
    }
}
