//! Registries by the OCI distribution specification: manifests, blobs, tags, and copies by digest. What comes is
//! checked against its digest; what goes is in place before a manifest names it.

mod auth;
mod blob;
mod challenge;
mod copy;
mod credential_program;
mod credentials;
mod error;
mod manifest;
mod oci_layout;
mod repository;
mod source;
mod tags;
mod upload;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nbvet_deps::{Digest, ImageReference};
use url::Url;

pub use self::blob::BlobReader;
pub use self::copy::Copied;
pub use self::credentials::Credentials;
pub use self::error::{CredentialsError, RegistryError};
pub use self::manifest::{
    DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Document, Fetched, Index, Manifest, OCI_INDEX, OCI_MANIFEST,
    Platform,
};
pub use self::oci_layout::Put;
pub use self::repository::{Repository, Resolved};
pub use self::source::{FileSource, Source};
pub use self::upload::Pushed;
use crate::http::{Http, HttpError, Reason, Traffic};

/// All registries that one command talks to. Clones share connections, tokens and what was confirmed.
#[derive(Debug, Clone)]
pub struct Registries {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Http,
    credentials: Credentials,
    sessions: auth::Sessions,
    /// Where each registry answers.
    endpoints: Mutex<HashMap<String, Url>>,
    /// Blobs that a repository is known to have.
    confirmed: Mutex<HashSet<(String, Digest)>>,
}

impl Registries {
    /// With a client and whom to be.
    pub fn new(http: Http, credentials: Credentials) -> Self {
        let inner = Inner {
            http,
            credentials,
            sessions: auth::Sessions::default(),
            endpoints: Mutex::default(),
            confirmed: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The repository of an image.
    pub fn repository(&self, image: &ImageReference) -> Repository {
        Repository::new(self.clone(), image.registry(), image.repository())
    }

    /// What was sent and received so far.
    pub fn traffic(&self) -> Traffic {
        self.inner.http.traffic()
    }

    /// Nobody is asked.
    pub(crate) fn is_offline(&self) -> bool {
        self.inner.http.is_offline()
    }

    fn http(&self) -> &Http {
        &self.inner.http
    }

    /// Where a registry answers: by https; where plain http is allowed and TLS is not spoken, by http.
    fn endpoint(&self, registry: &str) -> Result<Url, HttpError> {
        if let Some(known) = locked(&self.inner.endpoints).get(registry) {
            return Ok(known.clone());
        }
        let found = self.find_endpoint(registry)?;
        locked(&self.inner.endpoints).insert(registry.to_owned(), found.clone());
        Ok(found)
    }

    fn find_endpoint(&self, registry: &str) -> Result<Url, HttpError> {
        let host = match registry {
            // The name in references is not the host that answers.
            "docker.io" => "registry-1.docker.io",
            registry => registry,
        };
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/")).map_err(|error| HttpError::Url {
                url: registry.to_owned(),
                why: error.to_string(),
            })
        };
        let (secure, plain) = (url("https")?, url("http")?);
        if !self.http().may_be_plain(&plain) && !self.http().may_be_plain(&secure) {
            return Ok(secure);
        }
        let probe = format!("{secure}v2/");
        match self.http().get(&probe).once().send() {
            Ok(_) => Ok(secure),
            Err(HttpError::Transport {
                reason: Reason::NoTls(_) | Reason::Broken(_) | Reason::TimedOut(_),
                ..
            }) => Ok(plain),
            Err(error) => Err(error),
        }
    }

    fn is_confirmed(&self, place: &str, digest: &Digest) -> bool {
        locked(&self.inner.confirmed).contains(&(place.to_owned(), digest.clone()))
    }

    fn confirm(&self, place: &str, digest: &Digest) {
        locked(&self.inner.confirmed).insert((place.to_owned(), digest.clone()));
    }
}

/// For [`crate::hostile`].
pub(crate) fn manifest(told: Option<&str>, bytes: &[u8], wanted: &Platform) -> Result<(), RegistryError> {
    match manifest::read("host/a", told, bytes)? {
        (_, Document::Manifest(manifest)) => manifest.blobs().for_each(drop),
        (_, Document::Index(index)) => drop(index.choose("host/a", wanted)?),
    }
    Ok(())
}

/// For [`crate::hostile`].
pub(crate) fn login(
    file: &Path,
    text: &[u8],
    registry: &str,
    repository: &str,
) -> Result<bool, CredentialsError> {
    let login = credentials::Config::read(file, text)?.find(registry, repository)?;
    Ok(login.is_some())
}

/// For [`crate::hostile`].
pub(crate) fn is_challenge(header: &str) -> bool {
    challenge::read([header].into_iter()).is_some()
}

/// What is behind a lock is whole at every moment: a thread that panicked left nothing half-done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
