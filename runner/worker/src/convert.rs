//! Python values of a display as JSON, in the way `ipykernel` does it. Only exact builtin types are walked;
//! whatever else a notebook puts there is shown by its type's name.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number, Value};

use crate::types;

/// Nesting beyond this is cut.
const MAX_DEPTH: usize = 60;
/// A display with more bytes of text than this is replaced by a note.
const MAX_DISPLAY: usize = 20 * 1024 * 1024;

/// A mime bundle. `None` counts as empty.
pub(crate) fn bundle(value: &Bound<'_, PyAny>) -> Map<String, Value> {
    let mut budget = Budget(MAX_DISPLAY);
    match json(value, 0, &mut budget) {
        Some(Value::Object(map)) => map,
        None if budget.spent() => too_large(),
        _ => Map::new(),
    }
}

fn too_large() -> Map<String, Value> {
    let note = format!(
        "[nbvet: an output of more than {} MiB was left out]",
        MAX_DISPLAY >> 20
    );
    Map::from_iter([("text/plain".to_owned(), Value::String(note))])
}

/// Bytes that may still be taken.
struct Budget(usize);

impl Budget {
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes.saturating_add(8)).or_else(|| {
            self.0 = 0;
            None
        })?;
        Some(())
    }

    fn spent(&self) -> bool {
        self.0 == 0
    }
}

/// `None` where the budget is spent.
fn json(value: &Bound<'_, PyAny>, depth: usize, budget: &mut Budget) -> Option<Value> {
    budget.take(0)?;
    if depth > MAX_DEPTH {
        return Some(Value::String("…".to_owned()));
    }
    if value.is_none() {
        Some(Value::Null)
    } else if let Ok(text) = value.cast::<PyString>() {
        let text = string(text);
        budget.take(text.len())?;
        Some(Value::String(text))
    } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        budget.take(bytes.as_bytes().len() / 3 * 4)?;
        Some(Value::String(BASE64_STANDARD.encode(bytes.as_bytes())))
    } else if let Some(scalar) = scalar(value) {
        Some(scalar)
    } else if let Ok(dict) = value.cast::<PyDict>() {
        object(dict, depth, budget)
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        array(list.iter(), depth, budget)
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        array(tuple.iter(), depth, budget)
    } else {
        Some(Value::String(format!("<{}>", types::name(&value.get_type()))))
    }
}

fn scalar(value: &Bound<'_, PyAny>) -> Option<Value> {
    if let Ok(flag) = value.cast_exact::<PyBool>() {
        return Some(Value::Bool(flag.is_true()));
    }
    if value.is_exact_instance_of::<PyInt>() {
        let small = value
            .extract::<i64>()
            .map(Number::from)
            .or_else(|_| value.extract::<u64>().map(Number::from));
        return Some(match small {
            Ok(number) => Value::Number(number),
            Err(_) => value
                .extract::<f64>()
                .ok()
                .and_then(Number::from_f64)
                .map_or(Value::Null, Value::Number),
        });
    }
    let float = value.cast_exact::<PyFloat>().ok()?.value();
    // What is no JSON number goes as ipykernel sends it: its repr.
    Some(Number::from_f64(float).map_or_else(|| Value::String(not_finite(float).to_owned()), Value::Number))
}

fn not_finite(float: f64) -> &'static str {
    match float {
        _ if float.is_nan() => "nan",
        _ if float > 0.0 => "inf",
        _ => "-inf",
    }
}

fn object(dict: &Bound<'_, PyDict>, depth: usize, budget: &mut Budget) -> Option<Value> {
    let mut map = Map::new();
    // `items` copies in one step: other threads may change the dict meanwhile.
    for item in dict.items() {
        let Ok((key, value)) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            continue;
        };
        let key = match key.cast::<PyString>() {
            Ok(text) => string(text),
            Err(_) => scalar(&key).map_or_else(|| types::name(&key.get_type()), |scalar| scalar.to_string()),
        };
        budget.take(key.len())?;
        map.insert(key, json(&value, depth + 1, budget)?);
    }
    Some(Value::Object(map))
}

fn array<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: usize,
    budget: &mut Budget,
) -> Option<Value> {
    items
        .map(|item| json(&item, depth + 1, budget))
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}

/// Buffers of a message in base64; none of them where they are too large together.
pub(crate) fn texts_of(buffers: &Bound<'_, PyList>) -> Vec<String> {
    let buffers: Vec<_> = buffers
        .iter()
        .filter_map(|one| one.cast_into::<PyBytes>().ok())
        .collect();
    let bytes: usize = buffers.iter().map(|buffer| buffer.as_bytes().len()).sum();
    if bytes > MAX_DISPLAY / 4 {
        return Vec::new();
    }
    let encoded = buffers
        .iter()
        .map(|buffer| BASE64_STANDARD.encode(buffer.as_bytes()));
    encoded.collect()
}

/// The text; lone surrogates, which UTF-8 cannot hold, as escapes.
pub(crate) fn string(text: &Bound<'_, PyString>) -> String {
    if let Ok(text) = text.to_cow() {
        return text.into_owned();
    }
    // By the type's own method: the text may be of a subclass that has another.
    text.py()
        .get_type::<PyString>()
        .call_method1("encode", (text, "utf-8", "backslashreplace"))
        .and_then(|bytes| bytes.extract::<Vec<u8>>())
        .map_or_else(
            |_| "?".to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
}

/// At most so many bytes, cut at a character, with a mark where something is missing.
pub(crate) fn shorten(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = text.floor_char_boundary(bytes);
        text.truncate(end);
        text.push('…');
    }
    text
}
