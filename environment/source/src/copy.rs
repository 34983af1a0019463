//! A tree out of a folder, within limits. What is read never leaves the folder, also while others change it; what is
//! written is new.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
    time::Instant,
};

use nbvet_deps::{
    Tree,
    tree::{Fault, Kind},
};
use nbvet_report::step::SourceLimits;

use crate::SourceError;

/// Folders within folders.
const DEEPEST: usize = 200;

/// Copies what is in a folder into one that is empty. Symlinks stay what they are.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    limits: &SourceLimits,
    deadline: Instant,
) -> Result<(), SourceError> {
    let tree =
        Tree::open(from).map_err(|fault| SourceError::folder(from, io::Error::other(fault.to_string())))?;
    let mut copying = Copying {
        tree: &tree,
        from,
        to,
        limits,
        deadline,
        bytes: 0,
        files: 0,
    };
    copying.folder("", 0)
}

struct Copying<'c> {
    tree: &'c Tree,
    from: &'c Path,
    to: &'c Path,
    limits: &'c SourceLimits,
    deadline: Instant,
    bytes: u64,
    files: u64,
}

impl Copying<'_> {
    fn folder(&mut self, folder: &str, depth: usize) -> Result<(), SourceError> {
        if depth > DEEPEST {
            return Err(self.too_large(format!("{DEEPEST} folders within each other")));
        }
        let items = self.tree.list(folder).map_err(|fault| self.fault(&fault))?;
        for item in items {
            in_time(self.from, self.limits, self.deadline)?;
            let name = if folder.is_empty() {
                item.name
            } else {
                format!("{folder}/{}", item.name)
            };
            let to = self.to.join(&name);
            self.files += 1;
            if self.files > self.limits.files {
                return Err(self.too_large(format!("{} files", self.limits.files)));
            }
            match item.kind {
                Kind::Folder if name == "lost+found" => {}
                Kind::Folder => {
                    fs::create_dir(&to).map_err(|error| SourceError::folder(&to, error))?;
                    self.folder(&name, depth + 1)?;
                    Self::share(&name, &to, 0o755)?;
                }
                Kind::File => self.file(&name, &to)?,
                Kind::Symlink => {
                    let target = fs::read_link(self.from.join(&name));
                    let made = target.and_then(|target| symlink(target, &to));
                    made.map_err(|error| SourceError::folder(&to, error))?;
                }
                // A pipe, a socket or a device is no part of a source.
                Kind::Other => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, to: &Path) -> Result<(), SourceError> {
        use io::Read as _;
        let file = self.tree.file(name).map_err(|fault| self.fault(&fault))?;
        let mode = file.metadata().map_or(0o644, |found| found.permissions().mode());
        let left = self.limits.bytes - self.bytes;
        let mut new = fs::File::create_new(to).map_err(|error| SourceError::folder(to, error))?;
        // One byte more tells a file that is too large.
        let copied =
            io::copy(&mut file.take(left + 1), &mut new).map_err(|error| SourceError::folder(to, error))?;
        if copied > left {
            return Err(self.too_large(format!("{} bytes", self.limits.bytes)));
        }
        self.bytes += copied;
        Self::share(name, to, mode)
    }

    /// Whoever runs as another user of the same group may do what the owner may.
    fn share(name: &str, path: &Path, mode: u32) -> Result<(), SourceError> {
        // git wants its objects as it wrote them.
        let owner = if name == ".git" || name.starts_with(".git/") {
            mode
        } else {
            mode | 0o600
        };
        let shared = (owner & 0o700) | ((owner & 0o700) >> 3) | (owner & 0o005);
        let set = fs::set_permissions(path, fs::Permissions::from_mode(shared));
        set.map_err(|error| SourceError::folder(path, error))
    }

    fn fault(&self, fault: &Fault) -> SourceError {
        SourceError::folder(self.from, io::Error::other(fault.to_string()))
    }

    fn too_large(&self, limit: String) -> SourceError {
        SourceError::TooLarge {
            what: self.from.display().to_string(),
            limit,
        }
    }
}

/// Whether there is time left for the tree in a folder.
fn in_time(folder: &Path, limits: &SourceLimits, deadline: Instant) -> Result<(), SourceError> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(SourceError::TooSlow {
        what: folder.display().to_string(),
        seconds: limits.seconds,
    })
}

