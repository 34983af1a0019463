//! Wheels made for a test.

use std::{
    fmt::Write as _,
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nbvet_image::wheel::{Limits, Refused, Wheel};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A wheel to be: `demo-1.0` with one module, until a test changes it.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) filename: String,
    /// Name, contents and mode of each entry, without RECORD.
    pub(crate) files: Vec<(String, Vec<u8>, u32)>,
    /// `None`: as it must be.
    pub(crate) record: Option<String>,
    pub(crate) method: CompressionMethod,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self {
            filename: "demo-1.0-py3-none-any.whl".to_owned(),
            files: Vec::new(),
            record: None,
            method: CompressionMethod::Deflated,
        }
        .file("demo.py", "x = 1\n")
        .file(
            "demo-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        )
        .file(
            "demo-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
    }

    pub(crate) fn named(mut self, filename: &str) -> Self {
        filename.clone_into(&mut self.filename);
        self
    }

    /// Adds a file, or replaces it.
    pub(crate) fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        self.with_mode(name, contents, 0o100_644)
    }

    pub(crate) fn with_mode(mut self, name: &str, contents: impl AsRef<[u8]>, mode: u32) -> Self {
        self.files.retain(|(other, ..)| other != name);
        self.files
            .push((name.to_owned(), contents.as_ref().to_vec(), mode));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.files.retain(|(other, ..)| other != name);
        self
    }

    pub(crate) fn recorded(mut self, record: impl FnOnce(String) -> String) -> Self {
        self.record = Some(record(self.record_text()));
        self
    }

    pub(crate) fn record_text(&self) -> String {
        let mut text = String::new();
        for (name, contents, _) in &self.files {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(contents));
            let name = if name.contains(',') {
                format!("\"{name}\"")
            } else {
                name.clone()
            };
            writeln!(text, "{name},sha256={digest},{}", contents.len()).unwrap();
        }
        text + "demo-1.0.dist-info/RECORD,,\n"
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let record = self.record.clone().unwrap_or_else(|| self.record_text());
        let record = (
            "demo-1.0.dist-info/RECORD".to_owned(),
            record.into_bytes(),
            0o100_644,
        );
        for (name, contents, mode) in self.files.iter().chain([&record]) {
            let options = SimpleFileOptions::default()
                .compression_method(self.method)
                .unix_permissions(*mode);
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(contents).unwrap();
        }
        let mut bytes = zip.finish().unwrap().into_inner();
        set_modes(&mut bytes, &self.files);
        bytes
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.filename);
        fs::write(&path, self.bytes()).unwrap();
        path
    }

    pub(crate) fn open(&self) -> Result<Wheel, Refused> {
        open_bytes(&self.bytes(), &self.filename)
    }
}

/// The writer knows files and folders only: other kinds are set in the directory of the archive.
fn set_modes(bytes: &mut [u8], files: &[(String, Vec<u8>, u32)]) {
    for (name, _, mode) in files {
        let at = bytes
            .windows(46 + name.len())
            .position(|head| head.starts_with(b"PK\x01\x02") && head[46..] == *name.as_bytes());
        let at = at.unwrap();
        bytes[at + 38..at + 42].copy_from_slice(&(mode << 16).to_le_bytes());
    }
}

pub(crate) fn open_bytes(bytes: &[u8], filename: &str) -> Result<Wheel, Refused> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("wheel");
    fs::write(&path, bytes).unwrap();
    Wheel::open(&path, filename, None, &is_stdlib, &limits())
}

/// Small bounds, so that tests of them are small.
pub(crate) fn limits() -> Limits {
    Limits {
        entries: 2000,
        folders: 2000,
        directory: 1 << 20,
        entry: 16 << 20,
        unpacked: 20 << 20,
        ratio: 200,
        ratio_from: 1 << 20,
        metadata: 1 << 20,
        scripts: 1 << 20,
    }
}

pub(crate) fn is_stdlib(module: &str) -> bool {
    ["enum", "typing", "re", "sys"].contains(&module)
}

/// A wheel with a file of so many bytes that can be packed to a tenth, without holding them.
pub(crate) fn write_large(path: &Path, size: u64) {
    let mut block = vec![0_u8; 1 << 20];
    let mut state = 1_u32;
    for byte in &mut block[..100 << 10] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
    let mut hasher = Sha256::new();
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_level(Some(1));
    zip.start_file("large.bin", options).unwrap();
    for _ in 0..size >> 20 {
        hasher.update(&block);
        zip.write_all(&block).unwrap();
    }
    let made = Made::new();
    let digest = URL_SAFE_NO_PAD.encode(hasher.finalize());
    let record = format!("large.bin,sha256={digest},{size}\n{}", made.record_text());
    let record = ("demo-1.0.dist-info/RECORD".to_owned(), record.into_bytes(), 0);
    for (name, contents, _) in made.files.iter().chain([&record]) {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(contents).unwrap();
    }
    zip.finish().unwrap();
}
