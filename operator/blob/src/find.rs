//! A result found in a log, whatever else stands there: all of it, once, and with the digest that the step's end names.

use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use memchr::memmem;
use nbvet_report::step::BlobRef;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::{MARK, MAX_BODY, MAX_COMPRESSED, MAX_LOG, PIECE, SHORT, hex};

/// Bytes of a line that are kept: a line of ours with a time before it is much shorter.
const MAX_LINE: usize = 8 * 1024;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The step's end names something that no step writes.
    #[error("the end of the step names a result that cannot be: {0}")]
    Impossible(&'static str),
    /// The log is longer than any step's.
    #[error("the log has more than {MAX_LOG} bytes")]
    LogTooLong,
    /// A line of a result is not whole.
    #[error("a line of the result is broken")]
    Broken,
    /// A line of another result.
    #[error("the log holds another result than the one that the step's end names")]
    Other,
    /// A line is there twice.
    #[error("line {0} of the result is there twice")]
    Twice(u32),
    /// Lines are missing.
    #[error("{missing} of {lines} lines of the result are missing, the first is {first}")]
    Missing {
        /// How many.
        missing: usize,
        /// Of so many.
        lines: u32,
        /// Its number, from 1.
        first: usize,
    },
    /// It is not as long as the end of the step says.
    #[error("the result has {found} bytes, and the end of the step says {said}")]
    Length {
        /// In the log.
        found: usize,
        /// In the end of the step.
        said: u32,
    },
    /// It has another digest.
    #[error("the result is not the one that the step's end names: its digest is {0}")]
    Digest(String),
    /// It cannot be unpacked.
    #[error("the result cannot be unpacked: {0}")]
    Compression(std::io::Error),
    /// It is larger than any.
    #[error("the result unpacks to more than {MAX_BODY} bytes")]
    TooLarge,
    /// It is something else.
    #[error("the result cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Whether a line of a log carries a part of a result, whole or broken: nobody wants to read it.
pub fn is_of_result(line: &str) -> bool {
    let Some(start) = line.find(MARK) else {
        return false;
    };
    start == 0 || line.as_bytes()[start - 1] == b' '
}

/// Reads a result out of a whole log.
pub fn decode<T: DeserializeOwned>(log: &[u8], blob: &BlobRef) -> Result<T, BlobError> {
    let mut reader = BlobReader::new(blob)?;
    reader.push(log)?;
    reader.finish()
}

/// Reads a result out of a log that comes piece by piece.
#[derive(Debug)]
pub struct BlobReader {
    blob: BlobRef,
    /// What came of each line.
    lines: Vec<Option<Vec<u8>>>,
    /// The beginning of a line whose end has not come.
    open: Vec<u8>,
    /// That line is longer than any of ours.
    is_over: bool,
    read: usize,
}

impl BlobReader {
    /// For the result that a step's end names.
    pub fn new(blob: &BlobRef) -> Result<Self, BlobError> {
        let is_digest = blob.sha256.len() == 64
            && blob
                .sha256
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !is_digest {
            return Err(BlobError::Impossible("its digest is none"));
        }
        let bytes = blob.bytes as usize;
        if bytes > MAX_COMPRESSED {
            return Err(BlobError::Impossible("it is too large"));
        }
        if bytes == 0 || blob.lines as usize != bytes.div_ceil(PIECE) {
            return Err(BlobError::Impossible("its bytes do not stand in so many lines"));
        }
        Ok(Self {
            lines: vec![None; blob.lines as usize],
            blob: blob.clone(),
            open: Vec::new(),
            is_over: false,
            read: 0,
        })
    }

    /// Takes in the next bytes of the log.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.read += bytes.len();
        if self.read > MAX_LOG {
            return Err(BlobError::LogTooLong);
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.extend(&rest[..end]);
            self.end_line()?;
            rest = &rest[end + 1..];
        }
        self.extend(rest);
        Ok(())
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.open.len();
        self.is_over |= bytes.len() > room;
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) -> Result<(), BlobError> {
        let line = std::mem::take(&mut self.open);
        if std::mem::take(&mut self.is_over) {
            return Ok(());
        }
        self.take(&line)
    }

    /// A line of ours may have the kubelet's time before it, and what the runtime adds to lines behind it.
    fn take(&mut self, line: &[u8]) -> Result<(), BlobError> {
        let Some(start) = memmem::find(line, MARK.as_bytes()) else {
            return Ok(());
        };
        if start > 0 && line[start - 1] != b' ' {
            return Ok(());
        }
        let words = std::str::from_utf8(&line[start + MARK.len()..]).map_err(|_| BlobError::Broken)?;
        let mut words = words.split_ascii_whitespace();
        let (Some(short), Some(number), Some(piece), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(BlobError::Broken);
        };
        if short != &self.blob.sha256[..SHORT] {
            return Err(BlobError::Other);
        }
        let (number, lines) = number.split_once('/').ok_or(BlobError::Broken)?;
        let number: u32 = number.parse().map_err(|_| BlobError::Broken)?;
        if lines.parse() != Ok(self.blob.lines) || number == 0 || number > self.blob.lines {
            return Err(BlobError::Broken);
        }
        let piece = STANDARD.decode(piece).map_err(|_| BlobError::Broken)?;
        let place = &mut self.lines[number as usize - 1];
        if place.is_some() {
            return Err(BlobError::Twice(number));
        }
        *place = Some(piece);
        Ok(())
    }

    /// The result, once the log has ended.
    pub fn finish<T: DeserializeOwned>(mut self) -> Result<T, BlobError> {
        self.end_line()?;
        let missing: Vec<usize> = (0..self.lines.len())
            .filter(|index| self.lines[*index].is_none())
            .collect();
        if let Some(first) = missing.first() {
            return Err(BlobError::Missing {
                missing: missing.len(),
                lines: self.blob.lines,
                first: first + 1,
            });
        }
        let compressed: Vec<u8> = self.lines.into_iter().flatten().flatten().collect();
        if compressed.len() != self.blob.bytes as usize {
            return Err(BlobError::Length {
                found: compressed.len(),
                said: self.blob.bytes,
            });
        }
        let digest = hex(&Sha256::digest(&compressed));
        if digest != self.blob.sha256 {
            return Err(BlobError::Digest(digest));
        }
        Ok(serde_json::from_slice(&unpack(&compressed)?)?)
    }
}

