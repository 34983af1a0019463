//! Small images, and clients for a test's registry.

use std::path::Path;

use nbvet_image::http::{Http, HttpOptions};
use nbvet_image::registry::{
    Credentials, Descriptor, Manifest, OCI_MANIFEST, Registries, RegistryError, Repository,
};

use crate::http::options;

pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Bytes that compress badly and differ by seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// An image of layers that are no archives; registries do not look.
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Image {
    pub(crate) fn new(architecture: &str, layers: Vec<Vec<u8>>) -> Self {
        let ids: Vec<_> = layers
            .iter()
            .map(|layer| Descriptor::of(LAYER, layer).digest)
            .collect();
        let config = serde_json::json!({
            "architecture": architecture, "os": "linux", "config": {"Env": ["A=b"]},
            "rootfs": {"type": "layers", "diff_ids": ids},
        });
        Self {
            config: config.to_string().into_bytes(),
            layers,
        }
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        let layers = self.layers.iter().map(|layer| Descriptor::of(LAYER, layer));
        let manifest = Manifest::new(Descriptor::of(CONFIG, &self.config), layers.collect());
        serde_json::to_vec(&manifest).unwrap()
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::of(OCI_MANIFEST, &self.manifest())
    }

    pub(crate) fn push_blobs(&self, to: &Repository) -> Result<(), RegistryError> {
        to.push_blob(&Descriptor::of(CONFIG, &self.config), None, &self.config)?;
        for layer in &self.layers {
            to.push_blob(&Descriptor::of(LAYER, layer), None, layer)?;
        }
        Ok(())
    }

    pub(crate) fn push(&self, to: &Repository, tag: &str) -> Result<Descriptor, RegistryError> {
        self.push_blobs(to)?;
        to.push_manifest(tag, OCI_MANIFEST, &self.manifest())
    }
}

/// A client with files of its own.
pub(crate) fn client(credentials: Credentials, authority: Option<&Path>) -> Registries {
    let options = HttpOptions {
        ca_files: authority.map(Path::to_owned).into_iter().collect(),
        ..options()
    };
    Registries::new(Http::new(options).unwrap(), credentials)
}

/// A repository by its name, asked by nobody in particular.
pub(crate) fn repository(name: &str) -> Repository {
    client(Credentials::none(), None).repository(&name.parse().unwrap())
}

#[test]
fn clients_may_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Http>();
    check::<Registries>();
    check::<Repository>();
    check::<nbvet_image::registry::BlobReader>();
}
