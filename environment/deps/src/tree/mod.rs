//! A folder of files from which reads never leave, whatever names, `..` and symlinks say. What the files mean is not
//! known here.

mod beneath;
mod fault;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nbvet_report::hidden::acts;
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat};

pub use fault::Fault;

use crate::{
    Format,
    requirements::{MAX_BYTES, Source},
};

/// Bytes of a lock file, at most; other files have [`MAX_BYTES`].
pub const MAX_LOCK_BYTES: usize = 16 << 20;
/// Entries of one folder, at most.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Bytes of a name, at most.
const MAX_NAME: usize = 4096;

/// A folder and what is below it. Names are UTF-8, seen from the root, with `/` between folders; `..` and symlinks are
/// followed as long as they stay inside.
#[derive(Debug)]
pub struct Tree {
    folder: OwnedFd,
    root: PathBuf,
    variables: BTreeMap<String, String>,
}

/// What has a name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its name in the folder.
    pub name: String,
    /// What it is; a symlink is not followed.
    pub kind: Kind,
}

/// Kinds of what is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A symlink, to whatever it may be.
    Symlink,
    /// Anything else, or not known without a look at it.
    Other,
}

impl Tree {
    /// Opens the folder. Symlinks to it are followed: who calls has named it.
    pub fn open(root: &Path) -> Result<Self, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(root, flags, Mode::empty()).map_err(|error| Fault::Root {
            root: root.to_owned(),
            message: std::io::Error::from(error).to_string(),
        })?;
        Ok(Self {
            folder,
            root: root.to_owned(),
            variables: BTreeMap::new(),
        })
    }

    /// The tree that a notebook belongs to, and the notebook's name in it: the git tree around it, or outside git its
    /// own folder alone.
    pub fn around(notebook: &Path) -> Result<(Self, String), Fault> {
        let cannot = |message: String| Fault::Root {
            root: notebook.to_owned(),
            message,
        };
        let folder = match notebook.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let folder = folder.canonicalize().map_err(|error| cannot(error.to_string()))?;
        let file = notebook
            .file_name()
            .ok_or_else(|| cannot("it names no file".to_owned()))?;
        let root = git_root(&folder).unwrap_or(&folder);
        let path = folder.join(file);
        let name = path.strip_prefix(root).ok().and_then(Path::to_str);
        let name = name.ok_or_else(|| cannot("its name is not UTF-8".to_owned()))?;
        Ok((Self::open(root)?, name.to_owned()))
    }

    /// The tree, with the variables that `${NAME}` in its files may stand for; without them there are none.
    pub fn with_variables(mut self, variables: BTreeMap<String, String>) -> Self {
        self.variables = variables;
        self
    }

    /// The folder, as it was given.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// It is a git tree, and not a single folder.
    pub fn is_repository(&self) -> bool {
        git_root(&self.root) == Some(&*self.root)
    }

    /// The bytes of an ordinary file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Fault> {
        self.read_at_most(name, MAX_BYTES)
    }

    /// An ordinary file, to be read piece by piece.
    pub fn file(&self, name: &str) -> Result<File, Fault> {
        self.open_file(name).map(File::from)
    }

    /// The bytes of an ordinary file of at most so many bytes.
    pub fn read_at_most(&self, name: &str, most: usize) -> Result<Vec<u8>, Fault> {
        let file = self.file(name)?;
        let mut bytes = Vec::new();
        // One byte more tells a file that is too large from one that fits; its size may lie or change.
        let read = file.take(most as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Fault::of_io(name, &error))?;
        if bytes.len() > most {
            return Err(Fault::TooLarge {
                name: name.to_owned(),
                most,
            });
        }
        Ok(bytes)
    }

    /// Whether an ordinary file that may be read has this name; whatever stands in the way is an error, what is not
    /// there or is a folder is none.
    pub fn is_file(&self, name: &str) -> Result<bool, Fault> {
        match self.probe(name) {
            Ok(()) => Ok(true),
            Err(Fault::Missing { .. } | Fault::Folder { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the file could be read.
    pub fn probe(&self, name: &str) -> Result<(), Fault> {
        self.open_file(name).map(drop)
    }

    /// What is in a folder (`""`: the root), sorted by name. Names that could not be read back are left out: those
    /// that are not UTF-8 or hold control characters.
    pub fn list(&self, folder: &str) -> Result<Vec<Item>, Fault> {
        let name = match folder.trim_end_matches('/') {
            "" if folder.is_empty() => ".",
            name => name,
        };
        check_name(name)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = beneath::open(&self.folder, name, flags)
            .and_then(Dir::new)
            .map_err(|error| Fault::of_errno(name, error))?;
        let mut items = Vec::new();
        for entry in opened {
            let entry = entry.map_err(|error| Fault::of_errno(name, error))?;
            let Ok(found) = entry.file_name().to_str() else {
                continue;
            };
            if found == "." || found == ".." || check_name(found).is_err() {
                continue;
            }
            if items.len() == MAX_ENTRIES {
                return Err(Fault::TooMany {
                    name: name.to_owned(),
                });
            }
            items.push(Item {
                name: found.to_owned(),
                kind: kind(entry.file_type()),
            });
        }
        items.sort();
        Ok(items)
    }

    fn open_file(&self, name: &str) -> Result<OwnedFd, Fault> {
        check_name(name)?;
        // Without NONBLOCK a named pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = beneath::open(&self.folder, name, flags).map_err(|error| Fault::of_errno(name, error))?;
        let stat = fstat(&file).map_err(|error| Fault::of_errno(name, error))?;
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return Ok(file),
            FileType::Directory => {
                return Err(Fault::Folder {
                    name: name.to_owned(),
                });
            }
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "no ordinary file",
        };
        Err(Fault::Special {
            name: name.to_owned(),
            what,
        })
    }
}

impl Source for Tree {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        self.read_at_most(file, most_of(file))
            .map_err(|fault| fault.reason())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// Bytes that a file of this name may have.
pub(crate) fn most_of(name: &str) -> usize {
    let name = name.rsplit('/').next().unwrap_or(name);
    if Format::of(name).is_some_and(Format::is_lock) {
        MAX_LOCK_BYTES
    } else {
        MAX_BYTES
    }
}

/// The nearest folder upward that holds `.git`, a folder or (in worktrees and submodules) a file.
fn git_root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| {
        let found = folder.join(".git").symlink_metadata();
        found.is_ok_and(|found| found.is_dir() || found.is_file())
    })
}

/// Refuses names that mean no file here, or that would break a line of a report.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is too long"
    } else if name.contains(acts) {
        "it holds a line break or another control character"
    } else if name.starts_with('/') {
        "it is absolute; write it as seen from the root of the tree"
    } else if has_scheme(name) {
        "it is a URL; only files of the tree are read"
    } else if name.ends_with('/') {
        "it names a folder"
    } else {
        return Ok(());
    };
    // No more of it than fits in a line.
    let shown: String = name.chars().take(200).collect();
    Err(Fault::Name {
        name: crate::masked(&shown).escape_debug().to_string(),
        why,
    })
}

/// `https:`, `file:` and their like; a lone letter or a name with a colon inside is none.
fn has_scheme(name: &str) -> bool {
    let scheme = name.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["http", "https", "file", "ftp"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

const fn kind(found: FileType) -> Kind {
    match found {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

#[cfg(test)]
pub(crate) use tests::without_rights;

#[cfg(test)]
mod tests;
