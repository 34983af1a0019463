//! One of the notebook's standard streams: bytes from a pipe, text out of them. Never blocks, never waits for an
//! end that a left-over process holds back.

use std::{mem, os::fd::OwnedFd};

use nbvet_protocol::StreamName;
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, ioctl_fionread, read},
};

const CHUNK: usize = 60 * 1024;

pub(crate) struct Stream {
    pub(crate) name: StreamName,
    /// `None` once all writers are gone.
    pipe: Option<OwnedFd>,
    decoder: Decoder,
}

impl Stream {
    pub(crate) fn new(name: StreamName, pipe: OwnedFd) -> std::io::Result<Self> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self {
            name,
            pipe: Some(pipe),
            decoder: Decoder::default(),
        })
    }

    pub(crate) fn pipe(&self) -> Option<&OwnedFd> {
        self.pipe.as_ref()
    }

    /// Bytes that stand in the pipe now.
    pub(crate) fn standing(&self) -> usize {
        let count = self
            .pipe
            .as_ref()
            .and_then(|pipe| ioctl_fionread(pipe).ok())
            .unwrap_or(0);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Reads one piece; `None`: nothing is there.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        let mut chunk = vec![0; CHUNK];
        match read(self.pipe.as_ref()?, &mut chunk) {
            Ok(length @ 1..) => {
                chunk.truncate(length);
                Some(chunk)
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Ok(0) | Err(_) => {
                self.pipe = None;
                None
            }
        }
    }

    pub(crate) fn decode(&mut self, bytes: &[u8]) -> String {
        self.decoder.push(bytes)
    }

    /// What is left of a character that never came whole.
    pub(crate) fn rest(&mut self) -> String {
        self.decoder.finish()
    }
}

/// UTF-8 whose characters may lie across pieces.
#[derive(Default)]
struct Decoder {
    /// The beginning of a character, at most three bytes.
    begun: Vec<u8>,
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> String {
        let mut joined = mem::take(&mut self.begun);
        joined.extend_from_slice(bytes);
        let whole = joined.len() - unfinished(&joined);
        self.begun = joined.split_off(whole);
        String::from_utf8(joined)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn finish(&mut self) -> String {
        String::from_utf8_lossy(&mem::take(&mut self.begun)).into_owned()
    }
}

/// How many bytes at the end are the beginning of a character that may still come whole.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    (1..=tail.len())
        .rev()
        .find(|&length| {
            let error = std::str::from_utf8(&tail[tail.len() - length..]).err();
            error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8]) {
        for size in 1..=text.len() {
            let mut decoder = Decoder::default();
            let mut read: String = text.chunks(size).map(|piece| decoder.push(piece)).collect();
            read.push_str(&decoder.finish());
            assert_eq!(read, String::from_utf8_lossy(text), "pieces of {size}");
        }
    }

    #[test]
    fn characters_across_pieces_come_out_whole() {
        check("naïve 𝕏 €5 日本".as_bytes());
    }

    #[test]
    fn what_is_no_utf8_is_replaced_wherever_it_is_cut() {
        check(b"a\xffb\xf0\x9f\xe2\x82z\xc3");
        check(b"\x80\x80\xed\xa0\x80 \xf4\x90\x80\x80");
    }
}
