//! An image that another program has written down as a layout of OCI, on its way into a repository. The program, or what it
//! ran, is not believed: the files lie in the layout, and have the digests that they are named by.

use std::{fs::File, io, path::Path};

use nbvet_deps::{Digest, Tree, tree::Fault};

use super::{Descriptor, Document, Index, RegistryError, Repository, Source, manifest};

/// Bytes of an index or a manifest.
const LARGEST: usize = 4 << 20;

/// An image that was put into a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its digest.
    pub digest: Digest,
    /// Its layers, from below.
    pub layers: Vec<Descriptor>,
}

impl Repository {
    /// Puts the one image of a layout into the repository, its name last.
    pub fn push_layout(&self, layout: &Path, tag: &str) -> Result<Put, RegistryError> {
        let unusable = |why: String| RegistryError::Unusable {
            image: self.image_at(tag),
            why: format!("what was built cannot be read: {why}"),
        };
        let tree = Tree::open(layout).map_err(|fault| unusable(fault.to_string()))?;
        let read = |name: &str| {
            let bytes = tree.read_at_most(name, LARGEST);
            bytes.map_err(|fault| unusable(fault.to_string()))
        };
        let index: Index =
            serde_json::from_slice(&read("index.json")?).map_err(|error| unusable(error.to_string()))?;
        let [named] = &index.manifests[..] else {
            return Err(unusable(format!("it holds {} images", index.manifests.len())));
        };
        let bytes = read(&blob(&named.digest))?;
        let (media_type, document) = manifest::read(&self.image_at(tag), Some(&named.media_type), &bytes)?;
        let Document::Manifest(manifest) = document else {
            return Err(unusable("it holds an index of several images".to_owned()));
        };
        for one in manifest.blobs() {
            let file = InLayout {
                tree: &tree,
                name: blob(&one.digest),
            };
            // The registry takes nothing that has another digest.
            self.push_blob(one, None, &file)?;
        }
        let put = self.push_manifest(tag, &media_type, &bytes)?;
        Ok(Put {
            digest: put.digest,
            layers: manifest.layers,
        })
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// A file of a layout: no symlink leads out of it.
struct InLayout<'l> {
    tree: &'l Tree,
    name: String,
}

impl Source for InLayout<'_> {
    fn open(&self, offset: u64) -> io::Result<Box<dyn io::Read + '_>> {
        use io::Seek as _;
        let file: Result<File, Fault> = self.tree.file(&self.name);
        let mut file = file.map_err(io::Error::other)?;
        file.seek(io::SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }
}
