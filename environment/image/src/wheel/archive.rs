//! The archive of a wheel, with nothing in it that two readers could read in two ways. Knows nothing of wheels.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use zip::{
    CompressionMethod, ZipArchive,
    read::{ArchiveOffset, Config, ZipFile},
};

use super::{Limits, Reason, limits::bytes};

/// Bytes of the record that ends an archive, when it has no comment.
const END: usize = 22;
/// A path that is longer is no file of a package.
const MAX_NAME: usize = 1024;

/// A file in the archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name: relative, of plain parts.
    pub(crate) name: String,
    /// Its index in the archive.
    pub(crate) index: usize,
    /// Its bytes, unpacked.
    pub(crate) size: u64,
    /// One of its executable bits is set.
    pub(crate) executable: bool,
}

/// An archive that was looked through.
#[derive(Debug)]
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<File>>,
}

/// A fault, with the entry that has it.
pub(crate) type Fault = (Option<String>, Reason);

impl Archive {
    /// Looks through the whole directory; nothing is unpacked. The files come in the order of their names.
    pub(crate) fn open(mut file: File, limits: &Limits) -> Result<(Self, Vec<Entry>), Fault> {
        check_end(&mut file, limits).map_err(|reason| (None, reason))?;
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let broken = |error: zip::result::ZipError| (None, Reason::Archive(error.to_string()));
        let mut zip = ZipArchive::with_config(config, BufReader::new(file)).map_err(broken)?;
        if zip.has_duplicate_names() {
            let reason = Reason::Duplicate("an entry of the archive has the name of another".to_owned());
            return Err((None, reason));
        }
        let entries = entries(&mut zip, limits)?;
        // Headers that say two things, entries within entries, entries that the directory does not list.
        zip.validate_header_consistency().map_err(broken)?;
        Ok((Self { zip }, entries))
    }

    /// A file's bytes. What reads them must stop behind [`Entry::size`].
    pub(crate) fn reader(&mut self, entry: &Entry) -> io::Result<ZipFile<'_, BufReader<File>>> {
        self.zip.by_index(entry.index).map_err(io::Error::other)
    }
}

