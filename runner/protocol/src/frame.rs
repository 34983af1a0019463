//! One message as bytes.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// The largest frame in bytes, without its length. A display of more than this is cut by the worker.
pub const MAX_FRAME: usize = 32 * 1024 * 1024;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the channel between two frames.
    #[error("the channel was closed")]
    Closed,
    /// Reading failed, or the channel ended within a frame.
    #[error("the channel broke: {0}")]
    Io(#[from] io::Error),
    /// The announced length is over [`MAX_FRAME`].
    #[error("a message of {0} bytes is over the limit of {MAX_FRAME}")]
    TooLarge(usize),
    /// The bytes are not a message of the expected kind.
    #[error("a message could not be read: {error} (it begins with {start:?})")]
    Unreadable {
        /// What serde said.
        error: serde_json::Error,
        /// The first bytes, for the log.
        start: String,
    },
}

/// A message as one frame, length included.
///
/// # Panics
/// If the message serializes to more than [`MAX_FRAME`] bytes: senders cap what they put in.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let mut frame = vec![0; 4];
    #[expect(clippy::expect_used, reason = "messages are plain data with string keys; writing to a Vec cannot fail")]
    serde_json::to_writer(&mut frame, message).expect("messages serialize");
    let length = frame.len() - 4;
    assert!(length <= MAX_FRAME, "senders cap their messages");
    #[expect(clippy::cast_possible_truncation, reason = "MAX_FRAME fits in u32")]
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    frame
}

/// A message from the body of a frame.
pub fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<M, FrameError> {
    serde_json::from_slice(body).map_err(|error| FrameError::Unreadable {
        error,
        start: String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned(),
    })
}

/// Writes one message and flushes.
pub fn write_frame<M: Serialize>(writer: &mut impl Write, message: &M) -> io::Result<()> {
    writer.write_all(&encode(message))?;
    writer.flush()
}

/// Reads one message, blocking.
pub fn read_frame<M: DeserializeOwned>(reader: &mut impl Read) -> Result<M, FrameError> {
    let mut length = [0; 4];
    match reader.read(&mut length)? {
        0 => return Err(FrameError::Closed),
        read => reader.read_exact(&mut length[read..])?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    decode(&body)
}
