//! One repository: its manifests, and what stands in front of every request.

use std::thread::sleep;

use nbvet_deps::Digest;
use sha2::{Digest as _, Sha512};
use url::Url;

use super::auth::{Asked, Scope};
use super::manifest::{self, ACCEPTED, Descriptor, Document, Fetched, LARGEST, Manifest, Platform};
use super::tags::is_tag;
use super::{Registries, RegistryError, challenge};
use crate::http::{Http, HttpError, Request, Response, is_same_server};
use crate::index::parallel;

/// Blobs that are asked for at a time.
const QUESTIONS: usize = 8;

/// A repository of a registry.
#[derive(Debug, Clone)]
pub struct Repository {
    registries: Registries,
    registry: String,
    name: String,
}

/// The image for one platform.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The digest of what was asked for, an index or the image itself.
    pub asked: Digest,
    /// The image's manifest as it came.
    pub fetched: Fetched,
    /// What it says.
    pub manifest: Manifest,
}

impl Repository {
    pub(super) fn new(registries: Registries, registry: &str, name: &str) -> Self {
        Self {
            registries,
            registry: registry.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The host, with its port if it has one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Registry and path, for messages.
    pub fn image(&self) -> String {
        format!("{}/{}", self.registry, self.name)
    }

    /// With a tag or digest, for messages.
    pub(super) fn image_at(&self, reference: &str) -> String {
        let between = if reference.contains(':') { '@' } else { ':' };
        format!("{}{between}{reference}", self.image())
    }

    /// What a tag or digest stands for, without its content; none where there is nothing.
    pub fn head_manifest(&self, reference: &str) -> Result<Option<Descriptor>, RegistryError> {
        const ACTION: &str = "tell of the manifest";
        let url = self.manifest_url(reference)?;
        let scope = Scope::pull(&self.name);
        let response = self.ask(&scope, ACTION, |http| {
            Ok(http.head(url.as_str()).header("accept", ACCEPTED))
        })?;
        if response.status() == 404 {
            return Ok(None);
        }
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        let told = response
            .header("docker-content-digest")
            .and_then(|digest| digest.parse::<Digest>().ok());
        let size = response.content_length();
        let media_type = response.header("content-type").unwrap_or_default().to_owned();
        // Some registries tell less to HEAD than to GET.
        let (Some(digest), Some(size)) = (told.or_else(|| reference.parse().ok()), size) else {
            return Ok(self.manifest(reference)?.map(|fetched| fetched.descriptor));
        };
        if reference.parse().is_ok_and(|asked: Digest| asked != digest) {
            return Err(self.wrong_digest(reference, reference.to_owned(), digest.to_string()));
        }
        Ok(Some(Descriptor::new(&media_type, digest, size)))
    }

    /// The manifest of a tag or digest; none where there is nothing. The bytes have the digest that was asked for.
    pub fn manifest(&self, reference: &str) -> Result<Option<Fetched>, RegistryError> {
        const ACTION: &str = "give the manifest";
        let url = self.manifest_url(reference)?;
        let scope = Scope::pull(&self.name);
        let response = self.ask(&scope, ACTION, |http| {
            let request = http.get(url.as_str()).header("accept", ACCEPTED);
            Ok(request.buffered(LARGEST))
        })?;
        if response.status() == 404 {
            return Ok(None);
        }
        let response = response.checked().map_err(|error| self.error(ACTION, error))?;
        let media_type = response.header("content-type").map(str::to_owned);
        let told = response
            .header("docker-content-digest")
            .and_then(|digest| digest.parse::<Digest>().ok());
        let bytes = response
            .read_bounded(LARGEST)
            .map_err(|error| self.error(ACTION, error))?;
        let expected = reference.parse::<Digest>().ok().or(told);
        let digest = expected.unwrap_or_else(|| Digest::sha256(&bytes));
        let found = digest_like(&digest, &bytes);
        if found != digest.as_str() {
            return Err(self.wrong_digest(reference, digest.to_string(), found));
        }
        let (media_type, document) =
            manifest::read(&self.image_at(reference), media_type.as_deref(), &bytes)?;
        let descriptor = Descriptor::new(&media_type, digest, bytes.len() as u64);
        Ok(Some(Fetched {
            descriptor,
            bytes,
            document,
        }))
    }

    /// The image that a tag or digest stands for on a platform.
    pub fn resolve(&self, reference: &str, platform: &Platform) -> Result<Resolved, RegistryError> {
        let missing = |what: &str| RegistryError::Missing {
            image: self.image(),
            what: format!("`{what}`"),
        };
        let first = self.manifest(reference)?.ok_or_else(|| missing(reference))?;
        let asked = first.descriptor.digest.clone();
        let chosen = match &first.document {
            Document::Manifest(manifest) => {
                let manifest = Manifest::clone(manifest);
                return Ok(Resolved {
                    asked,
                    fetched: first,
                    manifest,
                });
            }
            Document::Index(index) => index.choose(&self.image_at(reference), platform)?,
        };
        let digest = chosen.digest.as_str();
        let fetched = self.manifest(digest)?.ok_or_else(|| missing(digest))?;
        match &fetched.document {
            Document::Manifest(manifest) => Ok(Resolved {
                asked,
                manifest: Manifest::clone(manifest),
                fetched,
            }),
            Document::Index(_) => Err(RegistryError::Manifest {
                image: self.image_at(reference),
                why: format!("its image for {platform} is an index again"),
            }),
        }
    }

    /// Puts a manifest in place, under its digest or a tag, after everything that it names is confirmed to be there.
    /// Nothing is sent where it is in place.
    pub fn push_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, RegistryError> {
        let (media_type, document) = manifest::read(&self.image_at(reference), Some(media_type), bytes)?;
        let descriptor = Descriptor::of(&media_type, bytes);
        let before = self.head_manifest(reference)?;
        if before.is_some_and(|before| before.digest == descriptor.digest) {
            return Ok(descriptor);
        }
        self.check_complete(&document)?;
        let response = self.put_manifest(reference, &media_type, bytes)?;
        let told = response.header("docker-content-digest");
        if let Some(told) = told.and_then(|told| told.parse::<Digest>().ok())
            && told.algorithm() == descriptor.digest.algorithm()
            && told != descriptor.digest
        {
            return Err(self.wrong_digest(reference, descriptor.digest.to_string(), told.to_string()));
        }
        Ok(descriptor)
    }

    /// Sends a manifest. While another builder puts the same blobs in place, some registries do not find them for a
    /// moment, though they said that they have them.
    fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Response, RegistryError> {
        const ACTION: &str = "take the manifest";
        let url = self.manifest_url(reference)?;
        let scope = Scope::push(&self.name);
        let retry = *self.registries.http().retry();
        let mut attempt = 1;
        loop {
            let response = self.ask(&scope, ACTION, |http| {
                let request = http.put(url.as_str()).header("content-type", media_type);
                Ok(request.bytes(bytes.to_vec()))
            })?;
            match response.checked().map_err(|error| self.error(ACTION, error)) {
                Err(RegistryError::Refused { said, .. })
                    if is_half_written(&said) && attempt < retry.attempts =>
                {
                    sleep(retry.wait(attempt, None));
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Everything that a manifest names is in the repository.
    fn check_complete(&self, document: &Document) -> Result<(), RegistryError> {
        let missing = |descriptor: &Descriptor| RegistryError::Missing {
            image: self.image(),
            what: descriptor.digest.to_string(),
        };
        match document {
            Document::Manifest(manifest) => {
                // An image of many layers would else wait for as many answers, one after another.
                let blobs: Vec<&Descriptor> = manifest.blobs().collect();
                let found = parallel::each(&blobs, QUESTIONS, |blob| {
                    let is_there = self.has_blob_at_last(blob)?;
                    is_there.then_some(()).ok_or_else(|| missing(blob))
                });
                found.map(drop)
            }
            Document::Index(index) => index.manifests.iter().try_for_each(|child| {
                let found = self.head_manifest(child.digest.as_str())?;
                found.map(drop).ok_or_else(|| missing(child))
            }),
        }
    }

    /// Sends a request, and says who is there where that is asked. `make` is called anew for each try.
    pub(super) fn ask<'a>(
        &'a self,
        scope: &Scope,
        action: &'static str,
        make: impl Fn(&'a Http) -> Result<Request<'a>, RegistryError>,
    ) -> Result<Response, RegistryError> {
        let registries = &self.registries;
        let image = self.image();
        let asked = Asked {
            registry: &self.registry,
            repository: &self.name,
            scope,
            image: &image,
        };
        let origin = self.origin()?;
        let mut is_second = false;
        loop {
            let request = make(registries.http())?;
            let is_ours = request.url().is_some_and(|url| is_same_server(url, &origin));
            let header = registries
                .inner
                .sessions
                .header(&self.registry, scope)
                .filter(|_| is_ours);
            let response = request
                .authorization(header)
                .send()
                .map_err(|error| self.error(action, error))?;
            // Another server's question, behind a redirect or an upload's place, is not for our credentials.
            let may_answer = is_ours && is_same_server(response.url(), &origin);
            match response.status() {
                401 if may_answer && !is_second => {
                    registries.answer(&asked, challenge::read(response.headers("www-authenticate")))?;
                    is_second = true;
                }
                401 | 403 if may_answer => {
                    let HttpError::Status { body, .. } = response.refused() else {
                        return Err(registries.refused(&asked, ""));
                    };
                    return Err(registries.refused(&asked, &body));
                }
                _ => return Ok(response),
            }
        }
    }

    pub(super) fn registries(&self) -> &Registries {
        &self.registries
    }

    pub(super) fn error(&self, action: &'static str, error: HttpError) -> RegistryError {
        RegistryError::of(&self.image(), action, error)
    }

    pub(super) fn origin(&self) -> Result<Url, RegistryError> {
        let endpoint = self.registries.endpoint(&self.registry);
        endpoint.map_err(|error| self.error("answer", error))
    }

    /// `/v2/NAME/…`.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let origin = self.origin()?;
        let joined = origin.join(&format!("/v2/{}/{path}", self.name));
        joined.map_err(|error| RegistryError::Unusable {
            image: self.image(),
            why: format!("no URL can be made of it: {error}"),
        })
    }

    fn manifest_url(&self, reference: &str) -> Result<Url, RegistryError> {
        if !is_tag(reference) && reference.parse::<Digest>().is_err() {
            return Err(RegistryError::Unusable {
                image: self.image(),
                why: format!("{reference:?} is neither a tag nor a digest"),
            });
        }
        self.url(&format!("manifests/{reference}"))
    }

    fn wrong_digest(&self, reference: &str, expected: String, found: String) -> RegistryError {
        RegistryError::Digest {
            image: self.image_at(reference),
            what: "a manifest",
            expected,
            found,
        }
    }
}

/// What registries say of a blob's name that another request is just writing anew.
fn is_half_written(said: &str) -> bool {
    said.contains("BLOB_UNKNOWN") || said.contains("DIGEST_INVALID")
}

/// The digest of bytes, by the algorithm of another.
fn digest_like(other: &Digest, bytes: &[u8]) -> String {
    match other.algorithm() {
        "sha512" => super::blob::text("sha512", &Sha512::digest(bytes)),
        _ => Digest::sha256(bytes).to_string(),
    }
}
