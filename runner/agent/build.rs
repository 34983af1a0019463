//! Embeds the archive of worker, shim and IPython kits that `cargo xtask assets` makes, and a list of what is in it
//! by which unpacked files are checked. Without an archive the agent is built all the same, and says what is missing
//! when a notebook is to run.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=NBVET_ASSETS_ARCHIVE");
    println!("cargo::rerun-if-changed=build.rs");
    let archive = archive();
    println!("cargo::rerun-if-changed={}", archive.display());
    let bytes = match fs::read(&archive) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    println!(
        "cargo::rustc-env=NBVET_ASSETS_HASH={}",
        hex(&Sha256::digest(&bytes)[..12])
    );
    let folder = variable("OUT_DIR");
    fs::write(folder.join("assets.list"), list(&bytes)?)?;
    fs::write(folder.join("assets.tar.gz"), bytes)
}

/// A line a file: SHA-256, size, name. Sorted by name.
fn list(archive: &[u8]) -> io::Result<String> {
    let mut files = BTreeMap::new();
    if !archive.is_empty() {
        for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            // A file that equals an earlier one is a link to it.
            let line = if let Some(earlier) = entry.link_name()? {
                files.get(&*earlier.to_string_lossy()).cloned()
            } else {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                Some(format!("{} {}", hex(&Sha256::digest(&bytes)), bytes.len()))
            };
            let line = line.ok_or_else(|| io::Error::other(format!("{name} links to nothing")))?;
            files.insert(name, line);
        }
    }
    Ok(files.iter().fold(String::new(), |text, (name, line)| {
        text + line + " " + name + "\n"
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn archive() -> PathBuf {
    env::var_os("NBVET_ASSETS_ARCHIVE").map_or_else(default_archive, PathBuf::from)
}

fn default_archive() -> PathBuf {
    let root = variable("CARGO_MANIFEST_DIR");
    root.ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .join("target/nbvet-assets.tar.gz")
}

fn variable(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(name).unwrap_or_default())
}
