//! What can go wrong in a task: all of it is the environment's, so every message names a path or a command.

use std::{io, path::PathBuf, process::ExitStatus};

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A command could not be started.
    #[error("{command}: {error}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        error: io::Error,
    },
    /// A command said that it failed; it printed why.
    #[error("{command}: {status}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// Something that `make setup` makes is not there.
    #[error("{} is missing (hint: run `make setup`)", .0.display())]
    NotSetUp(PathBuf),
    /// A built thing is not where its builder puts it.
    #[error("{built} is missing in what {by} built")]
    NotBuilt {
        /// What was expected.
        built: String,
        /// Who should have built it.
        by: String,
    },
    /// cargo's description of the workspace could not be had.
    #[error("cargo metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    /// The wheel could not be written.
    #[error("{}: {error}", path.display())]
    Zip {
        /// The wheel.
        path: PathBuf,
        /// What is wrong.
        error: zip::result::ZipError,
    },
}

impl Error {
    /// Puts the path to what the system said.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }
}
