//! An image as an OCI layout: layers out of files or of a tar, which are the same bytes for the same contents. Knows nothing
//! of what is in them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::{error::Error, files};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Bytes that go through at once.
const PIECE: usize = 1 << 20;

/// A packed layer: what it is known by, packed and not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    digest: String,
    diff: String,
    size: u64,
}

/// What passes on to a writer, and the digest of it.
struct Hashing<W> {
    inner: W,
    sha: Sha256,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            sha: Sha256::new(),
            size: 0,
        }
    }

    fn digest(self) -> (String, u64) {
        (named(&self.sha.finalize()), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sha.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn named(digest: &[u8]) -> String {
    let digits = |hex: String, byte: &u8| format!("{hex}{byte:02x}");
    format!("sha256:{}", digest.iter().fold(String::new(), digits))
}

/// Packs a tar into a file.
pub(crate) fn pack(mut tar: impl Read, goal: &Path) -> Result<Layer, Error> {
    let file = File::create(goal).map_err(Error::file(goal))?;
    let mut piece = vec![0; PIECE];
    let packing = || -> io::Result<Layer> {
        let out = GzBuilder::new()
            .mtime(0)
            .write(Hashing::new(file), Compression::new(6));
        let mut plain = Hashing::new(out);
        loop {
            let read = tar.read(&mut piece)?;
            if read == 0 {
                break;
            }
            plain.write_all(&piece[..read])?;
        }
        let diff = named(&plain.sha.finalize());
        let (digest, size) = plain.inner.finish()?.digest();
        Ok(Layer { digest, diff, size })
    };
    packing().map_err(Error::file(goal))
}

/// Programs and files of a layer, owned by root; folders above them are those that an image has anyway.
pub(crate) fn tar(contents: &BTreeMap<String, (Vec<u8>, u32)>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, (bytes, mode)) in contents {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(*mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, &bytes[..])?;
    }
    builder.into_inner()
}

/// Writes a layout of one image; the digest of its manifest. Layers are files, which may be elsewhere.
pub(crate) fn write(
    folder: &Path,
    name: &str,
    layers: &[(Layer, PathBuf)],
    config: &Value,
) -> Result<String, Error> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(Error::file(&blobs))?;
    let place = |digest: &str| blobs.join(digest.trim_start_matches("sha256:"));
    for (layer, from) in layers {
        let to = place(&layer.digest);
        fs::copy(from, &to).map_err(Error::file(from))?;
    }
    let add = |value: &Value, kind: &str| -> Result<Value, Error> {
        let bytes = value.to_string().into_bytes();
        let digest = named(&Sha256::digest(&bytes));
        files::replace(&place(&digest), &bytes)?;
        Ok(json!({"mediaType": kind, "digest": digest, "size": bytes.len()}))
    };
    let diffs: Vec<&str> = layers.iter().map(|(layer, _)| &*layer.diff).collect();
    let mut whole = config.clone();
    whole["rootfs"] = json!({"type": "layers", "diff_ids": diffs});
    let listed = |(layer, _): &(Layer, PathBuf)| json!({"mediaType": LAYER, "digest": layer.digest, "size": layer.size});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": add(&whole, CONFIG)?,
        "layers": layers.iter().map(listed).collect::<Vec<_>>(),
    });
    let mut manifest = add(&manifest, MANIFEST)?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
    files::replace(&folder.join("index.json"), index.to_string().as_bytes())?;
    files::replace(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_contents_give_the_same_image_and_other_ones_another() {
        let image = |text: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let packed = folder.path().join("layer");
            let contents = [("usr/bin/x".to_owned(), (text.as_bytes().to_vec(), 0o755))].into();
            let layer = pack(&tar(&contents).expect("it is a tar")[..], &packed).expect("it packs");
            let digest = write(
                &folder.path().join("layout"),
                "x",
                &[(layer.clone(), packed)],
                &json!({}),
            );
            let blob = layer.digest.trim_start_matches("sha256:");
            let bytes = fs::read(folder.path().join("layout/blobs/sha256").join(blob)).expect("it is there");
            assert_eq!(
                (bytes.len() as u64, named(&Sha256::digest(&bytes))),
                (layer.size, layer.digest)
            );
            digest.expect("it is written")
        };
        assert_eq!(image("1"), image("1"));
        assert_ne!(image("1"), image("2"));
    }
}
