//! The image that others are built upon: found by name, pinned by digest, and looked into once.

use std::{fs, io, path::PathBuf};

use nbvet_deps::{Digest, ImageReference};
use serde::{Deserialize, Serialize};

use super::{Error, Shelf};
use crate::{
    base::{Probe, Prober},
    http::{cleaned, cut},
    registry::{Platform, Registries, Repository, Resolved},
};

/// A configuration is no larger.
const LARGEST_CONFIG: u64 = 8 << 20;
/// What a kept probe is called in the registry.
const PROBE_TYPE: &str = "application/vnd.nbvet.probe.v1+json";

/// What is known of a base image without asking anybody, when it was looked into before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Known {
    /// The digest of the image for the platform.
    pub digest: Digest,
    /// How many layers it has.
    pub layers: usize,
    /// What it holds.
    pub probe: Probe,
}

/// A base image that is to be built upon.
#[derive(Debug)]
pub struct Base {
    /// Where it is.
    pub repository: Repository,
    /// Its manifest.
    pub resolved: Resolved,
    /// Its configuration.
    pub config: Vec<u8>,
}

/// Remembers probes on this machine: `folder/<digest>-<platform>.json`.
#[derive(Debug, Clone)]
pub struct Probes {
    folder: PathBuf,
}

impl Probes {
    /// Kept in a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, asked: &Digest, platform: &Platform) -> PathBuf {
        let platform = platform.to_string().replace('/', "-");
        self.folder.join(format!("{}-{platform}.json", asked.hex()))
    }

    fn read(&self, asked: &Digest, platform: &Platform) -> Option<Known> {
        let bytes = fs::read(self.file(asked, platform)).ok()?;
        let known: Known = serde_json::from_slice(&bytes).ok()?;
        // A probe of another version says other things.
        Probe::from_json(&known.probe.to_json())?;
        Some(known)
    }

    /// Fails only where a later command will do the work again.
    fn keep(&self, asked: &Digest, platform: &Platform, known: &Known) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let file = tempfile::NamedTempFile::new_in(&self.folder)?;
        fs::write(file.path(), serde_json::to_vec(known)?)?;
        file.persist(self.file(asked, platform))
            .map_err(|error| error.error)?;
        Ok(())
    }
}

/// What a base image is and holds. Asks the registry for its digest where its name has none; looks into its layers only
/// where neither this machine nor the shelf knows them.
pub fn known(
    registries: &Registries,
    reference: &ImageReference,
    platform: &Platform,
    probes: &Probes,
    shelf: Option<&Shelf>,
) -> Result<(Known, Digest), Error> {
    let repository = registries.repository(reference);
    let asked = if let Some(digest) = reference.digest() {
        digest.clone()
    } else if registries.is_offline() {
        return Err(Error::NoDigestOffline {
            base: reference.to_string(),
        });
    } else {
        let found = repository.head_manifest(reference.manifest())?;
        let missing = || Error::NoBase {
            base: reference.to_string(),
        };
        found.ok_or_else(missing)?.digest
    };
    if let Some(known) = probes.read(&asked, platform) {
        return Ok((known, asked));
    }
    if registries.is_offline() {
        return Err(Error::UnknownOffline {
            base: reference.to_string(),
        });
    }
    let base = Base::open(registries, reference, &asked, platform)?;
    let digest = base.resolved.fetched.descriptor.digest.clone();
    let tag = format!("probe-{}", digest.hex());
    let layers = base.resolved.manifest.layers.len();
    if let Some(probe) = shelf
        .map(|shelf| kept(shelf, &tag, &digest))
        .transpose()?
        .flatten()
    {
        // The word of whoever can push there counts there, and is not carried to other repositories.
        let known = Known {
            digest,
            layers,
            probe,
        };
        return Ok((known, asked));
    }
    let probe = base.probe()?;
    if let Some(shelf) = shelf {
        shelf.keep_bytes(&tag, PROBE_TYPE, &probe.to_json())?;
    }
    let known = Known {
        digest,
        layers,
        probe,
    };
    // A full disk costs the next command a look into the registry, and nothing else.
    let _ = probes.keep(&asked, platform, &known);
    // Of an index, the digest for the platform is the one that is told, and may be named next.
    if known.digest != asked {
        let _ = probes.keep(&known.digest, platform, &known);
    }
    Ok((known, asked))
}

/// What a repository keeps of a base image.
fn kept(shelf: &Shelf, tag: &str, digest: &Digest) -> Result<Option<Probe>, Error> {
    let Some(bytes) = shelf.bytes(tag, PROBE_TYPE)? else {
        return Ok(None);
    };
    let why = match Probe::from_json(&bytes) {
        Some(probe) if probe.image == digest.as_str() => return Ok(Some(probe)),
        Some(_) => "it tells of another image",
        None => "it is not what this version of nbvet tells of an image",
    };
    shelf.reject(tag, why);
    Ok(None)
}

impl Base {
    /// The image that a digest stands for on a platform.
    pub fn open(
        registries: &Registries,
        reference: &ImageReference,
        asked: &Digest,
        platform: &Platform,
    ) -> Result<Self, Error> {
        let repository = registries.repository(reference);
        let resolved = repository.resolve(asked.as_str(), platform)?;
        let config = repository.blob_bytes(&resolved.manifest.config, LARGEST_CONFIG)?;
        check_platform(reference, &config, platform)?;
        Ok(Self {
            repository,
            resolved,
            config,
        })
    }

    /// Looks into its layers as they come; nothing is kept but what is told.
    fn probe(&self) -> Result<Probe, Error> {
        let mut prober = Prober::new(&self.config)?;
        for layer in &self.resolved.manifest.layers {
            prober.layer(self.repository.blob(layer)?)?;
        }
        Ok(prober.finish(self.resolved.fetched.descriptor.digest.as_str())?)
    }
}

/// An index was asked for the platform; an image alone says in its configuration what it is for. One that does not say
/// so is looked into like the others.
fn check_platform(reference: &ImageReference, config: &[u8], wanted: &Platform) -> Result<(), Error> {
    let Ok(found) = serde_json::from_slice::<Platform>(config) else {
        return Ok(());
    };
    // Variants are the index's affair: many configurations name none, or another one than the index.
    if (&found.os, &found.architecture) == (&wanted.os, &wanted.architecture) {
        return Ok(());
    }
    Err(Error::OtherPlatform {
        base: reference.to_string(),
        found: cut(&cleaned(&format!("{}/{}", found.os, found.architecture)), 100),
        wanted: wanted.to_string(),
    })
}
