//! The way of a step's result to the controller: compressed, as lines of its container's log, and known by the digest that
//! its end names. Whoever reads believes nothing else in the log. Knows no step, no Kubernetes and does no I/O.

mod end;
mod find;
mod write;

pub use end::{BadEnd, read_end, write_end};
pub use find::{BlobError, BlobReader, decode, is_of_result};
pub use write::{Encoded, TooLarge, encode};

/// Compressed bytes that a result may have: in base64 they fit an object of Kubernetes.
pub const MAX_COMPRESSED: usize = 700 * 1024;

/// Bytes that a result may have before it is compressed, and that are ever unpacked: what is made of them takes several times
/// as much memory.
pub const MAX_BODY: usize = 8 << 20;

/// Bytes of a log that are looked at.
pub const MAX_LOG: usize = 8 << 20;

/// What each line begins with, and its version.
const MARK: &str = "nbvet-blob/1 ";

/// Compressed bytes in a line: in base64 much shorter than where runtimes cut lines of logs (16 KiB).
const PIECE: usize = 3000;

/// Digits of the digest that each line carries.
const SHORT: usize = 16;

/// Digits of a number.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
