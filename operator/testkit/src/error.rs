//! What can go wrong before a test begins, or while it waits.

use std::{fmt, io, path::PathBuf, process::Output, time::Duration};

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
    /// A program of a cluster ended, or did not become ready in time.
    #[error("{program} {problem}; logs are in {}; its last lines:\n{tail}", logs.display())]
    Start {
        /// Which.
        program: String,
        /// `ended with exit status: 1`, or what was waited for and how long.
        problem: String,
        /// The folder that is left for reading.
        logs: PathBuf,
        /// The end of the program's log.
        tail: String,
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
    /// The API server refused, or could not be reached.
    #[error("{doing}: {source}")]
    Api {
        /// What was asked of it.
        doing: String,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// Something did not come in time.
    #[error("{what} was not as it should be within {limit:?}; last seen: {seen}")]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What there was at the end.
        seen: String,
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

    pub(crate) fn api(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Api {
            doing,
            source: Box::new(source),
        }
    }

    pub(crate) fn other(error: impl fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// A command that failed, as one would type it, with all that it printed.
    pub(crate) fn command(command: &std::process::Command, output: &Output) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let both = [&output.stdout[..], &output.stderr[..]].concat();
        Self::Command {
            command: words.join(" "),
            ended: output.status.to_string(),
            output: String::from_utf8_lossy(&both).into_owned(),
        }
    }
}
