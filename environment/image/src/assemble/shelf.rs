//! What a repository keeps beside its images: layers of wheels, probes of base images, locks. Each is one blob named by
//! a small manifest under a tag that says what went in, so that there is no shared index in which updates get lost, and
//! nothing that a clean-up of the registry would take away. A manifest says its tag itself: what a tag was moved to by
//! mistake, or an older nbvet left, is told and not used.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use nbvet_deps::Digest;

use super::config::differs;
use crate::{
    layer::{Key, Layer, MEDIA_TYPE, Stored},
    registry::{
        Descriptor, Document, Fetched, FileSource, Manifest, Registries, RegistryError, Repository, Source,
    },
};

/// The configuration of what is no image.
const EMPTY: &[u8] = b"{}";
/// Its media type.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// What a kept layer is called in the registry.
const LAYER_TYPE: &str = "application/vnd.nbvet.layer.v1";
/// Annotation of a kept thing: the tag that it was made for.
const TAG: &str = "dev.nbvet.tag";
/// Annotation of a kept layer: the digests of its wheels.
const WHEELS: &str = "dev.nbvet.wheels";
/// What a manifest says of what it names.
type Annotations = BTreeMap<String, String>;
/// A small thing is no larger.
const LARGEST: u64 = 64 << 20;

/// The shelf of one repository. Clones share what was found unfit.
#[derive(Debug, Clone)]
pub struct Shelf {
    repository: Repository,
    keeps: bool,
    unfit: Arc<Mutex<Vec<Unfit>>>,
}

/// Something under a tag of a shelf that is not what the tag says. It is not used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unfit {
    /// Registry, repository and tag.
    pub name: String,
    /// What does not fit.
    pub why: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, why } = self;
        write!(f, "{name} is not used: {why}")
    }
}

impl Shelf {
    /// The shelf of a repository.
    pub fn of(registries: &Registries, image: &nbvet_deps::ImageReference) -> Self {
        Self {
            repository: registries.repository(image),
            keeps: true,
            unfit: Arc::default(),
        }
    }

    /// The same, to which nothing is added.
    pub fn read_only(registries: &Registries, image: &nbvet_deps::ImageReference) -> Self {
        Self {
            keeps: false,
            ..Self::of(registries, image)
        }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What was not used since this was last asked, by name.
    pub fn take_unfit(&self) -> Vec<Unfit> {
        let mut unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut *unfit);
        taken.sort();
        taken
    }

    /// Remembers that what is under a tag is not used.
    pub(super) fn reject(&self, tag: &str, why: impl Into<String>) {
        let unfit = Unfit {
            name: format!("{}:{tag}", self.repository.image()),
            why: why.into(),
        };
        self.unfit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(unfit);
    }

    /// The digest of the image under a tag. `unlike` says what about it does not fit.
    pub(super) fn image(
        &self,
        tag: &str,
        unlike: impl FnOnce(&Manifest) -> Option<String>,
    ) -> Result<Option<Digest>, RegistryError> {
        let Some((descriptor, manifest)) = self.manifest(tag)? else {
            return Ok(None);
        };
        if let Some(why) = unlike(&manifest) {
            self.reject(tag, why);
            return Ok(None);
        }
        Ok(Some(descriptor.digest))
    }

    /// A layer that is kept, and whose blob is there.
    pub fn layer(&self, key: &Key) -> Result<Option<Stored>, RegistryError> {
        let Some((found, said)) = self.find(key.tag(), LAYER_TYPE)? else {
            return Ok(None);
        };
        let wheels = said.get(WHEELS).map(String::as_str);
        if wheels != Some(key.wheels()) {
            self.reject(key.tag(), differs(WHEELS, wheels, key.wheels()));
            return Ok(None);
        }
        let annotation = |name: &str| found.annotations.get(name).map(String::as_str);
        let Some(stored) = Stored::read(found.digest.as_str(), found.size, annotation) else {
            self.reject(
                key.tag(),
                "it describes no layer: its digests and sizes do not go together",
            );
            return Ok(None);
        };
        let there = self.repository.has_blob_at_last(&found);
        let there = self.usable(key.tag(), there)?;
        if there == Some(false) {
            self.reject(
                key.tag(),
                format!("{} is not in the registry any more", found.digest),
            );
        }
        Ok((there == Some(true)).then_some(stored))
    }

