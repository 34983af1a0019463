//! Wheels, read as what they are: archives from strangers. A wheel that opens has names, kinds and sizes that can be
//! trusted; its bytes are compared with RECORD as they are unpacked, so that a file whose bytes were read to their end is
//! the one that its maker recorded. Nothing in it is run.

mod archive;
mod filename;
mod install;
mod limits;
mod metadata;
mod record;
mod refused;
mod scripts;
mod warning;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use sha2::{Digest, Sha256};

pub use filename::FileName;
pub use limits::Limits;
pub(crate) use refused::shown;
pub use refused::{Reason, Refused};
pub use warning::Warning;

use archive::{Archive, Entry};
pub(crate) use install::{Item, Source};
use record::Recorded;

/// Tells whether a module is one of the standard library of the image's Python.
pub type IsStdlib<'a> = &'a dyn Fn(&str) -> bool;

/// A wheel that was looked through.
#[derive(Debug)]
pub struct Wheel {
    label: Arc<str>,
    filename: FileName,
    sha256: String,
    archive: Archive,
    entries: Vec<Entry>,
    recorded: Vec<Option<Recorded>>,
    items: Vec<Item>,
    warnings: Vec<Warning>,
}

/// The METADATA of a wheel, whose digest nobody has looked at; `None`: it has none that could be read.
pub(crate) fn metadata_of(file: File, filename: &str, limits: &Limits) -> Option<String> {
    metadata::alone(file, &filename.parse().ok()?, limits)
}

impl Wheel {
    /// Looks through the wheel at `path`, which is known by the name `filename`. With `sha256` it must be that file.
    pub fn open(
        path: &Path,
        filename: &str,
        sha256: Option<&str>,
        is_stdlib: IsStdlib<'_>,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        let label: Arc<str> = shown(filename).into();
        let refused = |(entry, reason): archive::Fault| Refused {
            wheel: Arc::clone(&label),
            entry: entry.map(|entry| shown(&entry)),
            reason,
        };
        let of_wheel = |reason: Reason| refused((None, reason));
        let name: FileName = filename.parse().map_err(of_wheel)?;
        let mut file = File::open(path).map_err(|error| of_wheel(error.into()))?;
        let found = digest(&mut file).map_err(|error| of_wheel(error.into()))?;
        if let Some(expected) = sha256.filter(|expected| !expected.eq_ignore_ascii_case(&found)) {
            return Err(of_wheel(Reason::Digest {
                expected: shown(expected),
                found,
            }));
        }
        let (mut archive, entries) = Archive::open(file, limits).map_err(refused)?;
        let about = metadata::read(&mut archive, &entries, &name, limits).map_err(refused)?;
        let mut wheel = Self {
            label: Arc::clone(&label),
            filename: name,
            sha256: found,
            archive,
            entries,
            recorded: about.recorded,
            items: Vec::new(),
            warnings: Vec::new(),
        };
        wheel.place(&about.place, is_stdlib, limits).map_err(refused)?;
        Ok(wheel)
    }

    /// The wheel's file name, as it may be shown.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What its name says.
    pub fn filename(&self) -> &FileName {
        &self.filename
    }

    /// Its digest, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What is installed and does not work as its maker meant.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Where its files come to lie, from [`PREFIX`](crate::layout::PREFIX), in the order of their names.
    pub fn installed(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| &*item.path)
    }

    /// The files that are installed.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The digest that RECORD has of a file.
    pub(crate) fn recorded(&self, index: usize) -> Option<String> {
        self.recorded[index].as_ref().map(Recorded::text)
    }

    /// Unpacks every file into nothing: they are what RECORD says.
    pub fn verify(&mut self) -> Result<(), Refused> {
        for index in 0..self.entries.len() {
            self.copy(index, &mut io::sink())?;
        }
        Ok(())
    }

    /// Unpacks a file. It is the recorded one only when this ends without an error.
    pub(crate) fn copy(&mut self, index: usize, to: &mut dyn Write) -> Result<(), Refused> {
        let recorded = self.recorded[index].as_ref();
        copy(&mut self.archive, &self.entries[index], recorded, to).map_err(|reason| Refused {
            wheel: Arc::clone(&self.label),
            entry: Some(shown(&self.entries[index].name)),
            reason,
        })
    }
}

/// Unpacks a file of exactly its size and with the recorded digest. An error of `to` is told as one of reading.
fn copy(
    archive: &mut Archive,
    entry: &Entry,
    recorded: Option<&Recorded>,
    to: &mut dyn Write,
) -> Result<(), Reason> {
    let broken = |error: io::Error| Reason::Archive(error.to_string());
    let mut reader = archive.reader(entry).map_err(broken)?;
    let mut hasher = recorded.map(Recorded::hasher);
    let mut left = entry.size;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = reader.read(&mut buffer).map_err(broken)?;
        if count == 0 {
            break;
        }
        left = left.checked_sub(count as u64).ok_or_else(|| {
            Reason::Archive("it unpacks to more than the directory of the archive says".to_owned())
        })?;
        if let Some(hasher) = &mut hasher {
            hasher.write_all(&buffer[..count])?;
        }
        to.write_all(&buffer[..count])?;
    }
    if left > 0 {
        return Err(Reason::Archive(
            "it unpacks to less than the directory of the archive says".to_owned(),
        ));
    }
    let is_it = recorded
        .zip(hasher)
        .is_none_or(|(recorded, hasher)| recorded.is(hasher));
    is_it
        .then_some(())
        .ok_or_else(|| Reason::Record("the file has another digest".to_owned()))
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex(&hasher.finalize()))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
