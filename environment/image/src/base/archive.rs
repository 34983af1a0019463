//! A layer's tar, read as a stream. The image is not ours: names are bounded, and nothing is written anywhere.

use std::io::{self, Read};

use super::fault::Fault;

const BLOCK: usize = 512;
/// Longer paths Linux does not take.
const PATH: usize = 4096;
/// Extended headers.
const LONGEST: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File { executable: bool },
    Folder,
    Symlink,
    HardLink,
    Other,
}

/// The head of an entry. Its content comes from [`Archive::content`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As it stands in the archive.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Of links.
    pub(super) target: String,
}

/// An archive in the middle of being read.
pub(super) struct Archive<R> {
    source: R,
    /// Of the current entry: content that was not yet read, and what fills its last block.
    left: u64,
    padding: u64,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> Archive<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            left: 0,
            padding: 0,
        }
    }

    /// The next entry whose name is text; others can mean nothing to a Python.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let mut extended = Extended::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(Fault::archive)?;
            let kind = header.entry_type();
            let is_extension =
                kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions();
            self.stand_before(if is_extension {
                size
            } else {
                extended.size.unwrap_or(size)
            });
            if kind.is_gnu_longname() {
                extended.path = Some(self.name()?);
            } else if kind.is_gnu_longlink() {
                extended.target = Some(self.name()?);
            } else if kind.is_pax_local_extensions() {
                let records = self.name()?;
                extended.read(&records);
            } else if !kind.is_pax_global_extensions() {
                if kind.is_gnu_sparse() {
                    self.skip_sparse_map(&header)?;
                }
                let entry = head(&header, std::mem::take(&mut extended));
                if let Some(entry) = entry {
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// The content of the entry that came last.
    pub(super) fn content(&mut self) -> impl Read {
        Content(self)
    }

    /// Reads whatever follows, so that the caller can compare the digest of all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self.source, &mut io::sink()).map(drop)
    }

    fn header(&mut self) -> Result<Option<tar::Header>, Fault> {
        let mut block = [0; BLOCK];
        match self.source.read_exact(&mut block) {
            // Some writers leave the closing blocks away.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other.map_err(Fault::Read)?,
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(&block).clone();
        let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The field itself counts as spaces.
        let sum = sum(&block[..148]) + sum(&block[156..]) + 8 * u32::from(b' ');
        match header.cksum() {
            Ok(said) if said == sum => Ok(Some(header)),
            _ => Err(Fault::archive(io::Error::other("a header has a wrong checksum"))),
        }
    }

    fn stand_before(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// Goes to the next header.
    fn skip(&mut self) -> Result<(), Fault> {
        let rest = self.left.saturating_add(std::mem::take(&mut self.padding));
        self.left = 0;
        let skipped = io::copy(&mut self.source.by_ref().take(rest), &mut io::sink()).map_err(Fault::Read)?;
        if skipped == rest {
            return Ok(());
        }
        Err(Fault::archive(io::Error::other(
            "it ends in the middle of a file",
        )))
    }

    /// The content of an extended header.
    fn name(&mut self) -> Result<Vec<u8>, Fault> {
        if self.left > LONGEST {
            return Err(Fault::archive(io::Error::other(
                "an extended header is longer than 1 MiB",
            )));
        }
        let mut name = Vec::new();
        self.content().read_to_end(&mut name).map_err(Fault::Read)?;
        Ok(name)
    }

    /// A sparse file's map may go on in blocks of its own.
    fn skip_sparse_map(&mut self, header: &tar::Header) -> Result<(), Fault> {
        let mut goes_on = header.as_bytes()[482] != 0;
        while goes_on {
            let mut block = [0; BLOCK];
            self.source.read_exact(&mut block).map_err(Fault::Read)?;
            goes_on = block[504] != 0;
        }
        Ok(())
    }
}

struct Content<'a, R>(&'a mut Archive<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.0.source.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.left -= read as u64;
        Ok(read)
    }
}

impl Extended {
    /// `27 path=some/long/name\n`, one after the other.
    fn read(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&records[..space])
                .ok()
                .and_then(|text| text.parse::<usize>().ok());
            let record = length.and_then(|length| records.get(space + 1..length));
            let Some(record) = record.and_then(|record| record.strip_suffix(b"\n")) else {
                return;
            };
            records = &records[space + 1 + record.len() + 1..];
            let Some(equals) = record.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (key, value) = (&record[..equals], record[equals + 1..].to_vec());
            match key {
                b"path" => self.path = Some(value),
                b"linkpath" => self.target = Some(value),
                b"size" => self.size = String::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
    }
}

fn head(header: &tar::Header, extended: Extended) -> Option<Entry> {
    let kind = header.entry_type();
    let mode = header.mode().unwrap_or(0);
    let kind = match kind {
        _ if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => Kind::File {
            executable: mode & 0o111 != 0,
        },
        _ if kind.is_dir() => Kind::Folder,
        _ if kind.is_symlink() => Kind::Symlink,
        _ if kind.is_hard_link() => Kind::HardLink,
        _ => Kind::Other,
    };
    let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let target = extended
        .target
        .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
    let text = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        String::from_utf8(bytes).ok().filter(|text| text.len() <= PATH)
    };
    Some(Entry {
        path: text(path)?,
        kind,
        target: text(target.unwrap_or_default())?,
    })
}
