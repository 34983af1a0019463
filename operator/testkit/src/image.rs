//! Small images out of the machine's own programs, written as OCI layouts in a tar file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{Error, Result, programs};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What stands at a path of an image.
#[derive(Debug, Clone)]
enum Entry {
    Folder { mode: u32 },
    File { bytes: Vec<u8>, mode: u32 },
    Link { target: String },
}

/// An image that a test puts together: one layer, and how a container of it starts.
#[derive(Debug, Clone)]
pub struct Image {
    reference: String,
    entries: BTreeMap<String, Entry>,
    config: Value,
}

impl Image {
    /// What the node holds a pod's namespaces with.
    pub const PAUSE: &'static str = "localhost/pause:1";
    /// A shell with busybox's commands and socat, for any uid; every node has it.
    pub const BUSYBOX: &'static str = "localhost/busybox:1";

    /// An empty one under a whole reference, such as `localhost/mine:1`.
    pub fn new(reference: &str) -> Self {
        let mut image = Self {
            reference: reference.to_owned(),
            entries: BTreeMap::new(),
            config: json!({"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}),
        };
        image.folder("tmp", 0o1777);
        image
    }

    pub(crate) fn pause() -> Result<Self> {
        let mut image = Self::new(Self::PAUSE);
        image.program(&programs::installed("busybox", "busybox-static")?, "bin/busybox")?;
        image.config["Entrypoint"] = json!(["/bin/busybox", "tail", "-f", "/dev/null"]);
        Ok(image)
    }

    /// [`Image::BUSYBOX`], to put more into.
    pub fn busybox() -> Result<Self> {
        let busybox = programs::installed("busybox", "busybox-static")?;
        let mut image = Self::new(Self::BUSYBOX);
        image.program(&busybox, "bin/busybox")?;
        let mut list = Command::new(&busybox);
        let output = list.arg("--list").output().map_err(Error::file(&busybox))?;
        for name in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            if name != "busybox" {
                image.link(&format!("bin/{name}"), "busybox");
            }
        }
        image.program(&programs::installed("socat", "socat")?, "usr/bin/socat")?;
        let users = "root:x:0:0::/:/bin/sh\napp:x:10001:10001::/tmp:/bin/sh\n";
        image.file("etc/passwd", users.as_bytes(), 0o644);
        image.config["Cmd"] = json!(["/bin/sh"]);
        Ok(image)
    }

    /// Puts a file there, with the folders above it.
    pub fn file(&mut self, path: &str, bytes: &[u8], mode: u32) {
        let bytes = bytes.to_owned();
        self.put(path, Entry::File { bytes, mode });
    }

    /// Puts a folder there, with the folders above it.
    pub fn folder(&mut self, path: &str, mode: u32) {
        self.put(path, Entry::Folder { mode });
    }

    /// Puts a symbolic link there.
    pub fn link(&mut self, path: &str, target: &str) {
        let target = target.to_owned();
        self.put(path, Entry::Link { target });
    }

    /// Puts a program of the machine there, and the shared libraries that it is linked with where it looks for them.
    pub fn program(&mut self, from: &Path, path: &str) -> Result<()> {
        let bytes = |path: &Path| fs::read(path).map_err(Error::file(path));
        self.file(path, &bytes(from)?, 0o755);
        let mut ldd = Command::new("ldd");
        let output = ldd.arg(from).output().map_err(Error::file("ldd"))?;
        // It fails for a program that is linked with nothing.
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(library) = line.split_whitespace().find(|word| word.starts_with('/')) {
                let library = PathBuf::from(library);
                self.file(&library.to_string_lossy(), &bytes(&library)?, 0o755);
            }
        }
        Ok(())
    }

    /// What a container runs.
    pub fn entrypoint(&mut self, command: &[&str]) {
        self.config["Entrypoint"] = json!(command);
    }

    /// Its whole reference.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    fn put(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            let above = Entry::Folder { mode: 0o755 };
            self.entries.entry(path[..end].to_owned()).or_insert(above);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes the layout. The same image gives the same bytes.
    pub fn write(&self, archive: &Path) -> Result<()> {
        let layer = self.layer().map_err(Error::other)?;
        let rootfs = json!({"type": "layers", "diff_ids": [digest(&layer)]});
        let architecture = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": self.config, "rootfs": rootfs,
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut listed = descriptor(MANIFEST, &manifest);
        listed["annotations"] = json!({"io.containerd.image.name": self.reference});
        let index = json!({"schemaVersion": 2, "manifests": [listed]}).to_string();
        let file = File::create(archive).map_err(Error::file(archive))?;
        let mut tar = Builder::new(file);
        let mut add = |path: &str, bytes: &[u8]| append(&mut tar, path, bytes, 0o644);
        let mut all = || {
            add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
            add("index.json", index.as_bytes())?;
            [&layer, &config, &manifest].into_iter().try_for_each(|blob| {
                add(
                    &format!("blobs/sha256/{}", &digest(blob)["sha256:".len()..]),
                    blob,
                )
            })
        };
        all().map_err(Error::file(archive))?;
        tar.finish().map_err(Error::file(archive))
    }

    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            match entry {
                Entry::File { bytes, mode } => append(&mut tar, path, bytes, *mode)?,
                Entry::Folder { mode } => {
                    let mut header = header(EntryType::Directory, 0, *mode);
                    tar.append_data(&mut header, path, io::empty())?;
                }
                Entry::Link { target } => {
                    let mut header = header(EntryType::Symlink, 0, 0o777);
                    tar.append_link(&mut header, path, target)?;
                }
            }
        }
        tar.into_inner()
    }
}

fn header(kind: EntryType, size: usize, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn append(tar: &mut Builder<impl io::Write>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = header(EntryType::Regular, bytes.len(), mode);
    tar.append_data(&mut header, path, bytes)
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
}

fn digest(bytes: &[u8]) -> String {
    let hex = Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("sha256:{hex}")
}
