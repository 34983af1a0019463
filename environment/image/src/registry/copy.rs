//! Copies of images from one repository to another, byte for byte, so that the digest stays the same.

use std::io::{self, Read};

use nbvet_deps::Digest;

use super::manifest::{Descriptor, Document, Fetched};
use super::{RegistryError, Repository, Source};
use crate::index::parallel;

/// Blobs that are copied at a time.
const BLOBS: usize = 4;
/// More images than any index has that is still of use.
const MOST_IMAGES: usize = 200;

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The digest, the same as before.
    pub digest: Digest,
    /// The digest that the tag had before, where it was another one.
    pub moved_from: Option<Digest>,
    /// Whether the tag stood for this image before: nothing was sent.
    pub was_there: bool,
}

impl Repository {
    /// Copies the image of `reference` to another repository, under a tag. The tag is set last, when all that it
    /// leads to is in place; a copy that broke off is mended by another one.
    pub fn copy_by_digest(&self, reference: &str, to: &Self, tag: &str) -> Result<Copied, RegistryError> {
        let from = self.manifest(reference)?.ok_or_else(|| RegistryError::Missing {
            image: self.image(),
            what: format!("`{reference}`"),
        })?;
        let digest = from.descriptor.digest.clone();
        let before = to.head_manifest(tag)?.map(|before| before.digest);
        if before.as_ref() == Some(&digest) {
            return Ok(Copied {
                digest,
                moved_from: None,
                was_there: true,
            });
        }
        self.copy_content(&from, to)?;
        to.push_manifest(tag, &from.descriptor.media_type, &from.bytes)?;
        Ok(Copied {
            digest,
            moved_from: before,
            was_there: false,
        })
    }

    /// Everything that a manifest names.
    fn copy_content(&self, from: &Fetched, to: &Self) -> Result<(), RegistryError> {
        match &from.document {
            Document::Manifest(manifest) => {
                let blobs: Vec<&Descriptor> = manifest.blobs().collect();
                parallel::each(&blobs, BLOBS, |blob| self.copy_blob(blob, to)).map(drop)
            }
            Document::Index(index) if index.manifests.len() > MOST_IMAGES => Err(RegistryError::Unusable {
                image: self.image(),
                why: format!(
                    "it has {} images; at most {MOST_IMAGES} are copied",
                    index.manifests.len()
                ),
            }),
            Document::Index(index) => index
                .manifests
                .iter()
                .try_for_each(|child| self.copy_child(child, to)),
        }
    }

    fn copy_child(&self, child: &Descriptor, to: &Self) -> Result<(), RegistryError> {
        let digest = child.digest.as_str();
        if to.head_manifest(digest)?.is_some() {
            return Ok(());
        }
        let fetched = self.manifest(digest)?.ok_or_else(|| RegistryError::Missing {
            image: self.image(),
            what: digest.to_owned(),
        })?;
        if matches!(fetched.document, Document::Index(_)) {
            return Err(RegistryError::Unusable {
                image: self.image(),
                why: format!("{digest} is an index within an index"),
            });
        }
        self.copy_content(&fetched, to)?;
        to.push_manifest(digest, &fetched.descriptor.media_type, &fetched.bytes)
            .map(drop)
    }

    /// Puts a blob of this repository into another one: by the registry itself where it is the same, else by way of here.
    pub fn copy_blob(&self, blob: &Descriptor, to: &Self) -> Result<(), RegistryError> {
        let source = Remote {
            repository: self,
            blob,
        };
        to.push_blob(blob, Some(self), &source).map(drop)
    }
}

/// A blob of another registry, as what is sent.
struct Remote<'a> {
    repository: &'a Repository,
    blob: &'a Descriptor,
}

impl Source for Remote<'_> {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let reader: Box<dyn Read> = if offset == 0 {
            Box::new(self.repository.blob(self.blob).map_err(io::Error::other)?)
        } else {
            // The other registry takes the digest of the whole.
            Box::new(
                self.repository
                    .open_blob(self.blob, offset)
                    .map_err(io::Error::other)?,
            )
        };
        Ok(reader)
    }
}
