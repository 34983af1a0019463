//! What keeps a command from being done, and what to do about it. Texts of others are made harmless where they are printed.

use std::{io, time::Duration};

use kube::config::KubeconfigError;

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No kubeconfig, or one that cannot be used.
    #[error("no cluster is known: {0}")]
    NoCluster(String),
    /// The name of a job is none.
    #[error("`{0}` is no name of a job")]
    NoName(String),
    /// It is not there.
    #[error("there is no job `{name}` in namespace `{namespace}`")]
    NoJob {
        /// Its name.
        name: String,
        /// Where.
        namespace: String,
    },
    /// The definition is not installed.
    #[error("the cluster does not know the kind NotebookValidationJob")]
    NotServed,
    /// The API server refused something or did not answer.
    #[error("{doing}: {source}")]
    Api {
        /// What was asked for.
        doing: String,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// It did not answer in time.
    #[error("{doing}: no answer within {limit:?}")]
    NoAnswer {
        /// What was asked for.
        doing: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Nothing to show.
    #[error("{what}: {why}")]
    Nothing {
        /// What was wanted.
        what: String,
        /// Why it is not there.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A report that is not the one that the status names.
    #[error("the report in ConfigMap `{map}` cannot be used: {why}")]
    BadReport {
        /// The `ConfigMap`.
        map: String,
        /// Why not.
        why: String,
    },
    /// A file that cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A file that holds no job.
    #[error("`{path}` holds no NotebookValidationJob: {why}")]
    NoManifest {
        /// The file.
        path: String,
        /// What it is.
        why: String,
    },
    /// The end did not come.
    #[error("{job} has not ended within {limit}; last: {last}")]
    NotEnded {
        /// The job.
        job: String,
        /// How long was waited.
        limit: String,
        /// What it is at.
        last: String,
    },
}

impl Error {
    /// An answer of the API server to what was asked for.
    pub(crate) fn api(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Api {
            doing,
            source: Box::new(source),
        }
    }

    /// What to do.
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoCluster(_) => {
                "name a kubeconfig with --kubeconfig or KUBECONFIG, and a context of it with --context"
            }
            Self::NoName(_) => "names have small letters, digits, `-` and `.`",
            Self::NoJob { namespace, .. } => {
                return Some(format!(
                    "`kubectl nbvet status -n {namespace}` lists those that are there"
                ));
            }
            Self::NotServed => {
                "the operator is not installed there; see --context for which cluster is asked"
            }
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) if status.code == 401 => "log in to the cluster anew",
                kube::Error::Api(status) if status.code == 403 => {
                    "ask for the right: `kubectl auth can-i --list` shows those that you have"
                }
                kube::Error::Api(_) => return None,
                _ => "is the cluster up, and is it this one? see `kubectl config current-context`",
            },
            Self::NoAnswer { .. } => "--request-timeout gives it more time",
            Self::Nothing { hint, .. } => return Some(hint.clone()).filter(|hint| !hint.is_empty()),
            Self::BadReport { .. } => "somebody changed it: `kubectl nbvet retry` makes another",
            Self::File { .. } => return None,
            Self::NoManifest { .. } => {
                "a manifest begins with `apiVersion: mlops.mlops.dev/v1alpha1` and `kind: NotebookValidationJob`"
            }
            Self::NotEnded { .. } => "it goes on; `kubectl nbvet status` shows how far it is",
        };
        Some(text.to_owned())
    }
}

impl From<KubeconfigError> for Error {
    fn from(error: KubeconfigError) -> Self {
        Self::NoCluster(error.to_string())
    }
}

/// Whether an answer is this status of HTTP.
pub(crate) fn is_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
