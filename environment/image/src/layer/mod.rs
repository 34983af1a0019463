//! Layers of an image out of wheels and byte-code: the same wheels give the same bytes, on every machine and at any time.

mod key;
pub mod plan;
mod spool;
mod tarball;

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

pub use key::{Content, Key, Stored};

use crate::{
    bytecode::Bytecode,
    layout,
    wheel::{Reason, Refused, Source, Wheel},
};
use spool::Spool;
use tarball::Tarball;

/// What layers are called in a manifest.
pub const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layer, in a file that goes when it is dropped.
#[derive(Debug)]
pub struct Layer {
    /// What a registry and a manifest need to know of it.
    pub stored: Stored,
    /// What happened to be noticed: two wheels with different files for one place.
    pub clashes: Vec<Clash>,
    file: TempPath,
}

impl Layer {
    /// Its packed bytes.
    pub fn path(&self) -> &Path {
        &self.file
    }
}

/// Two wheels that install different files at one place: the later one's is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// From [`PREFIX`](layout::PREFIX).
    pub path: String,
    /// Whose file is not there.
    pub hidden: String,
    /// Whose file is.
    pub shown: String,
}

/// What a layer is made of.
pub enum Part<'a> {
    /// The files of a wheel.
    Wheel(&'a mut Wheel),
    /// The byte-code of a wheel; it hides what the wheel itself may have brought.
    Bytecode(&'a mut Bytecode),
    /// Files made by nbvet.
    Files(&'a [Made]),
}

/// A file that no wheel holds.
#[derive(Debug, Clone)]
pub struct Made {
    /// From [`PREFIX`](layout::PREFIX), of plain parts.
    pub path: String,
    /// It may be run.
    pub executable: bool,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Why there is no layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A wheel is not what it must be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The layer cannot be written: the disk is full, most often.
    #[error("{folder}: a layer cannot be written there: {error}. It needs room for the packed layer", folder = .folder.display())]
    Spool {
        /// The folder for temporary files.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Writes a layer into a new file in `folder`. Of two files for one place, that of the later part is taken.
///
/// Every file of a wheel is compared with RECORD on the way: an error leaves no layer.
pub fn build(parts: &mut [Part<'_>], folder: &Path) -> Result<Layer, Error> {
    let failed = |error| Error::Spool {
        folder: folder.to_owned(),
        error,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let (files, clashes) = merged(parts);
    let mut tarball = Tarball::new(Spool::new(folder).map_err(failed)?);
    let prefix = layout::PREFIX.trim_start_matches('/');
    for (path, file) in &files {
        tarball
            .file(&format!("{prefix}/{path}"), file.size, file.executable)
            .map_err(failed)?;
        match (&file.source, &mut parts[file.part]) {
            (From::Wheel(index), Part::Wheel(wheel)) => {
                wheel
                    .copy(*index, tarball.body())
                    .map_err(|refused| match refused.reason {
                        // What the wheel's own bytes do is told as a broken archive: this is the other side.
                        Reason::Io(error) => failed(error),
                        reason => Error::Refused(Refused { reason, ..refused }),
                    })?;
            }
            (From::Bytecode(position), Part::Bytecode(bytecode)) => {
                bytecode.copy(*position, tarball.body()).map_err(failed)?;
            }
            (From::Bytes(bytes), _) => tarball.body().write_all(bytes).map_err(failed)?,
            (From::Wheel(_) | From::Bytecode(_), _) => {}
        }
        tarball.pad(file.size).map_err(failed)?;
    }
    let spooled = tarball.finish().and_then(Spool::finish).map_err(failed)?;
    Ok(Layer {
        stored: Stored {
            digest: format!("sha256:{}", spooled.digest),
            diff_id: format!("sha256:{}", spooled.diff_id),
            size: spooled.size,
            uncompressed: spooled.uncompressed,
        },
        clashes,
        file: spooled.path,
    })
}

struct File {
    part: usize,
    size: u64,
    executable: bool,
    source: From,
}

/// Where the bytes of a file come from, in its part.
enum From {
    Wheel(usize),
    Bytecode(usize),
    Bytes(Vec<u8>),
}

/// All files in the order of their paths.
fn merged(parts: &[Part<'_>]) -> (BTreeMap<String, File>, Vec<Clash>) {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut clashes = Vec::new();
    for (part, of) in parts.iter().enumerate() {
        for (path, file) in listed(part, of) {
            let hides = digest(parts, &file);
            let is_bytecode = matches!(file.source, From::Bytecode(_));
            // Packages that share a folder may each bring the same file of it.
            if let Some(hidden) = files.insert(path.clone(), file)
                && !is_bytecode
                && (hides.is_none() || hides != digest(parts, &hidden))
            {
                clashes.push(Clash {
                    path,
                    hidden: label(&parts[hidden.part]),
                    shown: label(of),
                });
            }
        }
    }
    (files, clashes)
}

fn digest(parts: &[Part<'_>], file: &File) -> Option<String> {
    match (&file.source, &parts[file.part]) {
        (From::Wheel(index), Part::Wheel(wheel)) => wheel.recorded(*index),
        _ => None,
    }
}

fn listed(part: usize, of: &Part<'_>) -> Vec<(String, File)> {
    let file = |path: &str, size, executable, source| {
        let file = File {
            part,
            size,
            executable,
            source,
        };
        (path.to_owned(), file)
    };
    match of {
        Part::Wheel(wheel) => wheel
            .items()
            .iter()
            .map(|item| {
                let source = match &item.source {
                    Source::Entry(index) => From::Wheel(*index),
                    Source::Bytes(bytes) => From::Bytes(bytes.clone()),
                };
                file(&item.path, item.size, item.executable, source)
            })
            .collect(),
        Part::Bytecode(bytecode) => (bytecode.files.iter().enumerate())
            .map(|(position, of)| file(&of.path, of.size, false, From::Bytecode(position)))
            .collect(),
        Part::Files(made) => (made.iter())
            .map(|made| {
                let source = From::Bytes(made.bytes.clone());
                file(&made.path, made.bytes.len() as u64, made.executable, source)
            })
            .collect(),
    }
}

fn label(part: &Part<'_>) -> String {
    match part {
        Part::Wheel(wheel) => wheel.label().to_owned(),
        Part::Bytecode(bytecode) => bytecode.label.clone(),
        Part::Files(_) => "nbvet".to_owned(),
    }
}