/// Where symlinks lead that led out of a tree: nothing is ever there, and who asks the tree is told that it leads out.
const OUTSIDE: &str = "/dev/null/outside";

/// Turns symlinks that lead out of a tree to where nothing is: nothing that reads it without care can be led away, and what
/// they stand for is refused and not overlooked. Gives what they named, by their names.
pub(crate) fn block_symlinks(
    root: &Path,
    limits: &SourceLimits,
    deadline: Instant,
) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    let tree =
        Tree::open(root).map_err(|fault| SourceError::folder(root, io::Error::other(fault.to_string())))?;
    let mut blocked = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let items = tree
            .list(&folder)
            .map_err(|fault| SourceError::folder(root, io::Error::other(fault.to_string())))?;
        for item in items {
            in_time(root, limits, deadline)?;
            let name = if folder.is_empty() {
                item.name
            } else {
                format!("{folder}/{}", item.name)
            };
            match item.kind {
                Kind::Folder => folders.push(name),
                Kind::Symlink if leads_out(&tree, root, &name) => {
                    let path = root.join(&name);
                    let target = block(&path).map_err(|error| SourceError::folder(&path, error))?;
                    blocked.insert(name, target);
                }
                _ => {}
            }
        }
    }
    Ok(blocked)
}

fn block(path: &Path) -> io::Result<PathBuf> {
    let target = fs::read_link(path)?;
    fs::remove_file(path)?;
    symlink(OUTSIDE, path)?;
    Ok(target)
}

