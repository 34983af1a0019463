//! A cell's source as the file writes it: one JSON string, or a list of strings over many lines. Both ways: the text,
//! and the way back from an offset in the text to a line of the file.

use std::ops::Range;

use memchr::memchr;
use serde_json::value::RawValue;

use crate::lenient::string_end;

/// The strings that make up a multi-line text, as they stand in the file.
pub(crate) struct Pieces<'a> {
    raw: &'a str,
    position: usize,
    /// Something other than a string was there and was passed over.
    pub(crate) wrong: bool,
}

/// One string: its content as written, without the quotes, and where that begins.
pub(crate) struct Piece<'a> {
    escaped: &'a str,
    start: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(raw: &'a str) -> Self {
        let is_list = raw.starts_with('[');
        let is_text = raw.starts_with('"');
        Self {
            raw,
            position: if is_text {
                0
            } else if is_list {
                1
            } else {
                raw.len()
            },
            wrong: !is_list && !is_text,
        }
    }

    fn skip_other_value(&mut self) {
        self.wrong = true;
        let mut values =
            serde_json::Deserializer::from_str(&self.raw[self.position..]).into_iter::<&RawValue>();
        let skipped = matches!(values.next(), Some(Ok(_)));
        self.position = if skipped {
            self.position + values.byte_offset()
        } else {
            self.raw.len()
        };
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let bytes = self.raw.as_bytes();
        loop {
            match bytes.get(self.position)? {
                b'"' => {
                    let start = self.position + 1;
                    self.position = string_end(bytes, start);
                    return Some(Piece {
                        escaped: &self.raw[start..(self.position - 1).max(start)],
                        start,
                    });
                }
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' => self.position += 1,
                _ => self.skip_other_value(),
            }
        }
    }
}

/// The text that a JSON string or a list of strings stands for, and whether anything else was among them.
pub(crate) fn decode(raw: &str) -> (String, bool) {
    let mut text = String::with_capacity(raw.len());
    let mut pieces = Pieces::new(raw);
    for piece in &mut pieces {
        unescape(piece.escaped, &mut text);
    }
    (text, pieces.wrong)
}

/// Appends the value of a JSON string's content. Half a surrogate pair becomes U+FFFD.
fn unescape(escaped: &str, text: &mut String) {
    let mut rest = escaped;
    while let Some(backslash) = memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..backslash]);
        let (character, length) = escape(&rest[backslash..]);
        text.push(character);
        rest = rest.get(backslash + length..).unwrap_or_default();
    }
    text.push_str(rest);
}

/// The character of the escape that `text` begins with, and the escape's length.
fn escape(text: &str) -> (char, usize) {
    let simple = match text.as_bytes().get(1) {
        Some(b'u') => return unicode_escape(text),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'"') => '"',
        Some(b'/') => '/',
        _ => '\\',
    };
    (simple, 2)
}

fn unicode_escape(text: &str) -> (char, usize) {
    let Some(first) = code_unit(text) else {
        return (char::REPLACEMENT_CHARACTER, 6);
    };
    let second = text.get(6..).and_then(code_unit);
    let mut decoded = char::decode_utf16([first].into_iter().chain(second));
    match decoded.next() {
        Some(Ok(character)) => (character, 6 * character.len_utf16()),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

fn code_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// From offsets in a cell's source to its lines, and to offsets in the file.
#[derive(Debug)]
pub(crate) struct SourceMap {
    /// Where each line of the source begins.
    lines: Vec<usize>,
    /// Where each string of the file begins, and each line of the source within it: offset in the source, offset in
    /// the file. A JSON string never goes over the end of a line, so this gives the file's line for every offset.
    pieces: Vec<(usize, usize)>,
}

impl SourceMap {
    /// `raw`: the source's JSON; `start`: where that begins in the file.
    pub(crate) fn new(source: &str, raw: &str, start: usize) -> Self {
        let mut pieces = Vec::new();
        let mut decoded = String::new();
        for piece in Pieces::new(raw) {
            pieces.push((decoded.len(), start + piece.start));
            let mut rest = piece.escaped;
            // A source in one string has a place for each of its lines.
            while let Some(backslash) = memchr(b'\\', rest.as_bytes()) {
                decoded.push_str(&rest[..backslash]);
                let (character, length) = escape(&rest[backslash..]);
                decoded.push(character);
                rest = rest.get(backslash + length..).unwrap_or_default();
                if character == '\n' && !rest.is_empty() {
                    let place = start + piece.start + piece.escaped.len() - rest.len();
                    pieces.push((decoded.len(), place));
                }
            }
            decoded.push_str(rest);
        }
        let lines = [0]
            .into_iter()
            .chain(memchr::memchr_iter(b'\n', source.as_bytes()).map(|end| end + 1))
            .collect();
        Self { lines, pieces }
    }

    /// Line, 0-based, and where it begins.
    pub(crate) fn line(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        (line, self.lines[line])
    }

    /// The offset of a 1-based line and column (in characters); `None` where the source has no such place.
    pub(crate) fn offset(&self, source: &str, line: u32, column: u32) -> Option<usize> {
        let line = usize::try_from(line.checked_sub(1)?).ok()?;
        let start = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).map_or(source.len(), |next| next - 1);
        let column = usize::try_from(column.checked_sub(1)?).ok()?;
        column_offset(&source[start..end], column).map(|offset| start + offset)
    }

    /// The very place in the file of an offset in the source, between two characters of its string; `file` is the
    /// text that this map was made from. `None` where the cell has no source.
    pub(crate) fn exact_file_offset(&self, file: &str, offset: usize) -> Option<usize> {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        let (mut decoded, mut position) = *self.pieces.get(after.checked_sub(1)?)?;
        while decoded < offset {
            let rest = file.get(position..)?;
            let character = rest.chars().next()?;
            let (character, length) = match character {
                '\\' => escape(rest),
                other => (other, other.len_utf8()),
            };
            decoded += character.len_utf8();
            position += length;
        }
        Some(position)
    }

    /// An offset in the file that lies in the same line of the file; `None` where the cell has no source.
    pub(crate) fn file_offset(&self, offset: usize) -> Option<usize> {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        Some(self.pieces.get(after.checked_sub(1)?)?.1)
    }
}

/// Where the character with this number begins; the line's end for the one after the last.
pub(crate) fn column_offset(line: &str, column: usize) -> Option<usize> {
    let ends = line.char_indices().map(|(offset, _)| offset).chain([line.len()]);
    ends.into_iter().nth(column)
}

/// The nearest range of whole characters within the text.
pub(crate) fn clamp(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start);
    start..text.floor_char_boundary(range.end).max(start)
}
