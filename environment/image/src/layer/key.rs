//! What a layer is known by before it is there, and what is known of it once it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::spool::PACKED;
use crate::{layout, wheel::hex};

/// Says what goes into a layer: two layers of one key have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Of the wheels with these digests, in the order in which they are laid down.
    pub fn of_wheels<'a>(sha256: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of("wheel", "", sha256)
    }

    /// Of what a kind of layer is made of. The digests are hexadecimal, so that no two lists read as one.
    pub(crate) fn of<'a>(kind: &str, made_by: &str, sha256: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format!(
            "nbvet\nlayout {}\n{PACKED}\n{kind}\n{made_by}\n",
            layout::VERSION
        ));
        for digest in sha256 {
            hasher.update(format!("{}\n", digest.to_ascii_lowercase()));
        }
        Self(format!("{kind}-{}", hex(&hasher.finalize())))
    }

    /// The tag under which the layer is kept in a registry: `wheel-…`.
    pub fn tag(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a layer that is there: the descriptor that a manifest needs, and the annotations of the small
/// manifest that keeps it under its tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// `sha256:…` of the packed bytes: the blob.
    pub digest: String,
    /// `sha256:…` of the archive, for the image's config.
    pub diff_id: String,
    /// Bytes of the blob.
    pub size: u64,
    /// Bytes of the archive.
    pub uncompressed: u64,
}

/// Of the layer's descriptor: its archive's digest.
const DIFF_ID: &str = "dev.nbvet.layer.diff-id";
/// Of the layer's descriptor: its archive's bytes.
const UNCOMPRESSED: &str = "dev.nbvet.layer.uncompressed";

impl Stored {
    /// The annotations of its descriptor. Digest and size stand in the descriptor itself.
    pub fn annotations(&self) -> [(&'static str, String); 2] {
        [
            (DIFF_ID, self.diff_id.clone()),
            (UNCOMPRESSED, self.uncompressed.to_string()),
        ]
    }

    /// Reads a descriptor of a kept layer; `None` where it is none of ours. Who has no reason to trust the registry
    /// compares `diff_id` with the blob.
    pub fn read<'a>(digest: &str, size: u64, annotation: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let diff_id = annotation(DIFF_ID)?;
        (is_digest(digest) && is_digest(diff_id)).then_some(())?;
        Some(Self {
            digest: digest.to_owned(),
            diff_id: diff_id.to_owned(),
            size,
            uncompressed: annotation(UNCOMPRESSED)?.parse().ok()?,
        })
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}
