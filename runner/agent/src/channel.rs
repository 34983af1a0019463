//! One socket that carries frames both ways without ever blocking. Knows no message.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nbvet_protocol::{FrameBuffer, FrameError, try_encode};
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, read, write},
};
use serde::{Serialize, de::DeserializeOwned};

const CHUNK: usize = 64 * 1024;

pub(crate) struct Channel<F> {
    fd: F,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    /// Bytes at the front of `outgoing` that were written already.
    written: usize,
    ended: bool,
    /// The other side takes nothing more; what it sent before may still be read.
    deaf: bool,
}

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Something.
    Some,
    /// Nothing now.
    Nothing,
    /// The other side is gone.
    End,
}

impl<F: AsFd> Channel<F> {
    pub(crate) fn new(fd: F) -> io::Result<Self> {
        fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
        Ok(Self {
            fd,
            incoming: FrameBuffer::default(),
            outgoing: Vec::new(),
            written: 0,
            ended: false,
            deaf: false,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Whether the other side has gone: nothing will come any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads one piece of what has arrived.
    pub(crate) fn read(&mut self) -> Read {
        let mut chunk = vec![0; CHUNK];
        match read(&self.fd, &mut chunk) {
            Ok(length @ 1..) => {
                self.incoming.extend(&chunk[..length]);
                Read::Some
            }
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            Ok(0) | Err(_) => {
                self.ended = true;
                Read::End
            }
        }
    }

    /// The next whole message among what was read.
    pub(crate) fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        self.incoming.next_message()
    }

    /// Whether the other side ended, or stands, within a message.
    pub(crate) fn is_within_frame(&self) -> bool {
        self.incoming.is_within_frame()
    }

    /// Puts a message into the queue, unless it is larger than a frame may be.
    pub(crate) fn send(&mut self, message: &impl Serialize) -> Result<(), FrameError> {
        let frame = try_encode(message)?;
        if !self.deaf {
            self.outgoing.extend_from_slice(&frame);
        }
        Ok(())
    }

    /// Bytes in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.outgoing.len() - self.written
    }

    /// Writes as much of the queue as the other side takes.
    pub(crate) fn flush(&mut self) {
        while self.waiting() > 0 && !self.deaf {
            match write(&self.fd, &self.outgoing[self.written..]) {
                Ok(length) => self.written += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.deaf = true,
            }
        }
        if self.deaf || self.waiting() == 0 {
            self.outgoing.clear();
            self.outgoing.shrink_to(CHUNK);
            self.written = 0;
        } else if self.written > self.outgoing.len() / 2 {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }
}
