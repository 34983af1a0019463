//! What a repository keeps beside its images: layers of wheels, probes of base images, locks. Each is one blob named by
//! a small manifest under a tag that says what went in, so that there is no shared index in which updates get lost, and
//! nothing that a clean-up of the registry would take away.

use std::collections::BTreeMap;

use nbvet_deps::Digest;

use crate::{
    layer::{Key, Layer, MEDIA_TYPE, Stored},
    registry::{Descriptor, Document, FileSource, Manifest, Registries, RegistryError, Repository, Source},
};

/// The configuration of what is no image.
const EMPTY: &[u8] = b"{}";
/// Its media type.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// A small thing is no larger.
const LARGEST: u64 = 64 << 20;

/// The shelf of one repository.
#[derive(Debug, Clone)]
pub struct Shelf {
    repository: Repository,
}

impl Shelf {
    /// The shelf of a repository.
    pub fn of(registries: &Registries, image: &nbvet_deps::ImageReference) -> Self {
        Self {
            repository: registries.repository(image),
        }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// A layer that is kept; `None`: there is none, or what is there is none of ours.
    pub fn layer(&self, key: &Key) -> Result<Option<Stored>, RegistryError> {
        let Some(found) = self.find(key.tag())? else {
            return Ok(None);
        };
        let annotation = |name: &str| found.annotations.get(name).map(String::as_str);
        Ok(Stored::read(found.digest.as_str(), found.size, annotation))
    }

    /// Keeps a layer: its blob first, its name last.
    pub fn keep_layer(&self, key: &Key, layer: &Layer) -> Result<(), RegistryError> {
        let stored = &layer.stored;
        let mut blob = Descriptor::new(MEDIA_TYPE, digest(&stored.digest), stored.size);
        let annotations = stored.annotations().into_iter();
        blob.annotations = annotations
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.put(
            key.tag(),
            "application/vnd.nbvet.layer.v1",
            blob,
            &FileSource(layer.path().to_owned()),
        )
    }

    /// Puts a blob of a layer that no name is kept for.
    pub fn keep_blob(&self, layer: &Layer) -> Result<(), RegistryError> {
        let blob = Descriptor::new(MEDIA_TYPE, digest(&layer.stored.digest), layer.stored.size);
        let source = FileSource(layer.path().to_owned());
        self.repository.push_blob(&blob, None, &source).map(drop)
    }

    /// A small thing that is kept under a tag.
    pub fn bytes(&self, tag: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some(found) = self.find(tag)? else {
            return Ok(None);
        };
        self.repository.blob_bytes(&found, LARGEST).map(Some)
    }

    /// Keeps a small thing under a tag.
    pub fn keep_bytes(&self, tag: &str, kind: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let blob = Descriptor::of(kind, bytes);
        self.put(tag, kind, blob, &bytes.to_vec())
    }

    fn find(&self, tag: &str) -> Result<Option<Descriptor>, RegistryError> {
        let found = self.repository.manifest(tag)?;
        Ok(found.and_then(|found| match found.document {
            Document::Manifest(mut manifest) if manifest.layers.len() == 1 => manifest.layers.pop(),
            Document::Manifest(_) | Document::Index(_) => None,
        }))
    }

    fn put(
        &self,
        tag: &str,
        kind: &str,
        blob: Descriptor,
        source: &(impl Source + ?Sized),
    ) -> Result<(), RegistryError> {
        self.repository.push_blob(&blob, None, source)?;
        let config = Descriptor::of(EMPTY_TYPE, EMPTY);
        self.repository.push_blob(&config, None, &EMPTY.to_vec())?;
        let mut manifest = Manifest::new(config, vec![blob]);
        manifest.artifact_type = Some(kind.to_owned());
        manifest.annotations = BTreeMap::new();
        #[expect(clippy::expect_used, reason = "plain data with string keys")]
        let bytes = serde_json::to_vec(&manifest).expect("manifests serialize");
        self.repository
            .push_manifest(tag, super::config::MANIFEST_TYPE, &bytes)
            .map(drop)
    }
}

/// The digest of a layer, which our own code wrote.
#[expect(clippy::expect_used, reason = "layers are named by digests of sha256")]
fn digest(text: &str) -> Digest {
    text.parse().expect("layers have digests")
}
