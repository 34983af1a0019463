//! Layers of an image out of wheels and byte-code: the same wheels give the same bytes, on every machine and at any time.

mod key;
mod spool;
mod tarball;

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

pub use key::{Key, Stored};

use crate::{
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
            (Source::Entry(index), Part::Wheel(wheel)) => {
                wheel
                    .copy(*index, tarball.body())
                    .map_err(|refused| match refused.reason {
                        // What the wheel's own bytes do is told as a broken archive: this is the other side.
                        Reason::Io(error) => failed(error),
                        reason => Error::Refused(Refused { reason, ..refused }),
                    })?;
            }
            (Source::Bytes(bytes), _) => tarball.body().write_all(bytes).map_err(failed)?,
            (Source::Entry(_), Part::Files(_)) => {}
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

struct Planned {
    part: usize,
    size: u64,
    executable: bool,
    source: Source,
}

/// All files in the order of their paths.
fn merged(parts: &[Part<'_>]) -> (BTreeMap<String, Planned>, Vec<Clash>) {
    let mut files: BTreeMap<String, Planned> = BTreeMap::new();
    let mut clashes = Vec::new();
    let mut add = |path: &str, planned: Planned| {
        let part = planned.part;
        if let Some(hidden) = files.insert(path.to_owned(), planned) {
            clashes.push(Clash {
                path: path.to_owned(),
                hidden: label(&parts[hidden.part]),
                shown: label(&parts[part]),
            });
        }
    };
    for (part, of) in parts.iter().enumerate() {
        match of {
            Part::Wheel(wheel) => {
                for item in wheel.items() {
                    let planned = Planned {
                        part,
                        size: item.size,
                        executable: item.executable,
                        source: item.source.clone(),
                    };
                    add(&item.path, planned);
                }
            }
            Part::Files(made) => {
                for file in *made {
                    let planned = Planned {
                        part,
                        size: file.bytes.len() as u64,
                        executable: file.executable,
                        source: Source::Bytes(file.bytes.clone()),
                    };
                    add(&file.path, planned);
                }
            }
        }
    }
    (files, clashes)
}

fn label(part: &Part<'_>) -> String {
    match part {
        Part::Wheel(wheel) => wheel.label().to_owned(),
        Part::Files(_) => "nbvet".to_owned(),
    }
}