    /// Keeps a layer: its blob first, its name last.
    pub fn keep_layer(&self, key: &Key, layer: &Layer) -> Result<(), RegistryError> {
        let stored = &layer.stored;
        let mut blob = Descriptor::new(MEDIA_TYPE, digest(&stored.digest), stored.size);
        let annotations = stored.annotations().into_iter();
        blob.annotations = annotations
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let source = FileSource(layer.path().to_owned());
        self.put(key.tag(), LAYER_TYPE, Some(key.wheels()), blob, &source)
    }

    /// Puts a blob of a layer that no name is kept for.
    pub fn keep_blob(&self, layer: &Layer) -> Result<(), RegistryError> {
        let blob = Descriptor::new(MEDIA_TYPE, digest(&layer.stored.digest), layer.stored.size);
        let source = FileSource(layer.path().to_owned());
        self.repository.push_blob(&blob, None, &source).map(drop)
    }

    /// A small thing that is kept under a tag.
    pub fn bytes(&self, tag: &str, kind: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some((found, _)) = self.find(tag, kind)? else {
            return Ok(None);
        };
        let bytes = self.repository.blob_bytes(&found, LARGEST);
        self.usable(tag, bytes)
    }

    /// Keeps a small thing under a tag.
    pub fn keep_bytes(&self, tag: &str, kind: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        if !self.keeps {
            return Ok(());
        }
        let blob = Descriptor::of(kind, bytes);
        self.put(tag, kind, None, blob, &bytes.to_vec())
    }

    /// The blob under a tag, and what its manifest says of it.
    fn find(&self, tag: &str, kind: &str) -> Result<Option<(Descriptor, Annotations)>, RegistryError> {
        let Some((_, mut manifest)) = self.manifest(tag)? else {
            return Ok(None);
        };
        let said = manifest.annotations.get(TAG).map(String::as_str);
        let why = if manifest.artifact_type.as_deref() != Some(kind) || manifest.layers.len() != 1 {
            format!("it is no {kind}")
        } else if said != Some(tag) {
            differs(TAG, said, tag)
        } else {
            return Ok(manifest.layers.pop().map(|blob| (blob, manifest.annotations)));
        };
        self.reject(tag, why);
        Ok(None)
    }

    fn manifest(&self, tag: &str) -> Result<Option<(Descriptor, Manifest)>, RegistryError> {
        let found = self.repository.manifest(tag);
        let Some(Some(Fetched {
            descriptor, document, ..
        })) = self.usable(tag, found)?
        else {
            return Ok(None);
        };
        match document {
            Document::Manifest(manifest) => Ok(Some((descriptor, *manifest))),
            Document::Index(_) => {
                self.reject(tag, "it is an index of several images");
                Ok(None)
            }
        }
    }

    /// What came, if it came as it should. Where the registry was reached and what it holds is at fault, that is no
    /// reason to stop: it is made anew.
    fn usable<T>(&self, tag: &str, got: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
        match got {
            Ok(got) => Ok(Some(got)),
            Err(error) if error.is_of_content() => {
                self.reject(tag, error.bare(&self.repository.image()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn put(
        &self,
        tag: &str,
        kind: &str,
        wheels: Option<&str>,
        blob: Descriptor,
        source: &(impl Source + ?Sized),
    ) -> Result<(), RegistryError> {
        self.repository.push_blob(&blob, None, source)?;
        let config = Descriptor::of(EMPTY_TYPE, EMPTY);
        self.repository.push_blob(&config, None, &EMPTY.to_vec())?;
        let mut manifest = Manifest::new(config, vec![blob]);
        manifest.artifact_type = Some(kind.to_owned());
        let said = [(TAG, Some(tag)), (WHEELS, wheels)];
        manifest.annotations = said
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
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
