//! Why a wheel is not taken: every message names the wheel, and the entry in it if there is one.

use std::{fmt, io, sync::Arc};

/// A wheel that is not taken.
#[derive(Debug, thiserror::Error)]
#[error("{wheel}: {}{reason}", Entry(.entry.as_deref()))]
pub struct Refused {
    /// The wheel's file name.
    pub wheel: Arc<str>,
    /// The entry in it, with control characters escaped.
    pub entry: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no archive, or a broken one.
    #[error("it is no sound zip archive: {0}; download it again, or ask who made it for a new one")]
    Archive(String),
    /// Its name is not that of a wheel.
    #[error("the name of a wheel is `name-version-python-abi-platform.whl`: {0}")]
    FileName(String),
    /// It is another file than the lock says.
    #[error(
        "its sha256 is {found}, and {expected} is asked for: it is another file than the one that was locked"
    )]
    Digest {
        /// What the lock says.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number that is bounded.
    #[error("{what}, more than the {limit} that are allowed")]
    TooLarge {
        /// What there is too much of, and how much.
        what: String,
        /// How much may be.
        limit: String,
    },
    /// It would unpack to far more than it is.
    #[error("it unpacks to {ratio} times its size: that is how archives fill a disk")]
    Bomb {
        /// Unpacked bytes for each packed one.
        ratio: u64,
    },
    /// A name that no file of a wheel has.
    #[error("a file cannot have this name: {0}")]
    EntryName(&'static str),
    /// Two files for one place.
    #[error("two files for one place: {0}")]
    Duplicate(String),
    /// What is neither a file nor a folder.
    #[error("it is {0}; a wheel holds files and folders only")]
    Kind(&'static str),
    /// It cannot be unpacked.
    #[error("it is {0}; wheels are packed by deflate or not at all")]
    Packed(&'static str),
    /// A file of the wheel's own that must be there.
    #[error("{0}")]
    Metadata(String),
    /// RECORD does not say what the archive holds.
    #[error("RECORD and the archive differ: {0}")]
    Record(String),
    /// It would replace a module of Python's own.
    #[error(
        "it would replace Python's own module `{module}`, since PYTHONPATH comes before the standard library. \
         Leave {distribution} out of the requirements: this Python has `{module}`; if something needs the wheel, build from a Dockerfile"
    )]
    StandardLibrary {
        /// The module.
        module: String,
        /// Who brings it.
        distribution: String,
    },
    /// A file for a place that is not the wheel's.
    #[error("{0}")]
    Place(String),
    /// A script that nothing sound can be made of.
    #[error("entry_points.txt: {0}")]
    EntryPoint(String),
}

struct Entry<'a>(Option<&'a str>);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(entry) => write!(f, "`{entry}`: "),
            None => Ok(()),
        }
    }
}

/// A name as it may be shown: no control characters, and no longer than a line.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(160).flat_map(char::escape_debug).collect();
    if name.chars().nth(160).is_some() {
        shown.push('…');
    }
    shown
}
