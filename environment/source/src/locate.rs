//! The notebook of a tree: its path is followed within the tree alone.

use std::path::Path;

use nbvet_deps::{
    Digest, Tree,
    tree::{Fault, Kind},
};
use nbvet_report::step::plain;

use crate::SourceError;

/// Bytes of a notebook.
const LARGEST: usize = 256 << 20;
/// Bytes of a path.
const LONGEST: usize = 4096;
/// Entries of a tree that are looked at for names that are near.
const MANY: usize = 20_000;
/// Names that are told.
const TOLD: usize = 3;

/// A notebook that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// From the root of the tree.
    pub path: String,
    /// `sha256:…` of its file.
    pub digest: String,
}

/// Finds the notebook of a tree, and takes its digest.
pub fn locate(root: &Path, path: &str) -> Result<Located, SourceError> {
    check(path)?;
    let tree = Tree::open(root).map_err(|fault| refused(path, fault.to_string()))?;
    let bytes = match tree.read_at_most(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(Fault::Missing { .. } | Fault::Folder { .. }) => {
            return Err(SourceError::NoNotebook {
                path: plain(path, 300),
                near: near(&tree, path),
            });
        }
        Err(Fault::TooLarge { .. }) => {
            return Err(SourceError::TooLarge {
                what: format!("the notebook {}", plain(path, 300)),
                limit: format!("{} MiB", LARGEST >> 20),
            });
        }
        Err(fault) => return Err(refused(path, fault.reason())),
    };
    Ok(Located {
        path: path.to_owned(),
        digest: Digest::sha256(&bytes).to_string(),
    })
}

fn refused(path: &str, why: String) -> SourceError {
    SourceError::Path {
        path: plain(path, 300),
        why,
    }
}

/// Refuses paths that are followed nowhere.
pub(crate) fn check(path: &str) -> Result<(), SourceError> {
    let mut parts = path.split('/');
    let why = if path.is_empty() || path.len() > LONGEST {
        "it is empty, or longer than any path"
    } else if path.starts_with('/') {
        "it is absolute; write it as seen from the root of the source"
    } else if path.starts_with('-') {
        "it begins with `-`"
    } else if path.contains(|letter: char| letter.is_control()) {
        "it holds a control character"
    } else if parts.clone().any(|part| part == "..") {
        "it holds `..`; write it as seen from the root of the source"
    } else if parts.any(|part| part == ".git") {
        "it leads into git's own folder"
    } else {
        return Ok(());
    };
    Err(refused(path, why.to_owned()))
}

/// Notebooks of the tree whose paths are most like the one that is not there.
fn near(tree: &Tree, path: &str) -> Vec<String> {
    let mut found = notebooks(tree);
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = name(path);
    // A notebook of the same name elsewhere is nearest.
    let distance = |other: &String| {
        let by_name = strsim::osa_distance(&name(other), &wanted);
        (by_name, strsim::osa_distance(other, path))
    };
    found.sort_by_cached_key(distance);
    found.truncate(TOLD);
    found.iter().map(|path| plain(path, 200)).collect()
}

fn notebooks(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for item in tree.list(&folder).unwrap_or_default() {
            seen += 1;
            if seen > MANY {
                return found;
            }
            let path = if folder.is_empty() {
                item.name.clone()
            } else {
                format!("{folder}/{}", item.name)
            };
            match item.kind {
                Kind::Folder if !item.name.starts_with('.') => folders.push(path),
                Kind::File | Kind::Symlink
                    if Path::new(&item.name)
                        .extension()
                        .is_some_and(|end| end == "ipynb") =>
                {
                    found.push(path);
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use nbvet_report::Reason;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("tree/reports/.hidden")).unwrap();
        for name in ["tree/reports/daily.ipynb", "tree/weekly.ipynb", "outside.ipynb"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        symlink("reports/daily.ipynb", folder.path().join("tree/inside.ipynb")).unwrap();
        symlink("../outside.ipynb", folder.path().join("tree/climbs.ipynb")).unwrap();
        symlink("/etc/passwd", folder.path().join("tree/absolute.ipynb")).unwrap();
        symlink("..", folder.path().join("tree/up")).unwrap();
        folder
    }

    #[test]
    fn a_notebook_is_found_also_by_a_symlink_that_stays_inside() {
        let folder = tree();
        let root = folder.path().join("tree");
        // sha256 of `{}`.
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for path in ["reports/daily.ipynb", "inside.ipynb", "./weekly.ipynb"] {
            assert_eq!(locate(&root, path).unwrap().digest, digest, "{path}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_tree() {
        let folder = tree();
        let root = folder.path().join("tree");
        for path in [
            "",
            "/etc/passwd",
            "../outside.ipynb",
            "reports/../../outside.ipynb",
            "-x.ipynb",
            "a\nb.ipynb",
            ".git/config",
            "climbs.ipynb",
            "absolute.ipynb",
            "up/outside.ipynb",
        ] {
            let error = locate(&root, path).unwrap_err();
            assert_eq!(error.reason(), Reason::PathNotAllowed, "{path}: {error}");
        }
    }

    #[test]
    fn where_there_is_no_such_notebook_those_that_are_near_are_named() {
        let folder = tree();
        let root = folder.path().join("tree");
        let error = locate(&root, "reports/Daily.ipynb").unwrap_err();
        assert_eq!(error.reason(), Reason::NotebookNotFound);
        assert!(
            error
                .to_string()
                .starts_with("there is no notebook reports/Daily.ipynb; there is reports/daily.ipynb"),
            "{error}"
        );
        let error = locate(&root, "reports").unwrap_err();
        assert_eq!(error.reason(), Reason::NotebookNotFound);
        let empty = tempfile::tempdir().unwrap();
        let error = locate(empty.path(), "a.ipynb").unwrap_err();
        assert_eq!(error.to_string(), "there is no notebook a.ipynb and none at all");
    }
}
