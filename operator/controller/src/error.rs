//! What can go wrong between the controller and a cluster. Nothing here is a fault of a notebook.

use std::time::Duration;

/// Why the controller could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option cannot be used as it is.
    #[error("{0}")]
    Option(String),
    /// No cluster is known.
    #[error("no cluster to work for: {0}; run in a pod with a service account, or set KUBECONFIG")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The API server refused something or did not answer.
    #[error("{doing}: {source}")]
    Api {
        /// What was tried.
        doing: String,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// A pass over a job took too long.
    #[error("a pass took more than {0:?}")]
    TooLong(Duration),
    /// A pass over a job met a fault of ours; what it was stands in the log before it.
    #[error(
        "a pass ended by a fault of the operator's own; please report it with the lines of the log before this one"
    )]
    Panicked,
    /// A plan says what no cluster can be told: a fault of ours.
    #[error("an object that cannot be created: {0}")]
    Unusable(String),
    /// An address cannot be listened at.
    #[error("cannot listen at {address} (`--health-address`): {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Another controller leads now.
    #[error("the lease was lost; another start begins as a standby")]
    LeaseLost,
    /// A watch ended that never should.
    #[error("the controller of {0} ended by itself")]
    Ended(String),
}

impl Error {
    /// An answer of the API server to what was tried.
    pub(crate) fn api(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Api {
            doing,
            source: Box::new(source),
        }
    }

    /// One of a few words, for metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Api { source, .. } => match **source {
                kube::Error::Api(ref status) => match status.code {
                    403 => "forbidden",
                    409 => "conflict",
                    429 => "throttled",
                    500..=599 => "server",
                    _ => "refused",
                },
                _ => "unreachable",
            },
            Self::TooLong(_) => "too-long",
            _ => "internal",
        }
    }
}

/// Whether an answer is this status of HTTP.
pub(crate) fn is_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
