//! The archive of a layer: the same bytes for the same files, whoever writes it, when and where.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write},
};

use tar::{EntryType, Header};

/// Blocks of an archive.
const BLOCK: usize = 512;
/// Seconds since 1970 of every file: 1980-01-01, which zip archives can hold as well. Python does not look at it, since
/// byte-code is not compared with its source here.
pub(crate) const TIME: u64 = 315_532_800;

/// Writes files in the order of their paths, each folder before the first file in it.
pub(crate) struct Tarball<W> {
    to: W,
    folders: BTreeSet<String>,
}

impl<W: Write> Tarball<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            folders: BTreeSet::new(),
        }
    }

    /// Writes the head of a file; its bytes, by [`Tarball::body`], follow.
    ///
    /// OpenShift runs images as a user without a name, in group 0: that group may write, so that `pip install` into the
    /// image works in a running pod.
    pub(crate) fn file(&mut self, path: &str, size: u64, executable: bool) -> io::Result<()> {
        self.folders_of(path)?;
        let mode = if executable { 0o775 } else { 0o664 };
        self.head(path, EntryType::Regular, mode, size)
    }

    /// Where the bytes of the file go.
    pub(crate) fn body(&mut self) -> &mut W {
        &mut self.to
    }

    /// Fills the last block of a file.
    pub(crate) fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = size.next_multiple_of(BLOCK as u64) - size;
        io::copy(&mut io::repeat(0).take(rest), &mut self.to).map(drop)
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        Ok(self.to)
    }

    fn folders_of(&mut self, path: &str) -> io::Result<()> {
        let folders = path.match_indices('/').rev().map(|(end, _)| &path[..=end]);
        // From the deepest up to one that is there: then those above it are.
        let missing: Vec<&str> = folders
            .take_while(|folder| !self.folders.contains(*folder))
            .collect();
        for folder in missing.into_iter().rev() {
            // The folders above ours are the image's: they keep the modes that they have everywhere.
            let mode = if folder.starts_with("opt/nbvet/env/") {
                0o775
            } else {
                0o755
            };
            self.head(folder, EntryType::Directory, mode, 0)?;
            self.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    fn head(&mut self, path: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<()> {
        if let Some((prefix, name)) = split(path) {
            return self
                .to
                .write_all(header(prefix, name, kind, mode, size).as_bytes());
        }
        // The extended header of POSIX, for a name that does not fit or is not ASCII.
        let record = extended(path);
        let short: String = path.chars().filter(char::is_ascii).take(80).collect();
        let length = record.len() as u64;
        let extension = header("", &format!("pax/{short}"), EntryType::XHeader, 0o644, length);
        self.to.write_all(extension.as_bytes())?;
        self.to.write_all(record.as_bytes())?;
        self.pad(length)?;
        self.to.write_all(header("", &short, kind, mode, size).as_bytes())
    }
}

fn header(prefix: &str, name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    header.set_size(size);
    if let Some(fields) = header.as_ustar_mut() {
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
        // Zero for files that are no devices: left empty by some writers, which would be other bytes.
        fields.dev_major = *b"0000000\0";
        fields.dev_minor = *b"0000000\0";
    }
    header.set_cksum();
    header
}

/// The two fields of a header in which a path has room: 155 bytes and 100, parted at a `/`.
fn split(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some(("", path));
    }
    // A folder's path ends with `/`, which stays in the name.
    let (slash, _) = path[..path.len() - 1]
        .match_indices('/')
        .find(|(at, _)| path.len() - at - 1 <= 100)?;
    (slash <= 155).then(|| (&path[..slash], &path[slash + 1..]))
}

/// `LENGTH path=PATH\n`, where the length counts its own digits.
fn extended(path: &str) -> String {
    let rest = format!(" path={path}\n");
    let mut length = rest.len();
    loop {
        let text = format!("{length}{rest}");
        if text.len() == length {
            return text;
        }
        length = text.len();
    }
}