/// Whether following it ends elsewhere, or would if something were there.
fn leads_out(tree: &Tree, root: &Path, name: &str) -> bool {
    let is_absolute = |target: &Path| matches!(target.components().next(), Some(Component::RootDir));
    match fs::read_link(root.join(name)) {
        Ok(target) if !is_absolute(&target) => {}
        _ => return true,
    }
    match tree.probe(name) {
        // A folder was opened, and within the tree; what is in it is another question, asked where it lies.
        Ok(()) | Err(Fault::Folder { .. } | Fault::Missing { .. } | Fault::Denied { .. }) => false,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nbvet_report::Reason;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    fn written(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_mounted_config_map_is_copied_with_its_symlinks() {
        let there = tempfile::tempdir().unwrap();
        let (from, to) = (there.path().join("mount"), there.path().join("tree"));
        written(&from, "..2026_11_27/nb.ipynb", "{}");
        symlink("..2026_11_27", from.join("..data")).unwrap();
        symlink("..data/nb.ipynb", from.join("nb.ipynb")).unwrap();
        fs::create_dir(&to).unwrap();
        copy(&from, &to, &SourceLimits::default(), soon()).unwrap();
        block_symlinks(&to, &SourceLimits::default(), soon()).unwrap();
        assert_eq!(fs::read_to_string(to.join("nb.ipynb")).unwrap(), "{}");
        assert_eq!(crate::locate(&to, "nb.ipynb").unwrap().path, "nb.ipynb");
    }

    #[test]
    fn symlinks_that_lead_out_are_not_followed_and_then_lead_nowhere() {
        let there = tempfile::tempdir().unwrap();
        let (from, to) = (there.path().join("mount"), there.path().join("tree"));
        written(there.path(), "secret", "hunter2");
        written(&from, "a/b.txt", "b");
        for (target, name) in [
            ("/etc/passwd", "absolute"),
            ("../secret", "climbs"),
            ("..", "up"),
            ("a/b.txt", "inside"),
            ("a", "folder"),
            ("nowhere", "dangling"),
            ("circle", "circle"),
            // Looks as if it stayed inside where `one` is taken for a folder.
            (".", "one"),
            ("one/a/../../../secret", "tricky"),
        ] {
            symlink(target, from.join(name)).unwrap();
        }
        fs::create_dir(&to).unwrap();
        copy(&from, &to, &SourceLimits::default(), soon()).unwrap();
        assert!(
            to.join("absolute").is_symlink(),
            "the copy of a user is as the source"
        );
        let blocked = block_symlinks(&to, &SourceLimits::default(), soon()).unwrap();
        let names: Vec<&str> = blocked.keys().map(String::as_str).collect();
        assert_eq!(names, ["absolute", "circle", "climbs", "tricky", "up"]);
        assert_eq!(blocked["absolute"], Path::new("/etc/passwd"));
        let tree = Tree::open(&to).unwrap();
        for name in names {
            assert!(to.join(name).is_symlink() && !to.join(name).exists(), "{name}");
            assert!(matches!(tree.read(name), Err(Fault::LeadsOut { .. })), "{name}");
        }
        for name in ["inside", "folder", "dangling", "one"] {
            let target = fs::read_link(to.join(name)).unwrap();
            assert!(target != Path::new(OUTSIDE), "{name}");
        }
    }

    #[test]
    fn symlinks_to_a_large_folder_cost_no_more_than_others_and_end_at_the_deadline() {
        let there = tempfile::tempdir().unwrap();
        let root = there.path();
        fs::create_dir(root.join("many")).unwrap();
        for number in 0..2000 {
            fs::write(root.join(format!("many/{number}")), "").unwrap();
            symlink("many", root.join(format!("link{number}"))).unwrap();
        }
        let limits = SourceLimits::default();
        let begun = Instant::now();
        block_symlinks(root, &limits, soon()).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(root.join("link1999").is_symlink());
        let error = block_symlinks(root, &limits, Instant::now()).unwrap_err();
        assert!(error.to_string().contains("did not come within 600 s"), "{error}");
    }

    #[test]
    fn what_is_too_large_is_not_copied_to_its_end() {
        let there = tempfile::tempdir().unwrap();
        let from = there.path().join("mount");
        for name in ["a", "b", "c"] {
            written(&from, name, "0123456789");
        }
        let check = |limits: SourceLimits, expected: &str| {
            let to = tempfile::tempdir().unwrap();
            let error = copy(&from, to.path(), &limits, soon()).unwrap_err();
            assert_eq!(error.reason(), Reason::SourceTooLarge);
            assert!(error.to_string().contains(expected), "{error}");
        };
        let limits = SourceLimits::default();
        check(SourceLimits { bytes: 29, ..limits }, "29 bytes");
        check(SourceLimits { files: 2, ..limits }, "2 files");
        let to = tempfile::tempdir().unwrap();
        copy(
            &from,
            to.path(),
            &SourceLimits {
                bytes: 30,
                files: 3,
                ..limits
            },
            soon(),
        )
        .unwrap();
        let to = tempfile::tempdir().unwrap();
        let error = copy(&from, to.path(), &limits, Instant::now()).unwrap_err();
        assert!(error.to_string().contains("did not come within 600 s"), "{error}");
    }

    #[test]
    fn a_copy_can_be_written_by_its_group_and_keeps_what_may_be_run() {
        let there = tempfile::tempdir().unwrap();
        let from = there.path().join("mount");
        written(&from, "run.sh", "");
        written(&from, "data/a.csv", "");
        fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(from.join("data/a.csv"), fs::Permissions::from_mode(0o444)).unwrap();
        let to = tempfile::tempdir().unwrap();
        copy(&from, to.path(), &SourceLimits::default(), soon()).unwrap();
        let mode = |name: &str| fs::metadata(to.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            [mode("run.sh"), mode("data"), mode("data/a.csv")],
            [0o775, 0o775, 0o664]
        );
    }
}
