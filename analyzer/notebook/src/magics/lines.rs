//! Lines of a cell as Python's `str.splitlines` sees them, as spans of its source whose beginnings move.

/// A span of the source: a line with its end, less what was taken from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Line {
    pub(super) fn text(self, source: &str) -> &str {
        &source[self.start..self.end]
    }

    /// Nothing but white space.
    pub(super) fn is_blank(self, source: &str) -> bool {
        self.text(source).chars().all(is_space)
    }
}

/// Python's `str.isspace` for one character.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// The lines of a text, each with its end.
pub(super) fn split(source: &str) -> Vec<Line> {
    if is_plain(source) {
        return split_plain(source);
    }
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = source.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let is_pair = character == '\r' && characters.next_if(|(_, next)| *next == '\n').is_some();
        if is_pair || ends_line(character) {
            let end = offset + character.len_utf8() + usize::from(is_pair);
            lines.push(Line { start, end });
            start = end;
        }
    }
    if start < source.len() {
        lines.push(Line {
            start,
            end: source.len(),
        });
    }
    lines
}

/// Only `\n` ends a line of it, as in nearly every cell.
fn is_plain(source: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n');
    // Without a way out in the middle this is done many bytes at a time.
    source.bytes().fold(true, |plain, byte| plain & is_plain(byte))
}

fn split_plain(source: &str) -> Vec<Line> {
    let ends = memchr::memchr_iter(b'\n', source.as_bytes()).map(|newline| newline + 1);
    let mut lines = Vec::new();
    let mut start = 0;
    for end in ends.chain([source.len()]).filter(|end| *end > 0) {
        if start < end {
            lines.push(Line { start, end });
        }
        start = end;
    }
    lines
}

fn ends_line(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}' | '\u{1d}' | '\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}
