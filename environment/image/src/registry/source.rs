//! What is uploaded: something that can be read again from any place in it, so that a broken upload goes on.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Content that can be read from an offset on.
pub trait Source {
    /// A reader of all that stands from `offset` on.
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;
}

impl Source for [u8] {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(Box::new(self.get(offset..).unwrap_or_default()))
    }
}

impl Source for Vec<u8> {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        self.as_slice().open(offset)
    }
}

impl<F: Fn(u64) -> io::Result<Box<dyn Read>>> Source for F {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        self(offset)
    }
}

/// A file.
#[derive(Debug, Clone)]
pub struct FileSource(pub PathBuf);

impl Source for FileSource {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let mut file = File::open(&self.0)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }
}
