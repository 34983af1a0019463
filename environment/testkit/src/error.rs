//! What can go wrong before a test begins.

use std::{io, path::PathBuf};

/// Why something of the kit is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks it: tests that need it are skipped.
    #[error("{what}: {why}")]
    Missing {
        /// What would be used.
        what: String,
        /// Why it cannot, and how to mend it.
        why: String,
    },
    /// A command ran and failed.
    #[error("`{command}` {ended}\n{output}")]
    Command {
        /// The command, as one would type it.
        command: String,
        /// How it ended.
        ended: String,
        /// What it printed.
        output: String,
    },
    /// A file or folder of the kit.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// The kit's results.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
