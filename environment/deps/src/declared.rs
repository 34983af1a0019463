//! What dependency files ask for, in one model whatever their format: each entry with the file and line that says it.

use std::{fmt, sync::Arc};

use pep440_rs::{VersionSpecifier, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerTree, PackageName};

use crate::requirements::{Given, Place};

/// The kinds of dependency files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `pylock.toml`, `pylock.NAME.toml` (PEP 751).
    Pylock,
    /// `uv.lock`.
    UvLock,
    /// `poetry.lock`.
    PoetryLock,
    /// `Pipfile.lock`.
    PipfileLock,
    /// `requirements.txt` and other files in pip's grammar.
    Requirements,
    /// `pyproject.toml` with `[project]` or Poetry's table.
    Pyproject,
    /// `Pipfile`.
    Pipfile,
    /// `environment.yml`, `environment.yaml`.
    CondaEnvironment,
    /// `setup.py`: is code, and is never run; that it is there is told.
    SetupPy,
}

impl Format {
    /// The tool resolved it: every distribution that is installed stands in it with its version and digests.
    pub const fn is_lock(self) -> bool {
        matches!(
            self,
            Self::Pylock | Self::UvLock | Self::PoetryLock | Self::PipfileLock
        )
    }
}

/// All that one dependency file says, with the files that it includes.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its format.
    pub format: Format,
    /// The file, from the root of the tree, with `/` between folders.
    pub file: Arc<str>,
    /// Every file that was read for it, itself first.
    pub files: Vec<Arc<str>>,
    /// What it asks for, in the order of the file.
    pub entries: Vec<Dependency>,
    /// Options for the whole installation, each alone with its place (requirements files; `[[tool.uv.index]]`,
    /// `[[source]]` of a Pipfile and the like are told as [`crate::requirements::Opt::IndexUrl`] or `ExtraIndexUrl`).
    pub options: Vec<(Place, Given)>,
    /// Which Pythons it is for, and where it says so.
    pub requires_python: Option<(VersionSpecifiers, Place)>,
    /// What nbvet cannot take from the file into an image of wheels: conda packages, commands, paths.
    pub unread: Vec<Unread>,
}

/// One thing that a dependency file asks for.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Where it is said.
    pub place: Place,
    /// As it is written there, without its options; for lock files `name==version`. May hold credentials: show it
    /// only through [`masked`](crate::masked).
    pub text: String,
    /// The distribution's name, normalised; `None`: only its contents would tell (a URL without `#egg`, a path).
    pub name: Option<PackageName>,
    /// Its extras.
    pub extras: Vec<ExtraName>,
    /// Which one.
    pub wanted: Wanted,
    /// When.
    pub marker: MarkerTree,
    /// `-e`.
    pub editable: bool,
    /// It only limits versions (`-c`): what nothing else asks for is not installed.
    pub constraint: bool,
    /// Digests that are allowed: `--hash`, or the digest in a URL's fragment.
    pub hashes: Vec<Hash>,
    /// Files that a lock names for it.
    pub artifacts: Vec<Artifact>,
}

/// Which distribution is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// From an index, by version; no specifier: any.
    Index(Vec<Specifier>),
    /// A file at a URL (`https:`, `http:`, `file:`), without its fragment.
    Url(String),
    /// A repository: scheme (`git`), URL, and the revision behind `@`.
    Vcs {
        /// `git`, `hg`, `svn`, `bzr`.
        scheme: String,
        /// The URL without scheme prefix, revision and fragment.
        url: String,
        /// What stands behind the `@`.
        revision: Option<String>,
    },
    /// A file or folder beside the requirements file, as written.
    Path(String),
}

/// One condition on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Specifier {
    /// By PEP 440.
    Version(VersionSpecifier),
    /// `===`: exactly these characters, case aside.
    Arbitrary(String),
}

impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Arbitrary(text) => write!(f, "==={text}"),
        }
    }
}

/// A digest as it is written, not yet checked for length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    /// `sha256`, in lower case.
    pub algorithm: String,
    /// In hexadecimal, where it is right.
    pub digest: String,
}

/// A file that a lock names: a wheel or a source distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub filename: String,
    /// Where it is, if the lock says so; may be relative to the lock (`path`).
    pub url: Option<String>,
    /// Its digests.
    pub hashes: Vec<Hash>,
    /// Bytes, if the lock says so.
    pub size: Option<u64>,
}

/// A part of a file that asks for something that no wheel can give.
#[derive(Debug, Clone)]
pub struct Unread {
    /// Where it stands.
    pub place: Place,
    /// What it is: "conda package `gdal`".
    pub what: String,
    /// Why it is not taken, and what to do.
    pub why: String,
}