fn unpack(compressed: &[u8]) -> Result<Vec<u8>, BlobError> {
    let mut body = Vec::new();
    let mut decoder = GzDecoder::new(compressed).take(MAX_BODY as u64 + 1);
    decoder.read_to_end(&mut body).map_err(BlobError::Compression)?;
    if body.len() > MAX_BODY {
        return Err(BlobError::TooLarge);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{Encoded, TooLarge, encode};

    /// A text that does not compress, of so many bytes.
    fn noise(bytes: usize) -> String {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + u8::try_from(state >> 33 & 63).unwrap())
        };
        (0..bytes).map(|_| next()).collect()
    }

    fn check(log: &[u8], blob: &BlobRef, expected: &str) {
        let error = decode::<String>(log, blob).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    fn encoded(bytes: usize) -> (String, Encoded) {
        let text = noise(bytes);
        let encoded = encode(&text).unwrap();
        (text, encoded)
    }

    /// A log with the lines of compressed bytes that are not ours, and what an end would say of them.
    fn forged(compressed: &[u8]) -> (String, BlobRef) {
        let sha256 = hex(&Sha256::digest(compressed));
        let pieces = compressed.chunks(PIECE);
        let lines = pieces.len();
        let line = |(index, piece): (usize, &[u8])| {
            format!(
                "{MARK}{} {}/{lines} {}\n",
                &sha256[..SHORT],
                index + 1,
                STANDARD.encode(piece)
            )
        };
        let text = pieces.enumerate().map(line).collect();
        let blob = BlobRef {
            sha256,
            bytes: u32::try_from(compressed.len()).unwrap(),
            lines: u32::try_from(lines).unwrap(),
        };
        (text, blob)
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_written_is_read_however_the_log_comes() {
        for bytes in [0, 1, 10_000, 500_000] {
            let (text, encoded) = encoded(bytes);
            assert_eq!(
                decode::<String>(encoded.text.as_bytes(), &encoded.blob).unwrap(),
                text
            );
            for size in [1, 7, 4096] {
                let mut reader = BlobReader::new(&encoded.blob).unwrap();
                for piece in encoded.text.as_bytes().chunks(size) {
                    reader.push(piece).unwrap();
                }
                assert_eq!(reader.finish::<String>().unwrap(), text, "pieces of {size}");
            }
            assert!(encoded.text.lines().all(|line| line.len() < 4200));
        }
    }

    #[test]
    fn what_else_stands_in_a_log_is_read_over() {
        let (text, encoded) = encoded(10_000);
        let mut log =
            b"unable to retrieve container logs for containerd://0123\n\xff\xfe\0 not a text\n".to_vec();
        for (index, line) in encoded.text.lines().enumerate() {
            log.extend_from_slice(format!("2026-11-27T23:40:0{index}.123456789Z {line}\r\n").as_bytes());
            log.extend_from_slice(b"failed to watch file \"/var/log/pods/x\": no such file\n");
            log.extend_from_slice(&vec![b'x'; 100_000]);
            log.extend_from_slice(b"\nprefix-nbvet-blob/1 0123 1/1 AAAA\nnbvet-blob/2 0123 1/1 AAAA\n");
        }
        log.extend_from_slice(b"rpc error: code = NotFound desc = an error occurred");
        assert_eq!(decode::<String>(&log, &encoded.blob).unwrap(), text);
    }

    #[test]
    fn lines_may_come_in_any_order_and_the_last_may_lack_its_end() {
        let (text, encoded) = encoded(10_000);
        let mut lines: Vec<&str> = encoded.text.lines().collect();
        lines.reverse();
        assert_eq!(
            decode::<String>(lines.join("\n").as_bytes(), &encoded.blob).unwrap(),
            text
        );
    }

    #[test]
    fn a_result_that_is_not_whole_is_none() {
        let (_, Encoded { text, blob }) = encoded(10_000);
        let lines: Vec<&str> = text.lines().collect();
        let without = lines[1..].join("\n");
        check(
            without.as_bytes(),
            &blob,
            "1 of 3 lines of the result are missing, the first is 1",
        );
        check(b"", &blob, "3 of 3 lines");
        check(&text.as_bytes()[..text.len() - 20], &blob, "");
        check(text.replacen("1/3 ", "1/3 *", 1).as_bytes(), &blob, "is broken");
        check(text.replacen("1/3 ", "0/3 ", 1).as_bytes(), &blob, "is broken");
        check(text.replacen("1/3 ", "4/3 ", 1).as_bytes(), &blob, "is broken");
        check(text.replacen("1/3 ", "1/4 ", 1).as_bytes(), &blob, "is broken");
        check(text.replacen("1/3 ", "1/3 A", 1).as_bytes(), &blob, "is broken");
        check(
            text.replacen("1/3 ", "1/3 AAAA", 1).as_bytes(),
            &blob,
            "bytes, and the end of the step says",
        );
    }

    #[test]
    fn a_line_that_is_there_twice_is_refused_even_where_it_says_the_same() {
        let (_, Encoded { text, blob }) = encoded(10_000);
        check(
            (text.clone() + &text).as_bytes(),
            &blob,
            "line 1 of the result is there twice",
        );
        let other = text.replacen(" 2/3 ", " 1/3 ", 1);
        check(other.as_bytes(), &blob, "line 1 of the result is there twice");
    }

    #[test]
    fn another_result_than_the_one_that_is_named_is_refused() {
        let (_, ours) = encoded(10_000);
        let forged = encode(&"Passed").unwrap();
        check(forged.text.as_bytes(), &ours.blob, "holds another result");
        check(
            (ours.text.clone() + &forged.text).as_bytes(),
            &ours.blob,
            "holds another result",
        );
        // It may even claim our digest.
        let claims = forged
            .text
            .replace(&forged.blob.sha256[..SHORT], &ours.blob.sha256[..SHORT]);
        check(claims.as_bytes(), &ours.blob, "is broken");
        let mut blob = forged.blob.clone();
        blob.sha256 = ours.blob.sha256.clone();
        check(
            claims.as_bytes(),
            &blob,
            "is not the one that the step's end names",
        );
        let changed: Vec<String> = ours
            .text
            .lines()
            .map(|line| {
                let (head, piece) = line.rsplit_once(' ').unwrap();
                let swapped: String = piece.chars().rev().collect();
                let is_last = head.ends_with("3/3");
                format!("{head} {}\n", if is_last { piece } else { &swapped })
            })
            .collect();
        check(
            changed.concat().as_bytes(),
            &ours.blob,
            "is not the one that the step's end names",
        );
    }

    #[test]
    fn an_end_that_names_what_cannot_be_is_refused_before_anything_is_read() {
        let (_, Encoded { text, blob }) = encoded(10_000);
        let with = |change: &dyn Fn(&mut BlobRef)| {
            let mut blob = blob.clone();
            change(&mut blob);
            check(text.as_bytes(), &blob, "names a result that cannot be");
        };
        with(&|blob| blob.sha256.clear());
        with(&|blob| blob.sha256 = "g".repeat(64));
        with(&|blob| blob.sha256 = "é".repeat(32));
        with(&|blob| blob.bytes = 0);
        with(&|blob| blob.bytes = u32::MAX);
        with(&|blob| blob.lines = 0);
        with(&|blob| blob.lines = u32::MAX);
        with(&|blob| (blob.bytes, blob.lines) = (700 * 1024 + 1, 239));
    }

    #[test]
    fn what_is_too_large_is_neither_written_nor_read_nor_unpacked() {
        let error = encode(&noise(1_200_000)).unwrap_err();
        assert!(error.compressed > MAX_COMPRESSED, "{error}");
        let error = encode(&"a".repeat(MAX_BODY)).unwrap_err();
        assert_eq!(
            error,
            TooLarge {
                bytes: MAX_BODY + 2,
                compressed: 0
            }
        );
        let (_, Encoded { mut text, blob }) = encoded(10);
        text += &"x\n".repeat(MAX_LOG / 2);
        check(text.as_bytes(), &blob, "the log has more than");
        let (text, blob) = forged(&gzip(&vec![b' '; MAX_BODY + 1]));
        check(text.as_bytes(), &blob, "unpacks to more than");
    }

    #[test]
    fn what_is_no_result_of_ours_is_refused() {
        let (text, blob) = forged(b"not compressed");
        check(text.as_bytes(), &blob, "cannot be unpacked");
        let (text, blob) = forged(&gzip(b"not JSON"));
        check(text.as_bytes(), &blob, "cannot be read");
        let (text, blob) = forged(&gzip(&b"[".repeat(100_000)));
        check(text.as_bytes(), &blob, "cannot be read");
    }
}
