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

/// A message as one frame, length included, or why it is too large: for messages whose size the sender does not
/// rule, such as those that are passed on.
///
/// # Panics
/// Never: messages are plain data.
pub fn try_encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    #[expect(
        clippy::expect_used,
        reason = "messages are plain data with string keys; writing to a Vec cannot fail"
    )]
    serde_json::to_writer(&mut frame, message).expect("messages serialize");
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    #[expect(clippy::cast_possible_truncation, reason = "MAX_FRAME fits in u32")]
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame)
}

/// A message as one frame, length included.
///
/// # Panics
/// If the message serializes to more than [`MAX_FRAME`] bytes: senders cap what they put in.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "a message over the limit is a fault of the sender"
    )]
    try_encode(message).expect("senders cap their messages")
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

/// Frames out of bytes that come piece by piece, for whoever may not block.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    /// Bytes at the front that were given out already.
    taken: usize,
}

impl FrameBuffer {
    /// Takes in what was read.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if all of it is there.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let waiting = &self.bytes[self.taken..];
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLarge(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let message = decode(body)?;
        self.taken += 4 + length;
        Ok(Some(message))
    }

    /// Whether a part of a message is there and its rest is not.
    pub fn is_within_frame(&self) -> bool {
        self.taken < self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let sent = ["", "one", &"x".repeat(70_000)];
        let bytes: Vec<u8> = sent.iter().flat_map(encode).collect();
        for size in [1, 3, 4, 5, 4096, bytes.len()] {
            let mut buffer = FrameBuffer::default();
            let mut received: Vec<String> = Vec::new();
            for piece in bytes.chunks(size) {
                buffer.extend(piece);
                while let Some(message) = buffer.next_message().expect("the frames are good") {
                    received.push(message);
                }
            }
            assert_eq!(received, sent, "pieces of {size}");
            assert!(!buffer.is_within_frame());
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_body_comes() {
        let mut buffer = FrameBuffer::default();
        buffer.extend(b"HTTP");
        assert!(matches!(
            buffer.next_message::<String>(),
            Err(FrameError::TooLarge(0x4854_5450))
        ));
    }

    #[test]
    fn a_frame_of_something_else_is_refused_with_its_beginning() {
        let mut buffer = FrameBuffer::default();
        buffer.extend(&encode(&"no number"));
        let error = buffer.next_message::<u32>().expect_err("a string is no number");
        assert!(
            error.to_string().contains("it begins with \"\\\"no number"),
            "{error}"
        );
    }

    #[test]
    fn a_channel_that_ends_between_frames_is_closed_and_within_one_broken() {
        assert!(matches!(
            read_frame::<String>(&mut &b""[..]),
            Err(FrameError::Closed)
        ));
        assert!(matches!(
            read_frame::<String>(&mut &encode(&"text")[..6]),
            Err(FrameError::Io(_))
        ));
    }
}
