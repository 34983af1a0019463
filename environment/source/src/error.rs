//! Why there is no tree. No message holds a credential.

use std::{
    io,
    path::{Path, PathBuf},
};

use nbvet_report::Reason;

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The address begins with a scheme that is not used.
    #[error("`{address}`: {scheme} is not used for sources; write `https://…`, `ssh://…` or `git@host:path`")]
    Scheme {
        /// As it may be shown.
        address: String,
        /// Its scheme, in words.
        scheme: String,
    },
    /// The address is none.
    #[error("`{address}` is no address of a git repository: {why}")]
    Address {
        /// As it may be shown.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The revision is none.
    #[error("`{revision}` is no branch, tag or commit: {why}")]
    Revision {
        /// As it may be shown.
        revision: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The path of the notebook is none that is followed.
    #[error("`{path}` is no path of a notebook: {why}")]
    Path {
        /// As it may be shown.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no notebook.
    #[error("there is no notebook {path}{}", near_told(.near))]
    NoNotebook {
        /// Its path.
        path: String,
        /// What is there under similar names.
        near: Vec<String>,
    },
    /// The server wants other credentials, or some.
    #[error("{address}: {why}")]
    Authentication {
        /// As it may be shown.
        address: String,
        /// What was refused, and what to do.
        why: String,
    },
    /// The repository has no such revision.
    #[error("{address} has no {what}")]
    NoRevision {
        /// As it may be shown.
        address: String,
        /// What was looked for, and where.
        what: String,
    },
    /// More than there may be.
    #[error("{what} is larger than allowed: {limit}; keep data out of the repository, or raise the limit")]
    TooLarge {
        /// Of what.
        what: String,
        /// Which limit.
        limit: String,
    },
    /// It took too long.
    #[error("{what} did not come within {seconds} s")]
    TooSlow {
        /// What.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// The server does not answer, or not well.
    #[error("{address} cannot be reached: {why}")]
    Unreachable {
        /// As it may be shown.
        address: String,
        /// What git says.
        why: String,
        /// Whether another try may go well.
        transient: bool,
    },
    /// `git` does not do what is needed.
    #[error("git failed to {action}: {why}")]
    Git {
        /// What was asked of it.
        action: &'static str,
        /// What it says.
        why: String,
    },
    /// There is no `git`.
    #[error("`git` cannot be started: {0}; the image of this container has to hold it")]
    NoGit(io::Error),
    /// `ssh` wants to know the user's name.
    #[error(
        "ssh needs an entry of user {uid} in /etc/passwd; the image of this container has to hold one, or libnss_wrapper.so"
    )]
    NoUser {
        /// Its number.
        uid: u32,
    },
    /// Credentials that cannot be used.
    #[error("the credentials in {} cannot be used: {why}", folder.display())]
    Credentials {
        /// The mounted folder.
        folder: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// A folder or file of this container.
    #[error("{}: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A folder that should be empty is not.
    #[error("{}: something is in it already; a tree needs a folder of its own", folder.display())]
    NotEmpty {
        /// Which.
        folder: PathBuf,
    },
    /// The input names no folder for the tree.
    #[error("the input names no folder to put the tree into")]
    Nowhere,
}

fn near_told(names: &[String]) -> String {
    match names {
        [] => " and none at all".to_owned(),
        names => format!("; there is {}", names.join(", ")),
    }
}

impl SourceError {
    pub(crate) fn folder(path: &Path, error: io::Error) -> Self {
        Self::Folder {
            path: path.to_owned(),
            error,
        }
    }

    /// The reason that a controller tells.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Scheme { .. } => Reason::SchemeNotAllowed,
            Self::Address { .. } | Self::Revision { .. } => Reason::InvalidField,
            Self::Path { .. } => Reason::PathNotAllowed,
            Self::NoNotebook { .. } => Reason::NotebookNotFound,
            Self::Authentication { .. } | Self::Credentials { .. } => Reason::AuthenticationFailed,
            Self::NoRevision { .. } => Reason::RefNotFound,
            Self::TooLarge { .. } | Self::TooSlow { .. } => Reason::SourceTooLarge,
            Self::Unreachable { .. } | Self::Git { .. } => Reason::Unreachable,
            Self::NoGit(_)
            | Self::NoUser { .. }
            | Self::Folder { .. }
            | Self::NotEmpty { .. }
            | Self::Nowhere => Reason::InternalError,
        }
    }

    /// Whether another try may go well.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { transient, .. } => *transient,
            Self::Git { .. } => true,
            _ => false,
        }
    }
}
