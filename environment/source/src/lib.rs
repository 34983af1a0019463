//! How the tree of a notebook comes into a pod: by the real `git`, or out of a mounted folder. Addresses, names, servers and
//! what they send are hostile: nothing of them is run, leaves its folder or grows without end, and no credential leaves its
//! host. Knows neither what notebooks are nor Kubernetes.

mod address;
mod command;
mod copy;
mod credentials;
mod error;
mod git;
mod locate;
mod revision;
mod said;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nbvet_report::step::{SourceFrom, SourceInput};

pub use error::SourceError;
pub use locate::{Located, locate};

/// What is allowed beyond `https` and `ssh`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// `http://` and `git://`: whoever is on the way reads and changes what comes.
    pub insecure: bool,
    /// `file://`: for tests.
    pub files: bool,
}

/// A tree that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit; `None` outside git.
    pub commit: Option<String>,
    /// The notebook.
    pub notebook: Located,
    /// What symlinks of the source name that lead out of it, by their names. In the first folder they lead nowhere.
    pub outside: BTreeMap<String, PathBuf>,
}

/// Puts a tree into each of its folders. In the first, which trusted containers read, no symlink leads out; the others are
/// as the source has them.
pub fn fetch(input: &SourceInput, allowed: Allowed) -> Result<Fetched, SourceError> {
    locate::check(&input.path)?;
    let [first, others @ ..] = &input.into[..] else {
        return Err(SourceError::Nowhere);
    };
    let first = Path::new(first);
    for folder in &input.into {
        make_empty(Path::new(folder))?;
    }
    let deadline = Instant::now() + Duration::from_secs(input.limits.seconds);
    let commit = match &input.from {
        SourceFrom::Git(source) => Some(git::fetch(source, first, &input.limits, deadline, allowed)?),
        SourceFrom::Folder(source) => {
            copy::copy(Path::new(&source.folder), first, &input.limits, deadline)?;
            None
        }
    };
    for other in others {
        copy::copy(first, Path::new(other), &input.limits, deadline)?;
    }
    let outside = copy::block_symlinks(first, &input.limits, deadline)?;
    let notebook = locate(first, &input.path)?;
    Ok(Fetched {
        commit,
        notebook,
        outside,
    })
}

/// Makes a folder, or sees that nothing is in it: what lies there already would be taken for a part of the tree.
fn make_empty(folder: &Path) -> Result<(), SourceError> {
    let failed = |error| SourceError::folder(folder, error);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut entries = fs::read_dir(folder).map_err(failed)?;
    // File systems of their own have such a folder.
    let other = entries.find(|entry| {
        !entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name() == "lost+found")
    });
    match other {
        None => Ok(()),
        Some(_) => Err(SourceError::NotEmpty {
            folder: PathBuf::from(folder),
        }),
    }
}
