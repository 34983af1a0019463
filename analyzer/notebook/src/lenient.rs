//! What Python's json module writes and accepts and the standard does not: `NaN`, `Infinity`, `-Infinity`, and halves
//! of surrogate pairs.

use std::ops::Range;

use memchr::{memchr2, memmem};

/// A place in a text that is not standard JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nonstandard {
    /// Where, in bytes of the text.
    pub(crate) span: Range<usize>,
    /// Which.
    pub(crate) what: What,
}

/// The ways not to be standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A number that is none, by its name.
    NotFinite(&'static str),
    /// `\ud83d` without its other half.
    LoneSurrogate,
}

const NAMES: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// All places outside strings where a number is written that JSON does not have.
pub(crate) fn not_finite(text: &str) -> Vec<Nonstandard> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        match bytes[position] {
            b'"' => position = string_end(bytes, position + 1),
            b'N' | b'I' | b'-' => {
                let name = NAMES
                    .into_iter()
                    .find(|name| bytes[position..].starts_with(name.as_bytes()))
                    .filter(|name| stands_alone(bytes, position..position + name.len()));
                let length = name.map_or(1, str::len);
                found.extend(name.map(|name| Nonstandard {
                    span: position..position + length,
                    what: What::NotFinite(name),
                }));
                position += length;
            }
            _ => position += 1,
        }
    }
    found
}

/// `1NaN` is no number in Python either.
fn stands_alone(bytes: &[u8], span: Range<usize>) -> bool {
    let joins =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(byte));
    !joins(span.start.checked_sub(1).and_then(|before| bytes.get(before))) && !joins(bytes.get(span.end))
}

/// The offset after the closing quote of the string whose content starts at `position`.
pub(crate) fn string_end(bytes: &[u8], mut position: usize) -> usize {
    while let Some(step) = bytes.get(position..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        position += step;
        if bytes[position] == b'"' {
            return position + 1;
        }
        position += 2;
    }
    bytes.len()
}

/// All escapes of half a surrogate pair, in a text whose JSON is otherwise sound.
pub(crate) fn lone_surrogates(text: &str) -> Vec<Nonstandard> {
    let bytes = text.as_bytes();
    let mut starts: Vec<usize> = memmem::find_iter(bytes, b"\\ud")
        .chain(memmem::find_iter(bytes, b"\\uD"))
        .collect();
    starts.retain(|start| is_escape(bytes, *start));
    starts.sort_unstable();
    let mut found = Vec::new();
    let mut paired = None;
    for start in starts {
        match surrogate(bytes, start) {
            Some(Half::High) if matches!(surrogate(bytes, start + 6), Some(Half::Low)) => {
                paired = Some(start + 6);
            }
            Some(Half::Low) if paired == Some(start) => {}
            Some(_) => found.push(Nonstandard {
                span: start..start + 6,
                what: What::LoneSurrogate,
            }),
            None => {}
        }
    }
    found
}

/// Whether the backslash at `start` begins an escape, and is not itself escaped.
fn is_escape(bytes: &[u8], start: usize) -> bool {
    let before = bytes[..start]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count();
    before.is_multiple_of(2)
}

enum Half {
    High,
    Low,
}

fn surrogate(bytes: &[u8], start: usize) -> Option<Half> {
    let escape = bytes.get(start..start + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    match u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

/// The text with each place replaced by standard JSON of the same length, so that offsets stay.
pub(crate) fn masked(text: &str, places: &[Nonstandard]) -> String {
    replaced(text, places, |place| match place.what {
        What::NotFinite(name) => format!("{:<width$}", 0, width = name.len()),
        What::LoneSurrogate => "\\ufffd".to_owned(),
    })
}

/// The text as standard JSON: null for a number that is none, U+FFFD for half a pair.
pub(crate) fn standard(text: &str) -> String {
    let mut places = not_finite(text);
    places.extend(lone_surrogates(text));
    places.sort_unstable_by_key(|place| place.span.start);
    replaced(text, &places, |place| match place.what {
        What::NotFinite(_) => "null".to_owned(),
        What::LoneSurrogate => "\\ufffd".to_owned(),
    })
}

fn replaced(text: &str, places: &[Nonstandard], replacement: impl Fn(&Nonstandard) -> String) -> String {
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        result.push_str(&text[done..place.span.start]);
        result.push_str(&replacement(place));
        done = place.span.end;
    }
    result.push_str(&text[done..]);
    result
}