/// The record at the end is the only one that counts, for every reader: it ends the file, without a comment in which
/// another could hide, and without the ZIP64 form, which some readers follow and others do not.
fn check_end(file: &mut File, limits: &Limits) -> Result<(), Reason> {
    let broken = |why: &str| Reason::Archive(why.to_owned());
    let length = file.seek(SeekFrom::End(0))?;
    let start = length
        .checked_sub(END as u64)
        .ok_or_else(|| broken("it is too short"))?;
    file.seek(SeekFrom::Start(start))?;
    let mut end = [0; END];
    file.read_exact(&mut end)?;
    let short = |at: usize| u64::from(u16::from_le_bytes([end[at], end[at + 1]]));
    let long = |at: usize| {
        u64::from(u32::from_le_bytes([
            end[at],
            end[at + 1],
            end[at + 2],
            end[at + 3],
        ]))
    };
    if !end.starts_with(b"PK\x05\x06") {
        return Err(broken("its end is missing, or something follows it"));
    }
    let (entries, directory, offset) = (short(10), long(12), long(16));
    if entries == 0xffff || directory == 0xffff_ffff || offset == 0xffff_ffff {
        return Err(broken("it has the ZIP64 form of more than 65534 files or 4 GiB"));
    }
    let too_large = |what: String, limit: String| Err(Reason::TooLarge { what, limit });
    if entries > limits.entries as u64 {
        return too_large(format!("{entries} files"), limits.entries.to_string());
    }
    if directory > limits.directory {
        return too_large(
            format!("a directory of {}", bytes(directory)),
            bytes(limits.directory),
        );
    }
    let is_whole = short(4) == 0 && short(6) == 0 && short(8) == entries && short(20) == 0;
    if !is_whole || offset + directory != start || entries * 46 > directory {
        return Err(broken("its directory is not where its end says"));
    }
    if start >= 20 {
        let mut before = [0; 4];
        file.seek(SeekFrom::Start(start - 20))?;
        file.read_exact(&mut before)?;
        if &before == b"PK\x06\x07" {
            return Err(broken("it has two ends, of which readers take one or the other"));
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

fn entries(zip: &mut ZipArchive<BufReader<File>>, limits: &Limits) -> Result<Vec<Entry>, Fault> {
    let mut found = Vec::with_capacity(zip.len());
    let mut sizes = Sizes::default();
    for index in 0..zip.len() {
        let data = zip
            .by_index_data(index)
            .map_err(|error| (None, Reason::Archive(error.to_string())))?;
        let name = match data.name() {
            Ok(name) => name.into_owned(),
            Err(_) => return Err((None, Reason::EntryName("it is not UTF-8"))),
        };
        let at = |reason| (Some(name.clone()), reason);
        let bare = name.strip_suffix('/');
        check_name(bare.unwrap_or(&name)).map_err(|why| at(Reason::EntryName(why)))?;
        // As it is written: `unix_mode` leaves out the bits that must not be there.
        let mode = data.external_attributes() >> 16;
        check_mode(mode, bare.is_some()).map_err(|kind| at(Reason::Kind(kind)))?;
        if data.encrypted() {
            return Err(at(Reason::Packed("encrypted")));
        }
        if !matches!(
            data.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(at(Reason::Packed("packed in another way")));
        }
        sizes
            .add(data.size(), data.compressed_size(), limits)
            .map_err(at)?;
        if bare.is_some() {
            if data.size() != 0 {
                return Err(at(Reason::Kind("a folder with contents")));
            }
            continue;
        }
        found.push(Entry {
            size: data.size(),
            executable: mode & 0o111 != 0,
            index,
            name,
        });
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    check_files_are_no_folders(&found, limits)?;
    Ok(found)
}

#[derive(Default)]
struct Sizes {
    unpacked: u64,
    packed: u64,
}

impl Sizes {
    fn add(&mut self, unpacked: u64, packed: u64, limits: &Limits) -> Result<(), Reason> {
        let too_large = |what: &str, size: u64, limit: u64| {
            Err(Reason::TooLarge {
                what: format!("{what} {}", bytes(size)),
                limit: bytes(limit),
            })
        };
        if unpacked > limits.entry {
            return too_large("it unpacks to", unpacked, limits.entry);
        }
        self.unpacked += unpacked;
        self.packed = self.packed.saturating_add(packed);
        if self.unpacked > limits.unpacked {
            return too_large("with this the wheel unpacks to", self.unpacked, limits.unpacked);
        }
        for (unpacked, packed) in [(unpacked, packed), (self.unpacked, self.packed)] {
            let ratio = unpacked / packed.max(1);
            if unpacked > limits.ratio_from && ratio > limits.ratio {
                return Err(Reason::Bomb { ratio });
            }
        }
        Ok(())
    }
}

/// What no sound wheel has: names that lead elsewhere, that a terminal would act on, or that a layer reads as an order to
/// delete what lies below it (`.wh.`).
///
/// Names that differ only by case are let through: the file systems of images tell them apart, as pip does on Linux.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > MAX_NAME {
        return Err("it is longer than 1024 bytes");
    }
    if name.contains('\\') {
        return Err("it has a backslash");
    }
    if name.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    if name.starts_with('/') {
        return Err("it is absolute");
    }
    for part in name.split('/') {
        match part {
            "" => return Err("a part of it is empty"),
            "." | ".." => return Err("it has `.` or `..` as a part"),
            _ if part.len() > 255 => return Err("a part of it is longer than 255 bytes"),
            _ if part.starts_with(".wh.") => {
                return Err("in a layer `.wh.` deletes files of the layers below");
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_mode(mode: u32, is_folder: bool) -> Result<(), &'static str> {
    let kind = match mode & 0o170_000 {
        0 => return Ok(()),
        0o100_000 if is_folder => return Err("a file with the name of a folder"),
        0o040_000 if !is_folder => return Err("a folder with the name of a file"),
        0o100_000 | 0o040_000 => "",
        0o120_000 => "a symbolic link",
        0o020_000 | 0o060_000 => "a device",
        0o010_000 => "a pipe",
        0o140_000 => "a socket",
        _ => "of an unknown kind",
    };
    match kind {
        "" if mode & 0o6000 != 0 && !is_folder => Err("a file that runs as its owner or group"),
        "" => Ok(()),
        kind => Err(kind),
    }
}

/// `a` and `a/b` cannot both be files.
fn check_files_are_no_folders(entries: &[Entry], limits: &Limits) -> Result<(), Fault> {
    let names = entries.iter().map(|entry| &*entry.name);
    let Some(folders) = folders_of(names, limits.folders) else {
        let reason = Reason::TooLarge {
            what: "its files lie in too many folders".to_owned(),
            limit: limits.folders.to_string(),
        };
        return Err((None, reason));
    };
    match entries.iter().find(|entry| folders.contains(&*entry.name)) {
        Some(entry) => {
            let reason = Reason::Duplicate("it is a file, and a folder of another".to_owned());
            Err((Some(entry.name.clone()), reason))
        }
        None => Ok(()),
    }
}

/// The folders that files lie in, with all above them; `None` where there are more than `most`.
pub(crate) fn folders_of<'p>(files: impl Iterator<Item = &'p str>, most: usize) -> Option<HashSet<&'p str>> {
    let mut folders = HashSet::new();
    for file in files {
        let mut rest = file;
        // Those above a known folder are known.
        while let Some((folder, _)) = rest.rsplit_once('/')
            && folders.insert(folder)
        {
            rest = folder;
        }
        if folders.len() > most {
            return None;
        }
    }
    Some(folders)
}
