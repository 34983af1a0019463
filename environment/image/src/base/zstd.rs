//! A layer's zstd stream: frames one after another, of which some hold no content (what `zstd:chunked` tells of its
//! files). The image is not ours: the memory that a frame may ask for is bounded, as `zstd -d` bounds it.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Bytes back to which a frame may refer; all of them are held.
const WINDOW: u64 = 128 << 20;

/// Whether a stream begins so: with a frame, or with one that holds no content.
pub(super) const fn is_begin(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// The content of all frames. The checksums of frames are not looked at: the digest of the whole is.
pub(super) struct Zstd<R> {
    source: R,
    frame: FrameDecoder,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(source: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW);
        Self { source, frame }
    }

    /// Goes to the next frame with content; `false`: there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        // Of the other kind of error: a tar may end where its last file does.
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "a zstd frame ends early",
                        ));
                    }
                }
                Err(error) => return Err(broken(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 && !buffer.is_empty() {
            if !self.frame.is_finished() {
                let block = BlockDecodingStrategy::UptoBlocks(1);
                self.frame
                    .decode_blocks(&mut self.source, block)
                    .map_err(broken)?;
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
        self.frame.read(buffer)
    }
}

fn broken(error: FrameDecoderError) -> io::Error {
    let why = match error {
        FrameDecoderError::WindowSizeTooBig { requested, .. } => format!(
            "a zstd frame asks for {requested} bytes of memory, and {WINDOW} are given: compress it without `--long`"
        ),
        FrameDecoderError::DictNotProvided { .. } => "a zstd frame needs a dictionary".to_owned(),
        error => format!("it is no proper zstd stream: {}", cause(&error)),
    };
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What is at the bottom of an error; those above it tell the names of the library's own parts.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    match (error.downcast_ref::<io::Error>(), error.source()) {
        (Some(end), _) if end.kind() == io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
        (None, Some(below)) => cause(below),
        _ => error.to_string(),
    }
}
