//! A tar.gz that depends on nothing but names and contents: sorted, no times, no owners, and equal files once.
//! Knows nothing of what it packs.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::{error::Error, files};

/// What is to be packed: names within the archive, and the files whose contents they get.
#[derive(Default)]
pub(crate) struct Archive {
    entries: BTreeMap<String, PathBuf>,
}

impl Archive {
    /// Adds one file.
    pub(crate) fn add_file(&mut self, name: &str, file: &Path) {
        self.entries.insert(name.to_owned(), file.to_owned());
    }

    /// Adds every file below a folder for which `keep` holds.
    pub(crate) fn add_folder(
        &mut self,
        name: &str,
        folder: &Path,
        keep: impl Fn(&Path) -> bool,
    ) -> Result<(), Error> {
        for file in files::below(folder)? {
            let below = file
                .strip_prefix(folder)
                .expect("files below a folder begin with it");
            if keep(below) {
                self.add_file(&format!("{name}/{}", below.to_string_lossy()), &file);
            }
        }
        Ok(())
    }

    /// The bytes. A file that equals an earlier one becomes a hard link to it: the IPython kits share most of theirs.
    pub(crate) fn pack(&self) -> Result<Vec<u8>, Error> {
        let encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        let mut builder = tar::Builder::new(encoder);
        let mut first_with: HashMap<_, &str> = HashMap::new();
        for (name, file) in &self.entries {
            let bytes = files::read(file)?;
            match first_with.get(&Sha256::digest(&bytes)) {
                Some(first) if !bytes.is_empty() => append_link(&mut builder, name, first),
                _ => append_file(&mut builder, name, &bytes),
            }
            .map_err(Error::file(file))?;
            first_with.entry(Sha256::digest(&bytes)).or_insert(name);
        }
        let finish = |builder: tar::Builder<GzEncoder<Vec<u8>>>| builder.into_inner()?.finish();
        finish(builder).map_err(Error::file("archive"))
    }
}

fn append_file(builder: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = header(EntryType::Regular);
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, name, bytes)
}

fn append_link(builder: &mut tar::Builder<impl Write>, name: &str, target: &str) -> io::Result<()> {
    builder.append_link(&mut header(EntryType::Link), name, target)
}

fn header(kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use std::fs;

    use flate2::read::GzDecoder;

    use super::*;

    fn archive(folder: &Path, texts: &[(&str, &str)]) -> Archive {
        let mut archive = Archive::default();
        for (name, text) in texts {
            let file = folder.join(name);
            files::replace(&file, text.as_bytes()).expect("it is written");
            archive.add_file(name, &file);
        }
        archive
    }

    #[test]
    fn the_order_of_adding_and_the_times_of_files_leave_no_trace() {
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let first = archive(one.path(), &[("b", "2"), ("a", "1")])
            .pack()
            .expect("it packs");
        let second = archive(two.path(), &[("a", "1"), ("b", "2")])
            .pack()
            .expect("it packs");
        assert_eq!(first, second);
    }

    #[test]
    fn equal_files_are_packed_once_and_unpacked_all() {
        let [from, to] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let texts = [
            ("kit/a/x.py", "same"),
            ("kit/b/x.py", "same"),
            ("kit/b/empty", ""),
            ("kit/a/empty", ""),
        ];
        let packed = archive(from.path(), &texts).pack().expect("it packs");
        let kinds = tar::Archive::new(GzDecoder::new(&*packed))
            .entries()
            .expect("it reads")
            .fold(String::new(), |kinds, entry| {
                format!("{kinds}{:?} ", entry.expect("it reads").header().entry_type())
            });
        assert_eq!(kinds.trim(), "Regular Regular Regular Link");
        tar::Archive::new(GzDecoder::new(&*packed))
            .unpack(to.path())
            .expect("it unpacks");
        for (name, text) in texts {
            assert_eq!(
                fs::read_to_string(to.path().join(name)).expect("it is there"),
                text
            );
        }
    }
}
