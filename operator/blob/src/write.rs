//! A result as lines of a log.

use std::{fmt::Write as _, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use nbvet_report::step::BlobRef;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{MARK, MAX_BODY, MAX_COMPRESSED, PIECE, SHORT, hex};

/// A result ready for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Whole lines.
    pub text: String,
    /// What the step's end has to say of them.
    pub blob: BlobRef,
}

/// A result that is too large to be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the result has {bytes} bytes, compressed {compressed}, and {MAX_BODY} and {MAX_COMPRESSED} are the most: it has to say less"
)]
pub struct TooLarge {
    /// As JSON.
    pub bytes: usize,
    /// Compressed; 0 where that was not tried.
    pub compressed: usize,
}

/// Writes a result. The same result gives the same lines.
///
/// # Panics
/// Never: results are plain data.
pub fn encode<T: Serialize>(result: &T) -> Result<Encoded, TooLarge> {
    #[expect(clippy::expect_used, reason = "plain data with string keys")]
    let body = serde_json::to_vec(result).expect("results serialize");
    if body.len() > MAX_BODY {
        return Err(TooLarge {
            bytes: body.len(),
            compressed: 0,
        });
    }
    let compressed = compress(&body);
    if compressed.len() > MAX_COMPRESSED {
        return Err(TooLarge {
            bytes: body.len(),
            compressed: compressed.len(),
        });
    }
    let sha256 = hex(&Sha256::digest(&compressed));
    let lines = compressed.chunks(PIECE).len();
    let mut text = String::new();
    for (index, piece) in compressed.chunks(PIECE).enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{MARK}{} {}/{lines} {}",
            &sha256[..SHORT],
            index + 1,
            STANDARD.encode(piece)
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "both are below MAX_COMPRESSED")]
    let blob = BlobRef {
        sha256,
        bytes: compressed.len() as u32,
        lines: lines as u32,
    };
    Ok(Encoded { text, blob })
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    #[expect(clippy::expect_used, reason = "memory takes what is written to it")]
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("compressing in memory does not fail")
}
