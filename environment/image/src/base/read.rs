//! A base image through its registry: configuration and layers, each checked against its digest.

use std::io;

use nbvet_deps::Digest;

use super::{Fault, Probe, Prober};
use crate::registry::{RegistryError, Repository, Resolved};

/// Most of a configuration; those of real images have some kilobytes.
const CONFIGURATION: u64 = 8 << 20;

/// Why nothing is known of a base image.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It did not come.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It came, and cannot be used.
    #[error("{image}: {blob}: {fault}")]
    Image {
        /// Registry and repository.
        image: String,
        /// The configuration or layer.
        blob: Digest,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
}

/// Looks into an image. Every layer is read once, whole, and nothing of it is kept but what the probe says.
pub fn probe(repository: &Repository, image: &Resolved) -> Result<Probe, BaseError> {
    let unusable = |blob: &Digest, fault: Fault| BaseError::Image {
        image: repository.image(),
        blob: blob.clone(),
        fault,
    };
    let configuration = &image.manifest.config;
    let json = repository.blob_bytes(configuration, CONFIGURATION)?;
    let mut prober = Prober::new(&json).map_err(|fault| unusable(&configuration.digest, fault))?;
    for layer in &image.manifest.layers {
        let mut blob = repository.blob(layer)?;
        if let Err(fault) = prober.layer(&mut blob) {
            return Err(match cause(fault, blob) {
                Ok(registry) => registry.into(),
                Err(fault) => unusable(&layer.digest, fault),
            });
        }
    }
    let probe = prober.finish(image.fetched.descriptor.digest.as_str());
    probe.map_err(|fault| unusable(&configuration.digest, fault))
}

/// A layer that makes no sense may be one that was changed on its way: then that is what is wrong.
fn cause(fault: Fault, mut blob: impl io::Read) -> Result<RegistryError, Fault> {
    let fault = match fault {
        Fault::Read(error) => match error.downcast::<RegistryError>() {
            Ok(error) => return Ok(error),
            Err(error) => Fault::Read(error),
        },
        other => other,
    };
    let rest = io::copy(&mut blob, &mut io::sink());
    rest.err().and_then(|error| error.downcast().ok()).ok_or(fault)
}
