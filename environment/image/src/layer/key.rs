//! What a layer is known by before it is there, and what is known of it once it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::spool::PACKED;
use crate::{
    bytecode::{self, Python},
    layout,
    wheel::hex,
};

/// Says what goes into a layer: two layers of one key have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    tag: String,
    wheels: String,
}

/// What a layer holds of one wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<'a> {
    /// The wheel's digest, in hexadecimal.
    pub sha256: &'a str,
    /// Its files.
    pub files: bool,
    /// Its byte-code, by this Python.
    pub bytecode: Option<&'a Python>,
}

impl Key {
    /// Of a layer that holds these, in the order in which they are laid down. Where it holds files of wheels its tag is
    /// `wheel-…`, where it holds byte-code alone `bytecode-…`.
    pub fn of(contents: &[Content<'_>]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format!("nbvet\nlayout {}\n{PACKED}\n", layout::VERSION));
        for content in contents {
            // Each part is of plain characters without spaces: no two lists read as one.
            let files = if content.files { "files" } else { "-" };
            hasher.update(format!("{} {files}", content.sha256.to_ascii_lowercase()));
            if let Some(python) = content.bytecode {
                let script = hex(&Sha256::digest(bytecode::SCRIPT));
                hasher.update(format!(
                    " {} {} {} {script}",
                    python.tag, python.magic, python.version
                ));
                if let Some(image) = &python.image {
                    hasher.update(format!(" {image}"));
                }
            }
            hasher.update("\n");
        }
        let has_files = contents.iter().any(|content| content.files);
        let kind = if has_files { "wheel" } else { "bytecode" };
        let wheels: Vec<String> = (contents.iter())
            .map(|content| format!("sha256:{}", content.sha256.to_ascii_lowercase()))
            .collect();
        Self {
            tag: format!("{kind}-{}", hex(&hasher.finalize())),
            wheels: wheels.join(" "),
        }
    }

    /// The tag under which the layer is kept in a registry.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The digests of the wheels that it is made of, from the bottom, with spaces between.
    pub fn wheels(&self) -> &str {
        &self.wheels
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)
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
/// An archive is made of such.
const BLOCK: u64 = 512;

impl Stored {
    /// The annotations of its descriptor. Digest and size stand in the descriptor itself.
    pub fn annotations(&self) -> [(&'static str, String); 2] {
        [
            (DIFF_ID, self.diff_id.clone()),
            (UNCOMPRESSED, self.uncompressed.to_string()),
        ]
    }

    /// Reads a descriptor of a kept layer; `None` where it is none of ours, or says what no layer can be. Who has no
    /// reason to trust the registry compares `diff_id` with the blob.
    pub fn read<'a>(digest: &str, size: u64, annotation: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let diff_id = annotation(DIFF_ID)?;
        (is_digest(digest) && is_digest(diff_id)).then_some(())?;
        let uncompressed: u64 = annotation(UNCOMPRESSED)?.parse().ok()?;
        // An archive ends with two empty blocks; what cannot be packed grows by some bytes for each 16 KiB.
        let is_archive = uncompressed >= 2 * BLOCK && uncompressed.is_multiple_of(BLOCK);
        let most = uncompressed.saturating_add(uncompressed / 1024 + 1024);
        let is_packed = (1..=most).contains(&size);
        (is_archive && is_packed).then(|| Self {
            digest: digest.to_owned(),
            diff_id: diff_id.to_owned(),
            size,
            uncompressed,
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
