//! A layer on its way to a file: packed, with both digests taken in the one pass, in memory that does not grow.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use crate::wheel::hex;

/// How layers are packed; stands in every key.
///
/// The backend of `flate2` is fixed in Cargo.toml: zlib-rs, whose result depends on no property of the processor. A test
/// holds the bytes that it makes; where they change, with a new version, [`layout::VERSION`](crate::layout::VERSION) must.
pub(crate) const PACKED: &str = "gzip-6";
const LEVEL: u32 = 6;
/// What the packer is given at a time: its result may depend on where its input is cut.
const CHUNK: usize = 128 << 10;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Spooled {
    pub(crate) path: TempPath,
    /// Of the packed bytes, in hexadecimal.
    pub(crate) digest: String,
    /// Of the archive, in hexadecimal.
    pub(crate) diff_id: String,
    pub(crate) size: u64,
    pub(crate) uncompressed: u64,
}

/// Takes the bytes of an archive.
pub(crate) struct Spool {
    chunk: Vec<u8>,
    diff_id: Sha256,
    uncompressed: u64,
    packer: GzEncoder<Digesting>,
    path: TempPath,
}

impl Spool {
    /// A new file in the folder, which goes when what holds it is dropped.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let (file, path) = tempfile::Builder::new()
            .prefix("nbvet-layer-")
            .tempfile_in(folder)?
            .into_parts();
        let to = Digesting {
            file: BufWriter::with_capacity(CHUNK, file),
            digest: Sha256::new(),
            size: 0,
        };
        Ok(Self {
            chunk: Vec::with_capacity(CHUNK),
            diff_id: Sha256::new(),
            uncompressed: 0,
            // No name and no time in the head of it.
            packer: GzEncoder::new(to, Compression::new(LEVEL)),
            path,
        })
    }

    pub(crate) fn finish(mut self) -> io::Result<Spooled> {
        self.pack()?;
        let mut to = self.packer.finish()?;
        to.file.flush()?;
        Ok(Spooled {
            path: self.path,
            digest: hex(&to.digest.finalize()),
            diff_id: hex(&self.diff_id.finalize()),
            size: to.size,
            uncompressed: self.uncompressed,
        })
    }

    fn pack(&mut self) -> io::Result<()> {
        self.diff_id.update(&self.chunk);
        self.uncompressed += self.chunk.len() as u64;
        self.packer.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK {
            self.pack()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Digesting {
    file: BufWriter<File>,
    digest: Sha256,
    size: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
