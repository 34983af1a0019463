//! Small questions to raw JSON text that has been checked to be JSON already. Wrong shapes give `None` or nothing.

use std::{borrow::Cow, ops::Range};

use serde_json::{Value, value::RawValue};

use crate::{
    lenient,
    skim::{List, RawMembers, Shape},
};

/// The span of `part` within `text`, of which it must be a slice.
pub(crate) fn span(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    debug_assert!(
        start + part.len() <= text.len(),
        "the part is a slice of the text"
    );
    start..start + part.len()
}

/// The members of an object, in order; none where it is no object.
pub(crate) fn members(raw: &str) -> Vec<(Cow<'_, str>, &str)> {
    match serde_json::from_str(raw) {
        Ok(Shape::Good(RawMembers(members))) => members
            .into_iter()
            .map(|(key, value)| (key, value.get()))
            .collect(),
        Ok(Shape::Wrong(_)) | Err(_) => Vec::new(),
    }
}

/// One member of an object; the last, where its name is repeated.
pub(crate) fn member<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    members(raw)
        .into_iter()
        .rev()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// The items of a list; `None` where it is none.
pub(crate) fn items(raw: &str) -> Option<Vec<&str>> {
    match serde_json::from_str::<Shape<List<&RawValue>>>(raw) {
        Ok(Shape::Good(List(items))) => Some(items.into_iter().map(RawValue::get).collect()),
        Ok(Shape::Wrong(_)) | Err(_) => None,
    }
}

/// A string's value.
pub(crate) fn string(raw: &str) -> Option<String> {
    raw.starts_with('"')
        .then(|| value(raw))
        .flatten()
        .and_then(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
}

/// The value in full, what only Python accepts included (`NaN` becomes null). `None` where it is nested deeper than
/// `serde_json` follows.
pub(crate) fn value(raw: &str) -> Option<Value> {
    serde_json::from_str(raw)
        .or_else(|_| serde_json::from_str(&lenient::standard(raw)))
        .ok()
}

/// What a value is, for people.
pub(crate) fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}
