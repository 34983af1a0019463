//! How far the layers of an image may unpack: what compresses far better than files do was made to cost time.

use std::{
    cell::Cell,
    io::{self, Read},
};

/// Bytes that may be unpacked however few they were made of: files of zeros.
const FREE: u64 = 1 << 30;
/// How many times its size the rest may be. Layers of files come to three or four, of text alone to twenty.
const MOST_TIMES: u64 = 100;

/// Bytes of all layers of an image so far.
#[derive(Debug)]
pub(super) struct Grown {
    /// Bytes that count for nothing.
    pub(super) free: u64,
    packed: Cell<u64>,
    unpacked: Cell<u64>,
}

impl Default for Grown {
    fn default() -> Self {
        Self {
            free: FREE,
            packed: Cell::default(),
            unpacked: Cell::default(),
        }
    }
}

impl Grown {
    /// A layer as it comes.
    pub(super) const fn packed<R>(&self, layer: R) -> Counted<'_, R> {
        Counted {
            source: layer,
            read: &self.packed,
            most: None,
        }
    }

    /// The same layer, unpacked.
    pub(super) const fn unpacked<R>(&self, layer: R) -> Counted<'_, R> {
        Counted {
            source: layer,
            read: &self.unpacked,
            most: Some(self),
        }
    }

    fn is_too_much(&self) -> bool {
        let most = self
            .free
            .saturating_add(self.packed.get().saturating_mul(MOST_TIMES));
        self.unpacked.get() > most
    }
}

/// A stream whose bytes are counted.
pub(super) struct Counted<'g, R> {
    source: R,
    read: &'g Cell<u64>,
    /// What it is held against.
    most: Option<&'g Grown>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read.set(self.read.get().saturating_add(read as u64));
        if self.most.is_some_and(Grown::is_too_much) {
            let why = format!(
                "the image unpacks to more than {MOST_TIMES} times its size, which is more than nbvet reads"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}
